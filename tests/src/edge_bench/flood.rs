//! Floods: one sender asks a thousand times a second, and other readers beside it are to notice nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use hyper::Method;
use serde::Serialize;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::batch::{Batches, EVENTS, now_ms};
use crate::ledger::Arrived;
use crate::load::{Connection, Post};
use crate::stand_ins::{Manner, StandIns};
use crate::workerd::Workerd;

/// Requests of a flood.
const FLOOD: u64 = 10_000;
/// What is asked in a second, if the machine can.
const FLOOD_PER_S: u64 = 1_000;
/// Connections of the flood: so many answers it waits for at once.
const FLOOD_AT_ONCE: u64 = 16;
/// Other readers' posts in a second, each from a network of its own.
const OTHERS_PER_S: u64 = 50;
const OTHERS_AT_ONCE: u64 = 8;
/// How long the others are alone before, and what they post then.
const QUIET: u64 = 500;
/// The window of the limits.
const WINDOW_MS: u64 = 10_000;
/// Requests of its own to every worker, before anything is measured.
const WARM_UP: u64 = 2_000;
/// Numbers of the flood's batches begin here, so that they differ from the others'.
const FLOOD_FROM: u64 = 1_000_000;

/// Who floods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// One address.
    Address,
    /// One visitor's id, from a thousand addresses.
    Visitor,
    /// A portal for each request that nobody has, from a hundred addresses.
    Portals,
}

/// What `flood` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The program.
    #[arg(long)]
    workerd: PathBuf,
    /// Of the worker, with its `config.capnp`.
    #[arg(long)]
    folder: PathBuf,
    /// Where the figures go, as JSON.
    #[arg(long)]
    out: PathBuf,
    /// That of Kinesis; the other stand-ins and workerd have those after it.
    #[arg(long)]
    port: u16,
    /// Who floods.
    #[arg(long)]
    kind: Kind,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    events_of_a_batch: usize,
    /// The flood's answers by status.
    flood: BTreeMap<u16, u64>,
    /// In so many windows of the limits.
    windows: usize,
    flood_ms: u64,
    /// The others' answers, in the quiet and beside the flood.
    others: BTreeMap<u16, u64>,
    quiet_p99_us: u64,
    beside_p99_us: u64,
    /// Of what was acknowledged to anybody.
    in_stream: usize,
    lost: usize,
    /// Objects that were put into the store.
    objects: u64,
    rss_before_kib: u64,
    rss_after_kib: u64,
}

/// Senders of one kind, and what they were told.
#[derive(Debug, Default)]
struct Crowd {
    next: u64,
    statuses: BTreeMap<u16, u64>,
    latencies_us: Vec<u64>,
    acknowledged: HashSet<String>,
    windows: BTreeSet<u64>,
}

/// A reader's batch as one of a crowd posts it: its address and its body.
type Sender = fn(&Batches, u64) -> (String, Vec<u8>, String);

/// The verb.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let stand_ins = StandIns::start(options.port, Manner::default()).await?;
    let workerd = Workerd::start(&options.workerd, &options.folder, options.port + 10)?;
    let batches = Rc::new(Batches::new());
    let port = workerd.port();
    let warm = post(port, &batches, other, 2 * FLOOD_FROM, WARM_UP, FLOOD_PER_S, FLOOD_AT_ONCE).await?;
    let quiet = post(port, &batches, other, 0, QUIET, OTHERS_PER_S, OTHERS_AT_ONCE).await?;
    let rss_before_kib = workerd.rss_kib()?;
    let sender: Sender = match options.kind {
        Kind::Address => of_one_address,
        Kind::Visitor => of_one_visitor,
        Kind::Portals => of_no_portal,
    };
    // A whole window, if the machine is fast enough.
    tokio::time::sleep(Duration::from_millis(WINDOW_MS - now_ms() % WINDOW_MS)).await;
    let begun = Instant::now();
    // On a thread of their own: the flood's own work must not be taken for the worker's slowness.
    let others = std::thread::spawn(move || beside(port));
    let flood = post(port, &batches, sender, FLOOD_FROM, FLOOD, FLOOD_PER_S, FLOOD_AT_ONCE).await?;
    let flood_ms = begun.elapsed().as_millis();
    let beside = others.join().map_err(|_| anyhow!("the others panicked"))??;
    let (calls, _) = stand_ins.take();
    let arrived = Arrived::of(&calls)?;
    let acknowledged = || [&warm, &quiet, &beside, &flood].into_iter().flat_map(|crowd| &crowd.acknowledged);
    let mut others = quiet.statuses.clone();
    for (status, count) in &beside.statuses {
        *others.entry(*status).or_default() += count;
    }
    let outcome = Outcome {
        events_of_a_batch: EVENTS,
        windows: flood.windows.len(),
        flood_ms: u64::try_from(flood_ms)?,
        quiet_p99_us: quiet.p99_us(),
        beside_p99_us: beside.p99_us(),
        flood: flood.statuses.clone(),
        others,
        in_stream: arrived.pageviews.len(),
        lost: acknowledged().filter(|pageview| !arrived.pageviews.contains_key(*pageview)).count(),
        objects: stand_ins.objects(),
        rss_before_kib,
        rss_after_kib: workerd.rss_kib()?,
    };
    Ok(std::fs::write(&options.out, serde_json::to_string_pretty(&outcome)?)?)
}

impl Crowd {
    fn p99_us(&self) -> u64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0)
    }
}

/// The others while the flood goes on.
fn beside(port: u16) -> Result<Crowd> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let count = FLOOD / FLOOD_PER_S * OTHERS_PER_S;
    runtime.block_on(post(port, &Rc::new(Batches::new()), other, QUIET, count, OTHERS_PER_S, OTHERS_AT_ONCE))
}

/// So many posts at a steady pace, numbered from `first`: a late one is sent at once.
async fn post(port: u16, batches: &Rc<Batches>, sender: Sender, first: u64, count: u64, per_s: u64, at_once: u64) -> Result<Crowd> {
    let (crowd, senders, begun) = (Rc::new(RefCell::new(Crowd::default())), LocalSet::new(), Instant::now());
    let mut running = Vec::new();
    for _ in 0..at_once {
        let (crowd, batches) = (Rc::clone(&crowd), Rc::clone(batches));
        running.push(senders.spawn_local(async move {
            let mut connection = Connection::open(port).await?;
            loop {
                let nth = crowd.borrow().next;
                if nth >= count {
                    return anyhow::Ok(());
                }
                crowd.borrow_mut().next += 1;
                let due = begun + Duration::from_micros(nth * 1_000_000 / per_s);
                sleep_until(due).await;
                let (address, body, pageview) = sender(&batches, first + nth);
                let headers = [("content-type", "text/plain"), ("cf-connecting-ip", address.as_str())];
                let asked = Instant::now();
                let (status, _) = connection.ask(Post { method: Method::POST, path: "/pageview", headers: &headers, body }).await?;
                let mut crowd = crowd.borrow_mut();
                crowd.latencies_us.push(u64::try_from(asked.elapsed().as_micros())?);
                crowd.windows.insert(now_ms() / WINDOW_MS);
                *crowd.statuses.entry(status).or_default() += 1;
                if status == 202 {
                    crowd.acknowledged.insert(pageview);
                }
            }
        }));
    }
    senders.await;
    for sender in running {
        sender.await.context("a sender panicked")??;
    }
    Ok(std::mem::take(&mut *crowd.borrow_mut()))
}

fn other(batches: &Batches, nth: u64) -> (String, Vec<u8>, String) {
    let (body, pageview) = batches.body(nth);
    (format!("{}.{}.{}.7", 20 + nth % 60, (nth / 60) % 250, (nth / 15_000) % 250), body, pageview)
}

fn of_one_address(batches: &Batches, nth: u64) -> (String, Vec<u8>, String) {
    let (body, pageview) = batches.body(nth);
    ("203.0.113.99".to_owned(), body, pageview)
}

fn of_one_visitor(batches: &Batches, nth: u64) -> (String, Vec<u8>, String) {
    let (body, pageview) = batches.body_of(nth, u128::MAX / 3);
    (format!("100.{}.{}.1", (nth % 1_000) / 100, nth % 100), body, pageview)
}

fn of_no_portal(batches: &Batches, nth: u64) -> (String, Vec<u8>, String) {
    let (body, pageview) = batches.body(nth);
    let body = String::from_utf8_lossy(&body).replacen("\"portal\":\"g1\"", &format!("\"portal\":\"x{nth}\""), 1);
    (format!("101.0.{}.1", nth % 100), body.into_bytes(), pageview)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flood_is_what_it_says() {
        let batches = Batches::new();
        let sent: Vec<_> = (0..2_000).map(|nth| of_one_visitor(&batches, nth)).collect();
        let visitors: HashSet<_> = sent.iter().map(|(_, body, _)| wire::Batch::parse(body).unwrap().batch.visitor.unwrap()).collect();
        let addresses: HashSet<_> = sent.iter().map(|(address, ..)| address).collect();
        assert_eq!((visitors.len(), addresses.len()), (1, 1_000));
        let portals: HashSet<_> = (0..100).map(|nth| wire::Batch::parse(&of_no_portal(&batches, nth).1).unwrap().batch.portal).collect();
        assert_eq!(portals.len(), 100);
        let others: HashSet<_> = (0..3_000).map(|nth| other(&batches, nth).0).collect();
        assert_eq!(others.len(), 3_000);
    }
}
