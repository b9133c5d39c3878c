//! Which sealed bodies still wait for a receipt, and when to try them again. The bodies themselves are the shell's.

/// Most bodies that wait, one bit each. At 12 KiB each they stay far below what `localStorage` holds.
pub const LETTERS_MAX: u32 = u32::BITS;
/// First pause after a failure; it doubles each time, up to [`PAUSE_MS_MAX`].
const PAUSE_MS: u32 = 2_000;
const PAUSE_MS_MAX: u32 = 300_000;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer came.
    Answered {
        /// Its status.
        status: u32,
        /// Its `Retry-After`, seconds; 0 when it has none.
        retry_after_s: u32,
    },
    /// No answer: offline, blocked, or no room for the request.
    Failed,
    /// The browser took a beacon. That is no receipt.
    Beaconed,
}

/// Bodies without a receipt: of the last [`LETTERS_MAX`], one bit in each set for the state it is in.
#[derive(Debug)]
pub struct Outbox {
    next_ticket: u32,
    /// Without a receipt. One that is neither waiting nor in flight was taken by the browser as a beacon, and may or may not have arrived.
    kept: u32,
    waiting: u32,
    /// Tried at least once.
    tried: u32,
    in_flight: u32,
    pause_ms: u32,
    retry_at_ms: u32,
    dropped: u32,
    events: [u32; 32],
}

impl Outbox {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        let (kept, waiting, tried, in_flight) = (0, 0, 0, 0);
        Self { next_ticket: 0, kept, waiting, tried, in_flight, pause_ms: 0, retry_at_ms: 0, dropped: 0, events: [0; 32] }
    }

    /// Takes in a body of so many events, and answers its ticket: 0, 1, 2 …
    /// The body of [`LETTERS_MAX`] tickets before is evicted if it is still here: its events are counted as dropped, and the shell forgets it too.
    pub fn admit(&mut self, events: u32) -> u32 {
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        let bit = bit(ticket);
        if let Some(slot) = self.events.get_mut(slot(ticket)) {
            if self.kept & bit != 0 {
                self.dropped = self.dropped.wrapping_add(*slot);
            }
            *slot = events;
        }
        self.kept |= bit;
        self.waiting |= bit;
        self.tried &= !bit;
        self.in_flight &= !bit;
        ticket
    }

    /// The next body to send, the oldest first.
    /// Posts go one at a time, so that a server in distress sees one request per page, and not during a pause.
    /// As a beacon goes everything that waits; what was never tried even during a pause, because this may be its last chance.
    pub fn next(&mut self, is_beacon: bool, now_ms: u32) -> Option<u32> {
        let held = match (self.pause_left_ms(now_ms) > 0, is_beacon) {
            (true, true) => self.tried,
            (true, false) => u32::MAX,
            (false, true) => 0,
            (false, false) if self.in_flight != 0 => u32::MAX,
            (false, false) => 0,
        };
        let ready = self.waiting & !held;
        if ready == 0 {
            return None;
        }
        // Turned so that the oldest comes first.
        let age = ready.rotate_right(self.next_ticket).trailing_zeros();
        let ticket = self.next_ticket.wrapping_add(age).wrapping_sub(LETTERS_MAX);
        let bit = bit(ticket);
        self.waiting &= !bit;
        self.tried |= bit;
        self.in_flight |= bit;
        Some(ticket)
    }

    /// Records an outcome. `true`: the body is settled, and the shell forgets it. `random` spreads the retries of many readers.
    pub fn settle(&mut self, ticket: u32, outcome: Outcome, now_ms: u32, random: u8) -> bool {
        // Evicted meanwhile, and its bit is another's.
        if self.next_ticket.wrapping_sub(ticket) > LETTERS_MAX {
            return true;
        }
        let bit = bit(ticket);
        self.in_flight &= !bit;
        let retry_after_s = match outcome {
            Outcome::Beaconed => return false,
            // Taken, or refused for good: the same body would be refused again.
            Outcome::Answered { status, .. } if status < 500 && status != 408 && status != 429 => {
                self.kept &= !bit;
                self.waiting &= !bit;
                self.heal();
                return true;
            }
            Outcome::Answered { retry_after_s, .. } => retry_after_s,
            Outcome::Failed => 0,
        };
        self.waiting |= bit;
        self.pause_ms = (self.pause_ms * 2).clamp(PAUSE_MS, PAUSE_MS_MAX);
        // Between half of the pause and all of it; never sooner than the server asked for, if that is reasonable.
        let pause_ms = (self.pause_ms * (257 + u32::from(random))) >> 9;
        self.retry_at_ms = now_ms.wrapping_add(pause_ms.max(retry_after_s.wrapping_mul(1_000)).min(PAUSE_MS_MAX));
        false
    }

    /// The page runs on after all (it is shown again): what was beaconed is sent once more. The reader of the stream drops repeats.
    pub const fn resume(&mut self) {
        self.waiting = self.kept & !self.in_flight;
    }

    /// The network is back: no use in waiting longer.
    pub const fn heal(&mut self) {
        self.pause_ms = 0;
        self.retry_at_ms = 0;
    }

    /// In how many milliseconds to try again; `None` when nothing waits.
    #[must_use]
    pub const fn retry_in_ms(&self, now_ms: u32) -> Option<u32> {
        if self.in_flight == 0 && self.waiting != 0 { Some(self.pause_left_ms(now_ms)) } else { None }
    }

    /// Events that had to be forgotten since this was asked last.
    pub const fn take_dropped(&mut self) -> u32 {
        core::mem::replace(&mut self.dropped, 0)
    }

    /// A pause longer than the longest is one of long ago, by a clock that goes round after 49 days.
    const fn pause_left_ms(&self, now_ms: u32) -> u32 {
        let left_ms = self.retry_at_ms.wrapping_sub(now_ms);
        if left_ms > PAUSE_MS_MAX { 0 } else { left_ms }
    }
}

const fn bit(ticket: u32) -> u32 {
    1_u32.rotate_left(ticket)
}

#[expect(clippy::as_conversions, reason = "below 32")]
const fn slot(ticket: u32) -> usize {
    (ticket % LETTERS_MAX) as usize
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u32) -> Outcome {
        Outcome::Answered { status, retry_after_s: 0 }
    }

    #[test]
    fn a_body_stays_until_a_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(3);
        assert_eq!(outbox.next(false, 0), Some(ticket));
        assert_eq!(outbox.next(false, 0), None, "one at a time");
        assert!(!outbox.settle(ticket, answered(503), 0, 255));
        assert_eq!(outbox.retry_in_ms(0), Some(1_000 + 1_000));
        assert_eq!(outbox.next(false, 1_999), None);
        assert_eq!(outbox.next(false, 2_000), Some(ticket));
        assert!(outbox.settle(ticket, answered(202), 2_100, 0));
        assert_eq!(outbox.next(false, 9_999), None);
        assert_eq!(outbox.retry_in_ms(0), None);
    }

    #[test]
    fn a_refusal_is_final_and_an_overload_is_not() {
        for (status, is_settled) in [(200, true), (202, true), (400, true), (403, true), (413, true), (422, true)].into_iter().chain([
            (408, false),
            (429, false),
            (500, false),
            (503, false),
            (599, false),
        ]) {
            let mut outbox = Outbox::new();
            let ticket = outbox.admit(1);
            assert_eq!(outbox.next(false, 0), Some(ticket));
            assert_eq!(outbox.settle(ticket, answered(status), 0, 0), is_settled, "{status}");
            assert_eq!(outbox.retry_in_ms(0).is_none(), is_settled, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        let mut pauses_ms = Vec::new();
        for _ in 0..10 {
            outbox.settle(ticket, Outcome::Failed, 0, 255);
            pauses_ms.push(outbox.retry_in_ms(0).unwrap());
        }
        assert_eq!(pauses_ms, [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn a_beacon_is_no_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        assert_eq!(outbox.next(true, 0), Some(ticket));
        assert!(!outbox.settle(ticket, Outcome::Beaconed, 0, 0));
        assert_eq!(outbox.next(true, 0), None, "once per hide");
        assert_eq!(outbox.next(false, 0), None);
        outbox.resume();
        assert_eq!(outbox.next(false, 0), Some(ticket));
    }

    #[test]
    fn during_a_pause_only_what_was_never_tried_is_beaconed() {
        let mut outbox = Outbox::new();
        let old = outbox.admit(1);
        assert_eq!(outbox.next(false, 0), Some(old));
        outbox.settle(old, answered(503), 0, 0);
        let new = outbox.admit(1);
        assert_eq!(outbox.next(true, 10), Some(new));
        assert_eq!(outbox.next(true, 10), None);
    }

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let mut outbox = Outbox::new();
        let first = outbox.admit(7);
        for _ in 1..LETTERS_MAX {
            outbox.admit(1);
        }
        assert_eq!(outbox.take_dropped(), 0);
        assert_eq!(outbox.admit(1), first + LETTERS_MAX);
        assert_eq!(outbox.take_dropped(), 7);
        assert_eq!(outbox.take_dropped(), 0);
    }

    #[test]
    fn a_late_answer_to_a_forgotten_body_is_harmless() {
        let mut outbox = Outbox::new();
        let first = outbox.admit(1);
        for _ in 0..LETTERS_MAX {
            outbox.admit(1);
        }
        assert!(outbox.settle(first, answered(202), 0, 0));
        assert!(outbox.settle(first, Outcome::Failed, 0, 0));
        assert!(outbox.next(false, 0).is_some(), "it causes no pause");
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_within_reason() {
        for (retry_after_s, expected_ms) in [(0, 2_000), (1, 2_000), (30, 30_000), (86_400, 300_000)] {
            let mut outbox = Outbox::new();
            let ticket = outbox.admit(1);
            outbox.settle(ticket, Outcome::Answered { status: 503, retry_after_s }, 0, 255);
            assert_eq!(outbox.retry_in_ms(0), Some(expected_ms));
        }
    }

    #[test]
    fn a_network_that_is_back_ends_the_pause() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        assert_eq!(outbox.next(false, 0), Some(ticket));
        outbox.settle(ticket, Outcome::Failed, 0, 255);
        assert_eq!(outbox.next(false, 1), None);
        outbox.heal();
        assert_eq!(outbox.next(false, 1), Some(ticket));
    }

    #[test]
    fn the_youngest_of_many_keep_their_order() {
        let mut outbox = Outbox::new();
        let tickets: Vec<u32> = (0..5).map(|_| outbox.admit(1)).collect();
        outbox.settle(tickets[2], answered(202), 0, 0);
        outbox.settle(tickets[0], answered(202), 0, 0);
        let posted: Vec<u32> = std::iter::from_fn(|| {
            let ticket = outbox.next(false, 0)?;
            outbox.settle(ticket, answered(202), 0, 0);
            Some(ticket)
        })
        .collect();
        assert_eq!(posted, [tickets[1], tickets[3], tickets[4]]);
    }
}
