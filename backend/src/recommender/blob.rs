//! What the learner publishes: the model blob of the articles that are read now.

use std::collections::HashSet;
use std::hash::Hash;

use serde::Serialize;
use wire::model::{FACTS, Knowledge as _, MODEL_ITEMS_MAX, Parts, PartsItem, WORDS, ln};
use wire::{Item, ScoredItem};

use super::Recommender;
use super::article::Article;
use super::counters::shares;
use super::fading::Popularity;

/// An article without a view for so long is not published, unless a list names it.
const PUBLISHED_H: f64 = 24.0;
/// Articles whose surroundings are published, [`WORDS`] bytes each: the most read; of the others too little is known.
const LIFTED_MAX: usize = 500;
/// A share below this is not worth its six bytes.
const SHARE_MIN: f32 = 1e-4;
/// Latest articles.
const LATEST_MAX: usize = 200;
/// What an article has to have been read to be among the latest: by three networks at least, as little as each counts at first. Anybody
/// can post a path that is none.
const LATEST_MIN: f32 = 0.14;
/// The ranker is published when it has learnt from so many clicks: before that it is worse than the base score.
const TAUGHT_MIN: u32 = 2_000;

/// Lists that are made elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Rising, best first.
    pub(crate) trending: Vec<ScoredItem>,
    /// Most read, best first.
    pub(crate) top_pages: Vec<ScoredItem>,
}

impl<K: Serialize + Eq + Hash> Recommender<K> {
    /// The model blob of now.
    pub(crate) fn publish(&mut self, name: String, now_ms: u64, lists: &Lists) -> Vec<u8> {
        self.counters.advance(super::hours(now_ms));
        let numbers = self.published(lists);
        let mut places = vec![u32::MAX; self.counters.articles.len()];
        for (place, number) in (0_u32..).zip(&numbers) {
            if let Some(slot) = usize::try_from(*number).ok().and_then(|at| places.get_mut(at)) {
                *slot = place;
            }
        }
        let place = |number: u32| usize::try_from(number).ok().and_then(|at| places.get(at)).copied().filter(|place| *place != u32::MAX);
        let lifted = self.lifted(&numbers);
        let item = |number: &u32| Some(self.part(*number, self.counters.article(*number)?, &lifted, place));
        let scored = |list: &[ScoredItem]| {
            let entry = |scored: &ScoredItem| Some((place(self.counters.number(&scored.item)?)?, scored.score));
            list.iter().filter_map(entry).collect()
        };
        let weights = Some(self.teacher.served().clone()).filter(|_| self.teacher.clicks() >= TAUGHT_MIN);
        Parts {
            name,
            generated_at_ms: now_ms,
            items: numbers.iter().filter_map(item).collect(),
            sections: self.counters.sections.clone(),
            words: self.counters.vocabulary.list(),
            trending: scored(&lists.trending),
            top_pages: scored(&lists.top_pages),
            latest: self.latest(&numbers),
            leaders: self.counters.leaders().filter_map(place).collect(),
            word_embeddings: self.counters.word_embeddings.clone(),
            weights,
        }
        .write()
    }

    /// What answers show most: the listed, then those that are read most.
    pub(crate) fn shown(&self, lists: &Lists, count: usize) -> Vec<&Item> {
        self.published(lists).into_iter().take(count).filter_map(|number| Some(&self.counters.article(number)?.item)).collect()
    }

    /// The articles that are read, and those that a list names: those first, then by how much they are read.
    fn published(&self, lists: &Lists) -> Vec<u32> {
        let since_h = self.counters.clock.now_h - PUBLISHED_H;
        let listed: HashSet<u32> =
            lists.trending.iter().chain(&lists.top_pages).filter_map(|scored| self.counters.number(&scored.item)).collect();
        let all = (0_u32..).zip(&self.counters.articles);
        let mut read: Vec<(bool, f32, u32)> = all
            .filter(|(number, article)| article.last_h >= since_h || listed.contains(number))
            .map(|(number, article)| (listed.contains(&number), count(article, Popularity::All24h), number))
            .collect();
        read.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)).then(one.2.cmp(&other.2)));
        read.truncate(MODEL_ITEMS_MAX);
        read.into_iter().map(|(_, _, number)| number).collect()
    }

    /// Those that are read most now.
    fn lifted(&self, numbers: &[u32]) -> HashSet<u32> {
        let counted = numbers.iter().filter_map(|number| Some((count(self.counters.article(*number)?, Popularity::Next1h), *number)));
        let mut counted: Vec<(f32, u32)> = counted.collect();
        counted.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        counted.into_iter().take(LIFTED_MAX).map(|(_, number)| number).collect()
    }

    fn part(&self, number: u32, article: &Article, lifted: &HashSet<u32>, place: impl Fn(u32) -> Option<u32>) -> PartsItem {
        let mut facts = [0.0; FACTS];
        self.counters.facts(number, &mut facts);
        let neighbours = shares(article, &self.counters.clock).filter(|near| near.fast.max(near.slow).max(near.back) >= SHARE_MIN);
        let lifts = || Box::new(std::array::from_fn::<f32, WORDS, _>(|word| ln(self.counters.raw_lift(article, word))));
        PartsItem {
            path: article.item.to_string(),
            first_seen_s: seconds(article.first_h),
            section: article.section,
            facts,
            embedding: article.embedding,
            history: article.history,
            neighbours: neighbours.filter_map(|near| Some(wire::model::Neighbour { item: place(near.item)?, ..near })).collect(),
            lifts: lifted.contains(&number).then(lifts),
        }
    }

    /// Newest first, by their own word where it is believed; the score is the moment in hours.
    fn latest(&self, numbers: &[u32]) -> Vec<(u32, f32)> {
        let moment = |number: &u32| self.counters.article(*number).map_or(0.0, |article| article.published_h.unwrap_or(article.first_h));
        let day = self.counters.clock.worth.popularity.get(Popularity::All24h.place()).copied().unwrap_or(1.0);
        let is_read =
            |number: &u32| self.counters.article(*number).is_some_and(|article| count(article, Popularity::All24h) >= LATEST_MIN * day);
        let known = (0_u32..).zip(numbers).filter(|(_, number)| is_read(number));
        let mut latest: Vec<(u32, f64)> = known.map(|(place, number)| (place, moment(number))).collect();
        latest.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        latest.into_iter().take(LATEST_MAX).map(|(place, hours)| (place, narrow(hours))).collect()
    }
}

fn count(article: &Article, popularity: Popularity) -> f32 {
    article.popularity.get(popularity.place()).copied().unwrap_or(0.0)
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Unix seconds fit until 2106")]
fn seconds(hours: f64) -> u32 {
    (hours * 3_600.0) as u32
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a score needs no more than f32")]
fn narrow(hours: f64) -> f32 {
    hours as f32
}
