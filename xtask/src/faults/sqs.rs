//! SQS as retry queue, the whole chain: worker, queue, `backend redrive --sqs`, with the faults between them and Kinesis.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::outbox::{Load, Manner, Outbox};
use super::proxy::{always, rate, status};
use super::redrive::{self, Redrive};
use super::report::{Done, Report};
use super::rows::Bounds;
use super::trial::{FaultTrial, Waiting};
use crate::stack::{Queue, SqsQueues, Trial};

/// Some records of a call fail.
const PARTIAL: &str = "3q";
/// Every call fails.
const REFUSED: &str = "2q";
/// Messages that can never be stored.
const POISON: &str = "23q";
/// Messages that were delivered too often.
const SPENT: &str = "24q";
/// The redrive is killed.
const KILLED: &str = "19q";
/// All rows; they come together.
pub(super) const ROWS: [&str; 5] = [PARTIAL, REFUSED, POISON, SPENT, KILLED];

/// How long redrive may take for what is visible: some of it comes back up to 16 s later, as often as it failed.
const DRAIN_PATIENCE: Duration = Duration::from_mins(1);
/// What a killed redrive had taken is hidden for two minutes.
const HIDDEN_PATIENCE: Duration = Duration::from_mins(3);
/// Batches between two kills; a call to SQS brings ten.
const BATCHES_PER_KILL: usize = 20;

/// The stack with that worker.
pub(super) struct Sqs {
    // Before the stack, so that it ends before it.
    redrive: Option<Redrive>,
    trial: FaultTrial,
    queues: SqsQueues,
    poison: u64,
}

/// Where the accepted events are, says `sqs.py hold`.
#[derive(Debug, Deserialize)]
struct Held {
    accepted: u64,
    in_stream: u64,
    in_queue: u64,
    nowhere: u64,
    unknown: u64,
    messages: u64,
}

/// What is in the dead-letter queue, says `sqs.py buried`.
#[derive(Debug, Deserialize)]
struct Buried {
    messages: u64,
    /// Messages that were put in as poison.
    poison: u64,
    /// So many of them are here.
    poison_here: u64,
}

impl Sqs {
    /// Fills the queue, empties it, and checks both. With `kills`, also what takes minutes: the redrive is killed so often.
    pub(super) fn start(port: u16, kills: Option<u32>) -> Result<Self> {
        println!("a worker whose retry queue is in SQS, on port {port}");
        let trial = FaultTrial::start(port, Trial { queue: Queue::Sqs, ..Trial::FAULTS })?;
        let queues = trial.stack.sqs().cloned().context("the trial has no queue in SQS")?;
        let mut sqs = Self { redrive: None, trial, queues, poison: 0 };
        sqs.fill()?;
        sqs.hold()?;
        sqs.redrive_in_vain()?;
        sqs.poison()?;
        sqs.drain()?;
        if let Some(kills) = kills {
            sqs.spend()?;
            sqs.kill(kills)?;
        }
        Ok(sqs)
    }

    /// Waits for what is still hidden, counts and stops.
    pub(super) fn finish(mut self) -> Result<Report> {
        if let Some(mut redrive) = self.redrive.take() {
            self.wait(0, HIDDEN_PATIENCE)?;
            redrive.ask_to_stop()?;
            self.trial.notes.push(format!("redrive after the last kill: {}", redrive.end()?));
        }
        self.only_poison_is_buried()?;
        self.trial.finish()
    }

    fn fill(&mut self) -> Result<()> {
        let partial = json!({ "kind": "partial", "codes": ["ProvisionedThroughputExceededException", "InternalFailure"] });
        self.post(PARTIAL, "records are throttled or fail, 60 % of the calls; then redrive's too, k of n", &rate(60, &partial), 10)?;
        self.post(REFUSED, "Kinesis answers 500 to every call, redrive's too", &down(), 0)
    }

    /// Poison, and good messages behind it.
    fn poison(&mut self) -> Result<()> {
        let begun = Instant::now();
        let before: Waiting = self.trial.ask_queue("count")?;
        let after: Waiting = self.trial.ask_queue("poison")?;
        self.poison = after.waiting - before.waiting;
        let outbox = self.send(30);
        let what = "poison of 10 kinds among good messages";
        let expected = "the good are stored, the poison is in the dead-letter queue after its deliveries, whole";
        self.enter(Done::new(POISON, what, expected, SAFE, self.poison), outbox, begun)
    }

    fn post(&mut self, row: &'static str, what: &'static str, plan: &Value, faults_min: u64) -> Result<()> {
        let begun = Instant::now();
        let before = self.trial.proxy.tally()?.faults();
        self.trial.proxy.plan(plan)?;
        let outbox = self.send(60);
        let faults = self.trial.proxy.tally()?.faults() - before;
        let expected = "all 202 by SQS; redrive stores them, none twice";
        self.enter(Done::new(row, what, expected, Bounds { faults_min, ..SAFE }, faults), outbox, begun)
    }

    fn send(&self, batches: usize) -> Outbox {
        let outbox = self.trial.outbox(batches);
        outbox.send(&Load { batches, at_once: 16, per_s: None, manner: Manner::Plain });
        outbox
    }

    fn enter(&mut self, done: Done, outbox: Outbox, begun: Instant) -> Result<()> {
        let kept = outbox.kept().len();
        ensure!(kept == 0, "row {}: {kept} batches got no 2xx although SQS is up", done.name);
        self.trial.enter(done, &[outbox], begun)
    }

    /// Everything that got a 2xx is in the stream or in SQS, while Kinesis is down.
    fn hold(&mut self) -> Result<()> {
        let Held { accepted, in_stream, in_queue, nowhere, unknown, messages } = self.trial.ask_queue("hold")?;
        ensure!(nowhere == 0, "{nowhere} accepted events are neither in the streams nor in SQS");
        ensure!(unknown == 0, "{unknown} events in the streams or in SQS got no 2xx");
        self.note(format!(
            "Kinesis down: {accepted} events accepted = {in_stream} in the streams + {in_queue} in SQS ({messages} messages)"
        ));
        ensure!(accepted == in_stream + in_queue, "{} events are in a stream and in SQS", in_stream + in_queue - accepted);
        Ok(())
    }

    /// While nothing can be stored, nothing may be deleted.
    fn redrive_in_vain(&mut self) -> Result<()> {
        let faults = self.trial.proxy.tally()?.faults();
        let before: Waiting = self.trial.ask_queue("count")?;
        let mut command = self.command(&self.queues.url);
        // Else the SDK's own tries, with their pauses, make this a quarter of a minute.
        command.env("AWS_MAX_ATTEMPTS", "1");
        let said = redrive::once(command, &self.trial.stack.logs())?;
        let after: Waiting = self.trial.ask_queue("count")?;
        ensure!(before == after, "redrive took messages out of SQS while Kinesis was down: {before:?}, then {after:?}; it said: {said}");
        ensure!(said.contains(" 0 stored, 0 deleted,"), "redrive stored while Kinesis was down: {said}");
        ensure!(self.trial.proxy.tally()?.faults() >= faults + 3, "redrive did not try Kinesis, or too seldom");
        self.note(format!("redrive while Kinesis is down: {said}; in SQS {} before, {} after", before.waiting, after.waiting));
        Ok(())
    }

    /// Redrive stores what is good, first under partial failures, and leaves the poison.
    fn drain(&mut self) -> Result<()> {
        let before = self.trial.proxy.tally()?.faults();
        self.trial.proxy.plan(&rate(60, &json!({ "kind": "partial", "codes": ["ProvisionedThroughputExceededException"] })))?;
        let mut redrive = Redrive::start(self.command(&self.queues.url), &self.trial.stack.logs())?;
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while self.trial.proxy.tally()?.faults() < before + 5 {
            ensure!(Instant::now() < deadline, "redrive makes no calls");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.trial.proxy.heal()?;
        self.wait(self.poison, DRAIN_PATIENCE)?;
        redrive.ask_to_stop()?;
        self.bury()?;
        let said = redrive.end()?;
        self.note(format!("redrive, of its first calls 60 % fail in part: {said}"));
        Ok(())
    }

    /// The queue's redrive policy takes what redrive leaves.
    fn bury(&mut self) -> Result<()> {
        let after: Waiting = self.trial.ask_queue("deliveries")?;
        ensure!(after.waiting == 0, "{} messages are in SQS after their last delivery", after.waiting);
        self.only_poison_is_buried()
    }

    fn only_poison_is_buried(&mut self) -> Result<()> {
        let Buried { messages, poison, poison_here } = self.trial.ask_queue("buried")?;
        ensure!(poison_here == poison, "{poison_here} of {poison} poison messages are in the dead-letter queue");
        ensure!(messages == poison, "{} messages in the dead-letter queue could be stored", messages - poison);
        Ok(())
    }

    /// An outage that outlasts the deliveries: everything is in the dead-letter queue, and redrive takes it from there.
    fn spend(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.trial.proxy.plan(&down())?;
        let outbox = self.send(30);
        let spent: Waiting = self.trial.ask_queue("deliveries")?;
        ensure!(spent.waiting == 0 && spent.dead > self.poison, "the dead-letter queue did not get the messages: {spent:?}");
        self.trial.proxy.heal()?;
        let said = redrive::once(self.command(&self.queues.dead_url), &self.trial.stack.logs())?;
        // The poison is hidden now, each time for longer; what it is is seen at the end.
        let left: Waiting = self.trial.ask_queue("count")?;
        ensure!(left.dead == self.poison, "{} messages are left in the dead-letter queue, {} are poison", left.dead, self.poison);
        let expected = "redrive of the dead-letter queue stores them and leaves the poison";
        let faults = spent.dead - self.poison;
        self.note(format!("{faults} good messages in the dead-letter queue; redrive of it: {said}"));
        let what = "an outage uses up the deliveries: messages in the dead-letter queue";
        self.enter(Done::new(SPENT, what, expected, Bounds { faults_min: 1, ..SAFE }, faults), outbox, begun)
    }

    /// SIGKILL of the redrive between a call to Kinesis and its answer, in turn with the records stored and not.
    fn kill(&mut self, kills: u32) -> Result<()> {
        let begun = Instant::now();
        self.trial.proxy.plan(&down())?;
        let outbox = self.send(BATCHES_PER_KILL * usize::try_from(kills)?);
        for kill in 0..kills {
            let silent = json!({ "kind": "silent", "is_applied": kill % 2 == 1 });
            self.trial.proxy.plan(&json!({ "rules": [{ "when": { "call": 2 }, "faults": [silent] }] }))?;
            let before = self.trial.proxy.tally()?.faults();
            let redrive = Redrive::start(self.command(&self.queues.url), &self.trial.stack.logs())?;
            let deadline = Instant::now() + DRAIN_PATIENCE;
            while self.trial.proxy.tally()?.faults() == before {
                ensure!(Instant::now() < deadline, "redrive makes no second call");
                std::thread::sleep(Duration::from_millis(10));
            }
            redrive.kill()?;
        }
        self.trial.proxy.heal()?;
        self.redrive = Some(Redrive::start(self.command(&self.queues.url), &self.trial.stack.logs())?);
        let expected = "what it had taken is visible again after two minutes; none lost, duplicates allowed";
        let bounds = Bounds { is_safe_at_once: true, has_no_duplicates: false, faults_min: 1 };
        let what = "SIGKILL of the redrive between PutRecords and delete";
        self.enter(Done::new(KILLED, what, expected, bounds, u64::from(kills)), outbox, begun)
    }

    /// Until no more than this waits in SQS.
    fn wait(&mut self, left: u64, patience: Duration) -> Result<()> {
        let waiting = self.trial.await_queue(left, patience)?;
        ensure!(waiting <= left, "{waiting} messages are still in SQS after {} s, of which {left} may stay", patience.as_secs());
        Ok(())
    }

    fn command(&self, queue_url: &str) -> Command {
        self.trial.stack.redrive(queue_url)
    }

    fn note(&mut self, note: String) {
        println!("       {note}");
        self.trial.notes.push(note);
    }
}

/// What is judged, unless a row says otherwise.
const SAFE: Bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 1 };

/// Kinesis takes nothing.
fn down() -> Value {
    always(&status(500, Some("InternalFailure")))
}
