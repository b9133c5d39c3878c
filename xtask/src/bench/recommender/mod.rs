//! The recommender over real clicks: what learning, model blobs and answers cost, natively and in wasm.

mod clicks;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;

use self::clicks::Clicks;
use super::measured::{self, Usage};
use crate::wasm_target::{Panic, TRIPLE, WasmTarget};
use crate::{pack, paths, run, section, setup};

/// What `bench recommender` can do.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The click log: CSV, plain or gzip.
    #[arg(long, value_name = "FILE", default_value = "../shared/data/clicks-dev.csv.gz")]
    clicks: PathBuf,
    /// How often each of them runs, by turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Put the table into BENCHMARKS.md.
    #[arg(long)]
    write: bool,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
    /// Another wasm in place of the edge's, with the same exports.
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    wasm: Option<PathBuf>,
}

/// What the backend says of a replay.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Learning {
    clicks: u64,
    cpu_ns: u64,
    articles: u64,
    blobs: u64,
    build_ns_median: u64,
    build_ns_max: u64,
    blob_bytes_median: u64,
    blob_bytes_max: u64,
}

/// What an edge says of opening a model and answering.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Serving {
    requests: u64,
    open_ns: u64,
    /// Median, and what 99 in 100 stay below.
    rank_ns: [u64; 2],
    choose_ns: [u64; 2],
    /// The first answer after the start; in wasm alone.
    #[serde(default)]
    first_ns: u64,
    #[serde(default)]
    memory_bytes: u64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    counters: Vec<Learning>,
    /// At the log's own pace.
    slow_counters: Vec<Learning>,
    learner: Vec<(Learning, Usage)>,
    native: Vec<Serving>,
    wasm: Vec<Serving>,
}

/// The model blob of a log's end and the requests of its last day, for others: `recommender.blob` and `recommender-requests.tsv`.
pub(super) fn learn_once(backend: &Path, clicks: &Path) -> Result<()> {
    let programs = Programs { backend: backend.to_owned(), native: PathBuf::new(), wasm: PathBuf::new() };
    let clicks = Clicks::ensure(clicks)?;
    println!("  learning {} clicks", clicks.count);
    programs.replay(&clicks, &clicks.path, "learner")?;
    programs.requests(&clicks)
}

/// What is run.
struct Programs {
    backend: PathBuf,
    native: PathBuf,
    wasm: PathBuf,
}

/// The verb.
pub(super) fn run(options: &Options) -> Result<()> {
    let programs = Programs::ensure(options)?;
    let clicks = Clicks::ensure(&paths::root().join(&options.clicks))?;
    println!("  {} clicks, the last day from {}", clicks.count, clicks.last_day_ms);
    let load_before = measured::load();
    let mut measured = Measured::default();
    for round in 1..=options.rounds {
        programs.learn(&clicks, &mut measured)?;
        let learnt = measured.learner.last().map_or(0.0, |(learning, _)| report::per_second(learning));
        println!("  {round}/{} learnt {learnt:.0} clicks per CPU s", options.rounds);
    }
    programs.requests(&clicks)?;
    for round in 1..=options.rounds {
        programs.serve(&mut measured)?;
        println!("  {round}/{} asked, natively and in wasm: the same articles", options.rounds);
    }
    let text = report::table(&measured, [&load_before, &measured::load()]);
    println!("{text}");
    if options.write {
        let command = format!("cargo xtask bench recommender --rounds {} --write", options.rounds);
        let file = options.clicks.file_name().unwrap_or_default().to_string_lossy();
        let node = run::output(paths::node().arg("--version")).unwrap_or_default();
        let head = format!("Run on {} by `{command}`, over `{file}`. {}; Node {node}.", section::today(), section::machine());
        section::replace(super::report::FILE, "recommender", &format!("{head}\n\n{text}"))?;
    }
    Ok(())
}

impl Programs {
    /// As they ship.
    fn ensure(options: &Options) -> Result<Self> {
        let optimised = paths::at("target/bench/serving.wasm");
        if !options.built {
            let wasm = setup::ensure()?;
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--release", "--package", "backend"]).current_dir(paths::root());
            run::logged("cargo build --release --package backend", &mut cargo, 330)?;
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--release", "--package", "edge", "--example", "serving"]).current_dir(paths::root());
            run::logged("cargo build --release --example serving", &mut cargo, 190)?;
            let mut cargo = wasm.cargo("build", "release", Panic::Unwind)?;
            run::logged("build the edge for wasm32, to be asked", cargo.args(["-p", "edge", "--example", "serving-wasm"]), 190)?;
            let built = WasmTarget::target_dir(Panic::Unwind).join(TRIPLE).join("release/examples/serving_wasm.wasm");
            fs::create_dir_all(paths::at("target/bench"))?;
            fs::copy(&built, &optimised).with_context(|| format!("{} is missing", built.display()))?;
            pack::optimise_worker(&optimised)?;
        }
        Ok(Self {
            backend: paths::at("target/release/backend"),
            native: paths::at("target/release/examples/serving"),
            wasm: options.wasm.clone().unwrap_or(optimised),
        })
    }

    /// All ways through the whole log, one behind the other.
    fn learn(&self, clicks: &Clicks, measured: &mut Measured) -> Result<()> {
        measured.counters.push(self.replay(clicks, &clicks.busy_path, "counters")?.0);
        measured.slow_counters.push(self.replay(clicks, &clicks.path, "counters")?.0);
        measured.learner.push(self.replay(clicks, &clicks.path, "learner")?);
        Ok(())
    }

    fn replay(&self, clicks: &Clicks, path: &Path, what: &str) -> Result<(Learning, Usage)> {
        let name = format!("recommender-{what}");
        let (backend, blob) = (text(&self.backend), text(&blob()));
        let mut command = [&backend, "evaluate", "--replay", &text(path), "--report", what].map(str::to_owned).to_vec();
        if what == "learner" {
            command.extend(["--blob".to_owned(), blob]);
        }
        let usage = measured::run(&name, &command)?;
        let said = fs::read_to_string(paths::at("target/bench").join(format!("{name}.out")))?;
        let learning: Learning = serde_json::from_str(&said).with_context(|| format!("the backend said {said:?}"))?;
        ensure!(learning.clicks == clicks.count, "{} of {} clicks were learnt", learning.clicks, clicks.count);
        Ok((learning, usage))
    }

    fn requests(&self, clicks: &Clicks) -> Result<()> {
        let mut backend = Command::new(&self.backend);
        backend.args(["evaluate", "--replay"]).arg(&clicks.path).args(["--report", "requests", "--since-ms"]);
        backend.arg(clicks.last_day_ms.to_string()).stdout(fs::File::create(requests())?);
        run::shown("the backend", &mut backend)
    }

    /// Asks both, one behind the other. They have to answer the same.
    fn serve(&self, measured: &mut Measured) -> Result<()> {
        let [native, wasm] = ["native", "wasm"].map(|kind| paths::at("target/bench").join(format!("answers-{kind}.txt")));
        measured.native.push(asked(Command::new(&self.native).arg(blob()).arg(requests()).arg(&native))?);
        let script = paths::at("tests/bench/recommender/serving.mjs");
        measured.wasm.push(asked(paths::node().arg(script).arg(&self.wasm).arg(blob()).arg(requests()).arg(&wasm))?);
        same(&fs::read_to_string(native)?, &fs::read_to_string(wasm)?)
    }
}

/// Both have to have answered, and every request the same.
fn same(native: &str, wasm: &str) -> Result<()> {
    let [natives, wasms] = [native, wasm].map(|answers| answers.lines().count());
    ensure!(natives == wasms && natives > 0, "{natives} answers natively, {wasms} in wasm");
    let other: Vec<(&str, &str)> = native.lines().zip(wasm.lines()).filter(|(native, wasm)| native != wasm || native.is_empty()).collect();
    if let Some((native, wasm)) = other.first() {
        anyhow::bail!("{} of {natives} answers differ or are empty, the first natively\n  {native}\nand in wasm\n  {wasm}", other.len());
    }
    Ok(())
}

fn asked(command: &mut Command) -> Result<Serving> {
    let output = command.output().context("it cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).with_context(|| format!("it said {said:?}"))
}

fn blob() -> PathBuf {
    paths::at("target/bench/recommender.blob")
}

fn requests() -> PathBuf {
    paths::at("target/bench/recommender-requests.tsv")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_differ_or_are_missing_are_found() {
        assert!(same("a b\nc d\n", "a b\nc d\n").is_ok());
        for (native, wasm) in [("a b\nc d\n", "a b\nd c\n"), ("a b\nc d\n", "a b\n"), ("", ""), ("a\n\n", "a\n\n")] {
            assert!(same(native, wasm).is_err(), "{native:?} {wasm:?}");
        }
    }
}
