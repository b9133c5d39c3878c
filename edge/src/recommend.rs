//! What to read next: the best rung of the ladder that has something, never what the reader knows already.

use std::collections::HashSet;

use wire::{Card, Cards, Item, Model, Portal, RecId, RecommendationSource, Recommendations, RecommendedItem, ScoredItem};

use crate::error::Result;
use crate::query::{self, Query};

/// Items of an answer when the page does not say.
const LIMIT_DEFAULT: usize = 10;
/// Most items of an answer; an impression carries no more.
const LIMIT_MAX: usize = 50;

/// Where the ladder begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// What is rising, then what is read most.
    Trending,
    /// What is read most.
    TopPages,
}

/// What a page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The page itself.
    pub item: Option<Item>,
    /// What the reader has read, and what the page shows already.
    pub known: Vec<Item>,
    /// Only of this section.
    pub section: Option<String>,
    /// At most so many, 1 to 50.
    pub limit: usize,
    /// Where the ladder begins.
    pub from: Rung,
}

impl Wish {
    /// From `?item=&read=&exclude=&section=&limit=`.
    ///
    /// # Errors
    /// [`crate::error::Error::BadParameter`] when `limit` is no number.
    pub fn parse(query: Query<'_>, from: Rung) -> Result<Self> {
        let mut known = query.items("read");
        known.extend(query.items("exclude"));
        Ok(Self {
            item: query.get("item").as_deref().and_then(query::item),
            known,
            section: query.get("section"),
            limit: query.count("limit", LIMIT_DEFAULT, LIMIT_MAX)?,
            from,
        })
    }
}

/// What the edge knows of a portal now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// The model, if one was published.
    pub model: Option<Model>,
    /// Display cards; only those whose address belongs to the portal.
    pub cards: Cards,
}

impl Published {
    /// From what was published; a card that leads elsewhere is left out, for cards are made of what browsers say.
    #[must_use]
    pub fn new(model: Option<Model>, mut cards: Cards, portal: &Portal, is_dev: bool) -> Self {
        cards.cards.retain(|_, card| portal.owns_url(&card.url, is_dev));
        Self { model, cards }
    }
}

/// The answer: never empty, best rung first, filled up from the rungs below.
#[must_use]
pub fn choose(portal: &Portal, published: &Published, wish: &Wish, rec_id: RecId) -> Recommendations {
    let items = climb(portal, published, wish);
    let source = items.first().map_or(RecommendationSource::BuiltIn, |(source, _)| *source);
    let model = published.model.as_ref();
    Recommendations {
        portal: portal.id.clone(),
        rec_id,
        model_version: model.map_or_else(|| "none".to_owned(), |model| model.model_version.clone()),
        generated_at_ms: model.map_or(0, |model| model.generated_at_ms),
        source,
        items: items.into_iter().map(|(_, item)| item).collect(),
    }
}

fn climb(portal: &Portal, published: &Published, wish: &Wish) -> Vec<(RecommendationSource, RecommendedItem)> {
    let mut seen: HashSet<&Item> = wish.known.iter().chain(&wish.item).collect();
    let mut chosen = Vec::with_capacity(wish.limit);
    for (source, list) in rungs(published.model.as_ref(), wish.from) {
        for scored in list {
            let card = published.cards.cards.get(&scored.item);
            if chosen.len() < wish.limit && is_of_section(card, wish.section.as_deref()) && seen.insert(&scored.item) {
                chosen.push((source, recommended(&scored.item, scored.score, source, card)));
            }
        }
    }
    if !chosen.is_empty() {
        return chosen;
    }
    let fresh = portal.built_in.iter().filter(|page| seen.insert(&page.item)).take(wish.limit);
    chosen.extend(fresh.map(|page| built_in(portal, &page.item)));
    if chosen.is_empty() {
        // The reader knows even these. A list is never empty, so a known page is better than a hole in the layout,
        // unless it is the page itself and there is another.
        let other = portal.built_in.iter().find(|page| wish.item.as_ref() != Some(&page.item));
        chosen.extend(other.or(portal.built_in.first()).map(|page| built_in(portal, &page.item)));
    }
    chosen
}

fn rungs(model: Option<&Model>, from: Rung) -> impl Iterator<Item = (RecommendationSource, &[ScoredItem])> {
    let trending = model.filter(|_| from == Rung::Trending).map(|model| (RecommendationSource::Trending, model.trending.as_slice()));
    let top_pages = model.map(|model| (RecommendationSource::TopPages, model.top_pages.as_slice()));
    trending.into_iter().chain(top_pages)
}

/// An item without a card has no known section.
fn is_of_section(card: Option<&Card>, section: Option<&str>) -> bool {
    section.is_none_or(|section| card.and_then(|card| card.section.as_deref()) == Some(section))
}

fn recommended(item: &Item, score: f32, source: RecommendationSource, card: Option<&Card>) -> RecommendedItem {
    RecommendedItem {
        item: item.clone(),
        url: card.map_or_else(|| item.to_string(), |card| card.url.clone()),
        title: card.map_or_else(|| item.to_string(), |card| card.title.clone()),
        image: card.and_then(|card| card.image.clone()),
        section: card.and_then(|card| card.section.clone()),
        published_at_ms: card.and_then(|card| card.published_at_ms),
        score,
        why: source.as_str().to_owned(),
    }
}

fn built_in(portal: &Portal, item: &Item) -> (RecommendationSource, RecommendedItem) {
    let source = RecommendationSource::BuiltIn;
    let mut recommended = recommended(item, 0.0, source, None);
    if let Some(page) = portal.built_in.iter().find(|page| page.item == *item) {
        recommended.url.clone_from(&page.url);
        recommended.title.clone_from(&page.title);
    }
    (source, recommended)
}

#[cfg(test)]
#[path = "recommend_tests.rs"]
mod tests;
