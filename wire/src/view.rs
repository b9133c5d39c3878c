//! A record of a stream as its consumers read it: borrowed, at a fraction of the cost of an [`Envelope`](crate::Envelope).

mod canonical;

use std::borrow::Cow;

use serde::Deserialize;

use crate::batch::Consent;
use crate::envelope::{self, Source, Via};
use crate::error::Error;
use crate::event_view::EventView;
use crate::id::{NetworkId, PageviewId, VisitorId};
use crate::item::Item;
use crate::page::PageKind;
use crate::tally::Tally;
use crate::text::{self, Unread};

/// An [`Envelope`](crate::Envelope), borrowed from the record. It accepts and refuses the same records,
/// because every field is checked, also those that are not kept. Records as the edge writes them cost a third of an `Envelope`.
///
/// ```
/// let record = include_bytes!("../tests/golden/envelope.json");
/// let view = wire::EnvelopeView::parse(record)?;
/// assert_eq!(view.batch.item(), Some("/economia/noticia/juros.ghtml"));
/// assert_eq!(view.batch.events.len(), 5);
/// # Ok::<(), wire::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EnvelopeView<'a> {
    /// Version of the message: 1.
    pub v: u8,
    /// The batch.
    #[serde(borrow)]
    pub batch: BatchView<'a>,
    /// What the edge added.
    #[serde(borrow)]
    pub edge: EdgeView<'a>,
}

/// A [`Batch`](crate::Batch), borrowed from the record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BatchView<'a> {
    /// Version of the message; nobody looks.
    #[serde(rename = "v")]
    _v: u8,
    /// The text of a [`PortalId`](crate::PortalId).
    #[serde(borrow, deserialize_with = "text::portal_id")]
    pub portal: Cow<'a, str>,
    /// The pageview.
    pub pageview: PageviewId,
    /// The reader's first-party id, if there is one; [`EdgeView::visitor`] always is.
    #[serde(default)]
    pub visitor: Option<VisitorId>,
    /// What the reader agreed to.
    pub consent: Consent,
    /// What kind of page it is.
    pub page: PageKind,
    /// The page's address.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub url: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "text::optional_item")]
    item: Option<Cow<'a, str>>,
    #[serde(default, rename = "referrer")]
    _referrer: Option<Unread>,
    /// What the page says of itself.
    #[serde(default, borrow)]
    pub meta: Option<MetaView<'a>>,
    /// When the batch left the browser, by the reader's clock, Unix milliseconds.
    pub sent_at_ms: u64,
    /// Events that the tracker's outbox had to forget.
    #[serde(default)]
    pub dropped: u32,
    /// The browser said that a program drives it.
    #[serde(default)]
    pub bot: bool,
    /// In the order of the record.
    #[serde(borrow)]
    pub events: Vec<EventView<'a>>,
}

/// A [`Meta`](crate::Meta), borrowed from the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct MetaView<'a> {
    /// Its title.
    #[serde(default, borrow, deserialize_with = "text::optional")]
    pub title: Option<Cow<'a, str>>,
    /// Its section.
    #[serde(default, borrow, deserialize_with = "text::optional")]
    pub section: Option<Cow<'a, str>>,
    /// When it was published, Unix milliseconds.
    #[serde(default)]
    pub published_at_ms: Option<u64>,
    /// Address of its picture.
    #[serde(default, borrow, deserialize_with = "text::optional")]
    pub image: Option<Cow<'a, str>>,
}

/// An [`Edge`](crate::Edge), borrowed from the record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EdgeView<'a> {
    /// When the POST arrived, Unix milliseconds.
    pub received_at_ms: u64,
    /// Edge clock minus reader's clock when the batch left, milliseconds: add it to the batch's times.
    pub skew_ms: i64,
    /// The reader: the batch's id, or the day-salted hash.
    pub visitor: VisitorId,
    /// Who is on the same network today, when the edge could tell.
    #[serde(default)]
    pub network: Option<NetworkId>,
    /// ISO 3166-1 alpha-2, or `XX`.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub country: Cow<'a, str>,
    /// ISO 3166-2 subdivision, or empty.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub region: Cow<'a, str>,
    /// Browser family.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub browser: Cow<'a, str>,
    /// Operating system.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub os: Cow<'a, str>,
    /// `mobile`, `tablet`, `desktop` or `other`.
    #[serde(borrow, deserialize_with = "text::borrowed")]
    pub device: Cow<'a, str>,
    /// Class of the referrer.
    pub source: Source,
    /// How far the events are believed, 0 to 100.
    pub trust: u8,
    /// The edge takes the reader for a program.
    #[serde(default)]
    pub bot: bool,
    /// Which way the record took.
    pub via: Via,
    /// How often it was tried.
    pub attempts: u32,
    #[serde(rename = "version")]
    _version: Unread,
    /// What the isolate did since it last told.
    #[serde(default)]
    pub tally: Option<Tally>,
}

impl<'a> EnvelopeView<'a> {
    /// One record of a portal's stream.
    ///
    /// # Errors
    /// Those of [`Envelope::parse`](crate::Envelope::parse).
    pub fn parse(record: &'a [u8]) -> Result<Self, Error> {
        if let Some(view) = std::str::from_utf8(record).ok().and_then(canonical::parse) {
            return Ok(view);
        }
        let view: Self = envelope::read(record)?;
        if view.v == 1 { Ok(view) } else { Err(Error::UnsupportedVersion { found: u64::from(view.v) }) }
    }
}

impl EnvelopeView<'_> {
    /// Whether a program sent it: by what the page says, or by what the edge saw.
    #[must_use]
    pub const fn is_bot(&self) -> bool {
        self.batch.bot || self.edge.bot
    }
}

impl BatchView<'_> {
    /// The text of the page's [`Item`]: what the page says, else the path of its address.
    #[must_use]
    pub fn item(&self) -> Option<&str> {
        self.item.as_deref().or_else(|| Item::clean_of_url(&self.url))
    }
}
