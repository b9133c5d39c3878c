//! Outages that outlast the queue: records are set aside in the worker's bucket, and the cron drains them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wire::PortalId;

use super::bucket::{self, EventId};
use super::outbox::{Load, Manner, Outbox};
use super::proxy::{always, status};
use super::report::Done;
use super::rows::Bounds;
use super::trial::FaultTrial;
use crate::stack::{self, SideDoor};

/// Set aside and drained.
pub(super) const SPILL: &str = "2s";
/// The worker is killed while it drains.
pub(super) const KILLED: &str = "19s";
/// The queue gives its messages up.
pub(super) const GIVEN_UP: &str = "24";

/// An outage is a long one after so many seconds, instead of five minutes.
pub(super) const SIDE_DOOR: SideDoor = SideDoor { spill_after_s: 5, max_retries: None };
/// For the quick run.
pub(super) const QUICK_DOOR: SideDoor = SideDoor { spill_after_s: 2, max_retries: None };
/// Batches a second while the stream is down.
const PER_S: u32 = 20;
/// How long the queue may take to set everything aside: its delays are 2 to 8 s then.
const SPILL_PATIENCE: Duration = Duration::from_secs(40);
/// How long a drain may take: the breaker's longest pause, and the work.
const DRAIN_PATIENCE: Duration = Duration::from_secs(50);
/// Between two triggers of the cron; in production it is a minute.
const CRON_PAUSE: Duration = Duration::from_millis(500);

const DRAINED: Bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 10 };

/// Kinesis is down, first for all, then for one portal, whose records may not hold up the others'. With `restarted_as` the worker is
/// started anew in between: its breakers forget their pauses, which shortens the row by half a minute, and what is set aside outlives it.
pub(super) fn spill(trial: &mut FaultTrial, batches: usize, restarted_as: Option<SideDoor>) -> Result<()> {
    let begun = Instant::now();
    let faults_before = trial.proxy.tally()?.faults();
    let outbox = outage(trial, batches)?;
    let Some((down, others)) = trial.portals.clone().split_first().map(|(down, others)| (down.clone(), others.to_vec())) else {
        return Ok(());
    };
    // The cron comes to this one first, and it does not even answer.
    let silent =
        json!({ "rules": [{ "when": "always", "faults": [{ "kind": "silent", "is_applied": false }] }], "only_stream": stream(&down) });
    trial.proxy.plan(&silent)?;
    if let Some(side_door) = restarted_as {
        trial.replace_worker(side_door)?;
    }
    let waiting = bucket::spilled_events(&trial.stack, &prefix(&down))?;
    ensure!(!waiting.is_empty(), "nothing of {down} is set aside");
    for portal in &others {
        drain(trial, &prefix(portal))?;
    }
    ensure!(bucket::spilled_events(&trial.stack, &prefix(&down))? == waiting, "what waits of {down} changed while its stream was down");
    trial.proxy.heal()?;
    drain(trial, "spill/")?;
    let faults = trial.proxy.tally()?.faults() - faults_before;
    let expected = "all set aside in R2, nothing lost, no duplicate; a portal that is still down holds up no other";
    let what = "Kinesis answers 500 for longer than SPILL_AFTER_S, then one portal's does not answer";
    trial.enter(Done::new(SPILL, what, expected, DRAINED, faults), &[outbox], begun)
}

/// SIGKILL when the first record of a drain is in the stream: its object may still be there, and is drained again.
pub(super) fn killed(trial: &mut FaultTrial, batches: usize, kills: u32) -> Result<()> {
    let begun = Instant::now();
    let outbox = outage(trial, batches)?;
    trial.proxy.heal()?;
    let mut in_the_middle = 0;
    // A worker that was just started has a closed breaker: its first cron drains.
    trial.replace_worker(SIDE_DOOR)?;
    for _ in 0..kills {
        let applied = trial.proxy.tally()?.records_applied;
        let url = trial.stack.drain_url();
        std::thread::scope(|scope| {
            // Its answer dies with the worker.
            let drained = scope.spawn(|| stack::get(&url));
            while trial.proxy.tally()?.records_applied == applied && !drained.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
            trial.replace_worker(SIDE_DOOR)
        })?;
        in_the_middle += u64::from(!bucket::objects(&trial.stack, "spill/")?.is_empty());
    }
    drain(trial, "spill/")?;
    let bounds = Bounds { is_safe_at_once: true, has_no_duplicates: false, faults_min: 1 };
    let expected = "nothing lost; what was in the stream already is there twice at most for each kill";
    trial.enter(Done::new(KILLED, "SIGKILL of the worker while it drains", expected, bounds, in_the_middle), &[outbox], begun)
}

/// The queue gives up each message after one retry, as in production after a hundred: the dead letter queue's consumer sets it aside.
pub(super) fn given_up(trial: &mut FaultTrial, batches: usize) -> Result<()> {
    let begun = Instant::now();
    // Nothing else sets aside here.
    trial.replace_worker(SideDoor { spill_after_s: 86_400, max_retries: Some(1) })?;
    let faults_before = trial.proxy.tally()?.faults();
    let outbox = outage(trial, batches)?;
    ensure!(
        trial.metric("pulso_spilled_total")? == 0,
        "the consumer of the retry queue set something aside, not that of the dead letter queue"
    );
    trial.proxy.heal()?;
    drain(trial, "spill/")?;
    let faults = trial.proxy.tally()?.faults() - faults_before;
    let expected = "the dead letter queue's consumer sets all aside; nothing lost, no duplicate, no dead letter";
    trial.enter(Done::new(GIVEN_UP, "the queue gives up every message (max_retries 1)", expected, DRAINED, faults), &[outbox], begun)?;
    trial.replace_worker(SIDE_DOOR)
}

/// Posts while Kinesis answers 500 to all, and waits until everything is set aside. It is still down then.
fn outage(trial: &mut FaultTrial, batches: usize) -> Result<Outbox> {
    let applied_before = trial.proxy.tally()?.records_applied;
    trial.proxy.plan(&always(&status(500, Some("InternalFailure"))))?;
    let outbox = trial.outbox(batches);
    outbox.send(&Load { batches, at_once: 8, per_s: Some(PER_S), manner: Manner::Plain });
    let pending = trial.await_queue(0, SPILL_PATIENCE)?;
    ensure!(pending == 0, "{pending} records are still in the queue {} s after a long outage began", SPILL_PATIENCE.as_secs());
    ensure!(trial.proxy.tally()?.records_applied == applied_before, "Kinesis took records while it answered 500");
    is_set_aside(trial, &outbox)?;
    // The cron runs on in an outage, and may neither store nor lose anything.
    trial.stack.trigger_drain()?;
    is_set_aside(trial, &outbox)?;
    Ok(outbox)
}

/// Every event that got a 202 is in the bucket, and nothing else.
fn is_set_aside(trial: &FaultTrial, outbox: &Outbox) -> Result<()> {
    let sent: BTreeSet<EventId> = outbox.accepted();
    let found = bucket::spilled_events(&trial.stack, "spill/")?;
    let (lost, unknown) = (sent.difference(&found).count(), found.difference(&sent).count());
    ensure!(lost == 0, "{lost} of {} accepted events are neither in the stream nor in R2 spill/", sent.len());
    ensure!(unknown == 0, "{unknown} events in R2 spill/ are none that were accepted in this outage");
    Ok(())
}

/// Triggers the cron until nothing is left below a prefix.
pub(super) fn drain(trial: &mut FaultTrial, prefix: &str) -> Result<()> {
    let deadline = Instant::now() + DRAIN_PATIENCE;
    loop {
        trial.stack.trigger_drain()?;
        let left = bucket::objects(&trial.stack, prefix)?.len();
        if left == 0 {
            return Ok(());
        }
        ensure!(!stack::is_interrupted(), "interrupted");
        ensure!(Instant::now() < deadline, "{left} objects are still in R2 {prefix} after {} s of cron", DRAIN_PATIENCE.as_secs());
        trial.stack.check()?;
        std::thread::sleep(CRON_PAUSE);
    }
}

fn prefix(portal: &PortalId) -> String {
    format!("spill/{portal}/")
}

fn stream(portal: &PortalId) -> Value {
    json!(format!("pulso-{portal}-events"))
}
