//! Group commit: what comes while a call of the same stream is in the air leaves together in the next one.
//!
//! A page's record takes a seat in a flight. The first of a flight leads it: waits for the flight before, makes the call, tells what came
//! of it. The others wait for the leader and take their verdicts. A leader that is gone is replaced by whoever tires of waiting: a flight
//! departs once, whoever sends it. When nothing is in the air a flight leaves at once, so that a quiet stream waits for nobody.
//!
//! Only values: who waits for whom, and how long, is the shell's affair (`platform/page.js`, and the simulator's).

use std::collections::{HashMap, VecDeque};

use wire::{CollectAnswer, PortalId};

use super::stream::Underway;
use super::{Parcel, Verdict};
use crate::retry::{BATCH_BYTES_MAX, BATCH_MESSAGES_MAX};

/// Most records of a flight: as many as one send to the retry queue takes, so that a flight that fails costs one send.
const RECORDS_MAX: usize = BATCH_MESSAGES_MAX;
/// Most bytes of them, for the same reason; the rest is room for the headers that messages have.
const BYTES_MAX: usize = BATCH_BYTES_MAX - RECORDS_MAX * 300;
/// Longest wait of a flight for the one before it, milliseconds: a call that hangs must not hold up the next. Kinesis answers within 50.
pub const GATHER_MAX_MS: u32 = 250;
/// How long a follower waits for its leader, milliseconds. More than gathering, two calls (3 s each) and a send to the queue (5 s) take
/// together; with a call of its own after it still below the 30 s that the platform leaves to a request whose client is gone.
pub const FOLLOWER_DEADLINE_MS: u32 = 15_000;
/// When a flight is forgotten, though some of its seats were never asked for, milliseconds: all who could are gone.
const FORGOTTEN_AFTER_MS: u64 = 60_000;

/// A place in a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Number of the flight.
    pub flight: u32,
    /// Number of the record in it.
    pub index: usize,
}

/// What a record's request has to do once it has its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Wait for the leader.
    Follow,
    /// Send the flight, once that other flight has landed.
    Lead {
        /// It is still in the air, or waits itself.
        after: Option<u32>,
    },
}

/// How it is with a seat.
#[derive(Debug)]
pub enum Claim {
    /// It is decided; a seat tells this once.
    Decided(Verdict, CollectAnswer),
    /// Nobody knows, though the flight has departed: the record, for whoever wants it safe.
    Unknown(Parcel, CollectAnswer),
    /// The flight waits for somebody to send it.
    Waiting,
    /// There is no such seat, or the record is in other hands.
    Gone,
}

#[derive(Debug)]
struct Flight {
    portal: PortalId,
    began_at_ms: u64,
    bytes: usize,
    answers: Vec<Option<CollectAnswer>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Gathering(Vec<Parcel>),
    Departed(Option<Box<Underway>>),
    Landed(Vec<Verdict>),
}

/// The flights of one isolate.
#[derive(Debug, Default)]
pub struct Lanes {
    flights: HashMap<u32, Flight>,
    order: VecDeque<u32>,
    /// The last flight of each stream.
    last: HashMap<PortalId, u32>,
    next_number: u32,
}

impl Lanes {
    /// Numbers begin at a random one: after an isolate's memory was made anew, who asks for a seat of before must not be given another's.
    #[must_use]
    pub fn starting_at(number: u32) -> Self {
        Self { next_number: number, ..Self::default() }
    }

    /// Takes a seat. With `may_gather` in the flight that waits, if there is one with room; else in a flight of its own that leaves at once.
    pub fn board(&mut self, parcel: Parcel, answer: CollectAnswer, may_gather: bool, now_ms: u64) -> (Seat, Role) {
        self.forget_old(now_ms);
        let last = self.last.get(&parcel.portal).copied().filter(|_| may_gather);
        if let Some(number) = last
            && let Some(flight) = self.flights.get_mut(&number)
            && let Stage::Gathering(parcels) = &mut flight.stage
            && parcels.len() < RECORDS_MAX
            && flight.bytes + parcel.data.len() <= BYTES_MAX
        {
            flight.bytes += parcel.data.len();
            let index = parcels.len();
            parcels.push(parcel);
            flight.answers.push(Some(answer));
            return (Seat { flight: number, index }, Role::Follow);
        }
        let after = last.filter(|number| self.flights.get(number).is_some_and(|flight| !matches!(flight.stage, Stage::Landed(_))));
        (Seat { flight: self.open(parcel, answer, may_gather, now_ms), index: 0 }, Role::Lead { after })
    }

    fn open(&mut self, parcel: Parcel, answer: CollectAnswer, may_gather: bool, now_ms: u64) -> u32 {
        // 0 says "no flight" where numbers cross into JavaScript.
        self.next_number = self.next_number.wrapping_add(1).max(1);
        let number = self.next_number;
        if may_gather {
            match self.last.get_mut(&parcel.portal) {
                Some(last) => *last = number,
                None => drop(self.last.insert(parcel.portal.clone(), number)),
            }
        }
        let portal = parcel.portal.clone();
        let bytes = parcel.data.len();
        let stage = Stage::Gathering(vec![parcel]);
        self.flights.insert(number, Flight { portal, began_at_ms: now_ms, bytes, answers: vec![Some(answer)], stage });
        self.order.push_back(number);
        number
    }

    /// The records of a flight, for the one who sends it: given out once.
    pub fn depart(&mut self, number: u32) -> Option<Vec<Parcel>> {
        let flight = self.flights.get_mut(&number)?;
        match std::mem::replace(&mut flight.stage, Stage::Departed(None)) {
            Stage::Gathering(parcels) => Some(parcels),
            other @ (Stage::Departed(_) | Stage::Landed(_)) => {
                flight.stage = other;
                None
            }
        }
    }

    /// Keeps a delivery while its call is in the air.
    pub fn keep(&mut self, number: u32, underway: Underway) {
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.stage = Stage::Departed(Some(Box::new(underway)));
        }
    }

    /// The delivery that was kept.
    pub fn take(&mut self, number: u32) -> Option<Underway> {
        match &mut self.flights.get_mut(&number)?.stage {
            Stage::Departed(underway) => underway.take().map(|boxed| *boxed),
            Stage::Gathering(_) | Stage::Landed(_) => None,
        }
    }

    /// Says how it ended.
    pub fn land(&mut self, number: u32, verdicts: Vec<Verdict>) {
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.stage = Stage::Landed(verdicts);
        }
    }

    /// What became of a seat.
    pub fn claim(&mut self, seat: Seat) -> Claim {
        let Some(flight) = self.flights.get_mut(&seat.flight) else { return Claim::Gone };
        let parcel_or_verdict = match &flight.stage {
            Stage::Gathering(_) => return Claim::Waiting,
            Stage::Landed(verdicts) => verdicts.get(seat.index).cloned().map(Ok),
            Stage::Departed(underway) => underway.as_ref().and_then(|underway| underway.parcel(seat.index)).cloned().map(Err),
        };
        let answer = flight.answers.get_mut(seat.index).and_then(Option::take);
        if flight.answers.iter().all(Option::is_none) && matches!(flight.stage, Stage::Landed(_)) {
            self.remove(seat.flight);
        }
        match (parcel_or_verdict, answer) {
            (Some(Ok(verdict)), Some(answer)) => Claim::Decided(verdict, answer),
            (Some(Err(parcel)), Some(answer)) => Claim::Unknown(parcel, answer),
            (None, _) | (_, None) => Claim::Gone,
        }
    }

    fn remove(&mut self, number: u32) {
        let Some(flight) = self.flights.remove(&number) else { return };
        if self.last.get(&flight.portal) == Some(&number) {
            self.last.remove(&flight.portal);
        }
    }

    fn forget_old(&mut self, now_ms: u64) {
        while let Some(number) = self.order.front().copied() {
            match self.flights.get(&number) {
                Some(flight) if now_ms.saturating_sub(flight.began_at_ms) < FORGOTTEN_AFTER_MS => return,
                Some(_) => self.remove(number),
                None => {}
            }
            self.order.pop_front();
        }
    }

    /// Flights that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flights.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
