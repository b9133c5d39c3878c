//! Counts how good answers were: hit rate, reciprocal rank, discounted gain, coverage, and the same for new articles.

use hashbrown::HashSet;

use crate::click::{ItemId, number};

/// Of one recommender in one window. Rank 1 is the first place of a list of ten.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    /// Answers that were scored.
    pub scored: u32,
    hits: u32,
    reciprocal_ranks: f64,
    gains: f64,
    cold: u32,
    cold_hits: u32,
    shown: HashSet<ItemId>,
}

/// What came of it; shares between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measures {
    pub hit_rate: f64,
    pub mrr: f64,
    pub ndcg: f64,
    /// Hit rate over the answers whose next click went to an article that was new then.
    pub cold_hit_rate: f64,
    /// Answers whose next click went to a new article, of all.
    pub cold_share: f64,
}

impl Tally {
    /// An answer, the session's next click, and whether that went to an article first clicked less than an hour before.
    pub(crate) fn score(&mut self, list: &[ItemId], target: ItemId, is_cold: bool) {
        self.shown.extend(list);
        let rank = list.iter().position(|item| *item == target).map(|before| before + 1);
        self.rank(rank, is_cold);
    }

    /// The place of the target alone.
    pub(crate) fn rank(&mut self, rank: Option<usize>, is_cold: bool) {
        self.scored += 1;
        self.cold += u32::from(is_cold);
        if let Some(rank) = rank {
            self.hits += 1;
            self.cold_hits += u32::from(is_cold);
            self.reciprocal_ranks += 1.0 / number(rank);
            self.gains += 1.0 / number(rank + 1).log2();
        }
    }

    pub(crate) fn measures(&self) -> Measures {
        let share = |part: f64, of: u32| part / number(of).max(1.0);
        Measures {
            hit_rate: share(number(self.hits), self.scored),
            mrr: share(self.reciprocal_ranks, self.scored),
            ndcg: share(self.gains, self.scored),
            cold_hit_rate: share(number(self.cold_hits), self.cold),
            cold_share: share(number(self.cold), self.scored),
        }
    }

    /// Which share of these articles was in some list.
    pub(crate) fn coverage(&self, of: &HashSet<ItemId>) -> f64 {
        number(self.shown.intersection(of).count()) / number(of.len()).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    /// Four answers: hit at rank 1, hit at rank 3 (cold), miss (cold), miss.
    #[test]
    fn measures_of_a_hand_computed_example() {
        let mut tally = Tally::default();
        let list = [10, 11, 12].map(ItemId);
        tally.score(&list, ItemId(10), false);
        tally.score(&list, ItemId(12), true);
        tally.score(&list, ItemId(13), true);
        tally.score(&[ItemId(14)], ItemId(10), false);
        let measures = tally.measures();
        assert_eq!(tally.scored, 4);
        assert!(close(measures.hit_rate, 0.5));
        // (1 + 1/3) / 4.
        assert!(close(measures.mrr, 1.0 / 3.0));
        // (1 / log2(2) + 1 / log2(4)) / 4.
        assert!(close(measures.ndcg, 0.375));
        assert!(close(measures.cold_hit_rate, 0.5) && close(measures.cold_share, 0.5));
        // Shown: 10, 11, 12, 14. Clicked: 10, 13, 14, 15.
        assert!(close(tally.coverage(&[10, 13, 14, 15].map(ItemId).into()), 0.5));
    }

    #[test]
    fn nothing_scored_is_nothing() {
        assert!(close(Tally::default().measures().hit_rate, 0.0));
        assert!(close(Tally::default().coverage(&HashSet::new()), 0.0));
    }
}
