//! Records on their way round the stream: retry messages, dead letters and refused bodies.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::portal::PortalId;

/// First line of a retry message: why the record below it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryHeader {
    /// Version of the message: 1.
    pub v: u8,
    /// Whose stream.
    pub portal: PortalId,
    /// Partition key.
    pub key: String,
    /// How often the record was tried.
    pub attempts: u32,
    /// When it failed first, Unix milliseconds.
    pub first_failed_at_ms: u64,
    /// Why it failed last.
    pub reason: String,
}

/// A record that Kinesis did not take: the header, a newline, the record unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryMessage {
    /// Why it is here.
    pub header: RetryHeader,
    /// The record itself, as it has to stand in the stream.
    pub record: String,
}

impl RetryMessage {
    /// From the text of a queue message.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when the header is none, [`Error::MissingField`] when no record follows it,
    /// [`Error::UnsupportedVersion`] when it is a later one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (header, record) = text.split_once('\n').ok_or(Error::MissingField { field: "record" })?;
        let header: RetryHeader = serde_json::from_str(header).map_err(|error| Error::malformed(&error))?;
        if header.v != 1 {
            return Err(Error::UnsupportedVersion { found: u64::from(header.v) });
        }
        if record.trim().is_empty() {
            return Err(Error::MissingField { field: "record" });
        }
        Ok(Self { header, record: record.to_owned() })
    }

    /// The text of a queue message.
    ///
    /// # Errors
    /// [`Error::MalformedJson`]; no value of this type is known to cause it.
    pub fn to_text(&self) -> Result<String, Error> {
        let header = serde_json::to_string(&self.header).map_err(|error| Error::malformed(&error))?;
        Ok(format!("{header}\n{}", self.record))
    }
}

/// A record that was given up, kept in the prefix `dead/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetter {
    /// Version of the message: 1.
    pub v: u8,
    /// Why.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up, Unix milliseconds.
    pub at_ms: u64,
    /// The whole queue message; or the record, when it was found in a stream.
    pub body: String,
    /// Which record of which stream it was, if it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
}

/// A record's place in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    /// The stream's name.
    pub stream: String,
    /// The shard's id.
    pub shard: String,
    /// The record's sequence number.
    pub sequence_number: String,
    /// `hex` when the record is no text, and stands in the body as hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// A body that the edge refused, kept in the prefix `bad/` for seven days so that an integrator sees why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BadBody {
    /// Version of the message: 1.
    pub v: u8,
    /// When it was refused, Unix milliseconds.
    pub at_ms: u64,
    /// The code that the client got.
    pub code: String,
    /// The message that the client got.
    pub message: String,
    /// The portal, if the body named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<String>,
    /// The `Origin` header, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The body, at most 64 KiB, invalid UTF-8 replaced.
    pub body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_a_round_trip() {
        let text = include_str!("../tests/golden/retry_message.txt");
        let message = RetryMessage::parse(text).unwrap();
        assert_eq!(message.header.attempts, 2);
        assert_eq!(message.to_text().unwrap(), text);
    }

    #[test]
    fn a_header_without_a_record_is_refused() {
        for (text, code) in [("", "missing_field"), ("{}\n{}", "malformed_json"), ("no newline", "missing_field")] {
            assert_eq!(RetryMessage::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}
