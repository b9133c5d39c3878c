//! What to read next: the best rung of the ladder that has something, filled up from those below; editors' rules before all of them,
//! and never what the reader knows already.
//!
//! The ladder is personal, similar, trending, top pages, latest, built-in; each door begins at its own rung.

mod caching;
mod ladder;
mod learnt;
mod listing;
mod published;
mod shelf;
mod shelved;
mod split;
mod wish;

use wire::{ParameterSet, Portal, RecId, RecommendationSource, Recommendations, RecommendedItem, SetName};

use self::ladder::Ladder;
use self::listing::{Listing, Sieve};

pub use self::caching::{SHARED_S, Sharing, key, sharing, sharing_of_kept};
pub use self::ladder::MODEL_AGE_MS_MAX;
pub use self::learnt::{Context, Learnt, List, Model, Ranked, Ranker, Request, Scratch};
pub use self::published::{Display, Files, Published, own_cards, own_catalogue};
pub use self::shelf::{DOUBTED_MS, FRESH_MS, Found, Kept, Shelves};
pub use self::shelved::{Complaint, Read, Shelved};
pub use self::split::{is_whole, set_of};
pub use self::wish::{Door, LIMIT_MAX, READ_RANKED_MAX, Reader, Wish};

/// A question, with everything that an answer depends on besides what is published.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds the reader")]
pub struct Asked<'a> {
    /// Of which portal.
    pub portal: &'a Portal,
    /// What the page asks for.
    pub wish: &'a Wish,
    /// What headers tell of the reader; looked at only when the page says something of the reader too.
    pub reader: &'a Reader,
    /// The reader's parameter set, from [`set_of`].
    pub set: SetName,
    /// When, Unix milliseconds.
    pub now_ms: u64,
    /// For the answer's id, and to explore.
    pub random_bits: u64,
}

/// The answer: never empty.
#[must_use]
pub fn choose<M: Learnt>(published: &Published<M>, asked: &Asked<'_>, scratch: &mut Scratch) -> Recommendations {
    let rules = &published.files().rules;
    let parameters = match asked.set {
        SetName::A => rules.sets.a,
        SetName::B => rules.sets.b,
    };
    let mut ladder = Ladder::new(published, asked.wish, asked.now_ms);
    ladder.rank(asked.reader, parameters.ranker, scratch);
    let mut listing = Listing::new(Sieve::new(published, ladder.model(), asked.wish, asked.now_ms));
    fill(&mut listing, &ladder, parameters, asked);
    let source = listing.source().unwrap_or(RecommendationSource::BuiltIn);
    let mut items = listing.items();
    if source == RecommendationSource::BuiltIn {
        items.extend(last_resort(&listing, asked, &items));
        items.truncate(asked.wish.limit);
    }
    let model = ladder.model();
    Recommendations {
        portal: asked.portal.id.clone(),
        rec_id: RecId::stamped(asked.random_bits, source, asked.set),
        model_version: model.map_or_else(|| "none".to_owned(), |model| model.version().to_owned()),
        generated_at_ms: model.map_or(0, Learnt::generated_at_ms),
        source,
        items,
    }
}

/// Pins first; then the rungs; the last places for what is fresh, and of those the last for what is to be explored.
fn fill<'a, M: Learnt>(listing: &mut Listing<'a, M>, ladder: &Ladder<'a, M>, parameters: ParameterSet, asked: &Asked<'_>) {
    let mut kept = 0;
    let mut is_exploring = false;
    if asked.wish.door == Door::Recommendations && !ladder.rungs().is_empty() {
        listing.pin();
        // The bits of the answer's id must not tell them from each other.
        is_exploring = split::spread(asked.random_bits) % 100 < u64::from(parameters.explore_pct);
        // Something of the ladder is always there.
        kept = usize::from(parameters.fresh_slots.max(u8::from(is_exploring))).min(listing.free().saturating_sub(1));
    }
    climb(listing, ladder, kept);
    let explored = usize::from(is_exploring && kept > 0);
    if kept > 0 && parameters.fresh_slots > 0 {
        for candidate in ladder.fresh() {
            if listing.free() <= explored {
                break;
            }
            listing.offer(candidate);
        }
    }
    climb(listing, ladder, explored);
    if explored > 0 {
        // The place is free, unless the whole ladder has nothing more.
        let _is_there = ladder.unexplored(split::spread(!asked.random_bits)).any(|candidate| listing.offer(candidate));
    }
    climb(listing, ladder, 0);
}

/// Down the ladder until only so many places are free.
fn climb<'a, M: Learnt>(listing: &mut Listing<'a, M>, ladder: &Ladder<'a, M>, kept: usize) {
    for source in ladder.rungs() {
        if listing.free() <= kept {
            return;
        }
        for candidate in ladder.rung(*source) {
            if listing.free() <= kept {
                return;
            }
            listing.offer_of_rung(*source, candidate);
        }
    }
}

/// The built-in pages that the reader does not know. A list is never empty, so a known page is better than a hole in the layout, unless it is
/// the page itself and there is another; and one that rules or catalogue hide is the last of all.
fn last_resort<'a, M: Learnt>(listing: &Listing<'a, M>, asked: &Asked<'a>, listed: &[RecommendedItem]) -> Vec<RecommendedItem> {
    let wish = asked.wish;
    let pages = || asked.portal.built_in.iter().filter(|page| listed.iter().all(|listed| listed.item != page.item));
    let is_shown = |page: &&wire::BuiltIn| !listing.is_hidden(page.item.as_str());
    let is_here = |page: &&wire::BuiltIn| wish.item.as_ref() == Some(&page.item);
    let is_known = |page: &&wire::BuiltIn| is_here(page) || wish.read.contains(&page.item) || wish.exclude.contains(&page.item);
    let mut chosen: Vec<_> = pages().filter(|page| is_shown(page) && !is_known(page)).take(wish.limit).collect();
    if chosen.is_empty() && listed.is_empty() {
        let other = pages().filter(is_shown).find(|page| !is_here(page));
        chosen.extend(other.or_else(|| pages().find(is_shown)).or_else(|| pages().next()));
    }
    let built_in = |page: &wire::BuiltIn| RecommendedItem {
        item: page.item.clone(),
        url: page.url.clone(),
        title: page.title.clone(),
        image: None,
        section: None,
        published_at_ms: None,
        score: 0.0,
        why: RecommendationSource::BuiltIn.as_str().to_owned(),
    };
    chosen.into_iter().map(built_in).collect()
}

#[cfg(test)]
mod invented;
#[cfg(test)]
mod never;
#[cfg(test)]
mod tests;
