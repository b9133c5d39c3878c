//! Days of UTC, from Unix milliseconds; names of keys begin with them.

use std::fmt;

/// Milliseconds of a day. UTC days of Unix time have no leap seconds.
const DAY_MS: u64 = 86_400_000;

/// A day of UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub const fn of(at_ms: u64) -> Self {
        Self(at_ms / DAY_MS)
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day so many days before; not before 1970.
    #[must_use]
    pub const fn days_before(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

impl fmt::Display for Day {
    /// `yyyy-mm-dd`, by the method of Howard Hinnant's `civil_from_days`
    /// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap day is the last.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

/// The key of something that happened: `<prefix>/<yyyy-mm-dd>/<13-digit ms>-<8 hex>.json`, so that keys sort by time.
#[must_use]
pub fn key(prefix: &str, at_ms: u64, random: u32) -> String {
    format!("{prefix}/{}/{at_ms:013}-{random:08x}.json", Day::of(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        for (at_ms, name) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_709_164_800_000, "2024-02-29"),
            (1_709_251_199_999, "2024-02-29"),
            (1_709_251_200_000, "2024-03-01"),
            (1_767_225_599_999, "2025-12-31"),
            (1_795_337_000_000, "2026-11-22"),
            (4_000_000_000_000, "2096-10-02"),
        ] {
            assert_eq!(Day::of(at_ms).to_string(), name);
        }
    }

    #[test]
    fn keys_sort_by_time() {
        assert_eq!(key("bad", 1_795_337_006_000, 0xa), "bad/2026-11-22/1795337006000-0000000a.json");
        assert!(key("bad", 1_795_337_006_000, u32::MAX) < key("bad", 1_795_337_006_001, 0));
    }
}
