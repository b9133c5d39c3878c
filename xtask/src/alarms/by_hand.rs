//! Figures that nothing on this machine brings over their limits: put by hand, at the limit and over it, they show threshold, dimensions and way.

use serde_json::{Value, json};

use super::watch::Fires;
use super::watch::Fires::{Page, People, Ticket};

/// As the trial's scale says.
const SLOW_S: f64 = 20.0;

/// A figure and its alarms.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByHand {
    namespace: &'static str,
    metric: &'static str,
    dimensions: &'static [(&'static str, &'static str)],
    at: f64,
    over: f64,
    /// Of how many, where it is a ratio.
    of: Option<f64>,
    fires: &'static [Fires],
}

const fn figure(
    metric: &'static str,
    dimensions: &'static [(&'static str, &'static str)],
    (at, over): (f64, f64),
    fires: &'static [Fires],
) -> ByHand {
    ByHand { namespace: "Pulso", metric, dimensions, at, over, of: None, fires }
}

const fn slow(dimensions: &'static [(&'static str, &'static str)], fires: &'static [Fires]) -> ByHand {
    figure("ExecutionTime", dimensions, (SLOW_S, SLOW_S + 0.1), fires)
}

const fn of_aws(namespace: &'static str, figure: ByHand) -> ByHand {
    ByHand { namespace, ..figure }
}

const EDGE: &[(&str, &str)] = &[("StageName", "edge")];
const EDGE_GE: &[(&str, &str)] = &[("StageName", "edge"), ("Portal", "ge")];
const FIREHOSE: &[(&str, &str)] = &[("DeliveryStreamName", "pulso-g1-archive")];
const THROTTLED: &str = "WriteProvisionedThroughputExceeded";

/// All of them.
pub(super) const ALL: &[ByHand] = &[
    slow(&[("StageName", "transform"), ("Portal", "g1")], &[Page("pulso-g1-stage-slow-transform")]),
    slow(&[("StageName", "commit"), ("Portal", "g1")], &[Page("pulso-g1-stage-slow-commit")]),
    slow(&[("StageName", "learn"), ("Portal", "g1")], &[Page("pulso-g1-stage-slow-learn")]),
    slow(&[("StageName", "publish"), ("Portal", "g1")], &[Page("pulso-g1-stage-slow-publish")]),
    slow(&[("StageName", "snapshot"), ("Portal", "g1")], &[Page("pulso-g1-stage-slow-snapshot")]),
    // What is far behind is behind as well.
    figure(
        "IteratorAge",
        &[("StageName", "stream"), ("Portal", "ge")],
        (60_000.0, 8_640_001.0),
        &[Page("pulso-ge-far-behind"), Ticket("pulso-ge-behind")],
    ),
    figure("DeliveryTime", &[("StageName", "delivery"), ("Portal", "g1")], (900.0, 901.0), &[Ticket("pulso-g1-delivery-late")]),
    ByHand { of: Some(1_000.0), ..figure("SlowLists", EDGE_GE, (10.0, 20.0), &[Ticket("pulso-ge-slow-lists")]) },
    // The edge's own figures would spoil a minimum: its cron rests meanwhile, and its heart is put by hand.
    figure("QueueBacklog", EDGE, (20.0, 21.0), &[Ticket("pulso-backlog")]),
    figure("Heartbeat", EDGE, (1.0, 1.0), &[]),
    figure("QueueAge", EDGE, (900.0, 901.0), &[Page("pulso-queue-old")]),
    figure("SetAside", EDGE, (0.0, 1.0), &[Ticket("pulso-set-aside")]),
    of_aws(
        "AWS/Kinesis",
        figure(THROTTLED, &[("StreamName", "pulso-g1-events")], (0.0, 1.0), &[Ticket("pulso-g1-writes-throttled-events")]),
    ),
    of_aws(
        "AWS/Kinesis",
        figure(THROTTLED, &[("StreamName", "pulso-ge-interactions")], (0.0, 1.0), &[Ticket("pulso-ge-writes-throttled-interactions")]),
    ),
    of_aws("AWS/Firehose", figure("DeliveryToS3.DataFreshness", FIREHOSE, (1_800.0, 1_801.0), &[Ticket("pulso-g1-archive-late")])),
    of_aws("AWS/Firehose", figure("ThrottledRecords", FIREHOSE, (0.0, 1.0), &[Ticket("pulso-g1-archive-throttled")])),
    of_aws("AWS/SQS", figure("ApproximateAgeOfOldestMessage", &[("QueueName", "pulso-retry")], (900.0, 901.0), &[Page("pulso-sqs-old")])),
    of_aws(
        "AWS/SQS",
        figure("ApproximateNumberOfMessagesVisible", &[("QueueName", "pulso-retry-dead")], (0.0, 1.0), &[Page("pulso-sqs-dead")]),
    ),
    of_aws("AWS/Lambda", figure("Errors", &[("FunctionName", "pulso-notifier")], (0.0, 1.0), &[People("pulso-notifier-failed")])),
    of_aws(
        "AWS/ECS",
        figure("MemoryUtilization", &[("ClusterName", "pulso"), ("ServiceName", "pulso-backend")], (85.0, 86.0), &[Ticket("pulso-memory")]),
    ),
];

impl ByHand {
    /// As `PutMetricData` takes it.
    pub(super) fn datum(&self, is_over: bool) -> Value {
        let value = if is_over { self.over } else { self.at };
        let dimensions: Vec<Value> = self.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        let mut datum = json!({ "Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions, "StorageResolution": 1 });
        let said = match self.of {
            Some(of) => ("StatisticValues", json!({ "SampleCount": of, "Sum": value, "Minimum": 0, "Maximum": 1 })),
            None => ("Value", json!(value)),
        };
        if let Some(datum) = datum.as_object_mut() {
            datum.insert(said.0.to_owned(), said.1);
        }
        datum
    }

    /// What has to fire when it is over its limit.
    pub(super) const fn fires(&self) -> &'static [Fires] {
        self.fires
    }
}

/// All that has to fire.
pub(super) fn expected(figures: &'static [ByHand]) -> impl Iterator<Item = Fires> {
    figures.iter().flat_map(|figure| figure.fires().iter().copied())
}

#[cfg(test)]
mod tests {
    use super::super::trial::SCALE;
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_trial() {
        assert!((SLOW_S - f64::from(SCALE.slow_s)).abs() < f64::EPSILON);
    }

    #[test]
    fn a_ratio_is_a_statistic_set_and_anything_else_a_value() {
        let of = |metric: &str| ALL.iter().find(|figure| figure.metric == metric).map(|figure| figure.datum(true)).unwrap_or_default();
        assert_eq!(of("SlowLists")["StatisticValues"]["Sum"], 20.0);
        assert_eq!(of("SetAside")["Value"], 1.0);
        assert_eq!(of("MemoryUtilization")["Namespace"], "AWS/ECS");
    }
}
