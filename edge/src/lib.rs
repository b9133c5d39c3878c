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
mod handle;
pub mod health;
pub mod network;
mod platform;
pub mod probe;
pub mod query;
pub mod recommend;
pub mod retry;
pub mod route;
pub mod salt;
pub mod script;
pub mod source;
pub mod trust;

use platform::{Context, Env, MessageBatch, Request};
use worker::{Response, ScheduleContext, ScheduledEvent, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    platform::http::respond(handle::request(request, &env, &context).await)
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
