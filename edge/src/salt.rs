//! The salt of the day: makes cookieless ids, and networks, that cannot be linked from one day to another.

use std::rc::Rc;

use wire::day::Day;

/// Where salts are kept in KV.
pub const PREFIX: &str = "salt/";
/// A salt is kept this long after its day began; then no one can link its day's ids to a person any more.
pub const KEPT_DAYS: u64 = 2;
/// Random bytes of a salt.
pub const SALT_BYTES: usize = 32;

/// The salt of a day, as this isolate has it. No `Debug`: it must not reach a log.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "with it addresses could be found by trying them")]
pub struct Salt {
    text: Rc<str>,
    is_shared: bool,
}

impl Salt {
    /// The one that every isolate has.
    #[must_use]
    pub fn shared(text: &str) -> Self {
        Self { text: text.into(), is_shared: true }
    }

    /// One of this isolate's own, when the other is not to be had.
    #[must_use]
    pub fn own(text: &str) -> Self {
        Self { text: text.into(), is_shared: false }
    }

    /// The salt itself; for hashing only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether two isolates make the same hash of the same thing. Where they do not, one network would look like many.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }
}

/// The KV key of a day's salt.
#[must_use]
pub fn key(day: Day) -> String {
    format!("{PREFIX}{day}")
}

/// The salts that have to exist: today's, and tomorrow's, so that midnight finds every isolate with the same one.
#[must_use]
pub fn due(now_ms: u64) -> [Day; 2] {
    let today = Day::of(now_ms);
    [today, today.next()]
}

/// Whether a key names a salt that is older than 48 hours. What is no date is ours to delete as well.
#[must_use]
pub fn is_expired(key: &str, now_ms: u64) -> bool {
    let oldest_kept = self::key(Day::of(now_ms).days_before(KEPT_DAYS - 1));
    // Names of days sort by time.
    key < oldest_kept.as_str()
}

/// The text of a salt.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

/// Whether a text read from KV is a salt.
#[must_use]
pub fn is_salt(text: &str) -> bool {
    text.len() == 2 * SALT_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T20:43:20Z.
    const NOW_MS: u64 = 1_795_380_200_000;

    #[test]
    fn today_and_tomorrow_are_due() {
        assert_eq!(due(NOW_MS).map(key), ["salt/2026-11-22", "salt/2026-11-23"]);
    }

    #[test]
    fn salts_older_than_48_hours_go() {
        for (key, expected) in [
            ("salt/2026-11-23", false),
            ("salt/2026-11-22", false),
            ("salt/2026-11-21", false),
            ("salt/2026-11-20", true),
            ("salt/2025-12-31", true),
        ] {
            assert_eq!(is_expired(key, NOW_MS), expected, "{key}");
        }
    }

    #[test]
    fn only_64_hex_digits_are_a_salt() {
        assert!(is_salt(&to_hex(&[7; SALT_BYTES])));
        assert!(!is_salt("") && !is_salt(&"g".repeat(64)) && !is_salt(&"a".repeat(63)));
    }
}
