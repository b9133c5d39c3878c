use super::*;

fn parcel(portal: &str, data: &str) -> Parcel {
    let portal = PortalId::parse(portal).unwrap();
    Parcel { portal, key: "k".to_owned(), data: data.to_owned(), attempts: 0, first_failed_at_ms: None }
}

fn answer(accepted: usize) -> CollectAnswer {
    CollectAnswer { accepted, rejected: Vec::new(), ignored: Vec::new() }
}

fn board(lanes: &mut Lanes, portal: &str, number: usize) -> (Seat, Role) {
    lanes.board(parcel(portal, &format!("{number}")), answer(number), true, 0)
}

fn kept(reason: &str) -> Verdict {
    Verdict::Kept { reason: reason.to_owned(), delay_s: 2 }
}

#[test]
fn when_it_is_quiet_a_flight_leaves_at_once() {
    let mut lanes = Lanes::default();
    let (seat, role) = board(&mut lanes, "g1", 1);
    assert_eq!(role, Role::Lead { after: None });
    assert_eq!(lanes.depart(seat.flight).unwrap().len(), 1);
    lanes.land(seat.flight, vec![Verdict::Safe]);
    assert!(matches!(lanes.claim(seat), Claim::Decided(Verdict::Safe, told) if told == answer(1)));
    assert!(lanes.is_empty());
    assert_eq!(board(&mut lanes, "g1", 2).1, Role::Lead { after: None });
}

#[test]
fn what_comes_while_a_call_is_in_the_air_leaves_together() {
    let mut lanes = Lanes::default();
    let (first, _) = board(&mut lanes, "g1", 1);
    lanes.depart(first.flight).unwrap();
    let (second, role) = board(&mut lanes, "g1", 2);
    assert_eq!(role, Role::Lead { after: Some(first.flight) });
    let (third, role) = board(&mut lanes, "g1", 3);
    assert_eq!((third.flight, third.index, role), (second.flight, 1, Role::Follow));
    assert_eq!(board(&mut lanes, "ge", 4).1, Role::Lead { after: None }, "another stream waits for nobody");
    lanes.land(first.flight, vec![Verdict::Safe]);
    let sent: Vec<_> = lanes.depart(second.flight).unwrap().into_iter().map(|parcel| parcel.data).collect();
    assert_eq!(sent, ["2", "3"]);
    assert_eq!(lanes.depart(second.flight), None, "once");
}

#[test]
fn each_is_told_its_own_verdict_once() {
    let mut lanes = Lanes::default();
    let (first, _) = board(&mut lanes, "g1", 1);
    lanes.depart(first.flight).unwrap();
    let seats: Vec<_> = (2..5).map(|number| board(&mut lanes, "g1", number).0).collect();
    let flight = seats[0].flight;
    assert!(matches!(lanes.claim(seats[1]), Claim::Waiting));
    lanes.depart(flight).unwrap();
    lanes.land(flight, vec![Verdict::Safe, kept("throttled"), Verdict::Safe]);
    assert!(matches!(lanes.claim(seats[1]), Claim::Decided(Verdict::Kept { .. }, told) if told == answer(3)));
    assert!(matches!(lanes.claim(seats[1]), Claim::Gone));
    assert!(matches!(lanes.claim(seats[2]), Claim::Decided(Verdict::Safe, told) if told == answer(4)));
    assert!(matches!(lanes.claim(seats[0]), Claim::Decided(Verdict::Safe, told) if told == answer(2)));
    assert!(matches!(lanes.claim(seats[0]), Claim::Gone));
    assert_eq!(lanes.len(), 1, "only the first is still in the air");
}

#[test]
fn a_flight_has_room_for_what_one_send_to_the_queue_takes() {
    let mut lanes = Lanes::default();
    let (first, _) = board(&mut lanes, "g1", 0);
    lanes.depart(first.flight).unwrap();
    let seats: Vec<_> = (0..=RECORDS_MAX).map(|number| board(&mut lanes, "g1", number)).collect();
    assert_eq!((seats[0].1, seats[1].1), (Role::Lead { after: Some(first.flight) }, Role::Follow));
    assert_eq!(seats[RECORDS_MAX].1, Role::Lead { after: Some(seats[0].0.flight) });
    let large = parcel("ge", &"x".repeat(BYTES_MAX / 2 + 1));
    let (one, _) = lanes.board(large.clone(), answer(1), true, 0);
    let (two, role) = lanes.board(large, answer(1), true, 0);
    assert_eq!(role, Role::Lead { after: Some(one.flight) });
    assert_ne!(one.flight, two.flight);
}

#[test]
fn without_gathering_each_leaves_alone_and_at_once() {
    let mut lanes = Lanes::default();
    for number in 0..3 {
        let (seat, role) = lanes.board(parcel("g1", "x"), answer(number), false, 0);
        assert_eq!((seat.index, role), (0, Role::Lead { after: None }));
    }
    assert_eq!(lanes.len(), 3);
}

#[test]
fn seats_that_nobody_asks_for_are_forgotten_in_time() {
    let mut lanes = Lanes::default();
    let (lost, _) = board(&mut lanes, "g1", 1);
    lanes.board(parcel("g1", "x"), answer(2), false, FORGOTTEN_AFTER_MS - 1);
    assert_eq!(lanes.len(), 2);
    lanes.board(parcel("g1", "x"), answer(3), false, FORGOTTEN_AFTER_MS);
    assert_eq!(lanes.len(), 2);
    assert!(matches!(lanes.claim(lost), Claim::Gone));
    assert_eq!(board(&mut lanes, "g1", 4).1, Role::Lead { after: None }, "nor does anybody wait for it");
}

#[test]
fn an_abandoned_seat_does_not_keep_its_siblings_waiting() {
    let mut lanes = Lanes::default();
    let (leader, _) = board(&mut lanes, "g1", 1);
    let (follower, role) = board(&mut lanes, "g1", 2);
    assert_eq!(role, Role::Follow);
    // The leader is gone; the follower sends the flight, with the leader's record.
    assert!(matches!(lanes.claim(follower), Claim::Waiting));
    assert_eq!(lanes.depart(follower.flight).unwrap().len(), 2);
    lanes.land(follower.flight, vec![Verdict::Safe; 2]);
    assert!(matches!(lanes.claim(follower), Claim::Decided(Verdict::Safe, _)));
    assert!(matches!(lanes.claim(leader), Claim::Decided(Verdict::Safe, _)));
}
