//! Messages that browsers, queues, editors and portals wrote: no panic, what is accepted is within its limits and reads again as it was.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test itself")]

use bolero::check;
use edge::collect::Client;
use edge::config::{Config, Environment};
use edge::retry::{self, Delivered};
use edge::salt::Salt;
use pulso_fuzz::{Chance, Tally, inputs, spoilt, spoilt_text};
use serde::Serialize;
use wire::{Batch, Cards, Catalogue, DeadLetter, EVENTS_MAX, Envelope, EnvelopeView, EventKind, ParsedBatch, RetryMessage, Rules, Via};

const BATCH: &[u8] = include_bytes!("../../../wire/tests/golden/batch.json");
const ENVELOPE: &[u8] = include_bytes!("../../../wire/tests/golden/envelope.json");
const RETRY: &str = include_str!("../../../wire/tests/golden/retry_message.txt");
const DEAD: &[u8] = include_bytes!("../../../wire/tests/golden/dead_letter.json");
const RULES: &[u8] = include_bytes!("../../../wire/tests/golden/rules.json");
const CATALOGUE: &[u8] = include_bytes!("../../../wire/tests/golden/catalogue.json");
const CARDS: &[u8] = include_bytes!("../../../wire/tests/golden/cards.json");
/// A second page, so that parts of one can come into the other.
const OTHER_BATCH: &[u8] = br#"{"v":1,"portal":"ge","pageview":"01a203d9b07b5d2e8a6f1c0b9d3e7a43","consent":"cookieless","page":"front","url":"https://ge.example/?q=1#x","item":"https://ge.example/a,b.html","referrer":"android-app://x","meta":{"title":"  a\u00e9\ud83d\ude00 ","published_at_ms":"2026-11-22T10:00:00Z","image":"//s.ge.example/i.png"},"user":4711,"sent_at_ms":1795337005210,"dropped":3,"bot":true,"events":[{"seq":7,"kind":"custom","at_ms":1795337000123,"name":"video","props":{"ms":1.5,"on":true,"x":"y"}},{"seq":8,"kind":"click","at_ms":1795337000124,"href":"mailto:a@b.example","link":"mail"}]}"#;
const NOW_MS: u64 = 1_795_337_005_301;

fn config() -> Config {
    Config::parse(Environment { identify_secret: Some("hush".to_owned()), ..Environment::default() }).unwrap()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// What a batch promises to whoever reads the stream.
fn assert_within_limits(batch: &Batch) {
    assert!((1..=EVENTS_MAX).contains(&batch.events.len()));
    assert!(batch.url.len() <= 2_048 && batch.referrer.as_ref().is_none_or(|referrer| referrer.len() <= 2_048));
    assert!(batch.item.as_ref().is_none_or(|item| item.as_str().len() <= 512));
    let meta = batch.meta.clone().unwrap_or_default();
    assert!([meta.title, meta.section].iter().flatten().all(|text| text.len() <= 1_024));
    assert!(meta.image.is_none_or(|image| image.len() <= 2_048));
    let mut seqs: Vec<u32> = batch.events.iter().map(|event| event.seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), batch.events.len(), "a seq comes twice");
    for event in &batch.events {
        match &event.kind {
            EventKind::Engagement { scroll_pct, .. } => assert!(*scroll_pct <= 100),
            EventKind::Impression { items, .. } => assert!(items.len() <= 50),
            EventKind::Custom { props, .. } => assert!(props.len() <= 32),
            EventKind::Pageview | EventKind::Click { .. } => {}
        }
    }
}

/// One line of JSON, which every reader of the stream takes for the same.
fn assert_is_record(envelope: &Envelope) {
    let record = envelope.to_record().unwrap();
    assert!(record.ends_with('\n') && !record.trim_end_matches('\n').contains(['\n', '\r']), "{record:?}");
    let value: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(value.get("v"), Some(&1.into()));
    assert_eq!(&Envelope::parse(record.as_bytes()).unwrap(), envelope);
    assert_eq!(EnvelopeView::parse(record.as_bytes()).unwrap().batch.events.len(), envelope.batch.events.len());
}

#[test]
fn batches() {
    static TALLY: Tally = Tally::new("batches");
    let config = config();
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let body = spoilt(&[BATCH, OTHER_BATCH], &mut Chance::new(bytes));
        let parsed = Batch::parse(&body);
        TALLY.note(parsed.is_ok());
        let Ok(ParsedBatch { batch, .. }) = parsed else { return };
        assert_within_limits(&batch);
        let again = json(&batch);
        let origin = format!("https://{}.example", batch.portal);
        if let Ok(accepted) = edge::collect::accept(&config, Some(&origin), Some("text/plain"), &body) {
            assert_eq!(accepted.answer().accepted, batch.events.len());
            assert_is_record(&accepted.into_envelope(&config, &Client::default(), &Salt::own("0a"), NOW_MS));
        }
        if again.len() <= wire::BODY_BYTES_MAX {
            let ParsedBatch { batch: same, rejected, ignored } = Batch::parse(&again).unwrap();
            assert_eq!(same, batch, "{}", String::from_utf8_lossy(&again));
            assert!(rejected.is_empty() && ignored.is_empty(), "{rejected:?} {ignored:?} {}", String::from_utf8_lossy(&again));
        }
    });
    TALLY.end(50);
}

#[test]
fn envelopes() {
    static TALLY: Tally = Tally::new("envelopes");
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let record = spoilt(&[ENVELOPE], &mut Chance::new(bytes));
        let (envelope, view) = (Envelope::parse(&record), EnvelopeView::parse(&record));
        TALLY.note(envelope.is_ok());
        assert_eq!(envelope.is_ok(), view.is_ok(), "{}", String::from_utf8_lossy(&record));
        let (Ok(envelope), Ok(view)) = (envelope, view) else { return };
        assert_eq!((view.batch.pageview, view.edge.visitor), (envelope.batch.pageview, envelope.edge.visitor));
        assert_eq!(view.batch.events.len(), envelope.batch.events.len());
        assert_is_record(&envelope);
    });
    TALLY.end(50);
}

#[test]
fn queue_messages() {
    static TALLY: Tally = Tally::new("queue messages");
    // Half of one in the name of the other.
    let other = RETRY.replace("\"g1\"", "\"ge\"");
    let config = config();
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let deliveries = u32::from(chance.byte());
        let text = spoilt_text(&[RETRY, &other], &mut chance);
        let message = Delivered { text: text.clone(), deliveries };
        let read = retry::read(&message, Via::Queue, &config.portals, NOW_MS);
        TALLY.note(read.is_ok());
        match read {
            Ok(parcel) => {
                assert!(parcel.data.ends_with('\n') && parcel.data.lines().count() == 1 && parcel.attempts >= deliveries.saturating_sub(1));
                assert_eq!(Envelope::parse(parcel.data.as_bytes()).unwrap().batch.portal, parcel.portal);
            }
            // A dead letter keeps the whole message.
            Err(letter) => assert_eq!(letter.body, text),
        }
        if let Ok(message) = RetryMessage::parse(&text) {
            assert_eq!(RetryMessage::parse(&message.to_text().unwrap()).unwrap(), message);
        }
        // What is set aside comes back, message by message, when each has its two lines.
        let whole = RETRY.to_owned();
        let object = retry::to_object(&[whole.clone(), text.clone()]);
        assert_eq!(retry::from_object(&object).first(), Some(&whole));
        let _ = retry::from_object(&text);
    });
    TALLY.end(50);
}

/// Those who publish know the secret; their files are held to the same.
#[test]
fn published_files() {
    static TALLY: Tally = Tally::new("published files");
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let is_good = match chance.below(4) {
            0 => {
                let bytes = spoilt(&[RULES], &mut chance);
                let _ = Rules::parse_strictly(&bytes);
                let rules = Rules::parse(&bytes);
                rules.as_ref().map(|rules| assert_eq!(&Rules::parse_strictly(&json(rules)).unwrap(), rules)).is_ok()
            }
            1 => {
                let catalogue = Catalogue::parse(&spoilt(&[CATALOGUE], &mut chance));
                catalogue.as_ref().map(|catalogue| assert_eq!(&Catalogue::parse(&json(catalogue)).unwrap(), catalogue)).is_ok()
            }
            2 => {
                let cards = Cards::parse(&spoilt(&[CARDS], &mut chance));
                cards.as_ref().map(|cards| assert_eq!(&Cards::parse(&json(cards)).unwrap(), cards)).is_ok()
            }
            _ => {
                let letter = serde_json::from_slice::<DeadLetter>(&spoilt(&[DEAD], &mut chance));
                letter.as_ref().map(|letter| assert_eq!(&serde_json::from_slice::<DeadLetter>(&json(letter)).unwrap(), letter)).is_ok()
            }
        };
        TALLY.note(is_good);
    });
    TALLY.end(50);
}
