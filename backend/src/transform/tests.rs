//! What comes of records, in order and out of it.

use wire::{Envelope, Event, EventKind, Portals};

use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../wire/tests/golden/envelope.json");
const T0: u64 = 1_795_337_005_400;
const MINUTE: u64 = 60_000;

fn g1() -> Portal {
    let portals: Portals = toml::from_str(include_str!("../../../portals.toml")).unwrap();
    portals.get("g1").unwrap().clone()
}

fn transform() -> Transform {
    Transform::new(g1(), false)
}

/// An article's pageview at a time, with these events.
fn record(pageview: u128, at_ms: u64, kinds: Vec<EventKind>) -> Envelope {
    let mut envelope = Envelope::parse(GOLDEN).unwrap();
    envelope.batch.pageview = PageviewId::from_bits(pageview);
    envelope.edge.received_at_ms = at_ms;
    envelope.edge.skew_ms = 0;
    let event = |(seq, kind)| Event { seq, at_ms, kind };
    envelope.batch.events = (0..).zip(kinds).map(event).collect();
    envelope
}

fn engaged(engaged_ms: u64, scroll_pct: u8) -> EventKind {
    EventKind::Engagement { engaged_ms, scroll_pct }
}

fn custom(name: &str) -> EventKind {
    EventKind::Custom { name: name.to_owned(), props: std::collections::BTreeMap::default() }
}

fn apply(transform: &mut Transform, record: &Envelope, arrived_at_ms: u64, out: &mut Vec<Interaction>) {
    let text = record.to_record().unwrap();
    transform.apply(&EnvelopeView::parse(text.as_bytes()).unwrap(), arrived_at_ms, out);
}

fn made(transform: &mut Transform, records: &[Envelope]) -> Vec<Interaction> {
    let mut out = Vec::new();
    for record in records {
        apply(transform, record, record.edge.received_at_ms, &mut out);
    }
    out
}

#[test]
fn each_kind_is_made_once_in_a_pageview() {
    let mut transform = transform();
    let first = record(7, T0, vec![EventKind::Pageview, engaged(14_999, 74), engaged(15_000, 75), custom("share"), custom("sign")]);
    let mut later = record(7, T0 + MINUTE, vec![engaged(59_000, 80), engaged(60_000, 90)]);
    for (seq, event) in (10..).zip(&mut later.batch.events) {
        event.seq = seq;
    }
    let out = made(&mut transform, &[first.clone(), later.clone(), first, later]);
    let kinds: Vec<_> = out.iter().map(|interaction| (interaction.kind.as_str(), interaction.at_ms - T0)).collect();
    assert_eq!(kinds, [("view", 0), ("read_15", 0), ("read_75pct", 0), ("share", 0), ("read_60", MINUTE)]);
    assert_eq!(out[1].id, format!("{:032x}:read_15", 7));
    let counts = &transform.totals.counts;
    assert_eq!((counts.records, counts.events, counts.duplicates, counts.interactions, counts.sessions), (4, 7, 7, 5, 1));
}

#[test]
fn a_probe_is_nobodys_pageview() {
    let mut transform = transform();
    let mut probe = record(7, T0, Vec::new());
    probe.batch.bot = true;
    assert_eq!(made(&mut transform, &[probe.clone(), probe]), []);
    let counts = &transform.totals.counts;
    assert_eq!((counts.records, counts.events, counts.sessions), (2, 0, 0));
    assert!(transform.open.is_empty() && transform.latest_ms == 0);
}

#[test]
fn every_kind_says_its_network_and_a_view_its_surroundings() {
    let both = record(7, T0, vec![EventKind::Pageview, engaged(15_000, 0)]);
    let mut nowhere = record(8, T0, vec![EventKind::Pageview]);
    nowhere.edge.network = None;
    let out = made(&mut transform(), &[both.clone(), nowhere]);
    let [view, read, unknown] = &out[..] else { panic!("{out:?}") };
    assert!(both.edge.network.is_some());
    assert_eq!([view.network, read.network, unknown.network], [both.edge.network, both.edge.network, None]);
    let context = view.context.clone().unwrap();
    let texts = [&context.browser, &context.os, &context.device, &context.country, &context.region].map(String::as_str);
    assert_eq!((texts, context.source), (["chrome", "android", "mobile", "BR", "RJ"], wire::Source::Search));
    assert_eq!(read.context, None);
}

#[test]
fn a_list_that_is_sent_twice_is_seen_once() {
    let rec_id = wire::RecId::stamped(16, wire::RecommendationSource::Similar, wire::SetName::A);
    let seen = EventKind::Impression { rec_id, placement: "leia-tambem".to_owned(), items: vec![Item::parse("/a").unwrap(); 3] };
    let followed = EventKind::Click {
        href: "https://g1.example/a".to_owned(),
        link: wire::LinkKind::Internal,
        rec_id: Some(rec_id),
        position: Some(1),
    };
    let first = record(7, T0, vec![EventKind::Pageview, seen, followed]);
    let mut bot = record(8, T0, first.batch.events.iter().map(|event| event.kind.clone()).collect());
    bot.batch.bot = true;
    let mut transform = transform();
    made(&mut transform, &[first.clone(), first, bot]);
    let rows: Vec<_> = transform.totals.feedback.rows().collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].source, rows[0].tally.lists, rows[0].tally.items, rows[0].tally.clicks), ("similar", 1, 3, 1));
}

#[test]
fn a_card_is_sent_from_several_networks_and_then_not_again_for_a_minute() {
    let mut transform = transform();
    let from = |pageview: u128, network: u64, at_ms: u64| {
        let mut record = record(pageview, at_ms, vec![EventKind::Pageview]);
        record.edge.network = Some(wire::NetworkId::from_bits(network));
        record
    };
    let records: Vec<_> = (0..20).map(|n| from(n, u64::try_from(n / 2).unwrap(), T0)).collect();
    let sent = |out: &[Interaction]| out.iter().filter(|interaction| interaction.card.is_some()).count();
    assert_eq!(sent(&made(&mut transform, &records)), CARD_NETWORKS);
    assert_eq!(sent(&made(&mut transform, &[from(50, 1, T0 + CARD_AGAIN_MS), from(51, 1, T0 + CARD_AGAIN_MS)])), 1);
}

#[test]
fn only_articles_read_by_people_make_interactions() {
    let mut bot = record(1, T0, vec![EventKind::Pageview]);
    bot.batch.bot = true;
    let mut front = record(2, T0, vec![EventKind::Pageview]);
    front.batch.page = PageKind::Front;
    let mut transform = transform();
    assert_eq!(made(&mut transform, &[bot, front]), []);
    let counts = &transform.totals.counts;
    assert_eq!((counts.events, counts.bot_events, counts.sessions), (2, 1, 1));
    let mut seen_by_the_edge = record(3, T0, vec![EventKind::Pageview]);
    seen_by_the_edge.edge.bot = true;
    assert_eq!(made(&mut transform, &[seen_by_the_edge]), []);
    assert_eq!(transform.totals.counts.bot_events, 2);
}

#[test]
fn a_pageview_belongs_to_the_session_of_its_first_event() {
    let view = || vec![EventKind::Pageview];
    let records = [record(1, T0, view()), record(2, T0 + 29 * MINUTE, view()), record(3, T0 + 60 * MINUTE, view())];
    let mut later = record(2, T0 + 61 * MINUTE, vec![engaged(20_000, 1)]);
    later.batch.events[0].seq = 1;
    let mut transform = transform();
    let mut out = made(&mut transform, &records);
    out.extend(made(&mut transform, &[later]));
    let sessions: Vec<_> = out.iter().map(|interaction| interaction.session.bits()).collect();
    assert_eq!(sessions, [1, 1, 3, 1]);
    assert_eq!(transform.totals.counts.sessions, 2);
}

#[test]
fn a_card_is_sent_when_it_changes_and_once_a_minute() {
    let mut transform = transform();
    let view = |pageview, after_ms, title: &str| {
        let mut record = record(pageview, T0 + after_ms, vec![EventKind::Pageview]);
        record.batch.meta.as_mut().unwrap().title = Some(title.to_owned());
        record
    };
    let out = made(&mut transform, &[view(1, 0, "a"), view(2, 1, "a"), view(3, 2, "b"), view(4, CARD_AGAIN_MS + 2, "b")]);
    let titles: Vec<_> = out.iter().map(|interaction| interaction.card.as_ref().map(|card| card.title.as_str())).collect();
    assert_eq!(titles, [Some("a"), None, Some("b"), Some("b")]);
}

#[test]
fn what_comes_a_day_late_is_archived_only() {
    let mut late = record(1, T0, vec![EventKind::Pageview]);
    let mut transform = transform();
    let mut out = Vec::new();
    apply(&mut transform, &late, T0 + KEEP_MS + 1, &mut out);
    assert_eq!((out.len(), transform.totals.counts.late), (0, 1));
    late.edge.received_at_ms += 1;
    apply(&mut transform, &late, T0 + KEEP_MS + 1, &mut out);
    assert_eq!(out.len(), 1);
}

#[test]
fn what_is_posted_again_a_day_later_is_archived_only() {
    const DAY_MS: i64 = 86_400_000;
    let first = record(1, T0, vec![EventKind::Pageview]);
    let again = |skew_ms: i64| {
        let mut again = first.clone();
        again.edge.received_at_ms += u64::try_from(skew_ms.max(0)).unwrap();
        again.edge.skew_ms = skew_ms;
        again
    };
    let counts = |records: &[Envelope]| {
        let mut transform = transform();
        let out = made(&mut transform, records);
        (out.len(), transform.totals.counts.duplicates, transform.totals.counts.late)
    };
    assert_eq!(counts(&[first.clone(), again(DAY_MS / 2)]), (1, 1, 0));
    assert_eq!(counts(&[first.clone(), again(DAY_MS + 1)]), (1, 0, 1));
    // With a new time of sending its events are still old.
    let mut resent = again(DAY_MS + 1);
    resent.edge.skew_ms = 0;
    assert_eq!(counts(&[resent]), (0, 0, 1));
    let mut ahead = again(-2 * DAY_MS);
    ahead.batch.events[0].at_ms += 2 * KEEP_MS;
    assert_eq!(counts(&[ahead]), (1, 0, 0));
}

#[test]
fn who_is_erased_leaves_no_trace_until_he_comes_back() {
    let mut transform = transform();
    let before = record(1, T0, vec![EventKind::Pageview]);
    transform.erased.erase(before.edge.visitor, T0);
    assert_eq!(made(&mut transform, std::slice::from_ref(&before)), []);
    assert_eq!((transform.totals.counts.erased, transform.pageviews.len(), transform.visitors.len()), (1, 0, 0));
    assert_eq!(made(&mut transform, &[record(2, T0 + 1, vec![EventKind::Pageview])]).len(), 1);
}

#[test]
fn gaps_are_a_loss_when_the_pageview_is_quiet() {
    let mut transform = transform();
    let mut gappy = record(1, T0, vec![EventKind::Pageview, engaged(1, 1)]);
    gappy.batch.events[1].seq = 4;
    let other = |after_ms| record(2, T0 + after_ms, vec![EventKind::Pageview]);
    made(&mut transform, &[gappy.clone(), other(QUIET_MS)]);
    let lost =
        |transform: &Transform| transform.totals.loss.families().find(|(name, _)| *name == "chrome").map(|(_, tally)| tally).unwrap();
    assert_eq!(lost(&transform).lost, 0);
    made(&mut transform, &[other(QUIET_MS + 1)]);
    assert_eq!((lost(&transform).expected, lost(&transform).lost), (5, 3));
    gappy.batch.events[1].seq = 2;
    gappy.edge.received_at_ms += QUIET_MS;
    made(&mut transform, &[gappy]);
    assert_eq!((lost(&transform).lost, lost(&transform).recovered), (3, 1));
}

#[test]
fn a_wrong_clock_is_corrected_and_nothing_happens_in_the_future() {
    let mut envelope = record(1, T0, vec![EventKind::Pageview]);
    for (at_ms, skew_ms, received_at_ms, expected) in [
        (1_000, 91, 5_000, 1_091),
        (1_000, -400, 5_000, 600),
        (4_000, 2_000, 5_000, 5_000),
        (100, -400, 5_000, 0),
        (u64::MAX, i64::MAX, u64::MAX, 9_000),
    ] {
        envelope.edge.skew_ms = skew_ms;
        envelope.edge.received_at_ms = received_at_ms;
        let text = envelope.to_record().unwrap();
        let envelope = EnvelopeView::parse(text.as_bytes()).unwrap();
        assert_eq!(Visit { envelope: &envelope, arrived_at_ms: 9_000, item: None }.at_ms(at_ms), expected);
    }
}

/// As the store does it: what changed is written, what is too much is dropped, what is touched again is recalled.
#[test]
fn a_small_memory_with_a_store_makes_what_a_large_one_makes() {
    let records: Vec<Envelope> = (0..3_000_u64)
        .map(|n| {
            let pageview = u128::from(n * 7_919 % 900);
            let seq = u32::try_from(n / 900).unwrap();
            let mut record = record(
                pageview,
                T0 + n * 1_000,
                vec![[EventKind::Pageview, engaged(16_000, 80), custom("share")][usize::try_from(n % 3).unwrap()].clone()],
            );
            record.batch.events[0].seq = seq;
            record.edge.visitor = VisitorId::from_bits(pageview % 97);
            record
        })
        .collect();
    let expected = made(&mut transform(), &records);
    let (mut pageviews, mut visitors) = (HashMap::new(), HashMap::new());
    let mut small = transform();
    let mut out = Vec::new();
    for (n, record) in records.iter().enumerate() {
        let (pageview, visitor) = (record.batch.pageview, record.edge.visitor);
        if let Some(value) = pageviews.get(&pageview).filter(|_| !small.pageviews.has(pageview)) {
            small.pageviews.recall(pageview, Pageview::clone(value));
        }
        if let Some(value) = visitors.get(&visitor).filter(|_| !small.visitors.has(visitor)) {
            small.visitors.recall(visitor, Visitor::clone(value));
        }
        apply(&mut small, record, record.edge.received_at_ms, &mut out);
        if n % 50 == 49 {
            small.pageviews.drain_dirty(|key, value| drop(pageviews.insert(key, value.clone())));
            small.visitors.drain_dirty(|key, value| drop(visitors.insert(key, value.clone())));
            small.trim(60, 9);
            assert!(small.pageviews.len() <= 60 && small.visitors.len() <= 9);
        }
    }
    assert_eq!(out, expected);
    assert!(expected.len() > 900);
}

#[test]
fn a_tally_counts_with_the_first_copy_of_its_record_alone() {
    let tally = Tally { posts: 41, put_ms_max: 9, ..Tally::default() };
    let mut first = record(7, T0, vec![EventKind::Pageview]);
    first.edge.tally = Some(tally);
    let mut probe = record(8, T0, Vec::new());
    probe.edge.tally = Some(tally);
    let mut old = record(9, T0 - KEEP_MS - 1, vec![EventKind::Pageview]);
    old.edge.tally = Some(tally);
    let mut transform = transform();
    made(&mut transform, &[first.clone(), first.clone(), probe]);
    apply(&mut transform, &old, T0, &mut Vec::new());
    assert_eq!((transform.tally, transform.totals.edge.posts), (tally, 41));
    // A person's program is somebody the edge answered, too, and so is a reader whose clock is a day behind.
    first.batch.pageview = PageviewId::from_bits(10);
    first.batch.bot = true;
    made(&mut transform, &[first]);
    assert_eq!((transform.tally.posts, transform.tally.put_ms_max, transform.totals.edge.posts), (82, 9, 82));
}

#[test]
fn a_trial_need_not_wait_ten_minutes_for_a_loss() {
    let mut gappy = record(7, T0, vec![EventKind::Pageview, EventKind::Pageview]);
    gappy.batch.events[1].seq = 3;
    let mut transform = transform().settling_after(5_000);
    let other = |after_ms| record(8, T0 + after_ms, vec![EventKind::Pageview]);
    made(&mut transform, &[gappy, other(5_000)]);
    assert_eq!(transform.totals.loss.sum().expected, 0);
    made(&mut transform, &[other(5_001)]);
    assert_eq!((transform.totals.loss.sum().expected, transform.totals.loss.sum().lost), (4, 2));
}

#[test]
fn records_that_took_another_way_are_counted_and_probes_apart() {
    let mut queued = record(7, T0, vec![EventKind::Pageview]);
    queued.edge.via = wire::Via::Queue;
    let mut probe = record(8, T0, Vec::new());
    probe.edge.via = wire::Via::Queue;
    let mut transform = transform();
    made(&mut transform, &[queued, probe, record(9, T0, vec![EventKind::Pageview])]);
    let counts = &transform.totals.counts;
    assert_eq!((counts.records, counts.probes, counts.retried), (3, 1, 1));
}
