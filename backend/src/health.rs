//! Whether the backend does its work, from what was last seen of each portal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Longer without an answer of Kinesis than its usual restarts and throttling explain.
const UNREAD_MS_MAX: u64 = 60_000;
/// Longer without the edge than a deployment takes.
const UNPUBLISHED_MS_MAX: u64 = 300_000;

/// Further behind than this a state is not fit to be published: it lacks what is read now.
const BEHIND_MS_MAX: u64 = 60_000;

/// What was last seen of a portal; times are Unix milliseconds, 0 is never.
#[derive(Debug, Default, Clone)]
pub(crate) struct Facts {
    pub(crate) started_at_ms: u64,
    pub(crate) last_read_at_ms: u64,
    pub(crate) last_read_error: Option<String>,
    /// Shards that are read now.
    pub(crate) reading: BTreeSet<String>,
    /// How far each shard's reader was behind at its last read.
    pub(crate) behind_ms: BTreeMap<String, u64>,
    pub(crate) last_published_at_ms: u64,
    /// Since when nothing could be published, and why.
    pub(crate) publish_trouble: Option<(u64, String)>,
    /// When the edge last had every change; `None` when nobody publishes.
    pub(crate) complete_at_ms: Option<u64>,
    pub(crate) last_snapshot_at_ms: u64,
    pub(crate) snapshot_error: Option<String>,
}

/// One word for the whole backend or one portal; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It works.
    Ok,
    /// Not every stream was read yet.
    Starting,
    /// A person has to look.
    Red,
}

impl Facts {
    /// Whether every shard that is read was near its end once.
    pub(crate) fn has_caught_up(&self) -> bool {
        let is_near = |shard: &String| self.behind_ms.get(shard).is_some_and(|behind_ms| *behind_ms < BEHIND_MS_MAX);
        !self.reading.is_empty() && self.reading.iter().all(is_near)
    }

    /// The portal's word.
    pub(crate) fn status(&self, now_ms: u64) -> Status {
        let is_unpublished =
            self.publish_trouble.as_ref().is_some_and(|(since_ms, _)| now_ms.saturating_sub(*since_ms) > UNPUBLISHED_MS_MAX);
        if is_unpublished || self.snapshot_error.is_some() {
            Status::Red
        } else {
            of_reading(self.started_at_ms, self.last_read_at_ms, now_ms)
        }
    }
}

/// The word of whoever reads a stream.
pub(crate) fn of_reading(started_at_ms: u64, last_read_at_ms: u64, now_ms: u64) -> Status {
    if now_ms.saturating_sub(started_at_ms.max(last_read_at_ms)) > UNREAD_MS_MAX {
        Status::Red
    } else if last_read_at_ms == 0 {
        Status::Starting
    } else {
        Status::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    #[test]
    fn a_portal_is_ok_as_soon_as_its_stream_was_read_and_red_when_it_is_away_for_long() {
        let mut facts = Facts { started_at_ms: T0, ..Facts::default() };
        assert_eq!(facts.status(T0 + 1), Status::Starting);
        assert_eq!(facts.status(T0 + UNREAD_MS_MAX + 1), Status::Red);
        facts.last_read_at_ms = T0 + 100_000;
        assert_eq!(facts.status(T0 + 100_001), Status::Ok);
        assert_eq!(facts.status(T0 + 100_001 + UNREAD_MS_MAX), Status::Red);
    }

    #[test]
    fn an_edge_away_is_red_only_after_a_while_and_a_full_disk_at_once() {
        let mut facts = Facts { started_at_ms: T0, last_read_at_ms: T0 + 299_999, ..Facts::default() };
        facts.publish_trouble = Some((T0, "connection refused".to_owned()));
        assert_eq!(facts.status(T0 + 300_000), Status::Ok);
        assert_eq!(facts.status(T0 + 300_001), Status::Red);
        facts.publish_trouble = None;
        facts.snapshot_error = Some("no space left on device".to_owned());
        assert_eq!(facts.status(T0 + 300_000), Status::Red);
    }

    #[test]
    fn the_worst_word_is_the_greatest() {
        assert_eq!([Status::Ok, Status::Red, Status::Starting].into_iter().max(), Some(Status::Red));
    }
}
