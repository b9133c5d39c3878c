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
    /// Carried back by impressions and clicks.
    pub rec_id: RecId,
    /// The model that answered; `none` when there was none.
    pub model_version: String,
    /// When that model was made, Unix milliseconds; 0 when there was none.
    pub generated_at_ms: u64,
    /// The rung of the ladder that answered.
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
    /// Comparable within one answer only.
    pub score: f32,
    /// `similar:<item>`, or the name of the rung: `trending`, `top_pages`, `latest`, `built_in`.
    pub why: String,
}
