//! Stands between the worker and the AWS stand-in and does what a bad day does.
//!
//! No stand-in throttles, lies or loses; this does, on demand, so that the tests are seen failing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Largest request that Kinesis takes.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Passes requests on, but for the planted fault.
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
    drop_nth: u32,
}

struct Proxy {
    options: Options,
    client: Client<HttpConnector, Body>,
    puts: AtomicU32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let listener = tokio::net::TcpListener::bind(options.listen).await.context("the port cannot be had")?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let proxy = Arc::new(Proxy { options, client, puts: AtomicU32::new(0) });
    axum::serve(listener, Router::new().fallback(pass).with_state(proxy)).await.context("the proxy stopped")
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    match proxy.pass(request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

impl Proxy {
    async fn pass(&self, request: Request) -> Result<Response> {
        let is_put = request.headers().get("x-amz-target").is_some_and(is_put_records);
        let (mut parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
        if is_put && self.puts.fetch_add(1, Ordering::SeqCst) + 1 == self.options.drop_nth {
            return forged_success(&body);
        }
        parts.uri = format!("{}{}", self.options.upstream, parts.uri).parse::<Uri>()?;
        // The signature covers the host that the worker meant; the stand-in does not check it unless AUTH=true.
        let response = self.client.request(Request::from_parts(parts, Body::from(body))).await?;
        Ok(response.map(Body::new))
    }
}

fn is_put_records(target: &HeaderValue) -> bool {
    target.as_bytes() == b"Kinesis_20131202.PutRecords"
}

/// What Kinesis says when it has stored every record.
fn forged_success(body: &[u8]) -> Result<Response> {
    let request: serde_json::Value = serde_json::from_slice(body)?;
    let count = request.get("Records").and_then(|records| records.as_array()).map_or(0, Vec::len);
    let stored = serde_json::json!({ "SequenceNumber": "49600000000000000000000000000000000000000000000000000001", "ShardId": "shardId-000000000000" });
    let answer = serde_json::json!({ "FailedRecordCount": 0, "Records": vec![stored; count] });
    let body = Body::from(answer.to_string());
    Ok(([(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_forged_answer_has_an_entry_per_record() {
        let response = forged_success(br#"{"StreamName":"s","Records":[{},{}]}"#).unwrap();
        let body = axum::body::to_bytes(response.into_body(), BODY_BYTES_MAX).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["Records"].as_array().unwrap().len(), 2);
        assert_eq!(answer["FailedRecordCount"], 0);
    }
}
