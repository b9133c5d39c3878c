//! Sessions: what a reader does with gaps under half an hour.

use serde::{Deserialize, Serialize};

use super::memory::Remembered;

/// A longer gap ends a session.
pub(crate) const GAP_MS: u64 = 1_800_000;
/// What comes later than this behind the reader's latest event finds its session forgotten, and begins another.
pub(crate) const LATE_MS: u64 = 3_600_000;

/// What is known of one reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visitor {
    /// Latest arrival, by the stream's time, Unix milliseconds. First, for the store reads it alone.
    pub(crate) last_ms: u64,
    latest: Session,
    /// Earlier ones that late events may still belong to, by time.
    earlier: Vec<Session>,
}

/// From the first event to the last, by the reader's corrected clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// The pageview that began it.
    id: u128,
    first_ms: u64,
    last_ms: u64,
}

impl Session {
    const fn holds(&self, at_ms: u64) -> bool {
        at_ms.saturating_add(GAP_MS) >= self.first_ms && at_ms <= self.last_ms.saturating_add(GAP_MS)
    }

    fn extend(&mut self, at_ms: u64) {
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
    }
}

impl Visitor {
    /// Who begins a session with this event.
    pub(crate) const fn new(pageview: u128, at_ms: u64) -> Self {
        Self { last_ms: 0, latest: Session { id: pageview, first_ms: at_ms, last_ms: at_ms }, earlier: Vec::new() }
    }

    /// Notes an event; gives its session, and whether the event began it. Two sessions that a late event would join stay two.
    pub(crate) fn act(&mut self, pageview: u128, at_ms: u64) -> (u128, bool) {
        if self.latest.holds(at_ms) {
            self.latest.extend(at_ms);
            return (self.latest.id, false);
        }
        if let Some(session) = self.earlier.iter_mut().rev().find(|session| session.holds(at_ms)) {
            session.extend(at_ms);
            return (session.id, false);
        }
        let new = Session { id: pageview, first_ms: at_ms, last_ms: at_ms };
        if at_ms > self.latest.last_ms {
            let before = std::mem::replace(&mut self.latest, new);
            self.earlier.push(before);
        } else {
            let place = self.earlier.partition_point(|session| session.first_ms < at_ms);
            self.earlier.insert(place, new);
        }
        let oldest_ms = self.latest.last_ms.saturating_sub(LATE_MS + GAP_MS);
        self.earlier.retain(|session| session.last_ms >= oldest_ms || session.id == pageview);
        (pageview, true)
    }

    /// The sessions that are remembered: id, first and last event.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (u128, u64, u64)> {
        self.earlier.iter().chain([&self.latest]).map(|session| (session.id, session.first_ms, session.last_ms))
    }
}

impl Remembered for Visitor {
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

    const T0: u64 = 1_795_337_000_000;
    const MINUTE: u64 = 60_000;

    #[test]
    fn a_gap_of_more_than_half_an_hour_begins_another() {
        let mut visitor = Visitor::new(1, T0);
        assert_eq!(visitor.act(2, T0 + 30 * MINUTE), (1, false));
        assert_eq!(visitor.act(3, T0 + 60 * MINUTE), (1, false));
        assert_eq!(visitor.act(4, T0 + 90 * MINUTE + 1), (4, true));
        assert_eq!(visitor.sessions().count(), 2);
    }

    #[test]
    fn late_events_find_their_session() {
        let mut visitor = Visitor::new(1, T0);
        visitor.act(2, T0 + 60 * MINUTE);
        assert_eq!(visitor.act(1, T0 + 10 * MINUTE), (1, false));
        assert_eq!(visitor.act(2, T0 + 45 * MINUTE), (2, false));
        assert_eq!(visitor.act(9, T0 - 31 * MINUTE), (9, true), "before all of them");
        assert_eq!(visitor.act(9, T0 - 32 * MINUTE), (9, false));
    }

    #[test]
    fn what_is_too_old_for_late_events_is_forgotten() {
        let mut visitor = Visitor::new(1, T0);
        for hour in 1..50 {
            visitor.act(u128::from(hour), T0 + hour * 60 * MINUTE);
        }
        assert_eq!(visitor.sessions().count(), 2, "the last of them, and one that ended within an hour and a half before");
    }
}
