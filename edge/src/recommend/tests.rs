//! What the ladder promises, by example.

use super::invented::{Invented, published};
use super::*;
use crate::config::{Config, Environment};
use crate::query::Query;

const NOW_MS: u64 = 1_795_400_000_000;
const HOUR_MS: u64 = 3_600_000;

/// `/0` to `/19`, first seen one hour apart beginning half an hour ago.
fn model() -> Invented {
    Invented {
        generated_at_ms: NOW_MS - 1_000,
        items: (0..20).map(|n| format!("/{n}")).collect(),
        first_seen_at_ms: (0..20).map(|n| NOW_MS - HOUR_MS / 2 - n * HOUR_MS).collect(),
        trending: vec![4, 5],
        top_pages: vec![5, 6, 7],
        latest: (0..10).collect(),
        similar: (0..20).map(|n| if n == 8 { vec![9, 10] } else { vec![] }).collect(),
        ranked: vec![(10, Some(8)), (11, None), (12, None)],
        ..Invented::default()
    }
}

fn ask_as(door: Door, query: &str, published: &Published<Invented>, set: SetName, random_bits: u64) -> Recommendations {
    let config = Config::parse(Environment::default()).unwrap();
    let portal = config.portals.get("g1").unwrap();
    let wish = Wish::parse(Query::new(query), door, portal, false).unwrap();
    let asked = Asked { portal, wish: &wish, reader: &Reader::default(), set, now_ms: NOW_MS, random_bits };
    choose(published, &asked, &mut Scratch::default())
}

fn ask(door: Door, query: &str, published: &Published<Invented>) -> Recommendations {
    ask_as(door, query, published, SetName::A, 0x9a1f_03c2_d4e5_b6a7)
}

fn told(answer: &Recommendations) -> String {
    let items: Vec<_> = answer.items.iter().map(|item| format!("{} {}", item.item, item.why)).collect();
    format!("{}: {}", answer.source.as_str(), items.join(", "))
}

#[test]
fn each_door_begins_at_its_rung_and_is_filled_up_from_below() {
    let published = published(Some(model()), "", "", "");
    for (door, query, expected) in [
        (
            Door::Recommendations,
            "item=/8&limit=8",
            "personal: /10 similar:/8, /11 personal, /12 personal, /9 similar:/8, /4 trending, /5 trending, /6 top_pages, /7 top_pages",
        ),
        (Door::Recommendations, "limit=3", "trending: /4 trending, /5 trending, /6 top_pages"),
        (
            Door::Recommendations,
            "limit=9&exclude=/0",
            "trending: /4 trending, /5 trending, /6 top_pages, /7 top_pages, /1 latest, /2 latest, /3 latest, /8 latest, /9 latest",
        ),
        (Door::Similar, "item=/8&limit=3", "similar: /9 similar:/8, /10 similar:/8, /4 trending"),
        (Door::Similar, "item=/1&limit=1", "trending: /4 trending"),
        (Door::Trending, "limit=3", "trending: /4 trending, /5 trending, /6 top_pages"),
        (Door::TopPages, "limit=3", "top_pages: /5 top_pages, /6 top_pages, /7 top_pages"),
        (Door::TopPages, "limit=1&item=/5", "top_pages: /6 top_pages"),
        (Door::Latest, "limit=2", "latest: /0 latest, /1 latest"),
        (Door::Trending, "limit=1&read=/4&exclude=/5", "top_pages: /6 top_pages"),
    ] {
        assert_eq!(told(&ask(door, query, &published)), expected, "{door:?} {query}");
    }
    assert_eq!(ask(Door::Recommendations, "limit=50", &published).items.len(), 10, "each once: 4 to 7 are read, 0 to 9 are new");
}

#[test]
fn the_answers_id_says_rung_and_set() {
    let published = published(Some(model()), "", "", "");
    let answer = ask_as(Door::TopPages, "", &published, SetName::B, u64::MAX);
    assert_eq!((answer.rec_id.source(), answer.rec_id.set()), (Some(RecommendationSource::TopPages), SetName::B));
    assert_eq!((answer.model_version.as_str(), answer.generated_at_ms), ("invented", NOW_MS - 1_000));
}

#[test]
fn an_old_model_is_none_and_the_newest_articles_answer() {
    let card = |n: u64| format!(r#""/c{n}":{{"url":"https://g1.example/c{n}","title":"t","published_at_ms":{}}}"#, NOW_MS - n);
    let cards = [card(1), card(2)].join(",");
    let own = format!(r#""/o":{{"url":"https://g1.example/o","title":"t","published_at_ms":{}}}"#, NOW_MS + 2 * HOUR_MS);
    let young = Invented { generated_at_ms: NOW_MS - MODEL_AGE_MS_MAX, ..model() };
    assert_eq!(ask(Door::Recommendations, "", &published(Some(young.clone()), &cards, &own, "")).source, RecommendationSource::Trending);
    let old = Invented { generated_at_ms: NOW_MS - MODEL_AGE_MS_MAX - 1, ..young };
    for door in [Door::Recommendations, Door::Trending, Door::TopPages, Door::Latest] {
        let answer = ask(door, "item=/8", &published(Some(old.clone()), &cards, &own, ""));
        // What is to be published in two hours is not out yet.
        assert_eq!((told(&answer).as_str(), answer.model_version.as_str()), ("latest: /c1 latest, /c2 latest", "none"), "{door:?}");
    }
}

#[test]
fn without_anything_the_built_in_page_answers_even_to_who_knows_it() {
    for query in ["", "item=/a", "read=/g1/", "item=/g1/"] {
        let answer = ask(Door::Recommendations, query, &published(None, "", "", ""));
        assert_eq!((told(&answer).as_str(), answer.model_version.as_str()), ("built_in: /g1/ built_in", "none"), "{query}");
        assert_eq!(answer.items[0].title, "Página inicial do g1");
    }
}

#[test]
fn while_nobody_knows_what_is_blocked_only_the_built_in_page_is_shown() {
    let vetted = published(Some(model()), "", "", "");
    let unvetted = Published::new(Files { is_vetted: false, ..vetted.files().clone() });
    assert_eq!(told(&ask(Door::Recommendations, "item=/8", &unvetted)), "built_in: /g1/ built_in");
}

#[test]
fn sections_and_times_are_filters() {
    let card = |item: &str, section: &str, at_ms: u64| {
        format!(r#""{item}":{{"url":"https://g1.example{item}","title":"t","section":"{section}","published_at_ms":{at_ms}}}"#)
    };
    let cards = [card("/4", "rio", NOW_MS - 90 * HOUR_MS), card("/6", "rio", NOW_MS)].join(",");
    let published = published(Some(model()), &cards, "", "");
    assert_eq!(told(&ask(Door::Recommendations, "section=rio", &published)), "trending: /4 trending, /6 top_pages");
    // /4 says when it was published; /5 and /7 were first seen 5 and 7 hours ago.
    let after = format!("limit=2&published_after={}", NOW_MS - 6 * HOUR_MS);
    assert_eq!(told(&ask(Door::Recommendations, &after, &published)), "trending: /5 trending, /6 top_pages");
}

#[test]
fn a_section_that_no_card_names_is_the_models() {
    let mut model = model();
    model.sections = vec![String::new(); 20];
    model.sections[4] = "rio".to_owned();
    model.sections[6] = "rio".to_owned();
    let card = r#""/6":{"url":"https://g1.example/6","title":"t","section":"mundo"}"#;
    let answer = ask(Door::Recommendations, "section=rio", &published(Some(model.clone()), card, "", ""));
    assert_eq!((told(&answer).as_str(), answer.items[0].section.as_deref()), ("trending: /4 trending", Some("rio")));
    let blocked = published(Some(model), card, "", r#""blocks":[{"section":"rio"}]"#);
    assert_eq!(told(&ask(Door::TopPages, "limit=2", &blocked)), "top_pages: /5 top_pages, /7 top_pages");
}

#[test]
fn pins_stand_where_they_are_wanted_and_blocks_hold_everywhere() {
    let rules = format!(
        r#""pins":[{{"item":"/p","position":2}},{{"item":"/q","position":2}},{{"item":"/r"}},{{"item":"/s","section":"rio"}},
           {{"item":"/t","until_ms":{NOW_MS}}},{{"item":"/5"}},{{"item":"/u","position":40}}],"blocks":[{{"item":"/5"}},{{"prefix":"/6"}}],"max_age_ms":{}"#,
        8 * HOUR_MS
    );
    let published = published(Some(model()), "", "", &rules);
    assert_eq!(
        told(&ask(Door::Recommendations, "limit=5", &published)),
        "trending: /r pinned, /p pinned, /q pinned, /4 trending, /7 top_pages"
    );
    assert_eq!(told(&ask(Door::Recommendations, "limit=2&section=rio", &published)), "built_in: /s pinned, /g1/ built_in");
    // A reader of the first pin is shown the next: without a position it would be first, with one it is second.
    assert_eq!(told(&ask(Door::Recommendations, "limit=2&item=/r", &published)), "trending: /4 trending, /p pinned");
    // The lists of what is read, or new, stay what they are.
    assert_eq!(told(&ask(Door::TopPages, "limit=1", &published)), "top_pages: /7 top_pages");
}

#[test]
fn a_section_takes_only_so_many_places() {
    let card = |n: u64, section: &str| format!(r#""/{n}":{{"url":"https://g1.example/{n}","title":"t","section":"{section}"}}"#);
    let cards = [card(4, "rio"), card(5, "rio"), card(6, "rio"), card(7, "mundo")].join(",");
    let published = published(Some(model()), &cards, "", r#""section_max":2"#);
    assert_eq!(told(&ask(Door::Recommendations, "limit=3", &published)), "trending: /4 trending, /5 trending, /7 top_pages");
    assert_eq!(ask(Door::Recommendations, "limit=3&section=rio", &published).items.len(), 3, "nobody asked for another section");
    assert_eq!(told(&ask(Door::TopPages, "limit=2", &published)), "top_pages: /5 top_pages, /6 top_pages");
}

#[test]
fn the_last_places_are_kept_for_what_is_fresh() {
    let fresh = Invented { ranked: vec![(10, None), (11, None), (12, None), (1, None)], ..model() };
    let mut fresh = Invented { first_seen_at_ms: vec![NOW_MS - HOUR_MS; 20], ..fresh };
    fresh.first_seen_at_ms[1] += 1;
    fresh.first_seen_at_ms[3] += 1;
    let published = published(Some(fresh), "", "", r#""sets":{"b":{"fresh_slots":2}}"#);
    let told_to = |set| told(&ask_as(Door::Recommendations, "item=/19&limit=4", &published, set, 1));
    assert_eq!(told_to(SetName::A), "personal: /10 personal, /11 personal, /12 personal, /1 personal");
    assert_eq!(told_to(SetName::B), "personal: /10 personal, /11 personal, /1 fresh, /3 fresh");
}

#[test]
fn some_answers_explore_in_their_last_place() {
    let published = published(Some(model()), "", "", r#""sets":{"a":{"explore_pct":10},"b":{"ranker":"base"}}"#);
    let mut explored = std::collections::BTreeMap::new();
    for random_bits in 0..10_000 {
        let answer = ask_as(Door::Recommendations, "item=/19&limit=3", &published, SetName::A, random_bits);
        assert!(answer.items.len() == 3 && answer.items[..2].iter().all(|item| item.why != "explore"));
        if answer.items[2].why == "explore" {
            *explored.entry(answer.items[2].item.to_string()).or_insert(0) += 1;
        }
    }
    let count: i32 = explored.values().sum();
    assert!((900..1_100).contains(&count), "{count} of 10,000 answers explore");
    // Those of latest that are on no list of what is read, about as often each.
    assert_eq!(explored.keys().collect::<Vec<_>>(), ["/0", "/1", "/2", "/3", "/8", "/9"]);
    assert!(explored.values().all(|count| *count > 100), "{explored:?}");
    let base = ask_as(Door::Recommendations, "item=/19&limit=1", &published, SetName::B, 1);
    assert_eq!(told(&base), "personal: /12 personal");
}
