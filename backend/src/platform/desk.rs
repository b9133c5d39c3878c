//! One portal at work: its snapshot in memory, shared by the readers, the publisher, the saver and the HTTP server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::Portal;

use crate::health::Facts;
use crate::platform::board::Board;
use crate::platform::clock::{now_ms, uptime};
use crate::platform::kinesis::{Page, Trouble};
use crate::platform::reader::Taker;
use crate::shards::{Checkpoints, Start};
use crate::snapshot::Snapshot;
use crate::stages::{Stage, Volume};
use crate::state::{Guard, read_interaction};

/// Who has no snapshot of a portal reads so far back: four half-lives of the slow count, so that it is within a sixteenth of what it
/// would be, and the fast one exact.
const REWIND_MS: u64 = 86_400_000;

/// One portal at work.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) portal: Portal,
    pub(crate) board: Arc<Board>,
    stream: String,
    guard: Guard,
    /// State and checkpoints change together, under this lock.
    snapshot: Mutex<Snapshot>,
    facts: Mutex<Facts>,
    /// Grows whenever the snapshot changes.
    changes: AtomicU64,
}

impl Desk {
    /// A portal as its snapshot left it.
    pub(crate) fn new(portal: Portal, snapshot: Snapshot, board: Arc<Board>, guard: Guard) -> Self {
        let facts = Facts { started_at_ms: now_ms(), ..Facts::default() };
        let stream = portal.interactions_stream();
        Self { portal, board, stream, guard, snapshot: Mutex::new(snapshot), facts: Mutex::new(facts), changes: AtomicU64::new(0) }
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
        Start::Since(now_ms().saturating_sub(REWIND_MS))
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
        let unit = self.board.stages.begin(Stage::Learn, Some(&self.portal.id), uptime());
        let parsed: Vec<_> = page.records.iter().map(|record| (record, read_interaction(&record.data, &self.portal.id))).collect();
        {
            let mut snapshot = self.snapshot();
            for (record, outcome) in parsed {
                match outcome {
                    Ok(interaction) => snapshot.state.apply(interaction, &self.guard),
                    Err(why) => {
                        snapshot.state.counts.poison += 1;
                        unit.failed(why);
                        tracing::warn!(stream = self.stream, shard, sequence_number = record.sequence_number, why, "poison record");
                    }
                }
            }
            if let Some(last) = page.records.last() {
                snapshot.checkpoints.advance(shard, last.sequence_number.clone());
                self.changes.fetch_add(1, Ordering::AcqRel);
            }
        }
        let bytes_in = page.records.iter().map(|record| record.data.len()).sum();
        let volume = Volume { records_in: page.records.len(), bytes_in, ..Volume::default() };
        unit.done(uptime(), volume);
        let mut facts = self.facts();
        facts.last_read_at_ms = now_ms();
        facts.behind_ms.insert(shard.to_owned(), page.behind_ms);
        if facts.last_read_error.take().is_some() {
            tracing::info!(stream = self.stream, "the stream is back");
        }
    }

    fn reading(&self, shards: &BTreeSet<String>) {
        let mut facts = self.facts();
        facts.behind_ms.retain(|shard, _| shards.contains(shard));
        facts.reading.clone_from(shards);
    }

    fn trouble(&self, trouble: &Trouble) {
        if let Trouble::IteratorExpired = trouble {
            tracing::debug!(stream = self.stream, "{trouble}");
            return;
        }
        self.board.stages.failed(Stage::Learn, Some(&self.portal.id), trouble.code());
        let mut facts = self.facts();
        if facts.last_read_error.is_none() {
            tracing::warn!(stream = self.stream, "cannot read the stream, trying again: {trouble}");
        }
        facts.last_read_error = Some(trouble.to_string());
    }
}
