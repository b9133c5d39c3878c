//! What this process holds and has seen, for `/health`, `/figures` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wire::{PortalId, VisitorId};

use crate::leases::Position;
use crate::platform::desk::Desk;
use crate::stages::Stages;
use crate::transform::Totals;

/// How long a shard's reader may take to say what it holds.
const ANSWER_MAX: Duration = Duration::from_secs(20);

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
        let asking = async {
            self.0.send((visitor, answer)).await.ok()?;
            heard.await.ok().filter(|held| !held.is_null())
        };
        timeout(ANSWER_MAX, asking).await
    }
}

/// Where a shard's reader hears them.
pub(crate) type Questions = mpsc::Receiver<(VisitorId, oneshot::Sender<Value>)>;

/// What this process has of a portal.
#[derive(Debug, Clone, Default)]
pub(crate) struct PortalBoard {
    /// By shard, drained ones included: what they counted still counts.
    pub(crate) shards: BTreeMap<String, ShardFacts>,
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
}

impl Board {
    /// All portals that this process has something of.
    pub(crate) fn portals(&self) -> MutexGuard<'_, BTreeMap<PortalId, PortalBoard>> {
        self.portals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a shard.
    pub(crate) fn shard(&self, portal: &PortalId, shard: &str, change: impl FnOnce(&mut ShardFacts)) {
        let mut portals = self.portals();
        change(portals.entry(portal.clone()).or_default().shards.entry(shard.to_owned()).or_default());
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
