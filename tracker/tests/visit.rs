//! Signals in, orders out: what the core promises to any shell that obeys it.
#![expect(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "../src/random.rs"]
mod random;

use tracker::{Engagement, Flush, IDLE_WINDOW_MS, Orders, Signal, Visit};

use random::Dice;

const BEGIN: Signal = Signal::Begin { idle_window_ms: IDLE_WINDOW_MS, is_counted: true };
const CONTINUE: Signal = Signal::Begin { idle_window_ms: IDLE_WINDOW_MS, is_counted: false };
const SHOWN: Signal = Signal::Attention { is_visible: true, has_focus: true };
const HIDDEN: Signal = Signal::Attention { is_visible: false, has_focus: false };
const CLICK: Signal = Signal::Event { bytes: 100 };

/// A shell with nothing but paper: writes what it is ordered to write.
#[derive(Default)]
struct Shell {
    visit: Visit,
    /// What was written since the last seal: the `seq`, and an engagement's measures.
    open: Vec<(u32, Option<Engagement>)>,
    next_seq: u32,
}

/// What a shell puts into one body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    seqs: Vec<u32>,
    engagements: Vec<(u32, u32)>,
    dropped: u32,
    is_beacon: bool,
}

impl Shell {
    /// The first pageview has begun, and its body has left.
    fn begun() -> Self {
        let mut shell = Self::default();
        let body = shell.tell(BEGIN, 0).unwrap();
        assert_eq!(body, Body { seqs: vec![0], ..Body::default() });
        assert_eq!(shell.tell(SHOWN, 0), None);
        shell
    }

    /// Obeys; the body, when one was to be sealed.
    fn tell(&mut self, signal: Signal, now_ms: u32) -> Option<Body> {
        if matches!(signal, Signal::Begin { .. }) {
            assert!(self.open.is_empty(), "what one pageview left open would go under the id of the next");
            self.next_seq = 0;
        }
        let orders = self.visit.handle(signal, now_ms);
        let Orders { is_event_taken, engagement, flush } = orders;
        if matches!(signal, Signal::Activity | Signal::Scroll { .. }) {
            assert_eq!(orders, Orders::default(), "shells note these without listening to the answer");
        }
        if is_event_taken {
            self.write(None);
        }
        if engagement.is_some() {
            self.write(engagement);
        }
        if flush == Flush::Hold {
            return None;
        }
        let open = std::mem::take(&mut self.open);
        assert!(!open.is_empty(), "an empty body was ordered");
        assert!(open.len() <= wire::EVENTS_MAX);
        Some(Body {
            seqs: open.iter().map(|&(seq, _)| seq).collect(),
            engagements: open.iter().filter_map(|&(_, measures)| measures).map(|now| (now.engaged_ms, now.scroll_pct)).collect(),
            dropped: self.visit.seal(),
            is_beacon: flush == Flush::Beacon,
        })
    }

    fn write(&mut self, engagement: Option<Engagement>) {
        self.open.push((self.next_seq, engagement));
        self.next_seq += 1;
    }
}

fn engagement(seq: u32, engaged_ms: u32, scroll_pct: u32) -> Body {
    Body { seqs: vec![seq], engagements: vec![(engaged_ms, scroll_pct)], ..Body::default() }
}

#[test]
fn a_busy_reader_is_flushed_at_10_30_60_120_and_240_seconds() {
    let mut shell = Shell::begun();
    let mut flushed = Vec::new();
    for ms in (0..300_000).step_by(500) {
        assert_eq!(shell.tell(Signal::Activity, ms), None);
        flushed.extend(shell.tell(SHOWN, ms));
    }
    let expected: Vec<Body> = (1..).zip([10_000, 30_000, 60_000, 120_000, 240_000]).map(|(seq, ms)| engagement(seq, ms, 0)).collect();
    assert_eq!(flushed, expected);
}

#[test]
fn the_deadline_is_the_flush_or_the_end_of_the_burst() {
    let mut shell = Shell::begun();
    assert_eq!(shell.visit.wake_in_ms(0, None), Some(5_000));
    assert_eq!(shell.visit.wake_in_ms(0, Some(700)), Some(700));
    for ms in [4_000, 8_000] {
        assert_eq!(shell.tell(Signal::Activity, ms), None);
    }
    assert_eq!(shell.visit.wake_in_ms(8_000, None), Some(2_000));
    assert_eq!(shell.tell(SHOWN, 10_000), Some(engagement(1, 10_000, 0)));
    assert_eq!(shell.visit.wake_in_ms(10_000, None), Some(3_000));
}

#[test]
fn an_idle_or_hidden_page_has_no_deadline() {
    let mut shell = Shell::begun();
    assert_eq!(shell.tell(SHOWN, 5_000), None);
    assert_eq!(shell.visit.wake_in_ms(5_000, Some(1_000)), None, "not even for what could not be delivered");
    assert_eq!(shell.tell(Signal::Activity, 6_000), None);
    assert!(shell.visit.wake_in_ms(6_000, None).is_some());
    assert!(shell.tell(HIDDEN, 7_000).is_some());
    assert_eq!(shell.visit.wake_in_ms(7_000, Some(0)), None);
}

#[test]
fn a_hide_that_has_nothing_new_sends_nothing() {
    let mut shell = Shell::begun();
    assert_eq!(shell.tell(HIDDEN, 1_000), Some(Body { is_beacon: true, ..engagement(1, 1_000, 0) }));
    assert_eq!(shell.tell(HIDDEN, 1_001), None);
    assert_eq!(shell.tell(SHOWN, 9_000), None);
    assert_eq!(shell.tell(HIDDEN, 9_500), Some(Body { is_beacon: true, ..engagement(2, 1_500, 0) }));
}

#[test]
fn losing_focus_stops_the_clock_and_sends_nothing() {
    let mut shell = Shell::begun();
    assert_eq!(shell.tell(Signal::Attention { is_visible: true, has_focus: false }, 2_000), None);
    assert_eq!(shell.visit.wake_in_ms(2_000, None), None);
    assert_eq!(shell.tell(HIDDEN, 60_000).unwrap().engagements, [(2_000, 0)]);
}

#[test]
fn a_new_pageview_begins_at_zero() {
    let mut shell = Shell::begun();
    assert_eq!(shell.tell(Signal::Scroll { bottom_px: 9, height_px: 9 }, 0), None);
    assert_eq!(shell.tell(Signal::Leave, 3_000), Some(engagement(1, 3_000, 100)));
    assert_eq!(shell.tell(BEGIN, 3_000), Some(Body { seqs: vec![0], ..Body::default() }));
    assert_eq!(shell.visit.wake_in_ms(3_000, None), Some(5_000), "whoever navigates is there");
    assert_eq!(shell.tell(Signal::Leave, 4_000), Some(engagement(1, 1_000, 0)));
}

#[test]
fn between_two_pageviews_nothing_is_taken_and_nothing_is_missed() {
    let mut shell = Shell::begun();
    assert!(shell.tell(Signal::Leave, 1_000).is_some());
    assert_eq!(shell.tell(CLICK, 1_010), None);
    assert_eq!(shell.tell(HIDDEN, 1_020), None);
    assert_eq!(shell.tell(SHOWN, 1_030), None);
    assert_eq!(shell.tell(BEGIN, 1_050), Some(Body { seqs: vec![0], ..Body::default() }));
}

#[test]
fn the_rest_of_a_showing_has_no_pageview_event() {
    let mut shell = Shell::begun();
    assert!(shell.tell(Signal::Leave, 2_000).is_some());
    assert_eq!(shell.tell(CONTINUE, 2_000), None, "its beginning was counted already");
    assert_eq!(shell.tell(Signal::Leave, 2_500), Some(engagement(0, 500, 0)));
}

#[test]
fn ninety_eight_events_are_flushed() {
    let mut shell = Shell::begun();
    let bodies: Vec<Option<Body>> = (1..=98).map(|ms| shell.tell(CLICK, ms)).collect();
    assert_eq!(bodies.iter().position(Option::is_some), Some(97));
    assert_eq!(bodies[97].as_ref().unwrap().seqs, (1..=98).collect::<Vec<_>>());
}

#[test]
fn long_events_are_flushed_by_their_bytes() {
    let mut shell = Shell::begun();
    let long = Signal::Event { bytes: 5_000 };
    assert_eq!(shell.tell(long, 1), None);
    assert_eq!(shell.tell(long, 2), None);
    assert_eq!(shell.tell(long, 3).unwrap().seqs, [1, 2, 3]);
}

#[test]
fn an_event_that_is_too_long_is_counted_as_dropped() {
    let mut shell = Shell::begun();
    let (longest, too_long) = (Signal::Event { bytes: 8 * 1024 }, Signal::Event { bytes: 8 * 1024 + 1 });
    assert_eq!(shell.tell(too_long, 1), None);
    assert_eq!(shell.tell(longest, 2), None);
    assert_eq!(shell.tell(CLICK, 3), None);
    let body = shell.tell(HIDDEN, 4).unwrap();
    assert_eq!((body.seqs, body.dropped), (vec![1, 2, 3], 1));
    assert_eq!(shell.visit.seal(), 0, "told once");
}

#[test]
fn a_pageview_of_ten_thousand_events_is_the_longest() {
    let mut shell = Shell::begun();
    for ms in 1..=10_050 {
        shell.tell(CLICK, ms);
    }
    assert_eq!(shell.next_seq, 10_000, "the wire's last number is 9999");
    let orders = shell.visit.handle(CLICK, 10_051);
    assert!(!orders.is_event_taken);
    assert!(shell.visit.seal() > 50);
}

#[test]
fn random_signals_keep_every_promise() {
    let mut dice = Dice::new(23);
    for _ in 0..500 {
        let mut shell = Shell::begun();
        let (mut ms, mut begun_ms, mut last) = (0, 0, (0, 0));
        for _ in 0..200 {
            ms += dice.below(8_000);
            let signal = match dice.below(9) {
                0 => HIDDEN,
                1 | 2 => SHOWN,
                3 => CLICK,
                4 => Signal::Scroll { bottom_px: 900, height_px: i32::try_from(1 + dice.below(9_000)).unwrap() },
                5 if dice.below(8) == 0 => Signal::Leave,
                _ => Signal::Activity,
            };
            let body = shell.tell(signal, ms);
            if let Some(wake_in_ms) = shell.visit.wake_in_ms(ms, None) {
                assert!(wake_in_ms <= IDLE_WINDOW_MS);
            }
            for &(engaged_ms, scroll_pct) in body.iter().flat_map(|body| &body.engagements) {
                assert!(engaged_ms <= ms - begun_ms && engaged_ms >= last.0 && scroll_pct >= last.1 && scroll_pct <= 100);
                last = (engaged_ms, scroll_pct);
            }
            if signal == HIDDEN || signal == Signal::Leave {
                assert!(shell.open.is_empty(), "nothing stays behind in a page that may never run again");
            }
            if signal == Signal::Leave {
                (begun_ms, last) = (ms, (0, 0));
                let is_counted = dice.below(2) == 0;
                let begin = if is_counted { BEGIN } else { CONTINUE };
                assert_eq!(shell.tell(begin, ms).is_some(), is_counted);
            }
        }
    }
}
