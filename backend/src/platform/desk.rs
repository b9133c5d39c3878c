//! One portal at work: its snapshot in memory, shared by the readers, the publisher, the saver and the HTTP server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wire::Portal;

use crate::health::Facts;
use crate::platform::clock::now_ms;
use crate::platform::kinesis::{Page, Trouble};
use crate::platform::reader::Taker;
use crate::shards::{Checkpoints, Start};
use crate::snapshot::Snapshot;
use crate::state::read_record;

/// One portal at work.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) portal: Portal,
    stream: String,
    is_dev: bool,
    /// State and checkpoints change together, under this lock.
    snapshot: Mutex<Snapshot>,
    facts: Mutex<Facts>,
    /// Grows whenever the snapshot changes.
    changes: AtomicU64,
}

impl Desk {
    /// A portal as its snapshot left it.
    pub(crate) fn new(portal: Portal, snapshot: Snapshot, is_dev: bool) -> Self {
        let facts = Facts { started_at_ms: now_ms(), ..Facts::default() };
        let stream = portal.events_stream();
        Self { portal, stream, is_dev, snapshot: Mutex::new(snapshot), facts: Mutex::new(facts), changes: AtomicU64::new(0) }
    }

    /// State and checkpoints.
    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        // A panic within the lock ends in a process that a person has to look at; going on is no worse.
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was last seen.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the snapshot has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

impl Taker for Desk {
    fn stream(&self) -> &str {
        &self.stream
    }

    fn fresh(&self) -> Start {
        Start::TrimHorizon
    }

    fn with_checkpoints<T>(&self, change: impl FnOnce(&mut Checkpoints) -> T) -> T {
        let mut snapshot = self.snapshot();
        let before = snapshot.checkpoints.clone();
        let result = change(&mut snapshot.checkpoints);
        if snapshot.checkpoints != before {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
        result
    }

    fn take(&self, shard: &str, page: &Page) {
        // Parsing is nearly all of the work: done before the lock is taken.
        let parsed: Vec<_> = page.records.iter().map(|record| (record, read_record(&record.data, &self.portal.id))).collect();
        {
            let mut snapshot = self.snapshot();
            for (record, outcome) in parsed {
                match outcome {
                    Ok(envelope) => snapshot.state.apply(&envelope, record.arrived_at_ms, &self.portal, self.is_dev),
                    Err(poison) => {
                        snapshot.state.counts.poison += 1;
                        let why = poison.summary();
                        tracing::warn!(stream = self.stream, shard, sequence_number = record.sequence_number, why, "poison record");
                    }
                }
            }
            if let Some(last) = page.records.last() {
                snapshot.checkpoints.advance(shard, last.sequence_number.clone());
                self.changes.fetch_add(1, Ordering::AcqRel);
            }
        }
        let mut facts = self.facts();
        facts.last_read_at_ms = now_ms();
        facts.behind_ms.insert(shard.to_owned(), page.behind_ms);
        if facts.last_read_error.take().is_some() {
            tracing::info!(stream = self.stream, "the stream is back");
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        if let Trouble::IteratorExpired = trouble {
            tracing::debug!(stream = self.stream, "{trouble}");
            return;
        }
        let mut facts = self.facts();
        if facts.last_read_error.is_none() {
            tracing::warn!(stream = self.stream, "cannot read the stream, trying again: {trouble}");
        }
        facts.last_read_error = Some(trouble.to_string());
    }
}
