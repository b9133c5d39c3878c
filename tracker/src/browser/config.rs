//! What a portal can set, and what is wrong with it.

use std::fmt;

use wasm_bindgen::JsValue;

use super::dom::{self, Pattern};
use crate::attention::IDLE_WINDOW_MS;
use crate::consent::Consent;

/// What a portal can set. Everything but the first two has a default: [`Config::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The portal's id, as in `portals.toml`.
    pub portal: String,
    /// Where the edge is, such as `https://pulso.g1.example`. Batches go to `/pageview` there.
    pub endpoint: String,
    /// What the reader agreed to; [`Consent::Cookieless`] unless said.
    pub consent: Consent,
    /// What kind of page it is; `None`: the page's own metadata decide.
    pub page: Option<PageKind>,
    /// Its canonical path; `None`: `<link rel=canonical>` decides, else the address.
    pub item: Option<String>,
    /// Selects the element whose scroll depth is measured; `None`: the document.
    pub content: Option<String>,
    /// A changed fragment is a navigation.
    pub is_hash: bool,
    /// How long a sign of the reader counts as engagement, in milliseconds; 5000 unless said.
    pub idle_window_ms: u32,
    /// A regular expression of JavaScript: pages whose path it matches are not measured.
    pub exclude: Option<String>,
    /// No pageview by itself: each begins with [`Tracker::page`](crate::Tracker::page).
    pub is_manual: bool,
}

/// What kind of page it is; only articles are ever recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// A story.
    Article,
    /// The front of a section.
    Section,
    /// The portal's front page.
    Front,
    /// Anything else.
    Other,
}

/// Why the tracker did not start. The message says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The portal is missing or malformed.
    Portal,
    /// The endpoint is missing or no web address.
    Endpoint,
    /// The consent mode is unknown.
    Consent,
    /// The kind of page is unknown.
    Page,
    /// The content selector is none.
    Content,
    /// The idle window is no reasonable time.
    IdleWindow,
    /// The pattern of excluded paths is none.
    Exclude,
    /// There is no window.
    NoPage,
}

impl Config {
    /// A portal and its edge; cookieless, and everything else found out from the page.
    #[must_use]
    pub fn new(portal: &str, endpoint: &str) -> Self {
        Self {
            portal: portal.to_owned(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            consent: Consent::Cookieless,
            page: None,
            item: None,
            content: None,
            is_hash: false,
            idle_window_ms: IDLE_WINDOW_MS,
            exclude: None,
            is_manual: false,
        }
    }

    /// As JavaScript writes it: the npm package's own configuration.
    pub(super) fn into_js(self) -> JsValue {
        let object = dom::object();
        let optional = |text: Option<String>| text.map_or(JsValue::UNDEFINED, JsValue::from);
        dom::set(&object, "portal", &self.portal.into());
        dom::set(&object, "endpoint", &self.endpoint.into());
        dom::set(&object, "consent", &self.consent.name().into());
        dom::set(&object, "page", &self.page.map_or(JsValue::UNDEFINED, |kind| kind.name().into()));
        dom::set(&object, "item", &optional(self.item));
        dom::set(&object, "content", &optional(self.content));
        dom::set(&object, "hash", &self.is_hash.into());
        dom::set(&object, "idleWindowMs", &self.idle_window_ms.into());
        dom::set(&object, "exclude", &optional(self.exclude));
        dom::set(&object, "manual", &self.is_manual.into());
        object
    }
}

impl PageKind {
    const ALL: [Self; 4] = [Self::Article, Self::Section, Self::Front, Self::Other];

    /// `article`, `section`, `front` or `other`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Section => "section",
            Self::Front => "front",
            Self::Other => "other",
        }
    }
}

/// A configuration that was looked through.
#[derive(Debug)]
pub(super) struct Settings {
    /// As the portal wrote it.
    pub(super) said: JsValue,
    pub(super) consent: Consent,
    pub(super) idle_window_ms: u32,
    pub(super) exclude: Option<Pattern>,
    pub(super) is_hash: bool,
    pub(super) is_manual: bool,
}

impl Settings {
    /// Looks through what JavaScript or a [`Config`] says.
    pub(super) fn of(said: JsValue) -> Result<Self, Error> {
        let is = |name: &str, pattern: &str| {
            let value = dom::get(&said, name);
            value.is_truthy() && dom::matches(&value, &pattern.into(), "")
        };
        if !is("portal", "^[a-z0-9-]{1,32}$") {
            return Err(Error::Portal);
        }
        if !is("endpoint", "^https?://[^/]([^?#]*[^/?#])?$") {
            return Err(Error::Endpoint);
        }
        let page = dom::get(&said, "page");
        if page.is_truthy() && !PageKind::ALL.iter().any(|kind| dom::is(&page, kind.name())) {
            return Err(Error::Page);
        }
        let selector = dom::get(&said, "content");
        if selector.is_truthy() && dom::find(&selector).is_err() {
            return Err(Error::Content);
        }
        let exclude = dom::get(&said, "exclude");
        let exclude = if exclude.is_truthy() { Some(dom::pattern(&exclude).ok_or(Error::Exclude)?) } else { None };
        let consent = dom::get(&said, "consent");
        let consent = if consent.is_truthy() { consent_of(&consent).ok_or(Error::Consent)? } else { Consent::Cookieless };
        let idle_window = dom::get(&said, "idleWindowMs");
        let idle_window_ms = if idle_window.is_undefined() { IDLE_WINDOW_MS } else { dom::whole(dom::number(&idle_window)) };
        if !(1..=IDLE_WINDOW_MS_MAX).contains(&idle_window_ms) {
            return Err(Error::IdleWindow);
        }
        let (is_hash, is_manual) = (dom::get(&said, "hash").is_truthy(), dom::get(&said, "manual").is_truthy());
        Ok(Self { said, consent, idle_window_ms, exclude, is_hash, is_manual })
    }
}

/// A quarter of an hour without a sign is no reading.
const IDLE_WINDOW_MS_MAX: u32 = 900_000;

/// The mode of a name.
pub(super) fn consent_of(name: &JsValue) -> Option<Consent> {
    [Consent::Full, Consent::Cookieless, Consent::Off].into_iter().find(|mode| dom::is(name, mode.name()))
}

impl Error {
    /// What to do.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Portal => "portal is no id: write 1 to 32 of a-z, 0-9 and -, as in portals.toml",
            Self::Endpoint => "endpoint is no address: write https://host, without a slash at its end",
            Self::Consent => "consent is unknown: write full, cookieless or off",
            Self::Page => "page is unknown: write article, section, front or other",
            Self::Content => "content is no CSS selector",
            Self::IdleWindow => "idleWindowMs is no time: write 1 to 900000 milliseconds",
            Self::Exclude => "exclude is no regular expression",
            Self::NoPage => "there is no window: start in a page, not in a worker or on a server",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl std::error::Error for Error {}
