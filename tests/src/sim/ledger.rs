//! What the generator knows by itself: what it made, what it was told, what its outboxes had to forget.

use wire::{Event, PageviewId};

/// What the reader's side knows of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Made, and not answered yet.
    Open,
    /// A 2xx named it accepted.
    Accepted,
    /// The outbox was full, and counted it.
    Forgotten,
    /// The generator made it bad, and a 202 named it rejected.
    Rejected,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// The event as JSON.
    pub(crate) text: String,
    /// When it happened, by the true clock.
    pub(crate) true_at_ms: u64,
    pub(crate) fate: Fate,
    /// Made to be refused.
    pub(crate) is_bad: bool,
}

#[derive(Debug)]
pub(crate) struct Pageview {
    pub(crate) id: PageviewId,
    pub(crate) entries: Vec<Entry>,
}

/// A message that nobody can ever store.
#[derive(Debug)]
pub(crate) struct Poison {
    pub(crate) body: String,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pageviews: Vec<Pageview>,
    pub(crate) poison: Vec<Poison>,
    /// Events of the bodies that outboxes evicted, by the generator's own count.
    pub(crate) evicted: u64,
    /// The same, as the outboxes say.
    pub(crate) dropped: u64,
    /// What broke while the run went on.
    pub(crate) broken: Vec<String>,
}

impl Ledger {
    pub(crate) fn begin(&mut self, started_at_ms: u64) -> usize {
        let number = self.pageviews.len();
        let bits = u128::from(started_at_ms) << 80 | 0x5 << 76 | u128::try_from(number).unwrap_or(0);
        self.pageviews.push(Pageview { id: PageviewId::from_bits(bits), entries: Vec::new() });
        number
    }

    /// The number of a pageview that was made here.
    pub(crate) fn number(&self, id: PageviewId) -> Option<usize> {
        let number = usize::try_from(id.bits() & 0xffff_ffff).ok()?;
        self.pageviews.get(number).filter(|pageview| pageview.id == id).map(|_| number)
    }

    pub(crate) fn entry(&self, pageview: usize, seq: u32) -> Option<&Entry> {
        self.pageviews.get(pageview)?.entries.get(usize::try_from(seq).ok()?)
    }

    /// Sets the fate of some events; what was accepted stays so.
    pub(crate) fn settle(&mut self, pageview: usize, seqs: &[u32], fate: Fate) {
        let Some(pageview) = self.pageviews.get_mut(pageview) else { return };
        for seq in seqs {
            let entry = usize::try_from(*seq).ok().and_then(|seq| pageview.entries.get_mut(seq));
            if let Some(entry) = entry.filter(|entry| entry.fate != Fate::Accepted) {
                entry.fate = match fate {
                    Fate::Accepted if entry.is_bad => Fate::Rejected,
                    fate => fate,
                };
            }
        }
    }

    pub(crate) fn breaks(&mut self, invariant: &str, what: &str) {
        self.broken.push(format!("{invariant}: {what}"));
    }

    pub(crate) fn count(&self, fate: Fate) -> u64 {
        let entries = self.pageviews.iter().flat_map(|pageview| &pageview.entries);
        u64::try_from(entries.filter(|entry| entry.fate == fate).count()).unwrap_or(0)
    }
}

/// The event as it must stand in the stream.
pub(crate) fn canonical(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}
