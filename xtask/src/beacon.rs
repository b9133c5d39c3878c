//! Posting batches as a browser would: same body, same headers, same patience.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use wire::{Batch, CollectAnswer, Consent, Event, EventKind, Meta, PageKind, PageviewId, PortalId, VisitorId};

use crate::stack;

/// How often a batch is posted before it is given up.
const ATTEMPTS_MAX: u32 = 6;

/// Posts to one worker; cheap to clone, keeps connections open.
#[derive(Debug, Clone)]
pub(crate) struct Beacon {
    agent: ureq::Agent,
    url: String,
    port: u16,
}

/// One pageview of one reader.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub portal: PortalId,
    pub pageview: PageviewId,
    pub visitor: VisitorId,
    pub path: String,
    pub kind: PageKind,
    pub meta: Option<Meta>,
}

impl Beacon {
    /// To the worker on this port of this machine.
    pub(crate) fn new(port: u16) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(15)))
            .http_status_as_error(false)
            .max_idle_connections_per_host(64)
            .build();
        Self { agent: config.into(), url: format!("http://127.0.0.1:{port}/pageview"), port }
    }

    /// Posts the events of a page. Waits and tries again after 429, 408, 5xx and broken connections.
    ///
    /// # Errors
    /// When the worker refuses the batch or does not take it in six attempts; says what it answered.
    pub(crate) fn post(&self, page: &Page, events: Vec<Event>) -> Result<CollectAnswer> {
        let body = serde_json::to_string(&self.batch(page, events))?;
        let mut last = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            if stack::is_interrupted() {
                anyhow::bail!("interrupted");
            }
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(100 << attempt));
            }
            let request = self.agent.post(&self.url).header("Origin", self.origin(&page.portal)).header("Sec-Fetch-Site", "cross-site");
            match request.content_type("text/plain;charset=UTF-8").send(&body) {
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.body_mut().read_to_string().unwrap_or_default();
                    if status == 202 {
                        return serde_json::from_str(&text).context("the 202 is no answer of ours");
                    }
                    last = format!("{status} {text}");
                    if !matches!(status, 408 | 429 | 500..) {
                        break;
                    }
                }
                Err(error) => last = error.to_string(),
            }
        }
        anyhow::bail!("{last}")
    }

    /// Where pages of a portal are.
    pub(crate) fn origin(&self, portal: &PortalId) -> String {
        format!("http://{portal}.localhost:{}", self.port)
    }

    /// The batch of a page's events, as it is sent now.
    pub(crate) fn batch(&self, page: &Page, events: Vec<Event>) -> Batch {
        Batch {
            v: 1,
            portal: page.portal.clone(),
            pageview: page.pageview,
            visitor: Some(page.visitor),
            user: None,
            consent: Consent::Full,
            page: page.kind,
            url: format!("{}{}", self.origin(&page.portal), page.path),
            item: wire::Item::parse(&page.path),
            referrer: None,
            meta: page.meta.clone(),
            sent_at_ms: now_ms(),
            dropped: 0,
            bot: false,
            events,
        }
    }
}

/// An event of a kind, now.
pub(crate) fn event(seq: u32, at_ms: u64, kind: EventKind) -> Event {
    Event { seq, at_ms, kind }
}

/// A time-ordered pageview id: 12 digits of Unix milliseconds, 20 random ones.
pub(crate) fn pageview_id(at_ms: u64, random: u128) -> PageviewId {
    PageviewId::from_bits((u128::from(at_ms) << 80) | (random >> 48))
}

/// Unix time.
pub(crate) fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// A small generator of well-spread numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Another sequence in each run.
    pub(crate) fn from_entropy(salt: u64) -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(salt))
    }

    /// The same sequence in each run.
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn next_u128(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    /// From 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}
