//! Display cards: what articles say of themselves, as far as it is fit to be shown to others.
//!
//! The source is untrusted: anybody can post a batch. Addresses must be on the portal's own hosts, and several networks have to
//! say the same (`cards/votes.rs`). The portal's own catalogue wins over all of them, at the edge.

mod votes;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use wire::{BatchView, Card, Cards, Item, MetaView, NetworkId, Portal};

pub(crate) use votes::QUORUM;
use votes::Votes;

/// Cards that are remembered, with what is said of them up to 28 KB each, about 3 KB in practice. The longest unseen go first.
const CARDS_KEPT_MAX: usize = 5_000;
/// How many stay when there were too many.
const CARDS_KEPT: usize = 4_000;
/// Longest title, as the edge admits it.
const TITLE_BYTES_MAX: usize = 1024;
/// Longest address, as the edge admits it.
const URL_BYTES_MAX: usize = 2048;

/// The card of each article, and what browsers say of it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CardIndex {
    cards: HashMap<Item, Dated>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Dated {
    /// The latest word.
    at_ms: u64,
    /// What is shown; nothing before there is a quorum.
    card: Option<Card>,
    #[serde(default)]
    votes: Votes,
}

impl CardIndex {
    /// Takes what a page said of itself at `at_ms` to a browser on that network. Shown is what most networks say, and at least `quorum`.
    pub(crate) fn note(&mut self, item: &Item, card: &Card, network: Option<NetworkId>, at_ms: u64, quorum: usize) {
        if !self.cards.contains_key(item) && self.cards.len() >= CARDS_KEPT_MAX {
            self.keep_latest(CARDS_KEPT);
        }
        let dated = self.cards.entry(item.clone()).or_insert_with(|| Dated { at_ms, card: None, votes: Votes::default() });
        dated.at_ms = dated.at_ms.max(at_ms);
        dated.votes.say(card, network, at_ms);
        if let Some(elected) = dated.votes.elect(dated.card.as_ref(), quorum).cloned() {
            dated.card = Some(elected);
        }
    }

    /// The cards of these items, for publication.
    pub(crate) fn of<'a>(&self, items: impl Iterator<Item = &'a Item>) -> Cards {
        let card = |item: &Item| Some((item.clone(), self.cards.get(item)?.card.clone()?));
        Cards { v: 1, cards: items.filter_map(card).collect::<BTreeMap<_, _>>() }
    }

    /// How many cards are remembered.
    pub(crate) fn len(&self) -> usize {
        self.cards.len()
    }

    fn keep_latest(&mut self, count: usize) {
        let mut dated: Vec<(Item, Dated)> = self.cards.drain().collect();
        dated.sort_unstable_by(|(item, one), (other_item, other)| other.at_ms.cmp(&one.at_ms).then_with(|| item.cmp(other_item)));
        self.cards.extend(dated.into_iter().take(count));
    }
}

/// The card of a page, if it has a title and an address of its own portal. A foreign picture is left out.
pub(crate) fn card(batch: &BatchView<'_>, item: &Item, meta: &MetaView<'_>, portal: &Portal, is_dev: bool) -> Option<Card> {
    // The host of the page with the item's own path: a card can only lead to the article whose card it is.
    let (scheme, rest) = batch.url.split_once("://")?;
    let url = format!("{scheme}://{}{item}", rest.split(['/', '?', '#']).next()?);
    let title = meta.title.as_deref().map(str::trim).filter(|title| !title.is_empty())?;
    let may_show = |url: &str| url.len() <= URL_BYTES_MAX && !url.chars().any(char::is_control) && portal.owns_url(url, is_dev);
    // One card past a limit would make the edge refuse all of them.
    if title.len() > TITLE_BYTES_MAX || !may_show(&batch.url) || !may_show(&url) {
        return None;
    }
    Some(Card {
        url,
        title: title.to_owned(),
        image: meta.image.as_deref().filter(|image| may_show(image)).map(str::to_owned),
        section: meta.section.as_deref().filter(|section| section.len() <= TITLE_BYTES_MAX).map(str::to_owned),
        published_at_ms: meta.published_at_ms,
    })
}

#[cfg(test)]
mod tests {
    use wire::{Batch, Envelope, EnvelopeView, Meta, Portals};

    use super::*;

    fn portals() -> Portals {
        toml::from_str(include_str!("../../portals.toml")).unwrap()
    }

    fn made(change: impl Fn(&mut Batch, &mut Meta)) -> Option<Card> {
        let mut envelope = Envelope::parse(include_bytes!("../../wire/tests/golden/envelope.json")).unwrap();
        let mut meta = envelope.batch.meta.take().unwrap();
        change(&mut envelope.batch, &mut meta);
        envelope.batch.meta = Some(meta);
        let record = envelope.to_record().unwrap();
        let batch = EnvelopeView::parse(record.as_bytes()).unwrap().batch;
        card(&batch, &Item::parse(batch.item().unwrap()).unwrap(), batch.meta.as_ref().unwrap(), portals().get("g1").unwrap(), false)
    }

    #[test]
    fn a_page_of_the_portal_gets_its_card() {
        let card = made(|batch, _| batch.url.push_str("#comments")).unwrap();
        assert_eq!(card.url, "https://g1.example/economia/noticia/juros.ghtml");
        assert_eq!((card.title.as_str(), card.image.as_deref()), ("Juros caem", Some("https://s.g1.example/j.jpg")));
    }

    #[test]
    fn a_foreign_address_makes_no_card() {
        for url in [
            "https://evil.example/a",
            "https://ge.example/a",
            "https://g1.example.evil.example/a",
            "https://g1.example@evil.example/a",
            "javascript:alert(1)",
            "http://g1.localhost:8787/a",
            "https://g1.example/a\nb",
        ] {
            assert_eq!(made(|batch, _| url.clone_into(&mut batch.url)), None, "{url}");
        }
    }

    #[test]
    fn a_card_leads_to_its_own_item_whatever_the_page_calls_itself() {
        let card = made(|batch, _| batch.url = "https://m.g1.example/elsewhere?x=1".to_owned()).unwrap();
        assert_eq!(card.url, "https://m.g1.example/economia/noticia/juros.ghtml");
    }

    #[test]
    fn a_foreign_picture_is_left_out() {
        for image in ["https://evil.example/j.jpg", "data:image/png;base64,AA", "//g1.example/j.jpg"] {
            let card = made(|_, meta| meta.image = Some(image.to_owned())).unwrap();
            assert_eq!(card.image, None, "{image}");
        }
    }

    #[test]
    fn a_page_without_a_usable_title_makes_no_card() {
        for title in [None, Some(String::new()), Some("  ".to_owned()), Some("x".repeat(1025))] {
            assert_eq!(made(|_, meta| meta.title.clone_from(&title)), None, "{title:?}");
        }
    }

    #[test]
    fn a_card_is_published_when_its_quorum_is_there() {
        let (item, card) = (Item::parse("/a").unwrap(), made(|_, _| {}).unwrap());
        let mut index = CardIndex::default();
        for network in 1..=3 {
            assert!(index.of([&item].into_iter()).cards.is_empty());
            index.note(&item, &card, Some(NetworkId::from_bits(network)), 1, QUORUM);
        }
        assert_eq!(index.of([&item].into_iter()).cards[&item], card);
    }

    #[test]
    fn the_index_of_an_earlier_version_is_read() {
        let text = r#"{"cards":{"/a":{"at_ms":7,"card":{"url":"https://g1.example/a","title":"A"}}}}"#;
        let index: CardIndex = serde_json::from_str(text).unwrap();
        assert_eq!(index.of([&Item::parse("/a").unwrap()].into_iter()).cards.len(), 1);
    }

    #[test]
    fn the_number_of_cards_is_bounded_and_the_longest_unseen_go() {
        let mut index = CardIndex::default();
        let card = made(|_, _| {}).unwrap();
        for number in 0..=CARDS_KEPT_MAX {
            index.note(&Item::parse(&format!("/{number}")).unwrap(), &card, None, u64::try_from(number).unwrap(), 1);
        }
        assert_eq!(index.len(), CARDS_KEPT + 1);
        assert!(index.of([&Item::parse("/0").unwrap()].into_iter()).cards.is_empty());
        assert_eq!(index.of([&Item::parse("/5000").unwrap()].into_iter()).cards.len(), 1);
    }
}
