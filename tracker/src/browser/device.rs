//! What is kept on the device in mode `full`: the reader's id, and bodies without a receipt.
//!
//! Each body has its own key, so that two tabs never overwrite each other's list:
//! `pulso.batch.<pageview>.<first seq>.<events>`.

use js_sys::{Array, JsString, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::dom;
use crate::limits::VISITOR_MS_MAX;

const PREFIX: &str = "pulso.";
const BATCH_PREFIX: &str = "pulso.batch.";
const VISITOR_KEY: &str = "pulso.visitor";
/// A reader who works here has set it.
const OPT_OUT_KEY: &str = "pulso-exclude";

/// `localStorage`, or an empty stand-in: touching it throws where the browser has none for us.
#[derive(Debug)]
pub(super) struct Device(JsValue);

impl Device {
    pub(super) fn open(window: &JsValue) -> Self {
        let storage = dom::get(window, "localStorage");
        Self(if storage.is_truthy() { storage } else { 0.into() })
    }

    pub(super) fn is_opted_out(&self) -> bool {
        dom::get(&self.0, OPT_OUT_KEY).is_truthy()
    }

    /// The kept id of the reader, unless it is too old, or from the future.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "12 digits")]
    pub(super) fn visitor(&self) -> Option<JsValue> {
        let id = dom::get(&self.0, VISITOR_KEY);
        let made_at_ms = dom::number(&dom::joined(&"0x".into(), &dom::cut(&id, 12)));
        let age_ms = js_sys::Date::now() - made_at_ms;
        (id.is_truthy() && (0.0..VISITOR_MS_MAX as f64).contains(&age_ms)).then_some(id)
    }

    /// Makes sure that the reader has an id. `false` when none can be kept: an id that changes with every page is worse than none.
    pub(super) fn open_visitor(&self) -> bool {
        self.visitor().is_some() || self.keep(&VISITOR_KEY.into(), &new_id())
    }

    pub(super) fn read(&self, key: &JsValue) -> Option<JsValue> {
        Reflect::get(&self.0, key).ok().filter(JsValue::is_truthy)
    }

    /// `false` when there was no room.
    pub(super) fn keep(&self, key: &JsValue, text: &JsValue) -> bool {
        Reflect::set(&self.0, key, text).is_ok() && self.read(key).is_some_and(|kept| kept == *text)
    }

    pub(super) fn forget(&self, key: &JsValue) {
        let _ = Reflect::delete_property(self.0.unchecked_ref::<Object>(), key);
    }

    /// Erases everything of ours: consent was withdrawn, or never given.
    pub(super) fn erase(&self) {
        for key in self.keys(PREFIX).iter() {
            self.forget(&key);
        }
    }

    /// The keys of bodies that earlier pages left, oldest first.
    pub(super) fn batches(&self) -> Array {
        let keys = self.keys(BATCH_PREFIX);
        keys.sort()
    }

    fn keys(&self, prefix: &'static str) -> Array {
        let keys: Array = Object::keys(self.0.unchecked_ref::<Object>()).unchecked_into();
        let ours = Array::new();
        for key in keys.iter().filter(|key| key.unchecked_ref::<JsString>().starts_with(prefix, 0)) {
            ours.push(&key);
        }
        ours
    }
}

/// Where a body is kept.
pub(super) fn batch_key(pageview: &JsValue, first_seq: JsValue, events: u32) -> JsValue {
    let dot = JsValue::from(".");
    [pageview.clone(), dot.clone(), first_seq, dot, events.into()].iter().fold(BATCH_PREFIX.into(), |key, part| dom::joined(&key, part))
}

/// How many events the body of a key stands for.
pub(super) fn events_of(key: &JsValue) -> u32 {
    dom::whole(dom::number(&key.unchecked_ref::<JsString>().split(".").get(4)))
}

/// An id: 12 hex digits of Unix milliseconds, 20 of randomness.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "13 decimal digits")]
pub(super) fn new_id() -> JsValue {
    let time = (dom::unix_ms() as u64).to_be_bytes();
    let mut digits = [0_u16; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(time.into_iter().skip(2).chain(dom::random())) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    JsString::from_char_code(&digits).into()
}

fn digit(value: u8) -> u16 {
    u16::from(if value < 10 { b'0' + value } else { b'a' - 10 + value })
}
