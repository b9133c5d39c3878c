//! What one reader may count for: an item once an hour, and no more items than somebody can read.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// An item counts once in this time, milliseconds. The clock's hours, so that one map holds them and none has to be swept.
const WINDOW_MS: u64 = 3_600_000;
/// Who opens ten tabs at once is a reader; who goes on like that is none.
const IN_MINUTE_MAX: u8 = 10;
/// A page a minute for the whole hour.
const IN_HOUR_MAX: u8 = 60;
/// Readers in an hour that are remembered, about 20 bytes each; readings about 16. When there are more, the hour begins anew:
/// made-up readers then count again, but not their networks.
const VISITORS_MAX: usize = 500_000;
const READINGS_MAX: usize = 1_000_000;

/// Readers and readings of this hour.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Visitors {
    window: u64,
    paces: HashMap<u64, Pace>,
    /// What each reading counted for, in 255 parts.
    readings: HashMap<u64, u8>,
}

/// How fast somebody reads: minute of the hour, items in it, items in the hour.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pace(u64, u8, u8);

impl Visitors {
    /// Whether a view of a reader may count: for the first time, and not too fast. `reading` is the reader and the item.
    pub(super) fn may_count(&mut self, visitor: u64, reading: u64, at_ms: u64) -> bool {
        let window = at_ms / WINDOW_MS;
        // What comes late counts in the hour that it comes in.
        if window > self.window || self.paces.len() >= VISITORS_MAX || self.readings.len() >= READINGS_MAX {
            *self = Self { window: window.max(self.window), ..Self::default() };
        }
        if self.readings.contains_key(&reading) {
            return false;
        }
        let Pace(minute, in_minute, in_hour) = self.paces.entry(visitor).or_default();
        if *minute != at_ms / 60_000 {
            (*minute, *in_minute) = (at_ms / 60_000, 0);
        }
        let is_human = *in_minute < IN_MINUTE_MAX && *in_hour < IN_HOUR_MAX;
        *in_minute = in_minute.saturating_add(1);
        *in_hour = in_hour.saturating_add(1);
        is_human
    }

    /// What a reading counted for.
    pub(super) fn note(&mut self, reading: u64, weight: f32) {
        self.readings.insert(reading, parts(weight));
    }

    /// What it counted for, 0 when it is not known.
    pub(super) fn weight_of(&self, reading: u64) -> f32 {
        f32::from(self.readings.get(&reading).copied().unwrap_or(0)) / 255.0
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn parts(weight: f32) -> u8 {
    (weight.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_338_000_000;

    #[test]
    fn an_item_counts_once_an_hour() {
        let mut visitors = Visitors::default();
        assert!(visitors.may_count(1, 7, T0));
        visitors.note(7, 0.5);
        assert!(!visitors.may_count(1, 7, T0 + 59 * 60_000));
        assert!((visitors.weight_of(7) - 0.5).abs() < 0.01 && visitors.weight_of(8) <= 0.0);
        assert!(visitors.may_count(1, 7, T0 + WINDOW_MS));
    }

    #[test]
    fn who_reads_faster_than_people_do_counts_no_more() {
        let mut visitors = Visitors::default();
        let in_one_minute = (0..100).filter(|reading| visitors.may_count(1, *reading, T0)).count();
        assert_eq!(in_one_minute, usize::from(IN_MINUTE_MAX));
        assert!(visitors.may_count(2, 1_000, T0), "nobody else is cut");
        let mut visitors = Visitors::default();
        let in_the_hour = (0..200).filter(|reading| visitors.may_count(1, *reading, T0 + reading * 15_000)).count();
        assert_eq!(in_the_hour, usize::from(IN_HOUR_MAX));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut visitors = Visitors::default();
        for visitor in 0..=u64::try_from(VISITORS_MAX).unwrap() {
            visitors.may_count(visitor, visitor, T0);
        }
        assert!(visitors.paces.len() <= VISITORS_MAX && visitors.readings.len() <= READINGS_MAX);
    }
}
