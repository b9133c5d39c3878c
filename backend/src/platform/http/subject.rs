//! `/visitors/{visitor}`: what this process holds of a reader (LGPD art. 18, II), and an end to it (VI).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use wire::VisitorId;

use super::Desk;
use crate::platform::clock::now_ms;

/// Who may ask: the bearer of the admin secret, compared without haste.
fn admit(desk: &Desk, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let is_known = desk.admin_secret.now().zip(given).is_some_and(|(secret, given)| is_equal(secret.expose(), given));
    if is_known { Ok(()) } else { Err(Refusal(StatusCode::UNAUTHORIZED, "send the admin secret as a bearer token")) }
}

/// Takes as long whatever differs, the lengths too: the time depends on what was given alone.
fn is_equal(secret: &str, given: &str) -> bool {
    let differs = given.bytes().zip(secret.bytes().cycle()).fold(0, |differs, (one, other)| differs | (one ^ other));
    secret.len() == given.len() && differs == 0
}

/// What is wrong with a request.
struct Refusal(StatusCode, &'static str);

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": { "message": message } }))).into_response()
}

fn visitor(text: &str) -> Result<VisitorId, Refusal> {
    VisitorId::parse(text).ok_or(Refusal(StatusCode::BAD_REQUEST, "a visitor is 32 lowercase hex digits"))
}

/// What is held, by portal and shard. Asked of the shards' readers, so that it is what counts now.
pub(super) async fn export(State(desk): State<Desk>, Path(text): Path<String>, headers: HeaderMap) -> Response {
    let asked = admit(&desk, &headers).and_then(|()| visitor(&text));
    let visitor = match asked {
        Ok(visitor) => visitor,
        Err(Refusal(status, message)) => return refusal(status, message),
    };
    let mut held: Vec<Value> = Vec::new();
    for question in desk.board.questions() {
        match question.ask(visitor).await {
            Ok(answer) => held.extend(answer),
            // Half of what is held would look like all of it.
            Err(_) => return refusal(StatusCode::SERVICE_UNAVAILABLE, "a shard is busy, try again"),
        }
    }
    Json(json!({ "visitor": visitor, "at_ms": now_ms(), "held": held })).into_response()
}

/// Writes the tombstone; every process that shares the table obeys it within seconds, and in every replay.
pub(super) async fn erase(State(desk): State<Desk>, Path(text): Path<String>, headers: HeaderMap) -> Response {
    let asked = admit(&desk, &headers).and_then(|()| visitor(&text));
    let visitor = match asked {
        Ok(visitor) => visitor,
        Err(Refusal(status, message)) => return refusal(status, message),
    };
    let until_ms = now_ms();
    match desk.table.erase(visitor, until_ms).await {
        Ok(()) => Json(json!({ "visitor": visitor, "erased_until_ms": until_ms })).into_response(),
        Err(why) => refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("not erased, try again: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_is_equal() {
        assert!(is_equal("correct", "correct"));
        for given in ["", "c", "correc", "correctcorrect", "correctc", "Correct", "correcT"] {
            assert!(!is_equal("correct", given), "{given}");
        }
    }
}
