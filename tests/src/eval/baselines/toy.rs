//! Every baseline on ten clicks whose answers were computed by hand.

use super::{Baseline, CoOccurrence, DecayedRules, ItemKnn, RecentlyPopular, SequentialRules, VmisKnn, decayed_rules, item_knn, vmis_knn};
use crate::baselines::Pairwise;
use crate::click::{CONTEXT_LEN, Click, HOUR_MS, ItemId, SessionId};
use crate::recommender::Recommender;
use crate::sessions::Sessions;

const MINUTE_MS: u64 = 60_000;
const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const D: u32 = 3;

/// Minute, session, article. Sessions: 0 = A B C, 1 = A C, 2 = B C D, 3 = A D.
const CLICKS: [(u64, u32, u32); 10] =
    [(0, 0, A), (1, 0, B), (2, 1, A), (3, 0, C), (4, 1, C), (5, 2, B), (6, 2, C), (30, 2, D), (62, 3, A), (63, 3, D)];

fn click(minute: u64, session: u32, item: u32) -> Click {
    Click { at_ms: minute * MINUTE_MS, session: SessionId(session), item: ItemId(item), visitor: session, context: [0; CONTEXT_LEN] }
}

/// Learns the ten, then a new session opens `item` in minute 64: what is it shown?
fn shown(mut recommender: impl Recommender, item: u32) -> Vec<u32> {
    let mut sessions = Sessions::default();
    for (minute, session, item) in CLICKS {
        let click = click(minute, session, item);
        recommender.learn(&click, sessions.open(&click));
    }
    let click = click(64, 9, item);
    let history = sessions.open(&click);
    recommender.learn(&click, history);
    let mut list = Vec::new();
    recommender.recommend(&click, history, &mut list);
    list.iter().map(|item| item.0).collect()
}

#[test]
fn recently_popular_counts_the_last_hour() {
    // From minute 5 on, minute 4 is an hour old: B 5; C 6; D 30, 63; A 62, 64. A is open.
    assert_eq!(shown(RecentlyPopular::new(HOUR_MS), A), [D, B, C]);
    // Five minutes: A 62, D 63, B 64.
    assert_eq!(shown(RecentlyPopular::new(5 * MINUTE_MS), B), [A, D]);
}

#[test]
fn co_occurrence_counts_pairs_of_a_session() {
    // C stands with A twice, with B twice, with D once; of equals the article that was clicked first.
    assert_eq!(shown(CoOccurrence::default(), C), [A, B, D]);
    // A stands with C twice, with B and D once.
    assert_eq!(shown(CoOccurrence::default(), A), [C, B, D]);
}

#[test]
fn item_knn_divides_by_support() {
    // Supports when C is opened anew: A 3, B 2, C 4, D 2. Towards C: A 2/sqrt(3), B 2/sqrt(2), D 1/sqrt(2).
    assert_eq!(shown(ItemKnn::new(item_knn::Parameters { regularisation: 0.0, alpha: 0.5 }), C), [B, A, D]);
    // Alpha 0: only the open article's count would divide, so it is as CO.
    assert_eq!(shown(ItemKnn::new(item_knn::Parameters { regularisation: 0.0, alpha: 0.0 }), C), [A, B, D]);
}

#[test]
fn sequential_rules_look_forward_only() {
    // After A: B 1, C 1/2 + 1, D 1. After B: C 1 + 1, D 1/2. After C: D 1.
    assert_eq!(shown(SequentialRules::default(), A), [C, B, D]);
    assert_eq!(shown(SequentialRules::default(), B), [C, D]);
    assert_eq!(shown(SequentialRules::default(), C), [D]);
    assert_eq!(shown(SequentialRules::default(), D), Vec::<u32>::new());
    let mut rules = SequentialRules::default();
    rules.follow(&[A, B].map(ItemId));
    rules.follow(&[A, B, C].map(ItemId));
    assert!((rules.weight(ItemId(A), ItemId(C)) - 0.5).abs() < 1e-12);
    assert!(rules.weight(ItemId(C), ItemId(A)).abs() < 1e-12);
}

#[test]
fn vmis_knn_asks_the_latest_sessions() {
    // B was opened by sessions 0 (A B C) and 2 (B C D), each as similar: C 2 votes, A and D 1; without rarity.
    let with = |latest, neighbours, rarity| vmis_knn::Parameters { latest, neighbours, rarity };
    assert_eq!(shown(VmisKnn::new(with(10, 10, 0.0)), B), [C, A, D]);
    // Rarity over 5 sessions: C 2(1 + ln 5/3) = 3.02, A the same with one vote = 1.51, D 1 + ln 5/2 = 1.92.
    assert_eq!(shown(VmisKnn::new(with(10, 10, 1.0)), B), [C, D, A]);
    // Only the latest one: session 2. The asking session is the latest of all, and takes one of the places.
    assert_eq!(shown(VmisKnn::new(with(2, 10, 0.0)), B), [C, D]);
    // Only one votes: of equals the later.
    assert_eq!(shown(VmisKnn::new(with(10, 1, 0.0)), B), [C, D]);
}

#[test]
fn decayed_rules_forget_the_morning() {
    let parameters = |popularity| decayed_rules::Parameters {
        rule_half_ms: 10 * MINUTE_MS,
        popularity_half_ms: 10 * MINUTE_MS,
        items: 5,
        smoothing: 1.0,
        popularity,
    };
    // After A at minute 63: D 1; C 1/2 of minute 3 and 1 of minute 4, B 1 of minute 1, all faded to a sixtieth or less.
    assert_eq!(shown(DecayedRules::new(parameters(0.0)), A), [D, C, B]);
    // Nobody went on from D: only popularity, of clicks that were no session's first: C (3, 4, 6) and B (1).
    assert_eq!(shown(DecayedRules::new(parameters(1.0)), D), [C, B]);
}

#[test]
fn no_baseline_shows_what_was_read() {
    for baseline in Baseline::ALL {
        let mut recommender = baseline.make();
        let mut sessions = Sessions::default();
        let mut list = Vec::new();
        for (minute, session, item) in CLICKS {
            let click = click(minute, session, item);
            let history = sessions.open(&click);
            recommender.learn(&click, history);
            recommender.recommend(&click, history, &mut list);
            assert!(list.iter().all(|item| !history.contains(item)), "{baseline:?} at {minute}");
        }
    }
}
