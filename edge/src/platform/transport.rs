//! Calls out of the worker, each with a deadline.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::{Array, Promise, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;

use crate::aws::kinesis::Call;
use crate::delivery::world::Reply;

/// Longest wait for Kinesis: its slow calls end below a second; the page's own patience is longer than ours and the queue's together.
pub(crate) const DEADLINE_MS: u32 = 3_000;

#[wasm_bindgen(raw_module = "./transport.js")]
extern "C" {
    fn post_lines(url: &str, headers: &str, body: &Uint8Array, deadline_ms: u32) -> Promise;
}

/// The answer; else a code that says why there is none.
pub(crate) async fn send(call: Call) -> Result<Reply, String> {
    let answer = JsFuture::from(post_lines(&call.url, &lines(&call.headers), &bytes(&call.body), DEADLINE_MS))
        .await
        .map_err(|_| "network".to_owned())?;
    let answer = Array::from(&answer);
    let status = answer.get(0).as_f64().and_then(whole).unwrap_or(0);
    reply(status, answer.get(1).as_string().unwrap_or_default(), answer.get(2).as_f64().unwrap_or(f64::NAN))
}

/// Names and values, a line each: one text crosses faster than eight.
pub(crate) fn lines<N: AsRef<str>>(headers: &[(N, String)]) -> String {
    headers.iter().flat_map(|(name, value)| [name.as_ref(), "\n", value, "\n"]).collect()
}

/// Bytes, not a text: nobody has to find out again that it is ASCII.
pub(crate) fn bytes(body: &str) -> Uint8Array {
    Uint8Array::from(body.as_bytes())
}

/// What `transport.js` answers: a status and the body, or 0 and why there is none; and the service's time, if it said one.
pub(crate) fn reply(status: u16, body: String, at_ms: f64) -> Result<Reply, String> {
    if status == 0 { Err(body) } else { Ok(Reply { status, body, at_ms: whole(at_ms) }) }
}

/// JavaScript has only floats; statuses and times are whole numbers.
pub(super) fn whole<T: TryFrom<u64>>(number: f64) -> Option<T> {
    /// The largest that a float holds without a gap.
    const MAX: f64 = 9_007_199_254_740_991.0;
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
    let whole = number as u64;
    (0.0..=MAX).contains(&number).then_some(whole).and_then(|number| T::try_from(number).ok())
}
