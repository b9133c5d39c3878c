//! What the backend publishes for the edge, per portal: the model (`model/<portal>`) and display cards (`cards/<portal>`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::item::Item;
use crate::raw::is_web_url;

/// Most items of one list.
pub const LISTED_ITEMS_MAX: usize = 200;
/// Most display cards of a portal.
pub const CARDS_MAX: usize = 2_000;
/// Longest title of a card, in bytes.
const TITLE_BYTES_MAX: usize = 1024;

/// An item and its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScoredItem {
    /// The item.
    pub item: Item,
    /// Comparable within one list only; finite, not negative.
    pub score: f32,
}

/// Display cards by item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cards {
    /// Version of the message: 1.
    pub v: u8,
    /// The cards.
    pub cards: BTreeMap<Item, Card>,
}

/// What is needed to show an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Card {
    /// Its address, on a host of the portal.
    pub url: String,
    /// Its title.
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
}

impl Cards {
    /// Cards from their published bytes.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::UnsupportedVersion`], or [`Error::BadField`] when there are too many or one is not fit to show.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let cards: Self = serde_json::from_slice(bytes).map_err(|error| Error::malformed(&error))?;
        if cards.v != 1 {
            return Err(Error::UnsupportedVersion { found: u64::from(cards.v) });
        }
        let is_fit =
            |card: &Card| is_web_url(&card.url) && card.title.len() <= TITLE_BYTES_MAX && card.image.as_deref().is_none_or(is_web_url);
        if cards.cards.len() > CARDS_MAX || !cards.cards.values().all(is_fit) {
            return Err(Error::BadField { field: "cards", rule: "at most 2000 cards with http or https addresses" });
        }
        Ok(cards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_with_a_script_address_is_refused() {
        let cards = r#"{"v":1,"cards":{"/a":{"url":"javascript:alert(1)","title":"a"}}}"#;
        assert_eq!(Cards::parse(cards.as_bytes()).unwrap_err().code(), "bad_field");
    }
}
