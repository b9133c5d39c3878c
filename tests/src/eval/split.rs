//! Protocol 3, static split: what was learnt before a moment answers everything after it, and learns nothing more.
//!
//! As Serenade and session-rec are measured: sessions that begin after the split, each click against the next.
//! It shows what freshness is worth: beside the same baselines in protocol 1.

use hashbrown::HashSet;
use indicatif::ProgressBar;

use crate::click::{ItemId, SessionId, number};
use crate::log::{ClickLog, Window};
use crate::prequential::{CLICKS_PER_TICK, Contestant};
use crate::sessions::Sessions;

/// Learns everything before the window; scores the sessions that begin in it. Returns which share of their targets had been learnt at all.
pub(crate) fn run(log: &ClickLog, window: Window, contestants: &mut [Contestant], bar: &ProgressBar) -> f64 {
    let (mut sessions, mut learnt) = (Sessions::default(), HashSet::<ItemId>::new());
    let mut begun_before: HashSet<SessionId> = HashSet::new();
    let (mut targets, mut known, mut list) = (0_u32, 0_u32, Vec::new());
    for (read, (click, next)) in log.iter().enumerate() {
        if log.hour(click.at_ms) >= window.to {
            break;
        }
        if read % CLICKS_PER_TICK == 0 {
            bar.set_position(u64::try_from(read).unwrap_or(0));
        }
        let history = sessions.open(click);
        if log.hour(click.at_ms) < window.from {
            learnt.insert(click.item);
            begun_before.insert(click.session);
            contestants.iter_mut().for_each(|contestant| contestant.recommender.learn(click, history));
        } else if let Some(next) = next.filter(|_| !begun_before.contains(&click.session)) {
            targets += 1;
            known += u32::from(learnt.contains(&next.item));
            for contestant in contestants.iter_mut() {
                contestant.recommender.recommend(click, history, &mut list);
                contestant.tally.score(&list, next.item, log.is_cold(next));
            }
        }
        if next.is_none() {
            sessions.close(click.session);
        }
    }
    bar.finish_and_clear();
    number(known) / number(targets).max(1.0)
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
        let clicks = [(0, 0, 0), (0, 0, 1), (0, 1, 5), (1, 1, 1), (1, 2, 0), (1, 2, 1), (1, 3, 0), (1, 3, 2), (1, 4, 0), (1, 4, 2)];
        let log = ClickLog::of(clicks.map(click).into());
        let mut contestants = [Contestant::new("SR", Baseline::Sr.make())];
        let known = run(&log, Window { from: 1, to: 2 }, &mut contestants, &ProgressBar::hidden());
        assert!((known - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(contestants[0].tally.scored, 3);
        assert!((contestants[0].tally.measures().mrr - 1.0 / 3.0).abs() < 1e-12);
    }
}
