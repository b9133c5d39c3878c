//! Dates of a sitemap: `2026-11-23`, `2026-11-23T06:00-03:00`, `2026-11-23T06:00:00.5Z` (<https://www.w3.org/TR/NOTE-datetime>).

/// Milliseconds.
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// Unix milliseconds; a date alone is its midnight in UTC. `None` when it is no date, or before 1970.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_of(year, month) {
        return None;
    }
    let midnight_ms = days(year, month, day)?.checked_mul(DAY_MS)?;
    let Some(time) = time else { return Some(midnight_ms) };
    let (clock, offset_min) = zone(time)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second_ms = parts.next().map_or(Some(0), seconds)?;
    if hour > 23 || minute > 59 || parts.next().is_some() {
        return None;
    }
    (midnight_ms + (hour * 60 + minute) * MINUTE_MS + second_ms).checked_add_signed(-offset_min * 60_000)
}

/// The time of day, and how many minutes its zone is ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, zone) = time.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let minutes = i64::try_from(hours * 60 + minutes).ok()?;
    Some((clock, if zone.starts_with('-') { -minutes } else { minutes }))
}

/// `SS` or `SS.s…`, in milliseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole = digits(whole, 2).filter(|second| *second <= 60)?;
    let is_number = !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: String = part.chars().chain("000".chars()).take(3).collect();
    is_number.then(|| thousandths.parse::<u64>().ok()).flatten().map(|part_ms| whole * 1_000 + part_ms)
}

fn digits(text: &str, count: usize) -> Option<u64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, by the method of Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap day is the last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_note_is_read() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("2026-11-23", 1_795_392_000_000),
            ("2026-11-23T06:00:00-03:00", 1_795_424_400_000),
            ("2026-11-23T09:00Z", 1_795_424_400_000),
            ("2026-11-23T12:00:00.25+03:00", 1_795_424_400_250),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "ontem",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "2025-02-29",
            "2026-1-1",
            "1969-12-31",
            "2026-11-23T25:00:00Z",
            "2026-11-23T06:60Z",
            "2026-11-23T06:00:00",
            "2026-11-23T06:00:00+99:00",
            "2026-11-23T06:00:00.Z",
            "2026-11-23T06:00:00:00Z",
            "1970-01-01T00:00+03:00",
            "-026-11-23",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
