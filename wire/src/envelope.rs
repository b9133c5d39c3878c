//! What the edge puts on a portal's stream: one record per POST, one JSON document and a newline.

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::Error;
use crate::id::{NetworkId, VisitorId};
use crate::tally::Tally;

/// An accepted batch and what the edge knows about its arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Envelope {
    /// Version of the message: 1.
    pub v: u8,
    /// The batch, with the accepted events only.
    pub batch: Batch,
    /// What the edge adds.
    pub edge: Edge,
}

/// What the edge adds. No IP address, no user agent string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Edge {
    /// When the POST arrived, Unix milliseconds.
    pub received_at_ms: u64,
    /// Edge clock minus reader's clock when the batch left, milliseconds: add it to the batch's times.
    pub skew_ms: i64,
    /// The reader: the batch's id, or the day-salted hash.
    pub visitor: VisitorId,
    /// Who is on the same network today; absent when the edge had no salt, and in records from before there was this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkId>,
    /// ISO 3166-1 alpha-2, or `XX`.
    pub country: String,
    /// ISO 3166-2 subdivision, or empty.
    pub region: String,
    /// Browser family, e.g. `chrome`; `other` when unknown.
    pub browser: String,
    /// Operating system, e.g. `android`; `other` when unknown.
    pub os: String,
    /// `mobile`, `tablet`, `desktop` or `other`.
    pub device: String,
    /// Class of the referrer.
    pub source: Source,
    /// How far the events are believed, 0 to 100.
    pub trust: u8,
    /// A program, not a person: it says so, or whoever drives the browser does; absent for `false`.
    #[serde(default, skip_serializing_if = "is_person")]
    pub bot: bool,
    /// Which way the record took.
    pub via: Via,
    /// How often it was tried.
    pub attempts: u32,
    /// Version of the edge.
    pub version: String,
    /// What the isolate did for the portal since it last told; absent in most records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_person(bot: &bool) -> bool {
    !*bot
}

/// Where a reader came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// No referrer.
    Direct,
    /// A page of the same portal.
    Internal,
    /// A search engine.
    Search,
    /// A social network.
    Social,
    /// Any other site.
    Referral,
}

impl Source {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Internal => "internal",
            Self::Search => "search",
            Self::Social => "social",
            Self::Referral => "referral",
        }
    }
}

/// Which way a record took to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// At once.
    Direct,
    /// Through the Cloudflare queue.
    Queue,
    /// Through the SQS queue.
    Sqs,
    /// Set aside in a long outage.
    Spill,
    /// Sent again by a person.
    Replay,
}

impl Envelope {
    /// One record of a portal's stream.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when it is not an envelope, [`Error::UnsupportedVersion`] when it is a later one.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let envelope: Self = read(record)?;
        if envelope.v == 1 { Ok(envelope) } else { Err(Error::UnsupportedVersion { found: u64::from(envelope.v) }) }
    }

    /// The record: the JSON document and a newline, so that Firehose can concatenate.
    ///
    /// # Errors
    /// [`Error::MalformedJson`]; no value of this type is known to cause it.
    pub fn to_record(&self) -> Result<String, Error> {
        let mut record = serde_json::to_string(self).map_err(|error| Error::malformed(&error))?;
        record.push('\n');
        Ok(record)
    }
}

/// One document. Its UTF-8 is checked once, which is faster than text by text;
/// only bytes that are none take the slow way, which says where they are and passes over them in fields that nobody knows.
pub(crate) fn read<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, Error> {
    let value = match std::str::from_utf8(record) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(record),
    };
    value.map_err(|error| Error::malformed(&error))
}
