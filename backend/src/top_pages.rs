//! What is read now: two counts per article that fade with time, a slow one for `top_pages` and a fast one for `trending`.
//!
//! Forward decay (Cormode et al., 2009): a view at `t` adds `2^((t - L) / half_life)`, reading at `now` divides by the
//! same for `now`. Nothing has to be touched between two views, and late views fall into their place.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::{Item, ScoredItem};

/// A story is read for about a day: after six hours a view counts half.
const SLOW_HALF_LIFE_MS: u64 = 6 * 3_600_000;
/// What happens now: after a quarter of an hour a view counts half.
const FAST_HALF_LIFE_MS: u64 = 15 * 60_000;
/// The part of an evenly read article's slow count that its fast count shows.
const FAST_SHARE: f64 = 15.0 / 360.0;
/// After 32 fast half-lives the exponents are brought back: `f64` holds them to 1023.
const RESCALE_AFTER_MS: u64 = 32 * FAST_HALF_LIFE_MS;
/// Articles that are counted; about 250 bytes each. Portals publish a few hundred a day.
const ITEMS_MAX: usize = 20_000;
/// How many stay when there were too many: the sort is paid once in 5,000 new items.
const ITEMS_KEPT: usize = 15_000;
/// One reader is no trend.
const TRENDING_VIEWS_MIN: f64 = 1.5;
/// A slow count below this is nobody's reading any more.
const FADED: f64 = 1e-6;

/// Views of articles, fading.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TopPages {
    /// `L` of the formula.
    landmark_ms: u64,
    latest_ms: u64,
    items: HashMap<Item, Counts>,
}

/// Both counts, in units of the landmark.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Counts {
    slow: f64,
    fast: f64,
}

impl TopPages {
    /// Counts one view of an article, with the weight that its reader's influence leaves it, 0 to 1. What weighs nothing leaves no trace.
    pub(crate) fn view(&mut self, item: &Item, at_ms: u64, weight: f32) {
        if weight <= 0.0 {
            return;
        }
        if self.landmark_ms == 0 {
            self.landmark_ms = at_ms;
        }
        self.latest_ms = self.latest_ms.max(at_ms);
        if at_ms > self.landmark_ms.saturating_add(RESCALE_AFTER_MS) {
            self.rescale(at_ms);
        }
        let slow = f64::from(weight) * growth(self.landmark_ms, at_ms, SLOW_HALF_LIFE_MS);
        let fast = f64::from(weight) * growth(self.landmark_ms, at_ms, FAST_HALF_LIFE_MS);
        if let Some(counts) = self.items.get_mut(item) {
            counts.slow += slow;
            counts.fast += fast;
            return;
        }
        self.items.insert(item.clone(), Counts { slow, fast });
        if self.items.len() > ITEMS_MAX {
            self.keep_best(ITEMS_KEPT);
        }
    }

    /// When the latest view was: lists of this time stay the same as long as nobody reads.
    pub(crate) const fn latest_ms(&self) -> u64 {
        self.latest_ms
    }

    /// How many articles are counted.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The articles that are read most, best first. The score is the number of views, faded.
    pub(crate) fn top(&self, now_ms: u64, count_max: usize) -> Vec<ScoredItem> {
        let slow = growth(self.landmark_ms, now_ms, SLOW_HALF_LIFE_MS);
        best(self.items.iter().map(|(item, counts)| (item, counts.slow / slow)), count_max)
    }

    /// The articles that are read more now than their recent past lets expect, best first.
    /// The score is the surplus in standard deviations of a Poisson count, so that neither giants nor single readers win by size.
    pub(crate) fn trending(&self, now_ms: u64, count_max: usize) -> Vec<ScoredItem> {
        let slow = growth(self.landmark_ms, now_ms, SLOW_HALF_LIFE_MS);
        let fast = growth(self.landmark_ms, now_ms, FAST_HALF_LIFE_MS);
        let score = |(item, counts): (_, &Counts)| {
            let views = counts.fast / fast;
            let expected = counts.slow / slow * FAST_SHARE;
            (views >= TRENDING_VIEWS_MIN).then(|| (item, (views - expected) / (expected + 1.0).sqrt()))
        };
        best(self.items.iter().filter_map(score), count_max)
    }

    fn rescale(&mut self, landmark_ms: u64) {
        let slow = growth(self.landmark_ms, landmark_ms, SLOW_HALF_LIFE_MS);
        let fast = growth(self.landmark_ms, landmark_ms, FAST_HALF_LIFE_MS);
        self.items.retain(|_, counts| {
            counts.slow /= slow;
            counts.fast /= fast;
            counts.slow > FADED
        });
        self.landmark_ms = landmark_ms;
    }

    fn keep_best(&mut self, count: usize) {
        let mut ranked: Vec<(Item, Counts)> = self.items.drain().collect();
        ranked.sort_unstable_by(|(item, counts), (other, others)| order((item, counts.slow), (other, others.slow)));
        self.items.extend(ranked.into_iter().take(count));
    }
}

/// `2^((at - landmark) / half_life)`; below 1 for what lies before the landmark.
fn growth(landmark_ms: u64, at_ms: u64, half_life_ms: u64) -> f64 {
    let half_lives = |ms: u64| Duration::from_millis(ms).as_secs_f64() / Duration::from_millis(half_life_ms).as_secs_f64();
    if at_ms >= landmark_ms { half_lives(at_ms - landmark_ms).exp2() } else { (-half_lives(landmark_ms - at_ms)).exp2() }
}

fn best<'a>(scores: impl Iterator<Item = (&'a Item, f64)>, count_max: usize) -> Vec<ScoredItem> {
    // What cannot be told from zero on the wire is left out; long after the last view that is everything.
    let mut ranked: Vec<(&Item, f64)> = scores.filter(|(_, score)| score.is_finite() && *score > FADED).collect();
    ranked.sort_unstable_by(|one, other| order(*one, *other));
    ranked.into_iter().take(count_max).map(|(item, score)| ScoredItem { item: item.clone(), score: narrow(score) }).collect()
}

/// Best first; equals by name, so that the same counts always make the same list.
fn order(one: (&Item, f64), other: (&Item, f64)) -> Ordering {
    other.1.total_cmp(&one.1).then_with(|| one.0.cmp(other.0))
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a score needs no more than f32, and std has no other way")]
fn narrow(score: f64) -> f32 {
    score.min(f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;
    const MINUTE: u64 = 60_000;

    fn item(name: &str) -> Item {
        Item::parse(name).unwrap()
    }

    fn direct(views: &[u64], now_ms: u64, half_life_ms: u64) -> f64 {
        views.iter().map(|at_ms| growth(now_ms, *at_ms, half_life_ms)).sum()
    }

    #[test]
    fn a_view_counts_half_after_one_half_life() {
        let mut pages = TopPages::default();
        pages.view(&item("/a"), T0, 1.0);
        let score = pages.top(T0 + SLOW_HALF_LIFE_MS, 1)[0].score;
        assert!((score - 0.5).abs() < 1e-6, "{score}");
    }

    #[test]
    fn counts_agree_with_the_direct_formula_across_rescaling_and_late_views() {
        let mut pages = TopPages::default();
        let views: Vec<u64> = (0..2_000_u64).map(|n| T0 + (n * 7_919 % 2_000) * 2 * MINUTE).collect();
        for at_ms in &views {
            pages.view(&item("/a"), *at_ms, 1.0);
        }
        let now_ms = T0 + 4_100 * MINUTE;
        assert!(pages.landmark_ms > T0, "it was rescaled");
        for (mine, half_life_ms) in [
            (pages.items[&item("/a")].slow / growth(pages.landmark_ms, now_ms, SLOW_HALF_LIFE_MS), SLOW_HALF_LIFE_MS),
            (pages.items[&item("/a")].fast / growth(pages.landmark_ms, now_ms, FAST_HALF_LIFE_MS), FAST_HALF_LIFE_MS),
        ] {
            let expected = direct(&views, now_ms, half_life_ms);
            assert!((mine - expected).abs() <= 1e-9 * expected, "{mine} is not {expected}");
        }
    }

    #[test]
    fn a_long_silence_and_a_far_future_make_no_strange_numbers() {
        let mut pages = TopPages::default();
        pages.view(&item("/a"), T0, 1.0);
        pages.view(&item("/b"), T0 + 400 * 86_400_000, 1.0);
        pages.view(&item("/c"), 1, 1.0);
        let top = pages.top(T0 + 400 * 86_400_000, 10);
        assert_eq!(top.iter().map(|scored| scored.item.as_str()).collect::<Vec<_>>(), ["/b"]);
        assert!(pages.top(u64::MAX, 10).is_empty());
    }

    #[test]
    fn what_rises_is_trending_and_what_is_always_read_is_not() {
        let mut pages = TopPages::default();
        let now_ms = T0 + 48 * 60 * MINUTE;
        for minute in 0..48 * 60 {
            for _ in 0..3 {
                pages.view(&item("/always"), T0 + minute * MINUTE, 1.0);
            }
        }
        for _ in 0..30 {
            pages.view(&item("/new"), now_ms - MINUTE, 1.0);
        }
        pages.view(&item("/single"), now_ms - MINUTE, 1.0);
        assert_eq!(pages.top(now_ms, 2)[0].item, item("/always"));
        let trending = pages.trending(now_ms, 10);
        assert_eq!(trending[0].item, item("/new"));
        assert!(trending.iter().all(|scored| scored.item != item("/single")));
        assert!(trending.iter().all(|scored| scored.item == item("/new") || scored.score < 1.0), "{trending:?}");
    }

    #[test]
    fn the_number_of_items_is_bounded_and_the_least_read_go() {
        let mut pages = TopPages::default();
        for _ in 0..3 {
            pages.view(&item("/read"), T0, 1.0);
        }
        for number in 0..=ITEMS_MAX {
            pages.view(&item(&format!("/{number}")), T0, 1.0);
        }
        assert!(pages.len() <= ITEMS_MAX);
        assert_eq!(pages.top(T0, 1)[0].item, item("/read"));
    }

    #[test]
    fn a_snapshot_brings_back_every_bit() {
        let mut pages = TopPages::default();
        for number in 0..5_000_u64 {
            pages.view(&item(&format!("/{}", number % 97)), T0 + number * 12_345, 1.0);
        }
        let text = serde_json::to_string(&pages).unwrap();
        assert_eq!(serde_json::from_str::<TopPages>(&text).unwrap(), pages);
    }
}
