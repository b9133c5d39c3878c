//! Which sealed bodies still wait for a receipt, and when to try them again. The bodies themselves are the shell's.

/// Most bodies that wait, one bit each. At 12 KiB each they stay far below what `localStorage` holds.
pub const LETTERS_MAX: u32 = u32::BITS;
/// A pause after a failure is twice the one before and this, up to [`PAUSE_MS_MAX`].
const PAUSE_MS: u32 = 2_000;
const PAUSE_MS_MAX: u32 = 300_000;
/// A server that takes a body and does not answer for so long is not waited for: the next body goes.
const ANSWER_MS_MAX: u32 = 30_000;

/// Bodies without a receipt: of the last [`LETTERS_MAX`], one bit in each set for the state it is in.
#[derive(Debug)]
pub struct Outbox {
    last_ticket: u32,
    /// Without a receipt. One that is not waiting is on its way, or was taken by the browser as a beacon, and may or may not have arrived.
    kept: u32,
    waiting: u32,
    /// No post before: one is on its way, or the last one failed.
    held_until_ms: u32,
    /// 0 unless the last attempt failed.
    pause_ms: u32,
    dropped: u32,
    events: [u32; 32],
}

impl Outbox {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { last_ticket: 0, kept: 0, waiting: 0, held_until_ms: 0, pause_ms: 0, dropped: 0, events: [0; 32] }
    }

    /// Takes in a body of so many events, and answers its ticket: 1, 2, 3 …
    /// The body of [`LETTERS_MAX`] tickets before is evicted if it is still here: its events are counted as dropped, and the shell forgets it too.
    pub fn admit(&mut self, events: u32) -> u32 {
        let ticket = self.last_ticket.wrapping_add(1);
        let bit = bit(ticket);
        self.last_ticket = ticket;
        if let Some(slot) = self.events.get_mut(slot(ticket)) {
            if self.kept & bit != 0 {
                self.dropped = self.dropped.wrapping_add(*slot);
            }
            *slot = events;
        }
        self.kept |= bit;
        self.waiting |= bit;
        ticket
    }

    /// The next body to send, the oldest first.
    /// Posts go one at a time, so that a server in distress sees one request per page, and none during a pause.
    /// As a beacon goes everything that waits, because it may be the last chance. That the browser takes one is no receipt: there is none.
    pub fn next(&mut self, is_beacon: bool, now_ms: u32) -> Option<u32> {
        if self.waiting == 0 || (!is_beacon && self.held_ms(now_ms) != 0) {
            return None;
        }
        if !is_beacon {
            self.held_until_ms = now_ms.wrapping_add(ANSWER_MS_MAX);
        }
        // Turned so that the oldest comes first.
        let oldest = self.last_ticket.wrapping_sub(LETTERS_MAX - 1);
        let ticket = oldest.wrapping_add(self.waiting.rotate_right(oldest).trailing_zeros());
        self.waiting &= !bit(ticket);
        Some(ticket)
    }

    /// What became of a body: the status of the answer; 0 when there was none (offline, blocked), or when the browser refused the beacon.
    /// `true`: the body is settled, and the shell forgets it. `random` spreads the retries of many readers.
    pub fn settle(&mut self, ticket: u32, status: u32, now_ms: u32, random: u8) -> bool {
        let bit = bit(ticket);
        // Evicted meanwhile, and its bit is another's.
        if self.last_ticket.wrapping_sub(ticket) >= LETTERS_MAX {
            return true;
        }
        // Taken, or refused for good: the same body would be refused again.
        let is_settled = status.wrapping_sub(1) < 499 && status != 408 && status != 429;
        if is_settled {
            self.kept &= !bit;
            self.waiting &= !bit;
            self.pause_ms = 0;
            self.heal(now_ms);
        } else {
            self.waiting |= bit;
            self.pause_ms = (self.pause_ms * 2 + PAUSE_MS).min(PAUSE_MS_MAX);
            // Between half of the pause and all of it.
            self.held_until_ms = now_ms.wrapping_add((self.pause_ms * (257 + u32::from(random))) >> 9);
        }
        is_settled
    }

    /// The page is shown again: what was beaconed is sent once more, for beacons have no receipt. The reader of the stream drops repeats.
    pub const fn resume(&mut self) {
        self.waiting = self.kept;
    }

    /// The network is back: no use in waiting longer.
    pub const fn heal(&mut self, now_ms: u32) {
        self.held_until_ms = now_ms;
    }

    /// In how many milliseconds to try again; `None` when nothing waits.
    #[must_use]
    pub const fn retry_in_ms(&self, now_ms: u32) -> Option<u32> {
        if self.waiting != 0 { Some(self.held_ms(now_ms)) } else { None }
    }

    /// Events that had to be forgotten since this was asked last.
    pub const fn take_dropped(&mut self) -> u32 {
        core::mem::replace(&mut self.dropped, 0)
    }

    /// How long posts are held still. Longer than the longest pause: that was long ago, by a clock that goes round after 49 days.
    const fn held_ms(&self, now_ms: u32) -> u32 {
        let left_ms = self.held_until_ms.wrapping_sub(now_ms);
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

    #[test]
    fn a_body_stays_until_a_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(3);
        assert_eq!(outbox.next(false, 0), Some(ticket));
        assert_eq!(outbox.next(false, 0), None, "one at a time");
        assert!(!outbox.settle(ticket, 503, 0, 255));
        assert_eq!(outbox.retry_in_ms(0), Some(1_000 + 1_000));
        assert_eq!(outbox.next(false, 1_999), None);
        assert_eq!(outbox.next(false, 2_000), Some(ticket));
        assert!(outbox.settle(ticket, 202, 2_100, 0));
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
            (0, false),
        ]) {
            let mut outbox = Outbox::new();
            let ticket = outbox.admit(1);
            assert_eq!(outbox.next(false, 0), Some(ticket));
            assert_eq!(outbox.settle(ticket, status, 0, 0), is_settled, "{status}");
            assert_eq!(outbox.retry_in_ms(0).is_none(), is_settled, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        let mut pauses_ms = Vec::new();
        for _ in 0..10 {
            outbox.settle(ticket, 0, 0, 255);
            pauses_ms.push(outbox.retry_in_ms(0).unwrap());
        }
        assert_eq!(pauses_ms, [2_000, 6_000, 14_000, 30_000, 62_000, 126_000, 254_000, 300_000, 300_000, 300_000]);
    }

    #[test]
    fn a_beacon_is_no_receipt() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        assert_eq!(outbox.next(true, 0), Some(ticket));
        assert_eq!(outbox.next(true, 0), None, "once per hide");
        assert_eq!(outbox.next(false, 0), None);
        outbox.resume();
        assert_eq!(outbox.next(false, 0), Some(ticket));
    }

    #[test]
    fn a_hide_is_the_last_chance_even_during_a_pause() {
        let mut outbox = Outbox::new();
        let old = outbox.admit(1);
        assert_eq!(outbox.next(false, 0), Some(old));
        outbox.settle(old, 503, 0, 0);
        let new = outbox.admit(1);
        assert_eq!(outbox.next(false, 10), None);
        assert_eq!([outbox.next(true, 10), outbox.next(true, 10), outbox.next(true, 10)], [Some(old), Some(new), None]);
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
        assert!(outbox.settle(first, 202, 0, 0));
        assert!(outbox.settle(first, 0, 0, 0));
        assert!(outbox.next(false, 0).is_some(), "it causes no pause");
    }

    #[test]
    fn a_network_that_is_back_ends_the_pause() {
        let mut outbox = Outbox::new();
        let ticket = outbox.admit(1);
        assert_eq!(outbox.next(false, 0), Some(ticket));
        outbox.settle(ticket, 0, 0, 255);
        assert_eq!(outbox.next(false, 1), None);
        outbox.heal(1);
        assert_eq!(outbox.next(false, 1), Some(ticket));
    }

    #[test]
    fn the_youngest_of_many_keep_their_order() {
        let mut outbox = Outbox::new();
        let tickets: Vec<u32> = (0..5).map(|_| outbox.admit(1)).collect();
        outbox.settle(tickets[2], 202, 0, 0);
        outbox.settle(tickets[0], 202, 0, 0);
        let posted: Vec<u32> = std::iter::from_fn(|| {
            let ticket = outbox.next(false, 0)?;
            outbox.settle(ticket, 202, 0, 0);
            Some(ticket)
        })
        .collect();
        assert_eq!(posted, [tickets[1], tickets[3], tickets[4]]);
    }
}
