//! The backend reads the streams: shards out of step, crashes before and after checkpoints, and its own de-duplication.

use std::collections::HashMap;

use wire::{Envelope, PageviewId};

use super::kinesis::Record;
use super::mutant::Mutant;
use super::rng::Rng;
use super::world::World;
use crate::memory::{Memory, is_beyond_memory};
use crate::pageview::{Pageview, Sighting};

/// How far one shard may run ahead of the other.
const LAG_MS: u64 = 600_000;
/// Records between two checkpoints.
const CHECKPOINT_RECORDS: usize = 40;

/// How often an event was counted, by (pageview, seq).
#[derive(Debug, Default, Clone)]
pub(crate) struct Counted {
    pub(crate) events: HashMap<(usize, u32), Seen>,
    pub(crate) duplicates: u64,
    /// Copies that came more than a day late: archived only.
    pub(crate) late: u64,
    /// Records that are read again after crashes.
    pub(crate) reread: u64,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) counted: u32,
    pub(crate) stored: u32,
    pub(crate) late: u32,
}

struct Checkpoint {
    positions: [usize; 2],
    /// As the store has it.
    stored: HashMap<PageviewId, Pageview>,
    counted: Counted,
}

/// Reads one portal's stream to its end.
pub(crate) fn read(world: &World, portal: &str, records: &[Record], rng: &mut Rng) -> Counted {
    let is_first = |record: &&Record| record.key.bytes().last().is_some_and(|byte| byte % 2 == 0);
    let (first, second): (Vec<_>, Vec<_>) = records.iter().partition(is_first);
    let shards = [first, second];
    let mut reader = Reader { world, portal, memory: Memory::default(), stored: HashMap::new(), counted: Counted::default(), latest_ms: 0 };
    let mut positions = [0, 0];
    let mut checkpoint = Checkpoint { positions, stored: HashMap::new(), counted: Counted::default() };
    let mut since = 0;
    while let Some(shard) = next_shard(&shards, positions, rng) {
        let position = positions.get(shard).copied().unwrap_or(0);
        if let Some(record) = shards.get(shard).and_then(|records| records.get(position)) {
            reader.take(record);
        }
        if let Some(position) = positions.get_mut(shard) {
            *position += 1;
        }
        since += 1;
        if since < CHECKPOINT_RECORDS || world.plan.backend_crashes == 0 {
            continue;
        }
        since = 0;
        if rng.is(world.plan.backend_crashes) {
            // It dies before the checkpoint: what was read since the last one is read again.
            (reader.memory, reader.stored) = (Memory::default(), checkpoint.stored.clone());
            let reread = reader.counted.reread + u64::try_from(CHECKPOINT_RECORDS).unwrap_or(0);
            reader.counted = Counted { reread, ..checkpoint.counted.clone() };
            positions = checkpoint.positions;
        } else {
            reader.commit();
            checkpoint = Checkpoint { positions, stored: reader.stored.clone(), counted: reader.counted.clone() };
        }
    }
    let pageviews = world.ledger.borrow().pageviews.len();
    if reader.memory.len() > pageviews {
        world.ledger.borrow_mut().breaks("I7", &format!("the backend remembers {} of {pageviews} pageviews", reader.memory.len()));
    }
    reader.counted
}

/// Any shard that is not too far ahead; `None` at the end of both.
fn next_shard(shards: &[Vec<&Record>; 2], positions: [usize; 2], rng: &mut Rng) -> Option<usize> {
    let [first, second] = shards;
    let [at_first, at_second] = positions;
    match (first.get(at_first), second.get(at_second)) {
        (None, None) => None,
        (Some(_), None) => Some(0),
        (None, Some(_)) => Some(1),
        (Some(one), Some(other)) if one.at_ms.abs_diff(other.at_ms) > LAG_MS => Some(usize::from(other.at_ms < one.at_ms)),
        (Some(_), Some(_)) => Some(rng.below(2)),
    }
}

struct Reader<'a> {
    world: &'a World,
    portal: &'a str,
    memory: Memory<PageviewId, Pageview>,
    stored: HashMap<PageviewId, Pageview>,
    latest_ms: u64,
    counted: Counted,
}

impl Reader<'_> {
    fn breaks(&self, invariant: &str, what: &str) {
        self.world.ledger.borrow_mut().breaks(invariant, what);
    }

    fn take(&mut self, record: &Record) {
        let Ok(envelope) = Envelope::parse(record.data.as_bytes()) else {
            return self.breaks("I5", &format!("a record that is no envelope: {:.60}", record.data));
        };
        let number = self.world.ledger.borrow().number(envelope.batch.pageview);
        let Some(number) = number.filter(|_| envelope.batch.portal.as_str() == self.portal) else {
            return self.breaks("I5", &format!("pageview {} in the stream of {}", envelope.batch.pageview, self.portal));
        };
        let is_late = is_beyond_memory(envelope.edge.received_at_ms, record.at_ms);
        for event in &envelope.batch.events {
            self.check(number, event, &envelope);
            if is_late {
                self.counted.events.entry((number, event.seq)).or_default().late += 1;
                self.counted.late += 1;
                continue;
            }
            let sighting = self.see(envelope.batch.pageview, event.seq, record.at_ms);
            self.tally(number, event.seq, sighting);
        }
    }

    /// As the transform and its store do it: recalled, touched, seen.
    fn see(&mut self, pageview: PageviewId, seq: u32, at_ms: u64) -> Sighting {
        self.latest_ms = self.latest_ms.max(at_ms);
        if let Some(known) = self.stored.get(&pageview).filter(|_| !self.memory.has(pageview)) {
            self.memory.recall(pageview, known.clone());
        }
        self.memory.touched(pageview, self.latest_ms, || Pageview::new(0, 0, 0)).see(seq)
    }

    /// Through the store's own form, and with nearly nothing left in memory.
    fn commit(&mut self) {
        let stored = &mut self.stored;
        self.memory.drain_dirty(|key, value| {
            let text = serde_json::to_string(value).unwrap_or_default();
            if let Ok(value) = serde_json::from_str(&text) {
                stored.insert(key, value);
            }
        });
        self.memory.trim(0, 3);
    }

    /// I4, I5, and the clock set right.
    fn check(&self, number: usize, event: &wire::Event, envelope: &Envelope) {
        let text = super::ledger::canonical(event);
        let mut ledger = self.world.ledger.borrow_mut();
        let name = format!("p{number}#{},", event.seq);
        let (is_known, is_same, true_at_ms) = match ledger.entry(number, event.seq) {
            Some(entry) => (!entry.is_bad, entry.text == text, entry.true_at_ms),
            None => (false, false, 0),
        };
        if !is_known {
            ledger.breaks("I5", &format!("{name} was never made"));
        } else if !is_same {
            ledger.breaks("I4", &format!("{name} is in the stream as {text}"));
        }
        let corrected_ms = event.at_ms.saturating_add_signed(envelope.edge.skew_ms);
        if is_known && self.world.plan.edge_clocks_ms.is_empty() && corrected_ms.abs_diff(true_at_ms) > 2_000 {
            ledger.breaks("I4", &format!("{name} is corrected to {corrected_ms} and happened at {true_at_ms}"));
        }
    }

    fn tally(&mut self, number: usize, seq: u32, sighting: Sighting) {
        let seen = self.counted.events.entry((number, seq)).or_default();
        seen.stored += 1;
        match sighting {
            Sighting::Duplicate if !self.world.is(Mutant::DedupSeesNothing) => self.counted.duplicates += 1,
            Sighting::New | Sighting::Recovered | Sighting::Duplicate => seen.counted += 1,
            Sighting::OutOfRange => self.breaks("I5", &format!("p{number}#{seq}, is out of range")),
        }
    }
}
