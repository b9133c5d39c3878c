//! `GET /health`, `GET /figures` and `GET /metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use wire::ScoredItem;

use crate::health::Status;
use crate::loss::Tally;
use crate::metrics::{self, PortalMetrics};
use crate::platform::clock::now_ms;
use crate::platform::desk::Desk;
use crate::shards::Checkpoint;
use crate::state::Counts;

/// Items of a list in `/figures`.
const LISTED_MAX: usize = 20;

type Desks = Arc<[Arc<Desk>]>;

/// Answers as long as the task lives.
pub(crate) async fn answer(listener: TcpListener, desks: Desks) {
    let router =
        Router::new().route("/health", get(health)).route("/figures", get(figures)).route("/metrics", get(measure)).with_state(desks);
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
    stream: String,
    shards: BTreeMap<String, ShardHealth>,
    events: u64,
    duplicates: u64,
    poison: u64,
    last_read_at_ms: u64,
    last_read_error: Option<String>,
    last_published_at_ms: u64,
    last_publish_error: Option<String>,
    last_snapshot_at_ms: u64,
    snapshot_error: Option<String>,
}

#[derive(Serialize)]
struct ShardHealth {
    last_sequence_number: Option<String>,
    is_drained: bool,
    millis_behind_latest: Option<u64>,
}

async fn health(State(desks): State<Desks>) -> impl IntoResponse {
    let portals: BTreeMap<_, _> = desks.iter().map(|desk| (desk.portal.id.to_string(), portal_health(desk))).collect();
    let status = portals.values().map(|portal| portal.status).max().unwrap_or(Status::Starting);
    let code = match status {
        Status::Ok => StatusCode::OK,
        Status::Starting | Status::Red => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), portals }))
}

fn portal_health(desk: &Desk) -> PortalHealth {
    let facts = desk.facts().clone();
    let snapshot = desk.snapshot();
    let counts = &snapshot.state.counts;
    let shard = |(id, behind_ms): (&String, &u64)| {
        let checkpoint = snapshot.checkpoints.get(id);
        let last_sequence_number = match checkpoint {
            Some(Checkpoint::After(sequence_number)) => Some(sequence_number.clone()),
            Some(Checkpoint::Drained) | None => None,
        };
        let is_drained = checkpoint == Some(&Checkpoint::Drained);
        (id.clone(), ShardHealth { last_sequence_number, is_drained, millis_behind_latest: Some(*behind_ms) })
    };
    PortalHealth {
        status: facts.status(now_ms()),
        stream: desk.portal.events_stream(),
        shards: facts.behind_ms.iter().map(shard).collect(),
        events: counts.events,
        duplicates: counts.duplicates,
        poison: counts.poison,
        last_read_at_ms: facts.last_read_at_ms,
        last_read_error: facts.last_read_error,
        last_published_at_ms: facts.last_published_at_ms,
        last_publish_error: facts.publish_trouble.map(|(_, error)| error),
        last_snapshot_at_ms: facts.last_snapshot_at_ms,
        snapshot_error: facts.snapshot_error,
    }
}

#[derive(Serialize)]
struct Figures {
    portals: BTreeMap<String, PortalFigures>,
}

#[derive(Serialize)]
struct PortalFigures {
    #[serde(flatten)]
    counts: Counts,
    pageviews_remembered: usize,
    /// By browser family; a lower bound.
    loss: BTreeMap<&'static str, Tally>,
    items: usize,
    cards: usize,
    top_pages: Vec<ScoredItem>,
    trending: Vec<ScoredItem>,
}

async fn figures(State(desks): State<Desks>) -> impl IntoResponse {
    let portal = |desk: &Arc<Desk>| {
        let snapshot = desk.snapshot();
        let state = &snapshot.state;
        // Not of now: the same records give the same figures, and figures that stand still have been read to the end.
        let at_ms = state.top_pages.latest_ms();
        let figures = PortalFigures {
            counts: state.counts.clone(),
            pageviews_remembered: state.dedup.len(),
            loss: state.loss.families().filter(|(_, tally)| *tally != Tally::default()).collect(),
            items: state.top_pages.len(),
            cards: state.cards.len(),
            top_pages: state.top_pages.top(at_ms, LISTED_MAX),
            trending: state.top_pages.trending(at_ms, LISTED_MAX),
        };
        (desk.portal.id.to_string(), figures)
    };
    Json(Figures { portals: desks.iter().map(portal).collect() })
}

async fn measure(State(desks): State<Desks>) -> impl IntoResponse {
    let portal = |desk: &Arc<Desk>| {
        let behind_ms = desk.facts().behind_ms.values().max().copied();
        let snapshot = desk.snapshot();
        let state = &snapshot.state;
        PortalMetrics { portal: desk.portal.id.to_string(), counts: state.counts.clone(), loss: state.loss.clone(), behind_ms }
    };
    let portals: Vec<_> = desks.iter().map(portal).collect();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::text(&portals))
}
