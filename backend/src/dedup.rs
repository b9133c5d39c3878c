//! Which events were seen already: one bit per `seq` of each pageview of the last day. The bits that stay clear are what was lost.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, VecDeque};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use wire::PageviewId;

/// How long a pageview is remembered after its last event. Retry queues give up sooner.
pub(crate) const KEEP_MS: u64 = 86_400_000;

/// Whether a record came so late that a copy of it may have been counted and forgotten. What was set aside in an outage can be
/// days old: it is in the archive, and counts for nothing here.
pub(crate) const fn is_beyond_memory(received_at_ms: u64, arrived_at_ms: u64) -> bool {
    arrived_at_ms.saturating_sub(received_at_ms) > KEEP_MS
}
/// About 110 bytes each with the map's slack and the queue: 110 MB. The oldest go first.
const PAGEVIEWS_MAX: usize = 1_000_000;
/// Words past the first 64 events of a pageview; sparse, 16 bytes each: 64 MB at most.
const EXTRA_WORDS_MAX: usize = 4_000_000;
/// Largest `seq` that the edge accepts; a larger one did not come through it.
const SEQ_MAX: u32 = 9_999;
const WORD_BITS: u32 = 64;
/// How long a pageview has to be quiet, by the stream's time, before its gaps are settled: longer than a page waits between two
/// tries of its outbox (five minutes at most).
pub(crate) const QUIET_MS: u64 = 600_000;
/// One forged `seq` would otherwise say that 9,999 events were lost: a pageview that misses more is not counted at all.
const LOST_MAX: u32 = 1_000;
/// In place of [`Seen::settled`]: the pageview is not counted.
const UNCOUNTED: u32 = u32::MAX;

/// What is known of an event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Seen for the first time.
    New,
    /// Seen before.
    Duplicate,
    /// No tracker can have made it.
    OutOfRange,
}

/// What became known of the events of a quiet pageview, since it was last settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// As it was given with the pageview's first event.
    pub(crate) class: u8,
    /// Events up to the highest `seq` seen.
    pub(crate) expected: u32,
    /// Those of them that were not seen.
    pub(crate) lost: u32,
    /// Events that were settled as lost and came all the same.
    pub(crate) recovered: u32,
}

/// The event ids of the last 24 hours.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dedup {
    pageviews: HashMap<PageviewId, Seen>,
    /// Each pageview once, with the time at which it was put here: the next to be forgotten is at the front.
    queue: VecDeque<(PageviewId, u64)>,
    /// Pageviews with events that are not settled, by the time of the last event.
    unsettled: BTreeSet<(u64, PageviewId)>,
    extra_words: usize,
    latest_ms: u64,
}

/// The events of one pageview: the first 64 inline, which is nearly all, the rest as (word, bits) by word.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    last_ms: u64,
    first: u64,
    rest: Vec<(u32, u64)>,
    class: u8,
    /// Every `seq` below this one is settled.
    settled: u32,
}

impl Dedup {
    /// Notes an event, for those who do not ask for losses.
    #[allow(dead_code, reason = "the simulator compiles this file too, and calls this")]
    pub(crate) fn sight(&mut self, pageview: PageviewId, seq: u32, at_ms: u64) -> Sighting {
        self.note(pageview, 0, seq, at_ms, &mut Vec::new())
    }

    /// Notes an event. `at_ms` is the time of arrival on the stream, which is the same in a replay.
    /// `class` is the caller's word for the pageview; what is settled meanwhile, of any pageview, goes to `settled`.
    pub(crate) fn note(&mut self, pageview: PageviewId, class: u8, seq: u32, at_ms: u64, settled: &mut Vec<Settled>) -> Sighting {
        if seq > SEQ_MAX {
            return Sighting::OutOfRange;
        }
        // Shards are not in step: time never goes back here.
        self.latest_ms = self.latest_ms.max(at_ms);
        self.settle_quiet(settled);
        let seen = self.pageviews.entry(pageview).or_insert_with(|| {
            self.queue.push_back((pageview, self.latest_ms));
            Seen { class, ..Seen::default() }
        });
        let (before_ms, words, was_open) = (seen.last_ms, seen.rest.len(), seen.is_open());
        seen.last_ms = self.latest_ms;
        let is_new = seen.set(seq);
        self.extra_words += seen.rest.len() - words;
        if is_new && seq < seen.settled && seen.settled != UNCOUNTED {
            settled.push(Settled { class: seen.class, expected: 0, lost: 0, recovered: 1 });
        }
        let is_open = seen.is_open();
        if was_open && before_ms != self.latest_ms {
            self.unsettled.remove(&(before_ms, pageview));
        }
        if is_open {
            self.unsettled.insert((self.latest_ms, pageview));
        }
        self.forget(PAGEVIEWS_MAX, EXTRA_WORDS_MAX, settled);
        if is_new { Sighting::New } else { Sighting::Duplicate }
    }

    /// How many pageviews are remembered.
    pub(crate) fn len(&self) -> usize {
        self.pageviews.len()
    }

    fn settle_quiet(&mut self, settled: &mut Vec<Settled>) {
        while let Some(&(last_ms, pageview)) = self.unsettled.first() {
            if last_ms.saturating_add(QUIET_MS) >= self.latest_ms {
                return;
            }
            self.unsettled.pop_first();
            settled.extend(self.pageviews.get_mut(&pageview).map(Seen::settle));
        }
    }

    fn forget(&mut self, pageviews_max: usize, extra_words_max: usize, settled: &mut Vec<Settled>) {
        while let Some(&(pageview, queued_ms)) = self.queue.front() {
            let is_full = self.pageviews.len() > pageviews_max || self.extra_words > extra_words_max;
            let is_old = queued_ms.saturating_add(KEEP_MS) <= self.latest_ms;
            if !is_full && !is_old {
                return;
            }
            self.queue.pop_front();
            match self.pageviews.get_mut(&pageview) {
                // A second chance for a page that is still open.
                Some(seen) if seen.last_ms > queued_ms => self.queue.push_back((pageview, seen.last_ms)),
                Some(seen) => {
                    self.extra_words -= seen.rest.len();
                    if self.unsettled.remove(&(seen.last_ms, pageview)) {
                        settled.push(seen.settle());
                    }
                    self.pageviews.remove(&pageview);
                }
                None => {}
            }
        }
    }
}

impl Seen {
    /// Whether the bit was clear.
    fn set(&mut self, seq: u32) -> bool {
        let (word, bit) = (seq / WORD_BITS, 1_u64 << (seq % WORD_BITS));
        let bits = if word == 0 {
            &mut self.first
        } else {
            let at = self.rest.partition_point(|&(other, _)| other < word);
            if self.rest.get(at).is_none_or(|&(other, _)| other != word) {
                self.rest.insert(at, (word, 0));
            }
            match self.rest.get_mut(at) {
                Some((_, bits)) => bits,
                None => return true,
            }
        };
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }

    /// The highest `seq` seen, and one.
    fn end(&self) -> u32 {
        let (word, bits) = self.rest.last().copied().unwrap_or((0, self.first));
        word * WORD_BITS + (WORD_BITS - bits.leading_zeros())
    }

    fn is_open(&self) -> bool {
        self.end() > self.settled
    }

    /// How many different events at or above `seq` were seen.
    fn count_from(&self, seq: u32) -> u32 {
        let (from_word, below) = (seq / WORD_BITS, (1_u64 << (seq % WORD_BITS)) - 1);
        let count = |(word, bits): (u32, u64)| match word.cmp(&from_word) {
            Ordering::Less => 0,
            Ordering::Equal => (bits & !below).count_ones(),
            Ordering::Greater => bits.count_ones(),
        };
        std::iter::once((0, self.first)).chain(self.rest.iter().copied()).map(count).sum()
    }

    /// Settles what is open: from here on, what is missing is lost until it comes.
    fn settle(&mut self) -> Settled {
        let expected = self.end().saturating_sub(self.settled);
        let lost = expected.saturating_sub(self.count_from(self.settled));
        if lost > LOST_MAX {
            self.settled = UNCOUNTED;
            return Settled { class: self.class, expected: 0, lost: 0, recovered: 0 };
        }
        self.settled = self.settled.max(self.end());
        Settled { class: self.class, expected, lost, recovered: 0 }
    }
}

/// One pageview of a snapshot: id, queued at, last seen at, first 64 bits, the rest, class, settled.
/// Snapshots from before losses were counted have no class and nothing settled.
#[derive(serde::Deserialize)]
struct Row(PageviewId, u64, u64, u64, Vec<(u32, u64)>, #[serde(default)] u8, #[serde(default)] u32);

impl Serialize for Dedup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = |(pageview, queued_ms): &(PageviewId, u64)| {
            let seen = self.pageviews.get(pageview)?;
            Some((*pageview, *queued_ms, seen.last_ms, seen.first, &seen.rest, seen.class, seen.settled))
        };
        serializer.collect_seq(self.queue.iter().filter_map(row))
    }
}

impl<'de> Deserialize<'de> for Dedup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut dedup = Self::default();
        for Row(pageview, queued_ms, last_ms, first, rest, class, settled) in Vec::<Row>::deserialize(deserializer)? {
            dedup.latest_ms = dedup.latest_ms.max(last_ms);
            dedup.extra_words += rest.len();
            dedup.queue.push_back((pageview, queued_ms));
            let seen = Seen { last_ms, first, rest, class, settled };
            if seen.is_open() {
                dedup.unsettled.insert((last_ms, pageview));
            }
            if dedup.pageviews.insert(pageview, seen).is_some() {
                return Err(D::Error::custom(format!("pageview {pageview} stands there twice")));
            }
        }
        Ok(dedup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    fn id(number: u128) -> PageviewId {
        PageviewId::from_bits(number)
    }

    #[test]
    fn an_event_is_new_once_in_any_order() {
        let mut dedup = Dedup::default();
        for seq in [5, 0, 200, 63, 64, 9_999, 65] {
            assert_eq!(dedup.sight(id(1), seq, T0), Sighting::New, "{seq}");
        }
        for seq in [64, 0, 9_999, 5, 65, 63, 200] {
            assert_eq!(dedup.sight(id(1), seq, T0), Sighting::Duplicate, "{seq}");
        }
        assert_eq!(dedup.sight(id(1), 201, T0), Sighting::New);
        assert_eq!(dedup.sight(id(2), 5, T0), Sighting::New);
        assert_eq!(dedup.len(), 2);
    }

    #[test]
    fn a_seq_that_the_edge_refuses_costs_no_memory() {
        let mut dedup = Dedup::default();
        assert_eq!(dedup.sight(id(1), 10_000, T0), Sighting::OutOfRange);
        assert_eq!(dedup, Dedup::default());
    }

    #[test]
    fn a_pageview_is_forgotten_a_day_after_its_last_event() {
        let mut dedup = Dedup::default();
        dedup.sight(id(1), 0, T0);
        dedup.sight(id(2), 0, T0);
        dedup.sight(id(2), 1, T0 + KEEP_MS - 1);
        dedup.sight(id(3), 0, T0 + KEEP_MS);
        assert_eq!(dedup.sight(id(2), 0, T0 + KEEP_MS), Sighting::Duplicate);
        assert_eq!(dedup.sight(id(1), 0, T0 + KEEP_MS), Sighting::New);
    }

    #[test]
    fn time_that_goes_back_forgets_nothing() {
        let mut dedup = Dedup::default();
        dedup.sight(id(1), 0, T0);
        dedup.sight(id(2), 0, 0);
        assert_eq!(dedup.sight(id(1), 0, T0 + 1), Sighting::Duplicate);
        assert_eq!(dedup.sight(id(2), 0, T0 + 1), Sighting::Duplicate);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let mut dedup = Dedup::default();
        for number in 0..10 {
            dedup.sight(id(number), 0, T0 + u64::try_from(number).unwrap());
        }
        dedup.forget(4, 100, &mut Vec::new());
        assert_eq!((dedup.len(), dedup.queue.len()), (4, 4));
        assert_eq!(dedup.sight(id(9), 0, T0 + 20), Sighting::Duplicate);
        assert_eq!(dedup.sight(id(0), 0, T0 + 20), Sighting::New);
    }

    #[test]
    fn scattered_seqs_of_a_hostile_page_are_bounded_too() {
        let mut dedup = Dedup::default();
        for word in 1..=100 {
            dedup.sight(id(1), word * WORD_BITS, T0);
        }
        dedup.sight(id(2), 0, T0);
        dedup.forget(10, 50, &mut Vec::new());
        assert_eq!((dedup.len(), dedup.extra_words), (1, 0));
    }

    #[test]
    fn a_snapshot_brings_everything_back() {
        let mut dedup = Dedup::default();
        for number in 0..100 {
            dedup.sight(id(number % 17), u32::try_from(number * 7).unwrap(), T0 + u64::try_from(number).unwrap());
        }
        let text = serde_json::to_string(&dedup).unwrap();
        assert_eq!(serde_json::from_str::<Dedup>(&text).unwrap(), dedup);
    }

    /// Pageview, `seq` and minute of each event; what was settled by the end of a long silence.
    fn settled(events: &[(u128, u32, u64)]) -> (u32, u32, u32) {
        let mut dedup = Dedup::default();
        let mut all = Vec::new();
        for (at, &(number, seq, minute)) in events.iter().enumerate() {
            dedup.note(id(number), 3, seq, T0 + minute * 60_000, &mut all);
            if at == events.len() / 2 {
                let text = serde_json::to_string(&dedup).unwrap();
                dedup = serde_json::from_str(&text).unwrap();
            }
        }
        dedup.note(id(0), 3, 0, T0 + 10_000 * 60_000, &mut all);
        assert!(all.iter().all(|settled| settled.class == 3));
        all.iter().fold((0, 0, 0), |sum, one| (sum.0 + one.expected, sum.1 + one.lost, sum.2 + one.recovered))
    }

    #[test]
    fn gaps_of_quiet_pageviews_are_losses() {
        assert_eq!(settled(&[(1, 0, 0), (1, 1, 0), (1, 2, 1)]), (3, 0, 0), "no gap");
        assert_eq!(settled(&[(1, 0, 0), (1, 3, 1)]), (4, 2, 0), "in the middle");
        assert_eq!(settled(&[(1, 2, 0)]), (3, 2, 0), "at the beginning");
        assert_eq!(settled(&[(1, 0, 0), (1, 130, 1), (1, 64, 1)]), (131, 128, 0), "over words");
        assert_eq!(settled(&[(1, 0, 0), (2, 2, 0), (1, 2, 1), (2, 0, 1)]), (6, 2, 0), "each pageview for itself");
        assert_eq!(settled(&[(1, 0, 0), (1, 2, 0), (1, 2, 5), (1, 0, 9)]), (3, 1, 0), "duplicates are no more than one");
    }

    #[test]
    fn a_late_arrival_fills_its_gap_or_is_recovered() {
        assert_eq!(settled(&[(1, 0, 0), (1, 2, 0), (1, 1, 10)]), (3, 0, 0), "after ten minutes of quiet");
        assert_eq!(settled(&[(1, 0, 0), (1, 2, 0), (1, 1, 11)]), (3, 1, 1), "after more than ten");
        assert_eq!(settled(&[(1, 0, 0), (1, 2, 0), (1, 1, 11), (1, 1, 12)]), (3, 1, 1), "and again");
        assert_eq!(settled(&[(1, 0, 0), (1, 2, 0), (2, 0, 11), (1, 5, 12), (1, 4, 13)]), (7, 2, 0), "settled a second time");
    }

    #[test]
    fn a_pageview_that_falls_out_of_memory_is_settled_first() {
        let (mut dedup, mut all) = (Dedup::default(), Vec::new());
        dedup.note(id(1), 7, 4, T0, &mut all);
        dedup.note(id(2), 7, 0, T0, &mut all);
        dedup.forget(1, 100, &mut all);
        assert_eq!(all, [Settled { class: 7, expected: 5, lost: 4, recovered: 0 }]);
        assert_eq!(dedup.unsettled.len(), 1);
    }

    #[test]
    fn a_forged_seq_says_nothing() {
        assert_eq!(settled(&[(1, 1_000, 0)]), (1_001, 1_000, 0));
        assert_eq!(settled(&[(1, 1_001, 0)]), (0, 0, 0));
        assert_eq!(settled(&[(1, 9_999, 0), (2, 0, 20), (1, 0, 21), (1, 9_998, 22)]), (1, 0, 0));
    }

    #[test]
    fn a_snapshot_from_before_losses_were_counted_is_read() {
        let old = r#"[["0000000000000000000000000000000a",5,5,5,[]]]"#;
        let (mut dedup, mut all) = (serde_json::from_str::<Dedup>(old).unwrap(), Vec::new());
        dedup.note(id(2), 1, 0, T0, &mut all);
        assert_eq!(all, [Settled { class: 0, expected: 3, lost: 1, recovered: 0 }]);
    }
}
