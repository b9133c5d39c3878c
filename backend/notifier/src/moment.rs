//! Moments as people in Brazil and machines write them.

use wire::day::Day;
use wire::instant;

/// São Paulo has no daylight saving time since 2019 (Decreto 9.772): three hours behind UTC all the year.
const BEHIND_UTC_MS: u64 = 3 * 3_600_000;

/// Unix milliseconds of what CloudWatch, SNS and ECS write: RFC 3339, also with `+0000`.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    let colon = |sign: usize| {
        let (clock, offset) = text.split_at_checked(sign)?;
        let (hours, minutes) = offset.split_at_checked(3)?;
        instant::parse_ms(&format!("{clock}{hours}:{minutes}"))
    };
    instant::parse_ms(text).or_else(|| colon(text.len().checked_sub(5)?))
}

/// `2026-11-23 09:46:39 UTC`.
pub(crate) fn utc(at_ms: u64) -> String {
    format!("{} {} UTC", Day::of(at_ms), clock(at_ms, true))
}

/// `23/11/2026 06:46:39`.
pub(crate) fn sao_paulo(at_ms: u64) -> String {
    let there_ms = at_ms.saturating_sub(BEHIND_UTC_MS);
    let day = Day::of(there_ms).to_string();
    let mut parts = day.split('-').rev();
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{} {}", part(), part(), part(), clock(there_ms, true))
}

/// `06:46`, the same without day and seconds.
pub(crate) fn sao_paulo_short(at_ms: u64) -> String {
    clock(at_ms.saturating_sub(BEHIND_UTC_MS), false)
}

fn clock(at_ms: u64, with_seconds: bool) -> String {
    let seconds = at_ms / 1_000 % 86_400;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if with_seconds { format!("{hours:02}:{minutes:02}:{seconds:02}") } else { format!("{hours:02}:{minutes:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_moment_is_the_same_one() {
        for text in
            ["2026-11-23T01:30:05.123+0000", "2026-11-23T01:30:05.123Z", "2026-11-23T01:30:05.123+00:00", "2026-11-22T22:30:05.123-0300"]
        {
            assert_eq!(parse_ms(text), Some(1_795_397_405_123), "{text}");
        }
        for text in ["", "soon", "+0000", "2026-11-23T01:30:05.123é000"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn in_sao_paulo_it_is_three_hours_earlier_and_at_times_yesterday() {
        let at_ms = 1_795_397_405_123;
        assert_eq!(utc(at_ms), "2026-11-23 01:30:05 UTC");
        assert_eq!(sao_paulo(at_ms), "22/11/2026 22:30:05");
        assert_eq!(sao_paulo_short(at_ms), "22:30");
    }
}
