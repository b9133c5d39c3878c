//! What is read after an article: its list, kept sorted by the fast count.

use serde::{Deserialize, Serialize};

/// Longest list, about 16 bytes an entry. Three times what the ranker looks at, so that what rises has somewhere to rise from.
pub(crate) const NEIGHBOURS_MAX: usize = 160;

/// Columns side by side, so that looking for an article is one run over its numbers.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbours {
    items: Vec<u32>,
    /// Fast, slow and back.
    counts: Vec<[f32; 3]>,
}

impl Neighbours {
    /// Best first: article and counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, [f32; 3])> + '_ {
        self.items.iter().copied().zip(self.counts.iter().copied())
    }

    /// Adds to an article's counts; one that is new takes the place of the least when the list is full.
    pub(crate) fn add(&mut self, item: u32, [fast, slow, back]: [f32; 3]) {
        let mut at = match self.items.iter().position(|known| *known == item) {
            Some(at) => at,
            None => self.begin(item),
        };
        let Some(counts) = self.counts.get_mut(at) else { return };
        let sum = counts[0] + fast;
        *counts = [sum, counts[1] + slow, counts[2] + back];
        // One click moves an entry a few places at most.
        while at > 0 && self.counts.get(at - 1).is_some_and(|above| above[0] < sum) {
            self.items.swap(at, at - 1);
            self.counts.swap(at, at - 1);
            at -= 1;
        }
    }

    fn begin(&mut self, item: u32) -> usize {
        if self.items.len() >= NEIGHBOURS_MAX {
            self.items.pop();
            self.counts.pop();
        }
        self.items.push(item);
        self.counts.push([0.0; 3]);
        self.items.len() - 1
    }

    /// Brings all counts to a new landmark.
    pub(crate) fn rescale(&mut self, fast: f32, slow: f32) {
        for [f, s, b] in &mut self.counts {
            *f *= fast;
            *s *= slow;
            *b *= slow;
        }
    }

    /// Gives articles their new numbers, and forgets those that have none.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        let kept: (Vec<u32>, Vec<[f32; 3]>) = self.iter().filter_map(|(item, counts)| Some((number(item)?, counts))).unzip();
        (self.items, self.counts) = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(list: &Neighbours) -> Vec<u32> {
        list.iter().map(|(item, _)| item).collect()
    }

    #[test]
    fn the_list_is_sorted_by_the_fast_count() {
        let mut list = Neighbours::default();
        for (item, fast) in [(1, 1.0), (2, 2.0), (3, 1.5), (1, 0.7), (4, 0.0)] {
            list.add(item, [fast, 1.0, 0.0]);
        }
        assert_eq!(order(&list), [2, 1, 3, 4]);
    }

    #[test]
    fn the_list_is_bounded_and_its_least_goes() {
        let mut list = Neighbours::default();
        for item in 0..200 {
            list.add(item, [if item < 100 { 2.0 } else { 1.0 }, 0.0, 0.0]);
        }
        assert_eq!(list.iter().count(), NEIGHBOURS_MAX);
        assert!((0..100).all(|item| order(&list).contains(&item)) && order(&list).contains(&199));
    }

    #[test]
    fn the_forgotten_leave_every_list() {
        let mut list = Neighbours::default();
        (0..6).for_each(|item| list.add(item, [1.0, 0.0, 0.0]));
        list.renumber(|item| (item % 2 == 0).then_some(item / 2));
        assert_eq!(order(&list), [0, 1, 2]);
    }
}
