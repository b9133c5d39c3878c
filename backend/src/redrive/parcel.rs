//! What a retry message carries, ready for its portal's stream, and what became of it there.

use wire::{Envelope, PortalId, Portals, RetryMessage, Via};

/// Most records of one `PutRecords` (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>).
const RECORDS_MAX: usize = 500;
/// Most bytes of the records of one call: 5 MiB, less what base64 and the JSON around it add.
const CALL_BYTES_MAX: usize = 3_500_000;
/// One record that breaks a limit makes Kinesis refuse its whole call: a mebibyte with its key, and keys of 1 to 256 characters.
const RECORD_BYTES_MAX: usize = 1_048_576;
const KEY_CHARS_MAX: usize = 256;
/// Longest reason of a failure, in characters; it comes from outside.
const REASON_CHARS_MAX: usize = 64;

/// A record on its way to its portal's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) portal: PortalId,
    /// Partition key.
    pub(crate) key: String,
    pub(crate) data: String,
}

/// Why a message can never be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    // The code alone: the message could quote the reader's data.
    #[error("undecodable: {code}")]
    Undecodable { code: &'static str },
    #[error("unknown portal {0}")]
    UnknownPortal(PortalId),
    #[error("the header says portal {header}, the record {record}")]
    OtherPortal { header: PortalId, record: PortalId },
    #[error("no stream takes a record of {data_bytes} bytes with a key of {key_chars} characters")]
    OverLimit { data_bytes: usize, key_chars: usize },
}

/// How often a message was tried, as far as its holder knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// By the holder's own count, which may be ahead of the message's header.
    pub(crate) at_least: u32,
    /// Since the header was written, this time included.
    pub(crate) deliveries: u32,
}

/// From the text of a retry message.
///
/// # Errors
/// [`Unfit`].
pub(crate) fn read(text: &str, via: Via, tried: Tried, portals: &Portals) -> Result<Parcel, Unfit> {
    let undecodable = |error: wire::Error| Unfit::Undecodable { code: error.code() };
    let RetryMessage { header, record } = RetryMessage::parse(text).map_err(undecodable)?;
    if portals.get(header.portal.as_str()).is_none() {
        return Err(Unfit::UnknownPortal(header.portal));
    }
    let mut envelope = Envelope::parse(record.as_bytes()).map_err(undecodable)?;
    if envelope.batch.portal != header.portal {
        return Err(Unfit::OtherPortal { header: header.portal, record: envelope.batch.portal });
    }
    envelope.edge.via = via;
    envelope.edge.attempts = header.attempts.max(tried.at_least).saturating_add(tried.deliveries);
    let data = envelope.to_record().map_err(undecodable)?;
    let (data_bytes, key_chars) = (data.len(), header.key.chars().count());
    if key_chars == 0 || key_chars > KEY_CHARS_MAX || data_bytes + header.key.len() > RECORD_BYTES_MAX {
        return Err(Unfit::OverLimit { data_bytes, key_chars });
    }
    Ok(Parcel { portal: header.portal, key: header.key, data })
}

/// Cuts parcels into calls of one portal each that `PutRecords` takes: the indexes of each call's parcels.
pub(crate) fn calls(parcels: &[Parcel]) -> Vec<Vec<usize>> {
    let mut order: Vec<(usize, &Parcel)> = parcels.iter().enumerate().collect();
    // Stable: the order within a portal stays.
    order.sort_by(|(_, one), (_, other)| one.portal.cmp(&other.portal));
    let mut calls: Vec<Vec<usize>> = Vec::new();
    let (mut bytes, mut portal) = (0, None);
    for (index, parcel) in order {
        let size = parcel.data.len() + parcel.key.len();
        match calls.last_mut() {
            Some(call) if portal == Some(&parcel.portal) && call.len() < RECORDS_MAX && bytes + size <= CALL_BYTES_MAX => {
                bytes += size;
                call.push(index);
            }
            Some(_) | None => {
                (bytes, portal) = (size, Some(&parcel.portal));
                calls.push(vec![index]);
            }
        }
    }
    calls
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The stream has it: it got a sequence number.
    Stored,
    /// It was refused, or nobody knows.
    Failed {
        /// A code, no free text.
        reason: String,
    },
}

impl Outcome {
    /// A failure with a short code.
    pub(crate) fn failed(reason: &str) -> Self {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        Self::Failed { reason: reason.chars().filter(is_plain).take(REASON_CHARS_MAX).collect() }
    }
}

/// What became of each of `count` records, from the (sequence number, error code) of each answer.
/// Only a sequence number is a success, everything unclear is a failure.
pub(crate) fn outcomes(count: usize, answers: &[(Option<&str>, Option<&str>)]) -> Vec<Outcome> {
    if answers.len() != count {
        return vec![Outcome::failed("wrong_count"); count];
    }
    let outcome = |answer: &(Option<&str>, Option<&str>)| match *answer {
        (Some(number), None) if !number.is_empty() => Outcome::Stored,
        (_, Some(code)) => Outcome::failed(code),
        _ => Outcome::failed("no_sequence_number"),
    };
    answers.iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../wire/tests/golden/retry_message.txt");

    fn portals() -> Portals {
        toml::from_str(include_str!("../../../portals.toml")).unwrap()
    }

    fn parcel(portal: &str, bytes: usize) -> Parcel {
        Parcel { portal: PortalId::parse(portal).unwrap(), key: "k".to_owned(), data: "x".repeat(bytes) }
    }

    #[test]
    fn attempts_are_those_of_the_header_and_of_the_deliveries() {
        for (at_least, deliveries, expected) in [(0, 1, 3), (0, 4, 6), (9, 1, 10), (1, 1, 3), (u32::MAX, 1, u32::MAX)] {
            let parcel = read(TEXT, Via::Sqs, Tried { at_least, deliveries }, &portals()).unwrap();
            let envelope = Envelope::parse(parcel.data.as_bytes()).unwrap();
            assert_eq!((envelope.edge.via, envelope.edge.attempts), (Via::Sqs, expected));
            assert!(parcel.data.ends_with("}\n") && !parcel.data.trim_end().contains('\n'));
        }
    }

    #[test]
    fn an_event_keeps_its_id() {
        let before = Envelope::parse(TEXT.lines().nth(1).unwrap().as_bytes()).unwrap();
        let parcel = read(TEXT, Via::Replay, Tried { at_least: 0, deliveries: 1 }, &portals()).unwrap();
        assert_eq!(Envelope::parse(parcel.data.as_bytes()).unwrap().batch, before.batch);
    }

    #[test]
    fn what_can_never_be_stored_is_known_before_it_spoils_its_neighbours() {
        let (header, record) = TEXT.split_once('\n').unwrap();
        let key = |key: &str| TEXT.replacen("5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e", key, 1);
        for (text, expected) in [
            (String::new(), "undecodable: missing_field"),
            ("{}\n{}".to_owned(), "undecodable: malformed_json"),
            (format!("{header}\n{{}}"), "undecodable: malformed_json"),
            (TEXT.replacen(r#""portal":"g1""#, r#""portal":"gone""#, 1), "unknown portal gone"),
            (TEXT.replacen(r#""portal":"g1""#, r#""portal":"ge""#, 1), "the header says portal ge, the record g1"),
            (key(""), "no stream takes"),
            (key(&"k".repeat(257)), "no stream takes"),
            (TEXT.replace("Juros caem", &"x".repeat(RECORD_BYTES_MAX)), "no stream takes"),
            (format!("{header}\n{}", &record[..100]), "undecodable: malformed_json"),
        ] {
            let unfit = read(&text, Via::Sqs, Tried { at_least: 0, deliveries: 1 }, &portals()).unwrap_err().to_string();
            assert!(unfit.starts_with(expected), "{unfit}");
        }
        assert!(read(&key(&"k".repeat(256)), Via::Sqs, Tried { at_least: 0, deliveries: 1 }, &portals()).is_ok());
    }

    #[test]
    fn calls_are_of_one_portal_and_within_the_limits() {
        assert_eq!(calls(&[parcel("ge", 1), parcel("g1", 1), parcel("ge", 1)]), [vec![1], vec![0, 2]]);
        let lengths = |parcels: &[Parcel]| calls(parcels).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![parcel("g1", 1); 501]), [500, 1]);
        assert_eq!(lengths(&vec![parcel("g1", 1_000_000); 5]), [3, 2]);
        assert_eq!(lengths(&[]), Vec::<usize>::new());
    }

    #[test]
    fn only_a_sequence_number_is_a_success() {
        let failed = Outcome::failed;
        let answers = [(Some("49"), None), (Some("49"), Some("Slow\u{1b}Down")), (Some(""), None), (None, None)];
        let expected = [Outcome::Stored, failed("SlowDown"), failed("no_sequence_number"), failed("no_sequence_number")];
        assert_eq!(outcomes(4, &answers), expected);
        assert_eq!(outcomes(3, &answers), vec![failed("wrong_count"); 3]);
        assert_eq!(outcomes(1, &[]), [failed("wrong_count")]);
    }
}
