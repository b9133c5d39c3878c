//! Protocol 2, CHAMELEON's: one article among fifty popular ones. It proves the harness: published figures have to come out.
//!
//! Moreira, Jannach and da Cunha, "Contextual Hybrid Session-based News Recommendation with Recurrent Neural Networks", IEEE Access 2019,
//! and the code that goes with it (`gabrielspmoreira/chameleon_recsys`: `nar_trainer_gcom`, `candidate_sampling`, `benchmarks`):
//! sessions belong, whole, to the hour in which they began; five hours are learnt, in batches of 256 sessions, then the hour that follows is
//! scored and learnt by a copy that is thrown away, then the five hours with that one are learnt. Every click after a session's first is
//! a target, ranked against fifty articles drawn by popularity; what a recommender knows nothing of it does not name.

use std::collections::VecDeque;

use indicatif::ProgressBar;

use crate::baselines::Pairwise;
use crate::baselines::co_occurrence::CoOccurrence;
use crate::baselines::item_knn::{self, ItemKnn};
use crate::baselines::sequential_rules::SequentialRules;
use crate::click::{HOUR_MS, ItemId, SessionId, number};
use crate::log::ClickLog;
use crate::metrics::{Measures, Tally};
use crate::recommender::LIST_LEN;
use crate::rng::Rng;

/// `training_hours_for_each_eval`.
const HOURS_LEARNT: u64 = 5;
/// `batch_size`.
const BATCH_SESSIONS: usize = 256;
/// `truncate_session_length`.
const SESSION_ITEMS_MAX: usize = 20;
/// `eval_total_negative_samples`.
const NEGATIVES: usize = 50;
/// `eval_negative_samples_from_buffer`.
const FROM_BUFFER: usize = 3_000;
/// `first_sampling_multiplying_factor` times the negatives.
const CANDIDATES: usize = 20 * NEGATIVES;
/// `recent_clicks_buffer_max_size`.
const BUFFER_MAX: usize = 20_000;
/// `recent_clicks_buffer_hours`.
const BUFFER_MS: u64 = HOUR_MS;
/// `reg_lambda` and `alpha`.
const ITEM_KNN: item_knn::Parameters = item_knn::Parameters { regularisation: 20.0, alpha: 0.75 };
/// Draws repeat themselves.
const SEED: u64 = 42;

/// Who is measured.
pub(crate) const LABELS: [&str; 4] = ["SR, sequential rules", "Item-kNN", "CO, co-occurrence", "RP, recently popular"];

/// What came of one.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub label: &'static str,
    /// The mean over the hours that were scored, as published.
    pub by_hour: (f64, f64),
    /// Over all targets alike.
    pub pooled: Measures,
    pub scored: u32,
}

/// A session with at least two clicks, cut at twenty.
#[derive(Debug, Clone)]
struct Session {
    began_ms: u64,
    items: Vec<ItemId>,
    at_ms: Vec<u64>,
}

/// What has been learnt.
#[derive(Debug, Clone)]
struct State {
    rules: SequentialRules,
    knn: ItemKnn,
    pairs: CoOccurrence,
    recent: VecDeque<(u64, ItemId)>,
}

/// Plays the whole log.
pub(crate) fn run(log: &ClickLog, bar: &ProgressBar) -> Vec<Outcome> {
    let sessions = sessions(log);
    let hours = sessions.iter().map(|session| log.hour(session.began_ms) + 1).max().unwrap_or(0);
    bar.set_length(hours);
    let of = |from: u64, to: u64| {
        let start = sessions.partition_point(|session| log.hour(session.began_ms) < from);
        let end = sessions.partition_point(|session| log.hour(session.began_ms) < to);
        sessions.get(start..end).unwrap_or_default()
    };
    let mut state = State::default();
    let mut rng = Rng::new(SEED);
    let mut pooled = vec![Tally::default(); LABELS.len()];
    let mut hourly: Vec<Vec<Measures>> = vec![Vec::new(); LABELS.len()];
    for from in (0..hours).step_by(usize::try_from(HOURS_LEARNT).unwrap_or(1)) {
        bar.set_position(from);
        let next = from + HOURS_LEARNT;
        of(from, next).chunks(BATCH_SESSIONS).for_each(|batch| state.learn(batch));
        let mut copy = state.clone();
        let mut tallies = vec![Tally::default(); LABELS.len()];
        for batch in of(next, next + 1).chunks(BATCH_SESSIONS) {
            copy.score(batch, &mut rng, &mut tallies, &mut pooled);
            copy.learn(batch);
        }
        for (hours, tally) in hourly.iter_mut().zip(tallies).filter(|(_, tally)| tally.scored > 0) {
            hours.push(tally.measures());
        }
    }
    bar.finish_and_clear();
    let mean = |hours: &[Measures], of: fn(&Measures) -> f64| hours.iter().map(of).sum::<f64>() / number(hours.len()).max(1.0);
    let outcome = |((label, hours), tally): ((&'static str, Vec<Measures>), Tally)| Outcome {
        label,
        by_hour: (mean(&hours, |hour| hour.hit_rate), mean(&hours, |hour| hour.mrr)),
        pooled: tally.measures(),
        scored: tally.scored,
    };
    LABELS.into_iter().zip(hourly).zip(pooled).map(outcome).collect()
}

/// By when they began.
fn sessions(log: &ClickLog) -> Vec<Session> {
    let mut by_id: hashbrown::HashMap<SessionId, Session> = hashbrown::HashMap::new();
    for click in &log.clicks {
        let new = || Session { began_ms: click.at_ms, items: Vec::new(), at_ms: Vec::new() };
        let session = by_id.entry(click.session).or_insert_with(new);
        if session.items.len() < SESSION_ITEMS_MAX {
            session.items.push(click.item);
            session.at_ms.push(click.at_ms);
        }
    }
    let mut sessions: Vec<(SessionId, Session)> = by_id.into_iter().filter(|(_, session)| session.items.len() > 1).collect();
    sessions.sort_unstable_by_key(|(id, session)| (session.began_ms, *id));
    sessions.into_iter().map(|(_, session)| session).collect()
}

impl Default for State {
    fn default() -> Self {
        Self { rules: SequentialRules::default(), knn: ItemKnn::new(ITEM_KNN), pairs: CoOccurrence::default(), recent: VecDeque::new() }
    }
}

impl State {
    fn learn(&mut self, batch: &[Session]) {
        for session in batch {
            for opened in 1..=session.items.len() {
                let history = session.items.get(..opened).unwrap_or_default();
                self.rules.follow(history);
                self.knn.join(history);
                self.pairs.join(history);
            }
        }
        let clicks = || batch.iter().flat_map(|session| session.at_ms.iter().copied().zip(session.items.iter().copied()));
        let Some(oldest_ms) = clicks().map(|(at_ms, _)| at_ms).min() else { return };
        self.recent.retain(|(at_ms, _)| at_ms + BUFFER_MS >= oldest_ms);
        clicks().for_each(|click| self.recent.push_front(click));
        self.recent.truncate(BUFFER_MAX);
    }

    fn score(&self, batch: &[Session], rng: &mut Rng, hour: &mut [Tally], pooled: &mut [Tally]) {
        let candidates = self.candidates(batch, rng);
        let mut popular: hashbrown::HashMap<ItemId, u32> = hashbrown::HashMap::new();
        self.recent.iter().for_each(|(_, item)| *popular.entry(*item).or_default() += 1);
        for session in batch {
            let others: Vec<ItemId> = candidates.iter().filter(|item| !session.items.contains(item)).copied().collect();
            for (from, target) in session.items.iter().zip(session.items.iter().skip(1)) {
                let negatives = draw(&others, rng);
                let ranks = [
                    rank(*target, &negatives, |item| self.rules.weight(*from, item)),
                    rank(*target, &negatives, |item| self.knn.weight(*from, item)),
                    rank(*target, &negatives, |item| self.pairs.weight(*from, item)),
                    rank(*target, &negatives, |item| number(popular.get(&item).copied().unwrap_or(0))),
                ];
                for ((rank, hour), pooled) in ranks.into_iter().zip(hour.iter_mut()).zip(pooled.iter_mut()) {
                    hour.rank(rank, false);
                    pooled.rank(rank, false);
                }
            }
        }
    }

    /// A thousand of the batch's clicks and of the last hour's: the more popular, the more often.
    fn candidates(&self, batch: &[Session], rng: &mut Rng) -> Vec<ItemId> {
        let mut recent: Vec<ItemId> = self.recent.iter().map(|(_, item)| *item).collect();
        rng.shuffle(&mut recent);
        recent.truncate(FROM_BUFFER);
        let mut all: Vec<ItemId> = batch.iter().flat_map(|session| &session.items).copied().chain(recent).collect();
        rng.shuffle(&mut all);
        all.truncate(CANDIDATES);
        all
    }
}

/// The first fifty different ones of a shuffled list.
fn draw(candidates: &[ItemId], rng: &mut Rng) -> Vec<ItemId> {
    let mut left: Vec<ItemId> = candidates.to_vec();
    let mut drawn = Vec::with_capacity(NEGATIVES);
    while drawn.len() < NEGATIVES && !left.is_empty() {
        let item = left.swap_remove(rng.below(left.len()));
        if !drawn.contains(&item) {
            drawn.push(item);
        }
    }
    drawn
}

/// The target's place, if it is named at all and among the ten best. Of equals the one that was clicked first in the log comes first.
fn rank(target: ItemId, negatives: &[ItemId], weight: impl Fn(ItemId) -> f64) -> Option<usize> {
    let own = weight(target);
    if own <= 0.0 {
        return None;
    }
    let better = |item: &&ItemId| {
        let other = weight(**item);
        other > own || (other.total_cmp(&own).is_eq() && **item < target)
    };
    let before = negatives.iter().filter(better).count();
    (before < LIST_LEN).then_some(before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_ranked_among_its_negatives() {
        let weights = [0.0, 3.0, 2.0, 2.0, 1.0];
        let weight = |item: ItemId| weights[usize::try_from(item.0).unwrap()];
        let negatives = [1, 2, 4].map(ItemId);
        assert_eq!(rank(ItemId(3), &negatives, weight), Some(3));
        assert_eq!(rank(ItemId(1), &[2, 3].map(ItemId), weight), Some(1));
        assert_eq!(rank(ItemId(0), &[], weight), None, "what is not known is not named");
        let many: Vec<ItemId> = vec![ItemId(1); 10];
        assert_eq!(rank(ItemId(2), &many, weight), None, "eleventh");
    }

    #[test]
    fn negatives_are_fifty_different_ones_drawn_by_popularity() {
        // Article 0 is clicked as often as the other 99 together.
        let candidates: Vec<ItemId> = (0..198).map(|at| ItemId(if at % 2 == 0 { 0 } else { at })).collect();
        let mut rng = Rng::new(1);
        let mut with_popular = 0;
        for _ in 0..100 {
            let drawn = draw(&candidates, &mut rng);
            let different: hashbrown::HashSet<_> = drawn.iter().collect();
            assert_eq!((drawn.len(), different.len()), (NEGATIVES, NEGATIVES));
            with_popular += u32::from(drawn.contains(&ItemId(0)));
        }
        assert_eq!(with_popular, 100);
        assert_eq!(draw(&[ItemId(1), ItemId(1)], &mut rng), [ItemId(1)]);
    }
}
