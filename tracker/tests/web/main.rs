//! The shell in a real browser: real listeners, real storage; only `fetch` and `sendBeacon` are stood in for.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "clippy does not take these for tests")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "JavaScript's milliseconds are 13 digits"
)]

mod consent;
mod delivery;
mod page;
mod reader;

use js_sys::{Array, Function, Promise};
use tracker::{Config, Consent};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test_configure;
use web_sys::Storage;
use wire::{Batch, EventKind};

wasm_bindgen_test_configure!(run_in_browser);

pub(crate) fn js(code: &str) -> JsValue {
    Function::new_no_args(code).call0(&JsValue::NULL).unwrap()
}

/// Every body goes to `window.sent`; posts are answered with `status`.
pub(crate) fn network(status: u16) {
    js(&format!(
        "window.sent = []; window.realFetch ??= window.fetch;
         window.fetch = (url, init) => {{
           if (!String(url).endsWith('/pageview')) return window.realFetch(url, init);
           sent.push(init.body); return Promise.resolve(new Response('', {{ status: {status} }}));
         }};
         window.beacons = 0;
         navigator.sendBeacon = (url, body) => {{ sent.push(body); beacons++; return true; }};"
    ));
}

pub(crate) fn sent() -> Vec<Batch> {
    let bodies: Array = js("return window.sent").unchecked_into();
    let parsed = bodies.iter().map(|body| Batch::parse(body.as_string().unwrap().as_bytes()).unwrap());
    parsed.inspect(|parsed| assert_eq!(parsed.rejected, [])).map(|parsed| parsed.batch).collect()
}

pub(crate) async fn wait(ms: u32) {
    let promise: Promise = js(&format!("return new Promise(done => setTimeout(done, {ms}))")).unchecked_into();
    wasm_bindgen_futures::JsFuture::from(promise).await.unwrap();
}

pub(crate) fn config(consent: Consent) -> Config {
    Config { consent, ..Config::new("g1", "https://pulso.example") }
}

pub(crate) fn storage() -> Storage {
    web_sys::window().unwrap().local_storage().unwrap().unwrap()
}

pub(crate) fn kept(prefix: &str) -> usize {
    let storage = storage();
    (0..storage.length().unwrap()).filter(|&index| storage.key(index).unwrap().unwrap().starts_with(prefix)).count()
}

pub(crate) fn events(batches: &[Batch]) -> Vec<EventKind> {
    batches.iter().flat_map(|batch| batch.events.iter().map(|event| event.kind.clone())).collect()
}
