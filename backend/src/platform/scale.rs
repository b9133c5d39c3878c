//! `backend scale`: looks at a stream and its load, and gives it the shards that it needs.

use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::update_shard_count::UpdateShardCountError;
use aws_sdk_kinesis::types::{ScalingType, StreamMode, StreamStatus};
use tokio::time::sleep;

use crate::error::{Error, Result, root_cause};
use crate::platform::clock::now_ms;
use crate::platform::signals::Signals;
use crate::platform::{aws, files, print_line};
use crate::scale::args::{ScaleArgs, Stream};
use crate::scale::changes::{Changes, TAG};
use crate::scale::{Decision, MINUTE_MS, Minute, Policy, Seen, WINDOW_MIN};

/// As CloudWatch wants a minute.
const PERIOD_S: i32 = 60;

struct Scaler {
    kinesis: aws_sdk_kinesis::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    stream: String,
    policy: Policy,
    is_dry: bool,
}

/// Looks once, or until a signal comes; a line a round.
///
/// # Errors
/// What keeps it from starting; [`Error::OnDemand`]; once, [`Error::Scale`] too.
pub(crate) async fn run(args: &ScaleArgs) -> Result<()> {
    let policy = args.policy()?;
    let portals = files::read_portals(&args.portals)?;
    let portal = portals.get(&args.portal).ok_or_else(|| Error::UnknownPortal { portal: args.portal.clone() })?;
    let stream = match args.stream {
        Stream::Events => portal.events_stream(),
        Stream::Interactions => portal.interactions_stream(),
    };
    let config = aws::config().await?;
    let (kinesis, cloudwatch) = (aws_sdk_kinesis::Client::new(&config), aws_sdk_cloudwatch::Client::new(&config));
    let scaler = Scaler { kinesis, cloudwatch, stream, policy, is_dry: args.dry_run };
    match args.watch() {
        Some(pause) => scaler.watch(pause).await,
        None => scaler.round().await,
    }
}

impl Scaler {
    /// Troubles pass, or are said again.
    async fn watch(&self, pause: Duration) -> Result<()> {
        let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
        loop {
            // Not interrupted by a signal: a change is noted before it is made. It ends by its own timeouts.
            match self.round().await {
                Err(error @ Error::Scale { .. }) => tracing::warn!("{error}"),
                other => other?,
            }
            tokio::select! {
                biased;
                _ = signals.next() => return Ok(()),
                () = sleep(pause) => {}
            }
        }
    }

    async fn round(&self) -> Result<()> {
        let seen = self.look().await?;
        let outcome = match self.policy.decide(&seen) {
            Decision::Keep(reason) => Ok(format!("kept: {reason}")),
            Decision::Change { to } if self.is_dry => Ok(format!("would go to {to}")),
            Decision::Change { to } => self.change(&seen, to).await.map(|()| format!("going to {to}")),
        };
        let said = outcome.as_ref().map_or("not changed", String::as_str);
        let dry = if self.is_dry { "dry run: " } else { "" };
        print_line(&format!("{dry}{}: {}; {said}", self.stream, seen.describe(&self.policy)));
        outcome.map(drop)
    }

    async fn look(&self) -> Result<Seen> {
        let output = self.kinesis.describe_stream_summary().stream_name(&self.stream).send().await;
        let output = output.map_err(|error| self.trouble("DescribeStreamSummary", error))?;
        let summary = output.stream_description_summary().ok_or_else(|| self.because("an empty description"))?;
        // Streams older than the modes have none: they are provisioned.
        if summary.stream_mode_details().is_some_and(|mode| *mode.stream_mode() == StreamMode::OnDemand) {
            return Err(Error::OnDemand { stream: self.stream.clone() });
        }
        let now_ms = now_ms();
        Ok(Seen {
            now_ms,
            open_shards: u32::try_from(summary.open_shard_count()).unwrap_or(0),
            is_active: *summary.stream_status() == StreamStatus::Active,
            minutes: self.minutes(now_ms).await?,
            changes: self.changes().await?,
        })
    }

    /// The complete minutes that CloudWatch knows.
    async fn minutes(&self, now_ms: u64) -> Result<Vec<Minute>> {
        let end_ms = now_ms - now_ms % MINUTE_MS;
        let time = |ms: u64| DateTime::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let call = self.cloudwatch.get_metric_statistics().namespace("AWS/Kinesis").metric_name(self.policy.metric.name());
        let call = call.dimensions(Dimension::builder().name("StreamName").value(&self.stream).build());
        let call = call.start_time(time(end_ms.saturating_sub(WINDOW_MIN * MINUTE_MS))).end_time(time(end_ms));
        let output = call.period(PERIOD_S).statistics(Statistic::Sum).send().await;
        let output = output.map_err(|error| self.trouble("GetMetricStatistics", error))?;
        let minutes = output.datapoints().iter().filter_map(|point| {
            let at_ms = u64::try_from(point.timestamp()?.to_millis().ok()?).ok()?;
            Some(Minute { at_ms, sum: whole(point.sum()?)? })
        });
        // An end that the server takes in is a minute that has only begun.
        Ok(minutes.filter(|minute| minute.at_ms < end_ms).collect())
    }

    async fn changes(&self) -> Result<Changes> {
        let (mut changes, mut last_key): (_, Option<String>) = (Changes::default(), None);
        loop {
            let call = self.kinesis.list_tags_for_stream().stream_name(&self.stream).set_exclusive_start_tag_key(last_key);
            let output = call.send().await.map_err(|error| self.trouble("ListTagsForStream", error))?;
            if let Some(tag) = output.tags().iter().find(|tag| tag.key() == TAG) {
                changes = Changes::parse(tag.value().unwrap_or_default());
            }
            last_key = output.tags().last().map(|tag| tag.key().to_owned());
            if !output.has_more_tags() || last_key.is_none() {
                return Ok(changes);
            }
        }
    }

    /// Notes the change and makes it, in this order: a stream that is being updated takes no tag.
    async fn change(&self, seen: &Seen, to: u32) -> Result<()> {
        self.note(&seen.changes.with(seen.now_ms, to)).await?;
        let target = i32::try_from(to).unwrap_or(i32::MAX);
        let call = self.kinesis.update_shard_count().stream_name(&self.stream).target_shard_count(target);
        let Err(error) = call.scaling_type(ScalingType::UniformScaling).send().await else { return Ok(()) };
        // Only what Kinesis refused did not happen: without an answer it may have, and a stream in use is changed by somebody else.
        let is_in_use = error.as_service_error().is_some_and(UpdateShardCountError::is_resource_in_use_exception);
        let is_refused = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
        if is_refused && !is_in_use {
            self.note(&seen.changes).await?;
        }
        Err(self.trouble("UpdateShardCount", error))
    }

    async fn note(&self, changes: &Changes) -> Result<()> {
        let call = self.kinesis.add_tags_to_stream().stream_name(&self.stream).tags(TAG, changes.to_text());
        call.send().await.map_err(|error| self.trouble("AddTagsToStream", error))?;
        Ok(())
    }

    fn because(&self, why: &str) -> Error {
        Error::Scale { stream: self.stream.clone(), why: why.to_owned() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
    fn trouble<E, R>(&self, call: &str, error: SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let message = error.message().map_or_else(|| format!("{error}: {}", root_cause(&error)), str::to_owned);
        self.because(&format!("{call}: {} {message}", error.code().unwrap_or("failed:")))
    }
}

/// A sum of counts, which CloudWatch gives as a float; `None` when it is none.
fn whole(sum: f64) -> Option<u64> {
    // std converts a float in no other way that says when it does not fit.
    format!("{:.0}", sum.ceil()).parse().ok()
}
