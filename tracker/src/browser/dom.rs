//! What the shell reads of the browser's own state.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use web_sys::{Document, VisibilityState, Window};

use crate::signal::{Now, Signal};

pub(super) fn window() -> Option<Window> {
    web_sys::window()
}

pub(super) fn document() -> Option<Document> {
    window()?.document()
}

/// Both clocks.
pub(super) fn now() -> Now {
    let monotonic_ms = window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now());
    Now { monotonic_ms: whole(monotonic_ms), unix_ms: whole(js_sys::Date::now()) }
}

/// A JavaScript number as a whole one; what is none becomes 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and NaN becomes 0"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// Whether the reader can see the page and has it in front.
pub(super) fn attention() -> Signal<'static> {
    let is_visible = document().is_some_and(|document| document.visibility_state() == VisibilityState::Visible);
    // `focus` and `blur` also fire when a frame inside the page takes the focus; `hasFocus` stays true then.
    let has_focus = document().is_some_and(|document| document.has_focus().unwrap_or(false));
    Signal::Attention { is_visible, has_focus }
}

/// A flag that `web_sys` has no name for, such as `navigator.globalPrivacyControl`; absent means `false`.
pub(super) fn flag(object: &JsValue, name: &str) -> bool {
    Reflect::get(object, &name.into()).is_ok_and(|value| value.is_truthy())
}

/// Random bytes; `None` where there is no `crypto`.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).is_ok().then_some(bytes)
}
