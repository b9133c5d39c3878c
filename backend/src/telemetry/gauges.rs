//! What is looked at once in a period: how far behind a portal is, how old its model, what the process uses.

use std::time::Duration;

use wire::{Figure, PortalId};

use super::{Datum, float};

/// A shard is read at least twice a second: a longer silence is added to how far behind it was at its last read, for whoever waits for
/// something else falls behind without reading it anywhere.
const SILENT_MS: u64 = 10_000;

/// The kernel counts CPU time in hundredths of a second: of less than this no percentage is told.
const SHORTEST: Duration = Duration::from_millis(500);

/// What a process has used since its beginning, and how much memory it has now.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
}

/// How far a shard's reader is behind, given what its last read said, and when that was.
pub(crate) const fn iterator_age_ms(behind_ms: u64, read_at_ms: u64, now_ms: u64) -> u64 {
    let silent_ms = now_ms.saturating_sub(read_at_ms);
    if silent_ms > SILENT_MS { behind_ms.saturating_add(silent_ms) } else { behind_ms }
}

/// Of a portal: the age of its slowest shard, and of the oldest change that the edge does not have; each when it is known here.
pub(crate) fn of_portal(portal: &PortalId, iterator_age_ms: Option<u64>, model_age_ms: Option<u64>) -> Vec<Datum> {
    let datum = |stage, figure| Datum::new(stage, Some(portal.clone()), figure);
    let age = iterator_age_ms.map(|ms| datum("stream", Figure::value("IteratorAge", "Milliseconds", float(ms))));
    let model = model_age_ms.map(|ms| datum("publish", Figure::value("ModelAge", "Seconds", float(ms) / 1_000.0)));
    age.into_iter().chain(model).collect()
}

/// Of the process: that it is there, and what it used since the last look; the CPU in percent of one core.
pub(crate) fn of_process(before: Option<Usage>, now: Option<Usage>, elapsed: Duration) -> Vec<Datum> {
    let datum = |figure| Datum::new("backend", None, figure);
    let mut datums = vec![datum(Figure::value("Heartbeat", "Count", 1.0))];
    let Some((before, now)) = before.zip(now) else { return datums };
    let bytes = |name, bytes: u64| datum(Figure::value(name, "Bytes", float(bytes)));
    if elapsed >= SHORTEST {
        let percent = 100.0 * now.cpu.saturating_sub(before.cpu).as_secs_f64() / elapsed.as_secs_f64();
        datums.push(datum(Figure::value("CpuUtilization", "Percent", percent)));
    }
    datums.push(bytes("MemoryUsed", now.memory_bytes));
    datums.push(bytes("DiskRead", now.read_bytes.saturating_sub(before.read_bytes)));
    datums.push(bytes("DiskWritten", now.written_bytes.saturating_sub(before.written_bytes)));
    datums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(datums: &[Datum]) -> Vec<String> {
        datums.iter().map(Datum::to_string).collect()
    }

    #[test]
    fn whoever_has_not_read_for_long_is_behind_by_that_too() {
        assert_eq!(iterator_age_ms(300, 1_000, 11_000), 300);
        assert_eq!(iterator_age_ms(300, 1_000, 11_001), 10_301);
        assert_eq!(iterator_age_ms(0, 11_000, 1_000), 0, "the clock went back");
    }

    #[test]
    fn only_what_is_known_is_told() {
        let portal = PortalId::parse("g1").unwrap();
        assert_eq!(
            lines(&of_portal(&portal, Some(0), Some(1_500))),
            ["stream/g1 IteratorAge Milliseconds 1 0 0 0", "publish/g1 ModelAge Seconds 1 1.5 1.5 1.5"]
        );
        assert_eq!(of_portal(&portal, None, None), []);
    }

    #[test]
    fn the_process_tells_differences_and_beats_in_any_case() {
        let before = Usage { cpu: Duration::from_secs(5), memory_bytes: 1, read_bytes: 100, written_bytes: 10 };
        let now = Usage { cpu: Duration::from_secs(20), memory_bytes: 2_048, read_bytes: 150, written_bytes: 10 };
        assert_eq!(
            lines(&of_process(Some(before), Some(now), Duration::from_mins(1))),
            [
                "backend/- Heartbeat Count 1 1 1 1",
                "backend/- CpuUtilization Percent 1 25 25 25",
                "backend/- MemoryUsed Bytes 1 2048 2048 2048",
                "backend/- DiskRead Bytes 1 50 50 50",
                "backend/- DiskWritten Bytes 1 0 0 0",
            ]
        );
        assert_eq!(of_process(Some(before), Some(now), Duration::from_millis(1)).len(), 4, "too short for a percentage");
        assert_eq!(lines(&of_process(None, Some(now), Duration::from_mins(1))), ["backend/- Heartbeat Count 1 1 1 1"]);
    }
}
