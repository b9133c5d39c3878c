//! Callers that go away: a worker in front calls ours through a service binding and aborts some of its calls at once, so that those who
//! lead a flight and those who follow are cancelled. What got a 202 has to be in the stream or in the queue; what was cancelled is sent again.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use hyper::Method;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;
use wire::{Envelope, RetryMessage};

use crate::batch::{Batches, EVENTS};
use crate::ledger::Arrived;
use crate::load::{Connection, Post};
use crate::stand_ins::{Manner, StandIns};
use crate::workerd::Workerd;

/// What the worker in front answers when it has gone away itself.
const ABORTED: u16 = 499;
/// When callers go away, milliseconds after the call: before its body was read, while its flight gathers, in the middle of its call.
const ABORTS_MS: [u64; 8] = [0, 0, 1, 2, 5, 10, 20, 40];
/// A caller that gets no 202 so often gives up, and the drive has failed.
const TRIES_MAX: u32 = 8;
/// What callers left behind goes on without them so long at most: a follower's deadline, two calls and a send to the queue.
const SETTLING_MAX: Duration = Duration::from_secs(30);
/// Nothing came for so long: nothing will.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// What `cancel` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The program.
    #[arg(long)]
    workerd: PathBuf,
    /// Of the worker in front, with its `config.capnp`.
    #[arg(long)]
    folder: PathBuf,
    /// Where the figures go, as JSON.
    #[arg(long)]
    out: PathBuf,
    /// That of Kinesis; the other stand-ins and workerd have those after it.
    #[arg(long)]
    port: u16,
    /// Batches, each of which has to be acknowledged in the end.
    #[arg(long)]
    batches: u64,
    /// Callers at once.
    #[arg(long)]
    callers: u32,
    /// So many of a hundred first calls are aborted.
    #[arg(long)]
    aborts_pct: u64,
    /// How long a `PutRecords` takes.
    #[arg(long)]
    delay_ms: u64,
    /// One of so many records fails; 0: none does.
    #[arg(long)]
    fail_nth: u64,
    /// A loss that is planted: this record is answered as stored and forgotten.
    #[arg(long, default_value_t = 0)]
    forget_nth: u64,
}

/// What came of it. Batches, but where events are said.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    events_of_a_batch: usize,
    sent: u64,
    accepted: usize,
    in_stream: usize,
    /// In the queue and not in the stream.
    only_in_queue: usize,
    /// Further copies in the stream.
    duplicates: u32,
    /// Acknowledged, and nowhere.
    lost: usize,
    /// In stream or queue, and nobody sent it.
    unknown: usize,
    aborted: u64,
    statuses: BTreeMap<u16, u64>,
    slowest_ms: u64,
    calls: u64,
}

/// What the callers know.
#[derive(Debug, Default)]
struct Book {
    next: u64,
    acknowledged: HashSet<String>,
    sent: HashSet<String>,
    statuses: BTreeMap<u16, u64>,
    slowest: Duration,
}

/// The verb.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let Options { delay_ms, fail_nth, forget_nth, .. } = *options;
    let stand_ins = StandIns::start(options.port, Manner { delay: Duration::from_millis(delay_ms), fail_nth, forget_nth }).await?;
    let workerd = Workerd::start(&options.workerd, &options.folder, options.port + 10)?;
    let (book, batches) = (Rc::new(RefCell::new(Book::default())), Rc::new(Batches::new()));
    let callers = LocalSet::new();
    let mut running = Vec::new();
    for _ in 0..options.callers {
        let (book, batches) = (Rc::clone(&book), Rc::clone(&batches));
        let (port, count, aborts_pct) = (workerd.port(), options.batches, options.aborts_pct);
        running.push(callers.spawn_local(async move { call(port, &batches, &book, count, aborts_pct).await }));
    }
    callers.await;
    for caller in running {
        caller.await.context("a caller panicked")??;
    }
    let (calls, queued) = settled(&stand_ins).await;
    let outcome = judge(&book.borrow(), &Arrived::of(&calls)?, &pageviews(&queued)?);
    Ok(std::fs::write(&options.out, serde_json::to_string_pretty(&outcome)?)?)
}

/// One caller: goes on until all batches are acknowledged.
async fn call(port: u16, batches: &Batches, book: &RefCell<Book>, count: u64, aborts_pct: u64) -> Result<()> {
    loop {
        let nth = book.borrow().next;
        if nth >= count {
            return Ok(());
        }
        book.borrow_mut().next += 1;
        let (body, pageview) = batches.body(nth);
        book.borrow_mut().sent.insert(pageview.clone());
        let mut tries = 0;
        let mut abort = abort_ms(nth, aborts_pct);
        while !is_acknowledged(port, &body, abort.take(), book).await? {
            tries += 1;
            ensure!(tries < TRIES_MAX, "{pageview} was not acknowledged in {tries} tries: {:?}", book.borrow().statuses);
        }
        book.borrow_mut().acknowledged.insert(pageview);
    }
}

/// Spread over the batches, so that neighbours differ.
fn abort_ms(nth: u64, aborts_pct: u64) -> Option<u64> {
    let spread = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let at = usize::try_from((spread >> 8) % 8).unwrap_or(0);
    ABORTS_MS.get(at).copied().filter(|_| spread % 100 < aborts_pct)
}

async fn is_acknowledged(port: u16, body: &[u8], abort_ms: Option<u64>, book: &RefCell<Book>) -> Result<bool> {
    // A connection for each call: what is left of an aborted one must not hold up the next.
    let mut connection = Connection::open(port).await?;
    let abort = abort_ms.map(|ms| ms.to_string()).unwrap_or_default();
    let headers = [("content-type", "text/plain"), ("cf-connecting-ip", "203.0.113.77"), ("x-abort-after-ms", abort.as_str())];
    let begun = Instant::now();
    let (status, _) = connection.ask(Post { method: Method::POST, path: "/pageview", headers: &headers, body: body.to_vec() }).await?;
    let mut book = book.borrow_mut();
    book.slowest = book.slowest.max(begun.elapsed());
    *book.statuses.entry(status).or_default() += 1;
    ensure!(matches!(status, 202 | 503 | ABORTED), "status {status}");
    Ok(status == 202)
}

/// Everything that came, once nothing comes any more.
async fn settled(stand_ins: &StandIns) -> (Vec<crate::stand_ins::Call>, Vec<Bytes>) {
    let (mut calls, mut queued) = stand_ins.take();
    let (begun, mut last) = (Instant::now(), Instant::now());
    while last.elapsed() < SETTLED_AFTER && begun.elapsed() < SETTLING_MAX {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (more_calls, more_queued) = stand_ins.take();
        if !more_calls.is_empty() || !more_queued.is_empty() {
            last = Instant::now();
        }
        calls.extend(more_calls);
        queued.extend(more_queued);
    }
    (calls, queued)
}

#[derive(Deserialize)]
struct Queued {
    messages: Vec<QueuedMessage>,
}

#[derive(Deserialize)]
struct QueuedMessage {
    body: String,
}

/// Of the records in the queue's batches.
fn pageviews(queued: &[Bytes]) -> Result<HashSet<String>> {
    let mut pageviews = HashSet::new();
    for batch in queued {
        let batch: Queued = serde_json::from_slice(batch).context("no batch of messages")?;
        for message in batch.messages {
            let text = String::from_utf8(STANDARD.decode(&message.body)?)?;
            let record = RetryMessage::parse(&text)?.record;
            pageviews.insert(Envelope::parse(record.as_bytes())?.batch.pageview.to_string());
        }
    }
    Ok(pageviews)
}

fn judge(book: &Book, arrived: &Arrived, queued: &HashSet<String>) -> Outcome {
    let is_safe = |pageview: &&String| arrived.pageviews.contains_key(*pageview) || queued.contains(*pageview);
    Outcome {
        events_of_a_batch: EVENTS,
        sent: book.next,
        accepted: book.acknowledged.len(),
        in_stream: arrived.pageviews.len(),
        only_in_queue: queued.iter().filter(|pageview| !arrived.pageviews.contains_key(*pageview)).count(),
        duplicates: arrived.pageviews.values().map(|count| count - 1).sum(),
        lost: book.acknowledged.iter().filter(|pageview| !is_safe(pageview)).count(),
        unknown: arrived.pageviews.keys().chain(queued).filter(|pageview| !book.sent.contains(*pageview)).count(),
        aborted: book.statuses.get(&ABORTED).copied().unwrap_or(0),
        statuses: book.statuses.clone(),
        slowest_ms: u64::try_from(book.slowest.as_millis()).unwrap_or(u64::MAX),
        calls: arrived.calls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_and_nowhere_is_lost() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
        let book = Book { acknowledged: names(&["a", "b", "c"]), sent: names(&["a", "b", "c"]), ..Book::default() };
        let arrived = Arrived { pageviews: [("a".to_owned(), 2)].into(), ..Arrived::default() };
        let outcome = judge(&book, &arrived, &names(&["b", "x"]));
        assert_eq!((outcome.lost, outcome.unknown, outcome.duplicates, outcome.only_in_queue), (1, 1, 1, 2));
    }

    #[test]
    fn so_many_of_a_hundred_go_away_at_every_moment() {
        let aborts: Vec<u64> = (0..1_000).filter_map(|nth| abort_ms(nth, 30)).collect();
        assert!((250..350).contains(&aborts.len()), "{}", aborts.len());
        assert!(ABORTS_MS.iter().all(|moment| aborts.contains(moment)));
        assert_eq!(abort_ms(7, 0), None);
    }
}
