//! What counts as seen and as followed, and what does not.

use std::borrow::Cow;

use wire::{LinkKind, SetName};

use super::*;
use crate::influence::{Limits, is_believed};

const T0: u64 = 1_795_338_000_000;

fn id(random: u64) -> RecId {
    RecId::stamped(random << 4, RecommendationSource::Trending, SetName::B)
}

fn shown(rec_id: RecId, placement: &'static str, items: usize) -> EventKindView<'static> {
    EventKindView::Impression { rec_id, placement: placement.into(), items: vec![Cow::Borrowed("/a"); items] }
}

fn clicked(rec_id: RecId, position: u16) -> EventKindView<'static> {
    EventKindView::Click { href: "https://g1.example/a".into(), link: LinkKind::Internal, rec_id: Some(rec_id), position: Some(position) }
}

#[derive(Default)]
struct Shard {
    feedback: Feedback,
    answers: Answers,
}

impl Shard {
    fn by(&mut self, visitor: u128, trust: u8, event: &EventKindView<'_>) -> &mut Self {
        self.feedback.take(
            &mut self.answers,
            event,
            Doer { visitor, pageview: 7, is_believed: is_believed(trust, &Limits::PRODUCTION), at_ms: T0 },
        );
        self
    }

    fn row(&self) -> Tally {
        let rows: Vec<_> = self.feedback.rows().collect();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.placement, row.set, row.source), ("leia-tambem", "b", "trending"));
        row.tally
    }
}

#[test]
fn a_list_that_comes_into_view_in_parts_is_one_and_each_place_is_followed_once() {
    let mut shard = Shard::default();
    shard.by(1, 100, &shown(id(1), "leia-tambem", 2)).by(1, 100, &shown(id(1), "leia-tambem", 1));
    shard.by(1, 100, &clicked(id(1), 2)).by(1, 100, &clicked(id(1), 2)).by(1, 100, &clicked(id(1), 0));
    shard.by(1, 100, &shown(id(2), "leia-tambem", 12));
    let tally = shard.row();
    assert_eq!((tally.lists, tally.lists_clicked, tally.items, tally.clicks), (2, 1, 15, 2));
    assert_eq!(tally.shown_at, [2, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(tally.clicked_at, [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_click_that_comes_first_waits_for_its_list() {
    let mut shard = Shard::default();
    shard.by(1, 100, &clicked(id(1), 1)).by(1, 100, &clicked(id(1), 4));
    assert_eq!(shard.feedback.rows().count(), 0);
    shard.by(1, 100, &shown(id(1), "leia-tambem", 6));
    let tally = shard.row();
    assert_eq!((tally.lists, tally.lists_clicked, tally.clicks), (1, 1, 2));
    assert_eq!(shard.feedback.unattributed, 0);
}

#[test]
fn a_click_without_its_readers_list_counts_for_nothing() {
    let mut shard = Shard::default();
    shard.by(1, 100, &shown(id(1), "leia-tambem", 6));
    shard.by(2, 100, &clicked(id(1), 1)).by(1, 100, &clicked(id(9), 1)).by(1, 100, &clicked(id(1), 60_000));
    assert_eq!(shard.row().clicks, 0);
    let later = Doer { visitor: 3, pageview: 8, is_believed: true, at_ms: T0 + 86_400_000 };
    shard.feedback.take(&mut shard.answers, &clicked(id(3), 0), later);
    assert_eq!(shard.feedback.unattributed, 2);
}

#[test]
fn who_is_hardly_believed_does_not_count() {
    let mut shard = Shard::default();
    shard.by(1, 30, &shown(id(1), "leia-tambem", 6)).by(1, 30, &clicked(id(1), 1));
    assert_eq!(shard.feedback, Feedback::default());
}

#[test]
fn a_page_that_comes_back_tells_its_list_again_and_may_be_followed() {
    let mut shard = Shard::default();
    shard.by(1, 100, &shown(id(1), "leia-tambem", 6));
    let back = Doer { visitor: 1, pageview: 8, is_believed: true, at_ms: T0 };
    for event in [shown(id(1), "leia-tambem", 6), clicked(id(1), 3)] {
        shard.feedback.take(&mut shard.answers, &event, back);
    }
    let tally = shard.row();
    assert_eq!((tally.lists, tally.items, tally.clicks), (1, 6, 1));
}

#[test]
fn a_list_has_no_more_items_than_the_edge_answers() {
    let mut shard = Shard::default();
    for _ in 0..100 {
        shard.by(1, 100, &shown(id(1), "leia-tambem", 50));
    }
    assert_eq!((shard.row().lists, shard.row().items), (1, 50));
}

#[test]
fn placements_are_a_bounded_set_of_plain_names() {
    let mut shard = Shard::default();
    for nth in 0..30_u64 {
        shard.by(1, 100, &shown(id(nth), "leia-tambem", 1));
    }
    for name in ["a\"b", "ação", "", "x x", &"y".repeat(33)] {
        assert_eq!(label(name), OTHER, "{name}");
    }
    for nth in 0..1_000_u64 {
        let name: &'static str = Box::leak(format!("made-up-{nth}").into_boxed_str());
        shard.by(1, 100, &shown(id(100 + nth), name, 1));
    }
    assert!(shard.feedback.placements.len() <= PLACEMENTS_MAX + 1);
    let lists =
        |feedback: &Feedback, name: &str| feedback.rows().filter(|row| row.placement == name).map(|row| row.tally.lists).sum::<u64>();
    assert_eq!(lists(&shard.feedback, "leia-tambem"), 30, "what is really used stays");
    assert_eq!(shard.feedback.rows().map(|row| row.tally.lists).sum::<u64>(), 1_030, "nothing is lost");
    let mut sum = Feedback::default();
    sum.add(&shard.feedback);
    sum.add(&shard.feedback);
    assert_eq!(lists(&sum, "leia-tambem"), 60);
    assert_eq!(sum.rows().map(|row| row.tally.lists).sum::<u64>(), 2_060);
    assert!(sum.placements.len() <= PLACEMENTS_MAX + 1);
}
