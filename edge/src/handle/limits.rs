//! Holds a request against the limits: this isolate's count first, and the binding only for who asks much.

use super::salt;
use crate::error::{Error, Result};
use crate::limit::{Key, Kind, Verdict};
use crate::platform::{Env, clock, limiter, memory};
use crate::route::Route;
use wire::day::Day;

/// Counts a request by where it comes from. Without a sender it is nobody who is limited.
/// Who guessed at the admin secret too often does not learn whether the next guess is right.
pub(super) async fn admit(route: Option<&Route<'_>>, sender: Option<&str>, env: &Env) -> Result<()> {
    let Some(sender) = sender else { return Ok(()) };
    match route {
        Some(Route::Metrics | Route::BadBodies | Route::Published { .. } | Route::Publish { .. }) => {
            let is_refused = memory::with_limits(Kind::Guess, sender, |limits, key| limits.is_refused(key, clock::now_ms()));
            if is_refused {
                return Err(refused(Kind::Guess));
            }
            Ok(())
        }
        Some(Route::Preflight { .. } | Route::Recommend { .. } | Route::Script(_) | Route::CurrentScript | Route::Health) | None => {
            check(Kind::Read, sender, env).await
        }
        // Posts of pages come in by `platform/page.js`.
        Some(Route::Collect) => Ok(()),
    }
}

/// Counts a request of somebody in this isolate.
pub(super) fn note(kind: Kind, who: &str) -> Verdict {
    memory::with_limits(kind, who, |limits, key| limits.note(key, clock::now_ms()))
}

async fn check(kind: Kind, who: &str, env: &Env) -> Result<()> {
    match note(kind, who) {
        Verdict::Free => Ok(()),
        Verdict::Ask => ask(kind, who, env).await,
        Verdict::Over => Err(refused(kind)),
    }
}

/// A wrong admin secret. Its answer is 401 all the same; the one after the last that is allowed is 429.
pub(super) async fn note_guess(sender: Option<&str>, env: &Env) {
    if let Some(sender) = sender {
        let _: Result<()> = check(Kind::Guess, sender, env).await;
    }
}

/// Asks the binding about somebody who asks for much.
pub(super) async fn ask(kind: Kind, who: &str, env: &Env) -> Result<()> {
    let salt = salt::of_day(env, Day::of(clock::now_ms())).await;
    let text = Key::new(kind, salt.expose(), who).text();
    if limiter::is_over(env, kind.binding(), &text).await {
        memory::with_limits(kind, who, |limits, key| limits.refuse(key, clock::now_ms()));
        return Err(refused(kind));
    }
    Ok(())
}

/// What somebody is told who asks for too much.
pub(super) fn refused(kind: Kind) -> Error {
    Error::RateLimited { retry_after_s: kind.period_s() }
}
