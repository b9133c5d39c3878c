//! After everything has healed and drained: the ledger against what is in the streams and in the dead-letter store.

use std::collections::HashMap;

use edge::retry::{DEAD_PREFIX, SPILL_PREFIX};
use wire::DeadLetter;

use super::backend::{self, Counted};
use super::ledger::Fate;
use super::world::{Counts, World, label};

/// What a run came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) events: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) forgotten: u64,
    pub(crate) streamed: u64,
    pub(crate) duplicates: u64,
    pub(crate) late: u64,
    pub(crate) reread: u64,
    pub(crate) dead: u64,
    pub(crate) lost: u64,
    pub(crate) counts: Counts,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.forgotten += other.forgotten;
        self.streamed += other.streamed;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.reread += other.reread;
        self.dead += other.dead;
        self.lost += other.lost;
        self.counts.retried += other.counts.retried;
        self.counts.spilled += other.counts.spilled;
        self.counts.kills += other.counts.kills;
        self.counts.given_up += other.counts.given_up;
        self.counts.refused_503 += other.counts.refused_503;
        self.counts.gathered += other.counts.gathered;
        self.counts.taken_over += other.counts.taken_over;
        self.counts.rescued += other.counts.rescued;
        self.counts.puts += other.counts.puts;
    }
}

/// Totals; what broke goes into the ledger.
pub(crate) fn judge(world: &World) -> Totals {
    judge_rest(world);
    let mut rng = world.rng.borrow().clone();
    let mut all = Counted::default();
    for (stream, records) in &world.streams.borrow().0 {
        let portal = stream.split('-').nth(1).unwrap_or_default();
        let counted = backend::read(world, portal, records, &mut rng);
        all.events.extend(counted.events);
        all.duplicates += counted.duplicates;
        all.late += counted.late;
        all.reread += counted.reread;
    }
    let dead = judge_dead(world);
    let lost = judge_events(world, &all);
    let ledger = world.ledger.borrow();
    let events = ledger.pageviews.iter().map(|pageview| pageview.entries.len()).sum::<usize>();
    Totals {
        events: u64::try_from(events).unwrap_or(0),
        accepted: ledger.count(Fate::Accepted),
        rejected: ledger.count(Fate::Rejected),
        forgotten: ledger.count(Fate::Forgotten),
        streamed: u64::try_from(all.events.len()).unwrap_or(0),
        duplicates: all.duplicates,
        late: all.late,
        reread: all.reread,
        dead,
        lost,
        counts: world.counts.get(),
    }
}

/// I8, and the outboxes' own count.
fn judge_rest(world: &World) {
    let (pages, messages) = (world.pages_open.get(), world.queues.borrow().pending());
    let objects = world.store.borrow().count(SPILL_PREFIX);
    let mut ledger = world.ledger.borrow_mut();
    if pages + messages + objects > 0 {
        ledger.breaks("I8", &format!("{pages} pages, {messages} messages and {objects} spilled objects are left long after the heal"));
    }
    if ledger.dropped != ledger.evicted {
        let what = format!("outboxes forgot {} events and counted {}", ledger.evicted, ledger.dropped);
        ledger.breaks("I2", &what);
    }
}

/// Every poison is in the dead-letter store with its reason, and nothing else is.
fn judge_dead(world: &World) -> u64 {
    let store = world.store.borrow();
    let letters = store.0.iter().filter(|(key, _)| key.starts_with(DEAD_PREFIX));
    let mut by_body: HashMap<String, String> = HashMap::new();
    for (_, text) in letters {
        if let Ok(letter) = serde_json::from_str::<DeadLetter>(text) {
            by_body.insert(letter.body.trim_end().to_owned(), letter.reason);
        }
    }
    let mut broken = Vec::new();
    let mut ledger = world.ledger.borrow_mut();
    for poison in &ledger.poison {
        match by_body.remove(poison.body.trim_end()) {
            Some(reason) if reason == poison.reason => {}
            found => broken.push(("I1", format!("poison ({}) has the dead letter {found:?}: {:.60}", poison.reason, poison.body))),
        }
    }
    for (body, reason) in by_body {
        broken.push(("I1", format!("{} is dead ({reason}) and no poison", label(&body))));
    }
    broken.sort();
    for (invariant, what) in broken {
        ledger.breaks(invariant, &what);
    }
    u64::try_from(ledger.poison.len()).unwrap_or(0)
}

/// I1, I2, I3, I6, and no record twice in a run whose failures were clear.
fn judge_events(world: &World, all: &Counted) -> u64 {
    let mut broken: Vec<(&str, String)> = Vec::new();
    let mut lost = 0;
    let is_clear = world.plan.is_clear();
    let (mut accepted, mut in_stream) = (0_u64, 0_u64);
    for (number, pageview) in world.ledger.borrow().pageviews.iter().enumerate() {
        for (seq, entry) in (0_u32..).zip(&pageview.entries) {
            let seen = all.events.get(&(number, seq)).copied().unwrap_or_default();
            let name = format!("p{number}#{seq},");
            match entry.fate {
                Fate::Accepted if seen.counted == 0 && seen.late == 0 => {
                    lost += 1;
                    broken.push(("I1", format!("{name} got a 2xx and is not in the stream")));
                }
                Fate::Open => {
                    lost += 1;
                    broken.push(("I2", format!("{name} got no 2xx and nobody has it, in no counter either")));
                }
                Fate::Accepted | Fate::Forgotten | Fate::Rejected => {}
            }
            if seen.counted > 1 {
                broken.push(("I3", format!("{name} counts {} times", seen.counted)));
            }
            if is_clear && seen.stored + seen.late > 1 {
                broken.push(("once", format!("{name} was stored {} times though every failure was clear", seen.stored + seen.late)));
            }
            accepted += u64::from(entry.fate == Fate::Accepted);
            in_stream += u64::from(entry.fate == Fate::Accepted && (seen.counted > 0 || seen.late > 0));
        }
        let is_whole = pageview.entries.iter().all(|entry| entry.fate == Fate::Accepted);
        let has_gap = (0_u32..).zip(&pageview.entries).any(|(seq, _)| !all.events.contains_key(&(number, seq)));
        if is_whole && has_gap {
            broken.push(("I6", format!("p{number}# was delivered whole and has a gap")));
        }
    }
    if accepted != in_stream {
        broken.push(("I10", format!("{accepted} accepted and {in_stream} of them streamed")));
    }
    let mut ledger = world.ledger.borrow_mut();
    for (invariant, what) in broken {
        ledger.breaks(invariant, &what);
    }
    lost
}
