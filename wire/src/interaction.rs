//! What a reader's attention to an item amounts to; the second stream.

use serde::{Deserialize, Serialize};

use crate::envelope::Source;
use crate::error::Error;
use crate::id::{NetworkId, PageviewId, VisitorId};
use crate::item::Item;
use crate::portal::PortalId;
use crate::published::Card;

/// One interaction, once per pageview and kind: its id is deterministic, so that a repeat overwrites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interaction {
    /// Version of the message: 1.
    pub v: u8,
    /// `<pageview>:<kind>`.
    pub id: String,
    /// The portal.
    pub portal: PortalId,
    /// The reader.
    pub visitor: VisitorId,
    /// Who is on the same network today, when the edge could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkId>,
    /// The reader's session (30 minutes' gap): the pageview that began it.
    pub session: PageviewId,
    /// What was read.
    pub item: Item,
    /// What happened.
    pub kind: InteractionKind,
    /// How much it counts.
    pub weight: f32,
    /// When, Unix milliseconds by the edge's clock.
    pub at_ms: u64,
    /// How far it is believed, 0 to 100.
    pub trust: u8,
    /// What the page says of itself, unproven; only in a `view`, when it has changed, and now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// What the edge knows of the reader's surroundings; only in a `view`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ReaderContext>,
}

/// A reader's surroundings, in the words of the envelope's `edge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReaderContext {
    /// Browser family, e.g. `chrome`; `other` when unknown.
    pub browser: String,
    /// Operating system, e.g. `android`; `other` when unknown.
    pub os: String,
    /// `mobile`, `tablet`, `desktop` or `other`.
    pub device: String,
    /// ISO 3166-1 alpha-2, or `XX`.
    pub country: String,
    /// ISO 3166-2 subdivision, or empty.
    pub region: String,
    /// Class of the referrer.
    pub source: Source,
}

impl Interaction {
    /// The id of what happened in a pageview: the same whoever makes it.
    #[must_use]
    pub fn id(pageview: PageviewId, kind: InteractionKind) -> String {
        format!("{pageview}:{}", kind.as_str())
    }

    /// One record of a portal's second stream.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when it is no interaction, [`Error::UnsupportedVersion`] when it is a later one.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let interaction: Self = serde_json::from_slice(record).map_err(|error| Error::malformed(&error))?;
        if interaction.v == 1 { Ok(interaction) } else { Err(Error::UnsupportedVersion { found: u64::from(interaction.v) }) }
    }
}

impl InteractionKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Read15 => "read_15",
            Self::Read60 => "read_60",
            Self::Read75Pct => "read_75pct",
            Self::Click => "click",
            Self::Share => "share",
        }
    }
}

/// Kinds of interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    /// The page was shown.
    View,
    /// 15 engaged seconds passed.
    #[serde(rename = "read_15")]
    Read15,
    /// 60 engaged seconds passed.
    #[serde(rename = "read_60")]
    Read60,
    /// Three quarters of the page were seen.
    #[serde(rename = "read_75pct")]
    Read75Pct,
    /// A link was followed.
    Click,
    /// The page was shared.
    Share,
}
