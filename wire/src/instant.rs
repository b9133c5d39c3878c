//! Moments as people and content systems write them: RFC 3339, or a date alone.

const DAY_MS: i64 = 86_400_000;

/// Unix milliseconds of `2026-11-22`, `2026-11-22T18:30Z`, `2026-11-22T18:30:00.5-03:00`. A date alone is its midnight, UTC. A moment before
/// 1970 is 0. A blank before the offset is a plus sign that an address did not escape.
#[must_use]
pub fn parse_ms(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
    let ms = days(date)? * DAY_MS + time.map_or(Some(0), of_day_ms)?;
    Some(u64::try_from(ms).unwrap_or(0))
}

/// Days since 1970, by the method of Howard Hinnant's `days_from_civil` (<https://howardhinnant.github.io/date_algorithms.html>).
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_of_month).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Milliseconds since midnight UTC of `18:30`, `18:30:00` or `18:30:00.123` with its offset; below zero when the offset says so.
fn of_day_ms(time: &str) -> Option<i64> {
    let (clock, offset_min) = if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else {
        let (clock, offset) = time.split_at(time.rfind(['+', '-', ' '])?);
        let (hours, minutes) = offset.get(1..)?.split_once(':')?;
        let distance_min = within(hours, 23)? * 60 + within(minutes, 59)?;
        (clock, if offset.starts_with('-') { -distance_min } else { distance_min })
    };
    let (hours, rest) = clock.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "00"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let ms: i64 = is_fraction.then(|| fraction.chars().chain("00".chars()).take(3).collect::<String>())?.parse().ok()?;
    // A leap second is the next one.
    let minutes = within(hours, 23)? * 60 + within(minutes, 59)? - offset_min;
    Some((minutes * 60 + within(seconds, 60)?) * 1_000 + ms)
}

fn within(text: &str, max: i64) -> Option<i64> {
    number(text, 2).filter(|number| *number <= max)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        for (text, ms) in [
            ("1970-01-01", 0),
            ("1969-12-31T23:59:59Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-22", 1_795_305_600_000),
            ("2026-11-22T20:43:20Z", 1_795_380_200_000),
            ("2026-11-22T20:43:20.5Z", 1_795_380_200_500),
            ("2026-11-22t20:43:20.123456z", 1_795_380_200_123),
            ("2026-11-22T17:43:20-03:00", 1_795_380_200_000),
            ("2026-11-23T01:43:20+05:00", 1_795_380_200_000),
            ("2026-11-22T21:43:20 01:00", 1_795_380_200_000),
            ("2026-11-22T20:43Z", 1_795_380_180_000),
        ] {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "x",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2026-04-31",
            "2026-11-22T",
            "2026-11-22T20:43:20",
            "2026-11-22T24:00:00Z",
            "2026-11-22T20:60:00Z",
            "2026-11-22T20:43:20.Z",
            "2026-11-22T20:43:20+1:00",
            "+026-11-22",
            "2026-11-22-01",
        ] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }
}
