//! Options of `evaluate`.

use clap::{Args, ValueEnum};

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Read clicks from standard input, one a line, and answer each with one line.
    #[arg(long, required = true)]
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
}

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Best ranked ten.
    A,
    /// One place for what is new.
    B,
}
