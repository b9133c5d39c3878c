//! The counts of a portal's articles, and how one click changes them.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use wire::Item;
use wire::model::{EMBEDDING, NEIGHBOURS_READ, WORDS, Words};

use super::article::Article;
use super::fading::{Clock, POPULARITIES, Popularity};
use super::leaders::Leaders;
use super::random::Random;
use super::words::Vocabulary;

/// Articles that are counted, at most about 3 KB each. The public click log of a large portal has 46,000 in sixteen days.
pub(crate) const ITEMS_MAX: usize = 40_000;
/// How many stay when there were too many: all are renumbered once in 10,000 new ones.
const ITEMS_KEPT: usize = 30_000;
/// A click is taken to follow so many pages before it, the n-th with a weight of 1/n (sequential rules, Ludewig and Jannach 2018).
const FOLLOWED_MAX: usize = 10;
/// Names of sections.
const SECTIONS_MAX: usize = 255;
/// A page that says it was published earlier than this before it was first read is an old one, or has a wrong clock.
const PUBLISHED_BEFORE_MAX_H: f64 = 7.0 * 24.0;
/// Largest number of a new embedding.
const EMBEDDING_AT_FIRST: f32 = 0.05;

/// All counts of a portal. Articles have numbers, for as long as they are remembered.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) clock: Clock,
    pub(crate) articles: Vec<Article>,
    numbers: HashMap<Item, u32>,
    pub(crate) totals: [f32; POPULARITIES],
    pub(crate) vocabulary: Vocabulary,
    pub(crate) word_embeddings: Vec<[f32; EMBEDDING]>,
    pub(crate) sections: Vec<String>,
    pub(crate) leaders: Leaders,
    random: Random,
}

/// A click in the terms of the counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// What was opened.
    pub(crate) item: u32,
    /// The session's pages before it, latest first.
    pub(crate) before: &'a [u32],
    /// The words of the page where the click was made, unless it is the session's first.
    pub(crate) words: Option<&'a Words>,
    /// How much it counts.
    pub(crate) weight: f32,
}

impl Counters {
    pub(crate) fn new(mut random: Random) -> Self {
        let word_embeddings = (0..WORDS).map(|_| [0.0; EMBEDDING].map(|_| random.number(EMBEDDING_AT_FIRST))).collect();
        Self {
            clock: Clock::new(),
            articles: Vec::new(),
            numbers: HashMap::new(),
            totals: [0.0; POPULARITIES],
            vocabulary: Vocabulary::new(),
            word_embeddings,
            sections: Vec::new(),
            leaders: Leaders::default(),
            random,
        }
    }

    /// Moves to a moment, in hours since 1970.
    pub(crate) fn advance(&mut self, now_h: f64) {
        if let Some(down) = self.clock.advance(now_h) {
            self.articles.iter_mut().for_each(|article| article.rescale(&down));
            self.totals.iter_mut().zip(down.popularity).for_each(|(total, down)| *total *= down);
            self.vocabulary.rescale(down.context);
        }
        if self.leaders.is_due(self.clock.now_h) {
            let mut leaders = std::mem::take(&mut self.leaders);
            leaders.rebuild(self);
            self.leaders = leaders;
        }
    }

    /// An article's number, if it is known.
    pub(crate) fn number(&self, item: &Item) -> Option<u32> {
        self.numbers.get(item).copied()
    }

    /// An article's number; a new one gets the next.
    pub(crate) fn number_or_new(&mut self, item: &Item) -> u32 {
        if let Some(number) = self.numbers.get(item) {
            return *number;
        }
        let number = u32::try_from(self.articles.len()).unwrap_or(u32::MAX);
        self.articles.push(Article::new(item.clone(), self.clock.now_h, || self.random.number(EMBEDDING_AT_FIRST)));
        self.numbers.insert(item.clone(), number);
        number
    }

    /// An article.
    #[inline(always)]
    pub(crate) fn article(&self, number: u32) -> Option<&Article> {
        self.articles.get(usize::try_from(number).ok()?)
    }

    /// An article, to be changed.
    #[inline(always)]
    pub(crate) fn article_mut(&mut self, number: u32) -> Option<&mut Article> {
        self.articles.get_mut(usize::try_from(number).ok()?)
    }

    /// Takes what a page says of itself: a prior for what nobody has read yet.
    pub(crate) fn describe(&mut self, number: u32, section: Option<&str>, published_h: Option<f64>) {
        let section = section.map_or(0, |section| self.section(section));
        let now_h = self.clock.now_h;
        if let Some(article) = self.article_mut(number) {
            let since_h = article.first_h - PUBLISHED_BEFORE_MAX_H;
            article.section = section;
            article.published_h = published_h.filter(|published_h| (since_h..=now_h).contains(published_h));
        }
    }

    fn section(&mut self, name: &str) -> u8 {
        let known = self.sections.iter().position(|known| known == name);
        let place = known.or_else(|| {
            let has_room = self.sections.len() < SECTIONS_MAX;
            has_room.then(|| self.sections.push(name.to_owned())).map(|()| self.sections.len() - 1)
        });
        place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0)
    }

    /// Counts a click.
    pub(crate) fn learn(&mut self, step: &Step<'_>) {
        self.follow(step);
        let (worth, now_h, position) = (self.clock.worth, self.clock.now_h, step.before.len());
        let Some(article) = self.articles.get_mut(usize::try_from(step.item).unwrap_or(usize::MAX)) else { return };
        if article.last_h + super::leaders::ACTIVE_H < now_h || article.popularity == [0.0; POPULARITIES] {
            self.leaders.activate(step.item);
        }
        article.last_h = now_h;
        let counted = article.popularity.iter_mut().zip(&mut self.totals).zip(worth.popularity).enumerate();
        for (place, ((count, total), worth)) in counted {
            if is_counted(place, position) {
                *count += worth * step.weight;
                *total += worth * step.weight;
            }
        }
        if let Some(words) = step.words {
            article.count_words(words, worth.context * step.weight);
            self.vocabulary.count(words, worth.context * step.weight);
        }
    }

    /// Adds to the lists of the pages before a click.
    pub(crate) fn follow(&mut self, step: &Step<'_>) {
        let worth = self.clock.worth;
        for (nth, before) in (1_u8..).zip(step.before.iter().take(FOLLOWED_MAX)) {
            if *before == step.item {
                continue;
            }
            let share = step.weight / f32::from(nth);
            if let Some(article) = self.article_mut(*before) {
                article.neighbours.add(step.item, [worth.fast * share, worth.slow * share, 0.0]);
                article.mass[0] += worth.fast * share;
                article.mass[1] += worth.slow * share;
            }
            if let Some(article) = self.article_mut(step.item) {
                article.neighbours.add(*before, [0.0, 0.0, worth.slow * share]);
                article.mass[2] += worth.slow * share;
            }
        }
    }

    /// When there are too many articles, forgets the least read of the last days, and gives the others new numbers, which it returns.
    pub(crate) fn forget(&mut self) -> Option<Vec<Option<u32>>> {
        self.forget_to(ITEMS_MAX, ITEMS_KEPT)
    }

    fn forget_to(&mut self, most: usize, kept: usize) -> Option<Vec<Option<u32>>> {
        if self.articles.len() <= most {
            return None;
        }
        let day = Popularity::All24h.place();
        let mut read: Vec<f32> = self.articles.iter().filter_map(|article| article.popularity.get(day).copied()).collect();
        let last = kept.min(read.len().saturating_sub(1));
        let (_, least, _) = read.select_nth_unstable_by(last, |one, other| other.total_cmp(one));
        let least = *least;
        let mut next = 0_u32;
        let is_kept = |article: &Article| article.popularity.get(day).is_some_and(|read| *read > least);
        let numbers: Vec<Option<u32>> = self
            .articles
            .iter()
            .map(|article| {
                is_kept(article).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let number = |old: u32| usize::try_from(old).ok().and_then(|old| numbers.get(old)).copied().flatten();
        self.articles.retain(is_kept);
        self.articles.iter_mut().for_each(|article| article.neighbours.renumber(number));
        self.numbers = (0_u32..).zip(&self.articles).map(|(number, article)| (article.item.clone(), number)).collect();
        self.leaders.renumber(number);
        Some(numbers)
    }
}

/// Which popularities a click at this place of its session counts for.
fn is_counted(popularity: usize, position: usize) -> bool {
    if popularity == Popularity::All15m.place() || popularity == Popularity::All24h.place() {
        true
    } else if popularity == Popularity::Deep1h.place() {
        position >= 2
    } else {
        position >= 1
    }
}

/// The list of an article that the ranker looks at: shares, best first.
#[inline(always)]
pub(crate) fn shares(article: &Article, clock: &Clock) -> impl Iterator<Item = wire::model::Neighbour> {
    let [fast, slow, back] = article.mass;
    // One click more than there was: a list of a single click is no certainty.
    let (fast_1, slow_1, back_1) = (1.0 / (fast + clock.worth.fast), 1.0 / (slow + clock.worth.slow), 1.0 / (back + clock.worth.slow));
    article.neighbours.iter().take(NEIGHBOURS_READ).map(move |(item, [fast, slow, back])| wire::model::Neighbour {
        item,
        fast: fast * fast_1,
        slow: slow * slow_1,
        back: back * back_1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(items: u32) -> Counters {
        let mut counters = Counters::new(Random::new(1));
        counters.advance(100.0);
        for nth in 0..items {
            let number = counters.number_or_new(&Item::parse(&format!("/{nth}")).unwrap());
            let before = [number.saturating_sub(1), 0];
            for _ in 0..=(nth % 5) {
                counters.learn(&Step { item: number, before: &before, words: None, weight: 1.0 });
            }
        }
        counters
    }

    #[test]
    fn a_click_is_counted_after_every_page_before_it() {
        let mut counters = counters(3);
        counters.learn(&Step { item: 2, before: &[1, 0], words: None, weight: 0.5 });
        let list: Vec<_> = counters.articles[1].neighbours.iter().collect();
        assert_eq!(list[0].0, 2);
        // Three of weight one, one of a half.
        assert!((list[0].1[0] - 3.5).abs() < 1e-6, "{list:?}");
        let after: Vec<_> = counters.articles[2].neighbours.iter().map(|(item, counts)| (item, counts[2])).collect();
        assert!(after.contains(&(1, 3.5)), "{after:?}");
    }

    #[test]
    fn a_first_click_is_no_next_one() {
        let mut counters = counters(1);
        let before = counters.articles[0].popularity;
        counters.learn(&Step { item: 0, before: &[], words: None, weight: 1.0 });
        let after = counters.articles[0].popularity;
        for place in 0..POPULARITIES {
            let is_all = place == Popularity::All15m.place() || place == Popularity::All24h.place();
            assert_eq!(after[place] > before[place], is_all, "{place}");
        }
    }

    #[test]
    fn the_least_read_are_forgotten_and_the_others_keep_their_counts_under_new_numbers() {
        let mut counters = counters(100);
        let numbers = counters.forget_to(99, 40).unwrap();
        assert!(counters.articles.len() <= 40 && counters.articles.len() >= 15, "{}", counters.articles.len());
        for (old, new) in numbers.iter().enumerate() {
            let item = Item::parse(&format!("/{old}")).unwrap();
            assert_eq!(counters.number(&item), *new);
            if let Some(new) = new {
                assert_eq!(counters.article(*new).unwrap().item, item);
            }
        }
        let count = u32::try_from(counters.articles.len()).unwrap();
        assert!(counters.articles.iter().all(|article| article.neighbours.iter().all(|(item, _)| item < count)));
        assert!(counters.forget_to(99, 40).is_none());
    }

    #[test]
    fn a_page_published_tomorrow_or_long_ago_is_not_believed() {
        let mut counters = counters(1);
        for (published_h, expected) in [(Some(99.0), true), (Some(101.0), false), (Some(-100.0), false), (None, false)] {
            counters.describe(0, Some("economia"), published_h);
            assert_eq!(counters.articles[0].published_h.is_some(), expected, "{published_h:?}");
        }
        assert_eq!((counters.articles[0].section, counters.sections.len()), (1, 1));
    }
}
