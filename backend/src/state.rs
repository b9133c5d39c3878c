//! What is known of one portal as a whole, and how one interaction of its second stream changes it.

use std::collections::{HashMap, VecDeque};

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use wire::model::Context;
use wire::{Interaction, InteractionKind, PageviewId, PortalId};

use crate::cards::{self, CardIndex};
use crate::influence::{self, Influence, Limits};
use crate::recommender::{Click, Recommender};
use crate::top_pages::TopPages;
use crate::transform::{bit, weight as kind_weight};

/// Pageviews whose interactions are remembered, about 60 bytes each. A consumer that was killed makes those of its last seconds
/// again: at 5,000 pageviews a second this is a minute and a half.
const PAGEVIEWS_MAX: usize = 500_000;

/// One portal's state. The same interactions in the same order make the same state.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PortalState {
    pub(crate) counts: InteractionCounts,
    pub(crate) top_pages: TopPages,
    pub(crate) cards: CardIndex,
    /// Some ten megabytes of numbers: the snapshot keeps it apart, not as JSON.
    #[serde(skip)]
    pub(crate) recommender: Recommender<PageviewId>,
    #[serde(default)]
    influence: Influence,
    seen: Seen,
    /// Grows with every change that a reader of the model could notice.
    pub(crate) model_revision: u64,
}

/// What was read since the beginning.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InteractionCounts {
    /// Each counted once.
    pub(crate) interactions: u64,
    /// Made again after a crash.
    pub(crate) repeats: u64,
    /// Records that were none.
    pub(crate) poison: u64,
}

/// Which interactions were counted already.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    kinds: HashMap<PageviewId, u8>,
    order: VecDeque<PageviewId>,
}

impl Seen {
    /// Whether it is seen for the first time.
    fn see(&mut self, pageview: PageviewId, kind: InteractionKind) -> bool {
        let order = &mut self.order;
        let kinds = self.kinds.entry(pageview).or_insert_with(|| {
            order.push_back(pageview);
            0
        });
        let is_new = *kinds & bit(kind) == 0;
        *kinds |= bit(kind);
        if self.order.len() > PAGEVIEWS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.kinds.remove(&oldest);
        }
        is_new
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.order.iter().map(|pageview| (pageview, self.kinds.get(pageview).copied().unwrap_or(0))))
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<(PageviewId, u8)>::deserialize(deserializer)?;
        Ok(Self { order: rows.iter().map(|(pageview, _)| *pageview).collect(), kinds: rows.into_iter().collect() })
    }
}

/// Parses a record of a portal's second stream.
///
/// # Errors
/// A code, without the reader's data.
pub(crate) fn read_interaction(data: &[u8], portal: &PortalId) -> Result<Interaction, &'static str> {
    let interaction = Interaction::parse(data).map_err(|error| error.code())?;
    if interaction.portal == *portal { Ok(interaction) } else { Err("other_portal") }
}

/// How far one interaction may change what everybody sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Guard {
    pub(crate) limits: Limits,
    /// Networks that have to say the same of a page before its card is shown.
    pub(crate) card_quorum: usize,
    /// How much of its weight a reading (`read_15`, `read_75pct`, `read_60`, `share`) adds to what was learnt from the view: with 0.1 the
    /// way to a page that is read to its end counts for half a click more. Top pages and trending count views, as readers understand them.
    /// The public click log tells nothing of dwell or scroll, so that the value is a cautious guess: the click has to rule until an A/B
    /// test says otherwise.
    pub(crate) reading_share: f32,
}

impl Guard {
    /// For readers from everywhere.
    pub(crate) const PRODUCTION: Self = Self { limits: Limits::PRODUCTION, card_quorum: cards::QUORUM, reading_share: 0.1 };
    /// For one machine, where all readers are on one network.
    pub(crate) const DEVELOPMENT: Self = Self { limits: Limits::DEVELOPMENT, card_quorum: 1, reading_share: 0.1 };

    /// That of a process.
    pub(crate) const fn of(is_dev: bool) -> Self {
        if is_dev { Self::DEVELOPMENT } else { Self::PRODUCTION }
    }
}

impl PortalState {
    /// Takes one interaction.
    pub(crate) fn apply(&mut self, interaction: Interaction, guard: &Guard) {
        let pageview = interaction.id.split_once(':').and_then(|(pageview, _)| PageviewId::parse(pageview));
        let Some(pageview) = pageview else {
            self.counts.poison += 1;
            return;
        };
        if !self.seen.see(pageview, interaction.kind) {
            self.counts.repeats += 1;
            return;
        }
        self.counts.interactions += 1;
        let weight = self.influence.weigh(&interaction, &guard.limits);
        if interaction.kind == InteractionKind::View {
            self.view(&interaction, weight);
        } else {
            let weight = weight * guard.reading_share * kind_weight(interaction.kind);
            self.recommender.attend(&interaction.session, &interaction.item, weight);
        }
        if let Some(card) = interaction.card.filter(|_| influence::is_believed(interaction.trust, &guard.limits)) {
            self.recommender.describe(&interaction.item, card.section.as_deref(), card.published_at_ms);
            self.cards.note(&interaction.item, &card, interaction.network, interaction.at_ms, guard.card_quorum);
        }
    }
}

impl PortalState {
    fn view(&mut self, view: &Interaction, weight: f32) {
        self.top_pages.view(&view.item, view.at_ms, weight);
        let context = view.context.as_ref().map(|reader| Context {
            browser: &reader.browser,
            device: &reader.device,
            os: &reader.os,
            country: &reader.country,
            region: &reader.region,
            source: reader.source.as_str(),
        });
        let click = Click { item: &view.item, at_ms: view.at_ms, context: context.unwrap_or_default(), weight };
        self.recommender.learn(view.session, &click);
        self.model_revision += 1;
    }
}

#[cfg(test)]
mod tests {
    use wire::VisitorId;

    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../wire/tests/golden/interaction.json");
    const T0: u64 = 1_795_337_015_000;

    fn interaction(pageview: u128, kind: InteractionKind) -> Interaction {
        let id = Interaction::id(PageviewId::from_bits(pageview), kind);
        Interaction { id, kind, visitor: VisitorId::from_bits(pageview), ..Interaction::parse(GOLDEN).unwrap() }
    }

    #[test]
    fn each_interaction_counts_once_and_views_make_top_pages() {
        let mut state = PortalState::default();
        for (pageview, kind) in
            [(1, InteractionKind::View), (1, InteractionKind::Read15), (1, InteractionKind::View), (2, InteractionKind::View)]
        {
            state.apply(interaction(pageview, kind), &Guard::DEVELOPMENT);
        }
        assert_eq!((state.counts.interactions, state.counts.repeats, state.model_revision), (3, 1, 2));
        assert!((state.top_pages.top(T0, 1)[0].score - 2.0).abs() < 0.01);
        assert_eq!(state.cards.len(), 1);
    }

    #[test]
    fn on_one_network_many_readers_are_few_and_no_quorum() {
        let mut state = PortalState::default();
        for pageview in 0..50 {
            state.apply(interaction(pageview, InteractionKind::View), &Guard::PRODUCTION);
        }
        assert!(state.top_pages.top(T0, 1)[0].score < 10.0);
        assert!(state.cards.of(state.top_pages.top(T0, 1).iter().map(|scored| &scored.item)).cards.is_empty());
    }

    #[test]
    fn a_restored_state_goes_on_as_the_saved_one() {
        let mut state = PortalState::default();
        state.apply(interaction(1, InteractionKind::View), &Guard::DEVELOPMENT);
        let mut restored: PortalState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        restored.recommender = postcard::from_bytes(&postcard::to_stdvec(&state.recommender).unwrap()).unwrap();
        assert_eq!(restored, state);
        restored.apply(interaction(1, InteractionKind::View), &Guard::DEVELOPMENT);
        assert_eq!(restored.counts.repeats, 1);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut seen = Seen::default();
        for pageview in 0..=u128::try_from(PAGEVIEWS_MAX).unwrap() {
            assert!(seen.see(PageviewId::from_bits(pageview), InteractionKind::View));
        }
        assert_eq!((seen.order.len(), seen.kinds.len()), (PAGEVIEWS_MAX, PAGEVIEWS_MAX));
        assert!(!seen.see(PageviewId::from_bits(1), InteractionKind::View));
    }

    #[test]
    fn what_is_no_interaction_of_the_portal_has_a_code() {
        let portal = PortalId::parse("g1").unwrap();
        assert!(read_interaction(GOLDEN, &portal).is_ok());
        assert_eq!(read_interaction(b"{}", &portal).unwrap_err(), "malformed_json");
        assert_eq!(read_interaction(GOLDEN, &PortalId::parse("ge").unwrap()).unwrap_err(), "other_portal");
    }
}
