//! `cargo xtask`: the one door to everything a developer does with Pulso.

mod alarms;
mod beacon;
mod bench;
mod compress;
mod consumers;
mod cost;
mod deploy;
mod dev;
mod e2e;
mod eval;
mod faults;
mod fuzz;
mod infra;
mod ledger;
mod meanwhile;
mod metrics;
mod model;
mod npm;
mod pack;
mod paths;
mod readers;
mod replay;
mod rising;
mod rotate;
mod run;
mod runbook;
mod scale;
mod script;
mod section;
mod setup;
mod sim;
mod size;
mod stack;
mod store;
mod suite;
mod tail;
mod threats;
mod tidy;
mod wasm_target;
mod workerd;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, runs and tests Pulso on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Bring this machine to a state that can build and test everything; safe to repeat.
    Setup,
    /// Build the tracker, the worker, the pages and the backend.
    Build {
        /// As it ships: full optimisation and wasm-opt.
        #[arg(long)]
        release: bool,
    },
    /// Build the npm package alone, as it ships: target/npm/.
    Npm,
    /// Build what readers load, and hold each against its budget.
    Size,
    /// Run everything here: AWS stand-in, backend, worker, demo portals.
    Dev(dev::Options),
    /// Beside a running `dev`: events as they arrive, and why others were refused.
    Tail(tail::Options),
    /// The quick suite: format, lints, unit tests, browser tests, end-to-end tests.
    Test(suite::Options),
    /// The end-to-end tests alone, or the scenarios in some browsers.
    E2e(e2e::Options),
    /// The fault matrix against the real worker: nothing may be lost.
    Faults(faults::Options),
    /// Faults, the alarms that each has to fire, and no other; writes tests/ALARMS.md.
    Alarms(alarms::Options),
    /// Recommendations while the key-value store is down or damaged: always an answer, and its source is true.
    Store(store::Options),
    /// An article that begins to be read is recommended within a minute, and what readers follow of it comes back.
    Rising(rising::Options),
    /// Two backends share the work: shards split and merge, one is killed, a reader is erased; an outside client counts.
    Consumers(consumers::Options),
    /// Hostile inputs for every parser, the signer and the model's reader: no panic, and what is accepted reads again as it was.
    Fuzz(fuzz::Options),
    /// The simulator: faults in virtual time, and nothing may be lost.
    Sim(sim::Options),
    /// Give the worker another admin secret and another AWS key while everything runs.
    RotateKeys(rotate::Options),
    /// Deploy the worker, look whether it is well, and roll back when it is not.
    Deploy(deploy::Options),
    /// The AWS estate: templates and parameters for the portals, looked at, deployed into a stand-in, compared with what is deployed.
    Infra(infra::Options),
    /// Measure, beside what others would take; writes BENCHMARKS.md.
    Bench(bench::Options),
    /// How good recommendations are over real clicks, beside what others would take; with --write into EVALUATION.md.
    Eval(eval::Options),
    /// Dollars per million pageviews, from what was measured and a table of prices; with --write into COSTS.md.
    Cost(cost::Options),
    /// Check the fences between cores and shells, the lengths of files, and the tests that SECURITY.md names.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Setup => setup::verb(),
        Verb::Build { release } => pack::verb(release),
        Verb::Npm => setup::ensure().and_then(|wasm| npm::package(&wasm, true)),
        Verb::Size => size::verb(),
        Verb::Dev(options) => dev::verb(&options),
        Verb::Tail(options) => tail::verb(&options),
        Verb::Test(options) => suite::test(&options),
        Verb::E2e(options) => e2e::verb(&options),
        Verb::Faults(options) => faults::verb(&options),
        Verb::Alarms(options) => alarms::verb(&options),
        Verb::Store(options) => store::verb(&options),
        Verb::Rising(options) => rising::verb(&options),
        Verb::Consumers(options) => consumers::verb(&options),
        Verb::Fuzz(options) => fuzz::verb(&options),
        Verb::Sim(options) => sim::verb(&options),
        Verb::RotateKeys(options) => rotate::verb(&options),
        Verb::Deploy(options) => deploy::verb(&options),
        Verb::Infra(options) => infra::verb(&options),
        Verb::Bench(options) => bench::verb(&options),
        Verb::Eval(options) => eval::verb(&options),
        Verb::Cost(options) => cost::verb(&options),
        Verb::Tidy => tidy::verb(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
