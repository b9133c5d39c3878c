//! What is decided, by tables.

use super::*;

const NOW_MS: u64 = 1_795_337_000_000;
const POLICY: Policy = Policy { metric: Metric::Records, target_pct: 70, shards_min: 1, shards_max: 100, cool_down_s: 900 };

/// A stream whose minutes had so many records a second, oldest first, the last one a minute ago.
fn seen(open_shards: u32, per_s: &[u64]) -> Seen {
    let minute =
        |(index, per_s): (usize, &u64)| Minute { at_ms: NOW_MS - (u64::try_from(index).unwrap() + 1) * MINUTE_MS, sum: per_s * 60 };
    let minutes = per_s.iter().rev().enumerate().map(minute).collect();
    Seen { now_ms: NOW_MS, open_shards, is_active: true, minutes, changes: Changes::default() }
}

fn changed(seen: Seen, count: u64, last_before_s: u64) -> Seen {
    let times = (0..count).map(|n| format!("{}=2", NOW_MS / 1_000 - last_before_s - n * 60));
    Seen { changes: Changes::parse(&times.collect::<Vec<_>>().join(" ")), ..seen }
}

fn change(to: u32) -> Decision {
    Decision::Change { to }
}

#[test]
fn the_target_is_tracked() {
    for (open, per_s, wanted) in [
        (2, 1_400, Decision::Keep(Reason::Fits)),
        (2, 1_401, change(3)),
        (4, 2_801, change(5)),
        (10, 7_001, change(13)),
        (10, 9_100, change(13)),
        (10, 9_101, change(14)),
    ] {
        assert_eq!(POLICY.decide(&seen(open, &[per_s; 18])), wanted, "{open} {per_s}");
    }
}

#[test]
fn a_stream_at_most_doubles_and_at_least_halves() {
    assert_eq!(POLICY.decide(&seen(2, &[50_000; 18])), change(4));
    assert_eq!(POLICY.decide(&seen(9, &[0; 18])), change(5));
    assert_eq!(POLICY.decide(&seen(2, &[0; 18])), change(1));
    assert_eq!(POLICY.decide(&seen(1, &[0; 18])), Decision::Keep(Reason::Fits));
}

#[test]
fn one_minute_of_the_last_five_is_enough_to_go_up() {
    assert_eq!(POLICY.decide(&seen(2, &[100, 2_800, 100, 100, 100, 100])), change(4));
    assert_eq!(POLICY.decide(&seen(2, &[2_800, 100, 100, 100, 100, 100])), Decision::Keep(Reason::Fits));
}

#[test]
fn one_minute_of_all_is_enough_not_to_go_down() {
    let mut minutes = [100; 18];
    minutes[0] = 2_800;
    assert_eq!(POLICY.decide(&seen(4, &minutes)), Decision::Keep(Reason::Fits));
    minutes[0] = 100;
    assert_eq!(POLICY.decide(&seen(4, &minutes)), change(2));
}

#[test]
fn a_little_less_is_not_worth_a_change() {
    assert_eq!(POLICY.decide(&seen(10, &[5_600; 18])), Decision::Keep(Reason::Fits));
    assert_eq!(POLICY.decide(&seen(10, &[4_900; 18])), change(7));
}

#[test]
fn down_waits_for_the_cool_down_and_up_does_not() {
    assert_eq!(POLICY.decide(&changed(seen(4, &[0; 18]), 1, 100)), Decision::Keep(Reason::CoolDown { left_s: 800 }));
    assert_eq!(POLICY.decide(&changed(seen(4, &[0; 18]), 1, 900)), change(2));
    assert_eq!(POLICY.decide(&changed(seen(4, &[5_000; 18]), 1, 100)), change(8));
}

#[test]
fn the_last_changes_of_a_day_are_for_going_up() {
    for (spent, down, up) in [
        (6, change(2), change(8)),
        (7, Decision::Keep(Reason::KeptForUp), change(8)),
        (9, Decision::Keep(Reason::KeptForUp), change(8)),
        (10, Decision::Keep(Reason::KeptForUp), Decision::Keep(Reason::Spent { wanted: 8 })),
    ] {
        assert_eq!(POLICY.decide(&changed(seen(4, &[0; 18]), spent, 1_000)), down, "{spent}");
        assert_eq!(POLICY.decide(&changed(seen(4, &[5_000; 18]), spent, 1_000)), up, "{spent}");
    }
}

#[test]
fn what_is_missing_is_unknown_not_idle() {
    assert_eq!(POLICY.decide(&seen(4, &[])), Decision::Keep(Reason::NoData));
    assert_eq!(POLICY.decide(&seen(4, &[0; 14])), Decision::Keep(Reason::FewMinutes { known: 14 }));
    assert_eq!(POLICY.decide(&seen(4, &[0; 15])), change(2));
    let mut stale = seen(4, &[5_000; 15]);
    stale.now_ms += STALE_MS;
    assert_eq!(POLICY.decide(&stale), Decision::Keep(Reason::NoData));
}

#[test]
fn the_operator_has_the_last_word() {
    let policy = Policy { shards_min: 3, shards_max: 6, ..POLICY };
    assert_eq!(policy.decide(&seen(4, &[9_000; 18])), change(6));
    assert_eq!(policy.decide(&seen(6, &[9_000; 18])), Decision::Keep(Reason::AtMax { wanted: 13 }));
    assert_eq!(policy.decide(&seen(4, &[0; 18])), change(3));
    assert_eq!(policy.decide(&seen(3, &[0; 18])), Decision::Keep(Reason::Fits));
    assert_eq!(policy.decide(&seen(1, &[0; 18])), change(2), "up to the minimum, at most double");
    assert_eq!(policy.decide(&seen(7, &[4_000; 18])), change(6), "down to the maximum");
}

#[test]
fn bytes_have_a_limit_of_their_own() {
    let policy = Policy { metric: Metric::Bytes, target_pct: 100, ..POLICY };
    assert_eq!(policy.decide(&seen(2, &[2 * 1_048_576; 18])), Decision::Keep(Reason::Fits));
    assert_eq!(policy.decide(&seen(2, &[2 * 1_048_576 + 1; 18])), change(3));
    assert_eq!(policy.decide(&seen(2, &[u64::MAX / 60; 18])), change(4));
}

#[test]
fn a_stream_that_changes_is_left_alone() {
    assert_eq!(POLICY.decide(&Seen { is_active: false, ..seen(2, &[9_000; 18]) }), Decision::Keep(Reason::NotActive));
    assert_eq!(POLICY.decide(&seen(0, &[9_000; 18])), Decision::Keep(Reason::NotActive));
}

#[test]
fn an_operator_reads_what_was_seen() {
    let text = changed(seen(2, &[2_800; 18]), 1, 60).describe(&POLICY);
    assert_eq!(text, "open shards 2, peak 2800 records/s, 140 % full (target 70 %), 18 minutes known, 1 of 10 changes in 24 h");
    assert!(seen(2, &[]).describe(&POLICY).starts_with("open shards 2, no load known, 0 minutes known"));
}
