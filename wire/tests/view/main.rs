//! The two ways of reading a record agree with each other, and with what serde's derives would read.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "the helpers of a test may panic like the test itself")]

mod derived;
mod made;

use made::Random;
use wire::{Envelope, EnvelopeView, Event};

const GOLDEN: &[u8] = include_bytes!("../golden/envelope.json");

/// An error without its words, which name the type.
fn place(error: &wire::Error) -> (&'static str, usize, usize) {
    match error {
        wire::Error::MalformedJson { line, column, .. } => (error.code(), *line, *column),
        other => (other.code(), 0, 0),
    }
}

/// Both refuse it at the same place, or both read the same; whether they read it.
fn agree(record: &[u8]) -> bool {
    let text = || String::from_utf8_lossy(record).into_owned();
    let (envelope, view) = match (Envelope::parse(record), EnvelopeView::parse(record)) {
        (Ok(envelope), Ok(view)) => (envelope, view),
        (Err(one), Err(other)) => {
            assert_eq!(place(&one), place(&other), "{}", text());
            return false;
        }
        (one, other) => panic!("{one:?}, but the view {other:?}: {}", text()),
    };
    let (batch, edge) = (&envelope.batch, &envelope.edge);
    assert_eq!(view.v, envelope.v);
    assert_eq!(view.batch.portal, batch.portal.as_str());
    assert_eq!((view.batch.pageview, view.batch.visitor), (batch.pageview, batch.visitor));
    assert_eq!((view.batch.consent, view.batch.page), (batch.consent, batch.page));
    assert_eq!(view.batch.url, batch.url);
    assert_eq!(view.batch.item(), batch.item().as_ref().map(wire::Item::as_str), "{}", text());
    let meta = view.batch.meta.map(|meta| wire::Meta {
        title: meta.title.map(Into::into),
        section: meta.section.map(Into::into),
        published_at_ms: meta.published_at_ms,
        image: meta.image.map(Into::into),
    });
    assert_eq!(meta, batch.meta);
    assert_eq!((view.batch.sent_at_ms, view.batch.dropped, view.batch.bot), (batch.sent_at_ms, batch.dropped, batch.bot));
    assert_eq!(view.batch.events.into_iter().map(Event::from).collect::<Vec<_>>(), batch.events);
    assert_eq!((view.edge.received_at_ms, view.edge.skew_ms, view.edge.visitor), (edge.received_at_ms, edge.skew_ms, edge.visitor));
    assert_eq!(view.edge.network, edge.network);
    assert_eq!((&*view.edge.country, &*view.edge.region), (&*edge.country, &*edge.region));
    assert_eq!((&*view.edge.os, &*view.edge.device), (&*edge.os, &*edge.device));
    assert_eq!((&*view.edge.browser, view.edge.trust, view.edge.bot), (&*edge.browser, edge.trust, edge.bot));
    assert_eq!((view.edge.source, view.edge.via, view.edge.attempts), (edge.source, edge.via, edge.attempts));
    true
}

/// What the derives read of it, as text again; `None` when they refuse it.
fn by_derives(record: &[u8]) -> Option<String> {
    let envelope: derived::Envelope = serde_json::from_slice(record).ok()?;
    serde_json::to_string(&envelope).ok()
}

/// Reads as the derives do, and the view agrees; whether it is read.
fn holds(record: &[u8]) -> bool {
    let is_read = agree(record);
    let ours = serde_json::from_slice::<Envelope>(record).ok().map(|envelope| serde_json::to_string(&envelope).unwrap());
    assert_eq!(ours, by_derives(record), "{}", String::from_utf8_lossy(record));
    is_read
}

#[test]
fn the_golden_record_reads_the_same_in_every_way() {
    assert!(holds(GOLDEN));
    let value: serde_json::Value = serde_json::from_slice(GOLDEN).unwrap();
    assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), Envelope::parse(GOLDEN).unwrap());
}

#[test]
fn made_records_read_the_same_with_their_keys_in_any_order() {
    let mut random = Random(1);
    let read = (0..5_000).filter(|_| holds(made::shuffled(&made::envelope(&mut random), &mut random).as_bytes())).count();
    assert!(read > 2_500, "only {read} of 5000 were read: the test has lost its sense");
}

/// Written by us, a record takes the view's fast way: here two pieces of code are held against each other.
#[test]
fn records_as_the_edge_writes_them_read_the_same_whole_and_spoilt() {
    let mut random = Random(4);
    let mut written = 0;
    for _ in 0..4_000 {
        let Ok(envelope) = Envelope::parse(made::envelope(&mut random).to_string().as_bytes()) else { continue };
        let mut record = envelope.to_record().unwrap().into_bytes();
        assert!(holds(&record));
        made::spoil_bytes(&mut record, &mut random);
        agree(&record);
        written += 1;
    }
    assert!(written > 2_000, "{written}");
}

#[test]
fn records_with_a_spoilt_field_are_read_or_refused_alike() {
    let mut random = Random(2);
    let mut read = 0;
    for _ in 0..6_000 {
        let mut value = made::envelope(&mut random);
        made::spoil_field(&mut value, &mut random);
        read += usize::from(holds(made::shuffled(&value, &mut random).as_bytes()));
    }
    assert!((100..5_000).contains(&read), "{read}");
}

#[test]
fn records_with_spoilt_bytes_are_read_or_refused_alike() {
    let mut random = Random(3);
    for round in 0..8_000 {
        let mut record =
            if round % 2 == 0 { GOLDEN.to_vec() } else { made::shuffled(&made::envelope(&mut random), &mut random).into_bytes() };
        for _ in 0..=random.below(2) {
            made::spoil_bytes(&mut record, &mut random);
        }
        agree(&record);
        // The derives are stricter in fields that nobody knows, where a spoilt byte can make what only a reader of the value refuses.
        if by_derives(&record).is_some() {
            holds(&record);
        }
    }
}

#[test]
fn a_kind_is_a_name_and_not_a_number() {
    // The derives would take 0 for `pageview`. Nobody ever wrote that, and it would change its meaning with the order of the code.
    let text = std::str::from_utf8(GOLDEN).unwrap().replacen("\"kind\":\"pageview\"", "\"kind\":0", 1);
    assert!(by_derives(text.as_bytes()).is_some());
    assert!(!agree(text.as_bytes()));
}

#[test]
fn what_nobody_knows_may_be_anything() {
    for later in ["1e999", "\"\\ud800\"", &format!("{}{}", "[".repeat(500), "]".repeat(500))] {
        let text =
            std::str::from_utf8(GOLDEN).unwrap().replacen("\"kind\":\"pageview\"", &format!("\"kind\":\"pageview\",\"later\":{later}"), 1);
        assert!(agree(text.as_bytes()), "{later}");
    }
}
