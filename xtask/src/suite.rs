//! `cargo xtask test`: every check of the project, in the order of what they cost.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::dev::ReplayOptions;
use crate::meanwhile::Meanwhile;
use crate::stack::{self, AWS_ENV, Plan, Stack};
use crate::wasm_target::{Panic, WasmTarget};
use crate::{beacon, deploy, e2e, faults, infra, metrics, model, pack, paths, replay, rising, run, scale, setup, sim, store, tail, tidy};

/// Real clicks, for those who have them.
const CLICKS: &str = "../shared/data/clicks-dev.csv.gz";

/// What the reader's test says when the stream lacks the first event.
const LOSS_SEEN: &str = "seq has a gap";

/// What `test` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also what is slow: release builds, 20,000 real clicks.
    #[arg(long)]
    full: bool,
    /// The worker's port in the end-to-end tests; the other parts take the four after it.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65530))]
    port: u16,
}

impl Options {
    /// Whether what is slow is wanted too.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// The worker's port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

/// The ports of the trial with two backends, after those of the fault run.
const CONSUMERS_PORT: u16 = 70;
/// Those of the trial of alarms, which runs beside the faults.
const ALARMS_PORT: u16 = 100;

type Check<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);

/// The verb.
pub(crate) fn test(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    let mut checks: Vec<Check<'_>> = vec![
        ("format", Box::new(|| run::shown("cargo fmt", cargo().args(["fmt", "--all", "--check"])))),
        ("tidy", Box::new(tidy::verb)),
        ("clippy", Box::new(clippy)),
        ("unit tests and doctests", Box::new(|| run::shown("cargo test", cargo().args(["test", "--workspace", "--quiet"])))),
        ("alarms are evaluated as documented", Box::new(evaluation)),
        ("documentation", Box::new(documentation)),
        ("browser unit tests", Box::new(|| browser_tests(&wasm))),
        ("the simulator, and every planted bug", Box::new(|| sim::check(options.full))),
        ("build", Box::new(|| pack::everything(&wasm, options.full))),
    ];
    checks.extend(end_to_end(options));
    all(checks)
}

/// The end-to-end tests alone.
pub(crate) fn e2e(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    pack::everything(&wasm, options.full)?;
    all(end_to_end(options))
}

fn all(checks: Vec<Check<'_>>) -> Result<()> {
    let started = Instant::now();
    let mut lines = Vec::new();
    let mut failed = 0;
    for (name, check) in checks {
        println!("\n== {name}");
        let begun = Instant::now();
        let outcome = check();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        if let Err(error) = outcome {
            eprintln!("{error:#}");
            failed += 1;
        }
        lines.push(format!("  {name:<44} {verdict:<7} {:>6.1} s", begun.elapsed().as_secs_f32()));
        if stack::is_interrupted() {
            bail!("interrupted");
        }
    }
    println!("\n{}", lines.join("\n"));
    println!("{} passed, {failed} failed", lines.len() - failed);
    println!("elapsed {:.0} s", started.elapsed().as_secs_f32());
    ensure!(failed == 0, "{failed} checks failed");
    Ok(())
}

fn end_to_end(options: &Options) -> Vec<Check<'_>> {
    let alarms_port = (options.port + ALARMS_PORT).to_string();
    let templates = Rc::new(Meanwhile::new(&["infra", "lint", "--mutants"]));
    let alarms = Rc::new(Meanwhile::new(&["alarms", "--quick", "--built", "--port", &alarms_port]));
    let (with_templates, with_alarms) = (Rc::clone(&templates), Rc::clone(&alarms));
    let store = move || {
        with_templates.begin()?;
        store::check(options.port)
    };
    let consumers_port = (options.port + CONSUMERS_PORT).to_string();
    // The shortest that holds what happens meanwhile.
    let consumers = Rc::new(Meanwhile::new(&["consumers", "--built", "--seconds", "36", "--port", &consumers_port]));
    let with_consumers = Rc::clone(&consumers);
    let secrets = move || {
        with_consumers.begin()?;
        faults::change_secrets(options.port)
    };
    let faults = move || {
        with_alarms.begin()?;
        faults::quick(options.port)
    };
    vec![
        ("the npm package, and hostile texts in Chromium", Box::new(npm_package)),
        ("a reader, a rising article, and the contract", Box::new(|| reader_and_contract(options))),
        ("recommendations while the store fails", Box::new(store)),
        ("the AWS estate's templates, and planted mistakes", Box::new(move || templates.end())),
        ("the AWS estate in a stand-in, read back", Box::new(|| infra::deploy_local(options.port))),
        ("scenarios in Chromium, Firefox and WebKit", Box::new(|| e2e::check(options.port))),
        ("bugs planted into the tracker are noticed", Box::new(|| e2e::planted_is_noticed(options.port))),
        ("clicks replayed, nothing lost", Box::new(|| nothing_lost(options))),
        ("a dropped record is seen by the replay", Box::new(|| loss_is_seen_by_replay(options))),
        ("a dropped record is seen by the reader's test", Box::new(|| loss_is_seen_by_reader(options))),
        ("shards follow the load", Box::new(|| scale::check(options.port))),
        ("CloudWatch has what happened", Box::new(|| metrics::check(options.port))),
        ("faults between worker and Kinesis, nothing lost", Box::new(faults)),
        ("a fault fires its alarm and no other", Box::new(move || alarms.end())),
        ("secrets changed under load, nothing lost", Box::new(secrets)),
        ("a deployment that is not well is taken back", Box::new(|| deploy::check(options.port))),
        ("two backends share streams, one is killed", Box::new(move || consumers.end())),
    ]
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::root());
    cargo
}

/// The evaluator that stands for CloudWatch, against the tables of its documentation.
fn evaluation() -> Result<()> {
    let mut tests = Command::new(paths::python());
    tests.args(["-m", "unittest", "test_evaluation"]).current_dir(paths::at("tests/estate")).env("PYTHONDONTWRITEBYTECODE", "1");
    run::shown("the evaluator's tables", &mut tests)
}

fn clippy() -> Result<()> {
    run::shown("cargo clippy", cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn documentation() -> Result<()> {
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--quiet", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings");
    run::shown("cargo doc", &mut doc)
}

/// The crate's examples as a front end builds them, then wasm-bindgen-test in a headless Chromium.
fn browser_tests(wasm: &WasmTarget) -> Result<()> {
    run::shown("cargo build of the examples", wasm.cargo("build", "dev", Panic::Abort)?.args(["-p", "tracker", "--examples", "--quiet"]))?;
    let mut test = wasm.cargo("test", "dev", Panic::Abort)?;
    test.args(["-p", "tracker", "--test", "web"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", paths::wasm_bindgen_bin()?.join("wasm-bindgen-test-runner"))
        .env("CHROMEDRIVER", setup::find_program("chromedriver").unwrap_or_default());
    run::shown("cargo test in Chromium", &mut test)
}

/// `target/npm/` as a page has it, without the worker.
fn npm_package() -> Result<()> {
    let mut node = paths::node();
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1", "tests/e2e/npm.test.mjs", "tests/e2e/hostile.test.mjs"])
        .env("CHROMIUM", setup::find_program("chromium").unwrap_or_default());
    run::shown("the npm package's test", &mut node)
}

fn plan(options: &Options, drop_nth: Option<u32>) -> Plan {
    Plan { port: options.port, data: None, drop_nth }
}

fn reader_and_contract(options: &Options) -> Result<()> {
    let stack = Stack::start(plan(options, None))?;
    let reader = run::shown("the reader's test", &mut reader_test(stack.plan(), "full cookieless"));
    let rising = rising::check(stack.plan());
    let mut contract = Command::new(paths::python());
    contract
        .args(["-m", "unittest", "-v", "test_worker", "test_recommendations", "test_limits", "test_security"])
        .current_dir(paths::at("tests/contract"))
        .env("PULSO_PORT", options.port.to_string())
        .env("PULSO_ADMIN_SECRET", stack::ADMIN_SECRET)
        .env("PULSO_MODEL", contract_model(&stack)?)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let contract = run::shown("the worker's contract", &mut contract);
    let tail = tail::check(stack.plan(), &stack.logs().join("tail.log"));
    let personal = nothing_personal(&stack);
    stack.stop()?;
    reader.and(rising).and(contract).and(tail).and(personal)
}

/// Plants a reader's data, and looks for it in everything that this run has written.
fn nothing_personal(stack: &Stack) -> Result<()> {
    let mut oracle = Command::new(paths::python());
    oracle
        .arg("personal.py")
        .arg("--folder")
        .arg(stack.folder())
        .args(stack.worker_secrets().iter().flat_map(|secret| ["--secret", secret]))
        .current_dir(paths::at("tests/oracle"))
        .envs(AWS_ENV)
        .env("PULSO_PORT", stack.plan().port.to_string())
        .env("PULSO_ADMIN_SECRET", stack::ADMIN_SECRET)
        .env("PULSO_AWS_URL", stack.plan().aws_url())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run::shown("nothing personal in what comes out", &mut oracle)
}

/// What the contract publishes on the portal that nobody reads.
fn contract_model(stack: &Stack) -> Result<PathBuf> {
    let path = stack.folder().join("made.model");
    fs::write(&path, model::made("ge", beacon::now_ms()))?;
    Ok(path)
}

fn reader_test(plan: &Plan, modes: &str) -> Command {
    let mut node = paths::node();
    node.args(["--test", "--test-reporter=spec", "tests/e2e/article.test.mjs"])
        .envs(AWS_ENV)
        .env("PULSO_PORT", plan.port.to_string())
        .env("PULSO_AWS_URL", plan.aws_url())
        .env("PULSO_CONSENT_MODES", modes)
        .env("CHROMIUM", setup::find_program("chromium").unwrap_or_default());
    node
}

/// Real clicks where they are to be had, else made ones.
fn nothing_lost(options: &Options) -> Result<()> {
    let real = paths::at(CLICKS);
    let (file, limit) = if real.is_file() {
        (real, if options.full { 20_000 } else { 3_000 })
    } else {
        println!("{CLICKS} is absent: replaying 1000 made clicks instead of real ones");
        (made_clicks(1_000)?, 1_000)
    };
    replay_and_judge(file, limit, plan(options, None))
}

/// The planted loss has to be found, or the check above proves nothing.
fn loss_is_seen_by_replay(options: &Options) -> Result<()> {
    match replay_and_judge(made_clicks(200)?, 200, plan(options, Some(100))) {
        Err(error) if error.to_string() == "1 events are lost" => {
            println!("found: {error}");
            Ok(())
        }
        Err(error) => Err(error.context("another error than the planted one")),
        Ok(()) => bail!("a record was dropped on purpose and nobody saw it"),
    }
}

fn loss_is_seen_by_reader(options: &Options) -> Result<()> {
    let stack = Stack::start(plan(options, Some(1)))?;
    let output = reader_test(stack.plan(), "full").output()?;
    stack.stop()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!output.status.success(), "the pageview was dropped on purpose and the reader's test passed");
    ensure!(text.contains(LOSS_SEEN), "the reader's test failed, but not on the planted loss:\n{text}");
    println!("found: {LOSS_SEEN}");
    Ok(())
}

fn replay_and_judge(file: PathBuf, limit: u64, plan: Plan) -> Result<()> {
    let log = replay::ClickLog::open(&file)?;
    let mut stack = Stack::start(plan)?;
    let options = ReplayOptions { replay: Some(file), speed: None, limit: Some(limit), exit: true };
    let totals = replay::run(log, &options, &mut stack);
    stack.stop()?;
    totals?.judge()
}

/// A click log of `count` readers who read ten articles.
fn made_clicks(count: u32) -> Result<PathBuf> {
    let path = paths::at("target/made-clicks.csv");
    let mut lines = vec!["at_ms,visitor,session,article".to_owned()];
    lines.extend((0..count).map(|n| format!("{},{n},{n},{}", 1_795_337_000_000_u64 + u64::from(n), n % 10)));
    fs::write(&path, lines.join("\n"))?;
    Ok(path)
}
