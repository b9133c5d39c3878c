//! The edge worker: takes batches of events into Kinesis without losing one, and answers recommendations.
//!
//! The modules below are the core: they compute, with the time as an argument, and run anywhere.
//! `platform` is the shell, `handle` lets the two talk, and this file ties `handle` to the platform's three events.
//!
//! ```
//! use edge::config::{Config, Environment};
//! let config = Config::parse(Environment::default())?;
//! let body = include_bytes!("../../wire/tests/golden/batch.json");
//! let accepted = edge::collect::accept(&config, Some("https://g1.example"), Some("text/plain"), body)?;
//! assert_eq!(accepted.answer().accepted, 5);
//! # Ok::<(), edge::error::Error>(())
//! ```

pub mod agent;
pub mod answer;
pub mod auth;
pub mod aws;
pub mod bad;
pub mod breaker;
pub mod clock_skew;
pub mod collect;
pub mod config;
pub mod cors;
pub mod counters;
pub mod delivery;
pub mod error;
pub mod facts;
mod handle;
pub mod health;
pub mod heartbeat;
pub mod limit;
pub mod network;
mod platform;
pub mod plausible;
pub mod privacy;
pub mod probe;
pub mod query;
pub mod recommend;
pub mod retry;
pub mod route;
pub mod salt;
pub mod script;
pub mod source;
pub mod tally;
pub mod timeline;
pub mod trust;

use delivery::lanes::Seat;
use platform::{Context, Env, MessageBatch, Request};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::js_sys::{Array, Promise};
use worker::web_sys::Response;
use worker::{ScheduleContext, ScheduledEvent, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    Ok(platform::http::respond(&handle::request(&request, &env, &context).await))
}

// What `platform/page.js` calls for `POST /pageview`, in this order. None of them waits, and promises are the caller's own.

/// What the shell is told once: `[url of the streams, waits at most for the flight before, for a leader, for Kinesis]`, milliseconds.
#[must_use]
#[wasm_bindgen]
pub fn settings(env: &Env) -> Array {
    platform::page::settings(&handle::flight::url(env))
}

/// Takes a batch: `[flight, index, role, call or flight before]`, or `[response, promise]` of a refusal; or the promise of what has to be found
/// out first: of a refusal, or of bits to be added to `asked`, which begins at 0, for the next try.
#[must_use]
#[wasm_bindgen]
pub fn board(env: Env, facts: &str, body: &[u8], asked: u32) -> JsValue {
    platform::page::boarded(handle::pageview::board(&env, facts, body, &platform::page::asked(asked)), env, facts)
}

/// Refuses a batch whose body did not come whole, for a reason by number.
#[must_use]
#[wasm_bindgen]
pub fn refuse_body(env: Env, facts: &str, why: u8) -> JsValue {
    platform::page::boarded(handle::pageview::refuse_body(&env, facts, why), env, facts)
}

/// Begins to send a flight: `undefined` when somebody else has, `[headers, body]` of a call, or `[]` when [`finish`] has to do it.
/// Without headers [`sign`] makes them.
#[must_use]
#[wasm_bindgen]
pub fn depart(env: &Env, flight: u32) -> JsValue {
    platform::page::departure_of(handle::flight::depart(env, flight))
}

/// The headers of a call whose body has this SHA-256; `undefined` when none can be signed.
#[must_use]
#[wasm_bindgen]
pub fn sign(env: &Env, sha256: &[u8]) -> JsValue {
    platform::page::headers(handle::flight::sign(env, sha256))
}

/// Takes the answer to that call (status 0: none, and `body` says why), and tells a seat like [`claim`]; `undefined` when [`finish`] has to come first.
#[must_use]
#[wasm_bindgen]
pub fn land(env: Env, flight: u32, index: usize, status: u16, body: String, at_ms: f64, origin: Option<String>) -> JsValue {
    let is_decided = handle::flight::land(&env, flight, platform::transport::reply(status, body, at_ms));
    if is_decided { claim(env, flight, index, origin) } else { JsValue::UNDEFINED }
}

/// Does what is left of a flight.
#[wasm_bindgen]
pub fn finish(env: Env, flight: u32) -> Promise {
    platform::page::done(handle::flight::finish(env, flight))
}

/// What a seat is told: the body of a 202, a response, a promise of either, or `undefined` when the flight waits for somebody to send it.
#[must_use]
#[wasm_bindgen]
pub fn claim(env: Env, flight: u32, index: usize, origin: Option<String>) -> JsValue {
    let told = handle::flight::claim(&env, Seat { flight, index }, origin.as_deref());
    platform::page::told(told, env, origin)
}

/// Tells CloudWatch at once what went wrong, at most every ten seconds.
#[wasm_bindgen]
pub fn tell_trouble(env: Env) -> Promise {
    platform::page::done(async move { handle::told::trouble(&env).await })
}

/// Always `Ok`: the macro turns an error into a panic.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, _context: Context) -> worker::Result<()> {
    handle::queue::consume(&batch, &env).await;
    Ok(())
}

/// The cron trigger of `wrangler.toml` that only drains what was set aside.
const EVERY_MINUTE: &str = "* * * * *";

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    handle::cron::drain(&env).await;
    if event.cron() != EVERY_MINUTE {
        handle::cron::tidy(&env).await;
    }
}
