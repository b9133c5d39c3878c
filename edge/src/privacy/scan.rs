//! Finds personal data in a text, and puts the name of its kind there.

use super::{number, token};

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Words for people, the value of a parameter or of a property.
    Text,
    /// The path of an address. Its numbers and long hex words are articles' ids unless they say otherwise.
    Path,
}

/// A piece of personal data: from, to, and what stands there instead.
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) mask: &'static str,
}

/// Percent-encoding is looked through so many times: `%2540` is an `@` after two decoders.
const DECODED_MAX: usize = 3;

/// The text without personal data; `None` when it has none.
#[must_use]
pub fn masked(text: &str, place: Place) -> Option<String> {
    if !is_suspicious(text.as_bytes()) {
        return None;
    }
    let decoded = Decoded::of(text);
    let found = find(&decoded.bytes, place);
    if found.is_empty() {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for piece in found {
        let (start, end) = (decoded.start_of(piece.start), decoded.start_of(piece.end));
        result.push_str(text.get(done..start).unwrap_or_default());
        result.push_str(piece.mask);
        done = end;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Some(result)
}

/// The shortest number that is looked at: a telephone's without its area code.
const NUMBER_MIN: u32 = 8;
/// The shortest key that is told from a word.
const WORD_MIN: u32 = 16;

/// Whether it is worth a second look: `@`, `=`, `%`, a long word, or a number that goes on past dots, dashes and blanks.
/// Without a branch for each byte: this is done for every text, and nearly always in vain.
#[expect(clippy::needless_bitwise_bool, reason = "a branch for each comparison takes three times as long")]
pub(super) fn is_suspicious(bytes: &[u8]) -> bool {
    let (mut number, mut word, mut is, mut has_percent) = (0_u32, 0_u32, false, false);
    for &byte in bytes {
        let is_digit = byte.wrapping_sub(b'0') < 10;
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        // A no-break space joins like another one.
        let joins = is_digit | (byte == b' ') | (byte == b'.') | (byte == b'-') | (byte >= 0x80);
        number = (number + u32::from(is_digit)) & all_or_nothing(joins);
        word = (word + 1) & all_or_nothing(is_digit | is_letter);
        is |= (number >= NUMBER_MIN) | (word >= WORD_MIN) | (byte == b'@') | (byte == b'=');
        has_percent |= byte == b'%';
    }
    // "10,5% ao ano" is in many titles.
    is || has_percent && bytes.windows(3).any(|three| matches!(three, [b'%', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit)))
}

/// All bits, or none.
const fn all_or_nothing(is: bool) -> u32 {
    if is { u32::MAX } else { 0 }
}

/// Bytes as who decodes the address sees them, and where each begins in the address.
struct Decoded {
    bytes: Vec<u8>,
    /// One more than bytes; empty: as they are.
    starts: Vec<usize>,
}

impl Decoded {
    fn of(text: &str) -> Self {
        let mut decoded = Self { bytes: text.as_bytes().to_vec(), starts: Vec::new() };
        for _ in 0..DECODED_MAX {
            if !decoded.bytes.contains(&b'%') {
                break;
            }
            decoded = decoded.once_more();
        }
        decoded
    }

    fn once_more(&self) -> Self {
        let mut next = Self { bytes: Vec::with_capacity(self.bytes.len()), starts: Vec::with_capacity(self.bytes.len() + 1) };
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            let escaped = self.bytes.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(hex_byte);
            next.bytes.push(escaped.unwrap_or(*byte));
            next.starts.push(self.start_of(at));
            at += if escaped.is_some() { 3 } else { 1 };
        }
        next.starts.push(self.start_of(at));
        next
    }

    fn start_of(&self, at: usize) -> usize {
        self.starts.get(at).copied().unwrap_or(at)
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign.
    if digits.iter().all(u8::is_ascii_hexdigit) { u8::from_str_radix(text, 16).ok() } else { None }
}

fn find(bytes: &[u8], place: Place) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let done = found.last().map_or(0, |last| last.end);
        let piece = match byte_at(bytes, at) {
            b'@' => email(bytes, at, done),
            b'0'..=b'9' | b'+' | b'(' => number::find(bytes, at, place).or_else(|| token::find(bytes, at, place)),
            b'a'..=b'z' | b'A'..=b'Z' => token::find(bytes, at, place),
            _ => None,
        };
        at = piece.as_ref().map_or(at + 1, |piece| piece.end);
        found.extend(piece);
    }
    found
}

/// The byte at a place; 0 beyond the end.
pub(super) fn byte_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The byte before a place; 0 before the beginning.
pub(super) fn byte_before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |before| byte_at(bytes, before))
}

/// `logo@2x.png` and `pacote@3.1.min.js` are files.
const FILE_ENDINGS: [&[u8]; 12] = [b"png", b"jpg", b"jpeg", b"webp", b"gif", b"svg", b"avif", b"js", b"mjs", b"css", b"html", b"ghtml"];

/// An e-mail address around an `@`, after what was found before.
fn email(bytes: &[u8], at: usize, done: usize) -> Option<Found> {
    let before = bytes.get(done..at)?;
    let local = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"._%+-'".contains(byte) || !byte.is_ascii()).count();
    let rest = bytes.get(at + 1..)?;
    let host = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte) || !byte.is_ascii()).count();
    let host = domain(rest.get(..host)?);
    (local > 0 && host > 0).then(|| Found { start: at - local, end: at + 1 + host, mask: "(email)" })
}

/// How much of a text is a domain: labels up to one that may be the last. What follows it, as in `ana@mail.example.jpg`, is no part of it;
/// but `pacote@3.1.min.js` is none, for there a version stands before.
fn domain(text: &[u8]) -> usize {
    let mut end = text.len();
    loop {
        let Some(dot) = text.get(..end).and_then(|text| text.iter().rposition(|byte| *byte == b'.')) else { return 0 };
        let (before, ending) = (text.get(..dot).unwrap_or_default(), text.get(dot + 1..end).unwrap_or_default());
        let is_file = FILE_ENDINGS.iter().any(|file| ending.eq_ignore_ascii_case(file));
        let is_ending = ending.len() >= 2 && ending.iter().all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
        let label = before.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let is_name = end == text.len() || label.iter().any(|byte| !byte.is_ascii_digit());
        if is_ending && !is_file && !label.is_empty() && is_name {
            return end;
        }
        end = dot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_found_and_the_rest_stays_as_it_was() {
        for (path, expected) in [
            ("/a%40b/ana%40mail.example/c%20d", "/a%40b/(email)/c%20d"),
            ("/ana%2540mail.example", "/(email)"),
            ("/ana%252540mail.example/x", "/(email)/x"),
            ("/%61na@mail.example", "/(email)"),
        ] {
            assert_eq!(masked(path, Place::Path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(masked("/caf%C3%A9/100%/%zz/%+4", Place::Path), None);
    }

    #[test]
    fn an_ordinary_text_is_looked_at_once() {
        for text in ["Juros caem pela 3ª vez em 2026", "/economia/noticia/2026/11/22/juros-caem.ghtml", "leia-tambem"] {
            assert!(!is_suspicious(text.as_bytes()), "{text}");
        }
    }
}
