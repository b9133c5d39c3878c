//! This process among others: takes leases, works on what it holds, renews, lets go of what was taken from it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use wire::{Portal, PortalId};

use crate::error::Result;
use crate::leases::{Job, Lease, Position, Table, Watch};
use crate::lineage;
use crate::platform::clock::{now_ms, uptime};
use crate::platform::kinesis::{Kinesis, Trouble};
use crate::platform::leases::{LeaseTable, Tombstones};
use crate::platform::shard::{self, Ending, Progress, ShardContext};
use crate::platform::work::Work;
use crate::shards::Shard;
use crate::stages::{Stage, Volume};

/// How often leases are renewed and looked at: a third of what a dead one is given.
const ROUND: Duration = Duration::from_secs(3);
/// The same until every stream was found.
const IMPATIENT: Duration = Duration::from_secs(1);
/// New shards are looked for so often; after a drained one at once.
const SURVEY: Duration = Duration::from_secs(10);
/// How long a survey may take while others wait for our leases.
const SURVEY_PATIENCE: Duration = Duration::from_secs(5);
/// How long a job that has failed here is left to others.
const SIT_OUT: Duration = Duration::from_secs(30);
/// How long the last commits may take when the process has to end.
const LAST_COMMITS: Duration = Duration::from_secs(8);

/// The leases of this process.
pub(crate) struct Crew {
    me: String,
    table: Arc<LeaseTable>,
    watch: Watch,
    work: Arc<Work>,
    portals: Vec<Portal>,
    /// Which kinds of job this process does at all.
    with_portals: bool,
    creates_streams: bool,
    held: BTreeMap<Job, Held>,
    listings: BTreeMap<PortalId, Listing>,
    surveyed: Option<Instant>,
    /// What failed here lately: another may have more luck.
    failed: BTreeMap<Job, Instant>,
    tombstones: watch::Sender<Tombstones>,
}

struct Held {
    lease: Lease,
    progress: Progress,
    stop: watch::Sender<()>,
    task: JoinHandle<Result<Ending>>,
}

struct Listing {
    stream_created_at_ms: u64,
    shards: Vec<Shard>,
}

impl Crew {
    pub(crate) fn new(table: Arc<LeaseTable>, work: Arc<Work>, portals: Vec<Portal>, with_portals: bool, creates_streams: bool) -> Self {
        // In containers every process has the same number.
        let chance = std::hash::RandomState::new().build_hasher().finish();
        let me = format!("{}-{chance:016x}", std::process::id());
        let (tombstones, _) = watch::channel(Tombstones::new());
        Self {
            me,
            table,
            watch: Watch::default(),
            work,
            portals,
            with_portals,
            creates_streams,
            held: BTreeMap::new(),
            listings: BTreeMap::new(),
            surveyed: None,
            failed: BTreeMap::new(),
            tombstones,
        }
    }

    /// Works until `stop` is closed, then lets go of everything, so that others need not wait.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<()>) {
        tracing::info!(me = self.me, "at work");
        loop {
            let board = Arc::clone(&self.work.board);
            let unit = board.stages.begin(Stage::Lease, None, uptime());
            match self.round().await {
                Ok(()) => {
                    unit.done(uptime(), Volume::default());
                    board.is_ready.fetch_or(self.surveyed.is_some(), Ordering::Relaxed);
                }
                Err(why) => {
                    unit.failed("unavailable");
                    drop(unit);
                    tracing::warn!("the table of leases or a stream is away, trying again: {why}");
                }
            }
            let pause = if self.surveyed.is_some() { ROUND } else { IMPATIENT };
            tokio::select! {
                _ = stop.changed() => break,
                () = sleep(pause) => {}
                () = ended(&self.held) => {}
            }
        }
        self.let_go().await;
    }

    async fn round(&mut self) -> std::result::Result<(), String> {
        // First what others wait for.
        self.renew().await?;
        self.settle_ended().await?;
        let (mut table, tombstones) = self.table.list().await?;
        if self.surveyed.is_none_or(|at| at.elapsed() >= SURVEY) {
            // A stream that does not answer must not cost the leases.
            let is_done = tokio::time::timeout(SURVEY_PATIENCE, self.survey(&table)).await.unwrap_or(false);
            self.surveyed = Some(Instant::now()).filter(|_| is_done || self.is_complete());
            (table, _) = self.table.list().await?;
        }
        self.tombstones.send_if_modified(|known| {
            let is_news = *known != tombstones;
            *known = tombstones;
            is_news
        });
        self.tidy(&table).await?;
        let wanted = {
            let (listings, held, failed) = (&self.listings, &self.held, &self.failed);
            let sits_out = |job: &Job| failed.get(job).is_some_and(|at| at.elapsed() < SIT_OUT);
            let is_mine = |job: &Job| match job {
                // Another process may know more portals.
                Job::Portal(portal) => self.with_portals && self.portals.iter().any(|known| known.id == *portal),
                Job::Shard { .. } => is_ready(job, &table, listings),
            };
            let is_ready = |job: &Job| held.contains_key(job) || (!sits_out(job) && is_mine(job));
            self.watch.wanted(&table, &self.me, now_ms(), |job| held.contains_key(job), is_ready)
        };
        for job in wanted {
            self.take(job, &table).await?;
        }
        Ok(())
    }

    /// Looks which shards there are, and enters those that are new. A stream that is away holds up no other.
    async fn survey(&mut self, table: &Table) -> bool {
        let mut is_complete = true;
        for portal in self.portals.clone() {
            if let Err(why) = self.survey_portal(&portal, table).await {
                is_complete = false;
                self.work.board.stages.failed(Stage::Lease, None, why.code());
                tracing::warn!(stream = portal.events_stream(), "the stream is away, trying again: {why}");
            }
        }
        is_complete
    }

    /// Whether every portal's stream was found once.
    fn is_complete(&self) -> bool {
        self.portals.iter().all(|portal| self.listings.contains_key(&portal.id))
    }

    async fn survey_portal(&mut self, portal: &Portal, table: &Table) -> std::result::Result<(), Trouble> {
        let kinesis: &Kinesis = &self.work.kinesis;
        if self.creates_streams {
            for stream in [portal.events_stream(), portal.interactions_stream()] {
                if let Err(Trouble::Missing(_)) = kinesis.created_at_ms(&stream).await {
                    kinesis.create(&stream).await?;
                    tracing::info!(stream, "stream made");
                }
            }
        }
        let stream_created_at_ms = kinesis.created_at_ms(&portal.events_stream()).await?;
        let shards = kinesis.shards(&portal.events_stream()).await?;
        let shard_jobs = shards.iter().map(|shard| job(portal, stream_created_at_ms, &shard.id));
        let whole = self.with_portals.then(|| Job::Portal(portal.id.clone()));
        let new: Vec<Job> = shard_jobs.chain(whole).filter(|job| !table.contains_key(job)).collect();
        for job in &new {
            self.table.add(job).await.map_err(Trouble::Away)?;
        }
        self.listings.insert(portal.id.clone(), Listing { stream_created_at_ms, shards });
        Ok(())
    }

    /// Counts up what is held, with how far it has come. What was taken from us is let go.
    async fn renew(&mut self) -> std::result::Result<(), String> {
        let mut lost = Vec::new();
        for (job, held) in &mut self.held {
            if is_of_old_stream(job, &self.listings) {
                lost.push(job.clone());
                continue;
            }
            let position = held.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let next = Lease { owner: Some(self.me.clone()), counter: held.lease.counter + 1, position };
            if self.table.replace(job, held.lease.counter, &next).await? {
                held.lease = next;
            } else {
                lost.push(job.clone());
            }
        }
        for job in lost {
            tracing::info!(job = job.key(), "another process has it now, or its stream was made anew");
            // It stops at its next safe point, without our waiting; what it still puts, the other makes too, under the same ids.
            if let Some(held) = self.held.remove(&job) {
                self.work.forget_later(&job, held.task);
            }
        }
        Ok(())
    }

    async fn take(&mut self, job: Job, table: &Table) -> std::result::Result<(), String> {
        let Some(known) = table.get(&job) else { return Ok(()) };
        let lease = Lease { owner: Some(self.me.clone()), counter: known.counter + 1, position: known.position.clone() };
        if !self.table.replace(&job, known.counter, &lease).await? {
            return Ok(());
        }
        tracing::info!(job = job.key(), from = known.owner, "taken");
        self.work.board.heal(&job);
        let progress: Progress = Arc::new(Mutex::new(lease.position.clone()));
        let (stop, stopped) = watch::channel(());
        let task = match &job {
            Job::Portal(portal) => self.work.start_portal(portal, stopped),
            Job::Shard { portal, shard, .. } => {
                let Some(context) = self.context(&job, portal, shard, table) else { return Ok(()) };
                tokio::spawn(shard::run(context, Arc::clone(&progress), stopped))
            }
        };
        self.held.insert(job, Held { lease, progress, stop, task });
        Ok(())
    }

    fn context(&self, job: &Job, portal: &PortalId, shard: &str, table: &Table) -> Option<ShardContext> {
        let portal = self.portals.iter().find(|known| known.id == *portal)?;
        let listing = self.listings.get(&portal.id)?;
        let ended = |id: &str| position(table, &self::job(portal, listing.stream_created_at_ms, id));
        let ended_at_ms = |id: &String| ended(id).map_or(0, |position| position.arrived_at_ms);
        let own_ms = position(table, job).map(|position| position.arrived_at_ms);
        let parents = listing.shards.iter().find(|known| known.id == shard).map(|known| known.parents.as_slice()).unwrap_or_default();
        let ancestors_ended_at_ms = parents.iter().map(ended_at_ms).max().unwrap_or(0);
        let since_ms = own_ms.unwrap_or(ancestors_ended_at_ms).saturating_sub(crate::transform::REWIND_MS);
        let ancestors = lineage::ancestors(shard, &listing.shards, since_ms, ended);
        self.work.shard_context(job, portal, shard, (ancestors, ancestors_ended_at_ms), self.tombstones.subscribe())
    }

    /// Takes note of what has ended by itself.
    async fn settle_ended(&mut self) -> std::result::Result<(), String> {
        let done: Vec<Job> = self.held.iter().filter(|(_, held)| held.task.is_finished()).map(|(job, _)| job.clone()).collect();
        for job in done {
            let Some(held) = self.held.remove(&job) else { continue };
            match held.task.await {
                Ok(Ok(Ending::Drained)) => {
                    tracing::info!(job = job.key(), "drained");
                    self.surveyed = None;
                    self.work.delete_store(&job);
                }
                Ok(Ok(Ending::Stopped)) => {}
                Ok(Err(error)) => {
                    tracing::error!(job = job.key(), "{error}");
                    self.work.board.fail(&job, &error.to_string());
                    self.failed.insert(job.clone(), Instant::now());
                }
                Err(error) => {
                    tracing::error!(job = job.key(), "its task has ended: {error}");
                    self.work.board.fail(&job, "its task has ended");
                    self.failed.insert(job.clone(), Instant::now());
                }
            }
            let position = held.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lease = Lease { owner: None, counter: held.lease.counter + 1, position };
            self.table.replace(&job, held.lease.counter, &lease).await?;
        }
        Ok(())
    }

    /// Removes jobs of streams and shards that are no more, once nobody works on them.
    async fn tidy(&self, table: &Table) -> std::result::Result<(), String> {
        for (job, lease) in table {
            let Job::Shard { portal, stream_created_at_ms, shard } = job else { continue };
            let Some(listing) = self.listings.get(portal) else { continue };
            let is_listed = listing.shards.iter().any(|known| known.id == *shard);
            let is_old = *stream_created_at_ms < listing.stream_created_at_ms;
            // What was never drained may be new, and our listing old.
            let is_drained = lease.position.as_ref().is_some_and(|position| position.is_drained);
            if is_old || (!is_listed && is_drained && lease.owner.is_none()) {
                tracing::info!(job = job.key(), "is no more");
                self.table.remove(job, lease.counter).await?;
                self.work.delete_store(job);
            }
        }
        Ok(())
    }

    /// Stops everything, commits, and says in the table how far it came and that it is free.
    async fn let_go(mut self) {
        let held = std::mem::take(&mut self.held);
        let tasks: Vec<_> = held
            .into_iter()
            .map(|(job, Held { lease, progress, stop, task })| {
                drop(stop);
                (job, lease, progress, task)
            })
            .collect();
        let deadline = Instant::now() + LAST_COMMITS;
        for (job, lease, progress, task) in tasks {
            let _ = tokio::time::timeout(deadline.saturating_duration_since(Instant::now()), task).await;
            let position = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let free = Lease { owner: None, counter: lease.counter + 1, position };
            if let Err(why) = self.table.replace(&job, lease.counter, &free).await {
                tracing::warn!(job = job.key(), "could not be let go, others will wait ten seconds: {why}");
            }
        }
    }
}

/// Until one of the tasks has ended.
async fn ended(held: &BTreeMap<Job, Held>) {
    while !held.values().any(|held| held.task.is_finished()) {
        sleep(Duration::from_millis(200)).await;
    }
}

fn job(portal: &Portal, stream_created_at_ms: u64, shard: &str) -> Job {
    Job::Shard { portal: portal.id.clone(), stream_created_at_ms, shard: shard.to_owned() }
}

fn position(table: &Table, job: &Job) -> Option<Position> {
    table.get(job)?.position.clone()
}

/// Whether a later stream of the same name has taken its place.
fn is_of_old_stream(job: &Job, listings: &BTreeMap<PortalId, Listing>) -> bool {
    let Job::Shard { portal, stream_created_at_ms, .. } = job else { return false };
    listings.get(portal).is_some_and(|listing| *stream_created_at_ms < listing.stream_created_at_ms)
}

fn is_ready(job: &Job, table: &Table, listings: &BTreeMap<PortalId, Listing>) -> bool {
    let Job::Shard { portal, stream_created_at_ms, shard } = job else { return false };
    let Some(listing) = listings.get(portal).filter(|listing| listing.stream_created_at_ms == *stream_created_at_ms) else { return false };
    let drained: BTreeSet<&str> = table
        .iter()
        .filter_map(|(other, lease)| match other {
            Job::Shard { portal: of, stream_created_at_ms: created, shard } if of == portal && created == stream_created_at_ms => {
                lease.position.as_ref().filter(|position| position.is_drained).map(|_| shard.as_str())
            }
            Job::Shard { .. } | Job::Portal(_) => None,
        })
        .collect();
    let known = listing.shards.iter().find(|known| known.id == *shard);
    known.is_some_and(|known| lineage::is_ready(known, &listing.shards, |id| drained.contains(id)))
}
