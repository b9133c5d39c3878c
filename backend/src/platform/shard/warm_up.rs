//! The memory of a shard that another process read so far: the last while is read again, without effect.

use tokio::time::sleep;
use wire::Tally;

use super::{BEHIND, WAIT, WAIT_MAX, Worker};
use crate::leases::Position;
use crate::platform::clock::now_ms;
use crate::platform::kinesis::{Page, Trouble};
use crate::shards::Start;
use crate::telemetry::Marks;
use crate::transform::{REWIND_MS, Totals, view_record};

impl Worker<'_> {
    /// Reads again, without effect, what the memory needs: the last while before the position, in ancestors too.
    pub(super) async fn warm_up(&mut self) {
        let context = self.context;
        let until_ms = self.position.as_ref().map_or(context.ancestors_ended_at_ms, |position| position.arrived_at_ms);
        let from_ms = until_ms.saturating_sub(REWIND_MS);
        // A fresh shard of a fresh stream has nothing behind it.
        if until_ms > 0 {
            self.transform.remember_since(from_ms);
        }
        let shards = context.ancestors.iter().map(|shard| (shard.as_str(), None));
        let own = self.position.clone().map(|position| (context.shard.as_str(), Some(position)));
        for (shard, until) in shards.chain(own) {
            self.read_silently(shard, Start::Since(from_ms), until.as_ref()).await;
        }
        self.transform.totals = Totals::default();
        self.transform.tally = Tally::default();
        self.told = Marks::default();
        self.transform.forget_open();
        tracing::info!(
            stream = context.portal.events_stream(),
            shard = context.shard,
            pageviews = self.transform.pageviews.len(),
            "memory read again"
        );
    }

    /// Goes on behind the last record that was read, whatever happens: Kinesis throttles those who read much.
    async fn read_silently(&mut self, shard: &str, mut start: Start, until: Option<&Position>) {
        let stream = self.context.portal.events_stream();
        let (mut wait, mut iterator) = (WAIT, None::<String>);
        loop {
            let outcome = match iterator.take() {
                Some(known) => self.context.kinesis.records(&known).await.map_err(|trouble| (trouble, Some(known))),
                None => match self.context.kinesis.iterator(&stream, shard, &start).await {
                    Ok(new) => self.context.kinesis.records(&new).await.map_err(|trouble| (trouble, Some(new))),
                    Err(trouble) => Err((trouble, None)),
                },
            };
            match outcome {
                Ok(page) => {
                    wait = WAIT;
                    let is_done = tokio::task::block_in_place(|| self.apply_silently(&page, until));
                    if let Some(last) = page.records.last() {
                        start = Start::After(last.sequence_number.clone());
                    }
                    let is_at_end = page.behind_ms == 0 && page.records.is_empty();
                    if is_done || is_at_end || page.next.is_none() {
                        return;
                    }
                    iterator = page.next;
                    // It does something, so it is well.
                    self.context.board.shard(&self.context.portal.id, &self.context.shard, |facts| facts.last_read_at_ms = now_ms());
                    sleep(BEHIND).await;
                }
                // What the stream has no more is of no use.
                Err((Trouble::Missing(_), _)) => return,
                Err((trouble, known)) => {
                    if matches!(trouble, Trouble::Throttled(_)) {
                        iterator = known;
                    }
                    self.context.note_trouble(&trouble);
                    sleep(wait).await;
                    wait = (wait * 2).min(WAIT_MAX);
                }
            }
        }
    }

    /// Whether the position was reached.
    fn apply_silently(&mut self, page: &Page, until: Option<&Position>) -> bool {
        let mut ignored = Vec::new();
        for record in &page.records {
            let at = Position { sequence_number: record.sequence_number.clone(), arrived_at_ms: record.arrived_at_ms, is_drained: false };
            if until.is_some_and(|until| !until.reaches(&at)) {
                return true;
            }
            if let Ok(envelope) = view_record(&record.data, &self.context.portal.id) {
                self.transform.apply(&envelope, record.arrived_at_ms, &mut ignored);
                ignored.clear();
            }
        }
        false
    }
}
