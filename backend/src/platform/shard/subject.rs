//! What a shard holds of a reader, and an end to it.

use serde_json::{Value, json};
use wire::PageviewId;

use super::Worker;
use crate::error::Result;
use crate::transform::{Pageview, Visitor};

impl Worker<'_> {
    /// Tells what is held of the readers that somebody asked about.
    pub(super) fn answer(&mut self) -> Result<()> {
        while let Ok((visitor, heard)) = self.questions.try_recv() {
            // What is newer in memory is in the store after this.
            self.commit()?;
            let (known, pageviews) = tokio::task::block_in_place(|| self.store.held(visitor))?;
            let session = |(id, first_ms, last_ms): (u128, u64, u64)| json!({"session": PageviewId::from_bits(id), "first_at_ms": first_ms, "last_at_ms": last_ms});
            let pageview = |(id, held): &(PageviewId, Pageview)| json!({"pageview": id, "session": PageviewId::from_bits(held.session), "last_at_ms": held.last_ms});
            let held = match (&known, pageviews.is_empty()) {
                (None, true) => Value::Null,
                _ => json!({
                    "portal": self.context.portal.id,
                    "shard": self.context.shard,
                    "sessions": known.iter().flat_map(Visitor::sessions).map(session).collect::<Vec<_>>(),
                    "pageviews": pageviews.iter().map(pageview).collect::<Vec<_>>(),
                }),
            };
            // Whoever asked may be gone.
            let _ = heard.send(held);
        }
        Ok(())
    }

    /// Obeys new tombstones: what is remembered of the reader goes, here and in the store.
    pub(super) fn bury(&mut self) -> Result<()> {
        let tombstones = self.context.tombstones.borrow().clone();
        for (visitor, until_ms) in tombstones {
            if self.transform.erased.erase(visitor, until_ms) {
                self.transform.forget(visitor);
                self.store.erase(visitor, until_ms)?;
            }
        }
        Ok(())
    }
}
