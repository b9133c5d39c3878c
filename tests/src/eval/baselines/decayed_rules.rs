//! Sequential rules that fade, of the last articles of the session, and what is popular now: the strongest that needs no learning rate.
//!
//! Rules as in SR, halved every half hour. Rule weights of the last five articles are shares of what follows each, weight 1 / distance;
//! popularity is a share of the clicks that were not a session's first, halved every quarter of an hour.
//!
//! Hours 144 to 191: HR .540 and MRR .254 so; between .537 and .542 with rules of 20 or 45 minutes, popularity of 10 or 30, twice or half
//! its weight, a third of the smoothing: nothing to choose between.

use hashbrown::HashMap;

use crate::click::{Click, HOUR_MS, ItemId, number, span};
use crate::recommender::{Recommender, Top};

/// How far back a rule may begin, in clicks, as in SR.
const DISTANCE_MAX: usize = 10;
/// How often counters are brought back to the present: 24 half-lives of popularity, far from what a double can hold.
const RENEW_MS: u64 = 6 * HOUR_MS;
/// What has faded to this is forgotten when counters are renewed.
const FADED: f64 = 1e-4;

/// What may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameters {
    /// Of rules, milliseconds.
    pub rule_half_ms: u64,
    /// Of popularity, milliseconds.
    pub popularity_half_ms: u64,
    /// How many articles of the session speak.
    pub items: usize,
    /// Added to what follows an article at all, so that one reader does not decide.
    pub smoothing: f64,
    /// What a share of popularity counts beside a share of rules.
    pub popularity: f64,
}

/// Counters that grow instead of fading: each click adds 2^(time since a landmark / half-life).
#[derive(Debug)]
pub(crate) struct DecayedRules {
    parameters: Parameters,
    landmark_ms: u64,
    articles: HashMap<ItemId, Article>,
    popularity: HashMap<ItemId, f64>,
    popularity_of_all: f64,
}

#[derive(Debug, Default)]
struct Article {
    followers: HashMap<ItemId, f64>,
    followers_of_all: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { rule_half_ms: HOUR_MS / 2, popularity_half_ms: HOUR_MS / 4, items: 5, smoothing: 3.0, popularity: 0.2 }
    }
}

impl DecayedRules {
    pub(crate) fn new(parameters: Parameters) -> Self {
        Self { parameters, landmark_ms: 0, articles: HashMap::new(), popularity: HashMap::new(), popularity_of_all: 0.0 }
    }

    /// What a click of now is worth, as a rule and as popularity.
    fn worth(&self, now_ms: u64) -> (f64, f64) {
        let since = now_ms.saturating_sub(self.landmark_ms);
        let worth = |half_ms: u64| (span(since) / span(half_ms)).exp2();
        (worth(self.parameters.rule_half_ms), worth(self.parameters.popularity_half_ms))
    }

    fn renew(&mut self, now_ms: u64) {
        if now_ms < self.landmark_ms + RENEW_MS {
            return;
        }
        let (rule, popular) = self.worth(now_ms);
        self.landmark_ms = now_ms;
        let fade = |weights: &mut HashMap<ItemId, f64>, by: f64| {
            weights.retain(|_, weight| {
                *weight /= by;
                *weight > FADED
            });
        };
        for article in self.articles.values_mut() {
            fade(&mut article.followers, rule);
            article.followers_of_all /= rule;
        }
        self.articles.retain(|_, article| !article.followers.is_empty());
        fade(&mut self.popularity, popular);
        self.popularity_of_all /= popular;
    }
}

impl Recommender for DecayedRules {
    fn learn(&mut self, click: &Click, history: &[ItemId]) {
        self.renew(click.at_ms);
        let (rule, popular) = self.worth(click.at_ms);
        let Some((item, before)) = history.split_last() else { return };
        for (distance, past) in (1..=DISTANCE_MAX).zip(before.iter().rev()).filter(|(_, past)| *past != item) {
            let weight = rule / number(distance);
            let article = self.articles.entry(*past).or_default();
            *article.followers.entry(*item).or_default() += weight;
            article.followers_of_all += weight;
        }
        // What brings readers from outside is not what they choose here.
        if !before.is_empty() {
            *self.popularity.entry(*item).or_default() += popular;
            self.popularity_of_all += popular;
        }
    }

    fn recommend(&mut self, click: &Click, history: &[ItemId], list: &mut Vec<ItemId>) {
        let Parameters { items, smoothing, popularity, .. } = self.parameters;
        let (rule, _) = self.worth(click.at_ms);
        let share = popularity / self.popularity_of_all.max(f64::MIN_POSITIVE);
        let mut scores: HashMap<ItemId, f64> = self.popularity.iter().map(|(item, weight)| (*item, weight * share)).collect();
        for (distance, past) in (1..=items).zip(history.iter().rev()) {
            let Some(article) = self.articles.get(past) else { continue };
            let share = 1.0 / ((article.followers_of_all + smoothing * rule) * number(distance));
            for (item, weight) in &article.followers {
                *scores.entry(*item).or_default() += weight * share;
            }
        }
        let mut top = Top::except(history);
        for (item, score) in scores {
            top.offer(item, score);
        }
        top.put_into(list);
    }
}
