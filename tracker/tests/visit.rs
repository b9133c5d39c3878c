//! Signals in, bodies out: what the core promises, checked with the wire's own reader.
#![expect(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "../src/random.rs"]
mod random;

use tracker::{Click, Consent, Flush, IDLE_WINDOW_MS, Id, Now, Page, PageKind, Signal, Visit};
use wire::{Batch, EventKind};

use random::Dice;

const T0_MS: u64 = 1_795_337_000_123;
const PAGEVIEW: Id = *b"01a203d9b07b5d2e8a6f1c0b9d3e7a42";
const SHOWN: Signal<'_> = Signal::Attention { is_visible: true, has_focus: true };
const HIDDEN: Signal<'_> = Signal::Attention { is_visible: false, has_focus: false };

fn now(ms: u64) -> Now {
    Now { monotonic_ms: ms, unix_ms: T0_MS + ms }
}

fn page() -> Page<'static> {
    Page {
        portal: b"g1",
        visitor: Some(b"5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e"),
        consent: Consent::Full,
        kind: PageKind::Article,
        url: b"https://g1.example/economia/noticia/juros.ghtml",
        item: b"/economia/noticia/juros.ghtml?utm_source=x",
        referrer: b"https://www.google.com/",
        title: b"Juros caem",
        section: b"economia",
        image: b"https://s.g1.example/j.jpg",
        published_at_ms: 1_795_330_000_000,
        is_bot: false,
    }
}

fn begun(page: &Page<'_>) -> Visit {
    let mut visit = Visit::new(IDLE_WINDOW_MS);
    assert_eq!(visit.begin(page, &PAGEVIEW, now(0)), Flush::Post);
    assert_eq!(visit.handle(SHOWN, now(0)), Flush::Hold);
    visit
}

fn sealed(visit: &mut Visit, ms: u64) -> Batch {
    let parsed = Batch::parse(visit.seal(0, now(ms)).unwrap().body).unwrap();
    visit.clear();
    assert_eq!(parsed.rejected, []);
    parsed.batch
}

fn click(href: &str) -> Signal<'_> {
    Signal::Click(Click { href: href.as_bytes(), page_url: page().url, is_download: false, rec_id: b"", position: None })
}

fn engagements(batch: &Batch) -> Vec<(u64, u8)> {
    let measures = |kind: &EventKind| match *kind {
        EventKind::Engagement { engaged_ms, scroll_pct } => Some((engaged_ms, scroll_pct)),
        EventKind::Pageview | EventKind::Click { .. } | EventKind::Impression { .. } | EventKind::Custom { .. } => None,
    };
    batch.events.iter().filter_map(|event| measures(&event.kind)).collect()
}

#[test]
fn the_golden_batch_can_be_written() {
    let mut golden = Batch::parse(include_bytes!("../../wire/tests/golden/batch.json")).unwrap().batch;
    // Impressions and custom events are the page's own to send.
    golden.events.truncate(3);
    let mut visit = begun(&page());
    assert_eq!(visit.handle(Signal::Scroll { bottom_px: 430, height_px: 1_000 }, now(1)), Flush::Hold);
    assert_eq!(visit.handle(HIDDEN, now(4_810)), Flush::Beacon);
    let recommended = Click {
        href: b"https://g1.example/x.ghtml",
        page_url: page().url,
        is_download: false,
        rec_id: b"9a1f03c2d4e5b6a7",
        position: Some(2),
    };
    assert_eq!(visit.handle(Signal::Click(recommended), now(5_084)), Flush::Hold);
    let mut written = sealed(&mut visit, 5_087);
    written.events[1].at_ms = golden.events[1].at_ms;
    assert_eq!(written, golden);
}

#[test]
fn a_page_that_says_little_is_a_valid_batch() {
    let page =
        Page { visitor: None, consent: Consent::Cookieless, kind: PageKind::Other, item: b"", referrer: b"android-app://x", ..page() };
    let page = Page { title: b"", section: b"", image: b"/relative.jpg", published_at_ms: 0, is_bot: true, ..page };
    let batch = sealed(&mut begun(&page), 0);
    assert_eq!((batch.visitor, batch.item, batch.referrer, batch.bot), (None, None, None, true));
    assert_eq!(batch.meta.unwrap().image, None);
}

#[test]
fn meta_travels_only_with_the_pageview() {
    let mut visit = begun(&page());
    assert!(sealed(&mut visit, 0).meta.is_some());
    assert_eq!(visit.handle(HIDDEN, now(1_000)), Flush::Beacon);
    let second = sealed(&mut visit, 1_000);
    assert_eq!((second.meta, second.events[0].seq), (None, 1));
}

#[test]
fn a_busy_reader_is_flushed_at_10_30_60_120_and_240_seconds() {
    let mut visit = begun(&page());
    sealed(&mut visit, 0);
    let mut flushed_ms = Vec::new();
    for ms in (0..300_000).step_by(500) {
        if visit.handle(Signal::Activity, now(ms)) == Flush::Post {
            flushed_ms.extend(engagements(&sealed(&mut visit, ms)));
        }
    }
    assert_eq!(flushed_ms, [(10_000, 0), (30_000, 0), (60_000, 0), (120_000, 0), (240_000, 0)]);
}

#[test]
fn the_deadline_is_the_flush_or_the_end_of_the_burst() {
    let mut visit = begun(&page());
    assert_eq!(visit.deadline_ms(0, None), Some(5_000));
    assert_eq!(visit.deadline_ms(0, Some(700)), Some(700));
    for ms in [4_000, 8_000] {
        assert_eq!(visit.handle(Signal::Activity, now(ms)), Flush::Hold);
    }
    assert_eq!(visit.deadline_ms(8_000, None), Some(10_000));
    assert_eq!(visit.handle(Signal::Deadline, now(10_000)), Flush::Post);
    assert_eq!(visit.deadline_ms(10_000, None), Some(13_000));
}

#[test]
fn an_idle_or_hidden_page_has_no_deadline() {
    let mut visit = begun(&page());
    sealed(&mut visit, 0);
    assert_eq!(visit.handle(Signal::Deadline, now(5_000)), Flush::Hold);
    assert_eq!(visit.deadline_ms(5_000, Some(6_000)), None);
    assert_eq!(visit.handle(Signal::Activity, now(6_000)), Flush::Hold);
    assert_eq!(visit.handle(HIDDEN, now(7_000)), Flush::Beacon);
    assert_eq!(visit.deadline_ms(7_000, Some(7_000)), None);
}

#[test]
fn a_hide_that_has_nothing_new_sends_nothing() {
    let mut visit = begun(&page());
    sealed(&mut visit, 0);
    assert_eq!(visit.handle(HIDDEN, now(1_000)), Flush::Beacon);
    sealed(&mut visit, 1_000);
    assert_eq!(visit.handle(HIDDEN, now(1_001)), Flush::Hold);
    assert!(visit.seal(0, now(1_001)).is_none());
}

#[test]
fn losing_focus_stops_the_clock_and_sends_nothing() {
    let mut visit = begun(&page());
    sealed(&mut visit, 0);
    assert_eq!(visit.handle(Signal::Attention { is_visible: true, has_focus: false }, now(2_000)), Flush::Hold);
    assert_eq!(visit.handle(HIDDEN, now(60_000)), Flush::Beacon);
    assert_eq!(engagements(&sealed(&mut visit, 60_000)), [(2_000, 0)]);
}

#[test]
fn a_new_pageview_begins_at_zero() {
    let mut visit = begun(&page());
    assert_eq!(visit.handle(Signal::Scroll { bottom_px: 9, height_px: 9 }, now(0)), Flush::Hold);
    assert_eq!(visit.handle(Signal::Leave, now(3_000)), Flush::Post);
    assert_eq!(engagements(&sealed(&mut visit, 3_000)), [(3_000, 100)]);
    assert_eq!(visit.begin(&page(), &PAGEVIEW, now(3_000)), Flush::Post);
    assert_eq!(visit.handle(Signal::Leave, now(4_000)), Flush::Post);
    let batch = sealed(&mut visit, 4_000);
    assert_eq!((batch.events[0].seq, engagements(&batch)), (0, vec![(1_000, 0)]));
}

#[test]
fn a_hundred_events_are_flushed() {
    let mut visit = begun(&page());
    let flushes = (1..100).map(|ms| visit.handle(click("https://g1.example/b"), now(ms))).collect::<Vec<_>>();
    assert_eq!(flushes.iter().position(|&flush| flush == Flush::Post), Some(98));
    assert_eq!(visit.handle(click("https://g1.example/b"), now(100)), Flush::Post);
    let batch = sealed(&mut visit, 100);
    assert_eq!((batch.events.len(), batch.dropped), (100, 1), "the event that came after the full batch is counted");
}

#[test]
fn hostile_pages_and_links_make_valid_batches() {
    let quotes = "\"".repeat(4_000);
    let mut dice = Dice::new(17);
    for round in 0..300 {
        let noise: Vec<u8> = (0..dice.below(3_000)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
        let noise = if round == 0 { quotes.as_bytes() } else { &noise };
        let url = [b"https://g1.example/", noise].concat();
        let page = Page { url: &url, item: noise, referrer: &url, title: noise, section: noise, image: &url, ..page() };
        let mut visit = Visit::new(IDLE_WINDOW_MS);
        assert_eq!(visit.begin(&page, &PAGEVIEW, now(0)), Flush::Post);
        let first = sealed(&mut visit, 0);
        let href = Click { href: &url, page_url: b"https://other.example/", is_download: false, rec_id: noise, position: Some(9) };
        for ms in 1..5 {
            if visit.handle(Signal::Click(href), now(ms)) == Flush::Post {
                break;
            }
        }
        let second = sealed(&mut visit, 5);
        assert_eq!((first.dropped, second.dropped), (0, 0));
        assert!(visit.seal(0, now(6)).is_none(), "a sealed body is not sealed twice");
    }
}

#[test]
fn random_signals_keep_every_promise() {
    let mut dice = Dice::new(23);
    for _ in 0..200 {
        let mut visit = begun(&page());
        let (mut ms, mut last, mut next_seq) = (0, (0, 0), 0);
        for _ in 0..200 {
            ms += dice.below(8_000);
            let signal = match dice.below(7) {
                0 => HIDDEN,
                1 => SHOWN,
                2 => click("https://other.example/"),
                3 => Signal::Scroll { bottom_px: 900, height_px: u32::try_from(1 + dice.below(9_000)).unwrap() },
                4 => Signal::Deadline,
                _ => Signal::Activity,
            };
            if visit.handle(signal, now(ms)) == Flush::Hold {
                continue;
            }
            let batch = sealed(&mut visit, ms);
            for event in &batch.events {
                assert_eq!(event.seq, next_seq);
                next_seq += 1;
            }
            for (engaged_ms, scroll_pct) in engagements(&batch) {
                assert!(engaged_ms <= ms && engaged_ms >= last.0 && scroll_pct >= last.1);
                last = (engaged_ms, scroll_pct);
            }
        }
    }
}
