//! The tracker beside others in one browser: size, script time, requests, and the error of engaged time.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::report::FILE;
use crate::{pack, paths, run, section, setup};

/// What `bench tracker` can do.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How often each tracker's page is loaded and used.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Scripted visits to each tracker in real windows.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=999))]
    visits: u32,
    /// Matomo's own `matomo.js`, to be measured too: no package of npm carries it.
    #[arg(long, value_name = "FILE")]
    matomo: Option<PathBuf>,
    /// Another script in place of ours, with the same interface; nothing is built. BENCHMARKS.md is then not written.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

/// The verb.
pub(super) fn run(options: &Options) -> Result<()> {
    let wasm = setup::ensure()?;
    if options.script.is_none() {
        // As it ships.
        pack::everything(&wasm, true)?;
    }
    peers()?;
    let model = model()?;
    let cost = script(options, "cost.mjs", ["--rounds".to_owned(), options.rounds.to_string()])?;
    let visits = script(options, "visits.mjs", ["--visits".to_owned(), options.visits.to_string()])?;
    let report = format!(
        "### Bytes that a page loads, and what they cost it\n\n{cost}\n\n{COST}\n\n### Engaged time, modelled\n\n{model}\n\n{MODEL}\n\n\
         ### Engaged time, as reported by real pages\n\n{visits}\n\n{VISITS}"
    );
    println!("{report}");
    if options.script.is_none() {
        let Options { rounds, visits, .. } = options;
        let command = format!("cargo xtask bench tracker --rounds {rounds} --visits {visits}");
        let head = format!("Run on {} by `{command}`. {}; Node {}.", section::today(), section::machine(), node_version());
        section::replace(FILE, "tracker", &format!("{head}\n\n{report}"))?;
    }
    Ok(())
}

const COST: &str = "\"Script\" is CPU time of the page's main thread in JavaScript and wasm (`Performance.getMetrics`, time domain \
`threadTicks`), \"all tasks\" has parsing, compiling, garbage collection and dispatch too. The session: 200 turns of the wheel, 60 moves, \
16 keys, 20 clicks on outbound links that the page keeps from leaving; every tracker has to report all 20. Heap after a forced \
collection; the memory of wasm is no part of it and stands beside it in its full length. Requests and bytes (bodies, compressed where the tracker \
does that, and query strings) until the page has been left. No package of npm carries Matomo's script; `--matomo FILE` adds it.";

const MODEL: &str = "Truth is computed from everything that happens, to the microsecond; a sleeping machine's page counts as \
away, which no page can hear. Timers are late, throttled while hidden, and clocks have whole milliseconds. 45 % read actively, 25 % \
without moving much, 12 % walk away, 15 % switch tabs or windows, 2.5 % close the lid in between, 0.5 % end without a signal. Another \
mixture gives others other figures.";

const VISITS: &str = "Visits of 5 to 40 s by turns: reading with pauses, walking away, another tab in between. Input is given by the \
browser's own protocol and noted when it is given; the tab is really switched; windows count as focused. Reported is what a collector \
knows in the end: ours the last `engaged_ms`, Plausible's `engagement` events added up, 10 s for each of Snowplow's page pings, \
PostHog's time from pageview to leaving.";

/// Real packages of other makers: only this bench needs them.
fn peers() -> Result<()> {
    let folder = paths::at("target/bench-tracker");
    let wanted = fs::read_to_string(paths::at("tests/bench/package.json")).context("tests/bench/package.json cannot be read")?;
    let stamp = folder.join("node_modules/.pulso-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|stamped| stamped == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), &wanted)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    run::logged("npm install the other trackers", &mut npm, 0)?;
    Ok(fs::write(stamp, wanted)?)
}

fn model() -> Result<String> {
    let mut model = Command::new("cargo");
    model.args(["run", "--quiet", "--profile", "quick", "--package", "pulso-tests", "--bin", "engaged-model"]).current_dir(paths::root());
    captured("the model", &mut model)
}

/// Runs a script of `tests/bench/tracker`; what it prints is the table.
fn script(options: &Options, name: &str, arguments: [String; 2]) -> Result<String> {
    let mut node = paths::node();
    node.arg(paths::at("tests/bench/tracker").join(name)).args(arguments);
    let absolute = |path: &PathBuf| std::path::absolute(path).context("no such path");
    if let Some(matomo) = &options.matomo {
        ensure!(matomo.is_file(), "{} is no file", matomo.display());
        node.env("MATOMO_JS", absolute(matomo)?);
    }
    if let Some(script) = &options.script {
        node.env("PULSO_JS", absolute(script)?);
    }
    captured(name, &mut node)
}

/// Runs a program that shows on standard error how far it is.
fn captured(what: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().with_context(|| format!("{what} cannot be started"))?;
    ensure!(output.status.success(), "{what} failed ({})", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn node_version() -> String {
    run::output(paths::node().arg("--version")).unwrap_or_default()
}
