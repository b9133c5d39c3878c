//! What comes back: how often lists of recommendations were seen and followed, by placement, parameter set and rung.
//!
//! Everything that is needed stands in two events of one reader: the impression says placement and items, the click repeats the
//! `rec_id`, which tells set and rung. A click counts only for a list that the same reader was shown, once for each place of it;
//! one that comes before its impression waits for it. Readers that are hardly believed, and programs, do not count.

mod answers;
mod interval;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::{EventKindView, RecId, RecommendationSource};

pub(crate) use answers::Answers;
use answers::Shown;
pub(crate) use interval::{Rate, rate};

/// Places of a list that are told apart.
pub(crate) const POSITIONS: usize = 10;
/// Placements of a portal that are told apart: pages have three or four, and what is a label must not grow without end.
const PLACEMENTS_MAX: usize = 32;
/// Longest name of a placement, in bytes.
const PLACEMENT_BYTES_MAX: usize = 32;
/// Whatever else.
const OTHER: &str = "other";
/// When there is no more room, a placement that was seen less often than this gives way: one that was made up, or a test.
const SETTLED_LISTS: u64 = 20;

/// What was counted of lists, by placement and then by `<set>/<rung>`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feedback {
    placements: BTreeMap<String, BTreeMap<String, Tally>>,
    /// Clicks on lists that nobody had said were seen.
    pub(crate) unattributed: u64,
}

/// Of one placement, set and rung. All of them only grow.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Lists that were seen.
    pub(crate) lists: u64,
    /// Those of them in which something was followed.
    pub(crate) lists_clicked: u64,
    /// Items that were seen.
    pub(crate) items: u64,
    /// Items that were followed.
    pub(crate) clicks: u64,
    /// Of the first ten places: seen.
    pub(crate) shown_at: [u64; POSITIONS],
    /// Of the first ten places: followed.
    pub(crate) clicked_at: [u64; POSITIONS],
}

/// One row of the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) placement: &'a str,
    pub(crate) set: &'a str,
    /// `unknown` when no edge made the id.
    pub(crate) source: &'a str,
    pub(crate) tally: Tally,
}

/// Who did it and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doer {
    pub(crate) visitor: u128,
    pub(crate) pageview: u128,
    /// Whether what comes from there counts at all.
    pub(crate) is_believed: bool,
    pub(crate) at_ms: u64,
}

impl Feedback {
    /// Takes an event that was not there before.
    pub(crate) fn take(&mut self, answers: &mut Answers, event: &EventKindView<'_>, doer: Doer) {
        if !doer.is_believed {
            return;
        }
        match event {
            EventKindView::Impression { rec_id, placement, items } => {
                if let Some(shown) = answers.show(*rec_id, doer, label(placement), items.len(), &mut self.unattributed) {
                    self.tally(&shown.placement, *rec_id).show(&shown);
                }
            }
            EventKindView::Click { rec_id: Some(rec_id), position: Some(position), .. } => {
                let clicked = answers.click(*rec_id, doer, *position, &mut self.unattributed);
                if let Some((placement, is_first)) = clicked {
                    self.tally(&placement, *rec_id).click(*position, is_first);
                }
            }
            EventKindView::Click { .. } | EventKindView::Pageview | EventKindView::Engagement { .. } | EventKindView::Custom { .. } => {}
        }
    }

    /// Adds another shard's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.unattributed += other.unattributed;
        for (placement, rows) in &other.placements {
            let placement = self.room_for(placement);
            let own = self.placements.entry(placement).or_default();
            for (key, tally) in rows {
                own.entry(key.clone()).or_default().add(tally);
            }
        }
    }

    /// Everything, in a fixed order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.placements.iter().flat_map(|(placement, rows)| {
            rows.iter().map(|(key, tally)| {
                let (set, source) = key.split_once('/').unwrap_or((key, OTHER));
                Row { placement, set, source, tally: *tally }
            })
        })
    }

    fn tally(&mut self, placement: &str, rec_id: RecId) -> &mut Tally {
        let placement = self.room_for(placement);
        let source = rec_id.source().map_or("unknown", RecommendationSource::as_str);
        self.placements.entry(placement).or_default().entry(format!("{}/{source}", rec_id.set().as_str())).or_default()
    }

    /// The name under which a placement is counted.
    fn room_for(&mut self, placement: &str) -> String {
        if self.placements.contains_key(placement) || self.placements.len() < PLACEMENTS_MAX {
            return placement.to_owned();
        }
        let lists = |rows: &BTreeMap<String, Tally>| rows.values().map(|tally| tally.lists).sum::<u64>();
        let named = self.placements.iter().filter(|(name, _)| *name != OTHER);
        let least = named.map(|(name, rows)| (lists(rows), name.clone())).min();
        let Some((_, least)) = least.filter(|(lists, _)| *lists < SETTLED_LISTS) else { return OTHER.to_owned() };
        let rows = self.placements.remove(&least).unwrap_or_default();
        let other = self.placements.entry(OTHER.to_owned()).or_default();
        for (key, tally) in rows {
            other.entry(key).or_default().add(&tally);
        }
        if self.placements.len() > PLACEMENTS_MAX { OTHER.to_owned() } else { placement.to_owned() }
    }
}

impl Tally {
    fn show(&mut self, shown: &Shown) {
        self.lists += u64::from(shown.is_new);
        self.items += u64::try_from(shown.places.len()).unwrap_or(0);
        for (_, count) in self.shown_at.iter_mut().enumerate().filter(|(place, _)| shown.places.contains(place)) {
            *count += 1;
        }
        for (nth, position) in shown.clicks.iter().enumerate() {
            self.click(*position, nth == 0);
        }
    }

    fn click(&mut self, position: u16, is_first: bool) {
        self.clicks += 1;
        self.lists_clicked += u64::from(is_first);
        if let Some(count) = self.clicked_at.get_mut(usize::from(position)) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.lists += other.lists;
        self.lists_clicked += other.lists_clicked;
        self.items += other.items;
        self.clicks += other.clicks;
        self.shown_at.iter_mut().zip(other.shown_at).for_each(|(count, more)| *count += more);
        self.clicked_at.iter_mut().zip(other.clicked_at).for_each(|(count, more)| *count += more);
    }
}

/// What is fit to be a label.
fn label(placement: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if placement.len() <= PLACEMENT_BYTES_MAX && !placement.is_empty() && placement.bytes().all(is_plain) { placement } else { OTHER }
}

#[cfg(test)]
mod tests;
