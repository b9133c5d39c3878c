//! The rungs: from where an answer's articles come, best first, and what each rung has.

use std::collections::HashSet;

use wire::{RankerName, RecommendationSource};

use super::learnt::{Context, FRESH_MS, Learnt, List, Ranked, Ranker, Request, Scratch};
use super::published::Published;
use super::wish::{Door, READ_RANKED_MAX, Reader, Wish};

/// An older model is none: what was read yesterday is not what is read now.
pub const MODEL_AGE_MS_MAX: u64 = 86_400_000;
/// An article whose publication lies further ahead is not out yet, or a browser lied about it. Clocks of content systems are off by minutes.
const AHEAD_MS_MAX: u64 = 300_000;

/// An article that may be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate<'a> {
    pub(super) item: &'a str,
    /// Its number in the model, if the model knows it.
    pub(super) index: Option<u32>,
    pub(super) score: f32,
    pub(super) why: Why<'a>,
}

/// Why it is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why<'a> {
    /// Readers of this article read it.
    Similar(&'a str),
    /// It is on this rung.
    Rung(RecommendationSource),
    /// An editor wants it there.
    Pinned,
    /// It has one of the places for what is new.
    Fresh,
    /// It is to be found out whether readers want it.
    Explore,
}

impl Why<'_> {
    pub(super) fn text(self) -> String {
        match self {
            Self::Similar(item) => format!("similar:{item}"),
            Self::Rung(source) => source.as_str().to_owned(),
            Self::Pinned => "pinned".to_owned(),
            Self::Fresh => "fresh".to_owned(),
            Self::Explore => "explore".to_owned(),
        }
    }
}

/// The rungs of one request.
pub(super) struct Ladder<'a, M> {
    published: &'a Published<M>,
    model: Option<&'a M>,
    wish: &'a Wish,
    now_ms: u64,
    ranked: Vec<Ranked>,
}

impl<'a, M: Learnt> Ladder<'a, M> {
    pub(super) fn new(published: &'a Published<M>, wish: &'a Wish, now_ms: u64) -> Self {
        let is_young = |model: &&M| now_ms.saturating_sub(model.generated_at_ms()) <= MODEL_AGE_MS_MAX;
        let model = published.files().model.as_deref().filter(|_| published.files().is_vetted).filter(is_young);
        Self { published, model, wish, now_ms, ranked: Vec::new() }
    }

    /// The model, if there is one that is young enough.
    pub(super) const fn model(&self) -> Option<&'a M> {
        self.model
    }

    /// Lets the model rank for this reader, if the page says something of the reader.
    pub(super) fn rank(&mut self, reader: &Reader, ranker: RankerName, scratch: &mut Scratch) {
        let Some(model) = self.model.filter(|_| self.wish.door == Door::Recommendations && self.wish.is_of_reader()) else { return };
        let page = self.wish.item.iter();
        let read = page.chain(self.wish.read.iter().rev()).filter_map(|item| model.index_of(item.as_str()));
        let mut latest: Vec<u32> = Vec::with_capacity(READ_RANKED_MAX);
        for index in read {
            if latest.len() < READ_RANKED_MAX && !latest.contains(&index) {
                latest.push(index);
            }
        }
        let context = Context {
            browser: reader.agent.map_or("", |agent| agent.browser),
            os: reader.agent.map_or("", |agent| agent.os),
            device: reader.agent.map_or("", |agent| agent.device),
            country: &reader.country,
            region: &reader.region,
            source: self.wish.source.map_or("", wire::Source::as_str),
        };
        let ranker = match ranker {
            RankerName::Full => Ranker::Full,
            RankerName::Base => Ranker::Base,
        };
        self.ranked = model.rank(&Request { read: &latest, context, now_ms: self.now_ms }, ranker, scratch);
    }

    /// The rungs of this door, from where it begins down.
    pub(super) const fn rungs(&self) -> &'static [RecommendationSource] {
        use RecommendationSource::{Latest, Personal, Similar, TopPages, Trending};
        match self.wish.door {
            // Who may see nothing is shown nothing that somebody may have blocked.
            _ if !self.published.files().is_vetted => &[],
            Door::Recommendations => &[Personal, Similar, Trending, TopPages, Latest],
            Door::Similar => &[Similar, Trending, TopPages, Latest],
            Door::Trending => &[Trending, TopPages, Latest],
            Door::TopPages => &[TopPages, Latest],
            Door::Latest => &[Latest],
        }
    }

    /// What a rung has, best first; made one by one, for most answers need only the first of them.
    pub(super) fn rung(&self, source: RecommendationSource) -> Box<dyn Iterator<Item = Candidate<'a>> + '_> {
        match source {
            RecommendationSource::Personal => Box::new(self.personal()),
            RecommendationSource::Similar => Box::new(self.similar()),
            RecommendationSource::Trending => Box::new(self.listed(List::Trending, Why::Rung(source))),
            RecommendationSource::TopPages => Box::new(self.listed(List::TopPages, Why::Rung(source))),
            RecommendationSource::Latest => Box::new(self.latest().into_iter()),
            RecommendationSource::BuiltIn => Box::new(std::iter::empty()),
        }
    }

    /// Fresh articles, best ranked first; then those that the ranker does not know, newest first.
    pub(super) fn fresh(&self) -> impl Iterator<Item = Candidate<'a>> + '_ {
        let is_fresh = |model: &M, index: u32| self.now_ms.saturating_sub(model.first_seen_at_ms(index)) < FRESH_MS;
        self.model.into_iter().flat_map(move |model| {
            let ranked = self.ranked.iter().map(|ranked| (ranked.item, ranked.score));
            let fresh = ranked.chain(model.list(List::Latest)).filter(move |(index, _)| is_fresh(model, *index));
            fresh.map(|(index, score)| known(model, index, score, Why::Fresh))
        })
    }

    /// Recent articles that are on no list of what is read, beginning with a random one.
    pub(super) fn unexplored(&self, random_bits: u64) -> impl Iterator<Item = Candidate<'a>> + '_ {
        let lists = self.model.into_iter().flat_map(|model| model.list(List::Trending).chain(model.list(List::TopPages)));
        let read: HashSet<u32> = lists.map(|(index, _)| index).collect();
        let mut unread: Vec<_> = self.listed(List::Latest, Why::Explore).collect();
        unread.retain(|candidate| candidate.index.is_none_or(|index| !read.contains(&index)));
        let count = u64::try_from(unread.len()).unwrap_or(0);
        let first = random_bits.checked_rem(count).and_then(|first| usize::try_from(first).ok()).unwrap_or(0);
        unread.rotate_left(first);
        unread.into_iter()
    }

    fn personal(&self) -> impl Iterator<Item = Candidate<'a>> + '_ {
        self.model.into_iter().flat_map(|model| {
            let personal = Why::Rung(RecommendationSource::Personal);
            let why = move |because: Option<u32>| because.map_or(personal, |read| Why::Similar(model.item(read)));
            self.ranked.iter().map(move |ranked| known(model, ranked.item, ranked.score, why(ranked.because)))
        })
    }

    /// Neighbours of the page; on `/recommendations` of what was read last when the page has none.
    fn similar(&self) -> impl Iterator<Item = Candidate<'a>> + '_ {
        let read = self.wish.read.iter().rev().take(READ_RANKED_MAX).filter(|_| self.wish.door == Door::Recommendations);
        let seeds =
            self.wish.item.iter().chain(read).filter_map(|item| self.model.and_then(|model| Some((model, model.index_of(item.as_str())?))));
        let found = seeds.map(|(model, seed)| (model, seed, model.similar(seed))).find(|(_, _, similar)| !similar.is_empty());
        found.into_iter().flat_map(|(model, seed, similar)| {
            let why = Why::Similar(model.item(seed));
            similar.into_iter().map(move |(index, score)| known(model, index, score, why))
        })
    }

    fn listed(&self, list: List, why: Why<'a>) -> impl Iterator<Item = Candidate<'a>> + '_ {
        self.model.into_iter().flat_map(move |model| model.list(list).map(move |(index, score)| known(model, index, score, why)))
    }

    /// Newest first, by the time of publication where somebody has said it, else by when the model saw it first.
    fn latest(&self) -> Vec<Candidate<'a>> {
        let why = Why::Rung(RecommendationSource::Latest);
        let known = self.model.into_iter().flat_map(|model| {
            model.list(List::Latest).map(move |(index, _)| {
                let item = model.item(index);
                (self.published.display(item).published_at_ms.unwrap_or_else(|| model.first_seen_at_ms(index)), item, Some(index))
            })
        });
        let said = self.published.newest().map(|(at_ms, item)| (at_ms, item, None));
        let mut latest: Vec<(u64, &str, Option<u32>)> = known.chain(said).collect();
        latest.retain(|(at_ms, _, _)| *at_ms <= self.now_ms.saturating_add(AHEAD_MS_MAX));
        latest.sort_by_key(|(at_ms, _, _)| std::cmp::Reverse(*at_ms));
        // The newer, the higher: hours are enough for a score that compares within one list.
        let score = |at_ms: u64| 1.0 / (1.0 + hours(self.now_ms.saturating_sub(at_ms)));
        latest.into_iter().map(|(at_ms, item, index)| Candidate { item, index, score: score(at_ms), why }).collect()
    }
}

fn known<'a, M: Learnt>(model: &'a M, index: u32, score: f32, why: Why<'a>) -> Candidate<'a> {
    Candidate { item: model.item(index), index: Some(index), score, why }
}

/// Whole hours; after 7 years it makes no difference.
fn hours(ms: u64) -> f32 {
    f32::from(u16::try_from(ms / 3_600_000).unwrap_or(u16::MAX))
}
