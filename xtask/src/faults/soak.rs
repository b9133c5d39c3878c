//! `cargo xtask faults --soak`: posts for minutes, a fault every half minute, and the worker's memory in view.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::kills;
use super::outbox::{Load, Manner};
use super::proxy::{always, every, rate, status};
use super::report::{self, Done};
use super::trial::{FaultTrial, PATIENCE, SAFE_LATER};
use crate::beacon::{Random, now_ms};
use crate::section;
use crate::stack::{self, Trial};

const PER_S: u32 = 50;
/// A fault begins every so often, and ends after half of it.
const PERIOD: Duration = Duration::from_secs(30);
/// Pause between two looks at the memory.
const LOOK: Duration = Duration::from_secs(5);
/// The last third may need so many per mille of what the middle third needs.
const GROWTH_MAX_PERMILLE: u64 = 1_100;

/// The verb's other half.
pub(super) fn run(port: u16, minutes: u32) -> Result<()> {
    // Without the archive: reading an object per record would take as long as the soak.
    let mut trial = FaultTrial::start(port, Trial { has_archive: false, ..Trial::FAULTS })?;
    let begun = Instant::now();
    let batches = usize::try_from(minutes * 60 * PER_S)?;
    let outbox = trial.outbox(batches);
    let load = Load { batches, at_once: 200, per_s: Some(PER_S), manner: Manner::Plain };
    let (memory, done) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| outbox.send(&load));
        let done = faults(&mut trial, minutes);
        ensure!(sending.join().is_ok(), "the generator panicked");
        done
    })?;
    outbox.resend(16, PATIENCE)?;
    let what = "a random fault every 30 s for 15 s, 50 posts a second";
    let row = Done::new("45", what, "the ledger closes and the worker's memory stands still", SAFE_LATER, u64::try_from(done.len())?);
    trial.enter(row, &[outbox], begun)?;
    let report = trial.finish()?;
    let growth = Growth::of(&memory)?;
    println!("{report}\n  {growth}\n  faults: {}", done.join(", "));
    let text =
        format!("Run by `cargo xtask faults --soak {minutes}`:\n\n```text\n{report}\n  {growth}\n```\n\nFaults: {}.", done.join(", "));
    section::replace(report::LEDGER, "soak", &text)?;
    report.judge()?;
    ensure!(growth.last_kib * 1_000 <= growth.middle_kib * GROWTH_MAX_PERMILLE, "workerd's memory grows: {growth}");
    Ok(())
}

/// Does faults as long as it lasts. The memory at each look, and what was done.
fn faults(trial: &mut FaultTrial, minutes: u32) -> Result<(Vec<u64>, Vec<String>)> {
    let end = Instant::now() + Duration::from_secs(u64::from(minutes) * 60);
    let mut random = Random::from_entropy(now_ms());
    let (mut memory, mut done) = (Vec::new(), Vec::new());
    let mut next = Instant::now() + PERIOD / 2;
    let mut heals_at: Option<Instant> = None;
    while Instant::now() < end && !stack::is_interrupted() {
        trial.stack.check()?;
        if heals_at.is_some_and(|at| Instant::now() >= at) {
            trial.proxy.heal()?;
            heals_at = None;
        }
        // The last fault has healed when the posts end.
        if Instant::now() >= next && next + PERIOD / 2 < end {
            let mut menu = menu();
            let index = usize::try_from(random.below(u64::try_from(menu.len())? + 1))?;
            if index < menu.len() {
                let (name, plan) = menu.swap_remove(index);
                trial.proxy.plan(&plan)?;
                done.push(name.to_owned());
            } else {
                trial.stack.kill("backend")?;
                trial.stack.revive("backend")?;
                done.push(format!("backend killed (row {})", kills::BACKEND));
            }
            heals_at = Some(next + PERIOD / 2);
            next += PERIOD;
        }
        memory.push(trial.stack.workerd_rss_kib().context("workerd is not running")?);
        std::thread::sleep(LOOK);
    }
    trial.proxy.heal()?;
    Ok((memory, done))
}

/// Without wrong credentials, whose records wait longer in the queue than the run may last.
fn menu() -> Vec<(&'static str, Value)> {
    let internal = || status(500, Some("InternalFailure"));
    let partial = json!({ "kind": "partial", "codes": ["ProvisionedThroughputExceededException", "InternalFailure"] });
    vec![
        ("all 500", always(&internal())),
        ("half 503", rate(50, &status(503, None))),
        ("partial failures", rate(60, &partial)),
        ("silence", every(3, &json!([{ "kind": "silent", "is_applied": true }]))),
        ("all silent", always(&json!({ "kind": "silent", "is_applied": false }))),
        ("endless answers", every(3, &json!([{ "kind": "endless", "is_applied": true }]))),
        ("lies", every(2, &json!([{ "kind": "hidden_failures" }, { "kind": "short_list" }, { "kind": "no_list" }]))),
        ("truncated", every(2, &json!([{ "kind": "truncated" }, { "kind": "not_json" }]))),
        ("resets", every(2, &json!([{ "kind": "reset_before_body" }, { "kind": "reset_after_apply" }, { "kind": "reset_mid_answer" }]))),
        ("1 byte/s", every(4, &json!([{ "kind": "trickle" }]))),
    ]
}

/// Memory of the middle and of the last third, the means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Growth {
    middle_kib: u64,
    last_kib: u64,
}

impl Growth {
    fn of(memory: &[u64]) -> Result<Self> {
        let third = memory.len() / 3;
        let mean = |part: Option<&[u64]>| {
            let part = part.filter(|part| !part.is_empty()).context("too few looks at the memory")?;
            Ok::<_, anyhow::Error>(part.iter().sum::<u64>() / u64::try_from(part.len())?)
        };
        Ok(Self { middle_kib: mean(memory.get(third..2 * third))?, last_kib: mean(memory.get(2 * third..))? })
    }
}

impl std::fmt::Display for Growth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { middle_kib, last_kib } = self;
        let permille = last_kib * 1_000 / middle_kib.max(&1);
        write!(formatter, "workerd's resident memory: middle third {middle_kib} KiB, last third {last_kib} KiB ({permille} per mille)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_are_means() {
        assert_eq!(Growth::of(&[9, 9, 1, 3, 4, 6]).unwrap(), Growth { middle_kib: 2, last_kib: 5 });
        assert!(Growth::of(&[1, 2]).is_err());
    }
}
