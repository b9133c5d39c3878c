//! What the shell needs of JavaScript and the page, with texts that stay there.

use js_sys::{Function, JsString, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Window;

use crate::limits::{AT_MS_MIN, URL_BYTES_MAX};

// `web_sys` takes texts of Rust here, which would have to be copied in first.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = window)]
    static WINDOW: Option<Window>;

    #[wasm_bindgen(catch, js_namespace = document, js_name = querySelector)]
    pub(super) fn find(selector: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn fetch(url: &JsValue, init: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_namespace = navigator, js_name = sendBeacon)]
    pub(super) fn send_beacon(url: &JsValue, body: &JsValue) -> bool;

    /// Not in every browser that has WebAssembly.
    #[wasm_bindgen(catch, js_namespace = AbortSignal, js_name = timeout)]
    pub(super) fn abort_in(ms: u32) -> Result<JsValue, JsValue>;

    type Awaited;
    #[wasm_bindgen(method)]
    fn then(this: &Awaited, kept: &Function, broken: &Function);

    /// A regular expression.
    #[derive(Debug)]
    pub(super) type Pattern;
    #[wasm_bindgen(catch, js_name = RegExp)]
    fn compile(pattern: &JsValue, flags: &str) -> Result<Pattern, JsValue>;
    #[wasm_bindgen(method)]
    pub(super) fn test(this: &Pattern, text: &JsValue) -> bool;

    /// A text.
    #[wasm_bindgen(extends = JsString)]
    pub(super) type Text;
    #[wasm_bindgen(method, js_name = endsWith)]
    pub(super) fn ends_with(this: &Text, end: &JsValue) -> bool;
    #[wasm_bindgen(method)]
    fn replace(this: &Text, what: &str, by: &str) -> JsValue;

    /// An element of the page.
    pub(super) type Node;
    #[wasm_bindgen(method, js_name = getAttribute)]
    pub(super) fn attribute(this: &Node, name: &str) -> JsValue;

    /// A function that is given its first argument beforehand.
    pub(super) type Bindable;
    #[wasm_bindgen(method)]
    pub(super) fn bind(this: &Bindable, it: &JsValue, first: u32) -> Function;
}

pub(super) fn window() -> Option<Window> {
    WINDOW.with(Clone::clone)
}

pub(super) fn object() -> JsValue {
    Object::new().into()
}

/// A property; `undefined` also where it may not be read, or the object is none.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

pub(super) fn set(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

pub(super) fn is(text: &JsValue, expected: &str) -> bool {
    *text == JsValue::from_str(expected)
}

/// `one` and `other`, one after the other, as a text.
pub(super) fn joined(one: &JsValue, other: &JsValue) -> JsValue {
    one.unchecked_ref::<JsString>().concat(other).into()
}

/// Calls `told` with what becomes of a promise, good or bad.
pub(super) fn when_settled(promise: &Promise, told: &Function) {
    promise.unchecked_ref::<Awaited>().then(told, told);
}

/// A regular expression; `None` when the text is none.
pub(super) fn pattern(text: &JsValue) -> Option<Pattern> {
    compile(text, "").ok()
}

/// Whether a text matches; `flags` are those of JavaScript.
pub(super) fn matches(text: &JsValue, pattern: &JsValue, flags: &str) -> bool {
    compile(pattern, flags).is_ok_and(|pattern| pattern.test(text))
}

/// The host of a link or location, with a dot before it, so that a subdomain ends with it.
pub(super) fn dotted_host(of: &JsValue) -> Text {
    let host = get(of, "host");
    joined(&".".into(), &host.unchecked_ref::<Text>().replace("www.", "")).unchecked_into()
}

/// One of a list.
pub(super) fn at(list: &JsValue, place: u32) -> JsValue {
    Reflect::get_u32(list.unchecked_ref(), place).unwrap_or(JsValue::UNDEFINED)
}

/// The first element that a selector finds.
pub(super) fn first(selector: &str) -> JsValue {
    find(&selector.into()).unwrap_or(JsValue::UNDEFINED)
}

/// An address of the web that the wire accepts; else `undefined`.
pub(super) fn web_url(url: JsValue) -> JsValue {
    if matches(&url, &"^https?://[^/]".into(), "") && length(&url) <= URL_BYTES_MAX { url } else { JsValue::UNDEFINED }
}

/// The beginning of a text; `undefined` when there is none.
pub(super) fn cut(text: &JsValue, chars_max: u32) -> JsValue {
    if text.is_truthy() { text.unchecked_ref::<JsString>().slice(0, chars_max).into() } else { JsValue::UNDEFINED }
}

#[expect(clippy::as_conversions, reason = "32 bits on this target")]
pub(super) fn length(text: &JsValue) -> usize {
    text.unchecked_ref::<JsString>().length() as usize
}

/// What JavaScript makes of it with a plus.
pub(super) fn number(value: &JsValue) -> f64 {
    value.unchecked_into_f64()
}

/// A JavaScript number as a whole one; what is none becomes 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, NaN becomes 0"
)]
pub(super) fn whole(number: f64) -> u32 {
    number as u32
}

/// Pixels.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a float cast saturates, NaN becomes 0")]
pub(super) fn pixels(number: f64) -> i32 {
    number as i32
}

/// The monotonic clock, which goes round after 49 days.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "going round is meant")]
pub(super) fn monotonic_ms(ms: f64) -> u32 {
    ms as u64 as u32
}

/// The reader's clock, Unix milliseconds. One with a dead battery shows 1970.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "13 digits")]
pub(super) fn unix_ms() -> f64 {
    js_sys::Date::now().max(AT_MS_MIN as f64)
}

/// Random bytes; zeros where there is no `crypto`.
pub(super) fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    let _ = getrandom::fill(&mut bytes);
    bytes
}
