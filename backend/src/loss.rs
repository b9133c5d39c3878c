//! How many events are missing, by browser family: a lower bound. What never left a device, and the end of a pageview whose
//! last events are missing, leaves no gap. Events that the edge refused, and those a tracker had to forget, do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::transform::Settled;

/// The families that the edge knows; anything else is the first. The position is kept in snapshots: add, do not move.
const FAMILIES: [&str; 10] = ["other", "chrome", "edge", "facebook", "firefox", "instagram", "opera", "safari", "samsung", "uc"];

/// The events of quiet pageviews.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss(BTreeMap<String, Tally>);

/// Of one family. All of them only grow; what is lost now is `lost` without `recovered`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Events up to the highest `seq` of each pageview.
    pub(crate) expected: u64,
    /// Those that were missing when their pageview had been quiet for ten minutes.
    pub(crate) lost: u64,
    /// Those of the lost ones that came later, for example from a retry queue after an outage.
    pub(crate) recovered: u64,
}

/// The class of a browser family, for [`crate::transform`].
pub(crate) fn class(browser: &str) -> u8 {
    FAMILIES.iter().position(|family| *family == browser).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

impl Loss {
    /// Adds what was settled.
    pub(crate) fn add(&mut self, settled: Settled) {
        let family = FAMILIES.get(usize::from(settled.class)).copied().unwrap_or("other");
        let tally = self.0.entry(family.to_owned()).or_default();
        tally.expected += u64::from(settled.expected);
        tally.lost += u64::from(settled.lost);
    }

    /// An event that was settled as lost has come all the same.
    pub(crate) fn add_recovered(&mut self, class: u8) {
        let family = FAMILIES.get(usize::from(class)).copied().unwrap_or("other");
        self.0.entry(family.to_owned()).or_default().recovered += 1;
    }

    /// Adds another shard's.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (family, tally) in &other.0 {
            let sum = self.0.entry(family.clone()).or_default();
            sum.expected += tally.expected;
            sum.lost += tally.lost;
            sum.recovered += tally.recovered;
        }
    }

    /// Of all families together.
    pub(crate) fn sum(&self) -> Tally {
        self.0.values().fold(Tally::default(), |sum, tally| Tally {
            expected: sum.expected + tally.expected,
            lost: sum.lost + tally.lost,
            recovered: sum.recovered + tally.recovered,
        })
    }

    /// Every family once, in the same order always.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&'static str, Tally)> {
        FAMILIES.iter().map(|family| (*family, self.0.get(*family).copied().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_browsers_are_one_family() {
        for (browser, expected) in [("chrome", 1), ("uc", 9), ("other", 0), ("Chrome", 0), ("netscape\u{7}", 0), ("", 0)] {
            assert_eq!(class(browser), expected, "{browser:?}");
        }
    }

    #[test]
    fn sums_are_kept_by_family() {
        let mut loss = Loss::default();
        loss.add(Settled { class: 1, expected: 5, lost: 2 });
        loss.add_recovered(1);
        loss.add(Settled { class: 200, expected: 1, lost: 0 });
        let mut sum = loss.clone();
        sum.merge(&loss);
        assert_eq!(sum.0["chrome"], Tally { expected: 10, lost: 4, recovered: 2 });
        let families: BTreeMap<_, _> = loss.families().collect();
        assert_eq!(families.len(), 10);
        assert_eq!(families["chrome"], Tally { expected: 5, lost: 2, recovered: 1 });
        assert_eq!(families["other"].expected, 1);
        assert_eq!(sum.sum(), Tally { expected: 12, lost: 4, recovered: 2 });
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<Loss>(&text).unwrap(), loss);
    }
}
