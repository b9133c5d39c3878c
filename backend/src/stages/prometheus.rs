//! The stages' sums as Prometheus text.

use std::fmt::Write as _;

use super::{BOUNDS_S, Key, Stages};
use crate::metrics::head;

const VOLUMES: [(&str, &str); 4] = [
    ("pulso_stage_records_in_total", "Records taken in."),
    ("pulso_stage_bytes_in_total", "Bytes taken in."),
    ("pulso_stage_records_out_total", "Records given out."),
    ("pulso_stage_bytes_out_total", "Bytes given out."),
];

impl Stages {
    /// As Prometheus text.
    pub(crate) fn to_prometheus(&self) -> String {
        let (book, mut text) = (self.lock(), String::new());
        head(&mut text, "pulso_stage_seconds", "Execution time of a unit of work.", "histogram");
        for (key, sums) in &book.sums {
            let labels = labels(key);
            for (within, bound_s) in sums.within.iter().zip(BOUNDS_S) {
                let _ = writeln!(text, "pulso_stage_seconds_bucket{{{labels},le=\"{bound_s}\"}} {within}");
            }
            let _ = writeln!(text, "pulso_stage_seconds_bucket{{{labels},le=\"+Inf\"}} {}", sums.units);
            let _ = writeln!(text, "pulso_stage_seconds_sum{{{labels}}} {}", sums.seconds);
            let _ = writeln!(text, "pulso_stage_seconds_count{{{labels}}} {}", sums.units);
        }
        for (place, (metric, help)) in VOLUMES.into_iter().enumerate() {
            head(&mut text, metric, help, "counter");
            for (key, sums) in &book.sums {
                let _ = writeln!(text, "{metric}{{{}}} {}", labels(key), sums.volume.get(place).copied().unwrap_or(0));
            }
        }
        head(&mut text, "pulso_stage_errors_total", "What failed in units of work, by reason.", "counter");
        for (key, sums) in &book.sums {
            for (reason, count) in &sums.errors {
                let _ = writeln!(text, "pulso_stage_errors_total{{{},reason=\"{reason}\"}} {count}", labels(key));
            }
        }
        head(&mut text, "pulso_stage_running", "Units of work that have begun and are not done.", "gauge");
        for key in book.sums.keys() {
            let count = book.running.values().filter(|(running, _)| running == key).count();
            let _ = writeln!(text, "pulso_stage_running{{{}}} {count}", labels(key));
        }
        text
    }
}

fn labels((stage, portal): &Key) -> String {
    let stage = stage.name();
    portal.as_ref().map_or_else(|| format!("stage=\"{stage}\""), |portal| format!("stage=\"{stage}\",portal=\"{portal}\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::PortalId;

    use super::super::{Stage, Volume};
    use super::*;

    #[test]
    fn times_amounts_and_errors_are_summed_by_stage_and_portal() {
        let (stages, g1) = (Stages::default(), PortalId::parse("g1").unwrap());
        let volume = Volume { records_in: 3, bytes_in: 100, records_out: 2, bytes_out: 50 };
        let second = Duration::from_secs(1);
        stages.begin(Stage::Put, Some(&g1), second).done(second + Duration::from_millis(4), volume);
        stages.begin(Stage::Put, Some(&g1), second).done(second * 4, volume);
        stages.failed(Stage::Put, Some(&g1), "throttled");
        stages.begin(Stage::Lease, None, second).done(second, Volume::default());
        // A period's end takes nothing away here.
        stages.end_period(second * 5);
        let _running = stages.begin(Stage::Put, Some(&g1), second);
        let text = stages.to_prometheus();
        for line in [
            "pulso_stage_seconds_bucket{stage=\"put\",portal=\"g1\",le=\"0.001\"} 0",
            "pulso_stage_seconds_bucket{stage=\"put\",portal=\"g1\",le=\"0.005\"} 1",
            "pulso_stage_seconds_bucket{stage=\"put\",portal=\"g1\",le=\"+Inf\"} 2",
            "pulso_stage_seconds_sum{stage=\"put\",portal=\"g1\"} 3.004",
            "pulso_stage_seconds_count{stage=\"lease\"} 1",
            "pulso_stage_records_in_total{stage=\"put\",portal=\"g1\"} 6",
            "pulso_stage_bytes_out_total{stage=\"put\",portal=\"g1\"} 100",
            "pulso_stage_errors_total{stage=\"put\",portal=\"g1\",reason=\"throttled\"} 1",
            "pulso_stage_running{stage=\"put\",portal=\"g1\"} 1",
            "pulso_stage_running{stage=\"lease\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
