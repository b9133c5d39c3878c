//! What the worker is told: the portals built in, the values of its environment. Parsed once per isolate.

use std::fmt;

use wire::{Portal, Portals};

use crate::delivery::SPILL_AFTER_MS;
use crate::error::{Error, Result};

/// `portals.toml` as JSON, made by `build.rs`.
const PORTALS_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/portals.json"));
/// Most retry queues: 32 of them take 160,000 messages a second.
const RETRY_QUEUES_MAX: u32 = 32;
/// Longest time before a long outage is taken for one: a day. A queue would be full long before.
const SPILL_AFTER_S_MAX: u64 = 86_400;
/// Where the streams are when `AWS_REGION` is not set.
const REGION_DEFAULT: &str = "sa-east-1";

/// A value that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// `None` when it is empty, so that a forgotten secret is not a valid one.
    #[must_use]
    pub fn parse(text: Option<String>) -> Option<Self> {
        text.filter(|text| !text.is_empty()).map(Self)
    }

    /// The secret itself; for signing and comparing only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The raw values of the environment; absent ones are `None`.
#[derive(Clone, Default)]
pub struct Environment {
    /// `PULSO_ENV`: `dev` admits the development origins and test headers; `staging` and `production` do not.
    pub pulso_env: Option<String>,
    /// `AWS_REGION`.
    pub aws_region: Option<String>,
    /// `KINESIS_ENDPOINT`: empty for Amazon's own.
    pub kinesis_endpoint: Option<String>,
    /// `AWS_ACCESS_KEY_ID`.
    pub aws_access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub aws_secret_access_key: Option<String>,
    /// `ADMIN_SECRET`.
    pub admin_secret: Option<String>,
    /// `ADMIN_SECRET_NEXT`.
    pub admin_secret_next: Option<String>,
    /// `IDENTIFY_SECRET`.
    pub identify_secret: Option<String>,
    /// `RETRY_QUEUES`.
    pub retry_queues: Option<String>,
    /// `RETRY_QUEUE`: `cloudflare` or `sqs`.
    pub retry_queue: Option<String>,
    /// `SQS_QUEUE_URL`.
    pub sqs_queue_url: Option<String>,
    /// `SPILL_AFTER_S`.
    pub spill_after_s: Option<String>,
    /// `GROUP_COMMIT`: `on` or `off`.
    pub group_commit: Option<String>,
    /// `CLOUDWATCH_ENDPOINT`: empty for Amazon's own, `off` for none.
    pub cloudwatch_endpoint: Option<String>,
}

/// A queue of Amazon's, in the region of the streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sqs {
    /// Its URL.
    pub queue_url: String,
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some are secrets.
        formatter.debug_struct("Environment").field("pulso_env", &self.pulso_env).finish_non_exhaustive()
    }
}

/// Where the streams are, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinesis {
    /// AWS region, e.g. `sa-east-1`.
    pub region: String,
    /// URL of the service, without a path.
    pub endpoint: String,
    /// Access key id and secret, if both are set.
    pub credentials: Option<Credentials>,
}

/// An AWS access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its id.
    pub access_key_id: Secret,
    /// Its secret.
    pub secret_access_key: Secret,
}

/// Where metrics and log lines go: URLs without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudWatch {
    /// Of CloudWatch.
    pub metrics: String,
    /// Of CloudWatch Logs.
    pub logs: String,
}

/// Everything the worker is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// All portals.
    pub portals: Portals,
    /// Whether development origins count.
    pub is_dev: bool,
    /// Where the streams are.
    pub kinesis: Kinesis,
    /// What `/admin/` wants as a bearer token; without it nobody gets in.
    pub admin_secret: Option<Secret>,
    /// What it wants as well while the secret is being changed: whoever knows either gets in.
    pub admin_secret_next: Option<Secret>,
    /// What hashes of logged-in readers are made with; without it `identify` is ignored. A new one makes new readers of all of them.
    pub identify_secret: Option<Secret>,
    /// How many retry queues there are, `RETRY_0` and on.
    pub retry_queues: u32,
    /// The retry queue, when it is to be SQS in their stead.
    pub sqs: Option<Sqs>,
    /// How long a stream has to be down before the consumer sets its records aside.
    pub spill_after_ms: u64,
    /// Whether records that come while a call is in the air leave together in the next (`delivery/lanes.rs`).
    pub may_gather: bool,
    /// Who is told how the edge is; `None`: nobody.
    pub cloudwatch: Option<CloudWatch>,
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when `PULSO_ENV` is no name that we know, `RETRY_QUEUES` is no count of queues, `RETRY_QUEUE` none that we
    /// know, `SPILL_AFTER_S` no time that makes sense, `GROUP_COMMIT` neither on nor off, `CLOUDWATCH_ENDPOINT` no URL, or the built-in portals cannot be read, which a
    /// build refuses to make.
    pub fn parse(environment: Environment) -> Result<Self> {
        let portals: Portals = serde_json::from_str(PORTALS_JSON).map_err(|error| Error::unavailable(format!("portals: {error}")))?;
        let region = environment.aws_region.filter(|region| !region.is_empty()).unwrap_or_else(|| REGION_DEFAULT.to_owned());
        let endpoint = match environment.kinesis_endpoint.as_deref() {
            None | Some("") => format!("https://kinesis.{region}.amazonaws.com"),
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        };
        let credentials = Secret::parse(environment.aws_access_key_id)
            .zip(Secret::parse(environment.aws_secret_access_key))
            .map(|(access_key_id, secret_access_key)| Credentials { access_key_id, secret_access_key });
        Ok(Self {
            portals,
            is_dev: is_dev(environment.pulso_env.as_deref())?,
            cloudwatch: cloudwatch(environment.cloudwatch_endpoint.as_deref(), &region)?,
            kinesis: Kinesis { region, endpoint, credentials },
            admin_secret: Secret::parse(environment.admin_secret),
            admin_secret_next: Secret::parse(environment.admin_secret_next),
            identify_secret: Secret::parse(environment.identify_secret),
            retry_queues: queues(environment.retry_queues.as_deref())?,
            sqs: sqs(environment.retry_queue.as_deref(), environment.sqs_queue_url)?,
            spill_after_ms: spill_after_ms(environment.spill_after_s.as_deref())?,
            may_gather: may_gather(environment.group_commit.as_deref())?,
        })
    }

    /// The portal of an address.
    ///
    /// # Errors
    /// [`Error::PortalNotFound`].
    pub fn portal(&self, id: &str) -> Result<&Portal> {
        self.portals.get(id).ok_or_else(|| Error::PortalNotFound { portal: id.chars().take(32).collect() })
    }
}

/// A name that nobody knows is a mistake: were it taken for production's, a test system would be guarded as one; were it taken for
/// development's, production would be open.
fn is_dev(name: Option<&str>) -> Result<bool> {
    match name {
        Some("dev") => Ok(true),
        None | Some("" | "staging" | "production") => Ok(false),
        Some(_) => Err(Error::unavailable("PULSO_ENV must be dev, staging or production")),
    }
}

fn sqs(kind: Option<&str>, queue_url: Option<String>) -> Result<Option<Sqs>> {
    let url = queue_url.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    match (kind, url) {
        (None | Some("" | "cloudflare"), _) => Ok(None),
        (Some("sqs"), Some(queue_url)) => Ok(Some(Sqs { queue_url })),
        (Some("sqs"), None) => Err(Error::unavailable("RETRY_QUEUE is sqs: set SQS_QUEUE_URL to the queue's URL")),
        (Some(_), _) => Err(Error::unavailable("RETRY_QUEUE must be cloudflare or sqs")),
    }
}

fn queues(text: Option<&str>) -> Result<u32> {
    let count = match text {
        None | Some("") => Some(1),
        Some(text) => text.parse().ok().filter(|count| (1..=RETRY_QUEUES_MAX).contains(count)),
    };
    count.ok_or_else(|| Error::unavailable(format!("RETRY_QUEUES must be a whole number from 1 to {RETRY_QUEUES_MAX}")))
}

fn spill_after_ms(text: Option<&str>) -> Result<u64> {
    let after_ms = match text {
        None | Some("") => Some(SPILL_AFTER_MS),
        Some(text) => text.parse().ok().filter(|after_s| (1..=SPILL_AFTER_S_MAX).contains(after_s)).map(|after_s: u64| after_s * 1_000),
    };
    after_ms.ok_or_else(|| Error::unavailable(format!("SPILL_AFTER_S must be a whole number of seconds from 1 to {SPILL_AFTER_S_MAX}")))
}

fn may_gather(text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("" | "off") => Ok(false),
        Some("on") => Ok(true),
        Some(_) => Err(Error::unavailable("GROUP_COMMIT must be on or off")),
    }
}

/// Absent is off: who does not know of it is not sent anything. Another URL than Amazon's own answers for both services.
fn cloudwatch(endpoint: Option<&str>, region: &str) -> Result<Option<CloudWatch>> {
    let of_amazon = |service: &str| format!("https://{service}.{region}.amazonaws.com");
    match endpoint {
        None | Some("off") => Ok(None),
        Some("") => Ok(Some(CloudWatch { metrics: of_amazon("monitoring"), logs: of_amazon("logs") })),
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            let url = url.trim_end_matches('/').to_owned();
            Ok(Some(CloudWatch { metrics: url.clone(), logs: url }))
        }
        Some(_) => Err(Error::unavailable("CLOUDWATCH_ENDPOINT must be empty, off or a URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudwatch_is_amazons_own_another_or_off() {
        let of = |text: &str| cloudwatch(Some(text), "sa-east-1");
        let urls = |metrics: &str, logs: &str| Ok(Some(CloudWatch { metrics: metrics.to_owned(), logs: logs.to_owned() }));
        assert_eq!(of(""), urls("https://monitoring.sa-east-1.amazonaws.com", "https://logs.sa-east-1.amazonaws.com"));
        assert_eq!(of("http://127.0.0.1:9/"), urls("http://127.0.0.1:9", "http://127.0.0.1:9"));
        assert_eq!([of("off"), cloudwatch(None, "sa-east-1")], [Ok(None), Ok(None)]);
        assert!(of("yes").is_err());
    }

    #[test]
    fn sqs_needs_its_url() {
        let url = || Some("https://sqs.sa-east-1.amazonaws.com/1/pulso-retry".to_owned());
        assert_eq!(sqs(None, url()), Ok(None));
        assert!(sqs(Some("sqs"), url()).is_ok_and(|sqs| sqs.is_some()));
        assert!(sqs(Some("sqs"), None).is_err() && sqs(Some("kafka"), url()).is_err());
    }

    #[test]
    fn only_dev_is_a_development_system_and_a_misspelt_name_is_none() {
        let is_dev = |name: &str| is_dev(Some(name)).ok();
        assert_eq!(
            [is_dev("dev"), is_dev("staging"), is_dev("production"), is_dev("")],
            [Some(true), Some(false), Some(false), Some(false)]
        );
        assert_eq!([is_dev("prod"), is_dev("DEV"), is_dev("development"), is_dev(" dev")], [None; 4]);
        assert_eq!(super::is_dev(None), Ok(false));
    }

    #[test]
    fn the_count_of_queues_has_limits() {
        let count = |text: &str| queues(Some(text)).ok();
        assert_eq!([count(""), count("1"), count("32")], [Some(1), Some(1), Some(32)]);
        assert_eq!([count("0"), count("33"), count("two")], [None; 3]);
    }

    #[test]
    fn group_commit_is_off_unless_it_is_on() {
        assert_eq!([None, Some(""), Some("off"), Some("on")].map(may_gather), [Ok(false), Ok(false), Ok(false), Ok(true)]);
        assert!(may_gather(Some("yes")).is_err());
    }

    #[test]
    fn a_long_outage_has_limits_and_a_default() {
        let after_ms = |text: &str| spill_after_ms(Some(text)).ok();
        assert_eq!(spill_after_ms(None), Ok(SPILL_AFTER_MS));
        assert_eq!([after_ms(""), after_ms("1"), after_ms("86400")], [Some(SPILL_AFTER_MS), Some(1_000), Some(86_400_000)]);
        assert_eq!([after_ms("0"), after_ms("86401"), after_ms("5 min"), after_ms("1.5"), after_ms("-5")], [None; 5]);
    }

    #[test]
    fn an_empty_endpoint_is_amazons_own() {
        let config = Config::parse(Environment { kinesis_endpoint: Some(String::new()), ..Environment::default() }).unwrap();
        assert_eq!(config.kinesis.endpoint, "https://kinesis.sa-east-1.amazonaws.com");
        assert!(!config.is_dev);
        assert!(config.portals.get("g1").is_some());
    }

    #[test]
    fn an_empty_secret_is_no_secret() {
        let environment = Environment { admin_secret: Some(String::new()), aws_access_key_id: Some("a".into()), ..Environment::default() };
        let config = Config::parse(environment).unwrap();
        assert_eq!(config.admin_secret, None);
        assert_eq!(config.kinesis.credentials, None);
    }

    #[test]
    fn secrets_are_not_printed() {
        let environment = Environment { admin_secret: Some("hush".into()), pulso_env: Some("dev".into()), ..Environment::default() };
        assert!(!format!("{environment:?}").contains("hush"));
        assert!(!format!("{:?}", Config::parse(environment).unwrap()).contains("hush"));
    }
}
