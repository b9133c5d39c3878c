//! The shards of a stream, who descends from whom, and what has to be read before a shard so that its memory is right.

use std::collections::BTreeSet;

use crate::leases::Position;
use crate::shards::Shard;

/// Whether a shard may be begun: a child waits until its parents are drained, so that a reader who moved with his key is read
/// in order; a parent that is no longer listed has no records left.
pub(crate) fn is_ready(shard: &Shard, listed: &[Shard], is_drained: impl Fn(&str) -> bool) -> bool {
    shard.parents.iter().all(|parent| !listed.iter().any(|other| other.id == *parent) || is_drained(parent))
}

/// The shards before this one, oldest first, whose last records may be younger than `since_ms`: their readers went on in this one.
pub(crate) fn ancestors(shard: &str, listed: &[Shard], since_ms: u64, ended: impl Fn(&str) -> Option<Position>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([shard.to_owned()]);
    let mut next = vec![shard.to_owned()];
    while let Some(id) = next.pop() {
        let Some(shard) = listed.iter().find(|shard| shard.id == id) else { continue };
        for parent in &shard.parents {
            let is_young = ended(parent).is_none_or(|position| position.arrived_at_ms >= since_ms);
            if is_young && listed.iter().any(|other| other.id == *parent) && seen.insert(parent.clone()) {
                found.push(parent.clone());
                next.push(parent.clone());
            }
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: id.to_owned(), parents: parents.iter().map(|&parent| parent.to_owned()).collect() }
    }

    fn family() -> [Shard; 5] {
        [shard("a", &[]), shard("b", &["a"]), shard("c", &["a"]), shard("bc", &["b", "c"]), shard("x", &["gone"])]
    }

    #[test]
    fn children_wait_for_their_parents() {
        let listed = family();
        let ready = |drained: &[&str]| {
            let is_ready = |shard: &&Shard| is_ready(shard, &listed, |id| drained.contains(&id));
            listed.iter().filter(is_ready).map(|shard| shard.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(ready(&[]), ["a", "x"]);
        assert_eq!(ready(&["a", "b"]), ["a", "b", "c", "x"]);
        assert_eq!(ready(&["a", "b", "c"]), ["a", "b", "c", "bc", "x"]);
    }

    #[test]
    fn only_young_ancestors_are_read_again_the_oldest_first() {
        let listed = family();
        let ended = |a_ms: u64| {
            move |id: &str| {
                Some(Position { sequence_number: "1".into(), arrived_at_ms: if id == "a" { a_ms } else { 100 }, is_drained: true })
            }
        };
        assert_eq!(ancestors("bc", &listed, 50, ended(60)), ["a", "c", "b"]);
        assert_eq!(ancestors("bc", &listed, 50, ended(40)), ["c", "b"]);
        assert_eq!(ancestors("x", &listed, 0, ended(0)), Vec::<String>::new());
    }
}
