//! What a portal's state has to say to the edge, and when.

use wire::{CARDS_MAX, Cards, LISTED_ITEMS_MAX};

use crate::recommender::Lists;
use crate::state::PortalState;

/// The first retry after a failure; later ones wait twice as long each, up to the period.
const RETRY_MS: u64 = 1_000;
/// Unchanged cards are sent again after this time, so that an edge that lost them has them back.
const CARDS_AGAIN_MS: u64 = 300_000;

/// A model and the cards of its items.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Publication {
    /// The model blob.
    pub(crate) model: Vec<u8>,
    pub(crate) cards: Cards,
}

impl Publication {
    /// What is read now.
    pub(crate) fn of(state: &mut PortalState, now_ms: u64) -> Self {
        let lists = Lists {
            trending: state.top_pages.trending(now_ms, LISTED_ITEMS_MAX),
            top_pages: state.top_pages.top(now_ms, LISTED_ITEMS_MAX),
        };
        let model = state.recommender.publish(now_ms.to_string(), now_ms, &lists);
        Self { model, cards: state.cards.of(state.recommender.shown(&lists, CARDS_MAX).into_iter()) }
    }
}

/// When a portal is published: when something changed, at most once in a period, soon after the first event.
#[derive(Debug)]
pub(crate) struct Schedule {
    every_ms: u64,
    next_at_ms: u64,
    failures: u32,
    /// 0 is the revision of a state that nobody has read into.
    revision: u64,
    cards: Option<(u64, Cards)>,
    /// When it was last seen, or made sure, that the edge has everything.
    complete_at_ms: Option<u64>,
}

impl Schedule {
    /// At most once in `every_ms`.
    pub(crate) fn new(every_ms: u64) -> Self {
        Self { every_ms, next_at_ms: 0, failures: 0, revision: 0, cards: None, complete_at_ms: None }
    }

    /// Whether the state has something new to say and may say it now.
    pub(crate) fn is_due(&self, revision: u64, now_ms: u64) -> bool {
        self.has_news(revision) && now_ms >= self.next_at_ms
    }

    /// Whether the state has something new to say.
    pub(crate) fn has_news(&self, revision: u64) -> bool {
        revision != self.revision
    }

    /// How old the oldest change is that the edge does not have, at most: since somebody last saw that it had everything. Nobody has
    /// looked yet: since now.
    pub(crate) fn age_ms(&mut self, revision: u64, now_ms: u64) -> u64 {
        if !self.has_news(revision) {
            self.complete_at_ms = Some(now_ms);
        }
        now_ms.saturating_sub(*self.complete_at_ms.get_or_insert(now_ms))
    }

    /// Whether these cards have to be sent with the model.
    pub(crate) fn wants_cards(&self, cards: &Cards, now_ms: u64) -> bool {
        self.cards.as_ref().is_none_or(|(sent_at_ms, sent)| now_ms >= sent_at_ms.saturating_add(CARDS_AGAIN_MS) || sent != cards)
    }

    /// The edge has these cards.
    pub(crate) fn cards_sent(&mut self, cards: Cards, now_ms: u64) {
        self.cards = Some((now_ms, cards));
    }

    /// The edge has the model of this revision, which was the latest at `made_at_ms`.
    pub(crate) fn succeeded(&mut self, revision: u64, made_at_ms: u64, now_ms: u64) {
        self.revision = revision;
        self.complete_at_ms = Some(made_at_ms);
        self.failures = 0;
        self.next_at_ms = now_ms.saturating_add(self.every_ms);
    }

    /// The edge did not take it.
    pub(crate) fn failed(&mut self, now_ms: u64) {
        let wait_ms = RETRY_MS.saturating_mul(2_u64.saturating_pow(self.failures)).min(self.every_ms);
        self.failures = self.failures.saturating_add(1);
        self.next_at_ms = now_ms.saturating_add(wait_ms);
    }
}

#[cfg(test)]
mod tests {
    use wire::model::{List, Model};
    use wire::{Interaction, InteractionKind, PageviewId, VisitorId};

    use super::*;
    use crate::state::Guard;

    const NOW: u64 = 1_795_337_015_400;

    fn state() -> PortalState {
        let golden = Interaction::parse(include_bytes!("../../wire/tests/golden/interaction.json")).unwrap();
        let mut state = PortalState::default();
        for pageview in [1, 2] {
            let id = Interaction::id(PageviewId::from_bits(pageview), InteractionKind::View);
            let visitor = VisitorId::from_bits(pageview);
            state.apply(Interaction { id, visitor, kind: InteractionKind::View, ..golden.clone() }, &Guard::DEVELOPMENT);
        }
        state
    }

    #[test]
    fn the_edge_can_read_what_is_published() {
        let publication = Publication::of(&mut state(), NOW);
        let model = Model::open(publication.model).unwrap();
        assert_eq!((model.list(List::TopPages).count(), model.list(List::Trending).count()), (1, 1));
        assert_eq!(model.version(), NOW.to_string());
        let cards = Cards::parse(&serde_json::to_vec(&publication.cards).unwrap()).unwrap();
        assert_eq!(cards.cards.values().next().unwrap().title, "Juros caem");
    }

    #[test]
    fn the_first_publication_does_not_wait_and_the_next_does() {
        let mut schedule = Schedule::new(15_000);
        assert!(!schedule.is_due(0, NOW), "nothing was read");
        assert!(schedule.is_due(1, NOW));
        schedule.succeeded(1, NOW, NOW);
        assert!(!schedule.is_due(1, NOW + 60_000), "nothing changed");
        assert!(!schedule.is_due(2, NOW + 14_999));
        assert!(schedule.is_due(2, NOW + 15_000));
    }

    #[test]
    fn a_failure_is_tried_again_sooner_at_first_then_once_in_a_period() {
        let mut schedule = Schedule::new(5_000);
        for wait_ms in [1_000, 2_000, 4_000, 5_000, 5_000] {
            schedule.failed(NOW);
            assert!(!schedule.is_due(1, NOW + wait_ms - 1));
            assert!(schedule.is_due(1, NOW + wait_ms));
        }
    }

    #[test]
    fn the_oldest_unpublished_change_ages_until_the_edge_has_it() {
        let mut schedule = Schedule::new(15_000);
        assert_eq!(schedule.age_ms(1, NOW), 0, "the first look");
        assert_eq!(schedule.age_ms(1, NOW + 400_000), 400_000, "what was there at the start");
        schedule.failed(NOW + 400_000);
        assert_eq!(schedule.age_ms(2, NOW + 500_000), 500_000, "a later change makes the oldest no younger");
        // Made of revision 2, ten seconds under way; meanwhile there was a third.
        schedule.succeeded(2, NOW + 500_000, NOW + 510_000);
        assert_eq!(schedule.age_ms(3, NOW + 510_000), 10_000);
        schedule.succeeded(3, NOW + 520_000, NOW + 520_000);
        assert_eq!(schedule.age_ms(3, NOW + 900_000), 0, "nothing has changed since");
        assert_eq!(schedule.age_ms(4, NOW + 900_250), 250);
    }

    #[test]
    fn unchanged_cards_are_sent_again_only_after_a_while() {
        let cards = Publication::of(&mut state(), NOW).cards;
        let mut schedule = Schedule::new(5_000);
        assert!(schedule.wants_cards(&cards, NOW));
        schedule.cards_sent(cards.clone(), NOW);
        assert!(!schedule.wants_cards(&cards, NOW + 5_000));
        assert!(schedule.wants_cards(&Cards::default(), NOW + 5_000));
        assert!(schedule.wants_cards(&cards, NOW + CARDS_AGAIN_MS));
    }
}
