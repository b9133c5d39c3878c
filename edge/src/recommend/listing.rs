//! A list while it is made: places, what may stand in them, and what is in them already.

use std::collections::{HashMap, HashSet};

use wire::{Item, RecommendationSource, RecommendedItem};

use super::ladder::{Candidate, Why};
use super::learnt::Learnt;
use super::published::Published;
use super::wish::{Door, Wish};

/// What a candidate has to pass.
pub(super) struct Sieve<'a, M> {
    published: &'a Published<M>,
    model: Option<&'a M>,
    wish: &'a Wish,
    known: HashSet<&'a str>,
    now_ms: u64,
}

impl<'a, M: Learnt> Sieve<'a, M> {
    pub(super) fn new(published: &'a Published<M>, model: Option<&'a M>, wish: &'a Wish, now_ms: u64) -> Self {
        let known = wish.item.iter().chain(&wish.read).chain(&wish.exclude).map(Item::as_str).collect();
        Self { published, model, wish, known, now_ms }
    }

    /// An item, with its number.
    fn looked_up(&self, item: &'a str, why: Why<'a>) -> Candidate<'a> {
        Candidate { item, index: self.model.and_then(|model| model.index_of(item)), score: 0.0, why }
    }

    /// What holds for every item, whoever wants it in the list: the reader does not know it, and it is not hidden.
    fn is_new(&self, candidate: &Candidate<'a>) -> bool {
        !self.known.contains(candidate.item) && !self.is_hidden(candidate)
    }

    /// It is expired, taken back or blocked.
    fn is_hidden(&self, candidate: &Candidate<'a>) -> bool {
        let is_blocked = |section: &str| self.published.is_blocked_section(section);
        self.published.is_hidden(candidate.item, self.now_ms) || self.learnt_section_of(candidate).is_some_and(is_blocked)
    }

    /// Its section, by the catalogue, else by its card, else by the model.
    fn section_of(&self, candidate: &Candidate<'a>) -> Option<&'a str> {
        self.published.display(candidate.item).section.or_else(|| self.learnt_section_of(candidate))
    }

    fn learnt_section_of(&self, candidate: &Candidate<'a>) -> Option<&'a str> {
        let model = self.model?;
        model.section_of(candidate.index.or_else(|| model.index_of(candidate.item))?)
    }

    /// What the page asked for besides.
    fn is_wanted(&self, candidate: &Candidate<'a>) -> bool {
        let is_of_section = self.wish.section.is_none() || self.wish.section.as_deref() == self.section_of(candidate);
        is_of_section && self.is_of_time(candidate)
    }

    fn is_of_time(&self, candidate: &Candidate<'a>) -> bool {
        self.wish.published_after_ms.is_none_or(|after_ms| self.since_ms(candidate).is_some_and(|at_ms| at_ms >= after_ms))
    }

    fn is_young(&self, candidate: &Candidate<'a>) -> bool {
        let max_age_ms = self.published.files().rules.max_age_ms;
        max_age_ms.is_none_or(|max| self.since_ms(candidate).is_some_and(|at_ms| self.now_ms.saturating_sub(at_ms) <= max))
    }

    /// When it was published, else when it was first seen.
    fn since_ms(&self, candidate: &Candidate<'a>) -> Option<u64> {
        let index = |model: &M| candidate.index.or_else(|| model.index_of(candidate.item));
        let seen = || self.model.and_then(|model| index(model).map(|index| model.first_seen_at_ms(index)));
        self.published.display(candidate.item).published_at_ms.or_else(seen)
    }
}

/// The places of a list.
pub(super) struct Listing<'a, M> {
    sieve: Sieve<'a, M>,
    places: Vec<Option<Candidate<'a>>>,
    taken: HashSet<&'a str>,
    sections: HashMap<&'a str, u8>,
    section_max: Option<u8>,
    source: Option<RecommendationSource>,
}

impl<'a, M: Learnt> Listing<'a, M> {
    pub(super) fn new(sieve: Sieve<'a, M>) -> Self {
        // Of a list of one section nobody expects another.
        let is_mixed = sieve.wish.door == Door::Recommendations && sieve.wish.section.is_none();
        Self {
            places: vec![None; sieve.wish.limit],
            taken: HashSet::new(),
            sections: HashMap::new(),
            section_max: sieve.published.files().rules.section_max.filter(|_| is_mixed),
            source: None,
            sieve,
        }
    }

    /// Places without an item.
    pub(super) fn free(&self) -> usize {
        self.places.iter().filter(|place| place.is_none()).count()
    }

    /// The rung of the first item that is from a rung.
    pub(super) const fn source(&self) -> Option<RecommendationSource> {
        self.source
    }

    /// Whether an item must not be shown to anybody.
    pub(super) fn is_hidden(&self, item: &'a str) -> bool {
        self.sieve.is_hidden(&self.sieve.looked_up(item, Why::Rung(RecommendationSource::BuiltIn)))
    }

    /// Puts what editors want where they want it. A place that is taken already is the next one.
    pub(super) fn pin(&mut self) {
        let rules = &self.sieve.published.files().rules;
        for pin in &rules.pins {
            let candidate = self.sieve.looked_up(pin.item.as_str(), Why::Pinned);
            let is_now = pin.until_ms.is_none_or(|until_ms| self.sieve.now_ms < until_ms);
            // A pin of a section is that section's, whatever its card says.
            let is_here = match pin.section.as_deref() {
                Some(section) => self.sieve.wish.section.as_deref() == Some(section) && self.sieve.is_of_time(&candidate),
                None => self.sieve.is_wanted(&candidate),
            };
            if is_now && is_here && self.sieve.is_new(&candidate) && !self.taken.contains(candidate.item) {
                let first = usize::from(pin.position.unwrap_or(1).saturating_sub(1));
                let place = self.places.iter().enumerate().position(|(at, place)| at >= first && place.is_none());
                self.put(place, candidate);
            }
        }
    }

    /// Puts a candidate of a rung into the next free place, if it may stand there.
    pub(super) fn offer_of_rung(&mut self, source: RecommendationSource, candidate: Candidate<'a>) {
        if self.offer(candidate) {
            self.source.get_or_insert(source);
        }
    }

    /// Puts a candidate into the next free place. Whether it is there now.
    pub(super) fn offer(&mut self, candidate: Candidate<'a>) -> bool {
        let place = self.places.iter().position(Option::is_none);
        let is_fit =
            place.is_some() && !self.taken.contains(candidate.item) && self.sieve.is_new(&candidate) && self.sieve.is_wanted(&candidate);
        is_fit && self.sieve.is_young(&candidate) && self.has_room_for(&candidate) && self.put(place, candidate)
    }

    fn has_room_for(&self, candidate: &Candidate<'a>) -> bool {
        let Some(most) = self.section_max else { return true };
        let count = |section| self.sections.get(section).copied().unwrap_or(0);
        self.sieve.section_of(candidate).is_none_or(|section| count(section) < most)
    }

    fn put(&mut self, place: Option<usize>, candidate: Candidate<'a>) -> bool {
        let Some(place) = place.and_then(|at| self.places.get_mut(at)) else { return false };
        // A model may name what is no path.
        if Item::parse(candidate.item).is_none_or(|item| item.as_str() != candidate.item) {
            return false;
        }
        *place = Some(candidate);
        self.taken.insert(candidate.item);
        if let Some(section) = self.sieve.section_of(&candidate) {
            let count = self.sections.entry(section).or_default();
            *count = count.saturating_add(1);
        }
        true
    }

    /// The items, ready to be shown.
    pub(super) fn items(&self) -> Vec<RecommendedItem> {
        self.places.iter().flatten().filter_map(|candidate| recommended(&self.sieve, candidate)).collect()
    }
}

fn recommended<'a, M: Learnt>(sieve: &Sieve<'a, M>, candidate: &Candidate<'a>) -> Option<RecommendedItem> {
    let display = sieve.published.display(candidate.item);
    Some(RecommendedItem {
        item: Item::parse(candidate.item)?,
        url: display.url.to_owned(),
        title: display.title.to_owned(),
        image: display.image.map(ToOwned::to_owned),
        section: sieve.section_of(candidate).map(ToOwned::to_owned),
        published_at_ms: display.published_at_ms,
        // JSON has no word for what is no number.
        score: if candidate.score.is_finite() { candidate.score } else { 0.0 },
        why: candidate.why.text(),
    })
}
