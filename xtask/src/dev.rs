//! `cargo xtask dev`: the whole loop on one machine, by one command.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::alarms::Beside;
use crate::readers::Readers;
use crate::stack::{self, Plan, Stack, Trial};
use crate::{pack, replay, setup};

/// What `dev` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port; the other parts take the four after it.
    #[arg(long, default_value_t = 8787, value_parser = clap::value_parser!(u16).range(1024..65530))]
    port: u16,
    /// Keep state here between runs; without it each run begins empty.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let N simulated readers browse the demo portals.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=5000))]
    readers: u32,
    #[command(flatten)]
    replay: ReplayOptions,
    /// Plant a fault: the N-th PutRecords is answered but its records are dropped. Shows that the loss is seen.
    #[arg(long, value_name = "N")]
    drop_nth: Option<u32>,
    /// Also the alarms of an account, in short periods, and each message here: stop a part, and see who is told.
    #[arg(long)]
    alarms: bool,
}

/// How `dev` replays a click log.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Replay a click log (CSV, plain or gz) as beacons, then count what arrived.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Seconds of the log per second; without it, as fast as the worker takes them.
    #[arg(long, value_name = "N", requires = "replay", value_parser = clap::value_parser!(u32).range(1..))]
    pub speed: Option<u32>,
    /// Replay the first N clicks only.
    #[arg(long, value_name = "N", requires = "replay", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Stop everything after the replay; exit 0 only if nothing was lost.
    #[arg(long, requires = "replay")]
    pub exit: bool,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let started = Instant::now();
    // A wrong file is said before anything is built.
    let log = options.replay.replay.as_deref().map(replay::ClickLog::open).transpose()?;
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    pack::everything(&wasm, false)?;
    let plan = Plan { port: options.port, data: options.data.clone(), drop_nth: options.drop_nth };
    let mut stack = if options.alarms { Stack::start_trial(plan, Trial::MONITORED)? } else { Stack::start(plan)? };
    let plan = stack.plan().clone();
    println!("pulso ready {}   ({:.1} s)", plan.worker_url(), started.elapsed().as_secs_f32());
    let addresses: Vec<_> = pack::portals()?.iter().map(|portal| format!("http://{0}.localhost:{1}/{0}/", portal.id, plan.port)).collect();
    println!("  portals   {}", addresses.join("   "));
    println!("  figures   {}/figures", plan.backend_url());
    println!("  logs      {}", stack.logs().display());

    let outcome = run(options, log, &mut stack);
    println!("stopping");
    stack.stop()?;
    outcome
}

fn run(options: &Options, log: Option<replay::ClickLog>, stack: &mut Stack) -> Result<()> {
    let plan = stack.plan().clone();
    let readers = if options.readers > 0 { Some(Readers::start(options.readers, &plan)?) } else { None };
    if let Some(log) = log {
        let totals = replay::run(log, &options.replay, stack)?;
        if options.replay.exit {
            return totals.judge();
        }
    }
    let mut alarms = options.alarms.then(|| Beside::start(stack));
    println!("Ctrl-C stops everything");
    let mut next_line = Instant::now() + Duration::from_secs(5);
    while !stack::is_interrupted() {
        std::thread::sleep(Duration::from_millis(100));
        match &mut alarms {
            // A part that dies is what the alarms are there for.
            Some(alarms) => alarms.tick(stack)?,
            None => stack.check()?,
        }
        if let Some(readers) = &readers
            && Instant::now() >= next_line
        {
            println!("{}", readers.line(&plan));
            next_line += Duration::from_secs(5);
        }
    }
    Ok(())
}
