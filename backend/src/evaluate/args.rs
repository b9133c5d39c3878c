//! Options of `evaluate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Read clicks from standard input, one a line, and answer each with one line.
    #[arg(long, required_unless_present = "replay", conflicts_with = "replay")]
    pub(crate) lockstep: bool,
    /// Answer from the model blob as it was last published, at most once in so many seconds of the clicks' own time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) publish_every_s: Option<u64>,
    /// Answer as the edge does, from that blob; without --publish-every-s it is published every 60 seconds.
    #[arg(long)]
    pub(crate) edge: bool,
    /// The edge's parameter set: `a` as rules are by default, `b` keeps the last place for an article first seen less than an hour ago.
    #[arg(long, value_enum, default_value = "a", requires = "edge")]
    pub(crate) set: Set,
    /// Score without what the ranker has learnt: the cheap fallback.
    #[arg(long, requires = "edge")]
    pub(crate) base: bool,
    /// Learn nothing more after so many clicks, and publish nothing more.
    #[arg(long, value_name = "N")]
    pub(crate) freeze_after: Option<u64>,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

/// A file of the same lines, played as fast as it goes.
#[derive(Debug, Default, Args)]
pub(crate) struct ReplayArgs {
    /// In place of --lockstep: play a file of such lines without answering them, and print a report on standard output.
    #[arg(id = "replay", long = "replay", value_name = "FILE", requires = "report", conflicts_with_all = ["publish_every_s", "edge", "freeze_after"])]
    pub(crate) file: Option<PathBuf>,
    /// What is reported.
    #[arg(long, value_enum, requires = "replay")]
    pub(crate) report: Option<Report>,
    /// Where the last model blob goes, when the learner is reported.
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub(crate) blob: Option<PathBuf>,
    /// Requests are those from this moment on, Unix milliseconds.
    #[arg(long, value_name = "MS", requires = "replay", default_value_t = 0)]
    pub(crate) since_ms: u64,
}

/// What is reported of a file of clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// What it costs to count clicks, without the ranker: one line of JSON.
    Counters,
    /// What it costs to learn clicks and to build model blobs: one line of JSON.
    Learner,
    /// What pages ask the edge, a request a line: `at_ms item read browser device os country region source`, separated by tabs; `read`
    /// has blanks between its articles, latest last.
    Requests,
}

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Best ranked ten.
    A,
    /// One place for what is new.
    B,
}
