//! Bodies that are made to hurt: deep, wide, twice the same, and numbers that are none. Each is refused with a reason or does no harm.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use wire::{BODY_BYTES_MAX, Batch, Error, ParsedBatch};

const GOOD: &str = include_str!("golden/batch.json");

/// With a field of the batch, or of its first event, besides.
fn with(place: &str, field: &str) -> Result<ParsedBatch, Error> {
    assert!(GOOD.contains(place), "{place}");
    Batch::parse(GOOD.replacen(place, &format!("{field},{place}"), 1).as_bytes())
}

fn code(result: Result<ParsedBatch, Error>) -> String {
    match result {
        Ok(parsed) if parsed.rejected.is_empty() => "accepted".to_owned(),
        Ok(parsed) => parsed.rejected.first().unwrap().code.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

/// Runs on a stack of 256 KiB, a quarter of what a worker has: what recurses with the depth of a body dies here.
fn on_a_small_stack(act: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(262_144).spawn(act).unwrap().join().unwrap();
}

#[test]
fn depth_hurts_nobody() {
    on_a_small_stack(|| {
        for depth in [10, 17, 127, 129, 1_000, 20_000, 30_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                if GOOD.len() + nested.len() + 64 > BODY_BYTES_MAX {
                    continue;
                }
                // What nobody knows is passed over.
                assert_eq!(code(with("\"consent\"", &format!("\"later\":{nested}"))), "accepted", "{depth}");
                assert_eq!(code(with("\"seq\":0", &format!("\"later\":{nested}"))), "accepted", "{depth}");
                // Properties are flat.
                assert_eq!(code(with("\"network\"", &format!("\"deep\":{nested}"))), "bad_props", "{depth}");
                for (field, expected) in [
                    ("item", "accepted"),
                    ("url", "bad_field"),
                    ("events", if open == "[" { "no_valid_event" } else { "bad_field" }),
                    ("user", "accepted"),
                ] {
                    let body = format!("{{\"{field}\":{nested},{}", replaced(field));
                    assert_eq!(code(Batch::parse(body.as_bytes())), expected, "{field} {depth}");
                }
            }
        }
        for depth in [1_000, BODY_BYTES_MAX, 100_000] {
            for bomb in ["[".repeat(depth), "{\"a\":".repeat(depth), "[{\"a\":".repeat(depth)] {
                let refused = code(Batch::parse(bomb.as_bytes()));
                assert!(["malformed_json", "body_too_large"].contains(&refused.as_str()), "{refused}");
            }
        }
    });
}

/// The golden batch without its brace and without a field.
fn replaced(field: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(GOOD).unwrap();
    let mut fields = value.as_object().unwrap().clone();
    fields.remove(field);
    serde_json::Value::Object(fields).to_string()[1..].to_owned()
}

#[test]
fn width_hurts_nobody() {
    let wide = |count: usize| (0..count).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",");
    assert_eq!(code(with("\"consent\"", &format!("\"later\":{{{}}}", wide(5_000)))), "accepted");
    assert_eq!(code(with("\"consent\"", &wide(5_000))), "accepted");
    assert_eq!(code(with("\"network\"", &wide(31))), "accepted");
    assert_eq!(code(with("\"network\"", &wide(32))), "bad_props");
    assert_eq!(code(with("\"network\"", &wide(5_000))), "bad_props");
    let million = format!("{{{}}}", wide(1_000_000));
    assert_eq!(code(Batch::parse(million.as_bytes())), "body_too_large");
}

#[test]
fn a_key_twice_is_refused_or_the_last_one_counts() {
    assert_eq!(code(with("\"consent\"", "\"consent\":\"cookieless\"")), "malformed_json");
    assert_eq!(code(with("\"portal\"", "\"portal\":\"ge\"")), "malformed_json");
    assert_eq!(code(with("\"seq\":0", "\"seq\":7")), "not_an_object");
    assert_eq!(code(with("\"network\"", "\"network\":\"x\"")), "accepted");
}

#[test]
fn numbers_that_are_none_cost_their_event_or_their_batch_and_nothing_else() {
    for number in ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10"] {
        let body = GOOD.replacen("\"dropped\":0", &format!("\"dropped\":{number}"), 1);
        assert_eq!(code(Batch::parse(body.as_bytes())), "malformed_json", "{number}");
    }
    for number in ["1e999", "-0", "-1", "1.5", "9007199254740993", "18446744073709551616", "1e3", "\"1\"", "null", "true"] {
        let seq = code(Batch::parse(GOOD.replacen("\"seq\":1", &format!("\"seq\":{number}"), 1).as_bytes()));
        let at = code(Batch::parse(GOOD.replacen("\"at_ms\":1795337000123", &format!("\"at_ms\":{number}"), 1).as_bytes()));
        let engaged = code(Batch::parse(GOOD.replacen("\"engaged_ms\":4810", &format!("\"engaged_ms\":{number}"), 1).as_bytes()));
        assert!(seq == "bad_seq" || seq == "missing_seq", "{number}: {seq}");
        assert!(at == "accepted" && number == "9007199254740993" || at == "bad_at_ms" || at == "missing_at_ms", "{number}: {at}");
        assert!(engaged == "bad_engaged_ms" || engaged == "missing_engaged_ms", "{number}: {engaged}");
    }
    // In a property a number is a number, as far as JSON has them.
    for (number, expected) in [("-0", "accepted"), ("9007199254740993", "accepted"), ("1e308", "accepted"), ("1e999", "bad_props")] {
        assert_eq!(code(with("\"network\"", &format!("\"n\":{number}"))), expected, "{number}");
    }
    let exact = with("\"network\"", "\"n\":9007199254740993").unwrap();
    assert!(serde_json::to_string(&exact.batch).unwrap().contains("\"n\":9007199254740993"));
}
