//! Holds a request against the limits: this isolate's count first, and the binding only for who asks much.

use super::salt;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::limit::{self, Key, Kind, Pace, Verdict};
use crate::platform::{Env, Request, clock, http, limiter, memory};
use crate::route::Route;
use wire::day::Day;

/// Who sends this request, if it is somebody who is limited.
pub(super) fn sender(request: &Request, config: &Config) -> Option<String> {
    let (platform, test) = http::addresses(request);
    limit::sender(platform, test, config.is_dev)
}

/// Counts a request by where it comes from; `None`: it is nobody who is limited.
/// Who guessed at the admin secret too often does not learn whether the next guess is right.
pub(super) async fn admit(route: Option<&Route<'_>>, sender: Option<&str>, env: &Env) -> Result<Option<Pace>> {
    let Some(sender) = sender else { return Ok(None) };
    let pace = match route {
        Some(Route::Collect) => check(Kind::Post, sender, env).await?,
        Some(Route::Metrics | Route::BadBodies | Route::Published { .. } | Route::Publish { .. }) => {
            let is_refused = memory::with_limits(Kind::Guess, sender, |limits, key| limits.is_refused(key, clock::now_ms()));
            if is_refused {
                return Err(refused(Kind::Guess));
            }
            Pace::Ordinary
        }
        Some(Route::Preflight { .. } | Route::Recommend { .. } | Route::Script(_) | Route::CurrentScript | Route::Health) | None => {
            check(Kind::Read, sender, env).await?
        }
    };
    Ok(Some(pace))
}

/// Counts a request of somebody.
pub(super) async fn check(kind: Kind, who: &str, env: &Env) -> Result<Pace> {
    match memory::with_limits(kind, who, |limits, key| limits.note(key, clock::now_ms())) {
        Verdict::Free => Ok(Pace::Ordinary),
        Verdict::Ask => ask(kind, who, env).await.map(|()| Pace::Hurried),
        Verdict::Over => Err(refused(kind)),
    }
}

/// A wrong admin secret. Its answer is 401 all the same; the one after the last that is allowed is 429.
pub(super) async fn note_guess(sender: Option<&str>, env: &Env) {
    if let Some(sender) = sender {
        let _: Result<Pace> = check(Kind::Guess, sender, env).await;
    }
}

async fn ask(kind: Kind, who: &str, env: &Env) -> Result<()> {
    let salt = salt::of_day(env, Day::of(clock::now_ms())).await;
    let text = Key::new(kind, salt.expose(), who).text();
    if limiter::is_over(env, kind.binding(), &text).await {
        memory::with_limits(kind, who, |limits, key| limits.refuse(key, clock::now_ms()));
        return Err(refused(kind));
    }
    Ok(())
}

fn refused(kind: Kind) -> Error {
    Error::RateLimited { retry_after_s: kind.period_s() }
}
