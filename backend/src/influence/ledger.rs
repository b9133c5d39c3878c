//! A bounded map: when it is full, what was not touched for longest goes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Something with a time of its last change.
pub(super) trait Touched {
    /// Unix milliseconds.
    fn touched_ms(&self) -> u64;
}

/// Values by hashed key.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ledger<V>(HashMap<u64, V>);

impl<V> Default for Ledger<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: Touched + Default> Ledger<V> {
    /// Whether the key is known.
    pub(super) fn has(&self, key: u64) -> bool {
        self.0.contains_key(&key)
    }

    /// The value of a key, made when there is none. Beyond `count_max` a quarter goes: its price is paid once in so many new keys.
    pub(super) fn entry(&mut self, key: u64, count_max: usize) -> &mut V {
        if self.0.len() >= count_max && !self.0.contains_key(&key) {
            let mut touched: Vec<u64> = self.0.values().map(Touched::touched_ms).collect();
            let (_, threshold, _) = touched.select_nth_unstable(count_max / 4);
            let threshold = *threshold;
            self.0.retain(|_, value| value.touched_ms() > threshold);
        }
        self.0.entry(key).or_default()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Touched for u64 {
        fn touched_ms(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn a_full_ledger_forgets_what_was_not_touched_for_longest() {
        let mut ledger = Ledger::<u64>::default();
        for key in 0..100 {
            *ledger.entry(key, 100) = key;
        }
        *ledger.entry(0, 100) = 1_000;
        assert_eq!(ledger.len(), 100);
        *ledger.entry(100, 100) = 100;
        assert!(ledger.has(0) && !ledger.has(1) && !ledger.has(26) && ledger.has(27) && ledger.has(100));
        assert!(ledger.len() <= 100);
    }

    #[test]
    fn when_all_are_of_one_moment_it_begins_anew() {
        let mut ledger = Ledger::<u64>::default();
        (0..=100).for_each(|key| *ledger.entry(key, 100) = 7);
        assert_eq!(ledger.len(), 1);
    }
}
