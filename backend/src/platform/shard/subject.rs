//! What a shard holds of a reader, and an end to it.

use std::collections::BTreeSet;

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

    /// Obeys new tombstones: what is remembered of the readers goes, here and in the store.
    pub(super) fn bury(&mut self) -> Result<()> {
        // An error means that the crew is gone, and so is this soon.
        if !self.tombstones.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let tombstones = self.tombstones.borrow_and_update().clone();
        let latest_ms = tombstones.values().copied().max().unwrap_or(0);
        let mut news = BTreeSet::new();
        for (visitor, until_ms) in tombstones {
            // The store had obeyed the older ones before it was opened.
            if self.transform.erased.erase(visitor, until_ms) && (self.has_buried || until_ms > self.obeyed_ms) {
                self.transform.forget(visitor);
                news.insert(visitor);
            }
        }
        if !news.is_empty() {
            tokio::task::block_in_place(|| self.store.erase(&news))?;
            tracing::info!(shard = self.context.shard, readers = news.len(), "erased");
        }
        self.has_buried = true;
        self.obeyed_ms = if self.obeyed_ms == u64::MAX { latest_ms } else { self.obeyed_ms.max(latest_ms) };
        Ok(())
    }
}
