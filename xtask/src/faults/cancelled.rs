//! Rows 36g and 36w: callers go away from calls through a service binding while their records gather for a common call.
//!
//! On raw workerd, with a stand-in for Kinesis that fails one of seven records: `edge-bench cancel` plays and counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::report::{Done, Report};
use super::rows::Bounds;
use crate::ledger::RowCount;
use crate::workerd::{self, Config};
use crate::{pack, paths, run};

/// As it ships.
pub(super) const SHIPPED: &str = "36g";
/// Where the platform drops a caller's work together with the caller.
pub(super) const WITHOUT_WAITING: &str = "36w";
/// Longest answer: as everywhere a deadline of 3 s, the queue's of 5 s, and a second for a busy machine.
const ANSWER_MS_MAX: u64 = 9_000;
/// The same for who follows a leader that died: its deadline of 15 s before.
const DESERTED_MS_MAX: u64 = 24_000;
/// What keeps a leader's work alive when its caller is gone.
const WAITING: &str = "context.waitUntil(sending";

/// A row.
struct Drive {
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    batches: u64,
    is_waited_for: bool,
    answer_ms_max: u64,
}

const DRIVES: [Drive; 2] = [
    Drive {
        name: SHIPPED,
        what: "30 % of the callers go away from a call through a service binding within 40 ms, 1 of 7 records fails",
        expected: "in stream or queue, or sent again; those who stay do not wait longer",
        batches: 2_000,
        is_waited_for: true,
        answer_ms_max: ANSWER_MS_MAX,
    },
    Drive {
        name: WITHOUT_WAITING,
        what: "the same, and leaders die with their callers (the worker without `waitUntil`)",
        expected: "the same; who followed a dead leader waits for a follower's deadline at most, and sends itself",
        batches: 1_000,
        is_waited_for: false,
        answer_ms_max: DESERTED_MS_MAX,
    },
];

/// What `edge-bench cancel` counted, in batches.
#[derive(Debug, Deserialize)]
struct Outcome {
    events_of_a_batch: u64,
    sent: u64,
    accepted: u64,
    in_stream: u64,
    only_in_queue: u64,
    duplicates: u64,
    lost: u64,
    unknown: u64,
    aborted: u64,
    statuses: BTreeMap<u16, u64>,
    slowest_ms: u64,
    calls: u64,
}

/// Does the rows that are wanted; nothing when none is.
pub(super) fn run(port: u16, is_wanted: impl Fn(&str) -> bool) -> Result<Option<Report>> {
    let mut report = None;
    for drive in DRIVES.iter().filter(|drive| is_wanted(drive.name)) {
        println!("row {}: a worker behind another, on port {port}", drive.name);
        let outcome = drive.run(port)?;
        drive.enter(&outcome, report.get_or_insert_with(Report::default));
    }
    Ok(report)
}

impl Drive {
    fn run(&self, port: u16) -> Result<Outcome> {
        let folder = self.prepare(port)?;
        let out = folder.join("outcome.json");
        let mut bench = workerd::asker()?;
        bench.arg("cancel").arg("--workerd").arg(workerd::program()).arg("--folder").arg(&folder).arg("--out").arg(&out);
        for (name, value) in
            [("port", u64::from(port)), ("batches", self.batches), ("callers", 32), ("aborts-pct", 30), ("delay-ms", 30), ("fail-nth", 7)]
        {
            bench.arg(format!("--{name}={value}"));
        }
        run::shown("edge-bench cancel", &mut bench)?;
        serde_json::from_str(&fs::read_to_string(&out)?).context("edge-bench wrote no outcome")
    }

    fn prepare(&self, port: u16) -> Result<PathBuf> {
        let folder = paths::at("target/faults").join(self.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        pack::copy_folder(&paths::at("target/worker"), &folder)?;
        fs::copy(paths::at("tests/front/worker.js"), folder.join("front.js"))?;
        if !self.is_waited_for {
            desert(&folder.join("index.js"))?;
        }
        Config { folder: &folder, port, vars: &[("GROUP_COMMIT", "on")], has_bindings: true }.write()?;
        Ok(folder)
    }

    fn enter(&self, outcome: &Outcome, report: &mut Report) {
        let Outcome { events_of_a_batch: events, sent, accepted, in_stream, only_in_queue, duplicates, lost, .. } = *outcome;
        let bounds = Bounds { is_safe_at_once: false, has_no_duplicates: false, faults_min: self.batches / 10 };
        let done = Done::new(self.name, self.what, self.expected, bounds, outcome.aborted);
        let count = RowCount {
            sent: sent * events,
            accepted: accepted * events,
            in_stream: in_stream * events,
            duplicates: duplicates * events,
            lost: lost * events,
        };
        let said: Vec<String> = outcome.statuses.iter().map(|(status, count)| format!("{count}x {status}")).collect();
        let posts_per_call = to_f64(accepted) / to_f64(outcome.calls.max(1));
        let fact = format!(
            "row {}: {}; slowest {} ms; {posts_per_call:.1} batches a call; {only_in_queue} batches in the queue alone",
            self.name,
            said.join(", "),
            outcome.slowest_ms
        );
        println!("  {fact}; lost {lost}");
        let mut wrong = Vec::new();
        if outcome.unknown > 0 {
            wrong.push(format!("row {}: {} batches that nobody sent", self.name, outcome.unknown));
        }
        if outcome.slowest_ms > self.answer_ms_max {
            wrong.push(format!("row {}: an answer took {} ms", self.name, outcome.slowest_ms));
        }
        if posts_per_call < 1.5 {
            wrong.push(format!("row {}: {posts_per_call:.1} batches a call: nothing gathered, and the row shows nothing", self.name));
        }
        report.enter(done, count, fact, wrong);
    }
}

/// Takes away what lets a leader outlive its caller. The bundler gives variables other names, and every such call has to go.
fn desert(index: &Path) -> Result<()> {
    let (source, script) = (fs::read_to_string(paths::at("edge/src/platform/page.js"))?, fs::read_to_string(index)?);
    let (waiting, kept): (Vec<&str>, Vec<&str>) = script.lines().partition(|line| line.trim_start().starts_with(WAITING));
    let wanted = source.matches(WAITING).count();
    ensure!(wanted > 0 && waiting.len() == wanted, "{} lines with {WAITING} in {}, not {wanted}", waiting.len(), index.display());
    Ok(fs::write(index, kept.join("\n"))?)
}

fn to_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
