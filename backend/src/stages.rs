//! What each stage's units of work cost and carried, by portal, and why they failed: for `/metrics`, and by period for CloudWatch.

mod prometheus;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wire::PortalId;

use crate::telemetry::{Datum, Values};

/// Upper bounds of the execution times, seconds.
const BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// A kind of unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// One page of records, parsed and transformed.
    Transform,
    /// The interactions of a page put into the second stream, until all of them are there.
    Put,
    /// A shard's memory written with its checkpoint.
    Commit,
    /// One page of interactions, taken into a portal's state.
    Learn,
    /// A portal's model and cards sent to the edge.
    Publish,
    /// A portal's state written.
    Snapshot,
    /// A look at the table of leases.
    Lease,
    /// A record that is none, kept as a dead letter.
    DeadLetter,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Put => "put",
            Self::Commit => "commit",
            Self::Learn => "learn",
            Self::Publish => "publish",
            Self::Snapshot => "snapshot",
            Self::Lease => "lease",
            Self::DeadLetter => "dead_letter",
        }
    }
}

/// What a unit took in and gave out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Volume {
    pub(crate) records_in: usize,
    pub(crate) bytes_in: usize,
    pub(crate) records_out: usize,
    pub(crate) bytes_out: usize,
}

impl Volume {
    fn amounts(self) -> [u64; 4] {
        [self.records_in, self.bytes_in, self.records_out, self.bytes_out].map(|amount| u64::try_from(amount).unwrap_or(0))
    }
}

/// Names and units of a [`Volume`]'s amounts.
const AMOUNTS: [(&str, &str); 4] = [("RecordsIn", "Count"), ("BytesIn", "Bytes"), ("RecordsOut", "Count"), ("BytesOut", "Bytes")];

/// Of whom; the leases are nobody's.
type Key = (Stage, Option<PortalId>);

#[derive(Debug, Default)]
struct Sums {
    units: u64,
    seconds: f64,
    /// How many took at most so long, by [`BOUNDS_S`].
    within: [u64; BOUNDS_S.len()],
    volume: [u64; 4],
    errors: BTreeMap<String, u64>,
    /// The same, since the last period's end.
    period: Period,
}

#[derive(Debug, Default)]
struct Period {
    times: Values,
    volume: [u64; 4],
    errors: u64,
}

#[derive(Debug, Default)]
struct Book {
    sums: BTreeMap<Key, Sums>,
    /// Units that have begun, by a number of their own.
    running: BTreeMap<u64, (Key, Duration)>,
    begun: u64,
}

/// The sums of all stages since the process began. Times are those since an instant of the caller's that stays the same.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<Book>);

/// A unit of work that runs. Dropped, it was given up, and nobody counts its time.
#[derive(Debug)]
pub(crate) struct Unit<'a> {
    stages: &'a Stages,
    key: Key,
    id: u64,
    begun: Duration,
}

impl Stages {
    /// A unit of work begins.
    pub(crate) fn begin(&self, stage: Stage, portal: Option<&PortalId>, at: Duration) -> Unit<'_> {
        let key = (stage, portal.cloned());
        let mut book = self.lock();
        book.begun += 1;
        let id = book.begun;
        book.running.insert(id, (key.clone(), at));
        Unit { stages: self, key, id, begun: at }
    }

    /// What a stage could not do, with a code of a closed set.
    pub(crate) fn failed(&self, stage: Stage, portal: Option<&PortalId>, reason: &str) {
        self.change((stage, portal.cloned()), |sums| {
            *sums.errors.entry(reason.to_owned()).or_default() += 1;
            sums.period.errors += 1;
        });
    }

    /// What was done since the last call. A unit that still runs is one with the time it has run so far: a unit that takes ten minutes
    /// is seen long before it is done, and so there is more than once.
    pub(crate) fn end_period(&self, at: Duration) -> Vec<Datum> {
        let mut book = self.lock();
        for (key, begun) in book.running.values().cloned().collect::<Vec<_>>() {
            book.sums.entry(key).or_default().period.times.add(at.saturating_sub(begun));
        }
        let mut datums = Vec::new();
        for ((stage, portal), sums) in &mut book.sums {
            let (stage, portal, period) = (stage.name(), portal.as_ref(), std::mem::take(&mut sums.period));
            datums.extend(Datum::times(stage, portal, "ExecutionTime", &period.times));
            for ((name, unit), amount) in AMOUNTS.into_iter().zip(period.volume) {
                datums.extend(Datum::count(stage, portal, name, unit, amount));
            }
            datums.extend(Datum::count(stage, portal, "Errors", "Count", period.errors));
        }
        datums
    }

    fn change(&self, key: Key, change: impl FnOnce(&mut Sums)) {
        change(self.lock().sums.entry(key).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unit<'_> {
    /// It is done, and carried this.
    pub(crate) fn done(self, at: Duration, volume: Volume) {
        self.carry(volume);
        let took = at.saturating_sub(self.begun);
        self.stages.change(self.key.clone(), |sums| {
            sums.units += 1;
            sums.seconds += took.as_secs_f64();
            for (within, bound_s) in sums.within.iter_mut().zip(BOUNDS_S) {
                *within += u64::from(took.as_secs_f64() <= bound_s);
            }
            sums.period.times.add(took);
        });
    }

    /// It has carried this so far.
    pub(crate) fn carry(&self, volume: Volume) {
        self.stages.change(self.key.clone(), |sums| {
            for ((sum, period), amount) in sums.volume.iter_mut().zip(&mut sums.period.volume).zip(volume.amounts()) {
                *sum += amount;
                *period += amount;
            }
        });
    }

    /// Something in it has failed, with a code of a closed set; it may go on.
    pub(crate) fn failed(&self, reason: &str) {
        self.stages.failed(self.key.0, self.key.1.as_ref(), reason);
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        self.stages.lock().running.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: Volume = Volume { records_in: 3, bytes_in: 100, records_out: 2, bytes_out: 50 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn lines(stages: &Stages, at: Duration) -> Vec<String> {
        stages.end_period(at).iter().map(Datum::to_string).collect()
    }

    #[test]
    fn a_period_has_what_was_done_in_it_by_stage_and_portal() {
        let (stages, g1, ge) = (Stages::default(), PortalId::parse("g1").unwrap(), PortalId::parse("ge").unwrap());
        stages.begin(Stage::Put, Some(&g1), ms(0)).done(ms(4), VOLUME);
        stages.begin(Stage::Put, Some(&g1), ms(10)).done(ms(3_010), VOLUME);
        stages.failed(Stage::Put, Some(&g1), "throttled");
        stages.failed(Stage::Put, Some(&g1), "away");
        stages.begin(Stage::Learn, Some(&ge), ms(0)).done(ms(20), Volume { records_in: 1, ..Volume::default() });
        stages.begin(Stage::Lease, None, ms(0)).done(ms(7), Volume::default());
        assert_eq!(
            lines(&stages, ms(4_000)),
            [
                "put/g1 ExecutionTime Seconds 2 3.004 0.004 3",
                "put/g1 RecordsIn Count 1 6 6 6",
                "put/g1 BytesIn Bytes 1 200 200 200",
                "put/g1 RecordsOut Count 1 4 4 4",
                "put/g1 BytesOut Bytes 1 100 100 100",
                "put/g1 Errors Count 1 2 2 2",
                "learn/ge ExecutionTime Seconds 1 0.02 0.02 0.02",
                "learn/ge RecordsIn Count 1 1 1 1",
                "lease/- ExecutionTime Seconds 1 0.007 0.007 0.007",
            ]
        );
        assert_eq!(lines(&stages, ms(5_000)), [""; 0], "each counts once");
    }

    #[test]
    fn a_unit_that_runs_counts_in_each_period_with_the_time_it_has_run() {
        let (stages, g1) = (Stages::default(), PortalId::parse("g1").unwrap());
        let unit = stages.begin(Stage::Put, Some(&g1), ms(1_000));
        unit.carry(Volume { records_in: 5, ..Volume::default() });
        unit.failed("away");
        assert_eq!(
            lines(&stages, ms(61_000)),
            ["put/g1 ExecutionTime Seconds 1 60 60 60", "put/g1 RecordsIn Count 1 5 5 5", "put/g1 Errors Count 1 1 1 1"]
        );
        assert_eq!(lines(&stages, ms(601_000)), ["put/g1 ExecutionTime Seconds 1 600 600 600"]);
        unit.done(ms(611_000), Volume::default());
        assert_eq!(lines(&stages, ms(612_000)), ["put/g1 ExecutionTime Seconds 1 610 610 610"]);
        drop(stages.begin(Stage::Put, Some(&g1), ms(620_000)));
        assert_eq!(lines(&stages, ms(700_000)), [""; 0], "given up: neither running nor done");
    }
}
