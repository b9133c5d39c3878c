//! Options of `scale`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Metric, Policy};
use crate::error::{Error, Result};

/// Which stream, and how it should be.
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// The file that lists the portals.
    #[arg(long, env = "PULSO_PORTALS", default_value = "portals.toml", value_name = "FILE")]
    pub(crate) portals: PathBuf,
    /// Whose stream.
    #[arg(long, value_name = "ID")]
    pub(crate) portal: String,
    /// Which of its streams.
    #[arg(long, value_enum, default_value = "events")]
    pub(crate) stream: Stream,
    /// What is held against a shard's limit, 1,000 records or 1 MiB a second.
    #[arg(long, value_enum)]
    metric: Metric,
    /// How full the shards should be at the peak of a minute.
    #[arg(long, value_name = "PERCENT", default_value_t = 70, value_parser = clap::value_parser!(u32).range(1..=100))]
    target_percent: u32,
    /// Never fewer shards.
    #[arg(long = "min", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SHARDS_MAX))]
    shards_min: u32,
    /// Never more shards.
    #[arg(long = "max", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SHARDS_MAX))]
    shards_max: u32,
    /// So long after any change nothing goes down.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(..=86_400))]
    cool_down_s: u64,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Look again after so many seconds, until a signal comes; the metric has a new value every 60.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

/// What `UpdateShardCount` takes by default.
const SHARDS_MAX: i64 = 10_000;

/// A portal's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stream {
    /// What the edge writes.
    Events,
    /// What the backend makes of it.
    Interactions,
}

impl ScaleArgs {
    /// What the operator wants.
    ///
    /// # Errors
    /// [`Error::BadRange`].
    pub(crate) const fn policy(&self) -> Result<Policy> {
        let Self { metric, target_percent: target_pct, shards_min, shards_max, cool_down_s, .. } = *self;
        if shards_min > shards_max {
            return Err(Error::BadRange { min: shards_min, max: shards_max });
        }
        Ok(Policy { metric, target_pct, shards_min, shards_max, cool_down_s })
    }

    /// How often to look; once when it does not say.
    pub(crate) fn watch(&self) -> Option<Duration> {
        self.watch.map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn parse(line: &str) -> Option<ScaleArgs> {
        match Cli::try_parse_from(format!("backend scale --portal g1 {line}").split_whitespace()).ok()?.command {
            Command::Scale(args) => Some(args),
            _ => None,
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(parse("--metric records --min 1 --max 4").is_some_and(|args| args.policy().is_ok()));
        assert!(
            parse("--metric bytes --stream interactions --target-percent 50 --min 2 --max 2 --cool-down-s 0 --dry-run --watch 60")
                .is_some()
        );
        assert!(parse("--metric records --min 5 --max 4").is_some_and(|args| args.policy().is_err()));
        for line in [
            "--min 1 --max 4",
            "--metric records",
            "--metric records --min 0 --max 4",
            "--metric records --min 1 --max 10001",
            "--metric records --min 1 --max 4 --target-percent 0",
            "--metric records --min 1 --max 4 --target-percent 101",
            "--metric records --min 1 --max 4 --watch 0",
            "--metric other --min 1 --max 4",
        ] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
