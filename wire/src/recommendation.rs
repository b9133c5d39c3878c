//! What `GET /recommendations` answers.

use serde::{Deserialize, Serialize};

use crate::id::RecId;
use crate::item::Item;
use crate::portal::PortalId;

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
    /// `similar:<item>`, `trending`, `top_pages` or `built_in`.
    pub why: String,
}
