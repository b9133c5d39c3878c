//! Messages of the retry queue and of what was set aside: what is in them, and whether they can ever be stored.

use serde::Deserialize;
use wire::{DeadLetter, Envelope, PortalId, Portals, RetryMessage, Via};

use crate::aws::kinesis::RECORDS_MAX;
use crate::delivery::Parcel;

/// Where records are set aside in a long outage.
pub const SPILL_PREFIX: &str = "spill/";
/// Whose a dead letter is when nothing tells; no portal may have this name.
const NOBODY: &str = "unknown";
/// Where dead letters are kept for a person.
pub const DEAD_PREFIX: &str = "dead/";
/// First wait of a message after a failure of our own store, seconds; doubled with each delivery.
const STORE_DELAY_FIRST_S: u32 = 30;
/// Longest such wait: an hour. The hundred deliveries of a queue then last about as long as it keeps a message, four days.
const STORE_DELAY_MAX_S: u32 = 3_600;
/// Most bytes of one message, with the hundred that the platform adds: 128,000
/// (<https://developers.cloudflare.com/queues/platform/limits/>).
pub const MESSAGE_BYTES_MAX: usize = 128_000 - 100;
/// Most messages and bytes of one `sendBatch`; the local platform takes more than the real one.
pub const BATCH_MESSAGES_MAX: usize = 100;
/// See [`BATCH_MESSAGES_MAX`].
pub const BATCH_BYTES_MAX: usize = 256_000;
/// Most bytes of the records of one `PutRecords`: 5 MiB, less what base64 and the JSON around it add.
pub const PUT_BYTES_MAX: usize = 3_500_000;
/// One record that breaks a limit makes Kinesis refuse its whole call: a mebibyte with its key, and keys of 1 to 256 characters
/// (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html>).
const RECORD_BYTES_MAX: usize = 1_048_576;
/// See [`RECORD_BYTES_MAX`].
const KEY_CHARS_MAX: usize = 256;

/// A message as the platform delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its text.
    pub text: String,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
}

/// What a message carries, ready for another attempt.
///
/// # Errors
/// A dead letter when it can never be stored: undecodable, of a portal that no longer exists, in the name of another portal,
/// or past a limit of the stream.
pub fn read(message: &Delivered, via: Via, portals: &Portals, now_ms: u64) -> Result<Parcel, DeadLetter> {
    let tried_before = message.deliveries.saturating_sub(1);
    let dead = |reason, attempts| dead_letter(reason, attempts, &message.text, now_ms);
    let RetryMessage { header, record } = RetryMessage::parse(&message.text).map_err(|_| dead("undecodable", tried_before))?;
    let attempts = header.attempts.saturating_add(tried_before);
    if portals.get(header.portal.as_str()).is_none() {
        return Err(dead("unknown_portal", attempts));
    }
    let mut envelope = Envelope::parse(record.as_bytes()).map_err(|_| dead("undecodable", attempts))?;
    if envelope.batch.portal != header.portal {
        return Err(dead("other_portal", attempts));
    }
    envelope.edge.via = via;
    envelope.edge.attempts = attempts.saturating_add(1);
    let data = envelope.to_record().map_err(|_| dead("undecodable", attempts))?;
    let key_chars = header.key.chars().count();
    if key_chars == 0 || key_chars > KEY_CHARS_MAX || data.len() + header.key.len() > RECORD_BYTES_MAX {
        return Err(dead("over_limit", attempts));
    }
    Ok(Parcel { portal: header.portal, key: header.key, data, attempts, first_failed_at_ms: Some(header.first_failed_at_ms) })
}

/// What becomes of a message that the platform itself gave up, after `max_retries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUp {
    /// It can still be stored: set aside, the cron tries it for ever.
    SetAside {
        /// Whose stream.
        portal: PortalId,
        /// The message.
        text: String,
    },
    /// It never can.
    Dead(DeadLetter),
}

/// Only poison waits for a person; what failed for a passing reason is set aside and tried again by itself.
#[must_use]
pub fn given_up(message: &Delivered, portals: &Portals, now_ms: u64) -> GivenUp {
    match read(message, Via::Spill, portals, now_ms) {
        Ok(parcel) => GivenUp::SetAside { portal: parcel.portal, text: message.text.clone() },
        Err(letter) => GivenUp::Dead(letter),
    }
}

/// A message that is kept for a person.
#[must_use]
pub fn dead_letter(reason: &str, attempts: u32, body: &str, now_ms: u64) -> DeadLetter {
    DeadLetter { v: 1, reason: reason.to_owned(), attempts, at_ms: now_ms, body: body.to_owned(), origin: None }
}

/// Where a portal's records are set aside in a long outage: apart, so that one stream that is down holds up no other.
#[must_use]
pub fn spill_prefix(portal: &PortalId) -> String {
    format!("{SPILL_PREFIX}{portal}")
}

/// How long a message waits when our own store did not take what had to go there.
#[must_use]
pub fn store_delay_s(deliveries: u32) -> u32 {
    STORE_DELAY_FIRST_S.saturating_mul(1 << deliveries.saturating_sub(1).min(16)).min(STORE_DELAY_MAX_S)
}

/// One object of `spill/<portal>/`: messages of two lines each.
#[must_use]
pub fn to_object(messages: &[String]) -> String {
    let ended = |text: &String| if text.ends_with('\n') { text.clone() } else { format!("{text}\n") };
    messages.iter().map(ended).collect()
}

/// The messages of an object. A line without its partner is one too, and becomes a dead letter when it is read.
#[must_use]
pub fn from_object(object: &str) -> Vec<String> {
    let lines: Vec<&str> = object.lines().collect();
    lines.chunks(2).map(|pair| pair.join("\n") + "\n").collect()
}

/// Which of `count` queues takes the records of a partition key: one queue takes 5,000 messages a second.
#[must_use]
pub fn queue_of(key: &str, count: u32) -> u32 {
    // FNV-1a: keys are hex digits, any spread will do.
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % count.max(1)
}

/// Cuts messages into batches that the queue takes. One that is too long for any batch stands alone, and last.
#[must_use]
pub fn batches(messages: Vec<String>) -> Vec<Vec<String>> {
    let (fitting, too_long): (Vec<_>, Vec<_>) = messages.into_iter().partition(|text| text.len() <= MESSAGE_BYTES_MAX);
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for text in fitting {
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_MESSAGES_MAX && bytes + text.len() <= BATCH_BYTES_MAX => {
                bytes += text.len();
                batch.push(text);
            }
            Some(_) | None => {
                bytes = text.len();
                batches.push(vec![text]);
            }
        }
    }
    batches.extend(too_long.into_iter().map(|text| vec![text]));
    batches
}

/// Cuts the parcels of one portal, in their order, into calls that `PutRecords` takes.
#[must_use]
pub fn calls(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let mut calls: Vec<Vec<Parcel>> = Vec::new();
    let mut bytes = 0;
    for parcel in parcels {
        bytes += parcel.data.len();
        match calls.last_mut() {
            Some(call) if call.len() < RECORDS_MAX && bytes <= PUT_BYTES_MAX => call.push(parcel),
            Some(_) | None => {
                bytes = parcel.data.len();
                calls.push(vec![parcel]);
            }
        }
    }
    calls
}

/// Whose message it was, as far as its header says; a name of its own for what says nothing, so that this too is counted.
#[must_use]
pub fn portal_of(text: &str, portals: &Portals) -> Option<PortalId> {
    #[derive(Deserialize)]
    struct Named {
        portal: String,
    }
    let named = text.lines().next().and_then(|header| serde_json::from_str::<Named>(header).ok());
    let known = named.and_then(|named| portals.get(&named.portal)).map(|portal| portal.id.clone());
    known.or_else(|| PortalId::parse(NOBODY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    const TEXT: &str = include_str!("../../wire/tests/golden/retry_message.txt");

    fn portals() -> Portals {
        Config::parse(Environment::default()).unwrap().portals
    }

    #[test]
    fn a_dead_letter_is_counted_for_its_portal_or_for_nobody() {
        let of = |text: &str| portal_of(text, &portals()).unwrap().to_string();
        assert_eq!(of(TEXT), "g1");
        for text in ["", "{}", "{\"portal\":\"gone\"}\n{}", "{\"portal\":1}", "no JSON"] {
            assert_eq!(of(text), NOBODY, "{text}");
        }
        assert!(portals().get(NOBODY).is_none());
    }

    fn delivered(text: &str, deliveries: u32) -> Delivered {
        Delivered { text: text.to_owned(), deliveries }
    }

    #[test]
    fn a_redelivered_record_says_so() {
        let parcel = read(&delivered(TEXT, 3), Via::Queue, &portals(), 1).unwrap();
        let envelope = Envelope::parse(parcel.data.as_bytes()).unwrap();
        assert_eq!((envelope.edge.via, envelope.edge.attempts), (Via::Queue, 5));
        assert_eq!((parcel.attempts, parcel.first_failed_at_ms), (4, Some(1_795_337_005_400)));
        assert!(parcel.data.ends_with('\n'));
    }

    #[test]
    fn what_can_never_be_stored_is_a_dead_letter_at_once() {
        let gone = TEXT.replacen(r#""portal":"g1""#, r#""portal":"gone""#, 1);
        let other = TEXT.replacen(r#""portal":"g1""#, r#""portal":"ge""#, 1);
        let key = |key: &str| TEXT.replacen("5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e", key, 1);
        let (header, _) = TEXT.split_once('\n').unwrap();
        for (text, reason) in [
            ("", "undecodable"),
            ("not a retry message", "undecodable"),
            (gone.as_str(), "unknown_portal"),
            (other.as_str(), "other_portal"),
            (&key(""), "over_limit"),
            (&key(&"k".repeat(257)), "over_limit"),
            (&TEXT.replace("Juros caem", &"x".repeat(RECORD_BYTES_MAX)), "over_limit"),
            (&format!("{header}\n{{}}"), "undecodable"),
        ] {
            let letter = read(&delivered(text, 1), Via::Queue, &portals(), 1).unwrap_err();
            assert_eq!((letter.reason.as_str(), letter.body.as_str()), (reason, text));
        }
        assert!(read(&delivered(&key(&"k".repeat(256)), 1), Via::Queue, &portals(), 1).is_ok());
    }

    #[test]
    fn only_poison_waits_for_a_person() {
        let set_aside = GivenUp::SetAside { portal: PortalId::parse("g1").unwrap(), text: TEXT.to_owned() };
        assert_eq!(given_up(&delivered(TEXT, 100), &portals(), 1), set_aside);
        assert!(matches!(given_up(&delivered("?", 100), &portals(), 1), GivenUp::Dead(letter) if letter.attempts == 99));
    }

    #[test]
    fn a_store_that_is_down_for_days_costs_no_message() {
        assert_eq!([1, 2, 7, 8, 100].map(store_delay_s), [30, 60, 1_920, 3_600, 3_600]);
        let hours = (1..100).map(store_delay_s).sum::<u32>() / 3_600;
        assert!(hours >= 90, "deliveries are used up after {hours} hours");
    }

    #[test]
    fn what_is_set_aside_comes_back_as_it_was() {
        let messages = vec![TEXT.to_owned(), TEXT.replace("g1", "ge"), TEXT.trim_end().to_owned()];
        let back = from_object(&to_object(&messages));
        assert_eq!(back, [TEXT, &TEXT.replace("g1", "ge"), TEXT]);
        assert_eq!(from_object(""), Vec::<String>::new());
        assert_eq!(from_object("half"), ["half\n"]);
    }

    #[test]
    fn batches_are_full_and_never_more_than_full() {
        let sizes = |count: usize, bytes: usize| batches(vec!["x".repeat(bytes); count]).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(100, 10), [100]);
        assert_eq!(sizes(101, 10), [100, 1]);
        assert_eq!(sizes(2, 127_900), [2]);
        assert_eq!(sizes(3, 127_900), [2, 1]);
        assert_eq!(sizes(100, 2_560), [100]);
        assert_eq!(sizes(100, 2_561), [99, 1]);
        assert_eq!(sizes(2, 127_901), [1, 1], "too long for the queue: each alone");
        assert_eq!(sizes(0, 1), Vec::<usize>::new());
    }

    #[test]
    fn keys_are_spread_over_the_queues_and_stay_in_theirs() {
        let mut counts = [0_u32; 4];
        for n in 0..4_000_u128 {
            let key = format!("{:032x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            let number = queue_of(&key, 4);
            assert_eq!(queue_of(&key, 4), number);
            counts[usize::try_from(number).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(queue_of("k", 1), 0);
    }

    #[test]
    fn calls_are_cut_at_records_and_bytes() {
        let parcel = |bytes: usize| Parcel {
            portal: PortalId::parse("g1").unwrap(),
            key: String::new(),
            data: "x".repeat(bytes),
            attempts: 0,
            first_failed_at_ms: None,
        };
        let counts = |count: usize, bytes: usize| calls(vec![parcel(bytes); count]).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(counts(500, 1), [500]);
        assert_eq!(counts(501, 1), [500, 1]);
        assert_eq!(counts(5, PUT_BYTES_MAX / 2), [2, 2, 1]);
        assert_eq!(counts(2, PUT_BYTES_MAX + 1), [1, 1]);
        assert_eq!(counts(0, 1), Vec::<usize>::new());
    }
}
