//! `backend serve`: starts the readers, the publishers, the saver and the HTTP server, and stops them in that order.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::Portals;

use crate::args::ServeArgs;
use crate::error::{Error, Result};
use crate::platform::admin::Admin;
use crate::platform::clock::now_ms;
use crate::platform::desk::Desk;
use crate::platform::files::{self, DataFolder};
use crate::platform::kinesis::Kinesis;
use crate::platform::signals::Signals;
use crate::platform::{http, publisher, reader};

/// What a crash costs is read again from the stream: no need to write more often.
const SAVE_EVERY: Duration = Duration::from_secs(3);
/// Large snapshots are written less often: saving takes at most a tenth of the time.
const SAVE_SHARE: u32 = 10;
/// A backend that was killed a moment ago still holds its folder until the system has cleared it away.
const FOLDER_TRIES: u32 = 10;
const FOLDER_WAIT: Duration = Duration::from_millis(200);
/// How long the last publication may take when the process has to end.
const LAST_PUBLICATION: Duration = Duration::from_secs(2);

/// Runs until a signal comes.
///
/// # Errors
/// What keeps it from starting; a last snapshot that cannot be written.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
    let portals = files::read_portals(&args.common.portals)?;
    let folder = Arc::new(take_folder(&args.data).await?);
    let desks = open_desks(&portals, &folder, args.dev)?;
    let admin = Admin::new(&args.common.edge_url, args.common.admin_secret.clone())?;
    let listener = TcpListener::bind(args.listen).await.map_err(|source| Error::Listen { addr: args.listen, source })?;
    let kinesis = Kinesis::connect().await?;
    if args.common.admin_secret.is_none() {
        tracing::warn!("PULSO_ADMIN_SECRET is not set: the edge will refuse what is published");
    }

    let http = tokio::spawn(http::answer(listener, Arc::clone(&desks)));
    let saver = tokio::spawn(save_now_and_then(Arc::clone(&desks), Arc::clone(&folder)));
    let (reading, stop_reading) = watch::channel(());
    let (publishing, stop_publishing) = watch::channel(());
    let mut readers = JoinSet::new();
    let mut publishers = JoinSet::new();
    for desk in desks.iter() {
        let create = if args.create_streams { vec![desk.portal.events_stream(), desk.portal.interactions_stream()] } else { Vec::new() };
        readers.spawn(reader::read_stream(kinesis.clone(), Arc::clone(desk), create, stop_reading.clone()));
        publishers.spawn(publisher::publish(Arc::clone(desk), admin.clone(), args.publish_every_ms, stop_publishing.clone()));
    }
    tracing::info!(portals = desks.len(), listen = %args.listen, edge = args.common.edge_url, "backend is up");

    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    tokio::select! {
        result = stop(&desks, &folder, (reading, readers), (publishing, publishers), saver) => {
            http.abort();
            result
        }
        // Whoever asks twice does not want to wait.
        _ = signals.next() => save_changed(&desks, &folder, &mut vec![0; desks.len()]),
    }
}

type Tasks = (watch::Sender<()>, JoinSet<()>);

async fn stop(
    desks: &[Arc<Desk>],
    folder: &DataFolder,
    (reading, mut readers): Tasks,
    (publishing, mut publishers): Tasks,
    saver: tokio::task::JoinHandle<()>,
) -> Result<()> {
    drop(reading);
    // A reader that is looking for its stream may wait for an answer: it holds no records then.
    let _ = timeout(Duration::from_millis(500), async { while readers.join_next().await.is_some() {} }).await;
    readers.shutdown().await;
    drop(publishing);
    let _ = timeout(LAST_PUBLICATION, async { while publishers.join_next().await.is_some() {} }).await;
    publishers.shutdown().await;
    saver.abort();
    // It ends where it sleeps; a write that has begun is finished first.
    let _ = saver.await;
    save_changed(desks, folder, &mut vec![0; desks.len()])?;
    tracing::info!("stopped");
    Ok(())
}

async fn take_folder(path: &Path) -> Result<DataFolder> {
    for _ in 1..FOLDER_TRIES {
        match DataFolder::open(path) {
            Err(Error::DataInUse { .. }) => sleep(FOLDER_WAIT).await,
            outcome => return outcome,
        }
    }
    DataFolder::open(path)
}

fn open_desks(portals: &Portals, folder: &DataFolder, is_dev: bool) -> Result<Arc<[Arc<Desk>]>> {
    portals
        .iter()
        .map(|portal| {
            let snapshot = folder.load(&portal.id)?;
            let counts = &snapshot.state.counts;
            tracing::info!(portal = %portal.id, events = counts.events, "portal opened");
            Ok(Arc::new(Desk::new(portal.clone(), snapshot, is_dev)))
        })
        .collect()
}

async fn save_now_and_then(desks: Arc<[Arc<Desk>]>, folder: Arc<DataFolder>) {
    let mut saved = vec![0; desks.len()];
    let mut wait = SAVE_EVERY;
    loop {
        sleep(wait).await;
        let begun = Instant::now();
        if let Err(error) = tokio::task::block_in_place(|| save_changed(&desks, &folder, &mut saved)) {
            tracing::error!("{error}");
        }
        wait = SAVE_EVERY.max(begun.elapsed() * SAVE_SHARE);
    }
}

/// Writes the snapshots that changed since `saved`; tries all of them, reports the first that failed.
fn save_changed(desks: &[Arc<Desk>], folder: &DataFolder, saved: &mut [u64]) -> Result<()> {
    let mut result = Ok(());
    for (desk, saved) in desks.iter().zip(saved) {
        let changes = desk.changes();
        if changes == *saved {
            continue;
        }
        let encoded = desk.snapshot().encode();
        let outcome = encoded
            .map_err(|why| Error::SnapshotUnwritable { path: desk.portal.id.as_str().into(), source: io::Error::other(why) })
            .and_then(|bytes| folder.save(&desk.portal.id, &bytes));
        let mut facts = desk.facts();
        match outcome {
            Ok(()) => {
                *saved = changes;
                facts.last_snapshot_at_ms = now_ms();
                facts.snapshot_error = None;
            }
            Err(error) => {
                facts.snapshot_error = Some(error.to_string());
                result = result.and(Err(error));
            }
        }
    }
    result
}
