//! A reader has himself erased while two backends run.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::fleet::{BACKENDS, Fleet};
use crate::beacon::now_ms;
use crate::pack;
use crate::stack::{ADMIN_SECRET, Part};

/// Who.
const VISITOR: &str = "e7a5edeeeeeeeeeeeeeeeeeeeeeeee01";
/// Tombstones are looked for every three seconds.
const OBEY_MAX: Duration = Duration::from_secs(8);

/// What was erased.
pub(super) struct Erased {
    before_ms: u64,
    until_ms: u64,
}

/// He reads, is erased, is replayed, and reads again.
pub(super) fn erase(fleet: &mut Fleet) -> Result<Erased> {
    let before_ms = now_ms();
    read(fleet, "before", before_ms, 2)?;
    fleet.until("the backends know the reader", OBEY_MAX, |fleet| held(fleet).is_ok_and(|pageviews| pageviews == 2))?;
    let answer = backend(fleet, "erase", &BACKENDS[..1])?;
    let until_ms =
        answer.first().and_then(|told| told.get("erased_until_ms").and_then(Value::as_u64)).context("erase does not say until when")?;
    let obeyed = fleet.until("the reader is forgotten", OBEY_MAX, |fleet| held(fleet).is_ok_and(|pageviews| pageviews == 0))?;
    println!("a reader with 2 pageviews is erased by one backend, and forgotten by both after {:.1} s", obeyed.as_secs_f32());
    let erased = Erased { before_ms, until_ms };
    erased.replay(fleet, "unseen")?;
    read(fleet, "after", now_ms(), 1)?;
    fleet.until("what he does afterwards is known", OBEY_MAX, |fleet| held(fleet).is_ok_and(|pageviews| pageviews == 1))?;
    println!("a replay of them is ignored, what he reads afterwards is not");
    Ok(erased)
}

impl Erased {
    /// The same records again, and one of that time that nobody has seen yet, by this name.
    pub(super) fn replay(&self, fleet: &Fleet, unseen: &str) -> Result<()> {
        read(fleet, "before", self.before_ms, 2)?;
        read(fleet, unseen, self.before_ms, 1)
    }

    /// The same, without waiting for it.
    pub(super) fn start_replay(&self, fleet: &Fleet) -> Result<Vec<Part>> {
        let at = self.before_ms.to_string();
        let start = |label, count| {
            fleet.start_feeding(&["readers", "--visitor", VISITOR, "--label", label, "--count", count, "--received-at-ms", &at])
        };
        Ok(vec![start("unseen-at-handover", "1")?, start("before", "2")?])
    }

    /// For the oracle.
    pub(super) fn argument(&self) -> String {
        format!("{VISITOR}={}", self.until_ms)
    }
}

fn read(fleet: &Fleet, label: &str, at_ms: u64, count: u32) -> Result<()> {
    let (at, count) = (at_ms.to_string(), count.to_string());
    fleet.feed(&["readers", "--visitor", VISITOR, "--label", label, "--count", &count, "--received-at-ms", &at])
}

/// The backend that reads his shard, and the other.
pub(super) fn holder(fleet: &Fleet) -> Result<[&'static str; 2]> {
    let [first, second] = BACKENDS;
    Ok(if held_by(fleet, &[first])? > 0 { [first, second] } else { [second, first] })
}

/// Pageviews that both backends together hold of him.
fn held(fleet: &Fleet) -> Result<usize> {
    held_by(fleet, &BACKENDS)
}

fn held_by(fleet: &Fleet, names: &[&str]) -> Result<usize> {
    let told = backend(fleet, "export", names)?;
    let of_shard = |held: &Value| held.get("pageviews").and_then(Value::as_array).map_or(0, Vec::len);
    let held = |told: &Value| told.get("held").and_then(Value::as_array).map(|shards| shards.iter().map(of_shard).sum::<usize>());
    told.iter().map(|told| held(told).context("an answer without held")).sum()
}

/// `backend export` or `backend erase` of him; an answer for each of these.
fn backend(fleet: &Fleet, verb: &str, names: &[&str]) -> Result<Vec<Value>> {
    let mut command = Command::new(pack::native_program("backend"));
    command.args([verb, "--visitor", VISITOR]).env("PULSO_ADMIN_SECRET", ADMIN_SECRET);
    for name in names {
        command.args(["--backend-url", &fleet.url(name)]);
    }
    let output = command.output()?;
    ensure!(output.status.success(), "backend {verb} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
