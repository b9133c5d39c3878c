//! What the ladder promises.

use super::*;
use crate::config::{Config, Environment};

const MODEL: &[u8] = include_bytes!("../../wire/tests/golden/model.json");
const CARDS: &[u8] = include_bytes!("../../wire/tests/golden/cards.json");

fn config() -> Config {
    Config::parse(Environment::default()).unwrap()
}

fn published(portal: &Portal) -> Published {
    Published::new(Some(Model::parse(MODEL).unwrap()), Cards::parse(CARDS).unwrap(), portal, false)
}

fn rec_id() -> RecId {
    RecId::from_bits(0x9a1f_03c2_d4e5_b6a7)
}

fn ask(query: &str, from: Rung, published: &Published) -> Recommendations {
    let config = config();
    choose(config.portals.get("g1").unwrap(), published, &Wish::parse(Query::new(query), from).unwrap(), rec_id())
}

fn items(answer: &Recommendations) -> Vec<(&str, &str)> {
    answer.items.iter().map(|item| (item.item.as_str(), item.why.as_str())).collect()
}

#[test]
fn the_ladder_is_climbed_from_its_best_rung() {
    let config = config();
    let published = published(config.portals.get("g1").unwrap());
    let all = ask("", Rung::Trending, &published);
    assert_eq!(items(&all), [("/x.ghtml", "trending"), ("/y.ghtml", "top_pages")]);
    assert_eq!((all.source, all.model_version.as_str()), (RecommendationSource::Trending, "1795337000000"));
    let top = ask("", Rung::TopPages, &published);
    assert_eq!(items(&top), [("/x.ghtml", "top_pages"), ("/y.ghtml", "top_pages")]);
    let known = ask("item=/x.ghtml", Rung::Trending, &published);
    assert_eq!((items(&known), known.source), (vec![("/y.ghtml", "top_pages")], RecommendationSource::TopPages));
    let none = ask("read=/x.ghtml&exclude=/y.ghtml", Rung::Trending, &published);
    assert_eq!((items(&none), none.source), (vec![("/g1/", "built_in")], RecommendationSource::BuiltIn));
    let rio = ask("section=rio", Rung::Trending, &published);
    assert_eq!(items(&rio), [("/x.ghtml", "trending")]);
    assert_eq!(ask("limit=1", Rung::Trending, &published).items.len(), 1);
}

#[test]
fn without_a_model_the_built_in_page_answers() {
    let answer = ask("", Rung::Trending, &Published::default());
    assert_eq!((items(&answer), answer.model_version.as_str()), (vec![("/g1/", "built_in")], "none"));
    assert_eq!(answer.items[0].title, "Página inicial do g1");
    // Even a reader who knows it gets something.
    assert_eq!(ask("item=/g1/", Rung::Trending, &Published::default()).items.len(), 1);
}

#[test]
fn a_card_shows_its_item_and_an_item_without_one_shows_its_path() {
    let config = config();
    let answer = ask("", Rung::TopPages, &published(config.portals.get("g1").unwrap()));
    assert_eq!((answer.items[0].url.as_str(), answer.items[0].title.as_str()), ("https://g1.example/x.ghtml", "Chuva no Rio"));
    assert_eq!((answer.items[1].url.as_str(), answer.items[1].title.as_str()), ("/y.ghtml", "/y.ghtml"));
}

#[test]
fn a_card_that_leads_elsewhere_is_left_out() {
    let config = config();
    let answer = ask("", Rung::TopPages, &published(config.portals.get("ge").unwrap()));
    assert_eq!(answer.items[0].url, "/x.ghtml");
}

/// A tiny generator (Knuth's MMIX constants): the same states on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn items(&mut self, most: u64) -> Vec<Item> {
        let count = self.below(most + 1);
        (0..count).map(|_| Item::parse(&format!("/{}", self.below(12))).unwrap()).collect()
    }

    fn scored(&mut self) -> Vec<ScoredItem> {
        self.items(8).into_iter().map(|item| ScoredItem { item, score: 1.0 }).collect()
    }
}

#[test]
fn a_known_page_is_never_recommended_and_a_list_is_never_empty() {
    let config = config();
    let portal = config.portals.get("g1").unwrap();
    let mut dice = Dice(1);
    for state in 0..10_000 {
        let model = Model { v: 1, model_version: "m".into(), generated_at_ms: 1, trending: dice.scored(), top_pages: dice.scored() };
        let published = Published { model: (dice.below(10) > 0).then_some(model), cards: Cards::default() };
        let wish = Wish {
            item: dice.items(1).pop(),
            known: dice.items(8),
            section: None,
            limit: 1 + usize::try_from(dice.below(5)).unwrap(),
            from: if dice.below(2) == 0 { Rung::Trending } else { Rung::TopPages },
        };
        let answer = choose(portal, &published, &wish, rec_id());
        let mut shown = HashSet::new();
        assert!((1..=wish.limit).contains(&answer.items.len()), "state {state}");
        for recommended in &answer.items {
            let item = &recommended.item;
            assert!(wish.item.as_ref() != Some(item) && !wish.known.contains(item), "state {state}: {item} is known");
            assert!(shown.insert(item.clone()), "state {state}: {item} twice");
        }
    }
}
