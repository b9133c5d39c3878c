use super::*;

const GOOD: &str = include_str!("../tests/golden/batch.json");

fn changed(from: &str, to: &str) -> Result<ParsedBatch, Error> {
    assert!(GOOD.contains(from), "{from} is not in the golden batch");
    Batch::parse(GOOD.replace(from, to).as_bytes())
}

#[test]
fn every_truncation_is_refused_without_a_panic() {
    let good = GOOD.trim_end().as_bytes();
    for end in 0..good.len() {
        let error = Batch::parse(&good[..end]).unwrap_err();
        assert_eq!(error.code(), "malformed_json", "cut at {end}");
    }
}

/// Bytes of a good batch changed at random, most of which is still JSON.
#[test]
fn one_pass_takes_nothing_that_field_by_field_does_not() {
    const PARTS: &[&str] =
        &["null", "0", "-1", "1e3", "\"\"", "[]", "{}", "true", "\"x\"", ",\"seq\":1", "9007199254740993", "\\u0000", "/"];
    let mut random = 0x9e37_79b9_u64;
    let mut below = |count: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % count
    };
    let (mut taken, mut left) = (0, 0);
    for _ in 0..20_000 {
        let mut text = GOOD.trim_end().as_bytes().to_vec();
        let ends: Vec<usize> = (0..text.len()).filter(|at| b",:[]{}".contains(&text[*at])).collect();
        let (from, to) = (below(ends.len() - 1), below(3));
        let part = PARTS[below(PARTS.len())];
        text.splice(ends[from] + 1..ends[(from + to).min(ends.len() - 1)].max(ends[from] + 1), part.bytes());
        match UsualBatch::parse(&text) {
            Some(parsed) => {
                assert_eq!(Ok(parsed), Batch::parse_by_field(&text), "{}", String::from_utf8_lossy(&text));
                taken += 1;
            }
            None => left += 1,
        }
    }
    assert!(taken > 500 && left > 500, "{taken} {left}");
}

#[test]
fn a_bad_event_does_not_spoil_its_siblings() {
    let parsed = changed(r#""position":2"#, r#""position":-2"#).unwrap();
    assert_eq!(parsed.batch.events.len(), 4);
    assert_eq!(parsed.rejected, [Rejected { index: 2, code: "bad_position".into() }]);
}

#[test]
fn a_reader_has_a_name_or_a_number() {
    let user = |value: &str| {
        let parsed = changed(r#""consent""#, &format!(r#""user":{value},"consent""#)).unwrap();
        (parsed.batch.user, parsed.ignored.len())
    };
    assert_eq!(user("\"ana\""), (Some("ana".to_owned()), 0));
    assert_eq!(user("4711"), (Some("4711".to_owned()), 0));
    assert_eq!(user("null"), (None, 0));
    assert_eq!([user("\"\""), user("[1]"), user(&format!("\"{}\"", "x".repeat(129)))], [(None, 1), (None, 1), (None, 1)]);
}

#[test]
fn a_repeated_seq_is_refused() {
    let parsed = changed(r#""seq":3"#, r#""seq":2"#).unwrap();
    assert_eq!(parsed.rejected, [Rejected { index: 3, code: "duplicate_seq".into() }]);
}

#[test]
fn errors_name_what_is_wrong() {
    for (from, to, message) in [
        (r#""v":1"#, r#""v":2"#, "version 2 is not supported, send 1"),
        (r#""portal":"g1","#, "", "field portal is missing"),
        (r#""portal":"g1""#, r#""portal":"G1""#, "field portal must be 1 to 32 of a-z, 0-9 and -"),
        (r#""portal":"g1""#, r#""portal":7"#, "field portal must be 1 to 32 of a-z, 0-9 and -"),
        (r#""consent":"full""#, r#""consent":"off""#, "field consent must be full or cookieless"),
        (r#""dropped":0"#, r#""dropped":"0""#, "field dropped must be a whole number"),
        (r#""sent_at_ms":1795337005210"#, r#""sent_at_ms":-1"#, "field sent_at_ms must be Unix time in milliseconds"),
    ] {
        assert_eq!(changed(from, to).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_is_no_batch_has_its_own_code() {
    for (body, code) in [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ("[]", "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "missing_field"),
        ("\u{feff}{}", "malformed_json"),
    ] {
        assert_eq!(Batch::parse(body.as_bytes()).unwrap_err().code(), code, "{body}");
    }
    assert_eq!(Batch::parse(&[0xff, 0xfe]).unwrap_err().code(), "malformed_json");
    assert_eq!(Batch::parse(&vec![b' '; BODY_BYTES_MAX + 1]).unwrap_err().code(), "body_too_large");
    let deep = "[".repeat(60_000);
    assert_eq!(Batch::parse(deep.as_bytes()).unwrap_err().code(), "malformed_json");
}

#[test]
fn event_counts_have_limits() {
    let event = |seq: usize| format!(r#"{{"seq":{seq},"kind":"pageview","at_ms":1795337000123}}"#);
    let with = |count: usize| {
        let events = (0..count).map(event).collect::<Vec<_>>().join(",");
        let head = GOOD.split(r#""events""#).next().unwrap();
        Batch::parse(format!(r#"{head}"events":[{events}]}}"#).as_bytes())
    };
    assert_eq!(with(0).unwrap_err(), Error::NoEvents);
    assert_eq!(with(EVENTS_MAX).unwrap().batch.events.len(), EVENTS_MAX);
    assert_eq!(with(EVENTS_MAX + 1).unwrap_err(), Error::TooManyEvents { count: 101 });
}

#[test]
fn the_item_defaults_to_the_path_of_the_address() {
    let parsed = changed(r#""item":"/economia/noticia/juros.ghtml","#, "").unwrap();
    assert_eq!(parsed.batch.item().unwrap().as_str(), "/economia/noticia/juros.ghtml");
}
