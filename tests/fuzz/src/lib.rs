//! Hostile inputs: good messages that were spoilt. Random bytes alone would not get past the first brace.
//!
//! What a target draws is bytes of chance; here they become a text. So the engine can make a finding shorter, and play it again.

use std::sync::atomic::{AtomicU64, Ordering};

/// What breaks parsers: numbers at the edges of their types, escapes, halves of pairs, invisible characters, deep and repeated things.
pub const WORDS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "1e-999",
    "NaN",
    "Infinity",
    "0.1",
    "1.0",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "01",
    "0x10",
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[]]",
    "\"\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\ufeff\"",
    "\"\\u202e\"",
    "\"\\u2028\"",
    "\"\u{0}\"",
    "\"\u{feff}\"",
    "\"\u{202e}\"",
    "\"\u{2028}\"",
    "\"\u{1f468}\u{200d}\u{1f469}\"",
    "\"e\u{301}\u{301}\u{301}\u{301}\"",
    "\"\\\"",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\r\n",
    "\t",
    "\u{b}",
    "//",
    "/*",
    "%",
    "%00",
    "%2f",
    "%ff",
    "&",
    "=",
    "+",
    "#",
    "?",
    "/",
    "..",
    "//evil.example/",
    "javascript:",
    "data:text/html,x",
    "https://",
    "http://a@b/",
    "*",
    "*.",
    "\u{ff}",
    "\u{10ffff}",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// Longest input that is made, bytes; a little more than the largest body.
const BYTES_MAX: usize = 70_000;

/// Draws from the bytes that a target was given; when they end, always 0.
#[derive(Debug)]
pub struct Chance<'a>(&'a [u8]);

impl<'a> Chance<'a> {
    /// Of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below this one, which is at least 1 and at most 2^24.
    pub fn below(&mut self, bound: usize) -> usize {
        let drawn = usize::from(self.byte()) << 16 | usize::from(self.byte()) << 8 | usize::from(self.byte());
        drawn % bound.max(1)
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.below(all.len());
        #[expect(clippy::indexing_slicing, reason = "below() is below the length; there are no choices of nothing")]
        all[at]
    }

    /// All bytes that are left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// One of the good messages, spoilt in up to four ways; sometimes none of them but noise.
#[must_use]
pub fn spoilt(good: &[&[u8]], chance: &mut Chance<'_>) -> Vec<u8> {
    if chance.byte() < 8 {
        return chance.rest().to_vec();
    }
    let mut bytes = chance.of(good).to_vec();
    for _ in 0..chance.below(5) {
        spoil(&mut bytes, good, chance);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// The same as text: bytes that are none become U+FFFD.
#[must_use]
pub fn spoilt_text(good: &[&str], chance: &mut Chance<'_>) -> String {
    let good: Vec<&[u8]> = good.iter().map(|text| text.as_bytes()).collect();
    String::from_utf8_lossy(&spoilt(&good, chance)).into_owned()
}

fn spoil(bytes: &mut Vec<u8>, good: &[&[u8]], chance: &mut Chance<'_>) {
    let at = chance.below(bytes.len() + 1);
    let end = (at + 1 + chance.below(24)).min(bytes.len()).max(at);
    match chance.below(12) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes.get(at..end).unwrap_or_default().repeat(1 + chance.below(40));
            drop(bytes.splice(at..at, again));
        }
        4 => {
            let other = chance.of(good);
            let from = chance.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
        5 => drop(bytes.splice(at..at, chance.of(WORDS).bytes())),
        6 => drop(bytes.splice(at..at, [chance.byte()])),
        7 => nest(bytes, at, chance),
        8 => repeat_key(bytes, at),
        _ => replace_value(bytes, at, chance),
    }
}

/// Many brackets, open or closed again.
fn nest(bytes: &mut Vec<u8>, at: usize, chance: &mut Chance<'_>) {
    let (open, close) = chance.of(&[("[", "]"), ("{\"a\":", "}"), ("[", "")]);
    let depth = chance.of(&[3, 15, 16, 17, 127, 128, 129, 5_000]);
    let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
    drop(bytes.splice(at..at, nested.into_bytes()));
}

/// The member of an object that begins after here, once more with another value behind it.
fn repeat_key(bytes: &mut Vec<u8>, at: usize) {
    let Some((from, to)) = member(bytes, at) else { return };
    let again = bytes.get(from..to).unwrap_or_default().to_vec();
    drop(bytes.splice(from..from, again.into_iter().chain([b','])));
}

/// Puts a strange value where the next one stands.
fn replace_value(bytes: &mut Vec<u8>, at: usize, chance: &mut Chance<'_>) {
    let Some((from, to)) = member(bytes, at) else { return };
    let Some(colon) = bytes.get(from..to).and_then(|member| member.iter().position(|byte| *byte == b':')) else { return };
    drop(bytes.splice(from + colon + 1..to, chance.of(WORDS).bytes()));
}

/// Where the next `"key":value` begins and ends, roughly: values with commas are cut at the first.
fn member(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = at + bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
    let length = bytes.get(from..)?.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    Some((from, from + length))
}

/// How many inputs each target gets: `PULSO_FUZZ_INPUTS`, else what takes seconds in a debug build.
#[must_use]
pub fn inputs() -> usize {
    std::env::var("PULSO_FUZZ_INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

/// What a target did. One that accepts nothing, or everything, has lost its sense.
#[derive(Debug)]
pub struct Tally {
    name: &'static str,
    tried: AtomicU64,
    accepted: AtomicU64,
}

impl Tally {
    /// Of a target.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, tried: AtomicU64::new(0), accepted: AtomicU64::new(0) }
    }

    /// Counts one input.
    pub fn note(&self, is_accepted: bool) {
        self.tried.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(u64::from(is_accepted), Ordering::Relaxed);
    }

    /// Says the totals; at least so many of a thousand have to be accepted, and as many refused.
    ///
    /// # Panics
    /// When they were not.
    pub fn end(&self, per_mille_min: u64) {
        let (tried, accepted) = (self.tried.load(Ordering::Relaxed), self.accepted.load(Ordering::Relaxed));
        println!("fuzz {}: {tried} inputs, {accepted} accepted, {} refused", self.name, tried - accepted);
        assert!(
            accepted * 1_000 >= tried * per_mille_min && (tried - accepted) * 1_000 >= tried * per_mille_min,
            "{}: all the same",
            self.name
        );
    }
}

/// Texts that are not what they seem, as JSON writes them between its quotes.
#[must_use]
pub fn hostile_text(chance: &mut Chance<'_>) -> Vec<u8> {
    /// Pieces of JSON strings; some are no UTF-8, some no Unicode.
    const PIECES: &[&[u8]] = &[
        b"a",
        b" ",
        b"\\u0000",
        b"\x00",
        b"\\ud800",
        b"\\udfff",
        b"\\ud83d\\ude00",
        b"\\ude00\\ud83d",
        b"\xf0\x9f\x98\x80",
        b"\xef\xbb\xbf",
        b"\\ufeff",
        b"\xe2\x80\xae",
        b"\\u202e",
        b"\xe2\x80\xa8",
        b"\\u2028",
        b"\\u2029",
        b"\xcc\x81",
        b"\xe2\x80\x8b",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\xc3",
        b"\xe2\x82",
        b"\\n",
        b"\n",
        b"\\r",
        b"\\\"",
        b"\\\\",
        b"\\x",
        b"\\u12",
        b"\xef\xbf\xbf",
        b"\xf3\xa0\x80\x81",
        b"\xd8\xa7\xd9\x84",
        b"\xe2\x81\xa6",
        b"<script>",
        b"</script>",
        b"\x7f",
        b"\xc2\x85",
    ];
    let mut text = Vec::new();
    for _ in 0..=chance.below(8) {
        let piece = chance.of(PIECES);
        // Combining marks come by the hundred.
        let times = if chance.byte() < 16 { 1 + chance.below(300) } else { 1 };
        text.extend_from_slice(&piece.repeat(times));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_that_ends_is_zero() {
        let mut chance = Chance::new(&[1, 2]);
        assert_eq!((chance.byte(), chance.byte(), chance.byte(), chance.below(7)), (1, 2, 0, 0));
    }

    #[test]
    fn without_chance_a_good_message_stays_good() {
        let good: &[&[u8]] = &[b"{\"a\":1}"];
        assert_eq!(spoilt(good, &mut Chance::new(&[255])), b"{\"a\":1}");
    }

    #[test]
    fn a_member_is_repeated_and_replaced() {
        let mut bytes = b"{\"a\":1,\"b\":2}".to_vec();
        repeat_key(&mut bytes, 0);
        assert_eq!(bytes, b"{\"a\":1,\"a\":1,\"b\":2}");
        replace_value(&mut bytes, 13, &mut Chance::new(&[]));
        assert_eq!(bytes, b"{\"a\":1,\"a\":1,\"b\":0}");
    }
}
