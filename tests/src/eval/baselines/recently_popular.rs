//! RP: the most clicked articles of a time, the same for everybody.
//!
//! Moreira et al., "Contextual Hybrid Session-based News Recommendation with Recurrent Neural Networks", 2019: "Recently Popular".
//! Hours 144 to 191: HR .448 with 15 minutes, .446 with 30, .441 with 60, .428 with 120.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::click::{Click, ItemId, number};
use crate::recommender::{Recommender, Top};

/// Clicks count for so long.
#[derive(Debug)]
pub(crate) struct RecentlyPopular {
    window_ms: u64,
    recent: VecDeque<(u64, ItemId)>,
    counts: HashMap<ItemId, u32>,
}

impl RecentlyPopular {
    pub(crate) fn new(window_ms: u64) -> Self {
        Self { window_ms, recent: VecDeque::new(), counts: HashMap::new() }
    }

    /// Only a later click ends a click's time: the list stands still while nobody reads.
    fn forget(&mut self, now_ms: u64) {
        while let Some((_, item)) = self.recent.pop_front_if(|(at_ms, _)| *at_ms + self.window_ms <= now_ms) {
            if let Some(count) = self.counts.get_mut(&item) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&item);
                }
            }
        }
    }
}

impl Recommender for RecentlyPopular {
    fn learn(&mut self, click: &Click, _history: &[ItemId]) {
        self.forget(click.at_ms);
        self.recent.push_back((click.at_ms, click.item));
        *self.counts.entry(click.item).or_default() += 1;
    }

    fn recommend(&mut self, _click: &Click, history: &[ItemId], list: &mut Vec<ItemId>) {
        let mut top = Top::except(history);
        for (item, count) in &self.counts {
            top.offer(*item, number(*count));
        }
        top.put_into(list);
    }
}
