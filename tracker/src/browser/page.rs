//! What the page says of itself: read when a pageview begins.

use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};

use super::dom;
use super::shared::Shared;
use crate::consent::Consent;
use crate::limits::{ITEM_BYTES_MAX, URL_BYTES_MAX};

/// A page's title in UTF-16; the wire's limit is three times as many bytes.
const TEXT_CHARS_MAX: u32 = 341;

macro_rules! meta {
    ($name:literal) => {
        dom::get(&dom::first(concat!("[property='", $name, "'],[name='", $name, "']")), "content")
    };
}

impl Shared {
    /// The path; where fragments are pages, with the fragment.
    pub(super) fn place(&self) -> JsValue {
        let path = dom::get(&self.location, "pathname");
        if self.settings.is_hash { dom::joined(&path, &dom::get(&self.location, "hash")) } else { path }
    }

    /// An address as the page means it. A link element resolves it without ever throwing.
    pub(super) fn link_to(&self, address: &JsValue) -> JsValue {
        let link = self.document.create_element("a").map_or(JsValue::UNDEFINED, JsValue::from);
        dom::set(&link, "href", address);
        link
    }

    /// What all batches of the pageview begin with. `said`: what the portal says of the page.
    pub(super) fn describe(&self, said: &JsValue, mode: Consent) -> JsValue {
        let head = dom::object();
        let href = dom::get(&self.location, "href");
        let (last_url, last_canonical) = (self.word("url"), self.word("canonical"));
        let canonical = dom::get(&dom::first("[rel=canonical]"), "href");
        let set = |name: &str, value: JsValue| dom::set(&head, name, &value);
        set("portal", dom::get(&self.settings.said, "portal"));
        set("pageview", super::device::new_id());
        if mode.may_store() {
            set("visitor", self.device.visitor().unwrap_or(JsValue::UNDEFINED));
            set("user", self.word("user"));
        }
        set("consent", mode.name().into());
        set("page", self.kind(&dom::get(said, "page")));
        set("url", dom::cut(&href, u32::try_from(URL_BYTES_MAX).unwrap_or(0)));
        // Single-page applications often forget to change the canonical address.
        let is_fresh = canonical != last_canonical || href == last_url;
        set("item", self.item(&dom::get(said, "item"), is_fresh.then_some(&canonical), &href));
        let referrer = if href != last_url && last_url.is_truthy() { last_url } else { dom::get(&self.document, "referrer") };
        set("referrer", dom::web_url(referrer));
        set("bot", dom::get(&dom::get(&self.window, "navigator"), "webdriver"));
        set("meta", self.meta());
        self.set_word("url", &href);
        self.set_word("canonical", &canonical);
        head
    }

    fn kind(&self, said: &JsValue) -> JsValue {
        if said.is_truthy() {
            said.clone()
        } else if dom::is(&meta!("og:type"), "article") {
            "article".into()
        } else if dom::is(&dom::get(&self.location, "pathname"), "/") {
            "front".into()
        } else {
            "other".into()
        }
    }

    /// The canonical path: what the portal says, the page's link, the fragment where that is the page, or the address.
    fn item(&self, said: &JsValue, canonical: Option<&JsValue>, href: &JsValue) -> JsValue {
        let fragment = dom::get(&self.location, "hash");
        let fragment: JsValue =
            if self.settings.is_hash { fragment.unchecked_ref::<JsString>().slice(1, u32::MAX).into() } else { JsValue::UNDEFINED };
        let address = [Some(said), canonical, Some(&fragment)].into_iter().flatten().find(|address| address.is_truthy());
        let path = dom::get(&self.link_to(address.unwrap_or(href)), "pathname");
        // Absent, the wire takes the path of the address.
        if dom::length(&path) <= ITEM_BYTES_MAX { path } else { JsValue::UNDEFINED }
    }

    fn meta(&self) -> JsValue {
        let meta = dom::object();
        let title = meta!("og:title");
        let title = if title.is_truthy() { title } else { dom::get(&self.document, "title") };
        dom::set(&meta, "title", &dom::cut(&title, TEXT_CHARS_MAX));
        dom::set(&meta, "section", &dom::cut(&meta!("article:section"), TEXT_CHARS_MAX));
        let image = meta!("og:image");
        if image.is_truthy() {
            dom::set(&meta, "image", &dom::web_url(dom::get(&self.link_to(&image), "href")));
        }
        // What is no date becomes `null`, which the wire takes for absent.
        let published_at = js_sys::Date::new(&meta!("article:published_time"));
        dom::set(&meta, "published_at_ms", &published_at.get_time().into());
        meta
    }

    /// What is remembered by name.
    pub(super) fn word(&self, name: &str) -> JsValue {
        dom::get(&self.words, name)
    }

    pub(super) fn set_word(&self, name: &str, value: &JsValue) {
        dom::set(&self.words, name, value);
    }

    /// The head of the running pageview's batches; `undefined` before the first.
    pub(super) fn head(&self) -> JsValue {
        self.word("head")
    }
}
