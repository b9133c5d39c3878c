//! `cargo xtask fuzz`: hostile inputs for everything that reads what others wrote.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::{paths, run};

/// Inputs of each target that take seconds, and those that the fault matrix wants (row 33).
const INPUTS: u64 = 20_000;
const INPUTS_FULL: u64 = 1_000_000;

/// What `fuzz` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A million inputs for each target; minutes.
    #[arg(long)]
    full: bool,
    /// So many inputs for each target.
    #[arg(long, value_name = "N", conflicts_with = "full")]
    inputs: Option<u64>,
    /// Only targets whose names contain this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// The verb. What `cargo xtask test` does of it is in the unit tests.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let inputs = options.inputs.unwrap_or(if options.full { INPUTS_FULL } else { INPUTS });
    let begun = Instant::now();
    let mut fuzz = Command::new("cargo");
    fuzz.args(["test", "--quiet", "--profile", "fuzz", "--package", "pulso-fuzz", "--tests", "--"])
        .args(options.only.as_deref())
        // The totals of each target.
        .arg("--nocapture")
        .env("PULSO_FUZZ_INPUTS", inputs.to_string())
        .current_dir(paths::root());
    run::shown("a target", &mut fuzz)?;
    println!("{inputs} inputs for each target, elapsed {:.0} s", begun.elapsed().as_secs_f32());
    Ok(())
}
