//! What counts how much, and what 10,000 forged clients on 50 networks cannot do.

use std::sync::LazyLock;

use wire::{NetworkId, PageviewId, VisitorId};

use super::simulation::{Attack, GUARDED_SHARE, Lists, Reading, forged, honest, merged, played, ranks_lost};
use super::*;

const SEED: u64 = 1;
const T0: u64 = 1_795_338_000_000;

/// Half a million honest readings, and the lists that they make with the guard and without.
static HONEST: LazyLock<(Vec<Reading>, Vec<Lists>, Vec<Lists>)> = LazyLock::new(|| {
    let readings = honest(SEED);
    let (guarded, open) = (played(&readings, Some(&Limits::PRODUCTION)), played(&readings, None));
    (readings, guarded, open)
});

/// Most ranks lost by any of the first twenty at any look, in top pages and in trending.
fn lost(attack: Attack, limits: Option<&Limits>) -> (usize, usize) {
    let (readings, guarded, open) = &*HONEST;
    let before = if limits.is_some() { guarded } else { open };
    let targets = before.last().unwrap();
    let after = played(&merged(readings, &forged(attack, readings, targets, SEED)), limits);
    let both = before.iter().zip(&after);
    let worst =
        |list: fn(&Lists) -> &[wire::ScoredItem]| both.clone().map(|(before, after)| ranks_lost(list(before), list(after))).max().unwrap();
    assert!(before.len() >= 3, "several looks");
    (worst(|lists| &lists.top_pages), worst(|lists| &lists.trending))
}

/// Guarded, neither list moves by more than one rank.
fn holds(attack: Attack) {
    let (top_pages, trending) = lost(attack, Some(&Limits::PRODUCTION));
    assert!(top_pages <= 1 && trending <= 1, "{attack:?}: top pages lost {top_pages}, trending {trending}");
}

#[test]
fn ten_thousand_forged_clients_on_one_item_move_nothing() {
    holds(Attack::OneItem);
}

#[test]
fn ten_thousand_forged_clients_on_five_items_move_nothing() {
    holds(Attack::FiveItems);
}

#[test]
fn repeated_views_move_nothing() {
    holds(Attack::ManyViews);
}

#[test]
fn a_new_readers_id_for_every_view_moves_nothing() {
    holds(Attack::RotatedVisitors);
}

#[test]
fn what_stands_below_the_top_pages_is_not_lifted_into_them() {
    holds(Attack::NextTopPages);
}

/// Trending is what a quarter of an hour says, and the ranks behind the first ten differ by a handful of readings in it: who knows the list
/// can turn some of these, as a hundred honest readers could.
#[test]
fn what_stands_below_the_trending_list_is_lifted_a_little() {
    for attack in [Attack::NextTrending, Attack::Camouflage] {
        let (top_pages, trending) = lost(attack, Some(&Limits::PRODUCTION));
        assert!(top_pages <= 1 && trending <= 3, "{attack:?}: top pages lost {top_pages}, trending {trending}");
    }
}

#[test]
fn without_the_guard_every_attack_moves_the_lists() {
    let (top_pages, trending) = lost(Attack::FiveItems, None);
    assert!(top_pages >= 5 && trending >= 5, "five items: {top_pages} {trending}");
    let (top_pages, trending) = lost(Attack::NextTopPages, None);
    assert!(top_pages >= 15 && trending >= 15, "next top pages: {top_pages} {trending}");
}

#[test]
fn the_guard_keeps_the_order_of_honest_top_pages() {
    let (readings, guarded, open) = &*HONEST;
    for (guarded, open) in guarded.iter().zip(open) {
        assert!(ranks_lost(&open.top_pages, &guarded.top_pages) <= 1);
    }
    let share = guarded.last().unwrap().counted / open.last().unwrap().counted;
    assert!((share - GUARDED_SHARE).abs() < 0.05, "of {} readings {share} counts", readings.len());
}

fn view(visitor: u128, network: Option<u64>, item: &str, at_ms: u64) -> Interaction {
    let golden = Interaction::parse(include_bytes!("../../../wire/tests/golden/interaction.json")).unwrap();
    Interaction {
        id: Interaction::id(PageviewId::from_bits(visitor), InteractionKind::View),
        visitor: VisitorId::from_bits(visitor),
        network: network.map(NetworkId::from_bits),
        item: Item::parse(item).unwrap(),
        kind: InteractionKind::View,
        trust: 100,
        at_ms,
        ..golden
    }
}

#[test]
fn the_same_reader_and_item_count_once_and_a_reading_weighs_what_its_view_did() {
    let mut influence = Influence::default();
    let mut weigh = |interaction: &Interaction| influence.weigh(interaction, &Limits::PRODUCTION);
    let first = view(1, Some(1), "/a", T0);
    let weight = weigh(&first);
    assert!(weight > 0.9, "{weight}: the first reader of a portal");
    assert!(weigh(&view(1, Some(1), "/a", T0 + 60_000)) <= 0.0);
    let deep = Interaction { kind: InteractionKind::Read60, ..first };
    assert!((weigh(&deep) - weight).abs() < 0.01);
    let never_seen = Interaction { kind: InteractionKind::Read60, ..view(9, Some(1), "/a", T0) };
    assert!(weigh(&never_seen) <= 0.0, "what was never viewed is not read");
}

#[test]
fn trust_below_the_floor_counts_nothing_and_above_it_in_part() {
    let limits = Limits { by_network: false, ..Limits::PRODUCTION };
    let weigh = |trust, limits: &Limits| Influence::default().weigh(&Interaction { trust, ..view(1, Some(1), "/a", T0) }, limits);
    assert!((weigh(30, &Limits::DEVELOPMENT) - 1.0).abs() < 1e-6, "driven browsers count in development");
    let weights = [0, 30, 50, 60, 70, 80, 90, 100, 255].map(|trust| weigh(trust, &limits));
    for (weight, expected) in weights.iter().zip([0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]) {
        assert!((weight - expected).abs() < 1e-6, "{weights:?}");
    }
}

#[test]
fn one_network_counts_for_little_and_the_same_readers_on_many_for_much() {
    let of = |networks: u64| {
        let mut influence = Influence::default();
        let weigh = |n: u64| {
            // Each network reads all of five items.
            influence.weigh(&view(n.into(), Some(n / 5 % networks), &format!("/{}", n % 5), T0 + n), &Limits::PRODUCTION)
        };
        (0..2_000).map(weigh).sum::<f32>()
    };
    let (one, many) = (of(1), of(1_000));
    assert!(one < 15.0 && many > 20.0 * one, "{one} {many}");
}

/// A portal with 20,000 networks that each read three of 100 items within half an hour.
fn busy() -> Influence {
    let mut influence = Influence::default();
    for n in 0..60_000_u64 {
        let (network, item) = (n % 20_000, n * 7 % 100);
        influence.weigh(&view(network.into(), Some(network), &format!("/{item}"), T0 + n * 30), &Limits::PRODUCTION);
    }
    influence
}

/// What counts of readings by new readers on these networks, a tenth of a second apart.
fn counted(influence: &mut Influence, readings: impl IntoIterator<Item = (u64, String)>) -> f32 {
    let weigh = |(nth, (network, item)): (u64, (u64, String))| {
        let at_ms = T0 + 1_800_000 + nth * 100;
        influence.weigh(&view(u128::from(1_000_000 + nth), Some(1_000_000 + network), &item, at_ms), &Limits::PRODUCTION)
    };
    (0..).zip(readings).map(weigh).sum()
}

#[test]
fn what_few_networks_read_counts_little_and_what_many_read_counts() {
    let of = |networks: u64| counted(&mut busy(), (0..networks).map(|network| (network, "/new".to_owned())));
    let (fifty, thousand) = (of(50), of(1_000));
    assert!(fifty < 10.0 && thousand > 900.0, "{fifty} {thousand}");
}

#[test]
fn a_network_that_reads_far_more_than_its_visit_counts_for_little_of_it() {
    let sum = counted(&mut busy(), (0..1_000).map(|n| (0, format!("/{}", n % 100))));
    assert!((3.0..25.0).contains(&sum), "{sum} of a thousand readings of a hundred items");
}

#[test]
fn of_one_item_a_network_counts_one_reading_beyond_its_fair_share() {
    let sum = counted(&mut busy(), (0..200).map(|_| (0, "/5".to_owned())));
    assert!((1.0..1.5).contains(&sum), "{sum}");
}

#[test]
fn a_carrier_goes_on_counting_for_what_everybody_reads_up_to_its_share() {
    let mut influence = busy();
    let sum = counted(&mut influence, (0..30_000).map(|n| (0, format!("/{}", n * 7 % 100))));
    let now = Clock { at_ms: T0 + 1_800_000 + 3_000_000, half_life_ms: Limits::PRODUCTION.half_life_ms };
    let share = f64::from(sum) / influence.total.at(now);
    assert!((6.0..80.0).contains(&sum) && share < 0.002, "{sum} counts, which is {share} of all");
}

#[test]
fn without_networks_readers_are_dealt_out_to_some() {
    let mut influence = Influence::default();
    let of = |n: u128| influence.weigh(&view(n, None, &format!("/{}", n % 50), T0 + 1_000), &Limits::PRODUCTION);
    let counted = (0..5_000).map(of).sum::<f32>();
    assert!((100.0..2_000.0).contains(&counted), "{counted}: the lists go on, and nothing rules them");
}

#[test]
fn in_development_one_network_is_everybody() {
    let mut influence = Influence::default();
    let weigh = |n: u128| influence.weigh(&view(n, Some(1), "/a", T0), &Limits::DEVELOPMENT);
    assert!((0..100).map(weigh).sum::<f32>() > 99.9);
}

#[test]
fn no_item_counts_more_than_a_quarter_of_everything() {
    let mut influence = Influence::default();
    let mut sums = [0.0_f32; 2];
    for n in 0..20_000_u64 {
        let (item, which) = if n % 10 == 0 { (format!("/{}", n % 400), 0) } else { ("/giant".to_owned(), 1) };
        sums[which] += influence.weigh(&view(n.into(), Some(n), &item, T0 + n), &Limits::PRODUCTION);
    }
    let [others, giant] = sums;
    assert!(giant > 100.0 && giant < 0.3 * (giant + others), "{giant} {others}");
}

#[test]
fn a_snapshot_brings_back_every_bit() {
    let mut influence = Influence::default();
    for n in 0..2_000_u64 {
        influence.weigh(&view((n % 700).into(), Some(n % 90), &format!("/{}", n % 41), T0 + n * 20_011), &Limits::PRODUCTION);
    }
    let text = serde_json::to_string(&influence).unwrap();
    assert_eq!(serde_json::from_str::<Influence>(&text).unwrap(), influence);
}
