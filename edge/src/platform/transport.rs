//! Calls out of the worker, each with a deadline.

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::js_sys::{Array, Promise};
use worker::wasm_bindgen_futures::JsFuture;

use crate::aws::kinesis::Call;
use crate::delivery::world::Reply;

/// Longest wait for Kinesis: its slow calls end below a second; the page's own patience is longer than ours and the queue's together.
const DEADLINE_MS: u32 = 3_000;

#[wasm_bindgen(module = "/src/platform/transport.js")]
extern "C" {
    fn post(url: &str, headers: Vec<String>, body: &str, deadline_ms: u32) -> Promise;
}

/// The answer; else a code that says why there is none.
pub(crate) async fn send(call: Call) -> Result<Reply, String> {
    let headers = call.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let answer = JsFuture::from(post(&call.url, headers, &call.body, DEADLINE_MS)).await.map_err(|_| "network".to_owned())?;
    let answer = Array::from(&answer);
    let status: u16 = whole(&answer.get(0)).unwrap_or(0);
    let body = answer.get(1).as_string().unwrap_or_default();
    if status == 0 { Err(body) } else { Ok(Reply { status, body, at_ms: whole(&answer.get(2)) }) }
}

/// JavaScript has only floats; statuses and times are whole numbers.
fn whole<T: std::str::FromStr>(number: &JsValue) -> Option<T> {
    format!("{:.0}", number.as_f64()?).parse().ok()
}
