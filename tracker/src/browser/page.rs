//! What the page says of itself.

use js_sys::Date;
use wasm_bindgen::JsValue;
use web_sys::{Document, Url};

use super::config::Config;
use super::dom;
use crate::batch::{Page, PageKind};
use crate::consent::Consent;
use crate::identity::Id;

/// The page's own words, read when a pageview begins.
#[derive(Debug, Clone, Default)]
pub(super) struct PageFacts {
    pub(super) url: String,
    item: String,
    /// What `<link rel=canonical>` said: single-page applications often forget to change it.
    canonical: Option<String>,
    referrer: String,
    title: String,
    section: String,
    image: String,
    published_at_ms: u64,
    kind: Option<PageKind>,
    is_bot: bool,
}

impl PageFacts {
    /// `before`: the pageview before this one in the same document, where a single-page application came from.
    pub(super) fn read(config: &Config, before: Option<&Self>) -> Option<Self> {
        let document = dom::document()?;
        let location = document.location()?;
        let url = location.href().ok()?;
        let path = location.pathname().ok()?;
        let canonical = canonical_path(&document);
        let is_stale = before.is_some_and(|before| before.url != url && before.canonical == canonical);
        let item = match (before, &config.item, &canonical) {
            (None, Some(item), _) => item.clone(),
            (_, _, Some(canonical)) if !is_stale => canonical.clone(),
            (_, _, _) => path.clone(),
        };
        let kind = match config.page {
            Some(kind) if before.is_none() => kind,
            _ if meta(&document, "og:type").as_deref() == Some("article") => PageKind::Article,
            _ if path == "/" => PageKind::Front,
            _ => PageKind::Other,
        };
        let published_at = meta(&document, "article:published_time").unwrap_or_default();
        Some(Self {
            item,
            canonical,
            referrer: before.map_or_else(|| document.referrer(), |before| before.url.clone()),
            title: meta(&document, "og:title").unwrap_or_else(|| document.title()),
            section: meta(&document, "article:section").unwrap_or_default(),
            image: meta(&document, "og:image").and_then(|image| absolute(&document, &image)).unwrap_or_default(),
            published_at_ms: dom::whole(Date::parse(&published_at)),
            kind: Some(kind),
            is_bot: dom::window().is_some_and(|window| dom::flag(&JsValue::from(window.navigator()), "webdriver")),
            url,
        })
    }

    pub(super) fn page<'a>(&'a self, config: &'a Config, consent: Consent, visitor: Option<&'a Id>) -> Page<'a> {
        Page {
            portal: config.portal.as_bytes(),
            visitor,
            consent,
            kind: self.kind.unwrap_or(PageKind::Other),
            url: self.url.as_bytes(),
            item: self.item.as_bytes(),
            referrer: self.referrer.as_bytes(),
            title: self.title.as_bytes(),
            section: self.section.as_bytes(),
            image: self.image.as_bytes(),
            published_at_ms: self.published_at_ms,
            is_bot: self.is_bot,
        }
    }
}

/// Whether two addresses show different pages: query and fragment aside.
pub(super) fn is_other_page(before: &str, url: &str) -> bool {
    let path = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    path(before) != path(url)
}

/// An address as the page means it, made absolute.
pub(super) fn absolute(document: &Document, address: &str) -> Option<String> {
    let base = document.base_uri().ok()??;
    Url::new_with_base(address, &base).ok().map(|url| url.href())
}

fn canonical_path(document: &Document) -> Option<String> {
    let link = document.query_selector("link[rel=canonical][href]").ok()??;
    let url = absolute(document, &link.get_attribute("href")?)?;
    Url::new(&url).ok().map(|url| url.pathname())
}

fn meta(document: &Document, property: &str) -> Option<String> {
    let selector = format!("meta[property='{property}'],meta[name='{property}']");
    let content = document.query_selector(&selector).ok()??.get_attribute("content")?;
    Some(content.trim().to_owned()).filter(|content| !content.is_empty())
}
