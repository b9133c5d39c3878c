//! Tells CloudWatch once in a period what was counted, and a last time at the end. Nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata as _;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use wire::PortalId;
use wire::metric::{NAMESPACE, PORTAL, STAGE};

use crate::args::MetricsArgs;
use crate::error::{Result, root_cause};
use crate::platform::board::{Board, PortalBoard};
use crate::platform::clock::{now_ms, uptime};
use crate::platform::{aws, process};
use crate::telemetry::{self, Datum, Outbox, Usage, iterator_age_ms};

/// Below this period CloudWatch has to keep seconds: a high-resolution metric
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/publishingMetrics.html>).
const MINUTE: Duration = Duration::from_mins(1);
/// A call with its retries. What is given up here may have arrived all the same, and counts twice then: better than never.
const PATIENCE: Duration = Duration::from_secs(10);
/// The last publication must not hold up the end.
const LAST: Duration = Duration::from_secs(3);

/// The task and its end; `None` when nobody wants metrics.
pub(crate) type Running = Option<(watch::Sender<()>, JoinHandle<()>)>;

/// Publishes until it is stopped.
///
/// # Errors
/// [`crate::error::Error::NoRegion`].
pub(crate) async fn start(args: MetricsArgs, board: Arc<Board>) -> Result<Running> {
    if !args.cloudwatch {
        return Ok(None);
    }
    let client = Client::new(&aws::config().await?);
    let every = Duration::from_secs(args.metrics_every_s);
    let (stop, stopped) = watch::channel(());
    let teller = Teller { client, board, every, outbox: Outbox::default(), used: (uptime(), process::usage()), is_away: false };
    Ok(Some((stop, tokio::spawn(teller.run(stopped)))))
}

/// Publishes a last time.
pub(crate) async fn stop(running: Running) {
    let Some((stop, mut task)) = running else { return };
    drop(stop);
    if timeout(LAST, &mut task).await.is_err() {
        task.abort();
        tracing::warn!("CloudWatch does not answer: the last metrics are lost");
    }
}

struct Teller {
    client: Client,
    board: Arc<Board>,
    every: Duration,
    outbox: Outbox,
    /// When the process was last looked at, and what it had used by then.
    used: (Duration, Option<Usage>),
    /// Whether the last call failed, which is said once.
    is_away: bool,
}

impl Teller {
    async fn run(mut self, mut stop: watch::Receiver<()>) {
        let mut is_last = false;
        while !is_last {
            is_last = tokio::select! {
                _ = stop.changed() => true,
                () = sleep(self.every) => false,
            };
            let datums = self.gather();
            let lost = self.outbox.add(now_ms(), datums);
            if lost > 0 {
                tracing::warn!(lost, "CloudWatch is away for long: the oldest metrics are forgotten");
            }
            while let Some(call) = self.outbox.next() {
                let told = timeout(PATIENCE, self.put(call.at_ms, &call.datums)).await.unwrap_or_else(|_| Err("no answer".to_owned()));
                if !self.note(told) {
                    break;
                }
            }
        }
    }

    /// Whether to go on.
    fn note(&mut self, told: std::result::Result<(), String>) -> bool {
        let was_away = std::mem::replace(&mut self.is_away, told.is_err());
        match told {
            Ok(()) => {
                self.outbox.is_sent();
                if was_away {
                    tracing::info!("CloudWatch takes metrics again");
                }
            }
            Err(why) if !was_away => tracing::warn!("CloudWatch does not take metrics, which are kept for later: {why}"),
            Err(_) => {}
        }
        !self.is_away
    }

    fn gather(&mut self) -> Vec<Datum> {
        let (now, usage) = (uptime(), process::usage());
        let mut datums = telemetry::of_process(self.used.1, usage, now.saturating_sub(self.used.0));
        self.used = (now, usage);
        datums.extend(self.board.stages.end_period(now));
        datums.extend(self.board.take_news().iter().flat_map(|(portal, news)| news.to_datums(portal)));
        let now_ms = now_ms();
        datums.extend(self.board.portals().iter().flat_map(|(portal, board)| gauges(portal, board, now_ms)));
        datums
    }

    async fn put(&self, at_ms: u64, datums: &[Datum]) -> std::result::Result<(), String> {
        let at = DateTime::from_millis(i64::try_from(at_ms).unwrap_or(i64::MAX));
        let datums = datums.iter().map(|datum| metric_datum(datum, at, self.every < MINUTE)).collect();
        let outcome = self.client.put_metric_data().namespace(NAMESPACE).set_metric_data(Some(datums)).send().await;
        let said = |error: &aws_sdk_cloudwatch::error::SdkError<_, _>| {
            error.message().map_or_else(|| format!("{error}: {}", root_cause(error)), str::to_owned)
        };
        outcome.map(drop).map_err(|error| said(&error))
    }
}

fn gauges(portal: &PortalId, board: &PortalBoard, now_ms: u64) -> Vec<Datum> {
    let age = |shard: &crate::platform::board::ShardFacts| Some(iterator_age_ms(shard.behind_ms?, shard.last_read_at_ms, now_ms));
    let model_age_ms = board.desk.as_ref().and_then(|desk| desk.facts().complete_at_ms).map(|since_ms| now_ms.saturating_sub(since_ms));
    telemetry::of_portal(portal, board.shards.values().filter_map(age).max(), model_age_ms)
}

fn metric_datum(datum: &Datum, at: DateTime, is_fine: bool) -> MetricDatum {
    let figure = &datum.figure;
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let built = MetricDatum::builder()
        .metric_name(figure.name)
        .unit(StandardUnit::from(figure.unit))
        .timestamp(at)
        .dimensions(dimension(STAGE, datum.stage))
        .set_storage_resolution(is_fine.then_some(1));
    let built = match &datum.portal {
        Some(portal) => built.dimensions(dimension(PORTAL, portal.as_str())),
        None => built,
    };
    if !datum.values.is_empty() {
        let (values, counts) = datum.values.iter().copied().unzip();
        return built.set_values(Some(values)).set_counts(Some(counts)).build();
    }
    // A statistic set would be the same for one value, but not for percentiles.
    if figure.samples <= 1.0 && figure.min >= figure.max {
        return built.value(figure.sum).build();
    }
    let set = StatisticSet::builder().sample_count(figure.samples).sum(figure.sum).minimum(figure.min).maximum(figure.max);
    built.statistic_values(set.build()).build()
}
