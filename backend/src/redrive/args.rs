//! Options of `redrive`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::args::{Secret, edge_url};
use crate::redrive::letter::Filter;

/// Where from, and what to do.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["sqs", "dead_letters"]))]
pub(crate) struct RedriveArgs {
    /// The file that lists the portals.
    #[arg(long, env = "PULSO_PORTALS", default_value = "portals.toml", value_name = "FILE")]
    pub(crate) portals: PathBuf,
    /// Take retry messages from an SQS queue, until a signal comes.
    #[arg(long, requires = "queue_url")]
    pub(crate) sqs: bool,
    /// Take what was set aside in the bucket.
    #[arg(long)]
    pub(crate) dead_letters: bool,
    /// Only say what would be sent. With --sqs, a look counts as a delivery for the queue's redrive policy.
    #[arg(long, conflicts_with_all = ["delete", "list", "inspect"])]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
    #[command(flatten)]
    pub(crate) letters: LetterArgs,
}

/// Options of `redrive --sqs`.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// The queue.
    #[arg(long, env = "PULSO_SQS_QUEUE_URL", value_name = "URL")]
    pub(crate) queue_url: Option<String>,
    /// End when the queue is empty, or when the stream takes nothing.
    #[arg(long, conflicts_with = "dead_letters")]
    pub(crate) once: bool,
}

/// Options of `redrive --dead-letters`.
#[derive(Debug, Args)]
pub(crate) struct LetterArgs {
    /// What to take.
    #[arg(long, value_enum, default_value = "dead/")]
    pub(crate) prefix: Prefix,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only what was set aside on this day (UTC) or later.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) since: Option<String>,
    /// Only list: key, age, reason, attempts, portal, size.
    #[arg(long, conflicts_with_all = ["sqs", "inspect", "delete"])]
    pub(crate) list: bool,
    /// Only show this object.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["sqs", "delete"])]
    pub(crate) inspect: Option<String>,
    /// Only this object, e.g. one that was mended.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["sqs", "inspect", "since"])]
    pub(crate) key: Option<String>,
    /// Delete each object once all of its content is safe.
    #[arg(long, conflicts_with = "sqs")]
    pub(crate) delete: bool,
    /// Address of the edge, which gets refused bodies again.
    #[arg(long, env = "PULSO_EDGE_URL", default_value = "http://127.0.0.1:8787", value_name = "URL", value_parser = edge_url)]
    pub(crate) edge_url: String,
    /// The S3 API of the bucket.
    #[arg(long, env = "PULSO_R2_ENDPOINT", value_name = "URL", value_parser = edge_url)]
    pub(crate) endpoint: Option<String>,
    /// The bucket.
    #[arg(long, env = "PULSO_R2_BUCKET", default_value = "pulso-archive", value_name = "NAME")]
    pub(crate) bucket: String,
    /// R2 has one region, any other store its own.
    #[arg(long, env = "PULSO_R2_REGION", default_value = "auto", value_name = "REGION")]
    pub(crate) region: String,
    /// Who asks.
    #[arg(long, env = "PULSO_R2_ACCESS_KEY_ID", value_name = "ID")]
    pub(crate) r2_access_key_id: Option<String>,
    /// Better by the variable than by the flag, which others can see.
    #[arg(long, env = "PULSO_R2_SECRET_ACCESS_KEY", hide_env_values = true, value_name = "SECRET", value_parser = Secret::parse)]
    pub(crate) r2_secret_access_key: Option<Secret>,
}

/// What a kept object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prefix {
    /// Records that were given up.
    #[value(name = "dead/", alias = "dead")]
    Dead,
    /// Bodies that the edge refused: posted to the edge again, which decides. One that it refuses again it also keeps again.
    #[value(name = "bad/", alias = "bad")]
    Bad,
    /// Records that were set aside in a long outage; the edge's cron drains them too.
    #[value(name = "spill/", alias = "spill")]
    Spill,
}

impl Prefix {
    /// As keys begin.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead/",
            Self::Bad => "bad/",
            Self::Spill => "spill/",
        }
    }

    /// Of an object's key.
    pub(crate) fn of(key: &str) -> Option<Self> {
        [Self::Dead, Self::Bad, Self::Spill].into_iter().find(|prefix| key.starts_with(prefix.as_str()))
    }
}

/// Keys begin with the day, so that a day is all it takes to begin there.
fn date(text: &str) -> Result<String, String> {
    let mut parts = text.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_digit()), part.parse().unwrap_or(0)));
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some((4, true, _)), Some((2, true, 1..=12)), Some((2, true, 1..=31)), None) => Ok(text.to_owned()),
        _ => Err("write YYYY-MM-DD".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    fn parses(line: &str) -> bool {
        Cli::try_parse_from(format!("backend redrive {line}").split_whitespace()).is_ok()
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "--sqs --queue-url http://q",
            "--sqs --queue-url http://q --once --dry-run",
            "--dead-letters",
            "--dead-letters --prefix bad/ --since 2026-11-22 --reason x --portal g1 --delete",
            "--dead-letters --prefix spill --list",
            "--dead-letters --inspect dead/x",
            "--dead-letters --key dead/x --delete",
        ] {
            assert!(parses(line), "{line}");
        }
        for line in [
            "",
            "--sqs",
            "--sqs --dead-letters --queue-url http://q",
            "--sqs --queue-url http://q --list",
            "--dead-letters --once",
            "--dead-letters --key dead/x --inspect dead/y",
            "--dead-letters --list --dry-run",
            "--dead-letters --delete --dry-run",
            "--dead-letters --prefix other/",
            "--dead-letters --endpoint ftp://x",
        ] {
            assert!(!parses(line), "{line}");
        }
    }

    #[test]
    fn a_date_is_a_date() {
        for (text, is_one) in
            [("2026-11-22", true), ("2026-13-01", false), ("2026-1-1", false), ("+026-01-01", false), ("2026-01-01-", false)]
        {
            assert_eq!(date(text).is_ok(), is_one, "{text}");
        }
    }
}
