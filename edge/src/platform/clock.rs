//! Time: what it is, and how long something may take.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;
use worker::js_sys::Date;

/// Unix milliseconds. In production it stands still between I/O, so that nobody can time the CPU.
pub(crate) fn now_ms() -> u64 {
    super::transport::whole(Date::now()).unwrap_or(0)
}

/// Lets others go on for so long.
pub(crate) async fn pause(length: Duration) {
    Delay::from(length).await;
}

/// The result of `work`, or `None` when it takes longer. What is late goes on without us: its outcome is unknown.
pub(crate) async fn within<T>(deadline_ms: u64, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(Delay::from(Duration::from_millis(deadline_ms)))).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}
