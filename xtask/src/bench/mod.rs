//! `cargo xtask bench`: measures, beside what others would take, and writes `BENCHMARKS.md`.

mod backend;
mod edge;
mod events;
mod measured;
mod pageview;
mod recommender;
mod report;
mod tracker;

use anyhow::Result;
use clap::{Args, Subcommand};

/// What `bench` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Events to interactions: `backend transform` beside the same in DuckDB, on the same file.
    Backend(backend::Options),
    /// The tracker beside Plausible, Snowplow and `PostHog` in one browser: size, script time, requests, error of engaged time.
    Tracker(tracker::Options),
    /// The recommender over real clicks: learning, model blobs, answers natively and in wasm, beside their goals.
    Recommender(recommender::Options),
    /// The worker on raw workerd beside what others would write in JavaScript: CPU, throughput, latency, size, cold start.
    Edge(edge::Options),
    /// Runs a program and writes down what it took.
    #[command(hide = true)]
    Measured(measured::Options),
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    match &options.what {
        What::Backend(options) => backend::run(options),
        What::Tracker(options) => tracker::run(options),
        What::Recommender(options) => recommender::run(options),
        What::Edge(options) => edge::run(options),
        What::Measured(options) => measured::verb(options),
    }
}
