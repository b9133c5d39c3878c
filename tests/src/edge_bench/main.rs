//! Asks workers on raw workerd, plays what they talk to, and holds what they acknowledged against what arrived.
//! `cargo xtask bench edge` and `cargo xtask faults` build what it asks.

mod batch;
mod cancel;
mod flood;
mod ledger;
mod load;
mod measure;
mod same;
mod stand_ins;
mod workerd;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "edge-bench")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What each request costs each worker.
    Measure(measure::Options),
    /// Callers that go away: nothing that was acknowledged may be lost, and nobody may wait for ever.
    Cancel(cancel::Options),
    /// A sender that asks too much: it is stopped, and others do not notice.
    Flood(flood::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Measure(options) => measure::run(&options).await,
        Verb::Cancel(options) => cancel::run(&options).await,
        Verb::Flood(options) => flood::run(&options).await,
    }
}
