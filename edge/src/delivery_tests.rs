//! Every way that a delivery can take.

use super::*;

fn parcels(count: usize) -> Vec<Parcel> {
    let parcel = |n| Parcel {
        portal: PortalId::parse("g1").unwrap(),
        key: format!("key{n}"),
        data: format!("{{\"record\":{n}}}\n"),
        attempts: 0,
        first_failed_at_ms: None,
    };
    (0..count).map(parcel).collect()
}

fn start(holder: Holder, count: usize) -> (Delivery, Effect) {
    Delivery::start(holder, parcels(count), Permit::Through, 0, 7)
}

fn failed(reason: &str) -> Outcome {
    Outcome::failed(reason)
}

fn put(outcomes: Vec<Outcome>) -> Input {
    Input::Put { outcomes, has_learnt_skew: false }
}

#[test]
fn what_is_stored_is_safe() {
    let (mut delivery, effect) = start(Holder::Page, 1);
    assert_eq!(effect, Effect::Put(vec![0]));
    assert_eq!(delivery.next(&put(vec![Outcome::Stored]), 8), Effect::Answer(vec![Verdict::Safe]));
}

#[test]
fn of_k_failures_in_n_exactly_those_go_to_the_queue() {
    for n in 1..=20_usize {
        for k in 1..=n {
            let (mut delivery, _) = start(Holder::Page, n);
            // Spread the failures over the batch.
            let is_failed = |index: usize| (index + k) % n < k;
            let outcomes = (0..n).map(|index| if is_failed(index) { failed("throttled") } else { Outcome::Stored }).collect();
            let Effect::Enqueue { messages, .. } = delivery.next(&put(outcomes), 8) else { panic!("{k} of {n}: not enqueued") };
            let sent: Vec<_> = messages.iter().map(|text| RetryMessage::parse(text).unwrap().record).collect();
            let expected: Vec<_> = (0..n).filter(|index| is_failed(*index)).map(|index| format!("{{\"record\":{index}}}\n")).collect();
            assert_eq!(sent, expected, "{k} of {n}");
            assert_eq!(delivery.next(&Input::Enqueued { is_safe: true }, 9), Effect::Answer(vec![Verdict::Safe; n]));
        }
    }
}

#[test]
fn an_answer_with_another_count_says_nothing_about_any_record() {
    for outcomes in [vec![], vec![Outcome::Stored], vec![Outcome::Stored; 3]] {
        let (mut delivery, _) = start(Holder::Page, 2);
        let effect = delivery.next(&put(outcomes), 8);
        assert!(matches!(&effect, Effect::Enqueue { messages, .. } if messages.len() == 2), "{effect:?}");
    }
}

#[test]
fn when_the_queue_fails_too_the_page_keeps_what_is_not_stored() {
    let (mut delivery, _) = start(Holder::Page, 2);
    delivery.next(&put(vec![Outcome::Stored, failed("timeout")]), 8);
    let Effect::Answer(verdicts) = delivery.next(&Input::Enqueued { is_safe: false }, 9) else { panic!("not answered") };
    assert!(matches!(verdicts.as_slice(), [Verdict::Safe, Verdict::Kept { reason, .. }] if reason == "timeout"));
}

#[test]
fn a_message_keeps_its_history() {
    let mut old = parcels(1);
    for parcel in &mut old {
        (parcel.attempts, parcel.first_failed_at_ms) = (4, Some(3));
    }
    let (mut delivery, _) = Delivery::start(Holder::Page, old, Permit::Through, 0, 7);
    let Effect::Enqueue { messages, .. } = delivery.next(&put(vec![failed("timeout")]), 8) else { panic!("not enqueued") };
    let header = RetryMessage::parse(&messages[0]).unwrap().header;
    assert_eq!((header.attempts, header.first_failed_at_ms, header.reason.as_str()), (5, 3, "timeout"));
}

#[test]
fn an_open_breaker_sends_straight_to_the_queue() {
    let (mut delivery, effect) = Delivery::start(Holder::Page, parcels(1), Permit::Blocked { open_for_ms: 900_000 }, 0, 7);
    assert!(matches!(effect, Effect::Enqueue { .. }), "the page's records are never set aside: {effect:?}");
    assert_eq!(delivery.next(&Input::Enqueued { is_safe: true }, 8), Effect::Answer(vec![Verdict::Safe]));
}

#[test]
fn the_queue_keeps_what_is_not_stored_and_forgets_what_is() {
    let (mut delivery, _) = start(Holder::Queue, 3);
    let Effect::Answer(verdicts) = delivery.next(&put(vec![Outcome::Stored, failed("throttled"), Outcome::Stored]), 8) else {
        panic!("not answered")
    };
    assert!(matches!(verdicts.as_slice(), [Verdict::Safe, Verdict::Kept { .. }, Verdict::Safe]), "{verdicts:?}");
}

#[test]
fn a_short_outage_stays_in_the_queue_and_a_long_one_is_set_aside() {
    let short = Permit::Blocked { open_for_ms: SPILL_AFTER_MS - 1 };
    let (_, effect) = Delivery::start(Holder::Queue, parcels(2), short, 0, 7);
    assert!(matches!(effect, Effect::Answer(verdicts) if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Kept { .. }))));

    let long = Permit::Blocked { open_for_ms: SPILL_AFTER_MS };
    let (mut delivery, effect) = Delivery::start(Holder::Queue, parcels(2), long, 0, 7);
    assert!(matches!(effect, Effect::Spill(messages) if messages.len() == 2));
    assert_eq!(delivery.next(&Input::Spilled { is_safe: true }, 8), Effect::Answer(vec![Verdict::Safe; 2]));

    let (mut delivery, _) = Delivery::start(Holder::Queue, parcels(1), long, 0, 7);
    let effect = delivery.next(&Input::Spilled { is_safe: false }, 8);
    assert!(matches!(effect, Effect::Answer(verdicts) if matches!(verdicts[0], Verdict::Kept { .. })), "an unconfirmed spill is none");
}

#[test]
fn what_was_set_aside_stays_there_until_it_is_stored() {
    let (mut delivery, _) = start(Holder::Spill, 2);
    let Effect::Answer(verdicts) = delivery.next(&put(vec![failed("status_500"), Outcome::Stored]), 8) else { panic!("not answered") };
    assert!(matches!(verdicts.as_slice(), [Verdict::Kept { .. }, Verdict::Safe]));
}

#[test]
fn a_learnt_clock_is_tried_once_and_only_for_what_failed() {
    let skewed = || Input::Put { outcomes: vec![failed("RequestTimeTooSkewed"); 2], has_learnt_skew: true };
    let (mut delivery, _) = start(Holder::Page, 2);
    assert_eq!(delivery.next(&skewed(), 8), Effect::Put(vec![0, 1]));
    assert!(matches!(delivery.next(&skewed(), 9), Effect::Enqueue { .. }), "one extra attempt, not more");
}

#[test]
fn waits_grow_with_the_outage_and_are_spread() {
    let now_ms = 100_000_000;
    let delay = |waited_s: u64, reason: &str, jitter| {
        let mut one = parcels(1);
        for parcel in &mut one {
            parcel.first_failed_at_ms = Some(now_ms - waited_s * 1_000);
        }
        let permit = if reason == BLOCKED { Permit::Blocked { open_for_ms: 1 } } else { Permit::Through };
        let (mut delivery, effect) = Delivery::start(Holder::Queue, one, permit, jitter, now_ms);
        let effect = if matches!(effect, Effect::Put(_)) { delivery.next(&put(vec![failed(reason)]), now_ms) } else { effect };
        match effect {
            Effect::Answer(verdicts) => match verdicts.first() {
                Some(Verdict::Kept { delay_s, .. }) => *delay_s,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let shortest = |reason| [0, 4, 64, 1_800, 90_000].map(|waited_s| delay(waited_s, reason, 0));
    assert_eq!(shortest("timeout"), [1, 2, 32, 450, 450]);
    assert_eq!(shortest(BLOCKED), [1, 2, 15, 15, 15], "what was not tried is tried soon after the stream is back");
    assert_eq!(shortest("AccessDeniedException"), [150, 150, 150, 450, 450], "what a person has to mend is not tried hot");
    let spread: std::collections::BTreeSet<u32> = (0..1_000).map(|jitter| delay(64, "timeout", jitter)).collect();
    assert_eq!((spread.first(), spread.last(), spread.len()), (Some(&32), Some(&64), 33));
}
