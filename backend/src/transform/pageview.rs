//! What is known of one pageview: which events were seen (one bit per `seq`), which interactions were made, whose it is.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::memory::Remembered;

/// Largest `seq` that the edge accepts; a larger one did not come through it.
const SEQ_MAX: u32 = 9_999;
const WORD_BITS: u32 = 64;
/// One forged `seq` would otherwise say that 9,999 events were lost: a pageview that misses more is not counted at all.
const LOST_MAX: u32 = 1_000;
/// In place of [`Pageview::settled`]: the pageview is not counted.
const UNCOUNTED: u32 = u32::MAX;

/// What is known of an event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Seen for the first time.
    New,
    /// The same, but its pageview had been settled, and this event counted as lost.
    Recovered,
    /// Seen before.
    Duplicate,
    /// No tracker can have made it.
    OutOfRange,
}

/// What became known of the events of a quiet pageview, since it was last settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// As it was given with the pageview's first event.
    pub(crate) class: u8,
    /// Events up to the highest `seq` seen.
    pub(crate) expected: u32,
    /// Those of them that were not seen.
    pub(crate) lost: u32,
}

/// One pageview: the first 64 events inline, which is nearly all, the rest as (word, bits) by word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pageview {
    /// Latest arrival, by the stream's time, Unix milliseconds. First, for the store reads it alone.
    pub(crate) last_ms: u64,
    /// The reader's id.
    pub(crate) visitor: u128,
    /// The pageview that began the reader's session.
    pub(crate) session: u128,
    /// Kinds of interaction that were made, a bit each.
    pub(crate) made: u8,
    /// The caller's word, a browser family.
    pub(crate) class: u8,
    first: u64,
    rest: Vec<(u32, u64)>,
    /// Every `seq` below this one is settled.
    settled: u32,
    /// Whether it waits to be settled.
    #[serde(skip)]
    pub(crate) is_open: bool,
}

impl Pageview {
    /// Of this reader, nothing seen.
    pub(crate) const fn new(visitor: u128, session: u128, class: u8) -> Self {
        Self { last_ms: 0, visitor, session, made: 0, class, first: 0, rest: Vec::new(), settled: 0, is_open: false }
    }

    /// The same, of which no loss is counted.
    pub(crate) const fn uncounted(mut self) -> Self {
        self.settled = UNCOUNTED;
        self
    }

    /// Notes an event.
    pub(crate) fn see(&mut self, seq: u32) -> Sighting {
        if seq > SEQ_MAX {
            return Sighting::OutOfRange;
        }
        let (word, bit) = (seq / WORD_BITS, 1_u64 << (seq % WORD_BITS));
        let bits = if word == 0 { Some(&mut self.first) } else { self.word(word) };
        let Some(bits) = bits else { return Sighting::OutOfRange };
        if *bits & bit != 0 {
            return Sighting::Duplicate;
        }
        *bits |= bit;
        if seq < self.settled && self.settled != UNCOUNTED { Sighting::Recovered } else { Sighting::New }
    }

    /// Whether the interaction of this bit is made now, for the first time.
    pub(crate) fn make(&mut self, bit: u8) -> bool {
        let is_new = self.made & bit == 0;
        self.made |= bit;
        is_new
    }

    fn word(&mut self, word: u32) -> Option<&mut u64> {
        let at = self.rest.partition_point(|&(other, _)| other < word);
        if self.rest.get(at).is_none_or(|&(other, _)| other != word) {
            self.rest.insert(at, (word, 0));
        }
        self.rest.get_mut(at).map(|(_, bits)| bits)
    }

    /// The highest `seq` seen, and one.
    fn end(&self) -> u32 {
        let (word, bits) = self.rest.last().copied().unwrap_or((0, self.first));
        word * WORD_BITS + (WORD_BITS - bits.leading_zeros())
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
    pub(crate) fn settle(&mut self) -> Settled {
        let expected = self.end().saturating_sub(self.settled);
        let lost = expected.saturating_sub(self.count_from(self.settled));
        if lost > LOST_MAX {
            self.settled = UNCOUNTED;
            return Settled { class: self.class, ..Settled::default() };
        }
        self.settled = self.settled.max(self.end());
        Settled { class: self.class, expected, lost }
    }
}

impl Remembered for Pageview {
    fn last_ms(&self) -> u64 {
        self.last_ms
    }

    fn touch(&mut self, at_ms: u64) {
        self.last_ms = self.last_ms.max(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seqs: &[u32]) -> Pageview {
        let mut pageview = Pageview::new(1, 2, 3);
        for seq in seqs {
            assert_eq!(pageview.see(*seq), Sighting::New, "{seq}");
        }
        pageview
    }

    #[test]
    fn an_event_is_new_once_in_any_order() {
        let seqs = [5, 0, 200, 63, 64, 9_999, 65];
        let mut pageview = seen(&seqs);
        assert!(seqs.iter().all(|seq| pageview.see(*seq) == Sighting::Duplicate));
        assert_eq!(pageview.see(10_000), Sighting::OutOfRange);
    }

    #[test]
    fn gaps_up_to_the_highest_event_are_lost_until_they_come() {
        let mut pageview = seen(&[0, 1, 4, 70]);
        assert_eq!(pageview.settle(), Settled { class: 3, expected: 71, lost: 67 });
        assert_eq!(pageview.settle(), Settled { class: 3, expected: 0, lost: 0 });
        assert_eq!((pageview.see(2), pageview.see(2), pageview.see(72)), (Sighting::Recovered, Sighting::Duplicate, Sighting::New));
        assert_eq!(pageview.settle(), Settled { class: 3, expected: 2, lost: 1 });
    }

    #[test]
    fn one_forged_seq_does_not_make_a_loss() {
        let mut pageview = seen(&[0, 9_999]);
        assert_eq!(pageview.settle().expected, 0);
        assert_eq!(pageview.see(5), Sighting::New, "nor what comes afterwards");
        assert_eq!(pageview.settle(), Settled { class: 3, expected: 0, lost: 0 });
    }

    #[test]
    fn an_interaction_is_made_once() {
        let mut pageview = seen(&[]);
        assert_eq!([pageview.make(1), pageview.make(4), pageview.make(1), pageview.make(4)], [true, true, false, false]);
    }
}
