//! Rows 34a, 34v and 34p: one sender asks a thousand times a second; it is stopped, and others do not notice.
//!
//! On raw workerd, which is fast enough for it: `edge-bench flood` floods, and measures the others.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::report::{Done, Report};
use super::rows::Bounds;
use crate::ledger::RowCount;
use crate::workerd::{self, Config};
use crate::{pack, paths, run};

/// All of them.
pub(super) const ROWS: [&str; 3] = ["34a", "34v", "34p"];
/// The others may wait twice as long as in the quiet; below a hundredth of a second it is the machine's own restlessness that is measured.
const SLOWER_MAX: u64 = 2;
const QUIET_US_MIN: u64 = 10_000;
/// What a machine does besides can make the others wait, never hurry: one flood of so many without that is enough.
const FLOODS_MAX: u32 = 3;
/// Refused bodies that are kept in a minute; a flood lasts no longer than two, with the quiet before it.
const OBJECTS_MAX: u64 = 3 * 60;
/// What ten thousand requests may leave behind, KiB. The engine tidies up late: workerd grows from 130 to about 300 MiB under any worker, also
/// under one that answers 204 and nothing else (BENCHMARKS.md), and stays there.
const GROWTH_KIB_MAX: u64 = 192 * 1_024;

/// A row.
struct Flood {
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    kind: &'static str,
    /// Answers with 202 in a window: the limit, and what an isolate lets through unasked.
    accepted_max: u64,
    /// How the rest is answered.
    refused: u16,
}

const FLOODS: [Flood; 3] = [
    Flood {
        name: "34a",
        what: "one address posts 10,000 times, 1,000 a second",
        expected: "429 past the limit of 3,000 in 10 s; others: all 202, p99 at most twice that of the quiet",
        kind: "address",
        accepted_max: 3_300,
        refused: 429,
    },
    Flood {
        name: "34v",
        what: "one visitor posts 10,000 times from 1,000 addresses, 1,000 a second",
        expected: "429 past the limit of 200 in 10 s; others as before",
        kind: "visitor",
        accepted_max: 220,
        refused: 429,
    },
    Flood {
        name: "34p",
        what: "10,000 portals that nobody has, 1,000 a second from 100 addresses",
        expected: "422 each; few bodies are kept, memory stays; others as before",
        kind: "portals",
        accepted_max: 0,
        refused: 422,
    },
];

/// What `edge-bench flood` counted.
#[derive(Debug, Deserialize)]
struct Outcome {
    events_of_a_batch: u64,
    flood: BTreeMap<u16, u64>,
    windows: u64,
    flood_ms: u64,
    others: BTreeMap<u16, u64>,
    quiet_p99_us: u64,
    beside_p99_us: u64,
    lost: u64,
    objects: u64,
    rss_before_kib: u64,
    rss_after_kib: u64,
}

/// Does the rows that are wanted; nothing when none is.
pub(super) fn run(port: u16, is_wanted: impl Fn(&str) -> bool) -> Result<Option<Report>> {
    let mut report = None;
    for flood in FLOODS.iter().filter(|flood| is_wanted(flood.name)) {
        println!("row {}: {}, on port {port}", flood.name, flood.what);
        let outcome = flood.run_well(port)?;
        flood.enter(&outcome, report.get_or_insert_with(Report::default));
    }
    Ok(report)
}

impl Outcome {
    fn is_slow(&self) -> bool {
        self.beside_p99_us > SLOWER_MAX * self.quiet_p99_us.max(QUIET_US_MIN)
    }
}

impl Flood {
    /// Floods until the others were not slow, or often enough. A loss ends it at once. The last one is entered.
    fn run_well(&self, port: u16) -> Result<Outcome> {
        let mut outcome = self.run(port)?;
        for _ in 1..FLOODS_MAX {
            if !outcome.is_slow() || outcome.lost > 0 {
                break;
            }
            println!("  others waited {} µs, in the quiet {} µs: once more", outcome.beside_p99_us, outcome.quiet_p99_us);
            outcome = self.run(port)?;
        }
        Ok(outcome)
    }

    fn run(&self, port: u16) -> Result<Outcome> {
        let folder = paths::at("target/faults").join(self.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        pack::copy_folder(&paths::at("target/worker"), &folder)?;
        Config { folder: &folder, port, vars: &[("GROUP_COMMIT", "on")], has_bindings: true }.write()?;
        let out = folder.join("outcome.json");
        let mut bench = workerd::asker()?;
        bench.arg("flood").arg("--workerd").arg(workerd::program()).arg("--folder").arg(&folder).arg("--out").arg(&out);
        bench.arg(format!("--port={port}")).arg(format!("--kind={}", self.kind));
        run::shown("edge-bench flood", &mut bench)?;
        serde_json::from_str(&fs::read_to_string(&out)?).context("edge-bench wrote no outcome")
    }

    fn enter(&self, outcome: &Outcome, report: &mut Report) {
        let Outcome { events_of_a_batch: events, windows, lost, .. } = *outcome;
        let of = |statuses: &BTreeMap<u16, u64>, status: u16| statuses.get(&status).copied().unwrap_or(0);
        let (sent, accepted) = (outcome.others.values().sum::<u64>(), of(&outcome.others, 202));
        let (flooded, refused) = (of(&outcome.flood, 202), of(&outcome.flood, self.refused));
        let bounds = Bounds { is_safe_at_once: false, has_no_duplicates: true, faults_min: 100 };
        let done = Done::new(self.name, self.what, self.expected, bounds, refused);
        let count = RowCount {
            sent: sent * events,
            accepted: accepted * events,
            in_stream: (accepted - lost.min(accepted)) * events,
            duplicates: 0,
            lost: lost * events,
        };
        let ms = |us: u64| f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1e3;
        let said: Vec<String> = outcome.flood.iter().map(|(status, count)| format!("{count}x {status}")).collect();
        let fact = format!(
            "row {}: the flood got {} in {windows} windows, {:.1} s; p99 of others {:.1} ms in the quiet, {:.1} ms beside it; {} bodies kept; memory {} to {} MiB",
            self.name,
            said.join(", "),
            ms(outcome.flood_ms),
            ms(outcome.quiet_p99_us),
            ms(outcome.beside_p99_us),
            outcome.objects,
            outcome.rss_before_kib / 1_024,
            outcome.rss_after_kib / 1_024,
        );
        println!("  {fact}");
        let wrong = [
            (flooded > self.accepted_max * windows, format!("{flooded} of the flood were taken in {windows} windows")),
            (flooded + refused != outcome.flood.values().sum::<u64>(), "other answers than 202 and a refusal".to_owned()),
            (outcome.is_slow(), format!("others waited {:.1} ms instead of {:.1}", ms(outcome.beside_p99_us), ms(outcome.quiet_p99_us))),
            (outcome.objects > OBJECTS_MAX, format!("{} bodies were kept", outcome.objects)),
            (outcome.rss_after_kib > outcome.rss_before_kib + GROWTH_KIB_MAX, "memory grew".to_owned()),
        ];
        let wrong = wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| format!("row {}: {what}", self.name)).collect();
        report.enter(done, count, fact, wrong);
    }
}
