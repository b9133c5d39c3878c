//! The metrics in CloudWatch: what edge and backend publish, and what alarms and dashboards may name.

/// The namespace of all of them.
pub const NAMESPACE: &str = "Pulso";
/// The dimension that every metric has: a stage of [`Metric::stages`].
pub const STAGE: &str = "StageName";
/// The dimension of those that are a portal's.
pub const PORTAL: &str = "Portal";

/// Stages of the backend whose work is a portal's.
const WORK: &[&str] = &["transform", "put", "commit", "learn", "publish", "snapshot", "dead_letter"];

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// CloudWatch's word for its unit.
    pub unit: &'static str,
    /// Values of `StageName`.
    pub stages: &'static [&'static str],
    /// Whether it has the dimension `Portal` too: always or never.
    pub has_portal: bool,
    /// Who publishes it.
    pub by: Publisher,
}

/// Who publishes a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// The backend, once in a period.
    Backend,
    /// The edge's cron trigger, each minute.
    Edge,
    /// The backend, of the tallies that ride in records; the edge itself when it is in trouble.
    Both,
}

impl Publisher {
    /// Whether the backend does.
    #[must_use]
    pub const fn is_backend(self) -> bool {
        matches!(self, Self::Backend | Self::Both)
    }
}

const fn metric(name: &'static str, unit: &'static str, stages: &'static [&'static str], has_portal: bool, by: Publisher) -> Metric {
    Metric { name, unit, stages, has_portal, by }
}

/// All metrics. A ratio is a statistic set: its `SampleCount` says of how many, its `Sum` how many, its `Average` is the ratio.
pub const METRICS: &[Metric] = &[
    metric("ExecutionTime", "Seconds", WORK, true, Publisher::Backend),
    metric("RecordsIn", "Count", &["transform", "put", "learn", "dead_letter"], true, Publisher::Backend),
    metric("BytesIn", "Bytes", &["transform", "put", "learn", "dead_letter"], true, Publisher::Backend),
    metric("RecordsOut", "Count", &["transform", "put", "publish", "dead_letter"], true, Publisher::Backend),
    metric("BytesOut", "Bytes", &["put", "publish", "snapshot", "dead_letter"], true, Publisher::Backend),
    metric("Errors", "Count", WORK, true, Publisher::Backend),
    metric("ExecutionTime", "Seconds", &["lease"], false, Publisher::Backend),
    metric("Errors", "Count", &["lease"], false, Publisher::Backend),
    metric("IteratorAge", "Milliseconds", &["stream"], true, Publisher::Backend),
    metric("Events", "Count", &["stream"], true, Publisher::Backend),
    metric("DuplicateEvents", "Count", &["stream"], true, Publisher::Backend),
    metric("DroppedEvents", "Count", &["stream"], true, Publisher::Backend),
    metric("BadEvents", "Count", &["stream"], true, Publisher::Backend),
    metric("PoisonRecords", "Count", &["stream"], true, Publisher::Backend),
    metric("Lost", "Count", &["stream"], true, Publisher::Backend),
    metric("DeliveryTime", "Seconds", &["delivery"], true, Publisher::Backend),
    metric("Retried", "Count", &["delivery"], true, Publisher::Backend),
    metric("Posts", "Count", &["edge"], true, Publisher::Both),
    metric("Refused", "Count", &["edge"], true, Publisher::Both),
    metric("Unavailable", "Count", &["edge"], true, Publisher::Both),
    metric("PutFailed", "Count", &["edge"], true, Publisher::Both),
    metric("PutTime", "Milliseconds", &["edge"], true, Publisher::Both),
    metric("Queued", "Count", &["edge"], true, Publisher::Both),
    metric("Fallback", "Count", &["edge"], true, Publisher::Both),
    metric("SlowLists", "Count", &["edge"], true, Publisher::Both),
    metric("DeadLetters", "Count", &["edge"], true, Publisher::Both),
    metric("ModelAge", "Seconds", &["publish"], true, Publisher::Backend),
    metric("Heartbeat", "Count", &["backend"], false, Publisher::Backend),
    metric("CpuUtilization", "Percent", &["backend"], false, Publisher::Backend),
    metric("MemoryUsed", "Bytes", &["backend"], false, Publisher::Backend),
    metric("DiskRead", "Bytes", &["backend"], false, Publisher::Backend),
    metric("DiskWritten", "Bytes", &["backend"], false, Publisher::Backend),
    metric("Heartbeat", "Count", &["edge"], false, Publisher::Edge),
    metric("QueueBacklog", "Count", &["edge"], false, Publisher::Edge),
    metric("QueueAge", "Seconds", &["edge"], false, Publisher::Edge),
    metric("SetAside", "Count", &["edge"], false, Publisher::Edge),
    metric("StreamUp", "Count", &["edge"], true, Publisher::Edge),
];

/// The metric of this name and stage, if there is one.
///
/// ```
/// assert_eq!(wire::metric::find("ModelAge", "publish").map(|metric| metric.unit), Some("Seconds"));
/// assert_eq!(wire::metric::find("ModelAge", "edge"), None);
/// ```
#[must_use]
pub fn find(name: &str, stage: &str) -> Option<Metric> {
    METRICS.iter().find(|metric| metric.name == name && metric.stages.contains(&stage)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tally;

    #[test]
    fn a_metric_and_stage_stand_there_once() {
        let mut pairs: Vec<_> = METRICS.iter().flat_map(|metric| metric.stages.iter().map(|stage| (metric.name, *stage))).collect();
        let count = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), count);
    }

    #[test]
    fn every_figure_of_a_tally_is_a_metric_of_the_edge_with_its_unit() {
        let all = Tally {
            posts: 1,
            refused: 1,
            unavailable: 1,
            puts: 1,
            put_failed: 1,
            put_ms: 1,
            put_ms_max: 1,
            put_calls: 1,
            queued: 1,
            lists: 1,
            fallback: 1,
            slow_lists: 1,
            dead: 1,
        };
        let figures: Vec<_> = all.figures().iter().map(|figure| (figure.name, figure.unit)).collect();
        let metrics: Vec<_> =
            METRICS.iter().filter(|metric| metric.by == Publisher::Both).map(|metric| (metric.name, metric.unit)).collect();
        let sorted = |mut list: Vec<(&'static str, &'static str)>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(figures), sorted(metrics));
    }
}
