//! `cargo xtask alarms`: faults, the alarms that they have to fire, and no other.

mod beside;
mod by_hand;
mod cron;
mod report;
mod rounds;
mod traffic;
mod trial;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;

pub(crate) use self::beside::Beside;
use self::report::Report;
use self::rounds::Round;
use self::trial::AlarmTrial;
use crate::stack::{self, Trial};
use crate::{pack, setup};

/// An alarm that fits nothing, beside one that fires in the quick round.
const PLANTED: &str = "pulso-planted";
/// The one beside which it stands.
const BESIDE: &str = "pulso-g1-stream-down";

/// The ports of the second stack, after those of the first.
const SECOND_PORT: u16 = 20;

/// What `alarms` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port; the other parts take the seven after it, and a second stack those from the twentieth on.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65500))]
    port: u16,
    /// Only the rounds with these rows of the fault matrix, or with faults of these names.
    #[arg(long, value_delimiter = ',', value_name = "ROW")]
    rows: Vec<String>,
    /// The round of the suite.
    #[arg(long, conflicts_with = "rows")]
    quick: bool,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    if !options.built {
        pack::everything(&wasm, false)?;
    }
    if options.quick {
        return quick(options.port);
    }
    let rounds: Vec<Round> = rounds::all().into_iter().filter(|round| options.wants(round)).collect();
    if rounds.is_empty() {
        bail!("no round has such a row; there are {}", rows().join(", "));
    }
    let begun = Instant::now();
    let report = on_two_stacks(options.port, &rounds)?;
    println!("elapsed {:.0} s", begun.elapsed().as_secs_f32());
    report.write(&options.rows)?;
    report.judge()
}

/// Two stacks share the rounds, for most of a round is waiting.
fn on_two_stacks(port: u16, rounds: &[Round]) -> Result<Report> {
    let (next, played) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = |port: u16| -> Result<()> {
        let mut trial = AlarmTrial::start(port, Trial::ALARMS)?;
        loop {
            // From the last on, which take the longest.
            let turn = rounds.len().checked_sub(1 + next.fetch_add(1, Ordering::SeqCst));
            let Some((turn, round)) = turn.and_then(|turn| Some((turn, rounds.get(turn)?))) else { return trial.finish() };
            let outcome = trial.play(round)?;
            report::say(round, &outcome);
            played.lock().unwrap_or_else(PoisonError::into_inner).insert(turn, outcome);
        }
    };
    let ports = [port, port + SECOND_PORT];
    let ends: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = ports.iter().take(rounds.len()).map(|port| scope.spawn(|| work(*port))).collect();
        workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for end in ends {
        end.map_err(|_| anyhow!("a stack's thread panicked"))??;
    }
    let mut report = Report::default();
    for (turn, outcome) in played.into_inner().unwrap_or_else(PoisonError::into_inner) {
        report.enter(rounds.get(turn).context("a round that was played")?, &outcome);
    }
    Ok(report)
}

/// One round for `cargo xtask test`, and an alarm with wrong dimensions that has to be missed.
pub(crate) fn quick(port: u16) -> Result<()> {
    let begun = Instant::now();
    let trial = Trial { side_door: None, store_fault: None, is_backend_guarded: false, ..Trial::ALARMS };
    let mut trial = AlarmTrial::start(port, trial)?;
    trial.stack.plant_alarm(BESIDE, PLANTED)?;
    let round = Round { is_calm_wanted: false, ..rounds::QUICK };
    let played = trial.play(&round)?;
    AlarmTrial::judge_is_awake(&played.heard, PLANTED, &round.expected())?;
    let mut report = Report::default();
    report::say(&round, &played);
    report.enter(&round, &played);
    // What is still in the retry queue is of no interest: dropped, the stack stops at once.
    drop(trial);
    println!("elapsed {:.0} s", begun.elapsed().as_secs_f32());
    report.judge()
}

impl Options {
    fn wants(&self, round: &Round) -> bool {
        self.rows.is_empty() || round.faults.iter().any(|fault| self.rows.iter().any(|row| row == fault.row))
    }
}

/// The rows that are played.
fn rows() -> Vec<&'static str> {
    let mut rows: Vec<_> = rounds::all().iter().flat_map(|round| round.faults.iter().map(|fault| fault.row)).collect();
    rows.dedup();
    rows
}

/// Every alarm that some round makes fire.
pub(crate) fn shown() -> Result<Vec<&'static str>> {
    let mut shown: Vec<_> = rounds::all().iter().flat_map(|round| round.expected().into_iter().map(watch::Fires::alarm)).collect();
    shown.sort_unstable();
    shown.dedup();
    ensure!(!shown.is_empty(), "no alarm is made to fire");
    Ok(shown)
}
