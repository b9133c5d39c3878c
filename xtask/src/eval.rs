//! `cargo xtask eval`: how good recommendations are, over real clicks, beside what others would take.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::{paths, run, section};

/// Where it is written.
const FILE: &str = "EVALUATION.md";
/// What is measured in protocol 1 when nobody says what: label, and what `backend evaluate --lockstep` is told besides.
const OURS: [(&str, &str); 5] = [
    ("ours, learnt and answered in place", ""),
    ("ours at the edge, published every 60 s", "--publish-every-s 60 --edge"),
    ("ours at the edge, published every 300 s", "--publish-every-s 300 --edge"),
    ("ours at the edge, 60 s, fresh mode", "--publish-every-s 60 --edge --set b"),
    ("ours at the edge, 60 s, base score only", "--publish-every-s 60 --edge --base"),
];

/// The protocol that subjects are measured in: the others need more of a recommender than an answer to each click.
const SUBJECTS_IN: &str = "1";

/// What `eval` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The click log: CSV, plain or gzip.
    #[arg(long, value_name = "FILE", default_value = "../shared/data/clicks-dev.csv.gz")]
    clicks: PathBuf,
    /// The first hour of the log that is learnt: a later one is a faster run, and all are told the same.
    #[arg(long, value_name = "HOUR", default_value_t = 0)]
    learn_from_hour: u64,
    /// The first hour of the log that is scored; what is before is learnt.
    #[arg(long, value_name = "HOUR", default_value_t = 192)]
    from_hour: u64,
    /// The hour after the last one that is scored.
    #[arg(long, value_name = "HOUR", default_value_t = 240)]
    to_hour: u64,
    /// 1: prequential, full ranking. 2: CHAMELEON's one among fifty, which proves the harness. 3: static split.
    #[arg(long, value_enum, default_value_t = Protocol::All)]
    protocol: Protocol,
    /// In place of ours: "LABEL=program argument …", which speaks the lines of `backend evaluate --lockstep`. Repeatable.
    #[arg(long = "subject", value_name = "LABEL=COMMAND")]
    subjects: Vec<String>,
    /// Half of it alone: subjects, ours or those that are named; or baselines.
    #[arg(long, value_enum)]
    only: Option<Half>,
    /// Put the tables into EVALUATION.md.
    #[arg(long)]
    write: bool,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
    #[value(name = "3")]
    Three,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Subjects,
    Baselines,
}

impl Protocol {
    const fn numbers(self) -> &'static [&'static str] {
        match self {
            Self::One => &["1"],
            Self::Two => &["2"],
            Self::Three => &["3"],
            Self::All => &["1", "2", "3"],
        }
    }
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let clicks = paths::root().join(&options.clicks);
    ensure!(clicks.is_file(), "no click log at {}: put clicks-dev.csv.gz there, or name one with --clicks FILE", clicks.display());
    let subjects = subjects(options);
    if !options.built {
        build(&subjects)?;
    }
    for protocol in options.protocol.numbers() {
        let mut eval = Command::new(paths::at("target/release/recommender-eval"));
        eval.arg("--clicks").arg(&clicks).args(["--protocol", protocol]);
        eval.args(hours(options));
        if options.only == Some(Half::Subjects) {
            eval.arg("--no-baselines");
        }
        for subject in subjects.iter().filter(|_| *protocol == SUBJECTS_IN) {
            eval.args(["--subject", subject]);
        }
        let output = eval.stderr(Stdio::inherit()).output().context("recommender-eval cannot be started")?;
        let report = String::from_utf8_lossy(&output.stdout);
        println!("{report}");
        ensure!(output.status.success(), "protocol {protocol} failed ({})", output.status);
        if options.write {
            section::replace(FILE, &format!("protocol-{protocol}"), &format!("{}\n\n{report}", heading(options, protocol)))?;
        }
    }
    Ok(())
}

fn subjects(options: &Options) -> Vec<String> {
    let is_measured = options.protocol.numbers().contains(&SUBJECTS_IN);
    if options.only == Some(Half::Baselines) || !is_measured {
        return Vec::new();
    }
    if !options.subjects.is_empty() {
        return options.subjects.clone();
    }
    let backend = paths::at("target/release/backend");
    OURS.iter().map(|(label, arguments)| format!("{label}={} evaluate --lockstep {arguments}", backend.display())).collect()
}

/// As it ships.
fn build(subjects: &[String]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "pulso-tests", "--bin", "recommender-eval"]).current_dir(paths::root());
    run::logged("cargo build --release --bin recommender-eval", &mut cargo, 120)?;
    if subjects.iter().any(|subject| subject.contains("target/release/backend")) {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--package", "backend"]).current_dir(paths::root());
        run::logged("cargo build --release --package backend", &mut cargo, 330)?;
    }
    Ok(())
}

fn hours(options: &Options) -> Vec<String> {
    let hours = [("--learn-from-hour", options.learn_from_hour), ("--from-hour", options.from_hour), ("--to-hour", options.to_hour)];
    hours.iter().flat_map(|(name, hour)| [(*name).to_owned(), hour.to_string()]).collect()
}

/// How to come to the same figures, and on what.
fn heading(options: &Options, protocol: &str) -> String {
    let half = options.only.map_or("", |half| match half {
        Half::Subjects => " --only subjects",
        Half::Baselines => " --only baselines",
    });
    let subjects: String = options.subjects.iter().flat_map(|subject| [" --subject \"", subject, "\""]).collect();
    let hours = hours(options).join(" ");
    let file = options.clicks.file_name().unwrap_or_default().to_string_lossy();
    let (today, machine) = (section::today(), section::machine());
    format!("Run on {today} by `cargo xtask eval --protocol {protocol} {hours}{half}{subjects} --write`, over `{file}`. {machine}.")
}
