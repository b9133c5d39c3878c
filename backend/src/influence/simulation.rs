//! Part of a portal's day with and without 10,000 forged clients on 50 networks, played through influence, top pages and trending.

use std::collections::HashMap;

use wire::{Interaction, InteractionKind, Item, NetworkId, PageviewId, ScoredItem, VisitorId};

use super::{Influence, Limits};
use crate::top_pages::TopPages;

const T0: u64 = 1_795_338_000_000;
const MINUTE: u64 = 60_000;
pub(super) const MINUTES: u64 = 150;
/// The attack begins when the lists have settled.
const ATTACK_FROM: u64 = 90;
const ARTICLES: u64 = 2_000;
/// Those of them that are published between two and a half hours before we look and the end, one a minute.
const FRESH: u64 = 330;
const FRESH_FROM: u64 = 150;
const READERS: u64 = 90_000;
const READINGS_A_MINUTE: f64 = 3_000.0;
/// Addresses of mobile carriers, behind which two readers of five are.
const CARRIERS: u64 = 40;
const NETWORKS: u64 = 30_000;
const FORGED_CLIENTS: u64 = 10_000;
pub(crate) const FORGED_NETWORKS: u64 = 50;
pub(crate) const LISTED: usize = 20;

/// What the forged clients do. All of them look like any browser, with full trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attack {
    /// All of them read one item that nobody else reads.
    OneItem,
    /// Five such items.
    FiveItems,
    /// What stands below the top pages: ranks 21 to 40.
    NextTopPages,
    /// What stands below the trending list.
    NextTrending,
    /// Five items, again and again, with the same ids.
    ManyViews,
    /// Five items, with a new reader's id each time.
    RotatedVisitors,
    /// They read what everybody reads, and five items of their own among it.
    Camouflage,
}

/// `SplitMix64`: the same sequence on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// One reading of an article.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    at_ms: u64,
    article: u64,
    visitor: u64,
    network: u64,
}

/// How much an article is read in a minute, before it is known how much all of them are. Most are a day old; fresh ones rise within
/// minutes and fade within hours.
fn pull(article: u64, minute: u64) -> f64 {
    let float = |number: u64| f64::from(u32::try_from(number).unwrap());
    if article < ARTICLES - FRESH {
        return 1.0 / float(article + 3);
    }
    let fresh = article - (ARTICLES - FRESH);
    let Some(age) = (minute + FRESH_FROM).checked_sub(fresh) else { return 0.0 };
    // Every fourth is a story, large or small.
    let size = if fresh.is_multiple_of(4) { 0.1 / (1.0 + float(fresh * 37 % 47) / 6.0) } else { 0.002 };
    size * (1.0 - (-float(age) / 8.0).exp()) * (-float(age) / 240.0).exp2()
}

/// Readers in their networks: carriers have many, the others a few each and not all the same.
pub(crate) fn network_of(visitor: u64) -> u64 {
    let mut random = Random(visitor);
    if random.below(5) < 2 {
        // The first carriers are the large ones.
        return random.below(CARRIERS).min(random.below(CARRIERS));
    }
    CARRIERS + random.below(NETWORKS).min(random.below(NETWORKS))
}

/// Honest readings in the order of time. How often each article is read is no matter of luck, who reads it when is: so it is the attack
/// that moves an article, and not the draw.
pub(super) fn honest(seed: u64) -> Vec<Reading> {
    let mut random = Random(seed);
    let mut readings = Vec::new();
    let mut owed = vec![0.0_f64; usize::try_from(ARTICLES).unwrap()];
    for minute in 0..MINUTES {
        let pulls: Vec<f64> = (0..ARTICLES).map(|article| pull(article, minute)).collect();
        let all: f64 = pulls.iter().sum();
        for (article, (owed, pull)) in (0..).zip(owed.iter_mut().zip(&pulls)) {
            *owed += READINGS_A_MINUTE * pull / all;
            while *owed >= 1.0 {
                *owed -= 1.0;
                let visitor = random.below(READERS);
                let at_ms = T0 + minute * MINUTE + random.below(MINUTE);
                readings.push(Reading { at_ms, article, visitor, network: network_of(visitor) });
            }
        }
    }
    readings.sort_by_key(|reading| reading.at_ms);
    readings
}

/// What the forged clients add. They know the lists that they attack.
pub(super) fn forged(attack: Attack, honest: &[Reading], lists: &Lists, seed: u64) -> Vec<Reading> {
    let mut random = Random(seed ^ 0xf0_46ed);
    let own: Vec<u64> = (ARTICLES..ARTICLES + 5).collect();
    let next = |list: &[ScoredItem]| list.iter().skip(LISTED).take(LISTED).map(|scored| number(&scored.item)).collect::<Vec<_>>();
    let (targets, readings_each) = match attack {
        Attack::OneItem => (own[..1].to_vec(), 4),
        Attack::FiveItems => (own, 10),
        Attack::NextTopPages => (next(&lists.top_pages), 20),
        Attack::NextTrending => (next(&lists.trending), 20),
        Attack::ManyViews | Attack::RotatedVisitors | Attack::Camouflage => (own, 15),
    };
    let mut readings = Vec::new();
    for nth in 0..FORGED_CLIENTS * readings_each {
        let client = nth % FORGED_CLIENTS;
        let at_ms = T0 + ATTACK_FROM * MINUTE + random.below((MINUTES - ATTACK_FROM) * MINUTE);
        let target = targets[usize::try_from(random.below(targets.len().try_into().unwrap())).unwrap()];
        let article = if attack == Attack::Camouflage && random.below(4) > 0 {
            honest[usize::try_from(random.below(honest.len().try_into().unwrap())).unwrap()].article
        } else {
            target
        };
        let visitor = if attack == Attack::RotatedVisitors { 2_000_000 + nth } else { 1_000_000 + client };
        readings.push(Reading { at_ms, article, visitor, network: 1_000_000 + client % FORGED_NETWORKS });
    }
    readings.sort_by_key(|reading| reading.at_ms);
    readings
}

pub(crate) fn item(article: u64) -> Item {
    Item::parse(&format!("/{article}.ghtml")).unwrap()
}

pub(crate) fn number(item: &Item) -> u64 {
    item.as_str().trim_start_matches('/').trim_end_matches(".ghtml").parse().unwrap()
}

/// Both lists, twice as long as they matter.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    pub(super) top_pages: Vec<ScoredItem>,
    pub(super) trending: Vec<ScoredItem>,
    /// Readings that counted so far.
    pub(super) counted: f64,
}

/// What of the honest readings counts when networks are looked at; see the test that measures it.
pub(super) const GUARDED_SHARE: f64 = 0.3;

/// The day before, without which everything would look as if it had just begun to be read.
fn warm_up(pages: &mut TopPages, share: f64) {
    let pulls: Vec<f64> = (0..ARTICLES - FRESH).map(|article| pull(article, 0)).collect();
    let all: f64 = pulls.iter().sum();
    for quarter in 1..=96 {
        for (article, pull) in (0..).zip(&pulls) {
            #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "so many readings at once")]
            pages.view(&item(article), T0 - quarter * 15 * MINUTE, (15.0 * READINGS_A_MINUTE * share * pull / all) as f32);
        }
    }
}

/// The lists every quarter of an hour after the attack began. `limits`: `None` is a portal without a guard.
pub(super) fn played(readings: &[Reading], limits: Option<&Limits>) -> Vec<Lists> {
    let (mut influence, mut pages, mut lists) = (Influence::default(), TopPages::default(), Vec::new());
    warm_up(&mut pages, if limits.is_some() { GUARDED_SHARE } else { 1.0 });
    let mut view = Interaction::parse(include_bytes!("../../../wire/tests/golden/interaction.json")).unwrap();
    (view.card, view.context, view.kind, view.trust) = (None, None, InteractionKind::View, 100);
    let mut counted = 0.0;
    let mut look_at_ms = T0 + (ATTACK_FROM + 15) * MINUTE;
    let items: HashMap<u64, Item> = (0..ARTICLES + 5).map(|article| (article, item(article))).collect();
    for (nth, reading) in (0_u128..).zip(readings) {
        while reading.at_ms >= look_at_ms {
            lists.push(Lists { top_pages: pages.top(look_at_ms, 3 * LISTED), trending: pages.trending(look_at_ms, 3 * LISTED), counted });
            look_at_ms += 15 * MINUTE;
        }
        view.id = Interaction::id(PageviewId::from_bits(nth), InteractionKind::View);
        view.visitor = VisitorId::from_bits(reading.visitor.into());
        view.network = Some(NetworkId::from_bits(reading.network));
        view.item.clone_from(&items[&reading.article]);
        view.at_ms = reading.at_ms;
        let weight = limits.map_or(1.0, |limits| influence.weigh(&view, limits));
        pages.view(&view.item, view.at_ms, weight);
        counted += f64::from(weight);
    }
    lists
}

/// What the list shows within five percent of each other is a tie: which of the two stands first says nothing about them.
const TIE: f32 = 0.95;

/// The most ranks that one of the honest first twenty lost, to items that it had clearly been above.
pub(crate) fn ranks_lost(honest: &[ScoredItem], attacked: &[ScoredItem]) -> usize {
    let lost = |scored: &ScoredItem| {
        let above = attacked.iter().take_while(|other| other.item != scored.item);
        let was_below = |item: &Item| honest.iter().find(|other| other.item == *item).is_none_or(|other| other.score < TIE * scored.score);
        above.filter(|other| was_below(&other.item)).count()
    };
    honest.iter().take(LISTED).map(lost).max().unwrap_or(0)
}

/// Both in the order of time.
pub(super) fn merged(honest: &[Reading], forged: &[Reading]) -> Vec<Reading> {
    let mut all = [honest, forged].concat();
    all.sort_by_key(|reading| reading.at_ms);
    all
}
