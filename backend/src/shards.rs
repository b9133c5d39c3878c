//! Where the reading of a stream stands, shard by shard, and which shards may be read next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::lineage;

/// A shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) id: String,
    /// One after a split, two after a merge.
    pub(crate) parents: Vec<String>,
}

/// How far a shard was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Checkpoint {
    /// Up to and with this record.
    After(String),
    /// To its end: it was split or merged.
    Drained,
}

/// Where to begin in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest record that it still has.
    TrimHorizon,
    /// Behind this record.
    After(String),
    /// At the first record that arrived at or after this time, Unix milliseconds. Unlike `LATEST` it means the same
    /// after a lost connection, so that nothing is skipped.
    Since(u64),
}

/// The state of reading one stream.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoints {
    /// Tells a stream from a later one with the same name, whose sequence numbers mean other records.
    stream_created_at_ms: u64,
    shards: BTreeMap<String, Checkpoint>,
}

impl Checkpoints {
    /// Notes which stream is read. Checkpoints of an earlier one of the same name are forgotten; says whether there were any.
    pub(crate) fn meet_stream(&mut self, created_at_ms: u64) -> bool {
        if self.stream_created_at_ms == created_at_ms {
            return false;
        }
        self.stream_created_at_ms = created_at_ms;
        let had_any = !self.shards.is_empty();
        self.shards.clear();
        had_any
    }

    /// The listed shards that may be read now. `fresh` is where a shard without a checkpoint begins.
    pub(crate) fn ready(&self, listed: &[Shard], running: &BTreeSet<String>, fresh: &Start) -> Vec<(String, Start)> {
        let is_drained = |id: &str| self.shards.get(id) == Some(&Checkpoint::Drained);
        let may_start =
            |shard: &&Shard| !running.contains(&shard.id) && !is_drained(&shard.id) && lineage::is_ready(shard, listed, is_drained);
        listed.iter().filter(may_start).map(|shard| (shard.id.clone(), self.start(&shard.id, fresh))).collect()
    }

    /// Forgets drained shards that are no longer listed, so that the map does not grow with every resharding.
    pub(crate) fn retain_listed(&mut self, listed: &[Shard]) {
        self.shards.retain(|id, _| listed.iter().any(|shard| shard.id == *id));
    }

    /// Everything up to this record is in the state.
    pub(crate) fn advance(&mut self, shard: &str, sequence_number: String) {
        self.shards.insert(shard.to_owned(), Checkpoint::After(sequence_number));
    }

    /// The shard has come to its end.
    pub(crate) fn drain(&mut self, shard: &str) {
        self.shards.insert(shard.to_owned(), Checkpoint::Drained);
    }

    /// The shard's checkpoint does not fit the stream: begin again at its oldest record.
    pub(crate) fn forget(&mut self, shard: &str) {
        self.shards.remove(shard);
    }

    /// How far the shard was read.
    #[cfg(test)]
    pub(crate) fn get(&self, shard: &str) -> Option<&Checkpoint> {
        self.shards.get(shard)
    }

    fn start(&self, shard: &str, fresh: &Start) -> Start {
        match self.shards.get(shard) {
            Some(Checkpoint::After(sequence_number)) => Start::After(sequence_number.clone()),
            Some(Checkpoint::Drained) | None => fresh.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: id.to_owned(), parents: parents.iter().map(|&parent| parent.to_owned()).collect() }
    }

    fn ids(ready: &[(String, Start)]) -> Vec<&str> {
        ready.iter().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn reading_begins_at_the_oldest_record_and_goes_on_behind_the_checkpoint() {
        let mut checkpoints = Checkpoints::default();
        let listed = [shard("a", &[]), shard("b", &[])];
        checkpoints.advance("b", "17".to_owned());
        let ready = checkpoints.ready(&listed, &BTreeSet::new(), &Start::TrimHorizon);
        assert_eq!(ready, [("a".to_owned(), Start::TrimHorizon), ("b".to_owned(), Start::After("17".to_owned()))]);
        assert_eq!(ids(&checkpoints.ready(&listed, &BTreeSet::from(["a".to_owned()]), &Start::TrimHorizon)), ["b"]);
    }

    #[test]
    fn children_wait_for_their_parents() {
        let mut checkpoints = Checkpoints::default();
        let listed = [shard("a", &[]), shard("b", &[]), shard("ab", &["a", "b"]), shard("c", &["gone"])];
        assert_eq!(ids(&checkpoints.ready(&listed, &BTreeSet::new(), &Start::TrimHorizon)), ["a", "b", "c"]);
        checkpoints.drain("a");
        assert_eq!(ids(&checkpoints.ready(&listed, &BTreeSet::new(), &Start::TrimHorizon)), ["b", "c"]);
        checkpoints.drain("b");
        assert_eq!(ids(&checkpoints.ready(&listed, &BTreeSet::new(), &Start::TrimHorizon)), ["ab", "c"]);
        checkpoints.retain_listed(&listed[2..]);
        assert_eq!(checkpoints.get("a"), None);
    }

    #[test]
    fn a_new_stream_of_the_same_name_begins_at_its_oldest_record() {
        let mut checkpoints = Checkpoints::default();
        assert!(!checkpoints.meet_stream(1));
        checkpoints.advance("a", "17".to_owned());
        assert!(!checkpoints.meet_stream(1));
        assert!(checkpoints.meet_stream(2));
        assert_eq!(checkpoints.ready(&[shard("a", &[])], &BTreeSet::new(), &Start::TrimHorizon), [("a".to_owned(), Start::TrimHorizon)]);
    }
}
