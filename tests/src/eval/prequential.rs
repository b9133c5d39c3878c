//! Protocol 1: every click is learnt, then ten articles are named, and scored against the session's next click, whenever it comes.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use indicatif::ProgressBar;

use crate::click::ItemId;
use crate::log::{ClickLog, Window};
use crate::metrics::Tally;
use crate::recommender::Recommender;
use crate::sessions::Sessions;

/// Clicks between two looks at the progress bar.
pub(crate) const CLICKS_PER_TICK: usize = 4_096;

/// One who is measured, and what came of it.
pub(crate) struct Contestant {
    pub label: String,
    pub recommender: Box<dyn Recommender>,
    pub tally: Tally,
    /// Spent in learning and in naming.
    pub took: Duration,
}

impl Contestant {
    pub(crate) fn new(label: impl Into<String>, recommender: Box<dyn Recommender>) -> Self {
        Self { label: label.into(), recommender, tally: Tally::default(), took: Duration::ZERO }
    }
}

/// Walks the log once for all contestants. What is before the window is learnt and not scored, what is after it is not read:
/// only the next click of a session may lie there.
pub(crate) fn run(log: &ClickLog, window: Window, contestants: &mut [Contestant], bar: &ProgressBar) {
    let mut sessions = Sessions::default();
    let mut list = Vec::new();
    for (read, (click, next)) in log.iter().enumerate() {
        if log.hour(click.at_ms) >= window.to {
            break;
        }
        if read % CLICKS_PER_TICK == 0 {
            bar.set_position(u64::try_from(read).unwrap_or(0));
        }
        let target = next.filter(|_| log.is_in(window, click.at_ms));
        let history = sessions.open(click);
        for contestant in contestants.iter_mut() {
            let began = Instant::now();
            contestant.recommender.learn(click, history);
            if let Some(next) = target {
                contestant.recommender.recommend(click, history, &mut list);
                contestant.tally.score(&list, next.item, log.is_cold(next));
            }
            contestant.took += began.elapsed();
        }
        if next.is_none() {
            sessions.close(click.session);
        }
    }
    bar.finish_and_clear();
}

/// The articles that were clicked in a window: what coverage is a share of.
pub(crate) fn clicked(log: &ClickLog, window: Window) -> HashSet<ItemId> {
    log.clicks.iter().filter(|click| log.is_in(window, click.at_ms)).map(|click| click.item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Baseline;
    use crate::click::{CONTEXT_LEN, Click, HOUR_MS, SessionId};

    /// Knows the log, and where it stands: whoever sees the next click is right every time.
    struct Peek(std::vec::IntoIter<Option<ItemId>>, Option<ItemId>);

    impl Recommender for Peek {
        fn learn(&mut self, _click: &Click, _history: &[ItemId]) {
            self.1 = self.0.next().flatten();
        }

        fn recommend(&mut self, _click: &Click, _history: &[ItemId], list: &mut Vec<ItemId>) {
            list.clear();
            list.extend(self.1);
        }
    }

    fn toy_log() -> ClickLog {
        let click = |(at, session, item): (u64, u32, u32)| Click {
            at_ms: at * HOUR_MS / 10,
            session: SessionId(session),
            item: ItemId(item),
            visitor: 0,
            context: [0; CONTEXT_LEN],
        };
        // Sessions, in tenths of hours: 0 = 0 1, 1 = 0 1 2, 2 = 0 1; the second hour begins at 10.
        ClickLog::of([(0, 0, 0), (1, 0, 1), (2, 1, 0), (11, 1, 1), (12, 2, 0), (13, 1, 2), (14, 2, 1)].map(click).into())
    }

    #[test]
    fn a_peek_at_the_next_click_always_hits() {
        let log = toy_log();
        let next: Vec<_> = log.next.iter().map(|next| next.map(|next| next.item)).collect();
        let mut contestants = [Contestant::new("peek", Box::new(Peek(next.into_iter(), None)))];
        run(&log, Window { from: 0, to: 2 }, &mut contestants, &ProgressBar::hidden());
        let tally = &contestants[0].tally;
        assert_eq!(tally.scored, 4);
        assert!((tally.measures().hit_rate - 1.0).abs() < 1e-12 && (tally.measures().mrr - 1.0).abs() < 1e-12);
    }

    #[test]
    fn only_the_window_is_scored_and_everything_before_is_learnt() {
        let log = toy_log();
        let mut contestants = [Contestant::new("SR", Baseline::Sr.make())];
        run(&log, Window { from: 1, to: 2 }, &mut contestants, &ProgressBar::hidden());
        // Session 1 on article 1 goes to 2, which followed nothing before; session 2 on 0 goes to 1, which did.
        let tally = &contestants[0].tally;
        assert_eq!(tally.scored, 2);
        assert!((tally.measures().hit_rate - 0.5).abs() < 1e-12);
        // Clicked in the second hour: 1, 0, 2. Named: 1 alone.
        assert!((tally.coverage(&clicked(&log, Window { from: 1, to: 2 })) - 1.0 / 3.0).abs() < 1e-12);
        // Article 2 was new at its click, article 1 was older than an hour.
        assert!((tally.measures().cold_share - 0.5).abs() < 1e-12 && tally.measures().cold_hit_rate < 1e-12);
    }
}
