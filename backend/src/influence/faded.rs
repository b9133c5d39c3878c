//! A count that fades: half of it is gone after one half-life.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Clock;
use super::ledger::Touched;

/// The count as it was at a time, Unix milliseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Faded(f64, u64);

impl Faded {
    /// What is left of it now. A time before the last is taken for the last.
    pub(super) fn at(self, now: Clock) -> f64 {
        let age = Duration::from_millis(now.at_ms.saturating_sub(self.1)).as_secs_f64();
        self.0 * (-age / Duration::from_millis(now.half_life_ms.max(1)).as_secs_f64()).exp2()
    }

    /// Adds to what is left.
    pub(super) fn add(&mut self, value: f64, now: Clock) {
        *self = Self(self.at(now) + value, self.1.max(now.at_ms));
    }
}

impl Touched for Faded {
    fn touched_ms(&self) -> u64 {
        self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_left_after_a_half_life_and_late_additions_do_not_turn_time_back() {
        let now = |at_ms| Clock { at_ms, half_life_ms: 1_000 };
        let mut count = Faded::default();
        count.add(4.0, now(10_000));
        assert!((count.at(now(11_000)) - 2.0).abs() < 1e-12);
        count.add(1.0, now(5_000));
        assert!((count.at(now(11_000)) - 2.5).abs() < 1e-12);
        assert_eq!(Faded::default().at(now(u64::MAX)).to_bits(), 0.0_f64.to_bits());
    }
}
