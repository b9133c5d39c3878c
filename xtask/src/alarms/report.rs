//! What came of the rounds: printed, judged, and written to `tests/ALARMS.md`.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::rounds::{Fault, Round};
use super::trial::{Played, SCALE};
use super::watch::{Fires, Heard};
use crate::section;

/// Where it is written.
const FILE: &str = "tests/ALARMS.md";

/// Everything that was played.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: String,
    wrongs: Vec<String>,
    count: usize,
}

impl Report {
    /// Adds a round, and says it.
    pub(super) fn enter(&mut self, round: &Round, played: Played) {
        let Played { heard, wrongs, calm_after_s } = played;
        for fault in round.faults {
            let expected: Vec<Fires> = if round.is_over { round.expected() } else { fault.fires.to_vec() };
            let fired = fired(&expected, &heard);
            println!("  {:<8} {}: {fired}", fault.row, fault.what);
            self.line(fault, &fired, calm_after_s, &wrongs);
            self.count += 1;
        }
        let others = if wrongs.is_empty() { "no other alarm".to_owned() } else { format!("WRONG: {}", wrongs.join("; ")) };
        println!("           {others}; all OK {calm_after_s:.0} s after it was healed");
        let rows: Vec<&str> = round.faults.iter().map(|fault| fault.row).collect();
        self.wrongs.extend(wrongs.into_iter().map(|wrong| format!("row {}: {wrong}", rows.join(", "))));
    }

    /// Writes it down.
    pub(super) fn write(&self, by: &str) -> Result<()> {
        let mut text = format!("Run on {} by `{by}`, on {}.\n\n", section::today(), section::machine());
        writeln!(
            text,
            "Periods of {} s, a stage is slow after {} s, a model old after {} s; in production 60, 300 and 300.\n",
            SCALE.period_s, SCALE.slow_s, SCALE.model_age_s
        )?;
        writeln!(text, "| row | fault | fired, after so many seconds | all OK again | others |\n|---|---|---|--:|---|\n{}", self.lines)?;
        writeln!(text, "{} faults, {} wrong.", self.count, self.wrongs.len())?;
        section::replace(FILE, "run", &text)?;
        println!("written: {FILE}");
        Ok(())
    }

    /// An error when an alarm did not come, or one came that should not.
    pub(super) fn judge(&self) -> Result<()> {
        if self.wrongs.is_empty() {
            println!("{} faults fired their alarms and no other", self.count);
            return Ok(());
        }
        bail!("alarms:\n  {}", self.wrongs.join("\n  "))
    }

    fn line(&mut self, fault: &Fault, fired: &str, calm_after_s: f64, wrongs: &[String]) {
        let others = if wrongs.is_empty() { "silent".to_owned() } else { wrongs.join("; ") };
        // Writing into a string does not fail.
        let _ = writeln!(self.lines, "| {} | {} | {fired} | {calm_after_s:.0} s | {others} |", fault.row, fault.what);
    }
}

/// Each alarm with its time.
fn fired(expected: &[Fires], heard: &Heard) -> String {
    let said = |fires: &Fires| match (fires, heard.alarms.get(fires.alarm())) {
        (Fires::Child(name), _) => format!("by {name}"),
        (_, Some((_, after_s))) => format!("{} {after_s:.0} s", fires.alarm()),
        (_, None) => format!("{} NOT", fires.alarm()),
    };
    if expected.is_empty() {
        return "none".to_owned();
    }
    expected.iter().map(said).collect::<Vec<_>>().join(", ")
}
