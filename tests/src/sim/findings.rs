//! What the simulator found once, kept so that it stays mended.

use super::plan::{HOUR_MS, MINUTE_MS, Outage, Part, Plan, PutFault};
use super::rng::Rng;
use super::run::{self, Played};

fn streams_down(portal: Option<&'static str>, to_ms: u64) -> Outage {
    Outage { part: Part::Streams(portal, PutFault::Refused(500, "")), from_ms: 0, to_ms }
}

fn store_down(to_ms: u64) -> Outage {
    Outage { part: Part::Store, from_ms: 0, to_ms }
}

fn play(plan: Plan) -> Played {
    run::play(plan, Rng::new(0), None, true, |_| {}).unwrap()
}

#[test]
fn a_portal_whose_stream_is_down_does_not_hold_up_another() {
    let mut plan = Plan::fair(400);
    plan.outages = vec![streams_down(None, 30 * MINUTE_MS), streams_down(Some("g1"), 6 * HOUR_MS)];
    let played = play(plan);
    let last = played.steps.iter().rev().find(|step| step.text.contains("ge-events stores")).unwrap();
    assert!(last.at_ms < 2 * HOUR_MS, "ge is up since minute 30 and has its last record in minute {}", last.at_ms / MINUTE_MS);
}

#[test]
fn poison_outlives_two_hours_without_the_store() {
    let mut plan = Plan::fair(20);
    plan.poison = 5;
    plan.outages = vec![store_down(2 * HOUR_MS)];
    assert_eq!(play(plan).broken, Vec::<String>::new());
}

#[test]
fn events_outlive_thirty_hours_without_streams_and_store() {
    let mut plan = Plan::fair(100);
    plan.outages = vec![streams_down(None, 30 * HOUR_MS), store_down(30 * HOUR_MS)];
    assert_eq!(play(plan).broken, Vec::<String>::new());
}

#[test]
fn a_copy_that_comes_after_days_is_not_counted_again() {
    let mut plan = Plan::fair(20);
    plan.outages = vec![Outage { part: Part::Streams(None, PutFault::StoredThenReset), from_ms: 0, to_ms: 30 * HOUR_MS }];
    let played = play(plan);
    assert_eq!(played.broken, Vec::<String>::new());
    assert!(played.totals.late > 0, "no copy came late");
}
