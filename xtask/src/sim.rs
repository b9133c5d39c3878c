//! `cargo xtask sim`: the deterministic simulator of delivery, built fast and run.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{paths, run};

/// What `sim` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
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

/// For `cargo xtask test`: the default run, then every mutant. `is_full` plays 10,000 seeds.
pub(crate) fn check(is_full: bool) -> Result<()> {
    let seeds = if is_full { 10_000 } else { 2_000 };
    verb(&Options { seeds, seed: None, mutants: false, full: is_full })?;
    verb(&Options { seeds, seed: None, mutants: true, full: false })
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let mut sim = Command::new("cargo");
    sim.args(["run", "--quiet", "--profile", "quick", "--package", "pulso-tests", "--bin", "sim", "--"]).current_dir(paths::root());
    sim.args(["--seeds", &options.seeds.to_string()]);
    if let Some(seed) = options.seed {
        sim.args(["--seed", &seed.to_string()]);
    }
    if options.mutants {
        sim.arg("--mutants");
    }
    if options.full {
        sim.arg("--full");
    }
    run::shown("the simulator", &mut sim)
}
