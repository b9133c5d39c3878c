//! Learns what readers of a portal read next, click by click.
//!
//! Decayed counts of what follows what and of what is read make candidates; an online ranker (linear, a small network, embeddings)
//! orders them. Each click first teaches the ranker what it should have said a moment before, then is counted.

mod article;
mod blob;
mod counters;
mod embeddings;
mod fading;
mod knowledge;
mod leaders;
mod neighbours;
#[cfg(test)]
mod poisoning;
mod random;
mod ranker;
mod sessions;
mod words;

use std::hash::Hash;

use serde::{Deserialize, Serialize};
use wire::Item;
use wire::model::{Asked, Context, READ_MAX, Scratch, WORDS};

pub(crate) use blob::Lists;
use counters::{Counters, Step};
use random::Random;
use ranker::{Lesson, Teacher};
use sessions::{Session, Sessions};

/// One portal's learner. `K` names a session. The same clicks in the same order make the same learner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de> + Eq + Hash"))]
pub(crate) struct Recommender<K: Serialize + Eq + Hash> {
    counters: Counters,
    teacher: Teacher,
    sessions: Sessions<K>,
    word_squares: Vec<f32>,
    #[serde(skip)]
    scratch: Scratch,
    #[serde(skip)]
    lesson: Lesson,
}

impl<K: Serialize + Eq + Hash> Default for Recommender<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// What was learnt; not what one click needs for a while.
impl<K: Serialize + Eq + Hash> PartialEq for Recommender<K> {
    fn eq(&self, other: &Self) -> bool {
        self.counters == other.counters
            && self.teacher == other.teacher
            && self.sessions == other.sessions
            && self.word_squares == other.word_squares
    }
}

/// An article was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click<'a> {
    /// Which.
    pub(crate) item: &'a Item,
    /// Unix milliseconds.
    pub(crate) at_ms: u64,
    /// The reader's surroundings.
    pub(crate) context: Context<'a>,
    /// How much it counts, 0 to 1.
    pub(crate) weight: f32,
}

/// Seeds the numbers that learning begins with.
const SEED: u64 = 1;

impl<K: Serialize + Eq + Hash> Recommender<K> {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(SEED);
        Self {
            teacher: Teacher::new(&mut random),
            counters: Counters::new(random),
            sessions: Sessions::new(),
            word_squares: vec![embeddings::SQUARES_AT_FIRST; WORDS],
            scratch: Scratch::default(),
            lesson: Lesson::default(),
        }
    }

    /// An article was opened: teaches the ranker, then counts. A click that weighs nothing only moves the reader on, and makes nothing known.
    pub(crate) fn learn(&mut self, session_key: K, click: &Click<'_>) {
        self.open(session_key, click, true);
    }

    /// [`Self::learn`] without the ranker, to measure what each of them costs.
    pub(crate) fn count_only(&mut self, session_key: K, click: &Click<'_>) {
        self.open(session_key, click, false);
    }

    /// How many articles it remembers.
    pub(crate) const fn articles(&self) -> usize {
        self.counters.articles.len()
    }

    fn open(&mut self, session_key: K, click: &Click<'_>, is_teaching: bool) {
        if click.weight <= 0.0 && self.counters.number(click.item).is_none() {
            return;
        }
        let mut session = self.enter(&session_key, click.at_ms);
        let item = self.counters.number_or_new(click.item);
        let is_next = !session.pages.is_empty() && !session.pages.contains(&item);
        if is_teaching && is_next && click.weight > 0.0 {
            self.gather(&session, click.at_ms);
            self.teach(&session, item, click.weight);
        }
        self.count(&session, item, click.weight);
        session.open(item);
        session.words = self.counters.vocabulary.learn(&click.context, session.pages.len());
        self.sessions.put(session_key, session);
        if let Some(numbers) = self.counters.forget() {
            self.sessions.renumber(|old| usize::try_from(old).ok().and_then(|old| numbers.get(old)).copied().flatten());
        }
    }

    /// Counts a click without teaching the ranker.
    fn count(&mut self, session: &Session, item: u32, weight: f32) {
        if weight > 0.0 {
            let words = (!session.pages.is_empty()).then_some(session.words);
            self.counters.learn(&Step { item, before: &session.pages, words, weight });
        }
    }

    /// An article that was opened was read: its way from the pages before counts more.
    pub(crate) fn attend(&mut self, session_key: &K, item: &Item, weight: f32) {
        let Some((item, session)) = self.counters.number(item).zip(self.sessions.get(session_key)) else { return };
        let before: Vec<u32> = session.pages.iter().copied().filter(|page| *page != item).collect();
        self.counters.follow(&Step { item, before: &before, words: None, weight });
    }

    /// What a page says of itself.
    pub(crate) fn describe(&mut self, item: &Item, section: Option<&str>, published_at_ms: Option<u64>) {
        if let Some(number) = self.counters.number(item) {
            self.counters.describe(number, section, published_at_ms.map(hours));
        }
    }

    /// What a session should read next, best first.
    pub(crate) fn recommend(&mut self, session_key: &K, now_ms: u64, count: usize) -> Vec<Item> {
        let Some(session) = self.sessions.get(session_key).cloned() else { return Vec::new() };
        self.gather(&session, now_ms);
        let Scratch { request, rows, scores, candidates, .. } = &mut self.scratch;
        scores.clear();
        self.teacher.served().score_all(request, rows, scores);
        let mut ranked: Vec<(f32, u32)> = scores.iter().copied().zip(candidates.iter().map(|candidate| candidate.item)).collect();
        if ranked.len() > count {
            ranked.select_nth_unstable_by(count, |one, other| other.0.total_cmp(&one.0));
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        ranked.iter().filter_map(|(_, item)| Some(self.counters.article(*item)?.item.clone())).collect()
    }

    fn enter(&mut self, session_key: &K, now_ms: u64) -> Session {
        self.counters.advance(hours(now_ms));
        self.sessions.take(session_key, self.counters.clock.now_h)
    }

    fn gather(&mut self, session: &Session, now_ms: u64) {
        let asked = Asked { read: &session.pages, words: session.words, hour: wire::model::hour_of(now_ms) };
        self.scratch.gather(&self.counters, &asked);
    }

    fn teach(&mut self, session: &Session, item: u32, weight: f32) {
        let Some(target) = self.scratch.candidates.iter().position(|candidate| candidate.item == item) else { return };
        let Self { counters, teacher, scratch, lesson, word_squares, .. } = self;
        teacher.learn(scratch, lesson, target, weight);
        let worth = counters.clock.worth.surprise * weight;
        for (candidate, share) in scratch.candidates.iter().zip(&scratch.scores) {
            if let Some(article) = counters.article_mut(candidate.item) {
                article.expected += share * worth;
            }
        }
        if let Some(article) = counters.article_mut(item) {
            article.opened += worth;
        }
        let read = session.pages.get(..READ_MAX).unwrap_or(&session.pages);
        embeddings::learn(counters, word_squares, scratch, &lesson.pushes, read, session.words);
    }
}

/// Unix milliseconds in hours.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "milliseconds of this age are exact in f64")]
fn hours(at_ms: u64) -> f64 {
    at_ms as f64 / 3_600_000.0
}
