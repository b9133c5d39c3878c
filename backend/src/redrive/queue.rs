//! How messages of the retry queue are treated: when one comes back, when the taking pauses, and what is counted.

use std::collections::BTreeSet;
use std::fmt;

/// First delay of a message that could not be stored, seconds; doubled with each delivery.
const DELAY_FIRST_S: u32 = 2;
/// Longest delay, seconds: a quarter of an hour after an outage everything is on its way.
const DELAY_MAX_S: u32 = 900;
/// Each delivery brings a message nearer to the dead-letter queue: while nothing can be stored, few are taken.
const PAUSE_FIRST_S: u64 = 1;
const PAUSE_MAX_S: u64 = 60;
/// So many calls in a row in which nothing could be stored end `--once`.
pub(crate) const FAILURES_MAX: u32 = 3;
/// Ids of poison messages that are remembered; each is one in the count, however often it comes.
const POISON_MAX: usize = 10_000;

/// A message as SQS delivers it.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) id: String,
    /// Names this delivery.
    pub(crate) receipt: String,
    pub(crate) text: String,
    /// How often it was delivered, this time included.
    pub(crate) receives: u32,
}

/// What was done, for the end.
#[derive(Debug, Default)]
pub(crate) struct QueueTally {
    pub(crate) received: u64,
    pub(crate) stored: u64,
    pub(crate) deleted: u64,
    /// Deliveries that could not be stored and were left.
    pub(crate) left: u64,
    poison: BTreeSet<String>,
}

impl Delivered {
    /// How long it stays away after a failure, seconds: doubles with each delivery; between half of it and all of it, by the
    /// message's id, so that what failed together does not come back together.
    pub(crate) fn delay_s(&self) -> u32 {
        let doublings = self.receives.saturating_sub(1).min(16);
        let full_s = DELAY_FIRST_S.saturating_mul(1 << doublings).min(DELAY_MAX_S);
        let spread = self.id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        full_s / 2 + spread % (full_s / 2 + 1)
    }
}

/// How long to wait after so many failures in a row, seconds.
pub(crate) fn pause_s(failures: u32) -> u64 {
    match failures {
        0 => 0,
        _ => PAUSE_FIRST_S.saturating_mul(1 << (failures - 1).min(16)).min(PAUSE_MAX_S),
    }
}

impl QueueTally {
    /// Notes a message that can never be stored; whether it is the first time.
    pub(crate) fn note_poison(&mut self, id: &str) -> bool {
        self.poison.len() < POISON_MAX && self.poison.insert(id.to_owned())
    }

    /// How many messages can never be stored.
    pub(crate) fn poison(&self) -> usize {
        self.poison.len()
    }
}

impl fmt::Display for QueueTally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, stored, deleted, left, poison } = self;
        let poison = poison.len();
        write!(formatter, "{received} received, {stored} stored, {deleted} deleted, {left} left to come back, {poison} poison messages")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(id: &str, receives: u32) -> Delivered {
        Delivered { id: id.to_owned(), receipt: "r".to_owned(), text: String::new(), receives }
    }

    #[test]
    fn delays_grow_and_are_spread() {
        for (receives, least, most) in [(0, 1, 2), (1, 1, 2), (2, 2, 4), (5, 16, 32), (9, 256, 512), (10, 450, 900), (u32::MAX, 450, 900)] {
            for id in 0..100 {
                let delay_s = delivered(&id.to_string(), receives).delay_s();
                assert!((least..=most).contains(&delay_s), "{receives} {delay_s}");
            }
        }
        let distinct: BTreeSet<_> = (0..100).map(|id: u32| delivered(&format!("m{id}"), 8).delay_s()).collect();
        assert!(distinct.len() > 30, "{}", distinct.len());
    }

    #[test]
    fn the_taking_pauses_while_nothing_can_be_stored() {
        assert_eq!([0, 1, 2, 3, 6, 7, 8, u32::MAX].map(pause_s), [0, 1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn a_poison_message_counts_once() {
        let mut tally = QueueTally::default();
        assert!(tally.note_poison("a") && !tally.note_poison("a") && tally.note_poison("b"));
        assert_eq!(tally.to_string(), "0 received, 0 stored, 0 deleted, 0 left to come back, 2 poison messages");
    }
}
