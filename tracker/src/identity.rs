//! Ids of pageviews and readers. The clock and the randomness are the shell's.

/// A reader's id is kept for 13 months at most; thirteen times 30 days never exceeds that.
const VISITOR_DAYS_MAX: u64 = 390;
const DAY_MS: u64 = 86_400_000;
/// A kept reader: 32 hex digits of the id, a full stop, 12 hex digits of the Unix milliseconds when it was made.
pub const STORED_VISITOR_BYTES: usize = 45;

/// 32 lowercase hex digits.
pub type Id = [u8; 32];

/// The id of a pageview that begins now: 12 hex digits of Unix milliseconds, 20 of randomness.
#[must_use]
pub fn pageview_id(unix_ms: u64, random: [u8; 10]) -> Id {
    let mut id = [b'0'; 32];
    let digits = hex_digits(unix_ms.to_be_bytes().into_iter().skip(2).chain(random));
    id.iter_mut().zip(digits).for_each(|(slot, digit)| *slot = digit);
    id
}

/// A kept reader, made now.
#[must_use]
pub fn new_visitor(unix_ms: u64, random: [u8; 16]) -> [u8; STORED_VISITOR_BYTES] {
    let mut stored = [b'.'; STORED_VISITOR_BYTES];
    let made = hex_digits(unix_ms.to_be_bytes().into_iter().skip(2));
    let text = hex_digits(random.into_iter()).chain([b'.']).chain(made);
    stored.iter_mut().zip(text).for_each(|(slot, digit)| *slot = digit);
    stored
}

/// The id of a kept reader; `None` when it is too old, comes from the future, or is not ours.
#[must_use]
pub fn kept_visitor(stored: &[u8], unix_ms: u64) -> Option<Id> {
    let (id, made) = stored.split_first_chunk::<32>()?;
    let made = made.strip_prefix(b".").filter(|made| made.len() == 12)?;
    let mut made_at_ms: u64 = 0;
    for &digit in made {
        made_at_ms = made_at_ms * 16 + u64::from(hex_value(digit)?);
    }
    let age_ms = unix_ms.checked_sub(made_at_ms)?;
    let is_hex = id.iter().all(|&digit| hex_value(digit).is_some());
    (is_hex && age_ms < VISITOR_DAYS_MAX * DAY_MS).then_some(*id)
}

fn hex_digits(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    bytes.flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)])
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_337_000_123;

    #[test]
    fn a_pageview_id_tells_when_it_began() {
        let id = pageview_id(NOW_MS, [0xab; 10]);
        let text = std::str::from_utf8(&id).unwrap();
        assert_eq!(wire::PageviewId::parse(text).unwrap().started_at_ms(), NOW_MS);
        assert!(text.ends_with("abababababababababab"));
    }

    #[test]
    fn a_kept_reader_comes_back() {
        let stored = new_visitor(NOW_MS, [7; 16]);
        assert_eq!(kept_visitor(&stored, NOW_MS + DAY_MS), Some(*b"07070707070707070707070707070707"));
    }

    #[test]
    fn a_reader_is_forgotten_after_thirteen_months() {
        let stored = new_visitor(NOW_MS, [7; 16]);
        let last_ms = NOW_MS + VISITOR_DAYS_MAX * DAY_MS - 1;
        assert!(kept_visitor(&stored, last_ms).is_some());
        assert!(kept_visitor(&stored, last_ms + 1).is_none());
    }

    #[test]
    fn what_is_not_ours_is_no_reader() {
        let future = new_visitor(NOW_MS + 1, [7; 16]);
        for stored in [&future[..], b"", b"07", b"07070707070707070707070707070707", &[b'x'; 45], &[0xff; 45]] {
            assert!(kept_visitor(stored, NOW_MS).is_none());
        }
    }
}
