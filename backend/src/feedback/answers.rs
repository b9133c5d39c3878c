//! Lists that were shown a while ago, and clicks that wait for theirs; bounded, and in memory only: after a restart a click on a list
//! that was seen before it is unattributed.

use std::collections::VecDeque;
use std::ops::Range;

use hashbrown::HashMap;
use wire::RecId;

use super::Doer;

/// How long a list can be followed, milliseconds: a page that is left open for longer is rare.
const KEEP_MS: u64 = 2 * 3_600_000;
/// Lists of a shard that are remembered, about 120 bytes each: two hours of 27 lists a second, what a shard's 1,000 records carry at most.
const ANSWERS_MAX: usize = 200_000;
/// Items of the longest list that the edge answers.
const LIST_ITEMS_MAX: usize = 50;
/// Places of a list whose clicks are told apart; the longest list has fifty.
const PLACES_MAX: u16 = 64;

/// By list and reader: who makes up ids of others' lists shows them to himself.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    known: HashMap<(RecId, u128), Answer>,
    order: VecDeque<((RecId, u128), u64)>,
}

#[derive(Debug, Default)]
struct Answer {
    /// Where it was seen; `None` as long as only clicks have come.
    placement: Option<Box<str>>,
    /// The places that were followed, a bit each.
    clicked: u64,
    /// The pageview that it was seen in.
    pageview: u128,
    /// Items seen so far: an impression tells those that have come into view since the one before.
    items: usize,
}

/// What an impression adds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Where the list was seen.
    pub(super) placement: Box<str>,
    /// Whether it is the first of its list.
    pub(super) is_new: bool,
    /// The places that came into view.
    pub(super) places: Range<usize>,
    /// Places that were followed before anything of the list had been seen.
    pub(super) clicks: Vec<u16>,
}

impl Answers {
    /// Items of a list were seen. `None` when the page came back from the browser's cache, which tells all of them again.
    pub(super) fn show(&mut self, rec_id: RecId, doer: Doer, placement: &str, items: usize, lost: &mut u64) -> Option<Shown> {
        let answer = self.answer((rec_id, doer.visitor), doer.at_ms, lost);
        let is_new = answer.placement.is_none();
        let placement = answer.placement.get_or_insert_with(|| placement.into()).clone();
        if is_new {
            answer.pageview = doer.pageview;
        } else if answer.pageview != doer.pageview {
            return None;
        }
        let (from, to) = (answer.items, (answer.items + items).min(LIST_ITEMS_MAX));
        answer.items = to;
        let clicks = (0..PLACES_MAX).filter(|place| is_new && answer.clicked & (1 << place) != 0).collect();
        Some(Shown { placement, is_new, places: from..to, clicks })
    }

    /// A place of a list was followed. Where the list was seen, and whether nothing of it was followed before;
    /// `None` when this place was, or the list was not seen yet.
    pub(super) fn click(&mut self, rec_id: RecId, doer: Doer, place: u16, lost: &mut u64) -> Option<(Box<str>, bool)> {
        if place >= PLACES_MAX {
            return None;
        }
        let answer = self.answer((rec_id, doer.visitor), doer.at_ms, lost);
        let (bit, before) = (1 << place, answer.clicked);
        answer.clicked |= bit;
        if before & bit != 0 {
            return None;
        }
        answer.placement.clone().map(|placement| (placement, before == 0))
    }

    /// Forgets a reader.
    pub(crate) fn forget(&mut self, visitor: u128) {
        self.known.retain(|(_, known), _| *known != visitor);
    }

    /// What is known of a list. Those that are too old go, and what was followed in them and never seen is `lost`.
    fn answer(&mut self, key: (RecId, u128), at_ms: u64, lost: &mut u64) -> &mut Answer {
        while let Some(&(oldest, begun_ms)) = self.order.front() {
            if self.order.len() < ANSWERS_MAX && begun_ms.saturating_add(KEEP_MS) >= at_ms {
                break;
            }
            self.order.pop_front();
            if let Some(Answer { placement: None, clicked, .. }) = self.known.remove(&oldest) {
                *lost += u64::from(clicked.count_ones());
            }
        }
        let order = &mut self.order;
        self.known.entry(key).or_insert_with(|| {
            order.push_back((key, at_ms));
            Answer::default()
        })
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len().max(self.order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doer(at_ms: u64) -> Doer {
        Doer { visitor: 1, pageview: 1, is_believed: true, at_ms }
    }

    #[test]
    fn the_memory_is_bounded_in_number_and_in_time() {
        let (mut answers, mut unattributed) = (Answers::default(), 0);
        for bits in 0..=u64::try_from(ANSWERS_MAX).unwrap() {
            answers.click(RecId::from_bits(bits), doer(1), 0, &mut unattributed);
        }
        assert_eq!((answers.len(), unattributed), (ANSWERS_MAX, 1));
        answers.show(RecId::from_bits(u64::MAX), doer(2 + KEEP_MS), "x", 1, &mut unattributed);
        assert_eq!((answers.len(), unattributed), (1, u64::try_from(ANSWERS_MAX).unwrap() + 1));
        answers.forget(1);
        assert!(answers.known.is_empty());
    }
}
