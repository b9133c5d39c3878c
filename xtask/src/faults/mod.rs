//! `cargo xtask faults`: the fault matrix against the real worker, with an outside count.

mod archive;
mod bucket;
mod cancelled;
mod floods;
mod kills;
mod letters;
mod long_outage;
mod matrix;
mod outbox;
mod poison;
mod proxy;
mod redrive;
mod report;
mod rotation;
mod rows;
mod set_aside;
mod soak;
mod sqs;
mod trial;
mod wrong_secret;

use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;

use crate::stack::{self, Plan, Trial};
use crate::{pack, setup};

pub(crate) use self::proxy::Proxy;
use self::report::Report;
pub(crate) use self::rotation::check as change_secrets;
use self::rows::Row;
use self::sqs::Sqs;
use self::trial::FaultTrial;
use self::wrong_secret::WrongSecret;

/// The ports of the stack whose store is looked into, after those of the first.
const SET_ASIDE_PORT: u16 = 30;
/// Those of the stack whose secrets are changed.
const ROTATION_PORT: u16 = 40;

/// The port of the stand-ins for a worker on raw workerd, which take the four after it; the worker has ten more.
const RAW_PORT: u16 = 50;

/// What `faults` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port; the other parts take the four after it, the worker with the wrong secret ten more, the one with SQS twenty,
    /// the one whose store is looked into thirty, the one whose secrets are changed forty, the one behind another worker fifty.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65500))]
    port: u16,
    /// These rows only, e.g. 1b,3,19: names as `tests/LEDGER.md` lists them. It is then not written.
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    rows: Vec<String>,
    /// The subset that `cargo xtask test` does; the ledger is then not written.
    #[arg(long, conflicts_with_all = ["rows", "soak"])]
    quick: bool,
    /// How often the worker, the backend and the redrive are killed in rows 19, 41 and 19q.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    kills: u32,
    /// Instead: so many minutes at 50 posts a second with another fault every 30 s.
    #[arg(long, value_name = "MINUTES", conflicts_with = "rows", value_parser = clap::value_parser!(u32).range(1..=600))]
    soak: Option<u32>,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let started = Instant::now();
    if !options.built {
        pack::everything(&setup::ensure()?, false)?;
    }
    if let Some(minutes) = options.soak {
        return soak::run(options.port, minutes);
    }
    if options.quick {
        return quick(options.port);
    }
    let known = known_rows();
    if let Some(unknown) = options.rows.iter().find(|row| !known.contains(&row.as_str())) {
        bail!("there is no row {unknown}; there are {}", known.join(", "));
    }
    let report = run(options)?;
    println!("{report}");
    println!("elapsed {:.0} s", started.elapsed().as_secs_f32());
    if options.rows.is_empty() {
        report.write(&format!("cargo xtask faults --kills {}", options.kills))?;
        println!("written: tests/LEDGER.md");
    }
    report.judge()
}

/// The quick subset, for `cargo xtask test`.
pub(crate) fn quick(port: u16) -> Result<()> {
    let begun = Instant::now();
    let mut trial = FaultTrial::start(port, Trial::FAULTS)?;
    for row in rows::all().into_iter().filter(|row| row.is_quick) {
        trial.row(&row)?;
    }
    // While the first waits until its retry queue is empty.
    let (report, set_aside) = std::thread::scope(|scope| {
        let set_aside = scope.spawn(|| set_aside::quick(port + SET_ASIDE_PORT));
        (trial.finish(), set_aside.join())
    });
    let mut report = report?;
    report.add("23 and others", set_aside.map_err(|_| anyhow!("the trial of what is set aside panicked"))??);
    let begun_sqs = Instant::now();
    report.add("SQS", Sqs::start(port, None)?.finish()?);
    println!("{report}");
    println!("elapsed {:.0} s, of which SQS {:.0} s", begun.elapsed().as_secs_f32(), begun_sqs.elapsed().as_secs_f32());
    report.judge()
}

fn known_rows() -> Vec<&'static str> {
    let mut names: Vec<&str> = rows::all().iter().map(|row| row.name).collect();
    names.extend(sqs::ROWS);
    names.extend([rotation::NAME, wrong_secret::NAME, kills::WORKER, kills::BACKEND, kills::QUEUE_ALONE, kills::QUEUE_AND_STREAM]);
    names.extend(set_aside::ROWS);
    names.extend([cancelled::SHIPPED, cancelled::WITHOUT_WAITING]);
    names.extend(floods::ROWS);
    names
}

fn run(options: &Options) -> Result<Report> {
    let is_wanted = |name: &str| options.rows.is_empty() || options.rows.iter().any(|row| row == name);
    // Begins first, for it takes the longest: its records wait until somebody may have mended the secret.
    let wrong_secret = if is_wanted(wrong_secret::NAME) { Some(WrongSecret::start(options.port + 10)?) } else { None };
    let set_aside = set_aside::run(options.port + SET_ASIDE_PORT, options.kills, is_wanted)?;
    let cancelled = cancelled::run(options.port + RAW_PORT, is_wanted)?;
    let floods = floods::run(options.port + RAW_PORT, is_wanted)?;
    // What a killed redrive had taken is hidden for two minutes.
    let is_sqs_wanted = sqs::ROWS.into_iter().any(is_wanted);
    let sqs = if is_sqs_wanted { Some(Sqs::start(options.port + 20, Some(options.kills))?) } else { None };
    let is_own_stack = |row: &String| {
        let row = row.as_str();
        let is_raw = [cancelled::SHIPPED, cancelled::WITHOUT_WAITING].contains(&row) || floods::ROWS.contains(&row);
        is_raw || row == wrong_secret::NAME || row == rotation::NAME || sqs::ROWS.contains(&row) || set_aside::ROWS.contains(&row)
    };
    let is_rest_wanted = options.rows.is_empty() || !options.rows.iter().all(is_own_stack);
    let mut report = if is_rest_wanted { run_main(options, &is_wanted)? } else { Report::default() };
    if let Some(floods) = floods {
        report.add("34a, 34v and 34p", floods);
    }
    if let Some(cancelled) = cancelled {
        report.add("36g and 36w", cancelled);
    }
    if let Some(set_aside) = set_aside {
        report.add("23 and others", set_aside);
    }
    if let Some(sqs) = sqs {
        report.add("SQS", sqs.finish()?);
    }
    if is_wanted(rotation::NAME) {
        report.add(&format!("row {}", rotation::NAME), rotation::run(options.port + ROTATION_PORT)?);
    }
    if let Some(wrong_secret) = wrong_secret {
        report.add(&format!("row {}", wrong_secret::NAME), wrong_secret.finish()?);
    }
    Ok(report)
}

/// The rows that share a stack.
fn run_main(options: &Options, is_wanted: &dyn Fn(&str) -> bool) -> Result<Report> {
    let mut trial = FaultTrial::start(options.port, Trial::FAULTS)?;
    let of_proxy: Vec<Row> = rows::all().into_iter().filter(|row| is_wanted(row.name)).collect();
    for row in &of_proxy {
        trial.row(row)?;
    }
    if is_wanted(kills::BACKEND) {
        kills::backend(&mut trial, options.kills)?;
    }
    let needs_restart = [kills::WORKER, kills::QUEUE_ALONE, kills::QUEUE_AND_STREAM].into_iter().any(is_wanted);
    if needs_restart && !of_proxy.is_empty() {
        println!("waiting until the retry queue is empty: the local one dies with the worker");
        let (reading, pending) = trial.read()?;
        ensure!(reading.totals.lost() == 0, "{} events are not in the streams, {pending} records in the queue", reading.totals.lost());
    }
    if is_wanted(kills::WORKER) {
        kills::worker(&mut trial, options.kills)?;
    }
    if is_wanted(kills::QUEUE_ALONE) || is_wanted(kills::QUEUE_AND_STREAM) {
        kills::queue(&mut trial)?;
    }
    trial.finish()
}

/// A fault run's stack.
fn plan(port: u16) -> Plan {
    Plan { port, data: None, drop_nth: None }
}
