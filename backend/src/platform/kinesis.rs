//! Kinesis: the six calls that reading a stream needs, the one that writes, and what can go wrong with them.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType, StreamStatus};

use crate::error::{Result, root_cause};
use crate::platform::aws;
use crate::redrive::parcel::{self, Outcome, Parcel};
use crate::shards::{Shard, Start};

/// What Kinesis gives at most.
const RECORDS_MAX: i32 = 10_000;

/// The Kinesis of one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Kinesis {
    client: Client,
}

/// What `GetRecords` gave.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// `None` at the end of a shard that was split or merged.
    pub(crate) next: Option<String>,
    pub(crate) behind_ms: u64,
}

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) sequence_number: String,
    pub(crate) arrived_at_ms: u64,
    pub(crate) data: Vec<u8>,
}

/// Why a call gave nothing; all of them pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Too many calls or bytes for the shard, or for its key.
    #[error("throttled: {0}")]
    Throttled(String),
    /// An iterator lives five minutes.
    #[error("the shard iterator has expired")]
    IteratorExpired,
    /// There is no such stream or shard.
    #[error("not found: {0}")]
    Missing(String),
    /// The sequence number is none of this shard's.
    #[error("the stream refuses the argument: {0}")]
    Refused(String),
    /// No connection, no permission, or anything else.
    #[error("{0}")]
    Away(String),
}

impl Trouble {
    /// A word for metrics.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Throttled(_) => "throttled",
            Self::IteratorExpired => "iterator_expired",
            Self::Missing(_) => "missing",
            Self::Refused(_) => "refused",
            Self::Away(_) => "away",
        }
    }
}

impl Kinesis {
    /// By the usual variables and files; makes no call yet.
    ///
    /// # Errors
    /// [`crate::error::Error::NoRegion`].
    pub(crate) async fn connect() -> Result<Self> {
        Ok(Self { client: Client::new(&aws::config().await?) })
    }

    /// When the stream was made, Unix milliseconds: tells it from a later one of the same name.
    pub(crate) async fn created_at_ms(&self, stream: &str) -> std::result::Result<u64, Trouble> {
        let output = self.client.describe_stream_summary().stream_name(stream).send().await.map_err(trouble)?;
        let summary = output.stream_description_summary().ok_or_else(|| Trouble::Away("an empty description".to_owned()))?;
        match summary.stream_status() {
            StreamStatus::Active | StreamStatus::Updating => Ok(to_ms(Some(summary.stream_creation_timestamp()))),
            other => Err(Trouble::Away(format!("the stream is {other}"))),
        }
    }

    /// Makes a stream with one shard.
    pub(crate) async fn create(&self, stream: &str) -> std::result::Result<(), Trouble> {
        self.client.create_stream().stream_name(stream).shard_count(1).send().await.map_err(trouble)?;
        Ok(())
    }

    /// The shards that still have records.
    pub(crate) async fn shards(&self, stream: &str) -> std::result::Result<Vec<Shard>, Trouble> {
        let mut shards = Vec::new();
        let mut call = self.client.list_shards().stream_name(stream);
        loop {
            let output = call.send().await.map_err(trouble)?;
            for shard in output.shards() {
                let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
                let parents = parents.into_iter().flatten().map(str::to_owned).collect();
                shards.push(Shard { id: shard.shard_id().to_owned(), parents });
            }
            // The token names the stream; Kinesis refuses both together.
            let Some(token) = output.next_token else { break };
            call = self.client.list_shards().next_token(token);
        }
        Ok(shards)
    }

    /// An iterator that begins where `start` says.
    pub(crate) async fn iterator(&self, stream: &str, shard: &str, start: &Start) -> std::result::Result<String, Trouble> {
        let call = self.client.get_shard_iterator().stream_name(stream).shard_id(shard);
        let call = match start {
            Start::TrimHorizon => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Start::After(sequence_number) => {
                call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(sequence_number)
            }
            Start::Since(at_ms) => call
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(i64::try_from(*at_ms).unwrap_or(i64::MAX))),
        };
        let output = call.send().await.map_err(trouble)?;
        output.shard_iterator.ok_or_else(|| Trouble::Away("an empty iterator".to_owned()))
    }

    /// The next records.
    pub(crate) async fn records(&self, iterator: &str) -> std::result::Result<Page, Trouble> {
        let output = self.client.get_records().shard_iterator(iterator).limit(RECORDS_MAX).send().await.map_err(trouble)?;
        let record = |record: aws_sdk_kinesis::types::Record| Record {
            arrived_at_ms: to_ms(record.approximate_arrival_timestamp.as_ref()),
            sequence_number: record.sequence_number,
            data: record.data.into_inner(),
        };
        Ok(Page {
            behind_ms: output.millis_behind_latest.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0),
            next: output.next_shard_iterator,
            records: output.records.into_iter().map(record).collect(),
        })
    }

    /// Puts the records of one call into a stream; what became of each.
    pub(crate) async fn put(&self, stream: &str, parcels: &[&Parcel]) -> Vec<Outcome> {
        let failed = |reason: &str| vec![Outcome::failed(reason); parcels.len()];
        let Ok(entries) = parcels.iter().map(|parcel| entry(parcel)).collect() else { return failed("unbuildable") };
        match self.client.put_records().stream_name(stream).set_records(Some(entries)).send().await {
            Ok(output) => {
                let answers: Vec<_> = output.records().iter().map(|record| (record.sequence_number(), record.error_code())).collect();
                parcel::outcomes(parcels.len(), &answers)
            }
            Err(error) => {
                tracing::debug!(stream, "PutRecords failed: {}: {}", error, root_cause(&error));
                failed(error.code().unwrap_or("no_answer"))
            }
        }
    }
}

fn entry(parcel: &Parcel) -> std::result::Result<PutRecordsRequestEntry, aws_sdk_kinesis::error::BuildError> {
    PutRecordsRequestEntry::builder().data(Blob::new(parcel.data.as_bytes())).partition_key(&parcel.key).build()
}

fn to_ms(time: Option<&DateTime>) -> u64 {
    time.and_then(|time| time.to_millis().ok()).and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
fn trouble<E, R>(error: SdkError<E, R>) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let message = error.message().map_or_else(|| format!("{error}: {}", root_cause(&error)), str::to_owned);
    match error.code() {
        Some("ProvisionedThroughputExceededException" | "LimitExceededException" | "KMSThrottlingException" | "ThrottlingException") => {
            Trouble::Throttled(message)
        }
        Some("ExpiredIteratorException") => Trouble::IteratorExpired,
        Some("ResourceNotFoundException") => Trouble::Missing(message),
        Some("InvalidArgumentException") => Trouble::Refused(message),
        _ => Trouble::Away(message),
    }
}
