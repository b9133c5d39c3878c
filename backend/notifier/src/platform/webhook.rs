//! The webhook: a POST of JSON, whose address nobody gets to see.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::time::sleep;

use crate::platform::args::Hook;
use crate::platform::aws::root_cause;

/// One attempt, how many there are, and the pause after the first, doubled: with SNS's they fit into the 30 s that the function has.
const TIMEOUT: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Posts a message.
///
/// # Errors
/// A sentence without the address.
pub(crate) async fn post(http: &Client, hook: &Hook, message: &Value) -> Result<(), String> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        if attempt(http, hook, message).await.is_ok() {
            return Ok(());
        }
        sleep(pause).await;
        pause *= 2;
    }
    attempt(http, hook, message).await
}

async fn attempt(http: &Client, hook: &Hook, message: &Value) -> Result<(), String> {
    let request = http.post(hook.expose().unwrap_or_default()).timeout(TIMEOUT).header("content-type", "application/json");
    let response = request.body(message.to_string()).send().await.map_err(|error| format!("it is away: {}", root_cause(&error)))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}
