//! What this process holds and has seen, for `/health`, `/figures` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::error::Elapsed;
use wire::{PortalId, VisitorId};

use crate::leases::{Job, Position};
use crate::platform::desk::Desk;
use crate::stages::Stages;
use crate::telemetry::News;
use crate::transform::Totals;

/// What was last seen of a shard; times are Unix milliseconds, 0 is never.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShardFacts {
    pub(crate) totals: Totals,
    pub(crate) position: Option<Position>,
    pub(crate) behind_ms: Option<u64>,
    pub(crate) started_at_ms: u64,
    pub(crate) last_read_at_ms: u64,
    pub(crate) last_error: Option<String>,
    pub(crate) pageviews_in_memory: usize,
    pub(crate) visitors_in_memory: usize,
    pub(crate) question: Option<Question>,
}

/// How long a shard's reader may take to answer: it answers between two pages.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the HTTP server asks of a shard's reader.
#[derive(Debug, Clone)]
pub(crate) struct Question(mpsc::Sender<(VisitorId, oneshot::Sender<Value>)>);

impl Question {
    /// What is held of a reader; `None` when nothing is, or the shard is no longer here.
    ///
    /// # Errors
    /// The shard's reader does not answer: it waits for Kinesis, or reads its memory again.
    pub(crate) async fn ask(&self, visitor: VisitorId) -> Result<Option<Value>, Elapsed> {
        let (answer, heard) = oneshot::channel();
        let asked = async {
            self.0.send((visitor, answer)).await.ok()?;
            heard.await.ok()
        };
        tokio::time::timeout(PATIENCE, asked).await.map(|held| held.filter(|held| !held.is_null()))
    }
}

/// Where a shard's reader hears them.
pub(crate) type Questions = mpsc::Receiver<(VisitorId, oneshot::Sender<Value>)>;

/// What this process has of a portal.
#[derive(Debug, Clone, Default)]
pub(crate) struct PortalBoard {
    /// By shard, drained ones included: what they counted still counts.
    pub(crate) shards: BTreeMap<String, ShardFacts>,
    /// Jobs that failed here, and why.
    pub(crate) failed: BTreeMap<Job, String>,
    /// Its state, when this process holds it.
    pub(crate) desk: Option<Arc<Desk>>,
}

impl PortalBoard {
    /// The sums over the shards.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.shards.values().for_each(|shard| totals.add(&shard.totals));
        totals
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Board {
    portals: Mutex<BTreeMap<PortalId, PortalBoard>>,
    /// Whether the streams were found and the work was shared once.
    pub(crate) is_ready: AtomicBool,
    pub(crate) stages: Stages,
    /// What the streams' records told since the last period's end.
    news: Mutex<BTreeMap<PortalId, News>>,
}

impl Board {
    /// All portals that this process has something of.
    pub(crate) fn portals(&self) -> MutexGuard<'_, BTreeMap<PortalId, PortalBoard>> {
        self.portals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of a portal's stream told this.
    pub(crate) fn tell(&self, portal: &PortalId, news: &News) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).entry(portal.clone()).or_default().add(news);
    }

    /// What was told since the last call.
    pub(crate) fn take_news(&self) -> BTreeMap<PortalId, News> {
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A shard is read here from now on.
    pub(crate) fn open_shard(&self, portal: &PortalId, shard: &str, started_at_ms: u64) {
        let mut portals = self.portals();
        portals.entry(portal.clone()).or_default().shards.entry(shard.to_owned()).or_default().started_at_ms = started_at_ms;
    }

    /// Changes what is known of a shard, if it is still read here.
    pub(crate) fn shard(&self, portal: &PortalId, shard: &str, change: impl FnOnce(&mut ShardFacts)) {
        if let Some(facts) = self.portals().get_mut(portal).and_then(|board| board.shards.get_mut(shard)) {
            change(facts);
        }
    }

    /// A job has failed here, for a reason that a person may have to mend.
    pub(crate) fn fail(&self, job: &Job, why: &str) {
        let portal = match job {
            Job::Shard { portal, shard, .. } => {
                self.forget_shard(portal, shard);
                portal
            }
            Job::Portal(portal) => {
                self.set_desk(portal, None);
                portal
            }
        };
        self.portals().entry(portal.clone()).or_default().failed.insert(job.clone(), why.to_owned());
    }

    /// It is tried again.
    pub(crate) fn heal(&self, job: &Job) {
        for board in self.portals().values_mut() {
            board.failed.remove(job);
        }
    }

    /// Another process has the shard now.
    pub(crate) fn forget_shard(&self, portal: &PortalId, shard: &str) {
        if let Some(board) = self.portals().get_mut(portal) {
            board.shards.remove(shard);
        }
    }

    /// The portal's state is here, or no more.
    pub(crate) fn set_desk(&self, portal: &PortalId, desk: Option<Arc<Desk>>) {
        self.portals().entry(portal.clone()).or_default().desk = desk;
    }

    /// Opens a way to ask a shard's reader.
    pub(crate) fn open_questions(&self, portal: &PortalId, shard: &str) -> Questions {
        let (question, questions) = mpsc::channel(1);
        self.shard(portal, shard, |facts| facts.question = Some(Question(question)));
        questions
    }

    /// The readers of the shards that are here.
    pub(crate) fn questions(&self) -> Vec<Question> {
        self.portals().values().flat_map(|board| board.shards.values()).filter_map(|facts| facts.question.clone()).collect()
    }
}
