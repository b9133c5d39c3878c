//! `GET /health`, `GET /figures`, `GET /feedback`, `GET /metrics`, and, with the secret, what is held of a reader.

mod feedback;
mod subject;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use wire::ScoredItem;

use crate::args::AdminSecretArgs;
use crate::health::{self, Status};
use crate::loss::Tally;
use crate::metrics::{self, PortalMetrics};
use crate::platform::board::{Board, PortalBoard, ShardFacts};
use crate::platform::clock::now_ms;
use crate::platform::leases::LeaseTable;
use crate::platform::process;
use crate::state::InteractionCounts;
use crate::transform::Counts;

/// Items of a list in `/figures`.
const LISTED_MAX: usize = 20;

/// What is told, and to whom.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) board: Arc<Board>,
    pub(crate) table: Arc<LeaseTable>,
    pub(crate) admin_secret: AdminSecretArgs,
}

/// Answers as long as the task lives.
pub(crate) async fn answer(listener: TcpListener, desk: Desk) {
    let router = Router::new()
        .route("/health", get(health))
        .route("/figures", get(figures))
        .route("/feedback", get(feedback::tell))
        .route("/metrics", get(measure))
        .route("/visitors/{visitor}", get(subject::export).delete(subject::erase))
        .with_state(desk);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the HTTP server has ended: {error}");
    }
}

#[derive(Serialize)]
struct Health {
    status: Status,
    version: &'static str,
    portals: BTreeMap<String, PortalHealth>,
}

#[derive(Serialize)]
struct PortalHealth {
    status: Status,
    /// Shards of the event stream that are read here.
    shards: BTreeMap<String, ShardHealth>,
    /// Absent when another process keeps the portal's state.
    state: Option<StateHealth>,
    /// What failed here and is tried again, or by another process.
    failed: Vec<String>,
}

#[derive(Serialize)]
struct ShardHealth {
    status: Status,
    last_sequence_number: Option<String>,
    is_drained: bool,
    millis_behind_latest: Option<u64>,
    last_read_at_ms: u64,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct StateHealth {
    status: Status,
    last_read_at_ms: u64,
    last_read_error: Option<String>,
    last_published_at_ms: u64,
    last_publish_error: Option<String>,
    last_snapshot_at_ms: u64,
    snapshot_error: Option<String>,
}

async fn health(State(desk): State<Desk>) -> impl IntoResponse {
    let boards = desk.board.portals();
    let portals: BTreeMap<_, _> = boards.iter().map(|(portal, board)| (portal.to_string(), portal_health(board))).collect();
    drop(boards);
    // Who holds nothing, for others hold it all, waits for work and is well.
    let of_itself = if desk.board.is_ready.load(Ordering::Relaxed) { Status::Ok } else { Status::Starting };
    let status = portals.values().map(|portal| portal.status).fold(of_itself, Status::max);
    let code = match status {
        Status::Ok => StatusCode::OK,
        Status::Starting | Status::Red => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), portals }))
}

fn portal_health(board: &PortalBoard) -> PortalHealth {
    let shards: BTreeMap<_, _> = board.shards.iter().map(|(id, facts)| (id.clone(), shard_health(facts))).collect();
    let state = board.desk.as_ref().map(|desk| {
        let facts = desk.facts().clone();
        StateHealth {
            status: facts.status(now_ms()),
            last_read_at_ms: facts.last_read_at_ms,
            last_read_error: facts.last_read_error,
            last_published_at_ms: facts.last_published_at_ms,
            last_publish_error: facts.publish_trouble.map(|(_, error)| error),
            last_snapshot_at_ms: facts.last_snapshot_at_ms,
            snapshot_error: facts.snapshot_error,
        }
    });
    let failed: Vec<String> = board.failed.iter().map(|(job, why)| format!("{}: {why}", job.key())).collect();
    let of_failed = if failed.is_empty() { Status::Ok } else { Status::Red };
    let statuses = shards.values().map(|shard| shard.status).chain(state.as_ref().map(|state| state.status));
    PortalHealth { status: statuses.fold(of_failed, Status::max), shards, state, failed }
}

fn shard_health(facts: &ShardFacts) -> ShardHealth {
    let is_drained = facts.position.as_ref().is_some_and(|position| position.is_drained);
    ShardHealth {
        status: if is_drained { Status::Ok } else { health::of_reading(facts.started_at_ms, facts.last_read_at_ms, now_ms()) },
        last_sequence_number: facts.position.as_ref().map(|position| position.sequence_number.clone()),
        is_drained,
        millis_behind_latest: facts.behind_ms,
        last_read_at_ms: facts.last_read_at_ms,
        last_error: facts.last_error.clone(),
    }
}

#[derive(Serialize)]
struct Figures {
    portals: BTreeMap<String, PortalFigures>,
}

#[derive(Serialize)]
struct PortalFigures {
    /// Of the shards that are read here.
    #[serde(flatten)]
    counts: Counts,
    pageviews_in_memory: usize,
    /// By browser family; a lower bound.
    loss: BTreeMap<&'static str, Tally>,
    /// Of the portal's state, when it is kept here.
    learned: InteractionCounts,
    items: usize,
    cards: usize,
    top_pages: Vec<ScoredItem>,
    trending: Vec<ScoredItem>,
}

async fn figures(State(desk): State<Desk>) -> impl IntoResponse {
    let boards = desk.board.portals();
    let portals = boards.iter().map(|(portal, board)| (portal.to_string(), portal_figures(board))).collect();
    Json(Figures { portals })
}

fn portal_figures(board: &PortalBoard) -> PortalFigures {
    let totals = board.totals();
    let mut figures = PortalFigures {
        counts: totals.counts,
        pageviews_in_memory: board.shards.values().map(|shard| shard.pageviews_in_memory).sum(),
        loss: totals.loss.families().filter(|(_, tally)| *tally != Tally::default()).collect(),
        learned: InteractionCounts::default(),
        items: 0,
        cards: 0,
        top_pages: Vec::new(),
        trending: Vec::new(),
    };
    if let Some(desk) = &board.desk {
        let snapshot = desk.snapshot();
        let state = &snapshot.state;
        // Not of now: the same interactions give the same figures, and figures that stand still have been read to the end.
        let at_ms = state.top_pages.latest_ms();
        figures.learned = state.counts.clone();
        figures.items = state.top_pages.len();
        figures.cards = state.cards.len();
        figures.top_pages = state.top_pages.top(at_ms, LISTED_MAX);
        figures.trending = state.top_pages.trending(at_ms, LISTED_MAX);
    }
    figures
}

async fn measure(State(desk): State<Desk>) -> impl IntoResponse {
    let portal = |(portal, board): (&wire::PortalId, &PortalBoard)| {
        let behind_ms = board.shards.values().filter_map(|shard| shard.behind_ms).max();
        let totals = board.totals();
        PortalMetrics {
            portal: portal.to_string(),
            counts: totals.counts,
            loss: totals.loss,
            feedback: totals.feedback,
            edge: totals.edge,
            behind_ms,
        }
    };
    let portals: Vec<_> = desk.board.portals().iter().map(portal).collect();
    let text = metrics::text(&portals) + &desk.board.stages.to_prometheus() + &process::to_prometheus();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
