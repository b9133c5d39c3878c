//! The memory of a shard that another process read so far: the last while is read again, without effect.

use tokio::time::sleep;

use super::{BEHIND, WAIT, WAIT_MAX, Worker};
use crate::leases::Position;
use crate::platform::kinesis::Trouble;
use crate::shards::Start;
use crate::transform::{REWIND_MS, Totals, view_record};

impl Worker<'_> {
    /// Reads again, without effect, what the memory needs: the last while before the position, in ancestors too.
    pub(super) async fn warm_up(&mut self) {
        let context = self.context;
        let from_ms =
            self.position.as_ref().map_or(context.ancestors_ended_at_ms, |position| position.arrived_at_ms).saturating_sub(REWIND_MS);
        let shards = context.ancestors.iter().map(|shard| (shard.as_str(), None));
        let own = self.position.clone().map(|position| (context.shard.as_str(), Some(position)));
        for (shard, until) in shards.chain(own) {
            let mut wait = WAIT;
            while let Err(trouble) = self.read_silently(shard, from_ms, until.as_ref()).await {
                context.note_trouble(&trouble);
                sleep(wait).await;
                wait = (wait * 2).min(WAIT_MAX);
            }
        }
        self.transform.totals = Totals::default();
        tracing::info!(
            stream = context.portal.events_stream(),
            shard = context.shard,
            pageviews = self.transform.pageviews.len(),
            "memory read again"
        );
    }

    async fn read_silently(&mut self, shard: &str, from_ms: u64, until: Option<&Position>) -> std::result::Result<(), Trouble> {
        let (kinesis, stream) = (&self.context.kinesis, self.context.portal.events_stream());
        let mut iterator = kinesis.iterator(&stream, shard, &Start::Since(from_ms)).await?;
        loop {
            let page = kinesis.records(&iterator).await?;
            let mut ignored = Vec::new();
            for record in &page.records {
                let at =
                    Position { sequence_number: record.sequence_number.clone(), arrived_at_ms: record.arrived_at_ms, is_drained: false };
                if until.is_some_and(|until| !until.reaches(&at)) {
                    return Ok(());
                }
                if let Ok(envelope) = view_record(&record.data, &self.context.portal.id) {
                    self.transform.apply(&envelope, record.arrived_at_ms, &mut ignored);
                    ignored.clear();
                }
            }
            let is_at_end = page.behind_ms == 0 && page.records.is_empty();
            match page.next {
                Some(next) if !is_at_end => iterator = next,
                Some(_) | None => return Ok(()),
            }
            // Empty pages on the way are usual; so are five reads a second at most.
            sleep(BEHIND).await;
        }
    }
}
