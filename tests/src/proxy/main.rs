//! Stands between the worker and the AWS stand-in and does what a bad day does.
//!
//! No stand-in throttles, lies or loses; this does, on demand, so that the tests are seen failing.
//! `PUT /__faults` takes a [`plan::Plan`], `GET /__faults` tells what was done to how many calls, and how many records were applied.

mod answer;
mod connection;
mod fault;
mod plan;
mod tally;
mod upstream;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Parser;

use crate::connection::{Cut, Cuttable};
use crate::plan::{Chooser, Fault, Plan, Rule, When};
use crate::tally::Tally;
use crate::upstream::Upstream;

/// Largest request that Kinesis takes.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Passes requests on, but for the planned faults.
#[derive(Parser)]
#[command(name = "fault-proxy")]
struct Options {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The AWS stand-in, e.g. `http://127.0.0.1:8789`.
    #[arg(long)]
    upstream: String,
    /// The n-th PutRecords (from 1) is answered as stored, and forgotten.
    #[arg(long)]
    drop_nth: Option<u64>,
}

struct Proxy {
    upstream: Upstream,
    chooser: Mutex<Chooser>,
    tally: Mutex<Tally>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let listener = tokio::net::TcpListener::bind(options.listen).await.context("the port cannot be had")?;
    let rules = options.drop_nth.map(|nth| Rule { when: When::Call(nth), faults: vec![Fault::Drop] });
    let plan = Plan { rules: rules.into_iter().collect(), ..Plan::default() };
    let proxy = Arc::new(Proxy {
        upstream: Upstream::new(options.upstream),
        chooser: Mutex::new(Chooser::new(plan)),
        tally: Mutex::new(Tally::default()),
    });
    let router = Router::new().route("/__faults", get(told).put(planned)).fallback(pass).with_state(proxy);
    let service = router.into_make_service_with_connect_info::<Cut>();
    axum::serve(Cuttable(listener), service).await.context("the proxy stopped")
}

async fn told(State(proxy): State<Arc<Proxy>>) -> Json<Tally> {
    Json(proxy.with_tally(|tally| tally.clone()))
}

async fn planned(State(proxy): State<Arc<Proxy>>, Json(plan): Json<Plan>) -> Json<Tally> {
    *proxy.chooser.lock().unwrap_or_else(PoisonError::into_inner) = Chooser::new(plan);
    told(State(proxy)).await
}

async fn pass(State(proxy): State<Arc<Proxy>>, ConnectInfo(cut): ConnectInfo<Cut>, request: Request) -> Response {
    let is_put = request.headers().get("x-amz-target").is_some_and(is_put_records);
    let outcome = if is_put { proxy.put(request, cut).await } else { proxy.forward(request).await };
    outcome.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
}

impl Proxy {
    /// A PutRecords: done to as planned, or passed on.
    async fn put(self: &Arc<Self>, request: Request, cut: Cut) -> Result<Response> {
        let only_stream = self.chooser.lock().unwrap_or_else(PoisonError::into_inner).only_stream();
        let (mut parts, mut body) = request.into_parts();
        if let Some(stream) = only_stream {
            let text = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
            if answer::stream_of(&text).as_deref() != Some(stream.as_str()) {
                self.with_tally(|tally| tally.puts += 1);
                return Ok(self.apply(parts, text).await?.into_response());
            }
            body = whole(text);
        }
        let (fault, pass_as) = self.chooser.lock().unwrap_or_else(PoisonError::into_inner).next();
        self.with_tally(|tally| tally.puts += 1);
        if fault == Some(Fault::ResetBeforeBody) {
            self.with_tally(|tally| tally.inject("reset_before_body"));
            cut.cut();
            return Ok(StatusCode::BAD_GATEWAY.into_response());
        }
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
        if let Some(key_id) = pass_as {
            upstream::rename_caller(&mut parts.headers, &key_id)?;
        }
        match fault {
            Some(fault) => fault::inject(self, &fault, parts, body, cut).await,
            None => Ok(self.apply(parts, body).await?.into_response()),
        }
    }

    async fn forward(&self, request: Request) -> Result<Response> {
        let (mut parts, body) = request.into_parts();
        let mut body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
        let slow_reads_ms = self.chooser.lock().unwrap_or_else(PoisonError::into_inner).slow_reads_ms();
        let is_read = parts.headers.get("x-amz-target").is_some_and(|target| target.as_bytes() == b"Kinesis_20131202.GetRecords");
        if let Some(wait_ms) = slow_reads_ms.filter(|_| is_read) {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            body = answer::of_one(&body)?;
            // The signature no longer fits.
            upstream::rename_caller(&mut parts.headers, "test")?;
        }
        Ok(self.upstream.call(parts, body).await?.into_response())
    }

    /// Passes a PutRecords on and counts the records that the stand-in says it stored.
    /// In a task of its own: a worker that is killed takes its connections along, but not what the stand-in is storing.
    async fn apply(self: &Arc<Self>, parts: axum::http::request::Parts, body: Bytes) -> Result<upstream::Reply> {
        let proxy = Arc::clone(self);
        let applying = tokio::spawn(async move {
            let reply = proxy.upstream.call(parts, body).await?;
            let applied = reply.stored();
            proxy.with_tally(|tally| {
                tally.calls_applied += u64::from(applied > 0);
                tally.records_applied += applied;
            });
            Ok(reply)
        });
        applying.await?
    }

    fn with_tally<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_put_records(target: &HeaderValue) -> bool {
    target.as_bytes() == b"Kinesis_20131202.PutRecords"
}

/// A body that is there as a whole.
fn whole(text: impl Into<Bytes>) -> Body {
    Body::from(text.into())
}
