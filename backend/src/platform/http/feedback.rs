//! `GET /feedback?portal=g1`: how often lists of recommendations were seen and followed, of the shards that are read here.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

use super::Desk;
use crate::feedback::{Feedback, Rate, Row, rate};

#[derive(Debug, Serialize)]
struct Told {
    portal: String,
    /// One for each placement, parameter set and rung.
    lists: Vec<ListFigures>,
    unattributed_clicks: u64,
}

#[derive(Debug, Serialize)]
struct ListFigures {
    placement: String,
    set: String,
    source: String,
    /// Lists seen.
    lists: u64,
    /// Lists in which something was followed.
    lists_clicked: u64,
    /// `lists_clicked / lists`, with its 95 % interval.
    ctr: Option<Rate>,
    items: u64,
    clicks: u64,
    /// The first ten places, from 1.
    positions: Vec<PositionFigures>,
}

#[derive(Debug, Serialize)]
struct PositionFigures {
    position: usize,
    shown: u64,
    clicks: u64,
    ctr: Option<Rate>,
}

pub(super) async fn tell(State(desk): State<Desk>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let refusal = |status: StatusCode, message: &str| (status, Json(json!({ "error": { "message": message } }))).into_response();
    let Some(asked) = query.get("portal") else { return refusal(StatusCode::BAD_REQUEST, "say which portal: /feedback?portal=g1") };
    let boards = desk.board.portals();
    let Some((portal, board)) = boards.iter().find(|(portal, _)| portal.as_str() == asked) else {
        drop(boards);
        return refusal(StatusCode::NOT_FOUND, "this backend reads nothing of that portal");
    };
    let told = told(portal.as_str(), &board.totals().feedback);
    drop(boards);
    Json(told).into_response()
}

fn told(portal: &str, feedback: &Feedback) -> Told {
    let lists = feedback.rows().map(|row| figures(&row)).collect();
    Told { portal: portal.to_owned(), lists, unattributed_clicks: feedback.unattributed }
}

fn figures(row: &Row<'_>) -> ListFigures {
    let tally = &row.tally;
    let places = (1..).zip(tally.shown_at.iter().zip(tally.clicked_at));
    let position =
        |(position, (shown, clicks)): (usize, (&u64, u64))| PositionFigures { position, shown: *shown, clicks, ctr: rate(clicks, *shown) };
    ListFigures {
        placement: row.placement.to_owned(),
        set: row.set.to_owned(),
        source: row.source.to_owned(),
        lists: tally.lists,
        lists_clicked: tally.lists_clicked,
        ctr: rate(tally.lists_clicked, tally.lists),
        items: tally.items,
        clicks: tally.clicks,
        positions: places.map(position).collect(),
    }
}
