//! What came of the rows: printed, judged, and written to `tests/LEDGER.md`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use anyhow::{Result, bail};

use super::archive::Archive;
use super::matrix;
use super::outbox::Answers;
use super::rows::Bounds;
use super::trial::Figures;
use crate::ledger::{Reading, RowCount};
use crate::section;

/// Where it is written.
pub(super) const LEDGER: &str = "tests/LEDGER.md";
/// No answer may take longer, whatever Kinesis does: its deadline of 3 s, the queue's of 5 s, and a second for a busy machine.
const ANSWER_MS_MAX: u64 = 9_000;

/// A row that was done, before anybody counted.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub name: &'static str,
    pub what: &'static str,
    pub expected: &'static str,
    pub bounds: Bounds,
    /// Calls that got a fault, or parts that were killed.
    pub faults: u64,
    pub answers: Answers,
}

/// What others than the outside reader say.
#[derive(Debug)]
pub(super) struct Witnesses {
    /// Records that the proxy saw stored.
    pub applied: u64,
    /// Records in the retry queue, by the worker's count.
    pub pending: u64,
    /// The backend's count by portal.
    pub figures: BTreeMap<String, Figures>,
    /// What Firehose has, when the trial has one.
    pub archive: Option<Archive>,
    /// Other findings, for people.
    pub notes: Vec<String>,
    /// Logs that quote a secret.
    pub told_secrets: Vec<String>,
    /// Dead letters that have to be there.
    pub dead_wanted: u64,
}

/// Everything that was done and found.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<(Done, RowCount)>,
    totals: RowCount,
    dead: u64,
    facts: Vec<String>,
    wrong: Vec<String>,
}

impl Done {
    /// Without answers yet.
    pub(super) fn new(name: &'static str, what: &'static str, expected: &'static str, bounds: Bounds, faults: u64) -> Self {
        Self { name, what, expected, bounds, faults, answers: Answers::default() }
    }

    /// What the client heard, in a few words.
    pub(super) fn said(&self) -> String {
        let first: Vec<String> = self.answers.first.iter().map(|(status, count)| format!("{count}x {status}")).collect();
        format!("{}; {} faults; {} sent again; slowest {} ms", first.join(", "), self.faults, self.answers.resent, self.answers.slowest_ms)
    }

    fn wrongs(&self, count: &RowCount) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                wrong.push(format!("row {}: {what}", self.name));
            }
        };
        check(count.sent > 0, "nothing was sent".to_owned());
        check(count.lost == 0, format!("{} events are lost", count.lost));
        check(count.accepted == count.sent, format!("{} events got no 2xx", count.sent - count.accepted));
        check(!self.bounds.has_no_duplicates || count.duplicates == 0, format!("{} duplicates", count.duplicates));
        check(self.answers.slowest_ms <= ANSWER_MS_MAX, format!("an answer took {} ms", self.answers.slowest_ms));
        let is_safe_at_once = self.answers.first.keys().all(|status| status == "202");
        check(!self.bounds.is_safe_at_once || is_safe_at_once, format!("first tries: {:?}", self.answers.first));
        check(self.faults >= self.bounds.faults_min, format!("only {} faults, wanted {}", self.faults, self.bounds.faults_min));
        wrong
    }
}

impl Report {
    /// Brings together what was done, what the outside reader found, and what proxy and backend say.
    pub(super) fn new(done: Vec<Done>, reading: &Reading, witnesses: Witnesses) -> Self {
        let Witnesses { applied, pending, figures, archive, notes, told_secrets, dead_wanted } = witnesses;
        let mut report = Self { dead: reading.dead.unwrap_or(0), ..Self::default() };
        for done in done {
            let count = reading.rows.get(done.name).cloned().unwrap_or_default();
            report.wrong.extend(done.wrongs(&count));
            report.rows.push((done, count));
        }
        for count in reading.rows.values() {
            report.totals.add(count);
        }
        let mut must_be = |what: &str, said: u64, wanted: u64| {
            if said != wanted {
                report.wrong.push(format!("{what}: {said}, not {wanted}"));
            }
        };
        must_be("events lost, of all rows and between them", reading.totals.lost(), 0);
        must_be("events in another portal's stream", reading.totals.misplaced(), 0);
        must_be("events that nobody sent", reading.unknown, 0);
        must_be("events that differ from what was sent", reading.altered, 0);
        must_be("records that the JSON Schema refuses", reading.invalid, 0);
        must_be("dead letters", reading.dead.unwrap_or(0), dead_wanted);
        must_be("objects still set aside", reading.spilled.unwrap_or(0), 0);
        must_be("records still in the retry queue", pending, 0);
        must_be("records in the streams, against those that the proxy saw stored", reading.records, applied);
        for (portal, count) in &reading.portals {
            let said = figures.get(portal).cloned().unwrap_or(Figures { events: 0, duplicates: 0 });
            must_be(&format!("interactions of {portal} in the backend, against distinct ids in its stream"), said.events, count.distinct);
            must_be(&format!("duplicates of {portal} in the backend"), said.duplicates, count.sightings - count.distinct);
            report
                .facts
                .push(format!("{portal}: {} events counted by the backend, {} distinct ids in the stream", said.events, count.distinct));
        }
        report.facts.push(format!(
            "{} records in the streams, {applied} seen stored by the proxy, {} refused by the JSON Schema",
            reading.records, reading.invalid
        ));
        if let Some(archive) = archive {
            report.facts.push(archive.said());
            report.wrong.extend(archive.wrongs(reading.records));
        }
        report.facts.extend(notes);
        report.facts.push(format!("logs that quote a secret: {}", told_secrets.len()));
        report.wrong.extend(told_secrets.into_iter().map(|log| format!("{log} quotes a secret")));
        report
    }

    /// Enters a row that counted itself, and what is wrong with it besides the counts.
    pub(super) fn enter(&mut self, done: Done, count: RowCount, fact: String, wrong: Vec<String>) {
        self.wrong.extend(done.wrongs(&count));
        self.wrong.extend(wrong);
        self.totals.add(&count);
        self.facts.push(fact);
        self.rows.push((done, count));
    }

    /// Brings in that of rows which have a stack of their own.
    pub(super) fn add(&mut self, name: &str, other: Self) {
        self.rows.extend(other.rows);
        self.totals.add(&other.totals);
        self.dead += other.dead;
        self.facts.extend(other.facts.into_iter().map(|fact| format!("{name}: {fact}")));
        self.wrong.extend(other.wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
    }

    /// An error that names everything that is not as it has to be.
    pub(super) fn judge(&self) -> Result<()> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        bail!("{} things are wrong:\n  {}", self.wrong.len(), self.wrong.join("\n  "))
    }

    /// Writes its part of `tests/LEDGER.md`.
    pub(super) fn write(&self, command: &str) -> Result<()> {
        let mut text = format!("Run on {} by `{command}`.\n\n", section::today());
        text.push_str("| row | fault | faults | sent | accepted | in stream | duplicates | lost | expected | |\n|---|---|--:|--:|--:|--:|--:|--:|---|---|\n");
        for (done, count) in &self.rows {
            let RowCount { sent, accepted, in_stream, duplicates, lost } = count;
            let verdict = if done.wrongs(count).is_empty() { "ok" } else { "**wrong**" };
            writeln!(
                text,
                "| {} | {} | {} | {sent} | {accepted} | {in_stream} | {duplicates} | {lost} | {} | {verdict} |",
                done.name, done.what, done.faults, done.expected
            )?;
        }
        let RowCount { sent, accepted, in_stream, duplicates, lost } = &self.totals;
        writeln!(
            text,
            "| | **all, and what was sent between the rows** | | {sent} | {accepted} | {in_stream} | {duplicates} | **{lost}** | dead letters: {} | |\n",
            self.dead
        )?;
        for fact in self.facts.iter().chain(&self.wrong) {
            writeln!(text, "- {fact}")?;
        }
        section::replace(LEDGER, "run", &text)?;
        section::replace(LEDGER, "matrix", &matrix::table())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  row     faults    sent  accepted  in stream  duplicates  lost  (events)")?;
        let mut line = |name: &str, faults: &str, count: &RowCount, what: &str| {
            let RowCount { sent, accepted, in_stream, duplicates, lost } = count;
            writeln!(formatter, "  {name:<6} {faults:>7} {sent:>7} {accepted:>9} {in_stream:>10} {duplicates:>11} {lost:>5}  {what}")
        };
        for (done, count) in &self.rows {
            line(done.name, &done.faults.to_string(), count, done.what)?;
        }
        line("all", "", &self.totals, "with what was sent between the rows")?;
        write!(formatter, "  dead letters {}\n  {}", self.dead, self.facts.join("\n  "))
    }
}

impl RowCount {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.in_stream += other.in_stream;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
    }
}
