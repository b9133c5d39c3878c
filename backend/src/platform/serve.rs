//! `backend serve` and `backend consume`: joins the crew, answers HTTP, and stops in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Portals;

use crate::args::{ConsumeArgs, ServeArgs};
use crate::error::{Error, Result};
use crate::platform::admin::Admin;
use crate::platform::board::Board;
use crate::platform::crew::Crew;
use crate::platform::dead_letters::DeadLetters;
use crate::platform::files::{self, DataFolder};
use crate::platform::http;
use crate::platform::kinesis::Kinesis;
use crate::platform::leases::LeaseTable;
use crate::platform::shard::Limits;
use crate::platform::signals::Signals;
use crate::platform::telemetry;
use crate::platform::work::{Publishing, Work};

/// A backend that was killed a moment ago still holds its folder until the system has cleared it away.
const FOLDER_TRIES: u32 = 10;
const FOLDER_WAIT: Duration = Duration::from_millis(200);

/// Consumes and publishes, until a signal comes.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    let admin = Admin::new(&args.edge_url, Some(args.consume.admin_secret.clone()))?;
    if !args.consume.admin_secret.is_given() {
        tracing::warn!("PULSO_ADMIN_SECRET is not set: the edge will refuse what is published");
    }
    work(args.consume, Some(Publishing { admin, every_ms: args.publish_every_ms })).await
}

/// Consumes alone.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn consume(args: ConsumeArgs) -> Result<()> {
    work(args, None).await
}

async fn work(args: ConsumeArgs, publishing: Option<Publishing>) -> Result<()> {
    let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
    let portals: Portals = files::read_portals(&args.portals)?;
    let folder = Arc::new(take_folder(&args.data).await?);
    let listener = TcpListener::bind(args.listen).await.map_err(|source| Error::Listen { addr: args.listen, source })?;
    let table = Arc::new(LeaseTable::open(args.lease_table.as_deref(), folder.path()).await?);
    let board = Arc::new(Board::default());
    let with_portals = publishing.is_some();
    let work = Work {
        kinesis: Kinesis::connect().await?,
        board: Arc::clone(&board),
        dead_letters: Arc::new(DeadLetters::open(&args.dead_letters, folder.path())?),
        folder: Arc::clone(&folder),
        portals: portals.iter().cloned().collect(),
        is_dev: args.dev,
        limits: Limits {
            pageviews: args.pageviews_in_memory,
            visitors: args.pageviews_in_memory,
            loss_settle_ms: args.loss_settle_s * 1_000,
        },
        publishing,
    };
    let work = Arc::new(work);
    let all: Vec<_> = portals.iter().cloned().collect();
    let metrics = telemetry::start(args.metrics, Arc::clone(&board)).await?;
    let desk = http::Desk { board, table: Arc::clone(&table), admin_secret: args.admin_secret.clone() };
    let http = tokio::spawn(http::answer(listener, desk));
    let (stop, stopped) = watch::channel(());
    let crew = tokio::spawn(Crew::new(table, work, all, with_portals, args.create_streams).run(stopped));
    tracing::info!(portals = portals.iter().count(), listen = %args.listen, "backend is up");

    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    drop(stop);
    tokio::select! {
        _ = crew => {
            // After the last commits, so that they are in it.
            telemetry::stop(metrics).await;
            tracing::info!("stopped");
        }
        // Whoever asks twice does not want to wait: what is not committed is made again, under the same ids.
        _ = signals.next() => tracing::warn!("stopped at once"),
    }
    http.abort();
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
