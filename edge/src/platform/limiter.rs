//! The rate-limit bindings. Where one is absent or fails, requests pass: `/health` says so, and readers are not to suffer from it.

use worker::js_sys::{Function, Object, Promise, Reflect};
use worker::wasm_bindgen::{JsCast as _, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use super::{Env, clock};

/// The binding keeps its counts on the same machine; a slow answer is none.
const DEADLINE_MS: u64 = 500;

/// Whether the binding is there.
pub(crate) fn is_bound(env: &Env, binding: &str) -> bool {
    bound(env, binding).is_some()
}

/// Counts one request of a key in this data centre; whether that is one too many.
pub(crate) async fn is_over(env: &Env, binding: &str, key: &str) -> bool {
    let Some(promise) = asked(env, binding, key) else { return false };
    let outcome = clock::within(DEADLINE_MS, JsFuture::from(promise)).await;
    let success = outcome.and_then(Result::ok).and_then(|outcome| Reflect::get(&outcome, &"success".into()).ok());
    success.and_then(|success| success.as_bool()) == Some(false)
}

fn asked(env: &Env, binding: &str, key: &str) -> Option<Promise> {
    let (limiter, limit) = bound(env, binding)?;
    let options = Object::new();
    Reflect::set(&options, &"key".into(), &key.into()).ok()?;
    limit.call1(&limiter, &options).ok()?.dyn_into().ok()
}

/// The binding and its only method. Not through the crate `worker`, which wants to know the constructor's name.
fn bound(env: &Env, binding: &str) -> Option<(JsValue, Function)> {
    let limiter = Reflect::get(env, &binding.into()).ok()?;
    let limit = Reflect::get(&limiter, &"limit".into()).ok()?.dyn_into().ok()?;
    Some((limiter, limit))
}
