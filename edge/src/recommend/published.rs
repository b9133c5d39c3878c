//! What was published for a portal, ready to be asked: its model, its cards, its own catalogue, its rules.

use std::collections::HashSet;
use std::rc::Rc;

use wire::{Block, Card, Cards, Catalogue, Item, Portal, Rules};

/// Newest articles of cards and catalogue that `latest` looks at: more than a day of a large portal. Kept sorted, so that a request does not.
const NEWEST_MAX: usize = 1_000;

/// The four files of a portal, as they were read. What is not published is a default.
#[derive(Debug)]
pub struct Files<M> {
    /// The model, if there is one that can be read.
    pub model: Option<Rc<M>>,
    /// Display cards, made of what browsers say.
    pub cards: Rc<Cards>,
    /// The portal's own catalogue.
    pub catalogue: Rc<Catalogue>,
    /// Its editors' rules.
    pub rules: Rc<Rules>,
    /// Somebody knows what catalogue and rules say, if anything. As long as nobody does, an article may be blocked or taken back, and
    /// none is shown.
    pub is_vetted: bool,
}

/// What the edge knows of a portal now.
#[derive(Debug)]
pub struct Published<M> {
    files: Files<M>,
    blocks: Blocks,
    newest: Vec<(u64, Item)>,
}

#[derive(Debug, Default)]
struct Blocks {
    items: HashSet<Item>,
    sections: HashSet<String>,
    prefixes: Vec<String>,
}

/// What is needed to show an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display<'a> {
    /// Its address; the path itself when nobody has said one.
    pub url: &'a str,
    /// Its title; the path when nobody has said one.
    pub title: &'a str,
    /// Address of its picture.
    pub image: Option<&'a str>,
    /// Its section.
    pub section: Option<&'a str>,
    /// When it was published, Unix milliseconds.
    pub published_at_ms: Option<u64>,
}

impl<M> Clone for Files<M> {
    fn clone(&self) -> Self {
        Self {
            model: self.model.clone(),
            cards: Rc::clone(&self.cards),
            catalogue: Rc::clone(&self.catalogue),
            rules: Rc::clone(&self.rules),
            is_vetted: self.is_vetted,
        }
    }
}

impl<M> Default for Files<M> {
    fn default() -> Self {
        Self { model: None, cards: Rc::default(), catalogue: Rc::default(), rules: Rc::default(), is_vetted: true }
    }
}

impl<M> Published<M> {
    /// Of files whose cards and catalogue went through [`own_cards`] and [`own_catalogue`].
    #[must_use]
    pub fn new(files: Files<M>) -> Self {
        let mut blocks = Blocks::default();
        for block in &files.rules.blocks {
            match block {
                Block::Item(item) => drop(blocks.items.insert(item.clone())),
                Block::Section(section) => drop(blocks.sections.insert(section.clone())),
                Block::Prefix(prefix) => blocks.prefixes.push(prefix.clone()),
            }
        }
        let newest = newest(&files.cards, &files.catalogue);
        Self { files, blocks, newest }
    }

    /// The files.
    #[must_use]
    pub const fn files(&self) -> &Files<M> {
        &self.files
    }

    /// Articles of cards and catalogue with the time of their publication, newest first.
    pub fn newest(&self) -> impl Iterator<Item = (u64, &str)> {
        self.newest.iter().map(|(at_ms, item)| (*at_ms, item.as_str()))
    }

    /// What is needed to show an item. What the portal says itself wins.
    #[must_use]
    pub fn display<'a>(&'a self, item: &'a str) -> Display<'a> {
        let own = self.files.catalogue.items.get(item);
        let card = self.files.cards.cards.get(item);
        let named = own.filter(|own| !own.url.is_empty());
        Display {
            url: named.map(|own| own.url.as_str()).or(card.map(|card| card.url.as_str())).unwrap_or(item),
            title: named.map(|own| own.title.as_str()).or(card.map(|card| card.title.as_str())).unwrap_or(item),
            image: own.and_then(|own| own.image.as_deref()).or(card.and_then(|card| card.image.as_deref())),
            section: own.and_then(|own| own.section.as_deref()).or(card.and_then(|card| card.section.as_deref())),
            published_at_ms: own.and_then(|own| own.published_at_ms).or(card.and_then(|card| card.published_at_ms)),
        }
    }

    /// Whether editors block a section.
    #[must_use]
    pub fn is_blocked_section(&self, section: &str) -> bool {
        self.blocks.sections.contains(section)
    }

    /// Whether an item must not be shown to anybody: it is expired, taken back, or blocked.
    #[must_use]
    pub fn is_hidden(&self, item: &str, now_ms: u64) -> bool {
        let is_withdrawn = self.files.catalogue.items.get(item).is_some_and(|own| !own.is_offered(now_ms));
        let is_section_blocked = || {
            // Either may name the section: who wants it gone wants it gone.
            let own = self.files.catalogue.items.get(item).and_then(|own| own.section.as_deref());
            let card = self.files.cards.cards.get(item).and_then(|card| card.section.as_deref());
            own.into_iter().chain(card).any(|section| self.blocks.sections.contains(section))
        };
        is_withdrawn
            || self.blocks.items.contains(item)
            || self.blocks.prefixes.iter().any(|prefix| item.starts_with(prefix))
            || (!self.blocks.sections.is_empty() && is_section_blocked())
    }
}

/// Cards without those that lead elsewhere: cards are made of what browsers say.
#[must_use]
pub fn own_cards(mut cards: Cards, portal: &Portal, is_dev: bool) -> Cards {
    cards.cards.retain(|_, card| portal.owns_url(&card.url, is_dev));
    cards
}

/// A catalogue without addresses that lead elsewhere. What it says of expiry and withdrawal stays.
#[must_use]
pub fn own_catalogue(mut catalogue: Catalogue, portal: &Portal, is_dev: bool) -> Catalogue {
    for item in catalogue.items.values_mut().filter(|item| !portal.owns_url(&item.url, is_dev)) {
        item.url.clear();
    }
    catalogue
}

fn newest(cards: &Cards, catalogue: &Catalogue) -> Vec<(u64, Item)> {
    let of_cards = cards.cards.iter().filter(|(item, _)| !catalogue.items.contains_key(*item));
    let of_cards = of_cards.filter_map(|(item, card): (_, &Card)| Some((card.published_at_ms?, item)));
    let own = catalogue.items.iter().filter(|(_, own)| !own.unpublished).filter_map(|(item, own)| Some((own.published_at_ms?, item)));
    let mut newest: Vec<(u64, &Item)> = of_cards.chain(own).collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    newest.truncate(NEWEST_MAX);
    newest.into_iter().map(|(at_ms, item)| (at_ms, item.clone())).collect()
}

#[cfg(test)]
mod tests {
    use wire::CatalogueItem;

    use super::*;
    use crate::config::{Config, Environment};

    fn files(cards: &str, catalogue: &str, rules: &str) -> Files<()> {
        let config = Config::parse(Environment::default()).unwrap();
        let g1 = config.portals.get("g1").unwrap();
        Files {
            cards: Rc::new(own_cards(Cards::parse(format!(r#"{{"v":1,"cards":{{{cards}}}}}"#).as_bytes()).unwrap(), g1, false)),
            catalogue: Rc::new(own_catalogue(
                Catalogue::parse(format!(r#"{{"v":1,"items":{{{catalogue}}}}}"#).as_bytes()).unwrap(),
                g1,
                false,
            )),
            rules: Rc::new(Rules::parse(format!(r#"{{"v":1,{rules}}}"#).as_bytes()).unwrap()),
            ..Files::default()
        }
    }

    #[test]
    fn the_portals_own_word_wins_and_an_item_without_any_shows_its_path() {
        let cards = r#""/a":{"url":"https://g1.example/a","title":"said by browsers","section":"rio","published_at_ms":5}"#;
        let own = r#""/a":{"url":"https://g1.example/a.ghtml","title":"said by the portal","published_at_ms":7}"#;
        let published = Published::new(files(cards, own, r#""pins":[]"#));
        let expected = Display {
            url: "https://g1.example/a.ghtml",
            title: "said by the portal",
            image: None,
            section: Some("rio"),
            published_at_ms: Some(7),
        };
        assert_eq!(published.display("/a"), expected);
        assert_eq!((published.display("/b").url, published.display("/b").title), ("/b", "/b"));
    }

    #[test]
    fn what_leads_elsewhere_is_not_shown_so() {
        let cards = r#""/a":{"url":"https://evil.example/a","title":"a"},"/b":{"url":"https://ge.example/b","title":"b"}"#;
        let own = r#""/a":{"url":"https://evil.example/a","title":"a","expires_at_ms":5}"#;
        let published = Published::new(files(cards, own, r#""pins":[]"#));
        assert_eq!((published.display("/a").url, published.display("/b").url), ("/a", "/b"));
        assert!(published.is_hidden("/a", 5) && !published.is_hidden("/a", 4));
    }

    #[test]
    fn blocks_hide_items_sections_and_prefixes() {
        let cards = r#""/s":{"url":"https://g1.example/s","title":"s","section":"ads"},"/o":{"url":"https://g1.example/o","title":"o","section":"ads"}"#;
        let own = r#""/o":{"url":"https://g1.example/o","title":"o","section":"rio"}"#;
        let published = Published::new(files(cards, own, r#""blocks":[{"item":"/i"},{"section":"ads"},{"prefix":"/videos/"}]"#));
        for (item, expected) in
            [("/i", true), ("/i2", false), ("/s", true), ("/o", true), ("/videos/1", true), ("/videos", false), ("/x", false)]
        {
            assert_eq!(published.is_hidden(item, 0), expected, "{item}");
        }
    }

    #[test]
    fn the_newest_come_first_without_what_was_taken_back() {
        let card = |at_ms: u64| format!(r#"{{"url":"https://g1.example/x","title":"x","published_at_ms":{at_ms}}}"#);
        let cards = format!(r#""/a":{},"/b":{},"/c":{}"#, card(1), card(2), card(3));
        let own = format!(r#""/c":{{"unpublished":true}},"/d":{}"#, card(4));
        let published = Published::new(files(&cards, &own, r#""pins":[]"#));
        assert_eq!(published.newest().collect::<Vec<_>>(), [(4, "/d"), (2, "/b"), (1, "/a")]);
    }

    #[test]
    fn newest_has_a_limit() {
        let item = CatalogueItem { published_at_ms: Some(1), ..CatalogueItem::default() };
        let items = (0..=NEWEST_MAX).map(|n| (Item::parse(&format!("/{n}")).unwrap(), item.clone())).collect();
        assert_eq!(newest(&Cards::default(), &Catalogue { v: 1, items }).len(), NEWEST_MAX);
    }
}
