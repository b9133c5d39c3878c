//! One shard at work: read, transformed, its interactions put, its memory committed with the checkpoint, in that order.
//! Nothing is read ahead of what waits to be put, which is all the back-pressure there is.

mod subject;
mod warm_up;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;
use wire::{DeadLetter, EnvelopeView, Interaction, Origin, Portal};

use crate::error::Result;
use crate::leases::Position;
use crate::platform::board::{Board, Questions};
use crate::platform::clock::{now_ms, uptime};
use crate::platform::dead_letters::DeadLetters;
use crate::platform::interactions;
use crate::platform::kinesis::{Kinesis, Page, Record, Trouble};
use crate::platform::leases::Tombstones;
use crate::platform::store::ShardStore;
use crate::shards::Start;
use crate::stages::{Stage, Volume};
use crate::telemetry::{Delivery, Marks, News};
use crate::transform::{Transform, view_record};

/// Kinesis allows five reads a second and shard to all consumers together: two are ours when nothing waits.
const IDLE: Duration = Duration::from_millis(500);
const BEHIND: Duration = Duration::from_millis(210);
/// What a crash makes again is at most what was read in this time.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Committing takes at most a fifth of the time.
const COMMIT_SHARE: u32 = 5;
/// Waits after troubles: doubled up to the longest.
const WAIT: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(8);

/// What a shard's reader needs.
pub(crate) struct ShardContext {
    pub(crate) kinesis: Kinesis,
    pub(crate) portal: Portal,
    pub(crate) shard: String,
    /// Shards to read before it when its memory is not here, oldest first.
    pub(crate) ancestors: Vec<String>,
    /// When the youngest of them ended.
    pub(crate) ancestors_ended_at_ms: u64,
    pub(crate) store_path: PathBuf,
    pub(crate) is_dev: bool,
    pub(crate) limits: Limits,
    pub(crate) board: Arc<Board>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) tombstones: watch::Receiver<Tombstones>,
}

/// How much a shard may remember in memory, for the store has the rest, and how long it waits for what is missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) pageviews: usize,
    pub(crate) visitors: usize,
    /// How long a pageview is quiet before its gaps are counted as lost.
    pub(crate) loss_settle_ms: u64,
}

/// How far it has come, for whoever renews the lease. Only what is durable stands here.
pub(crate) type Progress = Arc<Mutex<Option<Position>>>;

/// Why it ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The shard has no more records.
    Drained,
    /// Somebody asked.
    Stopped,
}

struct Worker<'a> {
    context: &'a ShardContext,
    progress: &'a Progress,
    transform: Transform,
    store: ShardStore,
    /// Everything up to here is in the transform, and its interactions in the second stream.
    position: Option<Position>,
    /// What the totals were when they were last told, and how the records since then came.
    told: Marks,
    delivery: Delivery,
    committed: Instant,
    commit_after: Duration,
    is_dirty: bool,
    /// Tombstones up to this time were obeyed by the store.
    obeyed_ms: u64,
    has_buried: bool,
    tombstones: watch::Receiver<Tombstones>,
    questions: Questions,
}

/// Reads until the shard ends or `stop` is closed.
///
/// # Errors
/// A store that cannot be used. Kinesis may come and go.
pub(crate) async fn run(context: ShardContext, progress: Progress, mut stop: watch::Receiver<()>) -> Result<Ending> {
    let known = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (mut worker, is_warm) = tokio::task::block_in_place(|| open(&context, &progress, known))?;
    if !is_warm && is_stopped(&mut stop, worker.warm_up()).await.is_none() {
        return Ok(Ending::Stopped);
    }
    let mut wait = WAIT;
    loop {
        let before = worker.position.clone();
        let outcome = worker.read_on(&mut stop).await;
        if worker.position != before {
            wait = WAIT;
        }
        match outcome {
            Ok(ending) => return Ok(ending),
            Err(Failure::Fatal(error)) => return Err(*error),
            Err(Failure::Passing(trouble)) => {
                context.note_trouble(&trouble);
                if is_stopped(&mut stop, sleep(wait)).await.is_none() {
                    worker.commit()?;
                    return Ok(Ending::Stopped);
                }
                wait = (wait * 2).min(WAIT_MAX);
                // A reader's rights do not wait for the stream.
                worker.bury()?;
                worker.answer()?;
            }
        }
    }
}

/// What comes of `work`, or `None` when somebody asks to stop first.
async fn is_stopped<T>(stop: &mut watch::Receiver<()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // A change or the end of the other side: both mean stop.
        _ = stop.changed() => None,
        result = work => Some(result),
    }
}

enum Failure {
    Passing(Trouble),
    Fatal(Box<crate::error::Error>),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Passing(trouble)
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        Self::Fatal(Box::new(error))
    }
}

/// As if all of them were new.
fn fresh(tombstones: &watch::Receiver<Tombstones>) -> watch::Receiver<Tombstones> {
    let mut own = tombstones.clone();
    own.mark_changed();
    own
}

/// Its own store when that is as far as the lease; else an empty one, whose memory has to be read again. Says which.
fn open<'a>(context: &'a ShardContext, progress: &'a Progress, known: Option<Position>) -> Result<(Worker<'a>, bool)> {
    let store = ShardStore::open(&context.store_path)?;
    let (position, totals, obeyed_ms) = store.state()?;
    let mut transform = Transform::new(context.portal.clone(), context.is_dev).settling_after(context.limits.loss_settle_ms);
    let is_ours = match (&position, &known) {
        (Some(position), Some(known)) => position.reaches(known),
        (Some(_), None) => true,
        (None, _) => false,
    };
    let worker = |transform: Transform, store, position, obeyed_ms| Worker {
        context,
        progress,
        told: Marks::of(&transform.totals),
        delivery: Delivery::default(),
        transform,
        store,
        position,
        committed: Instant::now(),
        commit_after: COMMIT_EVERY,
        is_dirty: false,
        obeyed_ms,
        has_buried: false,
        tombstones: fresh(&context.tombstones),
        questions: context.board.open_questions(&context.portal.id, &context.shard),
    };
    if is_ours {
        transform.totals = totals;
        let mut worker = worker(transform, store, position, obeyed_ms);
        worker.bury()?;
        return Ok((worker, true));
    }
    drop(store);
    // Another process has come further: what is here is of an earlier time.
    let _ = std::fs::remove_file(&context.store_path);
    // Empty: nothing of anybody is in it.
    let mut worker = worker(transform, ShardStore::open(&context.store_path)?, known, u64::MAX);
    worker.bury()?;
    Ok((worker, false))
}

impl Worker<'_> {
    async fn read_on(&mut self, stop: &mut watch::Receiver<()>) -> std::result::Result<Ending, Failure> {
        let stream = self.context.portal.events_stream();
        let start = match &self.position {
            Some(position) => Start::After(position.sequence_number.clone()),
            None => Start::TrimHorizon,
        };
        let mut iterator = match self.context.kinesis.iterator(&stream, &self.context.shard, &start).await {
            // A sequence number that the stream does not know, but we know when its record came.
            Err(Trouble::Refused(_)) => {
                let since_ms = self.position.as_ref().map_or(0, |position| position.arrived_at_ms);
                self.context.kinesis.iterator(&stream, &self.context.shard, &Start::Since(since_ms)).await?
            }
            outcome => outcome?,
        };
        loop {
            let Some(page) = is_stopped(stop, self.context.kinesis.records(&iterator)).await else { return self.stop() };
            let page = page?;
            self.bury()?;
            let (interactions, poison) = self.take(&page)?;
            let effects = self.effects(&poison, &interactions);
            // Between the transform and its effects there is no commit: what is dropped here is made again by the next.
            if is_stopped(stop, effects).await.is_none() {
                return Ok(Ending::Stopped);
            }
            self.advance(&page);
            let Some(next) = page.next else { return self.drained() };
            if self.is_dirty && self.committed.elapsed() >= self.commit_after {
                self.commit()?;
            }
            self.answer()?;
            iterator = next;
            let pause = if page.behind_ms == 0 { IDLE } else { BEHIND };
            if is_stopped(stop, sleep(pause)).await.is_none() {
                return self.stop();
            }
        }
    }

    fn stop(&mut self) -> std::result::Result<Ending, Failure> {
        self.commit()?;
        Ok(Ending::Stopped)
    }

    fn drained(&mut self) -> std::result::Result<Ending, Failure> {
        let nothing = || Position { sequence_number: "0".to_owned(), arrived_at_ms: now_ms(), is_drained: false };
        self.position.get_or_insert_with(nothing).is_drained = true;
        self.is_dirty = true;
        self.commit()?;
        let context = self.context;
        context.board.shard(&context.portal.id, &context.shard, |facts| {
            facts.position.clone_from(&self.position);
            // Nobody reads it any more: it is not behind, and answers nothing.
            facts.behind_ms = None;
            facts.question = None;
        });
        Ok(Ending::Drained)
    }

    /// Ends when all of it is durable.
    async fn effects(&self, poison: &[DeadLetter], interactions: &[Interaction]) {
        let context = self.context;
        for letter in poison {
            let unit = context.board.stages.begin(Stage::DeadLetter, Some(&context.portal.id), uptime());
            unit.carry(Volume { records_in: 1, bytes_in: letter.body.len(), ..Volume::default() });
            let bytes_out = context.dead_letters.keep(letter, || unit.failed("unkept")).await;
            unit.done(uptime(), Volume { records_out: 1, bytes_out, ..Volume::default() });
        }
        interactions::put(&context.kinesis, &context.board, &context.portal, interactions).await;
    }

    /// Transforms a page. Dropped halfway it leaves no trace: the next to read it begins from the last commit.
    fn take(&mut self, page: &Page) -> std::result::Result<(Vec<Interaction>, Vec<DeadLetter>), Failure> {
        let context = self.context;
        let unit = context.board.stages.begin(Stage::Transform, Some(&context.portal.id), uptime());
        let (mut out, mut poison, mut probes) = (Vec::new(), Vec::new(), Volume::default());
        tokio::task::block_in_place(|| -> Result<()> {
            let mut parsed: Vec<(EnvelopeView<'_>, u64)> = Vec::with_capacity(page.records.len());
            for record in &page.records {
                match view_record(&record.data, &self.context.portal.id) {
                    Ok(view) => {
                        if view.batch.events.is_empty() {
                            probes.records_in += 1;
                            probes.bytes_in += record.data.len();
                        }
                        parsed.push((view, record.arrived_at_ms));
                    }
                    Err(why) => poison.push(self.context.letter(record, why.summary())),
                }
            }
            self.transform.totals.counts.poison += u64::try_from(poison.len()).unwrap_or(0);
            self.store.recall(&mut self.transform, parsed.iter().map(|(envelope, _)| (envelope.batch.pageview, envelope.edge.visitor)))?;
            for (envelope, arrived_at_ms) in &parsed {
                self.transform.apply(envelope, *arrived_at_ms, &mut out);
                if !envelope.batch.events.is_empty() {
                    self.delivery.see(envelope, *arrived_at_ms);
                }
            }
            Ok(())
        })
        .inspect_err(|_| unit.failed("store"))?;
        let bytes_in = page.records.iter().map(|record| record.data.len()).sum::<usize>() - probes.bytes_in;
        // The edge probes every stream each minute: a portal that nobody reads must not look as if somebody did.
        let records_in = page.records.len() - probes.records_in;
        unit.done(uptime(), Volume { records_in, bytes_in, records_out: out.len(), bytes_out: 0 });
        Ok((out, poison))
    }

    fn advance(&mut self, page: &Page) {
        if let Some(last) = page.records.last() {
            let position = Position { sequence_number: last.sequence_number.clone(), arrived_at_ms: last.arrived_at_ms, is_drained: false };
            self.position = Some(position);
            self.is_dirty = true;
        }
        let context = self.context;
        let marks = Marks::of(&self.transform.totals);
        let (delivery, edge) = (std::mem::take(&mut self.delivery), std::mem::take(&mut self.transform.tally));
        context.board.tell(&context.portal.id, &News { marks: marks.since(self.told), delivery, edge });
        self.told = marks;
        context.board.shard(&context.portal.id, &context.shard, |facts| {
            facts.totals = self.transform.totals.clone();
            facts.position.clone_from(&self.position);
            facts.behind_ms = Some(page.behind_ms);
            facts.last_read_at_ms = now_ms();
            facts.pageviews_in_memory = self.transform.pageviews.len();
            facts.visitors_in_memory = self.transform.visitors.len();
            if facts.last_error.take().is_some() {
                tracing::info!(stream = context.portal.events_stream(), shard = context.shard, "the stream is back");
            }
        });
    }

    fn commit(&mut self) -> Result<()> {
        let Some(position) = self.position.clone().filter(|_| self.is_dirty) else { return Ok(()) };
        let (begun, context) = (Instant::now(), self.context);
        let unit = context.board.stages.begin(Stage::Commit, Some(&context.portal.id), uptime());
        let outcome = tokio::task::block_in_place(|| self.store.commit(&mut self.transform, &position, self.obeyed_ms));
        outcome.inspect_err(|_| unit.failed("unwritable"))?;
        self.transform.trim(context.limits.pageviews, context.limits.visitors);
        unit.done(uptime(), Volume::default());
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
        self.commit_after = COMMIT_EVERY.max(begun.elapsed() * COMMIT_SHARE);
        self.committed = Instant::now();
        self.is_dirty = false;
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A `String` takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl ShardContext {
    /// A record that is none, whole: what is no text is written in hex digits.
    fn letter(&self, record: &Record, reason: String) -> DeadLetter {
        let stream = self.portal.events_stream();
        tracing::warn!(stream, shard = self.shard, sequence_number = record.sequence_number, reason, "poison record");
        let (body, encoding) = match std::str::from_utf8(&record.data) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (hex(&record.data), Some("hex".to_owned())),
        };
        let origin = Origin { stream, shard: self.shard.clone(), sequence_number: record.sequence_number.clone(), encoding };
        DeadLetter { v: 1, reason, attempts: 1, at_ms: record.arrived_at_ms, body, origin: Some(Box::new(origin)) }
    }

    fn note_trouble(&self, trouble: &Trouble) {
        if let Trouble::IteratorExpired = trouble {
            return;
        }
        let stream = self.portal.events_stream();
        self.board.stages.failed(Stage::Transform, Some(&self.portal.id), trouble.code());
        self.board.shard(&self.portal.id, &self.shard, |facts| {
            if facts.last_error.is_none() {
                tracing::warn!(stream, shard = self.shard, "cannot read the stream, trying again: {trouble}");
            }
            facts.last_error = Some(trouble.to_string());
        });
    }
}
