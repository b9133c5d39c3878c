//! What survives a restart: a portal's state together with the checkpoints that it stands for, in one document.
//!
//! One line of JSON, then what the recommender has learnt, in postcard: it is millions of numbers.
//!
//! Because both are written at once, a crash loses neither and counts nothing twice: reading goes on behind the checkpoint.

use serde::{Deserialize, Serialize};
use wire::PortalId;

use crate::shards::Checkpoints;
use crate::state::PortalState;

/// Written into every snapshot; another number is refused.
const VERSION: u32 = 3;

/// A portal's state and how far its stream is in it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    v: u32,
    portal: PortalId,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) state: PortalState,
}

/// Only the version, so that a later snapshot is not called malformed.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Snapshot {
    /// Of a portal that was never read.
    pub(crate) fn empty(portal: PortalId) -> Self {
        Self { v: VERSION, portal, checkpoints: Checkpoints::default(), state: PortalState::default() }
    }

    /// From the bytes of a file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8], portal: &PortalId) -> Result<Self, String> {
        let no_snapshot = |error: &dyn std::fmt::Display| format!("it is not a snapshot ({error})");
        // JSON as it is written has no line break.
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (head, learnt) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let Version { v } = serde_json::from_slice(head).map_err(|error| no_snapshot(&error))?;
        if v != VERSION {
            return Err(format!("its version is {v}, this backend reads {VERSION}"));
        }
        let mut snapshot: Self = serde_json::from_slice(head).map_err(|error| no_snapshot(&error))?;
        if snapshot.portal != *portal {
            return Err(format!("it belongs to portal {}", snapshot.portal));
        }
        let learnt = learnt.get(1..).ok_or_else(|| no_snapshot(&"what was learnt is missing"))?;
        let (recommender, rest) = postcard::take_from_bytes(learnt).map_err(|error| no_snapshot(&error))?;
        if !rest.is_empty() {
            return Err(no_snapshot(&"there is something behind its end"));
        }
        snapshot.state.recommender = recommender;
        Ok(snapshot)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// A sentence; no value of this type is known to cause it.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        postcard::to_extend(&self.state.recommender, bytes).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use wire::{Interaction, InteractionKind, Item, PageviewId, Portal, Portals};

    use super::*;
    use crate::state::Guard;

    const T0: u64 = 1_795_337_015_000;

    fn g1() -> Portal {
        let portals: Portals = toml::from_str(include_str!("../../portals.toml")).unwrap();
        portals.get("g1").unwrap().clone()
    }

    /// 2,000 interactions over two days; every fifth is a repeat of an earlier one.
    fn interactions() -> Vec<Interaction> {
        let golden = Interaction::parse(include_bytes!("../../wire/tests/golden/interaction.json")).unwrap();
        let interaction = |number: u64| {
            let number = if number % 5 == 4 { number - 3 } else { number };
            Interaction {
                id: Interaction::id(PageviewId::from_bits(u128::from(number)), InteractionKind::View),
                kind: InteractionKind::View,
                item: Item::parse(&format!("/{}", number * number % 89)).unwrap(),
                at_ms: T0 + number * 86_399,
                ..golden.clone()
            }
        };
        (0..2_000).map(interaction).collect()
    }

    fn read(snapshot: &mut Snapshot, interactions: &[Interaction], from: usize) {
        for (at, interaction) in interactions.iter().enumerate().skip(from) {
            snapshot.state.apply(interaction.clone(), &Guard::PRODUCTION);
            snapshot.checkpoints.advance("shard", at.to_string());
        }
    }

    #[test]
    fn killed_restored_and_replayed_is_as_if_nothing_had_happened() {
        let records = interactions();
        let mut uninterrupted = Snapshot::empty(g1().id);
        read(&mut uninterrupted, &records, 0);
        assert!(uninterrupted.state.counts.repeats == 400);

        for killed_at in [0, 1, 5, 777, 1_999] {
            let mut before = Snapshot::empty(g1().id);
            read(&mut before, &records[..killed_at], 0);
            let saved = before.encode().unwrap();
            // Read but not saved: lost with the process.
            read(&mut before, &records[..(killed_at + 50).min(records.len())], killed_at);
            drop(before);

            let mut restored = Snapshot::decode(&saved, &g1().id).unwrap();
            read(&mut restored, &records, killed_at);
            assert_eq!(restored, uninterrupted, "killed at {killed_at}");
        }
    }

    #[test]
    fn a_file_that_is_no_snapshot_of_the_portal_is_refused_with_the_reason() {
        let good = Snapshot::empty(g1().id).encode().unwrap();
        for end in (0..good.len()).step_by(97).chain([good.len() - 1]) {
            assert!(Snapshot::decode(&good[..end], &g1().id).is_err(), "cut at {end}");
        }
        let mut older = good.clone();
        older[5] = b'2';
        assert_eq!(Snapshot::decode(&older, &g1().id).unwrap_err(), "its version is 2, this backend reads 3");
        let longer = [good.as_slice(), b"x"].concat();
        assert!(Snapshot::decode(&longer, &g1().id).unwrap_err().contains("behind its end"));
        let other = PortalId::parse("ge").unwrap();
        assert_eq!(Snapshot::decode(&good, &other).unwrap_err(), "it belongs to portal g1");
    }
}
