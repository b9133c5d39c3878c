//! What the npm package calls: functions over the one tracker of the page.

#![expect(unreachable_pub, reason = "wasm-bindgen exports what is public, whatever the module")]

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::config::{Error, consent_of};
use super::shared::Shared;
use super::tracker::Tracker;

thread_local! {
    static RUNNING: RefCell<Option<Tracker>> = const { RefCell::new(None) };
}

/// Starts; what is wrong with the configuration, if anything is.
#[wasm_bindgen]
pub fn start(said: JsValue) -> JsValue {
    match Tracker::run(said) {
        Ok(tracker) => {
            RUNNING.with(|running| running.replace(Some(tracker)));
            JsValue::UNDEFINED
        }
        Err(error) => error.message().into(),
    }
}

/// As [`Tracker::page`].
#[wasm_bindgen]
pub fn page(said: &JsValue) {
    with(|shared| shared.page(said));
}

/// As [`Tracker::track`].
#[wasm_bindgen]
pub fn track(name: &JsValue, props: &JsValue) {
    with(|shared| shared.track(name, props));
}

/// As [`Tracker::identify`].
#[wasm_bindgen]
pub fn identify(id: &JsValue) {
    with(|shared| shared.set_word("user", id));
}

/// As [`Tracker::consent`]; what is wrong with the mode, if anything is.
#[wasm_bindgen]
pub fn consent(mode: &JsValue) -> JsValue {
    match consent_of(mode) {
        Some(mode) => with(|shared| shared.agree(mode)),
        None => return Error::Consent.message().into(),
    }
    JsValue::UNDEFINED
}

/// As [`Tracker::recommendations`].
#[wasm_bindgen]
pub fn recommendations(options: &JsValue) -> Option<Promise> {
    running().map(|shared| shared.recommendations(options))
}

/// As [`Tracker::stop`].
#[wasm_bindgen]
pub fn stop() {
    if let Some(tracker) = RUNNING.with(|running| running.borrow_mut().take()) {
        tracker.stop();
    }
}

fn with(act: impl FnOnce(&Rc<Shared>)) {
    if let Some(shared) = running() {
        act(&shared);
    }
}

/// Taken out of its cell, because what follows may lead back here.
fn running() -> Option<Rc<Shared>> {
    RUNNING.with(|running| running.borrow().as_ref().map(|tracker| Rc::clone(tracker.shared())))
}
