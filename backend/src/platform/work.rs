//! What the jobs of this process share, and how each is begun.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use wire::{Portal, PortalId};

use crate::error::{Error, Result};
use crate::leases::Job;
use crate::platform::admin::Admin;
use crate::platform::board::Board;
use crate::platform::clock::{now_ms, uptime};
use crate::platform::dead_letters::DeadLetters;
use crate::platform::desk::Desk;
use crate::platform::files::DataFolder;
use crate::platform::kinesis::Kinesis;
use crate::platform::leases::Tombstones;
use crate::platform::shard::{Ending, Limits, ShardContext};
use crate::platform::{publisher, reader};
use crate::stages::{Stage, Volume};
use crate::state::Guard;

/// What a crash costs is read again from the stream: no need to write more often.
const SAVE_EVERY: Duration = Duration::from_secs(3);
/// Large snapshots are written less often: saving takes at most a tenth of the time.
const SAVE_SHARE: u32 = 10;
/// How long the last publication may take when the portal is let go.
const LAST_PUBLICATION: Duration = Duration::from_secs(2);

/// Everything that jobs share.
pub(crate) struct Work {
    pub(crate) kinesis: Kinesis,
    pub(crate) board: Arc<Board>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) folder: Arc<DataFolder>,
    pub(crate) portals: Vec<Portal>,
    pub(crate) is_dev: bool,
    pub(crate) limits: Limits,
    /// Who publishes; a consumer alone does not.
    pub(crate) publishing: Option<Publishing>,
}

/// Where models go, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Publishing {
    pub(crate) admin: Admin,
    pub(crate) every_ms: u64,
}

impl Work {
    /// What a shard's reader needs; `None` when its store has no place.
    pub(crate) fn shard_context(
        &self,
        job: &Job,
        portal: &Portal,
        shard: &str,
        (ancestors, ancestors_ended_at_ms): (Vec<String>, u64),
        tombstones: watch::Receiver<Tombstones>,
    ) -> Option<ShardContext> {
        let store_path = match self.folder.store(job) {
            Ok(path) => path,
            Err(error) => {
                tracing::error!("{error}");
                return None;
            }
        };
        self.board.open_shard(&portal.id, shard, now_ms());
        Some(ShardContext {
            kinesis: self.kinesis.clone(),
            portal: portal.clone(),
            shard: shard.to_owned(),
            ancestors,
            ancestors_ended_at_ms,
            store_path,
            is_dev: self.is_dev,
            limits: self.limits,
            board: Arc::clone(&self.board),
            dead_letters: Arc::clone(&self.dead_letters),
            tombstones,
        })
    }

    /// Keeps a portal's state and publishes it, until `stop` is closed.
    pub(crate) fn start_portal(&self, portal: &PortalId, stop: watch::Receiver<()>) -> JoinHandle<Result<Ending>> {
        let portal = self.portals.iter().find(|known| known.id == *portal).cloned();
        let (kinesis, board, folder, publishing) =
            (self.kinesis.clone(), Arc::clone(&self.board), Arc::clone(&self.folder), self.publishing.clone());
        let guard = Guard::of(self.is_dev);
        tokio::spawn(async move {
            let Some(portal) = portal else { return Ok(Ending::Stopped) };
            let id = portal.id.clone();
            let desk = Arc::new(Desk::new(portal, folder.load(&id)?, Arc::clone(&board), guard));
            board.set_desk(&id, Some(Arc::clone(&desk)));
            keep_portal(&desk, &kinesis, publishing, &folder, stop).await
        })
    }

    /// Another process has the job now: once its task has ended, nothing of it stays here.
    pub(crate) fn forget_later(&self, job: &Job, task: JoinHandle<Result<Ending>>) {
        let (job, board, store) = (job.clone(), Arc::clone(&self.board), self.folder.store(job));
        tokio::spawn(async move {
            let _ = task.await;
            match &job {
                Job::Shard { portal, shard, .. } => board.forget_shard(portal, shard),
                Job::Portal(portal) => board.set_desk(portal, None),
            }
            if let (Job::Shard { .. }, Ok(store)) = (&job, store) {
                let _ = std::fs::remove_file(store);
            }
        });
    }

    /// The shard is drained or no more: what was remembered of its readers goes. Its children read what they need from the stream.
    pub(crate) fn delete_store(&self, job: &Job) {
        if let (Job::Shard { .. }, Ok(store)) = (job, self.folder.store(job)) {
            // Most were never here.
            let _ = std::fs::remove_file(store);
        }
    }
}

async fn keep_portal(
    desk: &Arc<Desk>,
    kinesis: &Kinesis,
    publishing: Option<Publishing>,
    folder: &Arc<DataFolder>,
    mut stop: watch::Receiver<()>,
) -> Result<Ending> {
    let (reading, stop_reading) = watch::channel(());
    let (publication, stop_publication) = watch::channel(());
    let reader = tokio::spawn(reader::read_stream(kinesis.clone(), Arc::clone(desk), stop_reading));
    let publisher = publishing.map(|to| tokio::spawn(publisher::publish(Arc::clone(desk), to.admin, to.every_ms, stop_publication)));
    let saver = tokio::spawn(save_now_and_then(Arc::clone(desk), Arc::clone(folder)));
    let _ = stop.changed().await;
    drop(reading);
    let _ = reader.await;
    drop(publication);
    if let Some(publisher) = publisher {
        let _ = timeout(LAST_PUBLICATION, publisher).await;
    }
    saver.abort();
    // It ends where it sleeps; a write that has begun is finished first.
    let _ = saver.await;
    tokio::task::block_in_place(|| save(desk, folder, &mut 0))?;
    Ok(Ending::Stopped)
}

async fn save_now_and_then(desk: Arc<Desk>, folder: Arc<DataFolder>) {
    let (mut saved, mut wait) = (0, SAVE_EVERY);
    loop {
        sleep(wait).await;
        let begun = Instant::now();
        if let Err(error) = tokio::task::block_in_place(|| save(&desk, &folder, &mut saved)) {
            tracing::error!("{error}");
        }
        wait = SAVE_EVERY.max(begun.elapsed() * SAVE_SHARE);
    }
}

/// Writes the snapshot if it changed since `saved`.
fn save(desk: &Desk, folder: &DataFolder, saved: &mut u64) -> Result<()> {
    let changes = desk.changes();
    if changes == *saved {
        return Ok(());
    }
    let unit = desk.board.stages.begin(Stage::Snapshot, Some(&desk.portal.id), uptime());
    let encoded = desk.snapshot().encode();
    let outcome = encoded
        .map_err(|why| Error::SnapshotUnwritable { path: desk.portal.id.as_str().into(), source: io::Error::other(why) })
        .and_then(|bytes| folder.save(&desk.portal.id, &bytes).map(|()| bytes.len()));
    let mut facts = desk.facts();
    match &outcome {
        Ok(bytes_out) => {
            *saved = changes;
            facts.last_snapshot_at_ms = now_ms();
            facts.snapshot_error = None;
            unit.done(uptime(), Volume { bytes_out: *bytes_out, ..Volume::default() });
        }
        Err(error) => {
            unit.failed("unwritable");
            facts.snapshot_error = Some(error.to_string());
        }
    }
    outcome.map(drop)
}
