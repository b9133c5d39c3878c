//! `cargo xtask consumers`: two backends share streams whose shards are split and merged, one is killed and comes back, readers are
//! erased; then a client that has none of our code says whether the interactions are those that the events amount to.

mod fleet;
mod subject;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use self::fleet::{BACKENDS, Fleet};
use self::subject::Erased;
use crate::beacon::now_ms;
use crate::faults::Proxy;
use crate::{pack, paths, setup, stack};

/// The longest that a dead process's shards may stand still.
const TAKEOVER_MAX: Duration = Duration::from_secs(30);
/// The same when it went in order: the other looks every three seconds.
const HANDOVER_MAX: Duration = Duration::from_secs(6);
/// Records that nobody erases, read while the work changes hands.
const BYSTANDER: &str = "0b57a0de00000000000000000000b0b0";

/// What `consumers` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The first of six ports.
    #[arg(long, default_value_t = 8957, value_parser = clap::value_parser!(u16).range(1024..65500))]
    port: u16,
    /// How long records come in; less than 36 does not hold what happens meanwhile.
    #[arg(long, default_value_t = 80, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(36..=3600))]
    seconds: u32,
    /// Of what the readers do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take what is built already.
    #[arg(long)]
    built: bool,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    setup::ensure_stand_ins()?;
    if !options.built {
        pack::native()?;
    }
    trial(options.port, options.seconds, options.seed)
}

fn trial(port: u16, seconds: u32, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let mut fleet = Fleet::start(port)?;
    println!("two backends are at work after {:.1} s", begun.elapsed().as_secs_f32());
    busy(&mut fleet, seconds, seed)?;
    let erased = subject::erase(&mut fleet)?;
    plant_loss(&fleet)?;
    metrics(&fleet)?;
    let left = hand_over(&mut fleet, &erased)?;
    come_back(&mut fleet, &erased, left)?;
    judge(&fleet, "g1", &["--erased", &erased.argument()]).context("the interactions are not what the events amount to")?;
    loss_is_seen(&fleet)?;
    println!("elapsed {:.0} s", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Records come in, a shard is split, a process is killed, its children are merged, it comes back.
fn busy(fleet: &mut Fleet, seconds: u32, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let mut feeding = fleet.start_feeding(&["load", "--seconds", &seconds.to_string(), "--seed", &seed.to_string()])?;
    let outcome = disturb(fleet, &mut feeding, begun, Duration::from_secs(seconds.into()));
    if outcome.is_err() {
        feeding.stop()?;
    }
    outcome
}

fn disturb(fleet: &mut Fleet, feeding: &mut stack::Part, begun: Instant, total: Duration) -> Result<()> {
    let [first, second] = BACKENDS;
    let at = |part: f32| total.mul_f32(part).saturating_sub(begun.elapsed());
    fleet.until("a shard is split", total, |fleet| fleet.log("feed").contains("split at"))?;
    std::thread::sleep(at(0.32));
    let held = fleet.shards(first, 0)?;
    ensure!(!held.is_empty(), "{first} has no shard: the work is not shared");
    fleet.part(first)?.kill()?;
    let killed_at_ms = now_ms();
    let takeover = fleet.until("the other has taken over", TAKEOVER_MAX, |fleet| {
        fleet.shards(second, killed_at_ms).is_ok_and(|shards| held.is_subset(&shards))
    })?;
    println!("{first} killed with {} shards, taken over after {:.1} s", held.len(), takeover.as_secs_f32());
    fleet.until("two shards are merged", total, |fleet| fleet.log("feed").contains("merged at"))?;
    std::thread::sleep(at(0.75));
    fleet.join(first)?;
    feeding.finish()?;
    print!("{}", fleet.log("feed"));
    let back = fleet.until("the work is shared again", TAKEOVER_MAX, |fleet| {
        BACKENDS.iter().all(|name| fleet.shards(name, 0).is_ok_and(|shards| !shards.is_empty()))
    })?;
    println!("{first} is back with its old folder, and has work {:.1} s after the last record", back.as_secs_f32());
    Ok(())
}

/// From here on one PutRecords to the other portal's second stream is answered, and forgotten.
fn plant_loss(fleet: &Fleet) -> Result<()> {
    let proxy = Proxy::new(&fleet.proxy_url());
    let drop = json!([{ "kind": "drop" }]);
    proxy.plan(&json!({ "only_stream": "pulso-ge-interactions", "rules": [{ "when": { "call": 2 }, "faults": drop }] }))?;
    let at = now_ms().to_string();
    fleet.feed(&["readers", "--portal", "ge", "--visitor", BYSTANDER, "--label", "loss", "--count", "4", "--received-at-ms", &at])?;
    let dropped = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        proxy.tally().is_ok_and(|tally| tally.faults() == 1)
    });
    proxy.heal()?;
    ensure!(dropped, "the loss was not planted: fewer calls than it needs");
    Ok(())
}

fn metrics(fleet: &Fleet) -> Result<()> {
    let mut command = Command::new(paths::python());
    command.arg(paths::at("tests/oracle/metrics.py"));
    command.args(BACKENDS.map(|name| format!("{}/metrics", fleet.url(name))));
    command.args(["--", "pulso_behind_milliseconds", "pulso_stage_seconds_count", "pulso_records_total"]);
    crate::run::shown("reading /metrics", &mut command)
}

/// SIGTERM: the other goes on at once. Gives who went, and who is left.
fn hand_over(fleet: &mut Fleet, erased: &Erased) -> Result<[&'static str; 2]> {
    let [first, second] = subject::holder(fleet)?;
    let held = fleet.shards(first, 0)?;
    ensure!(!held.is_empty(), "{first} has no shard to hand over");
    let (begun, mut leaving) = (Instant::now(), fleet.part(first)?);
    leaving.stop()?;
    let (left, stopped_at_ms) = (begun.elapsed(), now_ms());
    let at = stopped_at_ms.to_string();
    // Meanwhile, so that the first pages of the other have them.
    let mut feeding = erased.start_replay(fleet)?;
    feeding.push(fleet.start_feeding(&["readers", "--visitor", BYSTANDER, "--label", "handover", "--received-at-ms", &at])?);
    let handover = fleet.until("the other goes on at once", HANDOVER_MAX, |fleet| {
        fleet.shards(second, stopped_at_ms).is_ok_and(|shards| held.is_subset(&shards))
    })?;
    feeding.iter_mut().try_for_each(stack::Part::finish)?;
    ensure!(fleet.is_ok(second), "{second} holds everything and is not well: {}", fleet.health(second)?);
    let (left, handover) = (left.as_secs_f32(), handover.as_secs_f32());
    println!("{first} stopped in order in {left:.1} s with {} shards, the other goes on {handover:.1} s later", held.len());
    Ok([first, second])
}

/// Both are gone while an erased reader is replayed: the first records that a process finds are his, and it has to know.
fn come_back(fleet: &mut Fleet, erased: &Erased, [gone, left]: [&'static str; 2]) -> Result<()> {
    fleet.part(left)?.stop()?;
    erased.replay(fleet, "unseen-by-all")?;
    let since_ms = now_ms();
    fleet.join(gone)?;
    let back = fleet.until("one is back and reads", HANDOVER_MAX, |fleet| {
        fleet.shards(gone, since_ms).is_ok_and(|shards| shards.len() > 1) && fleet.is_ok(gone)
    })?;
    println!("both stopped, an erased reader replayed, {gone} reads everything {:.1} s after its start", back.as_secs_f32());
    Ok(())
}

fn judge(fleet: &Fleet, portal: &str, more: &[&str]) -> Result<()> {
    crate::run::shown("the oracle", &mut judging(fleet, portal, more))
}

fn judging(fleet: &Fleet, portal: &str, more: &[&str]) -> Command {
    let mut command = Command::new(paths::python());
    command.arg(paths::at("tests/oracle/consumers.py")).args(["--endpoint", &fleet.kinesis_url(), "--portal", portal]).args(more);
    for name in BACKENDS {
        command.arg("--data").arg(fleet.data(name));
    }
    command
}

/// The planted loss has to be found, and nothing else, or the green above proves nothing.
fn loss_is_seen(fleet: &Fleet) -> Result<()> {
    let output = judging(fleet, "ge", &["--quiet", "4"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let counts: Value = lines.next().and_then(|line| serde_json::from_str(line).ok()).context("the oracle says nothing")?;
    let (missing, other): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("missing "));
    ensure!(output.status.code() == Some(1), "interactions were dropped on purpose and nobody saw it:\n{text}");
    ensure!(
        other.is_empty() && counts.get("faults").is_some_and(|faults| *faults == missing.len()),
        "the oracle found something else than the planted loss:\n{text}"
    );
    println!("the planted loss is found, exit 1:\n  {}", missing.join("\n  "));
    Ok(())
}
