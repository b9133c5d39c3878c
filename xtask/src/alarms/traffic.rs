//! Light, steady traffic on every portal, as trackers send it: pageviews of three batches, what got no 2xx again, and lists.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wire::{Event, EventKind, Meta, PageKind, PortalId, VisitorId};

use crate::beacon::{Beacon, Page, Random, event, now_ms, pageview_id};

/// A pageview begins on each portal so often.
const PAUSE: Duration = Duration::from_secs(1);
/// Batches that a portal's readers keep; a tracker's outbox is smaller, but these are many readers in one.
const KEPT_MAX: usize = 5_000;
/// Kept batches that leave with one beat, so that a backlog does not come as a flood.
const RESENT_MAX: usize = 20;
/// Articles of a portal, and pages that a reader opens.
const ARTICLES: u64 = 10;
const PAGES: u64 = 5;
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Readers of several portals; they stop when this is dropped.
#[derive(Debug)]
pub(super) struct Traffic {
    is_over: Arc<AtomicBool>,
    silent: Arc<Mutex<Vec<PortalId>>>,
}

/// A batch that was not accepted yet.
struct Kept {
    page: Page,
    events: Vec<Event>,
}

struct Readers {
    portal: PortalId,
    agent: ureq::Agent,
    beacon: Beacon,
    worker_url: String,
    random: Random,
    visitor: VisitorId,
    pages: u64,
    /// Pageviews that are open, the youngest first.
    open: VecDeque<Page>,
    kept: VecDeque<Kept>,
}

impl Traffic {
    /// Begins on all portals, a thread each.
    pub(super) fn start(port: u16, portals: &[PortalId]) -> Self {
        let traffic = Self { is_over: Arc::default(), silent: Arc::default() };
        for portal in portals {
            let (is_over, silent) = (Arc::clone(&traffic.is_over), Arc::clone(&traffic.silent));
            let mut readers = Readers::new(port, portal.clone());
            std::thread::spawn(move || {
                let mut due = Instant::now();
                while !is_over.load(Ordering::SeqCst) {
                    let is_silent = silent.lock().unwrap_or_else(PoisonError::into_inner).contains(&readers.portal);
                    if !is_silent {
                        readers.beat();
                    }
                    due = (due + PAUSE).max(Instant::now());
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            });
        }
        traffic
    }

    /// These portals have no readers from now on, all others have.
    pub(super) fn silence(&self, portals: &[PortalId]) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = portals.to_vec();
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

impl Readers {
    fn new(port: u16, portal: PortalId) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        let mut random = Random::from_entropy(now_ms());
        let visitor = VisitorId::from_bits(random.next_u128());
        let worker_url = format!("http://127.0.0.1:{port}");
        let (open, kept) = (VecDeque::new(), VecDeque::new());
        Self { portal, agent: config.into(), beacon: Beacon::new(port), worker_url, random, visitor, pages: 0, open, kept }
    }

    /// A pageview begins, the one before goes on, the one before that ends; then what is kept, and a list.
    fn beat(&mut self) {
        let at_ms = now_ms();
        let scroll = |engaged_ms| EventKind::Engagement { engaged_ms, scroll_pct: 50 };
        let mut batches = Vec::new();
        for (seq, page) in (1..).zip(&self.open) {
            batches.push(Kept { page: page.clone(), events: vec![event(seq, at_ms, scroll(u64::from(seq) * 9_000))] });
        }
        let (page, described) = self.next_page(at_ms);
        batches.push(Kept { page: described, events: vec![event(0, at_ms, EventKind::Pageview)] });
        self.open.push_front(page);
        self.open.truncate(2);
        for batch in batches {
            self.kept.push_back(batch);
        }
        self.send();
        let path = self.path();
        let list = format!("{}/recommendations?portal={}&item={path}&limit=4", self.worker_url, self.portal);
        // A list that does not come is what the alarms are about.
        let _ = self.agent.get(list).call().map(|mut answer| answer.body_mut().read_to_string());
    }

    /// The next article of a reader who reads five; what it says of itself travels once.
    fn next_page(&mut self, at_ms: u64) -> (Page, Page) {
        self.pages += 1;
        if self.pages.is_multiple_of(PAGES) {
            self.visitor = VisitorId::from_bits(self.random.next_u128());
        }
        let path = self.path();
        let pageview = pageview_id(at_ms, self.random.next_u128());
        let page = Page { portal: self.portal.clone(), pageview, visitor: self.visitor, path, kind: PageKind::Article, meta: None };
        let meta = Meta { title: Some(format!("Article {}", page.path)), section: Some("economia".to_owned()), ..Meta::default() };
        (page.clone(), Page { meta: Some(meta), ..page })
    }

    fn path(&mut self) -> String {
        format!("/{}/noticia/{}", self.portal, self.random.below(ARTICLES))
    }

    /// The oldest first, until one is not taken.
    fn send(&mut self) {
        for _ in 0..RESENT_MAX {
            let Some(batch) = self.kept.pop_front() else { return };
            if !self.post(&batch) {
                self.kept.push_front(batch);
                break;
            }
        }
        self.kept.truncate(KEPT_MAX);
    }

    fn post(&self, batch: &Kept) -> bool {
        let Ok(body) = serde_json::to_string(&self.beacon.batch(&batch.page, batch.events.clone())) else { return true };
        let request = self.agent.post(format!("{}/pageview", self.worker_url)).header("Origin", self.beacon.origin(&self.portal));
        let answer = request.header("Sec-Fetch-Site", "cross-site").content_type("text/plain;charset=UTF-8").send(&body);
        answer.is_ok_and(|answer| answer.status().as_u16() == 202)
    }
}
