//! The generator: makes batches, keeps each until a 2xx came for it, and keeps the book.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use wire::{Batch, CollectAnswer, Event, EventKind, PageKind, PortalId, VisitorId};

use super::bucket::EventId;
use crate::beacon::{Beacon, Page, Random, event, now_ms, pageview_id};
use crate::ledger::Ledger;
use crate::stack;

/// Pause between two rounds of sending again what got no 2xx; a tracker's is longer, which would only make the run longer.
const RESEND_PAUSE: Duration = Duration::from_millis(500);

/// How a batch is sent the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As a browser does.
    Plain,
    /// So many times, also at once.
    Repeated(usize),
    /// The client goes away: every other batch in the middle of the body, the rest right after it.
    Hasty,
}

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Batches, each of one pageview with two events.
    pub batches: usize,
    /// Posts under way at once.
    pub at_once: usize,
    /// Batches a second; as fast as they are taken without it.
    pub per_s: Option<u32>,
    pub manner: Manner,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// First tries by status, or `none`.
    pub first: BTreeMap<String, u64>,
    /// Batches that had to be sent again.
    pub resent: u64,
    /// 503s without `Retry-After`.
    pub without_retry_after: u64,
    /// The slowest answer, milliseconds.
    pub slowest_ms: u64,
}

/// Batches of one row, and which of them got a 2xx.
pub(super) struct Outbox {
    agent: ureq::Agent,
    beacon: Beacon,
    port: u16,
    entries: Vec<Entry>,
    answers: Mutex<Answers>,
}

struct Entry {
    page: Page,
    events: Vec<Event>,
    is_accepted: AtomicBool,
}

impl Outbox {
    /// Makes a row's batches.
    pub(super) fn new(port: u16, portals: &[PortalId], batches: usize) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .max_idle_connections_per_host(64)
            .build();
        let mut random = Random::from_entropy(now_ms());
        let entries = (0..batches).filter_map(|index| Entry::new(portals.get(index % portals.len().max(1))?, &mut random)).collect();
        Self { agent: config.into(), beacon: Beacon::new(port), port, entries, answers: Mutex::default() }
    }

    /// Sends every batch once.
    pub(super) fn send(&self, load: &Load) {
        let times = if let Manner::Repeated(times) = load.manner { times } else { 1 };
        // Repetitions lie side by side, so that they are under way at the same time.
        let order: Vec<usize> = (0..self.entries.len()).flat_map(|index| std::iter::repeat_n(index, times)).collect();
        self.each(&order, load, |index, entry| match load.manner {
            Manner::Hasty => self.leave(entry, index % 2 == 0),
            Manner::Plain | Manner::Repeated(_) => {
                let status = self.post(entry);
                *self.answers().first.entry(status).or_default() += 1;
            }
        });
    }

    /// Sends what got no 2xx again and again, until all did or it is too late.
    pub(super) fn resend(&self, at_once: usize, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let kept = self.kept();
            if kept.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} batches got no 2xx in {} s", kept.len(), patience.as_secs());
            ensure!(!stack::is_interrupted(), "interrupted");
            self.answers().resent += u64::try_from(kept.len()).unwrap_or(0);
            self.each(&kept, &Load { batches: kept.len(), at_once, per_s: None, manner: Manner::Plain }, |_, entry| {
                self.post(entry);
            });
            std::thread::sleep(RESEND_PAUSE);
        }
    }

    /// What came back until now.
    pub(super) fn answers(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Batches without a 2xx, by index.
    pub(super) fn kept(&self) -> Vec<usize> {
        let is_kept = |(_, entry): &(usize, &Entry)| !entry.is_accepted.load(Ordering::SeqCst);
        self.entries.iter().enumerate().filter(is_kept).map(|(index, _)| index).collect()
    }

    /// The ids of the events that got a 2xx.
    pub(super) fn accepted(&self) -> BTreeSet<EventId> {
        let is_accepted = |entry: &&Entry| entry.is_accepted.load(Ordering::SeqCst);
        let ids = |entry: &Entry| entry.events.iter().map(|event| (entry.page.pageview.to_string(), event.seq.into())).collect::<Vec<_>>();
        self.entries.iter().filter(is_accepted).flat_map(ids).collect()
    }

    /// The batches, for those who bring them in by another way than a POST; they count as accepted from now on.
    pub(super) fn bring_in(&self) -> Vec<Batch> {
        let bring = |entry: &Entry| {
            entry.is_accepted.store(true, Ordering::SeqCst);
            self.beacon.batch(&entry.page, entry.events.clone())
        };
        self.entries.iter().map(bring).collect()
    }

    /// Those of these batches alone.
    pub(super) fn only(self, is_wanted: impl Fn(usize) -> bool) -> Self {
        let entries = self.entries.into_iter().enumerate().filter(|(index, _)| is_wanted(*index)).map(|(_, entry)| entry).collect();
        Self { entries, ..self }
    }

    /// Enters everything in the book.
    pub(super) fn write(&self, ledger: &mut Ledger, row: &str) -> Result<()> {
        for entry in &self.entries {
            for event in &entry.events {
                ledger.write_row(row, &entry.page, event, entry.is_accepted.load(Ordering::SeqCst))?;
            }
        }
        ledger.flush()
    }

    /// Does something to each of these, so many at once and not faster than wanted.
    fn each(&self, order: &[usize], load: &Load, work: impl Fn(usize, &Entry) + Sync) {
        let (next, started) = (AtomicUsize::new(0), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..load.at_once.min(order.len()) {
                scope.spawn(|| {
                    loop {
                        let turn = next.fetch_add(1, Ordering::SeqCst);
                        let Some(index) = order.get(turn) else { return };
                        if let Some(per_s) = load.per_s {
                            let due_ms = u64::try_from(turn).unwrap_or(0) * 1_000 / u64::from(per_s.max(1));
                            std::thread::sleep((started + Duration::from_millis(due_ms)).saturating_duration_since(Instant::now()));
                        }
                        if stack::is_interrupted() {
                            return;
                        }
                        if let Some(entry) = self.entries.get(*index) {
                            work(*index, entry);
                        }
                    }
                });
            }
        });
    }

    /// Posts once; the status, or `none`.
    fn post(&self, entry: &Entry) -> String {
        let Ok(body) = serde_json::to_string(&self.beacon.batch(&entry.page, entry.events.clone())) else { return "none".to_owned() };
        let begun = Instant::now();
        let origin = self.beacon.origin(&entry.page.portal);
        let request = self.agent.post(format!("http://127.0.0.1:{}/pageview", self.port)).header("Origin", origin);
        let answer = request.header("Sec-Fetch-Site", "cross-site").content_type("text/plain;charset=UTF-8").send(&body);
        let note = |status: &str, has_retry_after: bool| {
            let mut answers = self.answers();
            answers.slowest_ms = answers.slowest_ms.max(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
            answers.without_retry_after += u64::from(status == "503" && !has_retry_after);
        };
        let Ok(mut answer) = answer else { return "none".to_owned() };
        let status = answer.status().as_u16();
        let said = answer.body_mut().read_json::<CollectAnswer>();
        if status == 202 && said.is_ok_and(|said| said.accepted == entry.events.len()) {
            entry.is_accepted.store(true, Ordering::SeqCst);
        }
        note(&status.to_string(), answer.headers().contains_key("retry-after"));
        status.to_string()
    }

    /// Sends half of the body or all of it, and goes without listening.
    fn leave(&self, entry: &Entry, is_in_the_middle: bool) {
        *self.answers().first.entry("left".to_owned()).or_default() += 1;
        let Ok(body) = serde_json::to_string(&self.beacon.batch(&entry.page, entry.events.clone())) else { return };
        let head = format!(
            "POST /pageview HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nOrigin: {}\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            self.port,
            self.beacon.origin(&entry.page.portal),
            body.len()
        );
        let part = if is_in_the_middle { body.len() / 2 } else { body.len() };
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            // Whether it arrives is what the row is about.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.get(..part).unwrap_or_default().as_bytes()));
        }
    }
}

impl Entry {
    fn new(portal: &PortalId, random: &mut Random) -> Option<Self> {
        let at_ms = now_ms();
        let page = Page {
            portal: portal.clone(),
            pageview: pageview_id(at_ms, random.next_u128()),
            visitor: VisitorId::from_bits(random.next_u128()),
            path: format!("/n/{}", random.below(100)),
            kind: PageKind::Article,
            meta: None,
        };
        let engaged_ms = random.below(60_000);
        let scroll_pct = u8::try_from(random.below(101)).ok()?;
        let events = vec![event(0, at_ms, EventKind::Pageview), event(1, at_ms, EventKind::Engagement { engaged_ms, scroll_pct })];
        Some(Self { page, events, is_accepted: AtomicBool::new(false) })
    }
}
