//! Rows that kill a part, or take the worker's queue away.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::outbox::{Load, Manner};
use super::proxy::{always, status};
use super::report::Done;
use super::rows::Bounds;
use super::trial::{FaultTrial, PATIENCE, SAFE_LATER};
use crate::beacon::{Random, now_ms};
use crate::stack::Queue;

/// The worker is killed.
pub(super) const WORKER: &str = "19";
/// The backend is killed.
pub(super) const BACKEND: &str = "41";
/// The queue fails, Kinesis does not.
pub(super) const QUEUE_ALONE: &str = "15";
/// Both fail.
pub(super) const QUEUE_AND_STREAM: &str = "16";

/// Batches between two kills.
const BATCHES_PER_KILL: usize = 50;
/// At this pace they take a second.
const PER_S: u32 = 50;

/// SIGKILL of wrangler and workerd in the middle of posts. Kinesis is healthy, for a local queue dies with the worker.
pub(super) fn worker(trial: &mut FaultTrial, kills: u32) -> Result<()> {
    let begun = Instant::now();
    let mut random = Random::from_entropy(now_ms());
    let mut outboxes = Vec::new();
    for _ in 0..kills {
        let outbox = trial.outbox(BATCHES_PER_KILL);
        let load = Load { batches: BATCHES_PER_KILL, at_once: 8, per_s: Some(PER_S), manner: Manner::Plain };
        let killed = std::thread::scope(|scope| {
            let sending = scope.spawn(|| outbox.send(&load));
            std::thread::sleep(Duration::from_millis(100 + random.below(800)));
            let killed = trial.stack.kill("worker");
            ensure!(sending.join().is_ok(), "the generator panicked");
            killed
        });
        killed?;
        trial.stack.revive("worker")?;
        outbox.resend(8, PATIENCE)?;
        outboxes.push(outbox);
    }
    let expected = "what got a 2xx is in the stream; the client sends the rest again";
    let done = Done::new(WORKER, "SIGKILL of the worker in the middle of posts", expected, SAFE_LATER, u64::from(kills));
    trial.enter(done, &outboxes, begun)
}

/// SIGKILL of the backend while events come in.
pub(super) fn backend(trial: &mut FaultTrial, kills: u32) -> Result<()> {
    let begun = Instant::now();
    let mut random = Random::from_entropy(now_ms());
    let batches = BATCHES_PER_KILL * usize::try_from(kills)?;
    let outbox = trial.outbox(batches);
    let load = Load { batches, at_once: 8, per_s: Some(PER_S), manner: Manner::Plain };
    let outcome = std::thread::scope(|scope| {
        let sending = scope.spawn(|| outbox.send(&load));
        let mut outcome = Ok(());
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(200 + random.below(700)));
            outcome = outcome.and_then(|()| trial.stack.kill("backend")).and_then(|()| trial.stack.revive("backend"));
        }
        ensure!(sending.join().is_ok(), "the generator panicked");
        outcome
    });
    outcome?;
    outbox.resend(8, PATIENCE)?;
    let expected = "the backend goes on where it was: its count of events is that of distinct ids in the streams";
    let bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 1 };
    let done = Done::new(BACKEND, "SIGKILL of the backend while events come in", expected, bounds, u64::from(kills));
    trial.enter(done, &[outbox], begun)
}

/// A worker without its queue, first with Kinesis, then without.
pub(super) fn queue(trial: &mut FaultTrial) -> Result<()> {
    trial.stack.replace_queue(Queue::Absent)?;
    let begun = Instant::now();
    let load = Load { batches: 100, at_once: 16, per_s: None, manner: Manner::Plain };
    let outbox = trial.outbox(load.batches);
    outbox.send(&load);
    let bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 0 };
    let alone = Done::new(QUEUE_ALONE, "every send to the queue fails, Kinesis is healthy", "no effect", bounds, 0);
    trial.enter(alone, &[outbox], begun)?;

    let begun = Instant::now();
    let before = trial.proxy.tally()?;
    trial.proxy.plan(&always(&status(500, Some("InternalFailure"))))?;
    let load = Load { batches: 250, ..load };
    let outbox = trial.outbox(load.batches);
    outbox.send(&load);
    let kept = outbox.kept().len();
    let answers = outbox.answers().clone();
    ensure!(
        kept == load.batches,
        "{} of {} batches got a 2xx while neither Kinesis nor the queue had them",
        load.batches - kept,
        load.batches
    );
    ensure!(answers.first.get("503") == Some(&u64::try_from(kept)?), "not every answer was a 503: {:?}", answers.first);
    ensure!(answers.without_retry_after == 0, "{} 503s without Retry-After", answers.without_retry_after);
    let faults = trial.proxy.tally()?.faults() - before.faults();
    trial.proxy.plan(&json!({}))?;
    outbox.resend(16, PATIENCE)?;
    let expected = "503 + Retry-After each; the client keeps them, and after the heal all arrive";
    let both = Done::new(QUEUE_AND_STREAM, "every send to the queue fails and Kinesis answers 500", expected, SAFE_LATER, faults);
    trial.enter(both, &[outbox], begun)?;
    trial.stack.replace_queue(Queue::Cloudflare)
}
