//! `recommender-eval`: how good recommendations are, over real clicks, beside what others would take. `cargo xtask eval` runs it.

mod baselines;
mod click;
mod lockstep;
mod log;
mod metrics;
mod prequential;
mod recommender;
mod report;
// The simulator's chance; it uses more of it.
#[allow(dead_code, reason = "the simulator uses more of it")]
#[path = "../sim/rng.rs"]
mod rng;
mod sampled;
mod serve;
mod sessions;
mod split;
mod table;
mod tune;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use crate::baselines::Baseline;
use crate::lockstep::Subject;
use crate::log::{ClickLog, Window};

/// Replays a click log to recommenders, and prints how often their ten articles held the next click.
#[derive(Debug, Parser)]
#[command(name = "recommender-eval", max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    what: Option<What>,
    /// The click log: CSV, plain or gzip, in time order.
    #[arg(long, value_name = "FILE", default_value = "../shared/data/clicks-dev.csv.gz")]
    clicks: PathBuf,
    /// The first hour of the log that is learnt. Protocol 2 always begins at the log's beginning.
    #[arg(long, value_name = "HOUR", default_value_t = 0)]
    learn_from_hour: u64,
    /// The first hour of the log that is scored; what is before is learnt.
    #[arg(long, value_name = "HOUR", default_value_t = 192)]
    from_hour: u64,
    /// The hour after the last one that is scored.
    #[arg(long, value_name = "HOUR", default_value_t = 240)]
    to_hour: u64,
    #[arg(long, value_enum, default_value_t = Protocol::All)]
    protocol: Protocol,
    /// Whom else to measure, in lock-step through its standard input and output: "LABEL=program argument …".
    #[arg(long = "subject", value_name = "LABEL=COMMAND")]
    subjects: Vec<Subject>,
    /// Which baselines; all when not said.
    #[arg(long = "baseline", value_enum, value_name = "NAME")]
    baselines: Vec<Baseline>,
    /// No baseline.
    #[arg(long, conflicts_with = "baselines")]
    no_baselines: bool,
    /// How many subjects run at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// Prequential, full ranking: the one that counts.
    #[value(name = "1")]
    Prequential,
    /// CHAMELEON's: one among fifty. Proves the harness.
    #[value(name = "2")]
    Sampled,
    /// Static split.
    #[value(name = "3")]
    Split,
    All,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Answer lock-step lines with a baseline.
    #[command(hide = true)]
    ServeBaseline { baseline: Baseline },
    /// Try the baselines' parameters on hours 144 to 191.
    Tune,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let Some(What::ServeBaseline { baseline }) = options.what {
        return serve::serve(&mut *baseline.make(), std::io::stdin().lock(), std::io::stdout().lock());
    }
    let window = Window { from: options.from_hour, to: options.to_hour };
    ensure!(window.from < window.to, "no hour is from {} on and before {}", window.from, window.to);
    ensure!(options.learn_from_hour <= window.from, "what is scored has to be learnt: --learn-from-hour is after --from-hour");
    let log = ClickLog::read(&options.clicks)?;
    let baselines = match (options.no_baselines, options.baselines.as_slice()) {
        (true, _) => &[],
        (false, []) => Baseline::ALL.as_slice(),
        (false, some) => some,
    };
    if matches!(options.what, Some(What::Tune)) {
        print!("{}", tune::table(&log, baselines));
        return Ok(());
    }
    let wants = |protocol| options.protocol == protocol || options.protocol == Protocol::All;
    if wants(Protocol::Sampled) {
        println!("{}", report::sampled(&log));
    }
    let log = log.starting(options.learn_from_hour);
    if wants(Protocol::Prequential) {
        let (text, failures) = report::prequential(&log, window, baselines, &options.subjects, options.jobs);
        println!("{text}");
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
    }
    if wants(Protocol::Split) {
        println!("{}", report::split(&log, window, baselines));
    }
    Ok(())
}
