//! What `GET /recommendations` answers.

use serde::{Deserialize, Serialize};

use crate::item::Item;
use crate::portal::PortalId;
use crate::rec_id::RecId;

/// A list of pages to read next; never empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recommendations {
    /// The portal.
    pub portal: PortalId,
    /// Carried back by impressions and clicks; tells rung and parameter set. Answers that say nothing of their reader share it for 15 s.
    pub rec_id: RecId,
    /// The model that was asked; `none` when there was none, or only one older than a day.
    pub model_version: String,
    /// When that model was made, Unix milliseconds; 0 when there was none.
    pub generated_at_ms: u64,
    /// The rung of the first item that is from one; pins, and places for what is fresh or to be explored, are from none.
    pub source: RecommendationSource,
    /// The pages, best first.
    pub items: Vec<RecommendedItem>,
}

/// The rungs of the ladder, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecommendationSource {
    /// From what this reader has read.
    Personal,
    /// Read by readers of this page.
    Similar,
    /// Rising now.
    Trending,
    /// Most read.
    TopPages,
    /// What the portal's file names for the worst case.
    BuiltIn,
    /// Published last.
    Latest,
}

impl RecommendationSource {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Personal, Self::Similar, Self::Trending, Self::TopPages, Self::BuiltIn, Self::Latest];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Similar => "similar",
            Self::Trending => "trending",
            Self::TopPages => "top_pages",
            Self::BuiltIn => "built_in",
            Self::Latest => "latest",
        }
    }
}

/// One page of the list, with what is needed to show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecommendedItem {
    /// Its canonical path.
    pub item: Item,
    /// Its address.
    pub url: String,
    /// Its title; the path when no page has said one.
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
    /// Comparable within one answer, and there among items of one rung; 0 for what editors or the portal's file put there.
    pub score: f32,
    /// `similar:<item>` that was read, `pinned` by editors, `fresh` and `explore` for what has a place of its own, else its rung:
    /// `personal`, `trending`, `top_pages`, `latest` or `built_in`.
    pub why: String,
}
