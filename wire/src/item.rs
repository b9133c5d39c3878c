//! An item: what is recommended, the canonical path of an article.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text;

/// Longest item, in bytes of UTF-8. A KV key holds 512.
pub const ITEM_BYTES_MAX: usize = 512;

/// A canonical path such as `/economia/noticia/juros.ghtml`: begins with `/`, has no query and no fragment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Item(#[cfg_attr(feature = "schema", schemars(regex(pattern = r"^/[^?#\s]*$"), length(max = 512)))] Box<str>);

impl Item {
    /// Cuts query and fragment, then wants a leading `/`, at most [`ITEM_BYTES_MAX`] bytes, no blanks and no control characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::clean(text).map(|path| Self(path.into()))
    }

    /// The path of an absolute `http` or `https` URL.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        Self::clean_of_url(url).map(|path| Self(path.into()))
    }

    /// The part of a text that is an item's text.
    pub(crate) fn clean(text: &str) -> Option<&str> {
        let path = text.bytes().position(|byte| matches!(byte, b'?' | b'#')).and_then(|end| text.get(..end)).unwrap_or(text);
        let is_clean = path.starts_with('/') && !leads_away(path) && path.len() <= ITEM_BYTES_MAX && !has_blanks(path);
        is_clean.then_some(path)
    }

    /// The part of a URL that is an item's text.
    pub(crate) fn clean_of_url(url: &str) -> Option<&str> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        match rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')) {
            Some(at) if rest.as_bytes().get(at) == Some(&b'/') => Self::clean(rest.get(at..)?),
            _ => Some("/"),
        }
    }

    /// What an error says.
    pub(crate) const RULE: &str = "item must be a path that begins with / and has at most 512 bytes";

    /// Of what [`Item::clean`] found good.
    pub(crate) fn of_clean(path: Cow<'_, str>) -> Self {
        Self(path.into())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Browsers take `//` and `/\` for the beginning of another host; an item without a card is shown by its path.
fn leads_away(path: &str) -> bool {
    matches!(path.as_bytes().get(1), Some(b'/' | b'\\'))
}

/// Blanks and control characters. Nearly every path is ASCII, where a byte tells.
fn has_blanks(path: &str) -> bool {
    !path.bytes().all(|byte| byte.is_ascii_graphic()) && path.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Maps by item are asked with texts. Order and hash of an item are those of its text.
impl Borrow<str> for Item {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, Self::RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_fragment_are_cut() {
        assert_eq!(Item::parse("/a.ghtml?utm=x#top").unwrap().as_str(), "/a.ghtml");
        assert_eq!(Item::of_url("https://g1.example/a.ghtml?x=1").unwrap().as_str(), "/a.ghtml");
        assert_eq!(Item::of_url("https://g1.example?x=/1").unwrap().as_str(), "/");
    }

    #[test]
    fn what_is_no_path_is_no_item() {
        for bad in ["", "a", "//evil.example/a", "/\\evil.example/a", "/a b", "/a\u{0}", "javascript:alert(1)"] {
            assert!(Item::parse(bad).is_none(), "{bad:?}");
        }
        assert!(Item::parse(&format!("/{}", "a".repeat(511))).is_some());
        assert!(Item::parse(&format!("/{}", "a".repeat(512))).is_none());
    }
}
