//! Events to interactions: `backend transform` beside the same in SQL, on the same file, checked against each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;

use super::events::EventFile;
use super::measured::{self, Usage};
use super::report;
use crate::{paths, run, setup};

/// What `bench backend` can do.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// At least so many events.
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// How often each of them runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// The click log that the events are made of.
    #[arg(long, value_name = "CSV", default_value = "../shared/data/clicks-dev.csv.gz")]
    clicks: PathBuf,
    /// Another program in place of the backend, with the same arguments. BENCHMARKS.md is then not written.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// One way from the events to the interactions.
pub(super) struct Contestant {
    pub name: &'static str,
    /// Of its files in `target/bench`.
    file: &'static str,
    command: Vec<String>,
    pub usages: Vec<Usage>,
}

/// The last line that a contestant prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Summary {
    pub sessions: u64,
    pub interactions: u64,
    pub interactions_by_kind: BTreeMap<String, u64>,
}

/// What the oracle found in two outputs.
#[derive(Debug, Deserialize)]
struct Comparison {
    same: u64,
    only_left: u64,
    only_right: u64,
    different: u64,
    examples: Vec<String>,
}

/// The verb.
pub(super) fn run(options: &Options) -> Result<()> {
    setup::venv()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build()?,
    };
    let events = EventFile::ensure(&paths::root().join(&options.clicks), options.events)?;
    println!("  {} events in {} records, {} MB", events.events, events.records, events.bytes / 1_000_000);
    let mut contestants = contestants(&program, &events.path);
    let summary = measure(&mut contestants, options.runs)?;
    if let Some((backend, others)) = contestants.split_first() {
        for other in others {
            compare(backend, other, &summary)?;
        }
    }
    let report = report::table(&events, &contestants, &summary);
    println!("{report}");
    if options.program.is_none() {
        report::write(&events, &contestants, &report)?;
    }
    Ok(())
}

/// As it ships.
fn build() -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "backend"]).current_dir(paths::root());
    run::logged("cargo build --release --package backend", &mut cargo, 330)?;
    Ok(paths::at("target/release/backend"))
}

fn contestants(program: &Path, events: &Path) -> Vec<Contestant> {
    let text = |path: &Path| path.display().to_string();
    let contestant = |name, file, head: &[String]| {
        let output = text(&paths::at("target/bench").join(file)) + ".ndjson";
        let tail = ["--input".to_owned(), text(events), "--output".to_owned(), output];
        Contestant { name, file, command: head.iter().cloned().chain(tail).collect(), usages: Vec::new() }
    };
    let transform = [text(program), "transform".to_owned(), "--portal".to_owned(), "g1".to_owned()];
    let duckdb = [text(&paths::python()), text(&paths::at("tests/bench/interactions.py"))];
    let one_thread = [duckdb.as_slice(), &["--threads".to_owned(), "1".to_owned()]].concat();
    vec![
        contestant("backend transform", "backend", &transform),
        contestant("DuckDB, one thread", "duckdb-one", &one_thread),
        contestant("DuckDB, its default threads", "duckdb", &duckdb),
    ]
}

/// Runs them by turns, so that a busy minute of the machine hits all of them. Every run has to come to the same summary.
fn measure(contestants: &mut [Contestant], runs: u32) -> Result<Summary> {
    let mut first: Option<Summary> = None;
    for round in 1..=runs {
        for contestant in contestants.iter_mut() {
            let usage = measured::run(contestant.file, &contestant.command)?;
            println!(
                "  {round}/{runs} {:<28} {:6.2} CPU s  {:6.2} s  {:6.0} MiB",
                contestant.name, usage.cpu_s, usage.wall_s, usage.peak_rss_mib
            );
            contestant.usages.push(usage);
            let said = summary(contestant)?;
            let first = first.get_or_insert_with(|| said.clone());
            ensure!(said == *first, "{} says {said:?}, not {first:?}", contestant.name);
        }
    }
    first.context("nothing ran")
}

/// The backend prints it to standard error, where its log goes too.
fn summary(contestant: &Contestant) -> Result<Summary> {
    let said = ["err", "out"].map(|kind| std::fs::read_to_string(contestant.file(kind)).unwrap_or_default());
    let found = said.iter().flat_map(|text| text.lines().rev()).find_map(|line| serde_json::from_str(line).ok());
    found.with_context(|| format!("{} printed no summary:\n{}", contestant.name, said.concat()))
}

/// Row by row: the same ids, and behind each the same interaction.
fn compare(left: &Contestant, right: &Contestant, summary: &Summary) -> Result<()> {
    let mut oracle = Command::new(paths::python());
    oracle.arg(paths::at("tests/oracle/interactions.py")).arg(left.file("ndjson")).arg(right.file("ndjson"));
    let output = oracle.output().context("the oracle cannot be started")?;
    ensure!(output.status.success(), "the oracle failed: {}", String::from_utf8_lossy(&output.stderr));
    let found: Comparison = serde_json::from_slice(&output.stdout).context("the oracle's answer cannot be read")?;
    let is_same = (found.only_left, found.only_right, found.different) == (0, 0, 0) && found.same == summary.interactions;
    let Comparison { same, only_left, only_right, different, examples } = &found;
    ensure!(
        is_same,
        "{} and {}: {same} interactions are the same, {only_left} and {only_right} only one has, {different} differ:
  {}",
        left.name,
        right.name,
        examples.join(
            "
  "
        )
    );
    println!("  {} and {}: {} interactions, every one the same", left.name, right.name, found.same);
    Ok(())
}

impl Contestant {
    fn file(&self, kind: &str) -> PathBuf {
        paths::at("target/bench").join(format!("{}.{kind}", self.file))
    }

    /// The median of a figure of its runs.
    pub(super) fn median(&self, figure: impl Fn(&Usage) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.usages.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let middle = |at: usize| figures.get(at).copied().unwrap_or(f64::NAN);
        f64::midpoint(middle(figures.len().saturating_sub(1) / 2), middle(figures.len() / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let usage = |cpu_s| Usage { cpu_s, wall_s: 0.0, peak_rss_mib: 0.0 };
        let mut contestant = Contestant { name: "", file: "", command: Vec::new(), usages: [9.0, 1.0, 2.0].map(usage).into() };
        assert!((contestant.median(|usage| usage.cpu_s) - 2.0).abs() < 1e-9);
        contestant.usages.push(usage(3.0));
        assert!((contestant.median(|usage| usage.cpu_s) - 2.5).abs() < 1e-9);
    }
}
