//! Who does what: one lease per shard and per portal, held by counting up a number that only its holder may change.
//! Nobody compares clocks: a lease whose number stands still for a while, by the observer's own clock, is free.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::PortalId;

/// A holder that has not counted for so long is taken for dead.
pub(crate) const DEAD_AFTER_MS: u64 = 10_000;

/// How far a shard was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Of the last record whose effects are durable.
    pub(crate) sequence_number: String,
    /// When that record arrived, Unix milliseconds.
    pub(crate) arrived_at_ms: u64,
    /// The shard was split or merged, and read to its end.
    pub(crate) is_drained: bool,
}

impl Position {
    /// Whether this is as far as the other, or further. Sequence numbers are decimal, of up to 128 digits.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        let size = |position: &Self| (position.sequence_number.len(), position.sequence_number.clone());
        self.is_drained || (!other.is_drained && size(self) >= size(other))
    }
}

/// What can be held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// To read a shard of a portal's event stream. `stream_created_at_ms` tells the stream from a later one of its name.
    Shard { portal: PortalId, stream_created_at_ms: u64, shard: String },
    /// To keep a portal's state and publish it.
    Portal(PortalId),
}

impl Job {
    /// As it stands in the table, and in names of files.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Shard { portal, stream_created_at_ms, shard } => format!("shard.{portal}.{stream_created_at_ms}.{shard}"),
            Self::Portal(portal) => format!("portal.{portal}"),
        }
    }

    /// From the table.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        let mut parts = key.splitn(4, '.');
        match (parts.next()?, PortalId::parse(parts.next()?)?, parts.next(), parts.next()) {
            ("shard", portal, Some(created), Some(shard)) => {
                Some(Self::Shard { portal, stream_created_at_ms: created.parse().ok()?, shard: shard.to_owned() })
            }
            ("portal", portal, None, None) => Some(Self::Portal(portal)),
            _ => None,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// Who holds it.
    pub(crate) owner: Option<String>,
    /// Changes with every renewal.
    pub(crate) counter: u64,
    /// Of a shard.
    pub(crate) position: Option<Position>,
}

/// The whole table.
pub(crate) type Table = BTreeMap<Job, Lease>;

/// What one process knows of the others' leases.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Counter, and since when it stands, by our own clock.
    seen: BTreeMap<Job, (u64, u64)>,
    looked_at_ms: u64,
}

impl Watch {
    /// Looks at the table; gives what to take now, best first. `is_held` says what we work on: what only the table says is ours, after an
    /// answer was lost, is free. `is_ready` says which jobs may be begun at all.
    pub(crate) fn wanted(
        &mut self,
        table: &Table,
        me: &str,
        now_ms: u64,
        is_held: impl Fn(&Job) -> bool,
        is_ready: impl Fn(&Job) -> bool,
    ) -> Vec<Job> {
        self.note(table, now_ms);
        let open: Vec<_> = table.iter().filter(|(job, lease)| is_ready(job) && !is_done(lease)).collect();
        let lives = |job: &Job, owner: &String| if owner == me { is_held(job) } else { !self.stands(job, now_ms, DEAD_AFTER_MS) };
        let holder = |job: &Job, lease: &Lease| lease.owner.clone().filter(|owner| lives(job, owner));
        let mut loads: BTreeMap<String, Vec<Job>> = BTreeMap::from([(me.to_owned(), Vec::new())]);
        let mut free = Vec::new();
        for (job, lease) in open {
            match holder(job, lease) {
                Some(owner) => loads.entry(owner).or_default().push(job.clone()),
                None => free.push(job.clone()),
            }
        }
        let total = free.len() + loads.values().map(Vec::len).sum::<usize>();
        let share = total.div_ceil(loads.len());
        let mine = loads.get(me).map_or(0, Vec::len);
        if !free.is_empty() {
            // Somebody has to: what another takes at the same moment, the table refuses to one of us.
            let mut room = share.saturating_sub(mine).max(usize::from(mine == 0));
            free.retain(|job| {
                let has_room = room > 0;
                room = room.saturating_sub(1);
                // Whoever has room for it does not do such jobs.
                has_room || self.stands(job, now_ms, 2 * DEAD_AFTER_MS)
            });
            return free;
        }
        // One at a time, and only from who has two more, so that jobs do not go to and fro.
        let most = loads.into_iter().max_by_key(|(_, jobs)| jobs.len());
        most.filter(|(_, jobs)| jobs.len() >= mine + 2).and_then(|(_, jobs)| jobs.into_iter().next()).into_iter().collect()
    }

    fn note(&mut self, table: &Table, now_ms: u64) {
        // While we could not look, nobody stood still for all that we know.
        if now_ms.saturating_sub(self.looked_at_ms) > DEAD_AFTER_MS {
            self.seen.clear();
        }
        self.looked_at_ms = now_ms;
        self.seen.retain(|job, _| table.contains_key(job));
        for (job, lease) in table {
            let known = self.seen.entry(job.clone()).or_insert((lease.counter, now_ms));
            if known.0 != lease.counter {
                *known = (lease.counter, now_ms);
            }
        }
    }

    /// Whether nobody has counted for longer than this.
    fn stands(&self, job: &Job, now_ms: u64, for_ms: u64) -> bool {
        self.seen.get(job).is_none_or(|(_, since_ms)| now_ms.saturating_sub(*since_ms) > for_ms)
    }
}

fn is_done(lease: &Lease) -> bool {
    lease.position.as_ref().is_some_and(|position| position.is_drained)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    fn job_of(number: u32) -> Job {
        Job::Shard { portal: PortalId::parse("g1").unwrap(), stream_created_at_ms: 5, shard: format!("shardId-{number:012}") }
    }

    fn table(owners: &[Option<&str>]) -> Table {
        let lease = |owner: Option<&str>| Lease { owner: owner.map(str::to_owned), counter: 1, position: None };
        (0..).zip(owners).map(|(number, owner)| (job_of(number), lease(*owner))).collect()
    }

    fn wanted(watch: &mut Watch, table: &Table, me: &str, now_ms: u64) -> Vec<Job> {
        let is_held = |job: &Job| table.get(job).is_some_and(|lease| lease.owner.as_deref() == Some(me));
        watch.wanted(table, me, now_ms, is_held, |_| true)
    }

    #[test]
    fn a_job_survives_its_key() {
        for job in [job_of(3), Job::Portal(PortalId::parse("ge").unwrap())] {
            assert_eq!(Job::parse(&job.key()), Some(job));
        }
        assert_eq!(Job::parse("shard.g1.x.y"), None);
        assert_eq!(Job::parse("portal.g1.x"), None);
    }

    #[test]
    fn the_first_takes_all_and_the_second_its_share_one_by_one() {
        let mut watch = Watch::default();
        assert_eq!(wanted(&mut watch, &table(&[None; 4]), "a", T0).len(), 4);
        let mut held = table(&[Some("a"); 4]);
        for expected in [job_of(0), job_of(1)] {
            assert_eq!(wanted(&mut watch, &held, "b", T0), std::slice::from_ref(&expected));
            held.insert(expected, Lease { owner: Some("b".to_owned()), counter: 2, position: None });
        }
        assert_eq!(wanted(&mut watch, &held, "b", T0), []);
        assert_eq!(wanted(&mut watch, &held, "a", T0), []);
    }

    #[test]
    fn what_a_dead_one_held_is_shared_by_the_living() {
        let mut watch = Watch::default();
        let mut held = table(&[Some("a"), Some("a"), Some("b"), Some("b"), Some("c"), Some("c")]);
        assert_eq!(wanted(&mut watch, &held, "b", T0), []);
        let mut renew = |owner: &str| {
            for lease in held.values_mut().filter(|lease| lease.owner.as_deref() == Some(owner)) {
                lease.counter += 1;
            }
        };
        renew("b");
        renew("c");
        assert_eq!(wanted(&mut watch, &held, "b", T0 + DEAD_AFTER_MS / 2), [], "not dead yet");
        assert_eq!(wanted(&mut watch, &held, "b", T0 + DEAD_AFTER_MS), [], "not dead yet");
        assert_eq!(wanted(&mut watch, &held, "b", T0 + DEAD_AFTER_MS + 1), [job_of(0)], "three each");
    }

    #[test]
    fn what_only_the_table_says_is_ours_is_taken_again() {
        let mut watch = Watch::default();
        let held = table(&[Some("a"), Some("a")]);
        assert_eq!(watch.wanted(&held, "a", T0, |job| *job == job_of(0), |_| true), [job_of(1)]);
    }

    #[test]
    fn what_stays_free_is_taken_by_whoever_can() {
        let (mut watch, table) = (Watch::default(), table(&[Some("a"), Some("b"), Some("a"), None]));
        let mut renewed = table.clone();
        assert_eq!(wanted(&mut watch, &renewed, "a", T0), [], "b has room");
        for (counter, now_ms) in [(2, T0 + DEAD_AFTER_MS), (3, T0 + 2 * DEAD_AFTER_MS)] {
            renewed.values_mut().filter(|lease| lease.owner.is_some()).for_each(|lease| lease.counter = counter);
            assert_eq!(wanted(&mut watch, &renewed, "a", now_ms), []);
        }
        assert_eq!(wanted(&mut watch, &renewed, "a", T0 + 2 * DEAD_AFTER_MS + 1), [job_of(3)], "b does not do it");
    }

    #[test]
    fn who_could_not_look_for_a_while_takes_nobody_for_dead() {
        let mut watch = Watch::default();
        let held = table(&[Some("a"), Some("b")]);
        assert_eq!(wanted(&mut watch, &held, "b", T0), []);
        assert_eq!(wanted(&mut watch, &held, "b", T0 + 10 * DEAD_AFTER_MS), []);
    }

    #[test]
    fn jobs_that_are_not_ready_or_done_are_nobodys() {
        let mut watch = Watch::default();
        let mut held = table(&[None, None]);
        let drained = Position { sequence_number: "1".to_owned(), arrived_at_ms: 1, is_drained: true };
        held.insert(job_of(0), Lease { owner: None, counter: 1, position: Some(drained) });
        assert_eq!(watch.wanted(&held, "a", T0, |_| false, |job| *job != job_of(1)), []);
        assert_eq!(wanted(&mut watch, &held, "a", T0), [job_of(1)]);
    }

    #[test]
    fn positions_are_compared_as_numbers() {
        let at = |number: &str, is_drained| Position { sequence_number: number.to_owned(), arrived_at_ms: 0, is_drained };
        assert!(at("100", false).reaches(&at("99", false)) && !at("99", false).reaches(&at("100", false)));
        assert!(at("7", false).reaches(&at("7", false)));
        assert!(at("", true).reaches(&at("5", false)) && !at("5", false).reaches(&at("5", true)));
    }
}
