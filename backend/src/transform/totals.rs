//! What was counted of a portal's events.

use serde::{Deserialize, Serialize};
use wire::{EventKindView, Tally};

use super::pageview::Sighting;
use crate::feedback::Feedback;
use crate::loss::Loss;

/// Sums; those of several shards are added.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Events that are missing, by browser family.
    pub(crate) loss: Loss,
    /// Lists of recommendations that were seen and followed.
    #[serde(default)]
    pub(crate) feedback: Feedback,
    /// What the edge told of itself.
    #[serde(default)]
    pub(crate) edge: EdgeCounts,
}

/// Sums of the [`Tally`]s that records brought, each counted once.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EdgeCounts {
    pub(crate) posts: u64,
    pub(crate) refused: u64,
    pub(crate) unavailable: u64,
    pub(crate) puts: u64,
    pub(crate) put_failed: u64,
    pub(crate) put_ms: u64,
    pub(crate) put_calls: u64,
    pub(crate) queued: u64,
    pub(crate) lists: u64,
    pub(crate) fallback: u64,
    pub(crate) slow_lists: u64,
    pub(crate) dead: u64,
}

impl EdgeCounts {
    /// Takes in one tally.
    pub(crate) fn add(&mut self, tally: &Tally) {
        // The longest call is no sum.
        let Tally {
            posts,
            refused,
            unavailable,
            puts,
            put_failed,
            put_ms,
            put_ms_max: _,
            put_calls,
            queued,
            lists,
            fallback,
            slow_lists,
            dead,
        } = *tally;
        let told = [posts, refused, unavailable, puts, put_failed, put_ms, put_calls, queued, lists, fallback, slow_lists, dead];
        self.sums().into_iter().zip(told).for_each(|(sum, more)| *sum += u64::from(more));
    }

    fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        self.sums().into_iter().zip(other.sums()).for_each(|(sum, more)| *sum += *more);
    }

    fn sums(&mut self) -> [&mut u64; 12] {
        let Self { posts, refused, unavailable, puts, put_failed, put_ms, put_calls, queued, lists, fallback, slow_lists, dead } = self;
        [posts, refused, unavailable, puts, put_failed, put_ms, put_calls, queued, lists, fallback, slow_lists, dead]
    }
}

/// What was read by this process and, of shards that it has read all the time, by those before it in the same folder.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Records that were envelopes of this portal.
    pub(crate) records: u64,
    /// Those of them without events: the edge probes its streams.
    #[serde(default)]
    pub(crate) probes: u64,
    /// Those of them with events that did not come at once.
    #[serde(default)]
    pub(crate) retried: u64,
    /// Records that were not.
    pub(crate) poison: u64,
    /// Events seen for the first time.
    pub(crate) events: u64,
    /// Events seen again.
    pub(crate) duplicates: u64,
    /// Events with a `seq` that the edge refuses.
    pub(crate) out_of_range: u64,
    /// Events that came more than a day after they happened, or after the edge had them: archived only.
    pub(crate) late: u64,
    /// New events of programs, by what the page says of its browser or by what the edge saw.
    pub(crate) bot_events: u64,
    /// Events of readers who had themselves erased.
    pub(crate) erased: u64,
    /// Events that trackers had to forget, by their own account; a batch that is sent again counts again.
    pub(crate) dropped: u64,
    /// Sessions begun.
    pub(crate) sessions: u64,
    /// Interactions made.
    pub(crate) interactions: u64,
    /// New events by kind.
    pub(crate) by_kind: ByKind,
}

/// New events by kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ByKind {
    pub(crate) pageview: u64,
    pub(crate) engagement: u64,
    pub(crate) click: u64,
    pub(crate) impression: u64,
    pub(crate) custom: u64,
}

impl Totals {
    /// Adds another shard's.
    pub(crate) fn add(&mut self, other: &Self) {
        let Counts {
            records,
            probes,
            retried,
            poison,
            events,
            duplicates,
            out_of_range,
            late,
            bot_events,
            erased,
            dropped,
            sessions,
            interactions,
            by_kind,
        } = &other.counts;
        let counts = &mut self.counts;
        counts.records += records;
        counts.probes += probes;
        counts.retried += retried;
        counts.poison += poison;
        counts.events += events;
        counts.duplicates += duplicates;
        counts.out_of_range += out_of_range;
        counts.late += late;
        counts.bot_events += bot_events;
        counts.erased += erased;
        counts.dropped += dropped;
        counts.sessions += sessions;
        counts.interactions += interactions;
        counts.by_kind.pageview += by_kind.pageview;
        counts.by_kind.engagement += by_kind.engagement;
        counts.by_kind.click += by_kind.click;
        counts.by_kind.impression += by_kind.impression;
        counts.by_kind.custom += by_kind.custom;
        self.loss.merge(&other.loss);
        self.feedback.add(&other.feedback);
        self.edge.merge(&other.edge);
    }
}

impl Totals {
    /// Counts an event that was seen before or cannot be; whether it is neither.
    pub(super) fn note(&mut self, sighting: Sighting, class: u8) -> bool {
        match sighting {
            Sighting::New => return true,
            Sighting::Recovered => {
                self.loss.add_recovered(class);
                return true;
            }
            Sighting::Duplicate => self.counts.duplicates += 1,
            Sighting::OutOfRange => self.counts.out_of_range += 1,
        }
        false
    }
}

impl Counts {
    /// Counts a new event.
    pub(crate) fn see(&mut self, kind: &EventKindView<'_>, is_bot: bool) {
        self.events += 1;
        self.bot_events += u64::from(is_bot);
        self.by_kind.add(kind);
    }
}

impl ByKind {
    /// Counts an event.
    pub(crate) fn add(&mut self, kind: &EventKindView<'_>) {
        let count = match kind {
            EventKindView::Pageview => &mut self.pageview,
            EventKindView::Engagement { .. } => &mut self.engagement,
            EventKindView::Click { .. } => &mut self.click,
            EventKindView::Impression { .. } => &mut self.impression,
            EventKindView::Custom { .. } => &mut self.custom,
        };
        *count += 1;
    }
}
