//! Protocol 3, static split: what was learnt before a moment answers everything after it, and learns nothing more.
//!
//! As Serenade and session-rec are measured: sessions that begin after the split, each click against the next.
//! It shows what freshness is worth: beside the same baselines in protocol 1.

use hashbrown::HashSet;
use indicatif::ProgressBar;

use crate::click::{ItemId, SessionId, number};
use crate::log::{ClickLog, Window};
use crate::metrics::Tally;
use crate::prequential::{CLICKS_PER_TICK, Contestant};
use crate::sessions::Sessions;

/// Answers are scored by how many hours after the split they were asked for: up to 1, 6, 12, 24, and all.
pub(crate) const HORIZONS: [u64; 5] = [1, 6, 12, 24, u64::MAX];

/// What came of one horizon.
#[derive(Debug, Default)]
pub(crate) struct Horizon {
    /// By contestant.
    pub tallies: Vec<Tally>,
    targets: u32,
    known: u32,
}

impl Horizon {
    /// Which share of the targets had been clicked before the split.
    pub(crate) fn known_share(&self) -> f64 {
        number(self.known) / number(self.targets).max(1.0)
    }
}

/// Learns everything before the window; scores the sessions that begin in it.
pub(crate) fn run(log: &ClickLog, window: Window, contestants: &mut [Contestant], bar: &ProgressBar) -> [Horizon; HORIZONS.len()] {
    let (mut sessions, mut learnt, mut list) = (Sessions::default(), HashSet::<ItemId>::new(), Vec::new());
    let mut begun_before: HashSet<SessionId> = HashSet::new();
    let mut horizons = HORIZONS.map(|_| Horizon { tallies: vec![Tally::default(); contestants.len()], ..Horizon::default() });
    for (read, (click, next)) in log.iter().enumerate() {
        let hour = log.hour(click.at_ms);
        if hour >= window.to {
            break;
        }
        if read % CLICKS_PER_TICK == 0 {
            bar.set_position(u64::try_from(read).unwrap_or(0));
        }
        let history = sessions.open(click);
        if hour < window.from {
            learnt.insert(click.item);
            begun_before.insert(click.session);
            for contestant in contestants.iter_mut() {
                contestant.recommender.learn(click, history);
            }
        } else if let Some(next) = next.filter(|_| !begun_before.contains(&click.session)) {
            let within = || HORIZONS.iter().map(|hours| hour - window.from < *hours);
            for (horizon, _) in horizons.iter_mut().zip(within()).filter(|(_, is_within)| *is_within) {
                horizon.targets += 1;
                horizon.known += u32::from(learnt.contains(&next.item));
            }
            for (at, contestant) in contestants.iter_mut().enumerate() {
                contestant.recommender.recommend(click, history, &mut list);
                let tallies = horizons.iter_mut().zip(within()).filter(|(_, is_within)| *is_within);
                for tally in tallies.filter_map(|(horizon, _)| horizon.tallies.get_mut(at)) {
                    tally.score(&list, next.item, log.is_cold(next));
                }
            }
        }
        if next.is_none() {
            sessions.close(click.session);
        }
    }
    bar.finish_and_clear();
    horizons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Baseline;
    use crate::click::{CONTEXT_LEN, Click, HOUR_MS};

    #[test]
    fn nothing_is_learnt_after_the_split() {
        let click = |(hour, session, item)| Click {
            at_ms: hour * HOUR_MS,
            session: SessionId(session),
            item: ItemId(item),
            visitor: 0,
            context: [0; CONTEXT_LEN],
        };
        // Learnt: 0 then 1. Session 1 began before and is not scored. After the split 0 is followed by 1 (known), twice by 2 (never learnt).
        let clicks =
            [(0, 0, 0), (0, 0, 1), (0, 1, 5), (1, 1, 1), (1, 1, 2), (1, 2, 0), (1, 2, 1), (2, 3, 0), (2, 3, 2), (2, 4, 0), (2, 4, 2)];
        let log = ClickLog::of(clicks.map(click).into());
        let mut contestants = [Contestant::new("SR", Baseline::Sr.make())];
        let horizons = run(&log, Window { from: 1, to: 3 }, &mut contestants, &ProgressBar::hidden());
        let all = &horizons[4];
        assert!((all.known_share() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(all.tallies[0].scored, 3);
        assert!((all.tallies[0].measures().mrr - 1.0 / 3.0).abs() < 1e-12);
        // The first hour has session 2 alone.
        assert_eq!(horizons[0].tallies[0].scored, 1);
        assert!((horizons[0].tallies[0].measures().mrr - 1.0).abs() < 1e-12);
    }
}
