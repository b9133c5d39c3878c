//! Texts that are not what they seem: a page's words are taken as they are, or not at all; never cut in the middle, replaced, or made into another line.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test may panic like the test itself")]

use edge::collect::{Client, accept};
use edge::config::{Config, Environment};
use edge::salt::Salt;
use pulso_fuzz::{Chance, hostile_text};
use wire::{BODY_BYTES_MAX, Batch, Envelope, EnvelopeView, EventKind, ParsedBatch, Scalar};

/// Generated ones; row 32 of the fault matrix wants so many.
const GENERATED: u64 = 10_000;
const NOW_MS: u64 = 1_795_337_005_301;

/// A page whose title, section, event name and property are this text, as it stands between the quotes.
fn body(text: &[u8]) -> Vec<u8> {
    let head = r#"{"v":1,"portal":"g1","pageview":"01a203d9b07b5d2e8a6f1c0b9d3e7a42","consent":"cookieless","page":"article","url":"https://g1.example/a.ghtml","sent_at_ms":1795337005210,"meta":{"title":""#;
    let parts: [&[u8]; 7] = [
        head.as_bytes(),
        text,
        br#""},"events":[{"seq":0,"kind":"pageview","at_ms":1795337000123},{"seq":1,"kind":"custom","at_ms":1795337000123,"name":"share","props":{"network":""#,
        text,
        br#""}}],"later":""#,
        text,
        br#""}"#,
    ];
    parts.concat()
}

/// What a text means, by another reader of JSON than ours; `None` when it means nothing.
fn meaning(text: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", text, b"\""].concat()).ok()
}

/// Whether it was accepted; panics when it was, and is not what was sent.
fn holds(config: &Config, text: &[u8]) -> bool {
    let body = body(text);
    let parsed = match Batch::parse(&body) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(["malformed_json", "body_too_large"].contains(&error.code()), "{error}");
            let is_sound = std::str::from_utf8(&body).is_ok() && meaning(text).is_some() && body.len() <= BODY_BYTES_MAX;
            assert!(!is_sound, "refused, and nothing is wrong with it: {:?}", String::from_utf8_lossy(text));
            return false;
        }
    };
    let ParsedBatch { batch, rejected, .. } = parsed;
    let meant = meaning(text);
    let title = batch.meta.as_ref().and_then(|meta| meta.title.clone());
    let wanted = meant.as_deref().map(str::trim).filter(|text| !text.is_empty());
    match (&title, wanted) {
        (Some(title), Some(wanted)) => {
            assert!(wanted.starts_with(title.as_str()) && (title == wanted || wanted.len() > 1_024), "{title:?}");
        }
        (None, None) => {}
        (title, wanted) => panic!("{title:?} of {wanted:?}"),
    }
    let prop = batch.events.iter().find_map(|event| match &event.kind {
        EventKind::Custom { props, .. } => props.get("network").cloned(),
        _ => None,
    });
    match prop {
        Some(prop) => assert_eq!(Some(prop), meant.map(Scalar::Text)),
        None => assert_eq!(rejected.len(), 1, "a property is gone, and nobody says so"),
    }
    let accepted = accept(config, Some("https://g1.example"), Some("text/plain"), &body).unwrap();
    let envelope = accepted.into_envelope(config, &Client::default(), &Salt::own("0a"), NOW_MS);
    let record = envelope.to_record().unwrap();
    assert_eq!(record.lines().count(), 1, "{record:?}");
    assert!(!record.trim_end_matches('\n').chars().any(|c| c < ' '), "{record:?}");
    assert_eq!(Envelope::parse(record.as_bytes()).unwrap(), envelope);
    assert_eq!(EnvelopeView::parse(record.as_bytes()).unwrap().batch.meta.and_then(|meta| meta.title.map(String::from)), title);
    true
}

#[test]
fn ten_thousand_hostile_texts_are_taken_whole_or_refused() {
    let config = Config::parse(Environment::default()).unwrap();
    let mut state = 0x5eed_u64;
    let mut accepted = 0;
    for _ in 0..GENERATED {
        let bytes: Vec<u8> = (0..96)
            .map(|_| {
                // A generator of Marsaglia's (xorshift64): the same texts in each run.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        accepted += u64::from(holds(&config, &hostile_text(&mut Chance::new(&bytes))));
    }
    println!("{GENERATED} hostile texts: {accepted} accepted whole, {} refused", GENERATED - accepted);
    assert!(accepted > 1_000 && GENERATED - accepted > 1_000, "{accepted}");
}

#[test]
fn each_kind_of_hostile_text_is_judged_as_it_should_be() {
    let config = Config::parse(Environment::default()).unwrap();
    for (text, is_accepted) in [
        (&b"plain"[..], true),
        ("\u{feff}mark".as_bytes(), true),
        ("\u{202e}txt.exe".as_bytes(), true),
        ("a\u{2028}b\u{2029}c".as_bytes(), true),
        ("\u{10ffff}\u{1f468}\u{200d}\u{1f469}".as_bytes(), true),
        (r"\u0000".as_bytes(), true),
        (r"\ud83d\ude00".as_bytes(), true),
        ("e\u{301}".repeat(900).as_bytes(), true),
        (b"\x00", false),
        (b"\n", false),
        (b"\xc0\xaf", false),
        (b"\xed\xa0\x80", false),
        (b"\xf4\x90\x80\x80", false),
        (b"\xff", false),
        (b"\xe2\x82", false),
        (br"\x41", false),
    ] {
        assert_eq!(holds(&config, text), is_accepted, "{:?}", String::from_utf8_lossy(text));
    }
}
