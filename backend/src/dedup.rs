//! Which events were seen already: one bit per `seq` of each pageview of the last day.

use std::collections::{HashMap, VecDeque};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use wire::PageviewId;

/// How long a pageview is remembered after its last event. Retry queues give up sooner.
pub(crate) const KEEP_MS: u64 = 86_400_000;
/// About 100 bytes each with the map's slack and the queue: 100 MB. The oldest go first.
const PAGEVIEWS_MAX: usize = 1_000_000;
/// Words past the first 64 events of a pageview; sparse, 16 bytes each: 64 MB at most.
const EXTRA_WORDS_MAX: usize = 4_000_000;
/// Largest `seq` that the edge accepts; a larger one did not come through it.
const SEQ_MAX: u32 = 9_999;
const WORD_BITS: u32 = 64;

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

/// The event ids of the last 24 hours.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dedup {
    pageviews: HashMap<PageviewId, Seen>,
    /// Each pageview once, with the time at which it was put here: the next to be forgotten is at the front.
    queue: VecDeque<(PageviewId, u64)>,
    extra_words: usize,
    latest_ms: u64,
}

/// The events of one pageview: the first 64 inline, which is nearly all, the rest as (word, bits).
#[derive(Debug, Default, PartialEq)]
struct Seen {
    last_ms: u64,
    first: u64,
    rest: Vec<(u32, u64)>,
}

impl Dedup {
    /// Notes an event. `at_ms` is the time of arrival on the stream, which is the same in a replay.
    pub(crate) fn sight(&mut self, pageview: PageviewId, seq: u32, at_ms: u64) -> Sighting {
        if seq > SEQ_MAX {
            return Sighting::OutOfRange;
        }
        // Shards are not in step: time never goes back here.
        self.latest_ms = self.latest_ms.max(at_ms);
        let seen = self.pageviews.entry(pageview).or_insert_with(|| {
            self.queue.push_back((pageview, self.latest_ms));
            Seen::default()
        });
        seen.last_ms = self.latest_ms;
        let words = seen.rest.len();
        let is_new = seen.set(seq);
        self.extra_words += seen.rest.len() - words;
        self.forget(PAGEVIEWS_MAX, EXTRA_WORDS_MAX);
        if is_new { Sighting::New } else { Sighting::Duplicate }
    }

    /// How many pageviews are remembered.
    pub(crate) fn len(&self) -> usize {
        self.pageviews.len()
    }

    fn forget(&mut self, pageviews_max: usize, extra_words_max: usize) {
        while let Some(&(pageview, queued_ms)) = self.queue.front() {
            let is_full = self.pageviews.len() > pageviews_max || self.extra_words > extra_words_max;
            let is_old = queued_ms.saturating_add(KEEP_MS) <= self.latest_ms;
            if !is_full && !is_old {
                return;
            }
            self.queue.pop_front();
            match self.pageviews.get(&pageview) {
                // A second chance for a page that is still open.
                Some(seen) if seen.last_ms > queued_ms => self.queue.push_back((pageview, seen.last_ms)),
                Some(seen) => {
                    self.extra_words -= seen.rest.len();
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
}

/// One pageview of a snapshot: id, queued at, last seen at, first 64 bits, the rest.
type Row = (PageviewId, u64, u64, u64, Vec<(u32, u64)>);

impl Serialize for Dedup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = |(pageview, queued_ms): &(PageviewId, u64)| {
            self.pageviews.get(pageview).map(|seen| (*pageview, *queued_ms, seen.last_ms, seen.first, &seen.rest))
        };
        serializer.collect_seq(self.queue.iter().filter_map(row))
    }
}

impl<'de> Deserialize<'de> for Dedup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut dedup = Self::default();
        for (pageview, queued_ms, last_ms, first, rest) in Vec::<Row>::deserialize(deserializer)? {
            dedup.latest_ms = dedup.latest_ms.max(last_ms);
            dedup.extra_words += rest.len();
            dedup.queue.push_back((pageview, queued_ms));
            if dedup.pageviews.insert(pageview, Seen { last_ms, first, rest }).is_some() {
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
        dedup.forget(4, 100);
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
        dedup.forget(10, 50);
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
}
