//! `sim`: proves with made faults that no event is lost. `cargo xtask sim` runs it.

// The simulator runs the very files that ship; `backend` is a binary crate.
#[allow(dead_code, reason = "the backend uses more of it")]
#[path = "../../../backend/src/transform/memory.rs"]
mod memory;
#[allow(dead_code, reason = "the backend uses more of it")]
#[path = "../../../backend/src/transform/pageview.rs"]
mod pageview;
#[path = "../sim/mod.rs"]
mod sim;

use std::process::ExitCode;

use clap::Parser;

/// Plays readers, worker, queues and streams in virtual time, with faults, and counts what was lost.
#[derive(Parser)]
#[command(name = "cargo xtask sim", max_term_width = 100)]
struct Options {
    /// How many seeds of 200 events.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// Only this seed, with everything that happens in it.
    #[arg(long, conflicts_with_all = ["mutants", "full"])]
    seed: Option<u64>,
    /// Plant bugs one at a time: each has to be caught.
    #[arg(long)]
    mutants: bool,
    /// 10,000 seeds, and the rows of the fault matrix as often as it says.
    #[arg(long)]
    full: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let is_fine = match options {
        Options { seed: Some(seed), .. } => sim::replay(seed),
        Options { mutants: true, .. } => sim::mutants(&sim::Mutant::ALL),
        Options { full, seeds, .. } => {
            let are_seeds_fine = sim::seeds(if full { seeds.max(10_000) } else { seeds });
            sim::rows(full) && are_seeds_fine
        }
    };
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
