//! Everything the tracker listens to. One function hears it all, so that every kind of event costs its name alone.

use std::rc::{Rc, Weak};

use js_sys::{Array, Function, JsString, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, ResizeObserver};

use super::dom;
use super::shared::{Shared, event_of};
use crate::click::{FILE_ENDINGS, Link, LinkKind};
use crate::consent::Consent;
use crate::signal::Signal;

// Numbers of the calls.
const NOTE: u32 = 0;
const SCROLL: u32 = 1;
const MEDIA: u32 = 2;
const ATTEND: u32 = 3;
const HIDE: u32 = 4;
const RETURN: u32 = 5;
const NAVIGATE: u32 = 6;
const CLICK: u32 = 7;
const ONLINE: u32 = 8;
const ACTIVATE: u32 = 9;
const RESIZE: u32 = 10;
const FRAME: u32 = 11;
const EMIT: u32 = 12;
const HEAD: u32 = 13;
/// The first of those that bring what became of a post; the ticket is added.
pub(super) const ANSWER: u32 = 14;

const EVENTS: [(&str, u32); 18] = [
    ("pointerdown", NOTE),
    ("pointermove", NOTE),
    ("wheel", NOTE),
    ("touchmove", NOTE),
    ("keydown", NOTE),
    ("scroll", SCROLL),
    // Comes four times a second while a medium plays.
    ("timeupdate", MEDIA),
    ("visibilitychange", ATTEND),
    ("focus", ATTEND),
    ("blur", ATTEND),
    // The last event that iOS Safari delivers, and it comes while the page still counts as visible.
    ("pagehide", HIDE),
    ("pageshow", RETURN),
    ("popstate", NAVIGATE),
    ("hashchange", NAVIGATE),
    ("click", CLICK),
    ("auxclick", CLICK),
    ("online", ONLINE),
    ("prerenderingchange", ACTIVATE),
];

#[wasm_bindgen(module = "/src/browser/page.js")]
extern "C" {
    #[wasm_bindgen(js_name = watchHistory)]
    fn watch_history(told: &Function) -> Function;
    fn load(host: &JsValue);
    fn ask(host: &JsValue, options: &JsValue) -> Promise;
    #[wasm_bindgen(js_name = hostOf)]
    fn host_of(edge: &JsValue, emit: &Function, head: &Function, module: &JsValue) -> JsValue;
}

/// The function that JavaScript calls. It outlives the tracker, as answers of the network may.
pub(super) fn callback(weak: Weak<Shared>) -> Function {
    let heard = Closure::<dyn Fn(u32, JsValue) -> JsValue>::new(move |call, value| match weak.upgrade() {
        Some(shared) => shared.hear(call, &value),
        None => JsValue::UNDEFINED,
    });
    heard.into_js_value().unchecked_into()
}

/// Listeners and observers.
#[derive(Debug)]
pub(super) struct Watch {
    heard: Array,
    observer: Option<ResizeObserver>,
    end_history: Function,
}

impl Watch {
    pub(super) fn new(shared: &Shared) -> Self {
        let heard = Array::new();
        // Passive, so that scrolling never waits for it; capturing, so that no `stopPropagation` of the page hides an event from it.
        let options = dom::object();
        dom::set(&options, "capture", &JsValue::TRUE);
        dom::set(&options, "passive", &JsValue::TRUE);
        for (kind, call) in EVENTS {
            let function = shared.callback(call);
            heard.push(&function);
            // It fails only for a target that is gone.
            let _ = shared.window.add_event_listener_with_callback_and_add_event_listener_options(kind, &function, options.unchecked_ref());
        }
        // Late images and infinite scrolling change the height without a scroll.
        let observer = ResizeObserver::new(&shared.callback(RESIZE)).ok();
        if let (Some(root), Some(observer)) = (shared.document.document_element(), &observer) {
            observer.observe(&root);
        }
        Self { heard, observer, end_history: watch_history(&shared.callback(NAVIGATE)) }
    }

    pub(super) fn end(&self, shared: &Shared) {
        for ((kind, _), function) in EVENTS.into_iter().zip(self.heard.iter()) {
            let _ = shared.window.remove_event_listener_with_callback_and_bool(kind, function.unchecked_ref(), true);
        }
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
        let _ = self.end_history.call0(&JsValue::UNDEFINED);
    }
}

impl Shared {
    fn hear(self: &Rc<Self>, call: u32, value: &JsValue) -> JsValue {
        if call >= ANSWER {
            self.answer(call - ANSWER, value);
            return JsValue::UNDEFINED;
        }
        if call == ACTIVATE && self.mode.get().is_none() {
            self.open();
        }
        if self.mode.get().unwrap_or(Consent::Off) == Consent::Off {
            return JsValue::UNDEFINED;
        }
        match call {
            NOTE => self.note(value),
            SCROLL => {
                self.measure();
                // What scrolls by itself within the page is no sign of a reader.
                if &dom::get(value, "target") == AsRef::<JsValue>::as_ref(&self.document) {
                    self.note(value);
                }
            }
            // Muted ones are decoration and advertisements.
            MEDIA if !dom::get(&dom::get(value, "target"), "muted").is_truthy() => self.note(value),
            ATTEND => self.attend(true),
            HIDE => self.attend(false),
            // A page that returns from the back-forward cache is a new pageview.
            RETURN if dom::get(value, "persisted").is_truthy() && self.head().is_truthy() => self.begin(&self.head(), self.now_ms()),
            NAVIGATE => self.navigate(),
            CLICK => self.click(value),
            ONLINE => {
                self.resume(true);
                self.send(false);
            }
            RESIZE => self.measure(),
            FRAME => self.see(),
            EMIT => self.emit_foreign(value),
            HEAD => return self.head(),
            _ => {}
        }
        JsValue::UNDEFINED
    }

    /// Measures how deep the window reaches, between two frames, when the layout is known anyway.
    pub(super) fn measure(&self) {
        if !self.is_measuring.replace(true) {
            let _ = self.window.request_animation_frame(&self.callback(FRAME));
        }
    }

    fn see(&self) {
        self.is_measuring.set(false);
        let content = dom::get(&self.settings.said, "content");
        let element = if content.is_truthy() { dom::find(&content).unwrap_or(JsValue::UNDEFINED) } else { dom::first("html") };
        if element.is_truthy() {
            let element = element.unchecked_ref::<Element>();
            let bottom = dom::number(&dom::get(&self.window, "innerHeight")) - element.get_bounding_client_rect().top();
            let scroll = Signal::Scroll { bottom_px: dom::pixels(bottom), height_px: element.scroll_height() };
            let _ = self.visit.borrow_mut().handle(scroll, self.now_ms());
        }
    }

    /// The path of the event reaches into open shadow trees, where `target` does not.
    fn click(self: &Rc<Self>, click: &JsValue) {
        let path = click.unchecked_ref::<Event>().composed_path();
        // The document and the window have no `matches`, and throw.
        let is_link = |node: &JsValue| node.unchecked_ref::<Element>().matches("a[href],area[href]").unwrap_or(false);
        let link = path.iter().find(is_link).unwrap_or(JsValue::UNDEFINED);
        // The right button opens a menu and follows nothing.
        if !link.is_truthy() || dom::whole(dom::number(&dom::get(click, "button"))) == 2 {
            return;
        }
        let said = |name: &str| path.iter().map(|node| dom::get(&dom::get(&node, "dataset"), name)).find(JsValue::is_truthy);
        let to = self.link_to(&link.unchecked_ref::<dom::Node>().attribute("href"));
        let kind = match self.facts(&link, &to).kind() {
            None => return,
            Some(LinkKind::Internal) => "internal",
            Some(LinkKind::Outbound) => "outbound",
            Some(LinkKind::Download) => "download",
        };
        let event = event_of("click");
        dom::set(&event, "href", &dom::web_url(dom::get(&to, "href")));
        dom::set(&event, "link", &kind.into());
        if let Some(rec_id) = said("pulsoRecId") {
            dom::set(&event, "rec_id", &rec_id);
        }
        if let Some(position) = said("pulsoPosition") {
            dom::set(&event, "position", &dom::number(&position).into());
        }
        self.emit(&event);
    }

    fn facts(&self, link: &JsValue, to: &JsValue) -> Link {
        let (host, own) = (dom::dotted_host(to), dom::dotted_host(&self.location));
        let parts = |href: JsValue| href.unchecked_ref::<JsString>().split("#");
        let (there, here) = (parts(dom::get(to, "href")), parts(dom::get(&self.location, "href")));
        let ending = ["\\.(", FILE_ENDINGS, ")$"].iter().fold("".into(), |text, part| dom::joined(&text, &(*part).into()));
        let is_file = || dom::matches(&dom::get(to, "pathname"), &ending, "i");
        Link {
            is_web: dom::matches(&dom::get(to, "protocol"), &"^https?:$".into(), ""),
            is_same_site: host.ends_with(&own) || own.ends_with(&host),
            is_jump: !self.settings.is_hash && there.length() > 1 && there.get(0) == here.get(0),
            is_file: link.unchecked_ref::<Element>().has_attribute("download") || is_file(),
        }
    }

    /// What the module of recommendations wants to write: kind and fields.
    fn emit_foreign(self: &Rc<Self>, said: &JsValue) {
        let event = dom::at(said, 1);
        dom::set(&event, "kind", &dom::at(said, 0));
        self.emit(&event);
    }

    /// Lists of recommendations are a module of their own, for pages that have them.
    pub(super) fn seek(&self) {
        if dom::first("[data-pulso-rec-id],[data-pulso-recommendations]").is_truthy() {
            load(&self.host());
        }
    }

    pub(super) fn recommendations(&self, options: &JsValue) -> Promise {
        ask(&self.host(), options)
    }

    /// What that module needs of us.
    fn host(&self) -> JsValue {
        let host = self.word("host");
        if host.is_truthy() {
            return host;
        }
        let edge = dom::get(&self.settings.said, "endpoint");
        let module = if cfg!(feature = "npm") { JsValue::UNDEFINED } else { dom::joined(&edge, &"/recommendations.js".into()) };
        let host = host_of(&edge, &self.callback(EMIT), &self.callback(HEAD), &module);
        self.set_word("host", &host);
        host
    }
}
