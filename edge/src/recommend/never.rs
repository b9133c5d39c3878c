//! What never happens, whatever is published and whoever asks: 100,000 random states.

use std::collections::HashSet;
use std::rc::Rc;

use wire::{Block, Card, Cards, Catalogue, CatalogueItem, Item, ParameterSet, ParameterSets, Pin, Portal, RankerName, Rules};

use super::invented::Invented;
use super::*;
use crate::config::{Config, Environment};

const STATES: u32 = 100_000;
const NOW_MS: u64 = 1_795_400_000_000;
const HOUR_MS: u64 = 3_600_000;
const SECTIONS: [&str; 3] = ["rio", "mundo", "esporte"];
const DOORS: [Door; 5] = [Door::Recommendations, Door::Similar, Door::Trending, Door::TopPages, Door::Latest];

/// A tiny generator: the same states on every machine.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        split::spread(self.0)
    }

    fn below(&mut self, sides: u64) -> u64 {
        self.bits() % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn small(&mut self, sides: u64) -> u8 {
        u8::try_from(self.below(sides)).unwrap()
    }

    /// Few items, so that everything meets everything: one in twelve is a built-in page.
    fn item(&mut self) -> Item {
        let n = self.below(24);
        Item::parse(&if n < 2 { ["/g1/", "/b/"][usize::try_from(n).unwrap()].to_owned() } else { format!("/{n}") }).unwrap()
    }

    fn items(&mut self, most: u64) -> Vec<Item> {
        (0..self.below(most + 1)).map(|_| self.item()).collect()
    }

    fn indices(&mut self, most: u64) -> Vec<u32> {
        // One in thirteen is none of the model's: even a wrong model ends nothing.
        (0..self.below(most + 1)).map(|_| u32::try_from(self.below(26)).unwrap()).collect()
    }

    fn moment_ms(&mut self) -> u64 {
        NOW_MS + HOUR_MS - self.below(72) * HOUR_MS / 4
    }

    fn section(&mut self) -> Option<String> {
        (!self.one_in(4)).then(|| SECTIONS[usize::try_from(self.below(3)).unwrap()].to_owned())
    }

    fn some<T>(&mut self, sides: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(sides).then(|| make(self))
    }
}

fn model(dice: &mut Dice) -> Invented {
    let mut items: Vec<String> = (2..24).map(|n| format!("/{n}")).collect();
    items.extend(["/g1/".to_owned(), "no path".to_owned()]);
    Invented {
        generated_at_ms: NOW_MS - dice.below(30) * HOUR_MS,
        first_seen_at_ms: items.iter().map(|_| dice.moment_ms()).collect(),
        similar: items.iter().map(|_| dice.indices(4)).collect(),
        ranked: dice.indices(20).into_iter().map(|index| (index, dice.some(2, |dice| u32::try_from(dice.below(26)).unwrap()))).collect(),
        sections: items.iter().map(|_| dice.section().filter(|_| dice.one_in(2)).unwrap_or_default()).collect(),
        trending: dice.indices(8),
        top_pages: dice.indices(8),
        latest: dice.indices(8),
        items,
    }
}

fn rules(dice: &mut Dice) -> Rules {
    let pin = |dice: &mut Dice| Pin {
        item: dice.item(),
        position: dice.some(2, |dice| dice.small(8) + 1),
        section: dice.some(4, |dice| dice.section().unwrap_or_default()),
        until_ms: dice.some(3, Dice::moment_ms),
    };
    let block = |dice: &mut Dice| match dice.below(4) {
        0 => Block::Section(dice.section().unwrap_or_default()),
        1 => Block::Prefix(dice.item().to_string()),
        _ => Block::Item(dice.item()),
    };
    let set = |dice: &mut Dice| ParameterSet {
        ranker: if dice.one_in(2) { RankerName::Full } else { RankerName::Base },
        fresh_slots: dice.small(6),
        explore_pct: if dice.one_in(2) { 100 } else { dice.small(11) },
    };
    Rules {
        v: 1,
        pins: (0..dice.below(4)).map(|_| pin(dice)).collect(),
        blocks: (0..dice.below(4)).map(|_| block(dice)).collect(),
        section_max: dice.some(3, |dice| dice.small(3) + 1),
        max_age_ms: dice.some(4, |dice| (dice.below(12) + 1) * HOUR_MS),
        sets: ParameterSets { a: set(dice), b: set(dice) },
        b_share_pct: dice.small(101),
    }
}

fn files(dice: &mut Dice) -> Files<Invented> {
    let card = |dice: &mut Dice, item: &Item| Card {
        url: format!("https://g1.example{item}"),
        title: "t".to_owned(),
        image: None,
        section: dice.section(),
        published_at_ms: dice.some(2, Dice::moment_ms),
    };
    let own = |dice: &mut Dice, item: &Item| CatalogueItem {
        url: format!("https://g1.example{item}"),
        title: "t".to_owned(),
        section: dice.section(),
        published_at_ms: dice.some(2, Dice::moment_ms),
        expires_at_ms: dice.some(3, Dice::moment_ms),
        unpublished: dice.one_in(4),
        image: None,
    };
    let carded = dice.items(16);
    let listed = dice.items(12);
    Files {
        model: dice.below(10).checked_sub(1).map(|_| Rc::new(model(dice))),
        cards: Rc::new(Cards { v: 1, cards: carded.into_iter().map(|item| (item.clone(), card(dice, &item))).collect() }),
        catalogue: Rc::new(Catalogue { v: 1, items: listed.into_iter().map(|item| (item.clone(), own(dice, &item))).collect() }),
        rules: Rc::new(rules(dice)),
        is_vetted: !dice.one_in(20),
    }
}

fn wish(dice: &mut Dice) -> Wish {
    Wish {
        door: DOORS[usize::try_from(dice.below(5)).unwrap()],
        item: dice.some(2, Dice::item),
        read: dice.items(5),
        exclude: dice.items(3),
        section: dice.some(4, |dice| dice.section().unwrap_or_default()),
        published_after_ms: dice.some(4, Dice::moment_ms),
        limit: usize::from(dice.small(8)) + 1,
        visitor: None,
        source: None,
    }
}

/// Says again, in its own words, what must not be shown to anybody.
fn is_hidden(files: &Files<Invented>, item: &Item) -> bool {
    let own = files.catalogue.items.get(item);
    let sections = [own.and_then(|own| own.section.as_deref()), files.cards.cards.get(item).and_then(|card| card.section.as_deref())];
    let is_used = |model: &&Rc<Invented>| files.is_vetted && NOW_MS - model.generated_at_ms <= MODEL_AGE_MS_MAX;
    let learnt = files.model.as_ref().filter(is_used).and_then(|model| model.section_of(model.index_of(item.as_str())?));
    let sections = [sections[0], sections[1], learnt];
    let is_blocked = files.rules.blocks.iter().any(|block| match block {
        Block::Item(blocked) => blocked == item,
        Block::Section(section) => sections.contains(&Some(section)),
        Block::Prefix(prefix) => item.as_str().starts_with(prefix.as_str()),
    });
    is_blocked || own.is_some_and(|own| own.unpublished || own.expires_at_ms.is_some_and(|at_ms| at_ms <= NOW_MS))
}

fn hold(portal: &Portal, files: &Files<Invented>, wish: &Wish, answer: &Recommendations, state: u32) {
    let is_read = |item: &Item| wish.item.as_ref() == Some(item) || wish.read.contains(item) || wish.exclude.contains(item);
    let built_in: Vec<&Item> = portal.built_in.iter().map(|page| &page.item).collect();
    let mut shown = HashSet::new();
    assert!((1..=wish.limit).contains(&answer.items.len()), "state {state}: {} items of {}", answer.items.len(), wish.limit);
    for recommended in &answer.items {
        let item = &recommended.item;
        assert!(shown.insert(item), "state {state}: {item} twice");
        // Built-in pages are shown although known, or hidden, only when there is nothing else at all.
        let is_last_resort = recommended.why == "built_in" && answer.items.len() == 1;
        let is_spare = |page: &&&Item| !is_hidden(files, page) && wish.item.as_ref() != Some(**page);
        assert!(
            !is_hidden(files, item) || (is_last_resort && built_in.iter().all(|page| is_hidden(files, page))),
            "state {state}: {item} is hidden"
        );
        assert!(!is_read(item) || is_last_resort, "state {state}: {item} is known");
        assert!(wish.item.as_ref() != Some(item) || built_in.iter().find(is_spare).is_none(), "state {state}: {item} is the page itself");
        if recommended.why == "built_in" {
            continue;
        }
        assert!(files.is_vetted, "state {state}: {item} although nobody knows what is blocked");
        let is_pin = recommended.why == "pinned";
        assert!(is_pin || wish.section.is_none() || recommended.section == wish.section, "state {state}: {item} is of another section");
        let seen = files.model.as_ref().and_then(|model| model.index_of(item.as_str()).map(|index| model.first_seen_at_ms(index)));
        let since_ms = recommended.published_at_ms.or(seen).unwrap_or(0);
        assert!(wish.published_after_ms.is_none_or(|after_ms| since_ms >= after_ms), "state {state}: {item} was published before");
        let oldest_ms = NOW_MS - files.rules.max_age_ms.unwrap_or(NOW_MS);
        assert!(is_pin || since_ms >= oldest_ms, "state {state}: {item} is too old");
        assert!(!is_pin || wish.door == Door::Recommendations, "state {state}: {item} is pinned to a list of facts");
    }
    hold_whole(files, wish, answer, state);
}

/// What holds for the list as a whole.
fn hold_whole(files: &Files<Invented>, wish: &Wish, answer: &Recommendations, state: u32) {
    let first = answer.items.iter().find(|item| !matches!(item.why.as_str(), "pinned" | "fresh" | "explore"));
    if let Some(why) = first.map(|first| first.why.as_str()) {
        let is_true = why == answer.source.as_str() || (why.starts_with("similar:") && answer.source == RecommendationSource::Personal);
        let is_true = is_true || (why.starts_with("similar:") && answer.source == RecommendationSource::Similar);
        assert!(is_true, "state {state}: the source is {:?}, the first item is there by {why}", answer.source);
    }
    let is_model_used = answer.model_version != "none";
    let is_young = files.model.as_ref().is_some_and(|model| NOW_MS - model.generated_at_ms <= MODEL_AGE_MS_MAX);
    assert_eq!(is_model_used, is_young && files.is_vetted, "state {state}: model {}", answer.model_version);
    let is_learnt = |why: &str| !matches!(why, "latest" | "built_in" | "pinned");
    assert!(is_model_used || answer.items.iter().all(|item| !is_learnt(&item.why)), "state {state}: from a model that is none");
    assert_eq!(answer.rec_id.source(), Some(answer.source), "state {state}");
    if let Some(most) = files.rules.section_max.filter(|_| wish.section.is_none() && wish.door == Door::Recommendations) {
        for section in SECTIONS {
            let of_section = || answer.items.iter().filter(|item| item.section.as_deref() == Some(section));
            let pinned = of_section().filter(|item| item.why == "pinned").count();
            assert!(of_section().count() <= pinned.max(usize::from(most)), "state {state}: too many of {section}");
        }
    }
}

#[test]
fn what_must_not_be_shown_is_not_and_no_list_is_empty() {
    let config = Config::parse(Environment::default()).unwrap();
    let mut portal = config.portals.get("g1").unwrap().clone();
    let other = wire::BuiltIn { item: Item::parse("/b/").unwrap(), url: "/b/".to_owned(), title: "b".to_owned() };
    let mut scratch = Scratch::default();
    let mut sources = HashSet::new();
    let mut whys = HashSet::new();
    for state in 0..STATES {
        let dice = &mut Dice(u64::from(state) << 32);
        portal.built_in.truncate(1);
        portal.built_in.extend(dice.some(2, |_| other.clone()));
        let published = Published::new(files(dice));
        let wish = wish(dice);
        let set = if dice.one_in(2) { SetName::A } else { SetName::B };
        let asked = Asked { portal: &portal, wish: &wish, reader: &Reader::default(), set, now_ms: NOW_MS, random_bits: dice.bits() };
        let answer = choose(&published, &asked, &mut scratch);
        hold(&portal, published.files(), &wish, &answer, state);
        sources.insert(answer.source.as_str());
        whys.extend(answer.items.iter().map(|item| item.why.split(':').next().unwrap().to_owned()));
    }
    // The states are worth something only if everything comes up in them.
    assert_eq!((sources.len(), whys.len()), (6, 9), "{sources:?} {whys:?}");
}
