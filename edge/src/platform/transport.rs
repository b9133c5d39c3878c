//! Calls out of the worker, each with a deadline.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::{Array, Promise};
use worker::wasm_bindgen_futures::JsFuture;

use crate::aws::kinesis::Call;

/// Longest wait for Kinesis: its slow calls end below a second; the page's own patience is longer than ours and the queue's together.
const DEADLINE_MS: u32 = 3_000;

#[wasm_bindgen(module = "/src/platform/transport.js")]
extern "C" {
    fn post(url: &str, headers: Vec<String>, body: &str, deadline_ms: u32) -> Promise;
}

/// Status and body of the answer; else a code that says why there is none.
pub(crate) async fn send(call: Call) -> Result<(u16, String), String> {
    let headers = call.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let answer = JsFuture::from(post(&call.url, headers, &call.body, DEADLINE_MS)).await.map_err(|_| "network".to_owned())?;
    let answer = Array::from(&answer);
    let status = answer.get(0).as_f64().and_then(status_of).unwrap_or(0);
    let body = answer.get(1).as_string().unwrap_or_default();
    if status == 0 { Err(body) } else { Ok((status, body)) }
}

/// JavaScript has only floats; statuses are whole numbers from 0 to 999.
fn status_of(number: f64) -> Option<u16> {
    format!("{number:.0}").parse().ok()
}
