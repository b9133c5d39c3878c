//! Times of many units, rounded to two significant digits and counted, so that CloudWatch can tell percentiles.

use std::time::Duration;

/// What a datum holds at most
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>).
pub(crate) const DISTINCT_MAX: usize = 150;
/// Below this many microseconds a value is kept as it is.
const EXACT_US: u64 = 100;
/// Values of two digits between two powers of ten.
const STEPS: u64 = 90;

/// Counts by rounded value. A dense list: a record costs an addition. The longest that a `u64` of microseconds can be needs 1,639 places.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Values(Vec<u64>);

impl Values {
    /// One more.
    pub(crate) fn add(&mut self, time: Duration) {
        let place = place(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(count) = self.0.get_mut(place) {
            *count += 1;
        }
    }

    /// Takes in others.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count += more;
        }
    }

    /// Values in microseconds, ascending, with how often each was there; at most [`DISTINCT_MAX`]. When there are more, the two that
    /// are relatively nearest become the greater one, until they fit: no time is told shorter than it was.
    pub(crate) fn told(&self) -> Vec<(u64, u64)> {
        let mut told: Vec<_> =
            (0..).zip(&self.0).filter(|(_, count)| **count > 0).map(|(place, count)| (value_us(place), *count)).collect();
        while told.len() > DISTINCT_MAX {
            let gap = |pair: &[(u64, u64)]| match pair {
                [(low, _), (high, _)] => high.saturating_mul(1_000) / low.max(&1),
                _ => u64::MAX,
            };
            let nearest = told.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair)).map_or(0, |(at, _)| at);
            let (_, count) = told.remove(nearest);
            if let Some((_, more)) = told.get_mut(nearest) {
                *more += count;
            }
        }
        told
    }
}

/// Where a value is counted.
fn place(us: u64) -> usize {
    let (mut digits, mut decade) = (us, 0);
    while digits >= EXACT_US {
        // Rounded once, of the whole value: 1,949 is 1,900.
        decade += 1;
        digits = rounded(us, decade);
    }
    let place = if decade == 0 { digits } else { EXACT_US + (decade - 1) * STEPS + (digits - 10) };
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// A value in so many powers of ten, rounded half up.
fn rounded(us: u64, decade: u64) -> u64 {
    let unit = 10_u64.saturating_pow(u32::try_from(decade).unwrap_or(u32::MAX));
    us / unit + u64::from(us % unit >= unit / 2)
}

/// The value that is counted there, microseconds.
fn value_us(place: u64) -> u64 {
    let Some(above) = place.checked_sub(EXACT_US) else { return place };
    let (decade, digits) = (above / STEPS + 1, above % STEPS + 10);
    digits.saturating_mul(10_u64.saturating_pow(u32::try_from(decade).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times_us: impl IntoIterator<Item = u64>) -> Values {
        let mut values = Values::default();
        times_us.into_iter().for_each(|us| values.add(Duration::from_micros(us)));
        values
    }

    #[test]
    fn a_value_is_rounded_to_two_digits() {
        for (us, expected) in [
            (0, 0),
            (7, 7),
            (99, 99),
            (100, 100),
            (104, 100),
            (105, 110),
            (994, 990),
            (995, 1_000),
            (999, 1_000),
            (1_000, 1_000),
            (1_949, 1_900),
            (1_950, 2_000),
            (123_456, 120_000),
            (600_000_000, 600_000_000),
        ] {
            assert_eq!(of([us]).told(), [(expected, 1)], "{us}");
        }
        assert_eq!(of([u64::MAX]).0.len(), 1_639);
    }

    #[test]
    fn equal_values_are_counted_and_merged_lists_too() {
        let mut values = of([5, 121, 119, 5]);
        values.merge(&of([5, 9_000]));
        assert_eq!(values.told(), [(5, 3), (120, 2), (9_000, 1)]);
    }

    #[test]
    fn more_than_a_datum_holds_become_the_nearest_greater_ones() {
        let told = of((0..1_000_000).map(|us| us * 11)).told();
        assert_eq!(told.len(), DISTINCT_MAX);
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), 1_000_000);
        assert_eq!((told.first().unwrap().0, told.last().unwrap().0), (0, 11_000_000));
        assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0));
        // 151 values: only the two nearest are one.
        let told = of((0..151).map(|place| value_us(place * 3))).told();
        assert_eq!(told.len(), DISTINCT_MAX);
        assert_eq!(told.iter().filter(|(_, count)| *count == 2).count(), 1);
    }
}
