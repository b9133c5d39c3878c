//! What a portal says itself of its articles (KV `items/<portal>`): it wins over the cards that browsers brought, and can take an article back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::AT_MS_MAX;
use crate::error::Error;
use crate::item::Item;
use crate::page::META_BYTES_MAX;
use crate::raw::{URL_BYTES_MAX, is_web_url};

/// Most items of a catalogue: a month of a large portal, and what an isolate can hold beside its models.
pub const CATALOGUE_ITEMS_MAX: usize = 20_000;
/// Largest catalogue, in bytes of JSON: 400 for each item.
pub const CATALOGUE_BYTES_MAX: usize = 8_388_608;

/// A portal's own articles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Catalogue {
    /// Version of the message: 1.
    pub v: u8,
    /// The articles.
    pub items: BTreeMap<Item, CatalogueItem>,
}

/// What a portal says of one article. Whether its hosts are the portal's is for the edge to check, which knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogueItem {
    /// Its address; absent only when `unpublished`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Its title; absent only when `unpublished`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Address of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// When it was published, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at_ms: Option<u64>,
    /// From when on it is not recommended, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// It is never recommended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unpublished: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { v: 1, items: BTreeMap::new() }
    }
}

impl Catalogue {
    /// A catalogue from its published bytes.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::UnsupportedVersion`], or [`Error::BadField`] when it is too large or an article is not fit to show.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        const RULE: &str =
            "at most 20000 articles and 8388608 bytes, each with an http or https url and a title of at most 1024 bytes, or unpublished";
        if bytes.len() > CATALOGUE_BYTES_MAX {
            return Err(Error::BadField { field: "items", rule: RULE });
        }
        let catalogue: Self = serde_json::from_slice(bytes).map_err(|error| Error::malformed(&error))?;
        if catalogue.v != 1 {
            return Err(Error::UnsupportedVersion { found: u64::from(catalogue.v) });
        }
        if catalogue.items.len() > CATALOGUE_ITEMS_MAX || !catalogue.items.values().all(CatalogueItem::is_fit) {
            return Err(Error::BadField { field: "items", rule: RULE });
        }
        Ok(catalogue)
    }
}

impl CatalogueItem {
    /// Whether it can be shown, or says that it must not be.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let is_address = |url: &str| is_web_url(url) && url.len() <= URL_BYTES_MAX;
        let is_time = |at_ms: Option<u64>| at_ms.is_none_or(|at_ms| at_ms <= AT_MS_MAX);
        let is_named = !self.title.trim().is_empty() && is_address(&self.url);
        let is_taken_back = self.unpublished && (self.url.is_empty() || is_address(&self.url));
        (is_named || is_taken_back)
            && self.title.len() <= META_BYTES_MAX
            && self.section.as_ref().is_none_or(|section| section.len() <= META_BYTES_MAX)
            && self.image.as_deref().is_none_or(is_address)
            && is_time(self.published_at_ms)
            && is_time(self.expires_at_ms)
    }

    /// Whether it may be recommended at that time, Unix milliseconds.
    #[must_use]
    pub fn is_offered(&self, now_ms: u64) -> bool {
        !self.unpublished && self.expires_at_ms.is_none_or(|expires_at_ms| now_ms < expires_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(item: &str) -> Option<&'static str> {
        Catalogue::parse(format!(r#"{{"v":1,"items":{{"/a":{item}}}}}"#).as_bytes()).err().map(|error| error.code())
    }

    #[test]
    fn what_cannot_be_shown_is_refused_unless_it_is_taken_back() {
        for good in [
            r#"{"url":"https://g1.example/a","title":"A"}"#,
            r#"{"unpublished":true}"#,
            r#"{"url":"https://g1.example/a","unpublished":true}"#,
        ] {
            assert_eq!(code(good), None, "{good}");
        }
        let long = "a".repeat(META_BYTES_MAX + 1);
        for bad in [
            "{}",
            r#"{"url":"https://g1.example/a"}"#,
            r#"{"url":"https://g1.example/a","title":" "}"#,
            r#"{"url":"javascript:alert(1)","title":"A"}"#,
            r#"{"url":"javascript:alert(1)","unpublished":true}"#,
            r#"{"url":"https://g1.example/a","title":"A","image":"/j.jpg"}"#,
            r#"{"url":"https://g1.example/a","title":"A","published_at_ms":4000000000001}"#,
            &format!(r#"{{"url":"https://g1.example/a","title":"{long}"}}"#),
            &format!(r#"{{"url":"https://g1.example/a","title":"A","section":"{long}"}}"#),
        ] {
            assert_eq!(code(bad), Some("bad_field"), "{bad}");
        }
        assert_eq!(code("7"), Some("malformed_json"));
    }

    #[test]
    fn a_catalogue_has_limits() {
        let items = |count: usize| {
            let items: Vec<_> = (0..count).map(|n| format!(r#""/{n}":{{"unpublished":true}}"#)).collect();
            format!(r#"{{"v":1,"items":{{{}}}}}"#, items.join(","))
        };
        assert_eq!(Catalogue::parse(items(CATALOGUE_ITEMS_MAX).as_bytes()).unwrap().items.len(), CATALOGUE_ITEMS_MAX);
        assert_eq!(Catalogue::parse(items(CATALOGUE_ITEMS_MAX + 1).as_bytes()).unwrap_err().code(), "bad_field");
        let padded = format!("{}{}", " ".repeat(CATALOGUE_BYTES_MAX), items(0));
        assert_eq!(Catalogue::parse(padded.as_bytes()).unwrap_err().code(), "bad_field");
        assert_eq!(Catalogue::parse(br#"{"v":2,"items":{}}"#).unwrap_err().code(), "unsupported_version");
    }

    #[test]
    fn an_article_is_offered_until_it_expires_or_is_taken_back() {
        let item = CatalogueItem { expires_at_ms: Some(10), ..CatalogueItem::default() };
        assert!(item.is_offered(9) && !item.is_offered(10));
        assert!(!CatalogueItem { unpublished: true, ..CatalogueItem::default() }.is_offered(0));
    }
}
