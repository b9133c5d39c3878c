//! The live counts, in the terms of the ranker.

use wire::model::{CONTEXTS, EMBEDDING, FACTS, FLOOR, Fact, Knowledge, Neighbour, Words, ln};

use super::article::Article;
use super::counters::{Counters, shares};
use super::fading::{POPULARITIES, Popularity};
use super::leaders::FRESH_H;

/// As many clicks as everywhere are added to an article's surroundings: few clicks say little.
const LIFT_PRIOR: f32 = 20.0;
/// Clicks are added to both sides of the surprise.
const SURPRISE_PRIOR: f32 = 2.0;
/// How much of its section's average a new article is given.
const SECTION_PRIOR: f32 = 0.5;
/// Hours that are added to ages, so that their logarithms stay small.
const AGE_FLOOR_H: f64 = 0.05;
const QUIET_FLOOR_H: f64 = 0.01;
/// Clicks that are added to the support.
const SUPPORT_FLOOR: f32 = 0.1;

/// Where each popularity stands among the facts.
const PLACES: [(Popularity, Fact); POPULARITIES] = [
    (Popularity::Next5m, Fact::Next5m),
    (Popularity::Next15m, Fact::Next15m),
    (Popularity::Next1h, Fact::Next1h),
    (Popularity::Next6h, Fact::Next6h),
    (Popularity::All15m, Fact::All15m),
    (Popularity::All24h, Fact::All24h),
    (Popularity::Deep1h, Fact::Deep1h),
];

impl Counters {
    /// An article's facts before their logarithms are taken.
    #[inline]
    fn raw_facts(&self, article: &Article) -> [f32; FACTS] {
        let (clock, mut raw) = (&self.clock, [1.0_f32; FACTS]);
        let is_new = article.section > 0 && clock.now_h - article.first_h < FRESH_H;
        let prior = self.leaders.of_sections.get(usize::from(article.section)).filter(|_| is_new);
        for (popularity, fact) in PLACES {
            let at = popularity.place();
            let count = article.popularity.get(at).copied().unwrap_or(0.0);
            let prior = prior.and_then(|prior| prior.get(at)).map_or(0.0, |average| average * SECTION_PRIOR);
            let total = self.totals.get(at).copied().unwrap_or(0.0);
            put(&mut raw, fact, (count + prior) / (total + f32::MIN_POSITIVE) + FLOOR);
        }
        put(&mut raw, Fact::Age, hours(clock.now_h - article.published_h.unwrap_or(article.first_h) + AGE_FLOOR_H));
        put(&mut raw, Fact::Quiet, hours(clock.now_h - article.last_h + QUIET_FLOOR_H));
        let prior = SURPRISE_PRIOR * clock.worth.surprise;
        put(&mut raw, Fact::Surprise, (article.opened + prior) / (article.expected + prior));
        put(&mut raw, Fact::Support, article.mass[0] / clock.worth.fast + SUPPORT_FLOOR);
        put(&mut raw, Fact::SlowSupport, article.mass[1] / clock.worth.slow + SUPPORT_FLOOR);
        raw
    }

    /// How much oftener readers with a word open an article than others, before the logarithm is taken.
    #[inline]
    pub(crate) fn raw_lift(&self, article: &Article, word: usize) -> f32 {
        let share = self.leaders.word_shares.get(word).copied().unwrap_or(1.0);
        let count = article.words.as_ref().and_then(|words| words.get(word)).copied().unwrap_or(0.0) / self.clock.worth.context;
        (count + LIFT_PRIOR * share) / ((article.words_total / self.clock.worth.context + LIFT_PRIOR) * share)
    }
}

#[inline]
fn put(raw: &mut [f32; FACTS], fact: Fact, value: f32) {
    if let Some(slot) = raw.get_mut(fact.place()) {
        *slot = value;
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "hours of an article's life, and std has no other way")]
fn hours(hours: f64) -> f32 {
    hours.max(1e-3) as f32
}

impl Knowledge for Counters {
    fn len(&self) -> usize {
        self.articles.len()
    }

    #[inline]
    fn neighbours(&self, item: u32, visit: impl FnMut(Neighbour)) {
        if let Some(article) = self.article(item) {
            shares(article, &self.clock).for_each(visit);
        }
    }

    #[inline]
    fn facts(&self, item: u32, facts: &mut [f32; FACTS]) {
        let Some(article) = self.article(item) else { return };
        for (fact, raw) in facts.iter_mut().zip(self.raw_facts(article)) {
            *fact = ln(raw);
        }
    }

    #[inline]
    fn lifts(&self, item: u32, words: &Words, lifts: &mut [f32; CONTEXTS]) {
        *lifts = [0.0; CONTEXTS];
        let Some(article) = self.article(item).filter(|article| article.words.is_some()) else { return };
        for (lift, word) in lifts.iter_mut().zip(words) {
            *lift = self.raw_lift(article, usize::from(*word));
        }
        for lift in lifts {
            *lift = ln(*lift);
        }
    }

    #[inline]
    fn embedding(&self, item: u32, into: &mut [f32; EMBEDDING]) {
        if let Some(article) = self.article(item) {
            *into = article.embedding;
        }
    }

    #[inline]
    fn add_history(&self, item: u32, weight: f32, into: &mut [f32; EMBEDDING]) {
        let history = self.article(item).map(|article| &article.history);
        for (number, history) in into.iter_mut().zip(history.into_iter().flatten()) {
            *number += weight * history;
        }
    }

    #[inline]
    fn add_word(&self, word: u8, into: &mut [f32; EMBEDDING]) {
        let leads = self.word_embeddings.get(usize::from(word));
        for (number, leads) in into.iter_mut().zip(leads.into_iter().flatten()) {
            *number += leads;
        }
    }

    #[inline]
    fn is_same_section(&self, one: u32, other: u32) -> bool {
        let section = |item: u32| self.article(item).map(|article| article.section).filter(|section| *section > 0);
        section(one).is_some() && section(one) == section(other)
    }

    fn leaders(&self) -> impl Iterator<Item = u32> {
        self.leaders.items.iter().copied()
    }
}
