//! The worker on raw workerd, beside what a good developer would write in JavaScript, and beside the least that a worker can do.
//!
//! `edge-bench` (in `tests/`) plays Kinesis, KV and the readers, and counts what arrives; this builds what it asks, and says what came of it.

mod lists;
mod report;
mod variants;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::report::Measured;
use self::variants::{VARIANTS, Variant};
use crate::{paths, run, section, setup, workerd};

/// What `bench edge` can do.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How often each worker is asked at each number of connections, by turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// How many connections ask at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64], value_parser = clap::value_parser!(u32).range(1..=512))]
    connections: Vec<u32>,
    /// Requests of a round to a worker.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    requests: u32,
    /// These workers only.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Two rounds of 16 connections, the worker and the one in JavaScript only: a minute, while one is changing something.
    #[arg(long, conflicts_with_all = ["rounds", "connections", "only", "write"])]
    quick: bool,
    /// How long the stand-in takes over a `PutRecords`, milliseconds.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    delay_ms: u32,
    /// The stand-in's port; KV, queues, R2 and the workers have those after it.
    #[arg(long, default_value_t = 9_500, value_parser = clap::value_parser!(u16).range(1024..65_000))]
    port: u16,
    /// The click log that the model of the lists is learnt from: CSV, plain or gzip.
    #[arg(long, value_name = "FILE", default_value = "../shared/data/clicks-dev.csv.gz")]
    clicks: PathBuf,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
    /// Put the table into BENCHMARKS.md.
    #[arg(long)]
    write: bool,
}

/// The verb.
pub(super) fn run(options: &Options) -> Result<()> {
    let wanted = wanted(options)?;
    if !options.built {
        variants::build(&setup::ensure()?)?;
    }
    if wanted.iter().any(|variant| report::LIST_WORKERS.contains(&variant.name)) {
        lists::ensure(&paths::root().join(&options.clicks))?;
    }
    for variant in &wanted {
        variant.write(options.port)?;
    }
    let load_before = super::measured::load();
    let measured = measure(options, &wanted)?;
    let text = report::table(&measured, [&load_before, &super::measured::load()])?;
    println!("{text}");
    if options.write {
        let command = format!("cargo xtask bench edge --rounds {} --requests {} --write", options.rounds, options.requests);
        let version = run::output(Command::new(workerd::program()).arg("--version")).unwrap_or_default();
        let head = format!("Run on {} by `{command}`. {}; {version}.", section::today(), section::machine());
        section::replace(super::report::FILE, "edge", &format!("{head}\n\n{text}"))?;
    }
    Ok(())
}

fn wanted(options: &Options) -> Result<Vec<&'static Variant>> {
    let only: Vec<&str> = if options.quick { vec!["js", "ours", "ours-group"] } else { options.only.iter().map(String::as_str).collect() };
    if let Some(unknown) = only.iter().find(|name| !VARIANTS.iter().any(|variant| variant.name == **name)) {
        let names: Vec<&str> = VARIANTS.iter().map(|variant| variant.name).collect();
        anyhow::bail!("there is no worker {unknown}; there are {}", names.join(", "));
    }
    Ok(VARIANTS.iter().filter(|variant| only.is_empty() || only.contains(&variant.name)).collect())
}

/// Lets `edge-bench` ask them.
fn measure(options: &Options, wanted: &[&Variant]) -> Result<Measured> {
    let out = paths::at("target/bench/edge.json");
    let (rounds, connections) = if options.quick { (2, vec![16]) } else { (options.rounds, options.connections.clone()) };
    let mut bench = workerd::asker()?;
    bench.arg("measure").arg("--workerd").arg(workerd::program());
    bench.arg("--folder").arg(variants::folder()).arg("--out").arg(&out);
    for (name, value) in [("rounds", rounds), ("requests", options.requests), ("port", options.port.into()), ("delay-ms", options.delay_ms)]
    {
        bench.arg(format!("--{name}={value}"));
    }
    bench.args(connections.iter().map(|connections| format!("--connections={connections}")));
    bench.args(wanted.iter().map(|variant| variant.name));
    run::shown("edge-bench", &mut bench)?;
    let text = fs::read_to_string(&out).with_context(|| format!("{} cannot be read", out.display()))?;
    let measured: Measured = serde_json::from_str(&text)?;
    ensure!(!measured.rounds.is_empty(), "nothing was measured");
    Ok(measured)
}
