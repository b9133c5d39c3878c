//! What lock-step promises.

use super::args::{ReplayArgs, Set};
use super::*;

fn args(edge: bool) -> EvaluateArgs {
    EvaluateArgs {
        lockstep: true,
        publish_every_s: None,
        edge,
        set: Set::A,
        base: false,
        freeze_after: None,
        replay: ReplayArgs::default(),
    }
}

/// 1,200 clicks: readers of `a0` go on to `b0`, those of `a1` to `b1`, and so on.
fn play(lockstep: &mut Lockstep) -> String {
    let mut answer = String::new();
    for click in 0..600_u64 {
        for (page, offset_ms) in [("a", 0), ("b", 400)] {
            let line = format!("{}\ts{click}\t{page}{}\tv\t4\t3\t2\t1\t21\t2", 1_789_873_200_000 + click * 1_000 + offset_ms, click % 20);
            answer = lockstep.answer(&line).unwrap();
            assert!(answer.split_whitespace().all(|item| item != format!("{page}{}", click % 20)), "the page itself in {answer}");
            assert!(answer.split_whitespace().count() <= ANSWER_ITEMS);
        }
    }
    lockstep.answer("1789874705000\tlast\ta7").unwrap_or(answer)
}

#[test]
fn what_followed_before_is_expected_to_follow_again() {
    for is_edge in [false, true] {
        let answer = play(&mut Lockstep::new(&args(is_edge)).unwrap());
        assert_eq!(answer.split_whitespace().next(), Some("b7"), "edge {is_edge}: {answer}");
    }
}

#[test]
fn the_same_clicks_get_the_same_answers() {
    assert_eq!(play(&mut Lockstep::new(&args(true)).unwrap()), play(&mut Lockstep::new(&args(true)).unwrap()));
}

#[test]
fn who_learns_nothing_answers_nothing() {
    let mut lockstep = Lockstep::new(&EvaluateArgs { freeze_after: Some(0), ..args(false) }).unwrap();
    assert_eq!(play(&mut lockstep), "");
}

#[test]
fn a_bad_line_is_refused_and_the_next_is_answered() {
    let mut lockstep = Lockstep::new(&args(false)).unwrap();
    assert!(lockstep.answer("nonsense").is_err());
    assert_eq!(lockstep.answer("1789874705000\ts\ta"), Ok(String::new()));
}
