//! What this isolate did for each portal, until somebody is told: a record that leaves anyway, or CloudWatch itself when there is trouble.

use std::collections::HashMap;

use wire::{PortalId, Tally};

use crate::aws::kinesis::Outcome;
use crate::delivery::{Effect, Input, Verdict};

/// An isolate tells of a portal at most so often, milliseconds: a tally of 100 bytes in one record of thousands.
const EVERY_MS: u64 = 10_000;
/// Longer than this a list is slow, milliseconds: a reader has scrolled past by then.
const SLOW_LIST_MS: u64 = 200;

/// The open tallies of an isolate.
#[derive(Debug, Default)]
pub struct Tallies(HashMap<PortalId, Open>);

#[derive(Debug, Default)]
struct Open {
    tally: Tally,
    rode_at_ms: u64,
    urged_at_ms: u64,
}

impl Tallies {
    /// Counts.
    pub fn note(&mut self, portal: &PortalId, act: impl FnOnce(&mut Tally)) {
        match self.0.get_mut(portal) {
            Some(open) => act(&mut open.tally),
            None => act(&mut self.0.entry(portal.clone()).or_default().tally),
        }
    }

    /// What a portal's next record takes along, if it is time.
    pub fn ride(&mut self, portal: &PortalId, now_ms: u64) -> Option<Tally> {
        let open = self.0.get_mut(portal)?;
        if now_ms < open.rode_at_ms.saturating_add(EVERY_MS) || open.tally.is_empty() {
            return None;
        }
        open.rode_at_ms = now_ms;
        Some(std::mem::take(&mut open.tally))
    }

    /// What cannot wait for a record: there may be none, or it is about a record that was given up.
    pub fn urgent(&mut self, now_ms: u64) -> Vec<(PortalId, Tally)> {
        let is_urgent = |open: &Open| open.tally.unavailable > 0 || open.tally.dead > 0;
        let is_due = |open: &Open| now_ms >= open.urged_at_ms.saturating_add(EVERY_MS);
        let urgent = self.0.iter_mut().filter(|(_, open)| is_urgent(open) && is_due(open));
        let take = |(portal, open): (&PortalId, &mut Open)| {
            open.urged_at_ms = now_ms;
            (portal.clone(), std::mem::take(&mut open.tally))
        };
        urgent.map(take).collect()
    }
}

/// Counts what came of a delivery's effect, which took so long.
pub fn note(tally: &mut Tally, effect: &Effect, input: &Input, took_ms: u64) {
    match (effect, input) {
        (Effect::Put(_), Input::Put { outcomes, .. }) => {
            let took_ms = u32::try_from(took_ms).unwrap_or(u32::MAX);
            let failed = outcomes.iter().filter(|outcome| **outcome != Outcome::Stored).count();
            let more = Tally {
                puts: number(outcomes.len()),
                put_failed: number(failed),
                put_ms: took_ms,
                put_ms_max: took_ms,
                put_calls: 1,
                ..Tally::default()
            };
            tally.add(&more);
        }
        (Effect::Enqueue { messages, .. }, Input::Enqueued { is_safe: true }) => tally.queued += number(messages.len()),
        (
            Effect::Put(_) | Effect::Answer(_) | Effect::Enqueue { .. } | Effect::Spill(_),
            Input::Put { .. } | Input::Enqueued { .. } | Input::Spilled { .. },
        ) => {}
    }
}

/// Counts what pages are told of their records. A record that is safe nowhere takes no tally along: what it had is counted on.
pub fn note_answers<'a>(tally: &mut Tally, answers: impl Iterator<Item = (&'a Verdict, Option<&'a str>)>) {
    for (verdict, record) in answers {
        tally.posts += 1;
        if *verdict == Verdict::Safe {
            continue;
        }
        tally.unavailable += 1;
        if let Some(left) = record.and_then(taken_along) {
            tally.add(&left);
        }
    }
}

/// The tally in a record of ours, which ends with it. Reading the whole record would make the worker a twentieth larger, for a rare case.
fn taken_along(record: &str) -> Option<Tally> {
    let (_, end) = record.trim_end().rsplit_once(",\"tally\":")?;
    serde_json::from_str(end.strip_suffix("}}")?).ok()
}

/// Counts a post that was refused before it had a record.
pub fn note_refusal(tally: &mut Tally, is_down: bool) {
    tally.posts += 1;
    tally.unavailable += u32::from(is_down);
    tally.refused += u32::from(!is_down);
}

/// Counts a list that was answered.
pub fn note_list(tally: &mut Tally, is_fallback: bool, took_ms: u64) {
    tally.lists += 1;
    tally.fallback += u32::from(is_fallback);
    tally.slow_lists += u32::from(took_ms > SLOW_LIST_MS);
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    fn portal(id: &str) -> PortalId {
        PortalId::parse(id).unwrap()
    }

    #[test]
    fn a_record_in_ten_seconds_takes_the_tally_along_and_only_if_there_is_something() {
        let (mut tallies, g1) = (Tallies::default(), portal("g1"));
        assert_eq!(tallies.ride(&g1, T0), None);
        tallies.note(&g1, |tally| tally.posts += 1);
        assert_eq!(tallies.ride(&g1, T0).map(|tally| tally.posts), Some(1));
        tallies.note(&g1, |tally| tally.posts += 2);
        assert_eq!(tallies.ride(&g1, T0 + EVERY_MS - 1), None);
        assert_eq!(tallies.ride(&g1, T0 + EVERY_MS).map(|tally| tally.posts), Some(2));
        assert_eq!(tallies.ride(&g1, T0 + 2 * EVERY_MS), None);
    }

    #[test]
    fn trouble_does_not_wait_for_a_record_and_is_told_once_in_ten_seconds() {
        let (mut tallies, g1, ge) = (Tallies::default(), portal("g1"), portal("ge"));
        tallies.note(&ge, |tally| tally.posts += 1);
        tallies.note(&g1, |tally| (tally.posts, tally.unavailable) = (2, 1));
        let told = tallies.urgent(T0);
        assert_eq!(told.iter().map(|(portal, tally)| (portal.as_str(), tally.unavailable)).collect::<Vec<_>>(), [("g1", 1)]);
        tallies.note(&g1, |tally| tally.dead += 1);
        assert!(tallies.urgent(T0 + EVERY_MS - 1).is_empty());
        assert_eq!(tallies.urgent(T0 + EVERY_MS).len(), 1);
    }

    #[test]
    fn what_failed_is_a_part_of_what_was_tried() {
        let mut tally = Tally::default();
        let outcomes = vec![Outcome::Stored, Outcome::failed("status_500")];
        note(&mut tally, &Effect::Put(vec![0, 1]), &Input::Put { outcomes, has_learnt_skew: false }, 30);
        let messages = vec![String::new()];
        note(&mut tally, &Effect::Enqueue { messages: messages.clone(), delay_s: 0 }, &Input::Enqueued { is_safe: true }, 2);
        note(&mut tally, &Effect::Enqueue { messages, delay_s: 0 }, &Input::Enqueued { is_safe: false }, 2);
        assert_eq!((tally.puts, tally.put_failed, tally.put_ms, tally.put_calls, tally.queued), (2, 1, 30, 1, 1));
    }

    #[test]
    fn a_refused_records_tally_is_not_lost() {
        let record = include_str!("../../wire/tests/golden/envelope_tally.json");
        let kept = Verdict::Kept { reason: "status_500".to_owned(), delay_s: 0 };
        let mut tally = Tally::default();
        note_answers(&mut tally, [(&Verdict::Safe, Some(record)), (&kept, Some(record))].into_iter());
        assert_eq!((tally.posts, tally.unavailable), (2 + 41, 1 + 2));
    }

    #[test]
    fn the_tally_is_found_where_the_edge_writes_it() {
        let record = include_str!("../../wire/tests/golden/envelope_tally.json");
        assert_eq!(taken_along(record), wire::Envelope::parse(record.as_bytes()).unwrap().edge.tally);
        assert_eq!(taken_along(include_str!("../../wire/tests/golden/envelope.json")), None);
    }

    #[test]
    fn a_list_is_slow_past_its_limit() {
        let mut tally = Tally::default();
        note_list(&mut tally, false, SLOW_LIST_MS);
        note_list(&mut tally, true, SLOW_LIST_MS + 1);
        assert_eq!((tally.lists, tally.fallback, tally.slow_lists), (2, 1, 1));
    }
}
