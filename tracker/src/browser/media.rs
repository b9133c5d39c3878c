//! Whether an event tells of media that a reader can hear.

use wasm_bindgen::JsValue;
use web_sys::Event;

use super::dom;

/// `timeupdate` comes about four times a second while a medium plays. Muted ones are decoration and advertisements.
pub(super) fn is_heard(event: &Event) -> bool {
    event.type_() != "timeupdate" || event.target().is_some_and(|target| !dom::flag(&JsValue::from(target), "muted"))
}
