//! What each stage's units of work cost and carried, and why they failed: for `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::metrics::head;

/// Upper bounds of the execution times, seconds.
const BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// A kind of unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// One page of records, parsed and transformed.
    Transform,
    /// Interactions put into the second stream.
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

#[derive(Debug, Default)]
struct Sums {
    units: u64,
    seconds: f64,
    /// How many took at most so long, by [`BOUNDS_S`].
    within: [u64; BOUNDS_S.len()],
    volume: [u64; 4],
    errors: BTreeMap<String, u64>,
}

/// The sums of all stages since the process began.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<BTreeMap<Stage, Sums>>);

impl Stages {
    /// A unit of work, and how much of it went well.
    pub(crate) fn done(&self, stage: Stage, took: Duration, volume: Volume) {
        let mut stages = self.lock();
        let sums = stages.entry(stage).or_default();
        sums.units += 1;
        sums.seconds += took.as_secs_f64();
        for (within, bound_s) in sums.within.iter_mut().zip(BOUNDS_S) {
            *within += u64::from(took.as_secs_f64() <= bound_s);
        }
        let amounts = [volume.records_in, volume.bytes_in, volume.records_out, volume.bytes_out];
        for (sum, amount) in sums.volume.iter_mut().zip(amounts) {
            *sum += u64::try_from(amount).unwrap_or(0);
        }
    }

    /// A unit of work that failed, with a code of a closed set.
    pub(crate) fn failed(&self, stage: Stage, reason: &str) {
        *self.lock().entry(stage).or_default().errors.entry(reason.to_owned()).or_default() += 1;
    }

    /// As Prometheus text.
    pub(crate) fn to_prometheus(&self) -> String {
        let (stages, mut text) = (self.lock(), String::new());
        head(&mut text, "pulso_stage_seconds", "Execution time of a unit of work.", "histogram");
        for (stage, sums) in stages.iter() {
            let name = stage.name();
            for (within, bound_s) in sums.within.iter().zip(BOUNDS_S) {
                let _ = writeln!(text, "pulso_stage_seconds_bucket{{stage=\"{name}\",le=\"{bound_s}\"}} {within}");
            }
            let _ = writeln!(text, "pulso_stage_seconds_bucket{{stage=\"{name}\",le=\"+Inf\"}} {}", sums.units);
            let _ = writeln!(text, "pulso_stage_seconds_sum{{stage=\"{name}\"}} {}", sums.seconds);
            let _ = writeln!(text, "pulso_stage_seconds_count{{stage=\"{name}\"}} {}", sums.units);
        }
        let volumes = [
            ("pulso_stage_records_in_total", "Records taken in."),
            ("pulso_stage_bytes_in_total", "Bytes taken in."),
            ("pulso_stage_records_out_total", "Records given out."),
            ("pulso_stage_bytes_out_total", "Bytes given out."),
        ];
        for (place, (metric, help)) in volumes.into_iter().enumerate() {
            head(&mut text, metric, help, "counter");
            for (stage, sums) in stages.iter() {
                let _ = writeln!(text, "{metric}{{stage=\"{}\"}} {}", stage.name(), sums.volume.get(place).copied().unwrap_or(0));
            }
        }
        head(&mut text, "pulso_stage_errors_total", "Units of work that failed, by reason.", "counter");
        for (stage, sums) in stages.iter() {
            for (reason, count) in &sums.errors {
                let _ = writeln!(text, "pulso_stage_errors_total{{stage=\"{}\",reason=\"{reason}\"}} {count}", stage.name());
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Stage, Sums>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_amounts_and_errors_are_summed_by_stage() {
        let stages = Stages::default();
        let volume = Volume { records_in: 3, bytes_in: 100, records_out: 2, bytes_out: 50 };
        stages.done(Stage::Put, Duration::from_millis(4), volume);
        stages.done(Stage::Put, Duration::from_secs(3), volume);
        stages.failed(Stage::Put, "throttled");
        let text = stages.to_prometheus();
        for line in [
            "pulso_stage_seconds_bucket{stage=\"put\",le=\"0.001\"} 0",
            "pulso_stage_seconds_bucket{stage=\"put\",le=\"0.005\"} 1",
            "pulso_stage_seconds_bucket{stage=\"put\",le=\"+Inf\"} 2",
            "pulso_stage_seconds_sum{stage=\"put\"} 3.004",
            "pulso_stage_records_in_total{stage=\"put\"} 6",
            "pulso_stage_bytes_out_total{stage=\"put\"} 100",
            "pulso_stage_errors_total{stage=\"put\",reason=\"throttled\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
