//! `POST /pageview`: a batch becomes a record, and the page is answered once the record is safe.

use std::rc::Rc;

use wire::BODY_BYTES_MAX;

use super::{Handled, limits, salt};
use crate::answer::Answer;
use crate::bad;
use crate::collect::{self, Accepted, Client};
use crate::config::Config;
use crate::delivery::{Holder, Parcel, Verdict, stream};
use crate::error::Error;
use crate::limit::{Kind, Pace};
use crate::platform::http::{self, Head};
use crate::platform::isolate::Isolate;
use crate::platform::{Context, Env, Request, clock, log, memory, random, store};
use wire::day::Day;

/// A test asks for a panic by this header; development only.
const PANIC_HEADER: &str = "x-pulso-test-panic";

/// `pace`: that of the sender, if it is somebody who is limited; then its visitors are as well.
pub(super) async fn collect(
    request: &mut Request,
    head: &Head,
    pace: Option<Pace>,
    config: &Rc<Config>,
    env: &Env,
    context: &Context,
) -> Handled {
    let received_at_ms = clock::now_ms();
    let content_type = http::header(request, "content-type");
    let encoding = http::header(request, "content-encoding");
    if let Err(error) = collect::check_encoding(encoding.as_deref()) {
        keep_bad(&error, request, head, b"", config, env, context);
        return Err(error);
    }
    let body = match http::body(request, BODY_BYTES_MAX, Error::Message(wire::Error::BodyTooLarge)).await {
        Ok(body) => body,
        Err(error) => {
            // Its body was not read to the end; that it was refused is worth knowing all the same.
            keep_bad(&error, request, head, b"", config, env, context);
            return Err(error);
        }
    };
    if config.is_dev && http::header(request, PANIC_HEADER).is_some() {
        rehearse_panic();
    }
    match collect::accept(config, head.origin.as_deref(), content_type.as_deref(), &body) {
        Ok(accepted) => {
            let mut client = http::client(request, config.is_dev);
            client.pace = pace.unwrap_or_default();
            if let Some(visitor) = accepted.visitor().filter(|_| pace.is_some())
                && limits::check(Kind::Visitor, &visitor, env).await? == Pace::Hurried
            {
                client.pace = Pace::Hurried;
            }
            deliver(&client, accepted, config, env, received_at_ms).await
        }
        Err(error) => {
            keep_bad(&error, request, head, &body, config, env, context);
            Err(error)
        }
    }
}

async fn deliver(client: &Client, accepted: Accepted<'_>, config: &Rc<Config>, env: &Env, received_at_ms: u64) -> Handled {
    let answer = accepted.answer();
    let salt = salt::of_day(env, Day::of(received_at_ms)).await;
    let envelope = accepted.into_envelope(config, client, &salt, received_at_ms);
    let parcel = Parcel::first(&envelope).map_err(|error| Error::unavailable(error.code()))?;
    match stream::deliver(&Isolate::new(env, config), Holder::Page, vec![parcel]).await.pop() {
        Some(Verdict::Safe) => Ok(Answer::json(202, &answer)),
        Some(Verdict::Kept { reason, .. }) => Err(Error::unavailable(reason)),
        None => Err(Error::unavailable("no_verdict")),
    }
}

/// What a bug of ours would do, so that a test sees that the requests beside it are answered all the same.
#[expect(clippy::panic, reason = "it is the point")]
fn rehearse_panic() {
    panic!("asked for by {PANIC_HEADER}");
}

/// Keeps a refused body for the integrator, after the answer and within the quota.
fn keep_bad(error: &Error, request: &Request, head: &Head, body: &[u8], config: &Config, env: &Env, context: &Context) {
    // Not the time of arrival: keys are read in their order, and a slow body must not slip in behind the reader.
    let now_ms = clock::now_ms();
    if !memory::take_quota(now_ms) {
        return;
    }
    let from = bad::From { origin: head.origin.as_deref(), has_gpc: http::header(request, "sec-gpc").as_deref() == Some("1") };
    let letter = bad::letter(config, error, from, body, now_ms);
    let env = env.clone();
    context.wait_until(async move {
        let text = serde_json::to_string(&letter).unwrap_or_default();
        if let Err(code) = store::put(&env, &bad::key(now_ms, random::u32()), text).await {
            log::event("bad_unkept", &[("code", &code)]);
        }
    });
}
