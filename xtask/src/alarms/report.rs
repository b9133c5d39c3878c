//! What came of the rounds: printed, judged, and written to `tests/ALARMS.md`.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::rounds::{Fault, Round};
use super::trial::{Played, SCALE};
use super::watch::{Fires, Heard};
use crate::{paths, section};

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
    /// Adds a round.
    pub(super) fn enter(&mut self, round: &Round, played: &Played) {
        for fault in round.faults {
            self.line(fault, &fired(&expected(round, fault), &played.heard), played);
            self.count += 1;
        }
        let rows = rows(round);
        self.wrongs.extend(played.wrongs.iter().map(|wrong| format!("row {rows}: {wrong}")));
    }

    /// Writes it down: anew, or what was played again in the place of what stands there.
    pub(super) fn write(&self, again: &[String]) -> Result<()> {
        let text = if again.is_empty() {
            self.anew()?
        } else {
            let old = std::fs::read_to_string(paths::at(FILE))?;
            let (_, section) = old.split_once("<!-- run -->").context("tests/ALARMS.md has no place for the run")?;
            let (section, _) = section.split_once("<!-- /run -->").context("tests/ALARMS.md has no end of the run")?;
            let when = format!("Again on {} by `cargo xtask alarms --rows {}`.\n", section::today(), again.join(","));
            with_again(section.trim(), &self.lines, &when)
        };
        section::replace(FILE, "run", &text)?;
        println!("written: {FILE}");
        Ok(())
    }

    fn anew(&self) -> Result<String> {
        let mut text = format!("Run on {} by `cargo xtask alarms`, on {}.\n\n", section::today(), section::machine());
        writeln!(
            text,
            "Periods of {} s, a stage is slow after {} s, a model old after {} s; in production 60, 300 and 300.\n",
            SCALE.period_s, SCALE.slow_s, SCALE.model_age_s
        )?;
        write!(text, "| row | fault | fired, after so many seconds | all OK again | others |\n|---|---|---|--:|---|\n{}", self.lines)?;
        Ok(text)
    }

    /// An error when an alarm did not come, or one came that should not.
    pub(super) fn judge(&self) -> Result<()> {
        if self.wrongs.is_empty() {
            println!("{} faults fired their alarms and no other", self.count);
            return Ok(());
        }
        bail!("alarms:\n  {}", self.wrongs.join("\n  "))
    }

    fn line(&mut self, fault: &Fault, fired: &str, played: &Played) {
        let others = if played.wrongs.is_empty() { "silent".to_owned() } else { played.wrongs.join("; ") };
        // Writing into a string does not fail.
        let _ = writeln!(self.lines, "| {} | {} | {fired} | {:.0} s | {others} |", fault.row, fault.what, played.calm_after_s);
    }
}

/// The section with other lines for the faults that were played again, and when that was.
fn with_again(section: &str, lines: &str, when: &str) -> String {
    let fault = |line: &str| line.split(" | ").take(2).collect::<Vec<_>>().join(" | ");
    let mut text = String::new();
    for old in section.lines() {
        let new = lines.lines().find(|new| old.starts_with("| ") && fault(new) == fault(old));
        text.push_str(new.unwrap_or(old));
        text.push('\n');
    }
    format!("{text}\n{when}")
}

/// Says what came of a round.
pub(super) fn say(round: &Round, played: &Played) {
    for fault in round.faults {
        println!("  {:<8} {}: {}", fault.row, fault.what, fired(&expected(round, fault), &played.heard));
    }
    let others = if played.wrongs.is_empty() { "no other alarm".to_owned() } else { format!("WRONG: {}", played.wrongs.join("; ")) };
    let calm = if round.is_calm_wanted { format!("; all OK {:.0} s after it was healed", played.calm_after_s) } else { String::new() };
    println!("           row {}: {others}{calm}", rows(round));
}

fn rows(round: &Round) -> String {
    round.faults.iter().map(|fault| fault.row).collect::<Vec<_>>().join(", ")
}

/// What has to fire of one fault; figures put by hand are a round's.
fn expected(round: &Round, fault: &Fault) -> Vec<Fires> {
    if round.is_over { round.expected() } else { fault.fires.to_vec() }
}

/// Each alarm with its time.
fn fired(expected: &[Fires], heard: &Heard) -> String {
    let said = |fires: &Fires| match (fires, heard.alarms.get(fires.alarm())) {
        (Fires::Child(name), _) => format!("by {name}"),
        (Fires::May(name), None) => format!("{name} not this time"),
        (_, Some((_, after_s))) => format!("{} {after_s:.0} s", fires.alarm()),
        (_, None) => format!("{} NOT", fires.alarm()),
    };
    if expected.is_empty() {
        return "none".to_owned();
    }
    expected.iter().map(said).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_played_again_takes_its_place() {
        let old = "Run on Monday.\n\n| row | fault | fired |\n|---|---|---|\n| 2 | down | NOT |\n| 2 | poison | 3 s |";
        let text = with_again(old, "| 2 | down | 30 s |\n", "Again on Tuesday.\n");
        assert_eq!(text, old.replace("NOT", "30 s") + "\n\nAgain on Tuesday.\n");
    }
}
