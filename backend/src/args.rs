//! The command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use wire::VisitorId;

use crate::evaluate::EvaluateArgs;
use crate::redrive::args::RedriveArgs;
use crate::scale::args::ScaleArgs;
use crate::transform::QUIET_MS;

/// Publishing more often would cost more KV writes than readers could notice.
const PUBLISH_EVERY_MS_MIN: u64 = 1_000;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "backend",
    version,
    about = "Reads the portals' event streams, keeps live figures and publishes models to the edge",
    after_help = "AWS is found by the usual variables: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_ENDPOINT_URL.\n\
                  RUST_LOG sets what is logged, for example RUST_LOG=backend=debug."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to log to standard error [default: text on a terminal, json otherwise].
    #[arg(long, global = true, env = "PULSO_LOG", value_enum)]
    pub(crate) log: Option<LogFormat>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Consume the streams and publish, until a signal comes.
    ///
    /// Reads the portals' event streams, counts each event once, makes interactions for the second streams, learns from those what
    /// is read now, and publishes it to the edge. With --lease-table several processes share the work, and take over from one
    /// that dies. GET /health, /figures and /metrics tell how it is.
    Serve(ServeArgs),
    /// Consume the streams only: events to interactions, without learning and publishing.
    Consume(ConsumeArgs),
    /// Turn a file of archived records into interactions, as `consume` does with a stream.
    Transform(TransformArgs),
    /// Print what running backends hold of a reader, as JSON (LGPD art. 18, II).
    Export(SubjectArgs),
    /// Make running backends forget a reader, and ignore what comes of him from before now (LGPD art. 18, VI).
    Erase(SubjectArgs),
    /// Print events as they arrive, and the posts that the edge refused with the reason.
    ///
    /// For an integrator: open the page, watch the lines. Ctrl-C ends it.
    Tail(TailArgs),
    /// Give the edge a portal's own catalogue, from a news sitemap or from JSON.
    ///
    /// It wins over the cards that browsers brought. What the edge has stays, unless the file says otherwise; run it whenever the
    /// sitemap changes. A bad entry is named with its line and costs only itself.
    Import(ImportArgs),
    /// Put into the streams again what did not reach them: retry messages of SQS, or what was set aside in the bucket.
    ///
    /// A re-sent event keeps its id, so that it counts once however often it is sent. A message or an object goes away only
    /// after all of its content is stored. Exits with 1 when something could not be sent.
    Redrive(Box<RedriveArgs>),
    /// Give a provisioned stream as many shards as its load needs: once, or with --watch until a signal comes.
    ///
    /// Up at once on the peak of the last five minutes; down only when the last quarter of an hour would fit, and after the
    /// cool-down. Never more than double, less than half, or ten times in 24 hours, of which the last three are for going up. The
    /// stream's tag pulso:scaled remembers the changes for whoever runs this next. Who runs it needs `kinesis:DescribeStreamSummary`,
    /// `kinesis:ListTagsForStream`, `kinesis:AddTagsToStream`, `kinesis:UpdateShardCount` and `cloudwatch:GetMetricStatistics`.
    Scale(ScaleArgs),
    /// Play the learner a log of clicks in lock-step, to be judged from outside.
    ///
    /// A click a line on standard input, in time order: `at_ms` session item visitor environment `device_group` os country region
    /// `referrer_type`, separated by tabs; everything after item may be absent. Each line is learnt and then answered with one line: up
    /// to ten items separated by blanks, best first, for the page that was just opened. No state is kept between runs.
    Evaluate(EvaluateArgs),
}

/// The secret of the edge's admin interface, and of what this backend tells of readers.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminSecretArgs {
    /// The secret of the edge's admin interface; better by the variable than by the flag, which others can see.
    #[arg(long, env = "PULSO_ADMIN_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = Secret::parse)]
    pub(crate) admin_secret: Option<Secret>,
    /// A file with that secret instead, read again whenever it is needed, so that it can be changed while this runs.
    #[arg(long, env = "PULSO_ADMIN_SECRET_FILE", value_name = "FILE")]
    pub(crate) admin_secret_file: Option<PathBuf>,
}

impl AdminSecretArgs {
    /// Whether one was named at all.
    pub(crate) const fn is_given(&self) -> bool {
        self.admin_secret.is_some() || self.admin_secret_file.is_some()
    }
}

/// What `tail` and `import` need beside their own.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    /// The file that lists the portals.
    #[arg(long, env = "PULSO_PORTALS", default_value = "portals.toml", value_name = "FILE")]
    pub(crate) portals: PathBuf,
    /// Address of the edge.
    #[arg(long, env = "PULSO_EDGE_URL", default_value = "http://127.0.0.1:8787", value_name = "URL", value_parser = edge_url)]
    pub(crate) edge_url: String,
    #[command(flatten)]
    pub(crate) admin_secret: AdminSecretArgs,
}

/// Options of `consume`, and of `serve` too.
#[derive(Debug, Args)]
pub(crate) struct ConsumeArgs {
    /// The file that lists the portals.
    #[arg(long, env = "PULSO_PORTALS", default_value = "portals.toml", value_name = "FILE")]
    pub(crate) portals: PathBuf,
    #[command(flatten)]
    pub(crate) admin_secret: AdminSecretArgs,
    /// The folder of stores and snapshots; made when missing. One backend at a time.
    #[arg(long, env = "PULSO_DATA", default_value = "./pulso-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Share the work with others by this DynamoDB table, made when missing; without it this backend does everything.
    #[arg(long, env = "PULSO_LEASE_TABLE", value_name = "NAME")]
    pub(crate) lease_table: Option<String>,
    /// Pageviews, and readers, that a shard keeps in memory, about 200 bytes each; the store has the rest.
    #[arg(long, env = "PULSO_PAGEVIEWS_IN_MEMORY", default_value_t = 1_000_000, value_name = "N")]
    pub(crate) pageviews_in_memory: usize,
    /// Where /health, /figures and /metrics listen.
    #[arg(long, env = "PULSO_LISTEN", default_value = "127.0.0.1:8788", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    /// A pageview that was quiet for so many seconds misses what is missing of it; fewer only for trials: readers on bad networks are late.
    #[arg(long, env = "PULSO_LOSS_SETTLE_S", default_value_t = QUIET_MS / 1_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) loss_settle_s: u64,
    #[command(flatten)]
    pub(crate) dead_letters: DeadLetterArgs,
    /// Development: make missing event and interaction streams, with one shard each.
    #[arg(long, env = "PULSO_CREATE_STREAMS")]
    pub(crate) create_streams: bool,
    /// Development: addresses on `dev_origins` belong to their portals too.
    #[arg(long, env = "PULSO_DEV")]
    pub(crate) dev: bool,
}

/// What is told to CloudWatch.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MetricsArgs {
    /// Publish metrics to CloudWatch, namespace Pulso; needs `cloudwatch:PutMetricData`.
    #[arg(long, env = "PULSO_CLOUDWATCH")]
    pub(crate) cloudwatch: bool,
    /// So often; below 60 they are high-resolution metrics.
    #[arg(long, env = "PULSO_METRICS_EVERY_S", default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) metrics_every_s: u64,
}

/// Where records go that are none.
#[derive(Debug, Args)]
pub(crate) struct DeadLetterArgs {
    /// A bucket for records that are none; without it the data folder keeps them.
    #[arg(id = "dead_letter_bucket", long, env = "PULSO_DEAD_LETTER_BUCKET", value_name = "NAME", requires = "dead_letter_endpoint")]
    pub(crate) bucket: Option<String>,
    /// The S3 API of that bucket.
    #[arg(id = "dead_letter_endpoint", long, env = "PULSO_DEAD_LETTER_ENDPOINT", value_name = "URL", value_parser = edge_url)]
    pub(crate) endpoint: Option<String>,
    /// R2 has one region, any other store its own.
    #[arg(id = "dead_letter_region", long, env = "PULSO_R2_REGION", default_value = "auto", value_name = "REGION")]
    pub(crate) region: String,
    /// Who writes.
    #[arg(id = "dead_letter_access_key_id", long, env = "PULSO_R2_ACCESS_KEY_ID", value_name = "ID")]
    pub(crate) access_key_id: Option<String>,
    /// Better by the variable than by the flag, which others can see.
    #[arg(id = "dead_letter_secret_access_key", long, env = "PULSO_R2_SECRET_ACCESS_KEY", hide_env_values = true, value_name = "SECRET", value_parser = Secret::parse)]
    pub(crate) secret_access_key: Option<Secret>,
}

/// Options of `transform`.
#[derive(Debug, Args)]
pub(crate) struct TransformArgs {
    /// The file that lists the portals.
    #[arg(long, env = "PULSO_PORTALS", default_value = "portals.toml", value_name = "FILE")]
    pub(crate) portals: PathBuf,
    /// Whose records.
    #[arg(long, value_name = "ID")]
    pub(crate) portal: String,
    /// Records, one a line, in the order of their arrival; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Interactions, one a line; - for standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Options of `export` and `erase`.
#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// The reader: 32 lowercase hex digits.
    #[arg(long, value_name = "HEX", value_parser = visitor)]
    pub(crate) visitor: VisitorId,
    /// A running backend; several times for several. To erase, one of those that share a table is enough.
    #[arg(long = "backend-url", env = "PULSO_BACKEND_URL", default_value = "http://127.0.0.1:8788", value_name = "URL", value_delimiter = ',', value_parser = edge_url)]
    pub(crate) backend_urls: Vec<String>,
    #[command(flatten)]
    pub(crate) admin_secret: AdminSecretArgs,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) consume: ConsumeArgs,
    /// Address of the edge.
    #[arg(long, env = "PULSO_EDGE_URL", default_value = "http://127.0.0.1:8787", value_name = "URL", value_parser = edge_url)]
    pub(crate) edge_url: String,
    /// Publish a portal at most once in so many seconds; 1 or more, fractions allowed.
    #[arg(long = "publish-every-s", env = "PULSO_PUBLISH_EVERY_S", default_value = "15", value_name = "N", value_parser = publish_every_ms)]
    pub(crate) publish_every_ms: u64,
}

/// Options of `tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Only this portal.
    #[arg(long, value_name = "ID")]
    pub(crate) portal: Option<String>,
    /// Only this reader: 32 lowercase hex digits.
    #[arg(long, value_name = "HEX", value_parser = visitor)]
    pub(crate) visitor: Option<VisitorId>,
    /// Only posts that the edge refused.
    #[arg(long, conflicts_with = "visitor")]
    pub(crate) bad: bool,
    /// Begin with the oldest that is still there, not with now.
    #[arg(long)]
    pub(crate) from_start: bool,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Whose articles.
    #[arg(long, value_name = "ID")]
    pub(crate) portal: String,
    /// A Google News sitemap: `loc`, `news:title`, `news:publication_date`, `image:loc`.
    #[arg(long, value_name = "FILE", conflicts_with = "json", required_unless_present = "json")]
    pub(crate) sitemap: Option<PathBuf>,
    /// A catalogue as wire/schema/catalogue.schema.json says.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// What the edge has and the file has not is no longer recommended.
    #[arg(long)]
    pub(crate) unpublish_missing: bool,
    /// Development: addresses on `dev_origins` belong to the portal too.
    #[arg(long, env = "PULSO_DEV")]
    pub(crate) dev: bool,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One JSON document a line.
    Json,
    /// For people.
    Text,
}

/// A secret that never shows in logs.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// What has to stand in the header.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Something that fits in a header.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a secret is one or more printable ASCII characters without blanks".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Without the slash at the end.
pub(crate) fn edge_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    let is_plain =
        !host.starts_with('/') && !host.is_empty() && !host.contains(|c: char| matches!(c, '?' | '#' | '@') || c.is_whitespace());
    if is_plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err("write http://host:port or https://host".to_owned()) }
}

fn publish_every_ms(text: &str) -> Result<u64, String> {
    let seconds = text.parse::<f64>().map_err(|_| "write a number of seconds".to_owned())?;
    let every = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    let every_ms = u64::try_from(every.as_millis()).map_err(|error| error.to_string())?;
    if every_ms < PUBLISH_EVERY_MS_MIN { Err("1 second is the least".to_owned()) } else { Ok(every_ms) }
}

fn visitor(text: &str) -> Result<VisitorId, String> {
    VisitorId::parse(text).ok_or_else(|| "a visitor is 32 lowercase hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_period_of_publication_has_a_least_value() {
        for (text, expected) in
            [("1", Some(1_000)), ("1.5", Some(1_500)), ("15", Some(15_000)), ("0.9", None), ("-1", None), ("x", None), ("nan", None)]
        {
            assert_eq!(publish_every_ms(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::parse("hunter2").unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(Secret::parse("a\nb").is_err());
    }
}
