//! One stack under faults: its rows one after the other, and the count at the end.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wire::PortalId;

use super::archive::Archive;
use super::outbox::{Answers, Load, Manner, Outbox};
use super::proxy::Proxy;
use super::report::{Done, Report, Witnesses};
use super::rows::{Bounds, Row};
use crate::ledger::{self, Ledger, Reading};
use crate::stack::{self, AWS_ENV, Keys, SideDoor, Stack, Trial};
use crate::{pack, paths, run};

/// How long a client keeps sending what got no 2xx once everything is healed.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// How long the worker may take to try Kinesis again after an outage: its breaker's longest pause and a bit.
const RECOVERY: Duration = Duration::from_secs(40);
/// How long the retry queue may take to run empty: its longest delay is 15 min (I8), and a batch waits a little more.
const QUEUE_PATIENCE: Duration = Duration::from_mins(16);
/// How long the next row waits for the records of one that forbids duplicates to leave the queue, so that they meet no fault of its own.
const ROW_PATIENCE: Duration = Duration::from_secs(50);
/// Nothing is in the queue any more: what has not come for so long does not come.
const QUIET: Duration = Duration::from_secs(5);
/// How long the backend may take to read what is in the streams.
const BACKEND_PATIENCE: Duration = Duration::from_secs(20);

/// A stack under trial, and its book.
pub(super) struct FaultTrial {
    pub stack: Stack,
    pub proxy: Proxy,
    pub portals: Vec<PortalId>,
    ledger: Ledger,
    ledger_path: PathBuf,
    done: Vec<Done>,
    /// Findings for people that no row's figures tell.
    pub notes: Vec<String>,
    /// Records in the retry queue that wait for a person to have mended something.
    long_waiting: u64,
    /// Messages that were put into the retry queue by another than the worker.
    produced: u64,
    /// Dead letters that have to be there in the end.
    pub dead_wanted: u64,
}

impl FaultTrial {
    /// Starts its stack; a user with few rights is held to have no more.
    pub(super) fn start(port: u16, trial: Trial) -> Result<Self> {
        let stack = Stack::start_trial(super::plan(port), trial)?;
        let ledger_path = stack.folder().join("ledger.tsv");
        let ledger = Ledger::create(&ledger_path)?;
        let portals = pack::portals()?.iter().map(|portal| portal.id.clone()).collect();
        let proxy = Proxy::new(&stack.plan().proxy_url());
        let started = Self {
            stack,
            proxy,
            portals,
            ledger,
            ledger_path,
            done: Vec::new(),
            notes: Vec::new(),
            long_waiting: 0,
            produced: 0,
            dead_wanted: 0,
        };
        if trial.keys == Keys::LeastPrivilege {
            started.check_rights()?;
        }
        Ok(started)
    }

    fn check_rights(&self) -> Result<()> {
        let (id, secret) = self.stack.user().context("the trial has no user")?;
        let (queue, may) = match self.stack.sqs() {
            Some(queues) => (queues.url.as_str(), "put records into the event streams and send to the retry queue"),
            None => ("", "put records into the event streams"),
        };
        let mut check = Command::new(paths::python());
        check.arg(paths::at("tests/oracle/least_privilege.py")).args(["--endpoint", &self.stack.plan().aws_url(), "--queue", queue]);
        let refused = run::output(check.args(["--check", id, secret]).envs(AWS_ENV)).context("the worker's user may do too much")?;
        println!("the worker's user may {may}; refused: {refused}");
        Ok(())
    }

    /// Does a row that needs the proxy alone.
    pub(super) fn row(&mut self, row: &Row) -> Result<()> {
        let begun = Instant::now();
        let before = self.proxy.tally()?;
        let mut outboxes = Vec::new();
        for plan in &row.plans {
            self.proxy.plan(plan)?;
            let outbox = self.outbox(row.load.batches);
            outbox.send(&row.load);
            outboxes.push(outbox);
        }
        std::thread::sleep(row.linger);
        self.proxy.heal()?;
        let faults = self.proxy.tally()?.faults() - before.faults();
        for outbox in &outboxes {
            outbox.resend(row.load.at_once, PATIENCE)?;
        }
        self.enter(Done::new(row.name, row.what, row.expected, row.bounds, faults), &outboxes, begun)?;
        self.recover()?;
        if row.waits_long {
            self.long_waiting = self.pending()?;
        }
        if row.bounds.has_no_duplicates {
            self.await_queue(self.long_waiting, ROW_PATIENCE)?;
        }
        Ok(())
    }

    /// Batches for a row.
    pub(super) fn outbox(&self, batches: usize) -> Outbox {
        Outbox::new(self.stack.plan().port, &self.portals, batches)
    }

    /// Enters a row that is done.
    pub(super) fn enter(&mut self, mut done: Done, outboxes: &[Outbox], begun: Instant) -> Result<()> {
        ensure!(!stack::is_interrupted(), "interrupted");
        self.stack.check()?;
        for outbox in outboxes {
            outbox.write(&mut self.ledger, done.name)?;
            done.answers.add(&outbox.answers());
        }
        println!("  {:<4} {:<86} {:>5.1} s  {}", done.name, done.what, begun.elapsed().as_secs_f32(), done.said());
        self.done.push(done);
        Ok(())
    }

    /// Waits until posts go straight to Kinesis again, so that the next row's faults meet them.
    fn recover(&mut self) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        let load = Load { batches: 2 * self.portals.len(), at_once: 1, per_s: None, manner: Manner::Plain };
        let wanted = u64::try_from(load.batches)?;
        loop {
            let before = self.proxy.tally()?.puts;
            let outbox = self.outbox(load.batches);
            outbox.send(&load);
            outbox.resend(1, PATIENCE)?;
            outbox.write(&mut self.ledger, "between")?;
            if self.proxy.tally()?.puts - before >= wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the worker does not use Kinesis again 40 s after it was healed");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// The outside count, when the retry queue is empty, and how many records are still in it if it did not become so.
    pub(super) fn read(&mut self) -> Result<(Reading, u64)> {
        let pending = self.await_queue(0, QUEUE_PATIENCE)?;
        let reading = Reading::take(&self.ledger_path, self.stack.plan(), QUIET, &self.stack.folder().join("worker"))?;
        Ok((reading, pending))
    }

    /// Waits until no more than this is in the retry queue, or it is too late; what is in it then.
    pub(super) fn await_queue(&mut self, left: u64, patience: Duration) -> Result<u64> {
        let deadline = Instant::now() + patience;
        loop {
            let pending = self.pending()?;
            if pending <= left || Instant::now() > deadline {
                return Ok(pending);
            }
            ensure!(!stack::is_interrupted(), "interrupted");
            self.stack.check()?;
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Records in the retry queue: as SQS says, else by the worker's own count, which begins anew with each worker, as the local queue does.
    fn pending(&self) -> Result<u64> {
        if self.stack.sqs().is_some() {
            return Ok(self.ask_queue::<Waiting>("count")?.waiting);
        }
        let queued = self.produced + self.metric("pulso_retry_queued_total")?;
        Ok(queued.saturating_sub(self.metric("pulso_retry_settled_total")?))
    }

    /// What `tests/oracle/sqs.py` says of the retry queue.
    pub(super) fn ask_queue<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        ledger::oracle("sqs.py", &[OsStr::new(what)], &self.ledger_path, self.stack.plan())
    }

    /// Puts texts or other messages into one of the worker's queues, as one batch.
    pub(super) fn produce(&mut self, queue: &str, messages: &[Value]) -> Result<()> {
        self.stack.produce(queue, messages)?;
        self.produced += u64::try_from(messages.len())?;
        Ok(())
    }

    /// Kills the worker and starts it again with this difference; its queue and its counters begin anew.
    pub(super) fn replace_worker(&mut self, side_door: SideDoor) -> Result<()> {
        self.produced = 0;
        self.stack.replace_side_door(side_door)
    }

    /// One of the worker's metrics.
    pub(super) fn metric(&self, name: &str) -> Result<u64> {
        let url = format!("{}/metrics", self.stack.plan().worker_url());
        let text =
            ureq::get(url).header("Authorization", format!("Bearer {}", self.stack.admin_secret()?)).call()?.body_mut().read_to_string()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.with_context(|| format!("/metrics has no {name}"))?.parse().with_context(|| format!("{name} is no number"))
    }

    /// Counts, asks Firehose's archive and the backend whether it has counted the same, and stops everything.
    pub(super) fn finish(mut self) -> Result<Report> {
        println!("counting what is in the streams, once the retry queue is empty (an independent reader: boto3, JSON Schema)");
        let begun = Instant::now();
        let (reading, pending) = self.read()?;
        println!("counted after {:.1} s", begun.elapsed().as_secs_f32());
        let applied = self.proxy.tally()?.records_applied;
        let figures = self.figures(&reading)?;
        let archive = if self.stack.has_archive() { Some(Archive::count(&self.ledger_path, self.stack.plan())?) } else { None };
        let told_secrets = self.told_secrets()?;
        self.stack.stop()?;
        let dead_wanted = self.dead_wanted;
        Ok(Report::new(self.done, &reading, Witnesses { applied, pending, figures, archive, notes: self.notes, told_secrets, dead_wanted }))
    }

    /// The backend's own count by portal, as soon as it is the outside one, else its last.
    fn figures(&self, reading: &Reading) -> Result<BTreeMap<String, Figures>> {
        let deadline = Instant::now() + BACKEND_PATIENCE;
        let url = format!("{}/figures", self.stack.plan().backend_url());
        loop {
            let said: AllFigures = serde_json::from_str(&stack::get(&url)?)?;
            let is_same = reading.portals.iter().all(|(portal, count)| {
                said.portals
                    .get(portal)
                    .is_some_and(|said| said.events == count.distinct && said.events + said.duplicates == count.sightings)
            });
            if is_same || Instant::now() > deadline {
                return Ok(said.portals);
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Logs that quote a secret.
    fn told_secrets(&self) -> Result<Vec<String>> {
        let secrets = self.stack.worker_secrets();
        let mut told = Vec::new();
        for entry in std::fs::read_dir(self.stack.logs())? {
            let path = entry?.path();
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            if secrets.iter().any(|secret| text.contains(secret.as_str())) {
                told.push(path.display().to_string());
            }
        }
        Ok(told)
    }
}

/// Messages of SQS, hidden and delayed ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Waiting {
    /// In the retry queue.
    pub waiting: u64,
    /// In its dead-letter queue.
    pub dead: u64,
}

#[derive(Deserialize)]
struct AllFigures {
    portals: BTreeMap<String, Figures>,
}

/// What the backend has counted of a portal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Figures {
    /// Interactions: events by id, each once.
    pub events: u64,
    /// Events seen again.
    pub duplicates: u64,
}

impl Answers {
    /// Adds another count.
    fn add(&mut self, other: &Self) {
        for (status, count) in &other.first {
            *self.first.entry(status.clone()).or_default() += count;
        }
        self.resent += other.resent;
        self.without_retry_after += other.without_retry_after;
        self.slowest_ms = self.slowest_ms.max(other.slowest_ms);
    }
}

/// Bounds of a row in which clients have to send again.
pub(super) const SAFE_LATER: Bounds = Bounds { is_safe_at_once: false, has_no_duplicates: false, faults_min: 0 };
