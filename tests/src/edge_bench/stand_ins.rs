//! What the workers talk to: Kinesis, KV, a queue, R2 that only counts, and nothing behind the assets. Each reads the whole request and answers at once.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// The largest `PutRecords` is 10 MiB; KV values have 25.
const BODY_BYTES_MAX: usize = 26 * 1024 * 1024;
/// The salt of every day: hashes of two workers have to be the same.
const SALT: &str = "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e";
/// How a `PutRecords` names each record's key, once per record. Data is base64, which has no quote.
const KEY: &str = "\"PartitionKey\"";

/// A `PutRecords` as it came, and what was done with it.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its body.
    pub body: Bytes,
    /// For each record whether it was stored.
    pub stored: Vec<bool>,
}

/// How Kinesis behaves.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Manner {
    /// How long a call takes.
    pub delay: Duration,
    /// One of so many records fails; 0: none does.
    pub fail_nth: u64,
    /// This record, counted from 1, is answered as stored and forgotten; 0: none is.
    pub forget_nth: u64,
}

/// What they were told and what they saw.
#[derive(Debug, Default)]
struct Seen {
    calls: Vec<Call>,
    /// Bodies of batches that the queue took.
    queued: Vec<Bytes>,
    values: HashMap<String, Bytes>,
    manner: Manner,
    records: u64,
    objects: u64,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandIns(Arc<Mutex<Seen>>);

impl StandIns {
    /// Listens at `port` (Kinesis) and the four after it.
    pub(crate) async fn start(port: u16, manner: Manner) -> Result<Self> {
        let all = Self::default();
        all.with(|seen| seen.manner = manner);
        let routers = [
            Router::new().fallback(put_records).with_state(all.clone()),
            Router::new().fallback(value).with_state(all.clone()),
            Router::new().fallback(enqueue).with_state(all.clone()),
            Router::new().fallback(object).with_state(all.clone()),
            Router::new().fallback(|| async { StatusCode::NOT_FOUND }),
        ];
        for (port, router) in (port..).zip(routers) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("port {port} cannot be had"))?;
            let router = router.layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX));
            tokio::spawn(
                async move { axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), router).await },
            );
        }
        Ok(all)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What Kinesis and the queue got since this was asked last.
    pub(crate) fn take(&self) -> (Vec<Call>, Vec<Bytes>) {
        self.with(|seen| (std::mem::take(&mut seen.calls), std::mem::take(&mut seen.queued)))
    }

    /// Calls to R2 so far.
    pub(crate) fn objects(&self) -> u64 {
        self.with(|seen| seen.objects)
    }

    /// Puts a value into KV.
    pub(crate) fn publish(&self, key: &str, value: impl Into<Bytes>) {
        self.with(|seen| seen.values.insert(key.to_owned(), value.into()));
    }
}

/// One `PutRecords`.
async fn put_records(State(all): State<StandIns>, headers: HeaderMap, body: Bytes) -> Response {
    let is_signed = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 Credential="));
    if !is_signed {
        return (StatusCode::BAD_REQUEST, r#"{"__type":"MissingAuthenticationTokenException"}"#).into_response();
    }
    let count = std::str::from_utf8(&body).map_or(0, |text| text.matches(KEY).count());
    let (delay, answer) = all.with(|seen| {
        let Manner { delay, fail_nth, forget_nth } = seen.manner;
        let mut fates = Vec::with_capacity(count);
        for _ in 0..count {
            seen.records += 1;
            let is_failure = fail_nth > 0 && seen.records.is_multiple_of(fail_nth);
            fates.push((!is_failure, !is_failure && seen.records != forget_nth));
        }
        let answer = answer(fates.iter().map(|(is_answered_stored, _)| *is_answered_stored), seen.records);
        seen.calls.push(Call { body, stored: fates.into_iter().map(|(_, is_stored)| is_stored).collect() });
        (delay, answer)
    });
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    ([("content-type", "application/x-amz-json-1.1")], answer).into_response()
}

fn answer(stored: impl Iterator<Item = bool>, records: u64) -> String {
    let mut failed = 0;
    let entry = |is_stored| {
        if is_stored {
            return format!(r#"{{"SequenceNumber":"4965{records:052}","ShardId":"shardId-000000000003"}}"#);
        }
        failed += 1;
        r#"{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard."}"#.to_owned()
    };
    let entries: Vec<String> = stored.map(entry).collect();
    format!(r#"{{"FailedRecordCount":{failed},"Records":[{}]}}"#, entries.join(","))
}

/// KV as workerd asks it: the key is the path, escaped.
async fn value(State(all): State<StandIns>, method: Method, uri: Uri, body: Bytes) -> Response {
    let key = uri.path().trim_start_matches('/').replace("%2F", "/").replace("%2f", "/");
    if method == Method::PUT {
        all.publish(&key, body);
        return StatusCode::OK.into_response();
    }
    let found = all.with(|seen| seen.values.get(&key).cloned());
    match found {
        Some(value) => value.into_response(),
        None if key.starts_with("salt/") => SALT.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// R2 speaks a protocol of its own; that it was called is enough.
async fn object(State(all): State<StandIns>) -> StatusCode {
    all.with(|seen| seen.objects += 1);
    StatusCode::NOT_FOUND
}

/// A batch of messages for a queue.
async fn enqueue(State(all): State<StandIns>, body: Bytes) -> Response {
    all.with(|seen| seen.queued.push(body));
    ([("content-type", "application/json")], r#"{"metadata":{"metrics":{"backlogCount":0,"backlogBytes":0,"oldestMessageTimestamp":0}}}"#)
        .into_response()
}
