//! What every recommender in process does: learn a click, and name ten articles for the session that made it.

use crate::click::{Click, ItemId};

/// How many articles a list has; every measure is "at 10".
pub(crate) const LIST_LEN: usize = 10;

/// Learns clicks in time order. Knows nothing of what comes.
pub(crate) trait Recommender: Send {
    /// `history` is what the click's session has opened so far, oldest first, this click last.
    fn learn(&mut self, click: &Click, history: &[ItemId]);

    /// Puts up to ten articles into `list`, best first, none of them in `history`. Called after `learn`, and only when it is scored.
    fn recommend(&mut self, click: &Click, history: &[ItemId], list: &mut Vec<ItemId>);
}

/// The ten best of what is offered. Of equals the one that was clicked first in the log wins: any rule does that looks at no future.
#[derive(Debug)]
pub(crate) struct Top<'a> {
    best: Vec<(f64, ItemId)>,
    never: &'a [ItemId],
}

impl<'a> Top<'a> {
    /// Of everything but `never`.
    pub(crate) fn except(never: &'a [ItemId]) -> Self {
        Self { best: Vec::with_capacity(LIST_LEN + 1), never }
    }

    /// Each article is offered once.
    pub(crate) fn offer(&mut self, item: ItemId, score: f64) {
        let beats = |other: &(f64, ItemId)| score > other.0 || (score.total_cmp(&other.0).is_eq() && item < other.1);
        if self.best.len() == LIST_LEN && !self.best.last().is_some_and(beats) {
            return;
        }
        if self.never.contains(&item) {
            return;
        }
        let at = self.best.partition_point(|other| !beats(other));
        self.best.insert(at, (score, item));
        self.best.truncate(LIST_LEN);
    }

    pub(crate) fn put_into(self, list: &mut Vec<ItemId>) {
        list.clear();
        list.extend(self.best.into_iter().map(|(_, item)| item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_the_excluded_never() {
        let never = [ItemId(3)];
        let mut top = Top::except(&never);
        for (item, score) in [(1, 0.5), (3, 9.0), (2, 0.7), (0, 0.5)] {
            top.offer(ItemId(item), score);
        }
        let mut list = vec![ItemId(9)];
        top.put_into(&mut list);
        assert_eq!(list, [2, 0, 1].map(ItemId));
    }

    #[test]
    fn there_are_ten_at_most() {
        let mut top = Top::except(&[]);
        (0..30).for_each(|item| top.offer(ItemId(item), f64::from(item % 15)));
        let mut list = Vec::new();
        top.put_into(&mut list);
        assert_eq!(list, [14, 29, 13, 28, 12, 27, 11, 26, 10, 25].map(ItemId));
    }
}
