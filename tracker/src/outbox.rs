//! Which sealed bodies still wait for a receipt, and when to try them again. The bodies themselves are the shell's.

/// Most bodies that wait. At 12 KiB each they stay far below what `localStorage` holds.
pub const LETTERS_MAX: usize = 16;
/// First pause after a failure; it doubles each time, up to [`PAUSE_MS_MAX`].
const PAUSE_MS: u64 = 2_000;
const PAUSE_MS_MAX: u64 = 300_000;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The status of an answer.
    Answered(u16),
    /// No answer: offline, blocked, or no room for the request.
    Failed,
    /// The browser took a beacon. That is no receipt.
    Beaconed,
}

/// Where a body was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Names it from now on.
    pub ticket: u32,
    /// The oldest body, which had to go to make room: the shell forgets it too.
    pub evicted: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    /// Taken by the browser as a beacon; it may or may not have arrived.
    Unconfirmed,
}

#[derive(Debug, Clone, Copy)]
struct Letter {
    ticket: u32,
    events: u32,
    state: State,
    was_tried: bool,
}

/// Bodies without a receipt, oldest first by ticket.
#[derive(Debug)]
pub struct Outbox {
    letters: [Option<Letter>; LETTERS_MAX],
    next_ticket: u32,
    failures: u32,
    retry_at_ms: u64,
    dropped: u32,
}

impl Outbox {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { letters: [None; LETTERS_MAX], next_ticket: 0, failures: 0, retry_at_ms: 0, dropped: 0 }
    }

    /// Takes in a body of so many events. When the box is full, the oldest goes and its events are counted as dropped.
    pub fn admit(&mut self, events: u32) -> Admission {
        let evicted = if self.letters.iter().all(Option::is_some) { self.oldest(|_| true) } else { None };
        if let Some(letter) = evicted {
            self.dropped = self.dropped.saturating_add(letter.events);
            self.forget(letter.ticket);
        }
        let ticket = self.next_ticket;
        self.next_ticket = self.next_ticket.wrapping_add(1);
        if let Some(slot) = self.letters.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(Letter { ticket, events, state: State::Waiting, was_tried: false });
        }
        Admission { ticket, evicted: evicted.map(|letter| letter.ticket) }
    }

    /// The next body to post, one at a time so that a server in distress sees one request per page.
    pub fn next_post(&mut self, now_ms: u64) -> Option<u32> {
        let is_busy = self.letters.iter().flatten().any(|letter| letter.state == State::InFlight);
        if is_busy || now_ms < self.retry_at_ms {
            return None;
        }
        let ticket = self.oldest(|letter| letter.state == State::Waiting)?.ticket;
        self.enter(ticket, State::InFlight);
        Some(ticket)
    }

    /// The next body to send as a beacon: what was never tried goes even during a pause, because this may be its last chance.
    pub fn next_beacon(&mut self, now_ms: u64) -> Option<u32> {
        let is_pause = now_ms < self.retry_at_ms;
        let ticket = self.oldest(|letter| letter.state == State::Waiting && !(is_pause && letter.was_tried))?.ticket;
        self.enter(ticket, State::InFlight);
        Some(ticket)
    }

    /// Records an outcome. `true`: the body is settled, and the shell forgets it. `random` spreads the retries of many readers.
    pub fn settle(&mut self, ticket: u32, outcome: Outcome, now_ms: u64, random: u8) -> bool {
        let is_settled = match outcome {
            Outcome::Answered(200..=299) => {
                self.failures = 0;
                self.retry_at_ms = 0;
                true
            }
            // The same body would be refused again.
            Outcome::Answered(400..=499) if !matches!(outcome, Outcome::Answered(408 | 429)) => true,
            Outcome::Answered(_) | Outcome::Failed => {
                self.pause(now_ms, random);
                self.enter(ticket, State::Waiting);
                false
            }
            Outcome::Beaconed => {
                self.enter(ticket, State::Unconfirmed);
                false
            }
        };
        if is_settled {
            self.forget(ticket);
        }
        is_settled
    }

    /// The page runs on after all (it is shown again): what was beaconed is sent once more. The reader of the stream drops repeats.
    pub fn resume(&mut self) {
        for letter in self.letters.iter_mut().flatten() {
            if letter.state == State::Unconfirmed {
                letter.state = State::Waiting;
            }
        }
    }

    /// When to try again; `None` when nothing waits.
    #[must_use]
    pub fn retry_at_ms(&self) -> Option<u64> {
        let is_busy = self.letters.iter().flatten().any(|letter| letter.state == State::InFlight);
        self.oldest(|letter| letter.state == State::Waiting).filter(|_| !is_busy).map(|_| self.retry_at_ms)
    }

    /// Events that had to be forgotten since this was asked last.
    pub fn take_dropped(&mut self) -> u32 {
        core::mem::take(&mut self.dropped)
    }

    fn pause(&mut self, now_ms: u64, random: u8) {
        let pause_ms = (PAUSE_MS << self.failures.min(16)).min(PAUSE_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        // Between half of the pause and all of it.
        self.retry_at_ms = now_ms + pause_ms / 2 + pause_ms / 2 * u64::from(random) / 255;
    }

    fn enter(&mut self, ticket: u32, state: State) {
        if let Some(letter) = self.letters.iter_mut().flatten().find(|letter| letter.ticket == ticket) {
            letter.was_tried = letter.was_tried || state != State::InFlight;
            letter.state = state;
        }
    }

    fn forget(&mut self, ticket: u32) {
        if let Some(slot) = self.letters.iter_mut().find(|slot| slot.is_some_and(|letter| letter.ticket == ticket)) {
            *slot = None;
        }
    }

    fn oldest(&self, is_meant: impl Fn(&Letter) -> bool) -> Option<Letter> {
        self.letters.iter().flatten().filter(|letter| is_meant(letter)).min_by_key(|letter| letter.ticket).copied()
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stays_until_a_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(3).ticket;
        assert_eq!(outbox.next_post(0), Some(ticket));
        assert_eq!(outbox.next_post(0), None, "one at a time");
        assert!(!outbox.settle(ticket, Outcome::Answered(503), 0, 255));
        assert_eq!(outbox.retry_at_ms(), Some(1_000 + 1_000));
        assert_eq!(outbox.next_post(1_999), None);
        assert_eq!(outbox.next_post(2_000), Some(ticket));
        assert!(outbox.settle(ticket, Outcome::Answered(202), 2_100, 0));
        assert_eq!(outbox.next_post(9_999), None);
        assert_eq!(outbox.retry_at_ms(), None);
    }

    #[test]
    fn a_refusal_is_final_and_an_overload_is_not() {
        for (status, is_settled) in [(200, true), (202, true), (400, true), (403, true), (413, true), (422, true)].into_iter().chain([
            (301, false),
            (408, false),
            (429, false),
            (500, false),
            (503, false),
            (599, false),
        ]) {
            let mut outbox = Outbox::new();
            let ticket = outbox.admit(1).ticket;
            assert_eq!(outbox.next_post(0), Some(ticket));
            assert_eq!(outbox.settle(ticket, Outcome::Answered(status), 0, 0), is_settled, "{status}");
            assert_eq!(outbox.retry_at_ms().is_none(), is_settled, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1).ticket;
        let mut pauses_ms = Vec::new();
        for _ in 0..10 {
            outbox.settle(ticket, Outcome::Failed, 0, 255);
            pauses_ms.push(outbox.retry_at_ms().unwrap());
        }
        assert_eq!(pauses_ms, [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn a_beacon_is_no_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1).ticket;
        assert_eq!(outbox.next_beacon(0), Some(ticket));
        assert!(!outbox.settle(ticket, Outcome::Beaconed, 0, 0));
        assert_eq!(outbox.next_beacon(0), None, "once per hide");
        assert_eq!(outbox.next_post(0), None);
        outbox.resume();
        assert_eq!(outbox.next_post(0), Some(ticket));
    }

    #[test]
    fn during_a_pause_only_what_was_never_tried_is_beaconed() {
        let mut outbox = Outbox::new();
        let old = outbox.admit(1).ticket;
        assert_eq!(outbox.next_post(0), Some(old));
        outbox.settle(old, Outcome::Answered(503), 0, 0);
        let new = outbox.admit(1).ticket;
        assert_eq!(outbox.next_beacon(10), Some(new));
        assert_eq!(outbox.next_beacon(10), None);
    }

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let mut outbox = Outbox::new();
        let first = outbox.admit(7).ticket;
        for _ in 1..LETTERS_MAX {
            assert_eq!(outbox.admit(1).evicted, None);
        }
        assert_eq!(outbox.admit(1).evicted, Some(first));
        assert_eq!(outbox.take_dropped(), 7);
        assert_eq!(outbox.take_dropped(), 0);
    }

    #[test]
    fn a_late_answer_to_a_forgotten_body_is_harmless() {
        let mut outbox = Outbox::new();
        let first = outbox.admit(1).ticket;
        for _ in 0..LETTERS_MAX {
            outbox.admit(1);
        }
        assert!(outbox.settle(first, Outcome::Answered(202), 0, 0));
        assert!(!outbox.settle(first, Outcome::Failed, 0, 0));
        assert!(outbox.next_post(10_000).is_some());
    }
}
