//! The rungs: from where an answer's articles come, best first, and what each rung has.

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

    /// What a rung has, best first.
    pub(super) fn rung(&self, source: RecommendationSource) -> Vec<Candidate<'a>> {
        match source {
            RecommendationSource::Personal => self.personal(),
            RecommendationSource::Similar => self.similar(),
            RecommendationSource::Trending => self.listed(List::Trending, source),
            RecommendationSource::TopPages => self.listed(List::TopPages, source),
            RecommendationSource::Latest => self.latest(),
            RecommendationSource::BuiltIn => Vec::new(),
        }
    }

    /// Fresh articles, best ranked first; then those that the ranker does not know, newest first.
    pub(super) fn fresh(&self) -> Vec<Candidate<'a>> {
        let Some(model) = self.model else { return Vec::new() };
        let is_fresh = |index: u32| self.now_ms.saturating_sub(model.first_seen_at_ms(index)) < FRESH_MS;
        let ranked = self.ranked.iter().map(|ranked| (ranked.item, ranked.score));
        let fresh = ranked.chain(model.list(List::Latest)).filter(|(index, _)| is_fresh(*index));
        fresh.map(|(index, score)| Candidate { item: model.item(index), score, why: Why::Fresh }).collect()
    }

    /// Recent articles that are on no list of what is read, beginning with a random one.
    pub(super) fn unexplored(&self, random_bits: u64) -> Vec<Candidate<'a>> {
        let Some(model) = self.model else { return Vec::new() };
        let read: Vec<u32> = model.list(List::Trending).chain(model.list(List::TopPages)).map(|(index, _)| index).collect();
        let mut unread: Vec<(u32, f32)> = model.list(List::Latest).filter(|(index, _)| !read.contains(index)).collect();
        let count = u64::try_from(unread.len()).unwrap_or(0);
        let first = random_bits.checked_rem(count).and_then(|first| usize::try_from(first).ok()).unwrap_or(0);
        unread.rotate_left(first);
        unread.into_iter().map(|(index, score)| Candidate { item: model.item(index), score, why: Why::Explore }).collect()
    }

    fn personal(&self) -> Vec<Candidate<'a>> {
        let Some(model) = self.model else { return Vec::new() };
        let why = |because: Option<u32>| because.map_or(Why::Rung(RecommendationSource::Personal), |read| Why::Similar(model.item(read)));
        self.ranked
            .iter()
            .map(|ranked| Candidate { item: model.item(ranked.item), score: ranked.score, why: why(ranked.because) })
            .collect()
    }

    /// Neighbours of the page; on `/recommendations` of what was read last when the page has none.
    fn similar(&self) -> Vec<Candidate<'a>> {
        let Some(model) = self.model else { return Vec::new() };
        let read = self.wish.read.iter().rev().take(READ_RANKED_MAX).filter(|_| self.wish.door == Door::Recommendations);
        let seeds = self.wish.item.iter().chain(read);
        for seed in seeds.filter_map(|item| model.index_of(item.as_str())) {
            let why = Why::Similar(model.item(seed));
            let found: Vec<_> =
                model.similar(seed).into_iter().map(|(index, score)| Candidate { item: model.item(index), score, why }).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn listed(&self, list: List, source: RecommendationSource) -> Vec<Candidate<'a>> {
        let Some(model) = self.model else { return Vec::new() };
        model.list(list).map(|(index, score)| Candidate { item: model.item(index), score, why: Why::Rung(source) }).collect()
    }

    /// Newest first, by the time of publication where somebody has said it, else by when the model saw it first.
    fn latest(&self) -> Vec<Candidate<'a>> {
        let why = Why::Rung(RecommendationSource::Latest);
        let known = self.model.into_iter().flat_map(|model| {
            model.list(List::Latest).map(move |(index, _)| {
                let item = model.item(index);
                (self.published.display(item).published_at_ms.unwrap_or_else(|| model.first_seen_at_ms(index)), item)
            })
        });
        let mut latest: Vec<(u64, &str)> = known.chain(self.published.newest()).collect();
        latest.retain(|(at_ms, _)| *at_ms <= self.now_ms.saturating_add(AHEAD_MS_MAX));
        latest.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
        // The newer, the higher: hours are enough for a score that compares within one list.
        let score = |at_ms: u64| 1.0 / (1.0 + hours(self.now_ms.saturating_sub(at_ms)));
        latest.into_iter().map(|(at_ms, item)| Candidate { item, score: score(at_ms), why }).collect()
    }
}

/// Whole hours; after 7 years it makes no difference.
fn hours(ms: u64) -> f32 {
    f32::from(u16::try_from(ms / 3_600_000).unwrap_or(u16::MAX))
}
