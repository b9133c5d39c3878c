//! What came of the runs: a table for the terminal and for `BENCHMARKS.md`.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use super::backend::{Contestant, Summary};
use super::events::EventFile;
use super::measured::Usage;
use crate::{paths, run, section};

/// Where benches are written.
pub(super) const FILE: &str = "BENCHMARKS.md";

/// One row for each; ratios are the first one's events per CPU second over the row's.
pub(super) fn table(events: &EventFile, contestants: &[Contestant], summary: &Summary) -> String {
    let rate = |contestant: &Contestant| {
        let events = f64::from(u32::try_from(events.events).unwrap_or(u32::MAX));
        events / contestant.median(|usage| usage.cpu_s) / 1e6
    };
    let first = contestants.first().map_or(f64::NAN, rate);
    let mut text = "| | CPU s, median | from - to | M events per CPU s | backend is faster by | elapsed s | peak MiB |\n".to_owned();
    text.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
    for contestant in contestants {
        let edge = |fold: fn(f64, f64) -> f64, from| contestant.usages.iter().map(|usage| usage.cpu_s).fold(from, fold);
        let figure = |figure: fn(&Usage) -> f64| contestant.median(figure);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} - {:.2} | **{:.2}** | {:.2} x | {:.2} | {:.0} |",
            contestant.name,
            figure(|usage| usage.cpu_s),
            edge(f64::min, f64::INFINITY),
            edge(f64::max, 0.0),
            rate(contestant),
            first / rate(contestant),
            figure(|usage| usage.wall_s),
            figure(|usage| usage.peak_rss_mib),
        );
    }
    let kinds: Vec<String> = summary.interactions_by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let (sessions, interactions) = (summary.sessions, summary.interactions);
    let _ =
        write!(text, "\nAll came to the same: {sessions} sessions, {interactions} interactions ({}), equal row by row.", kinds.join(", "));
    text
}

/// The section of the backend.
pub(super) fn write(events: &EventFile, contestants: &[Contestant], table: &str) -> Result<()> {
    let runs = contestants.first().map_or(0, |contestant| contestant.usages.len());
    let clicks = if events.is_real() { "real clicks" } else { "MADE clicks (the click log was absent)" };
    let duckdb = run::output(Command::new(paths::python()).args(["-c", "import duckdb; print(duckdb.__version__)"])).unwrap_or_default();
    let (today, machine) = (section::today(), section::machine());
    let mut text = format!("Run on {today} by `cargo xtask bench backend --runs {runs}`. {machine}; DuckDB {duckdb}.\n\n");
    writeln!(
        text,
        "{} events in {} records of {} pageviews, made of {clicks}, {} MB; {runs} runs each, by turns. CPU is user and system time of all \
         threads, with starting the program and reading and writing the files.\n\n{table}",
        events.events,
        events.records,
        events.pageviews,
        events.bytes / 1_000_000,
    )?;
    section::replace(FILE, "backend", &text)
}
