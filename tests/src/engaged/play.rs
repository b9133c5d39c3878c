//! Plays a visit to a rule as a browser would: clocks in whole milliseconds, timers that are late, throttled or asleep.

use crate::rng::Rng;
use crate::visit::{Happening, Visit};

/// Unix time at which pages are loaded.
const LOADED_UNIX_MS: u64 = 1_795_337_000_000;
/// A page behind others has its timers aligned to whole seconds, after five minutes to whole minutes.
/// <https://developer.chrome.com/blog/timer-throttling-in-chrome-88>
const HIDDEN_STEP_US: u64 = 1_000_000;
const LONG_HIDDEN_STEP_US: u64 = 60_000_000;
const LONG_HIDDEN_US: u64 = 300_000_000;

/// What a page's clocks show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// `performance.now()`.
    pub(crate) monotonic_ms: u64,
    /// `Date.now()`.
    pub(crate) unix_ms: u64,
}

/// What a page can hear.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard {
    /// The page is there, in front or not.
    Loaded {
        is_shown: bool,
    },
    Sign {
        is_deeper: bool,
    },
    /// Visibility or focus has changed.
    Attention {
        is_shown: bool,
        is_focused: bool,
    },
    /// The rule's timer rang.
    Timer,
    /// The page is left for good.
    Left,
}

/// A way to measure engaged time.
pub(crate) trait Rule {
    fn hear(&mut self, heard: Heard, now: Clock);
    /// For when the rule's one timer is set, by the monotonic clock.
    fn timer_ms(&self) -> Option<u64>;
    /// What a collector knows in the end.
    fn reported_ms(&self) -> u64;
}

/// Plays the visit to its end and gives back what the rule reported.
pub(crate) fn play(visit: &Visit, rule: &mut impl Rule, rng: &mut Rng) -> u64 {
    let mut page = Page { visit, sleeps: sleeps(visit), is_shown: true, is_focused: true, hidden_since_us: 0, timer: None };
    let mut happenings = visit.happenings.iter().peekable();
    if let Some((_, Happening::Shown(false))) = happenings.next_if(|(at_us, what)| (*at_us, *what) == (0, Happening::Shown(false))) {
        page.is_shown = false;
    }
    page.tell(rule, Heard::Loaded { is_shown: page.is_shown }, 0, rng);
    loop {
        let next_us = happenings.peek().map_or(visit.ends_at_us, |(at_us, _)| *at_us);
        if let Some(rings_us) = page.rings_us().filter(|rings_us| *rings_us < next_us) {
            page.timer = None;
            page.tell(rule, Heard::Timer, rings_us, rng);
            continue;
        }
        let Some((at_us, happening)) = happenings.next() else { break };
        if let Some(heard) = page.hears(*happening, *at_us) {
            page.tell(rule, heard, *at_us, rng);
        }
    }
    if visit.kind != crate::visit::Kind::Killed {
        page.tell(rule, Heard::Left, visit.ends_at_us, rng);
    }
    rule.reported_ms()
}

struct Page<'a> {
    visit: &'a Visit,
    /// From when to when the machine sleeps.
    sleeps: Vec<(u64, u64)>,
    is_shown: bool,
    is_focused: bool,
    hidden_since_us: u64,
    /// What the rule asked for, and when it will ring.
    timer: Option<(u64, u64)>,
}

impl Page<'_> {
    fn hears(&mut self, happening: Happening, at_us: u64) -> Option<Heard> {
        match happening {
            Happening::Sign { is_deeper } => return Some(Heard::Sign { is_deeper }),
            Happening::Awake(_) => return None,
            Happening::Shown(is_shown) => {
                self.is_shown = is_shown;
                self.hidden_since_us = at_us;
            }
            Happening::Focused(is_focused) => self.is_focused = is_focused,
        }
        Some(Heard::Attention { is_shown: self.is_shown, is_focused: self.is_focused })
    }

    fn tell(&mut self, rule: &mut impl Rule, heard: Heard, at_us: u64, rng: &mut Rng) {
        let now = Clock { monotonic_ms: self.monotonic_us(at_us) / 1_000, unix_ms: LOADED_UNIX_MS + at_us / 1_000 };
        rule.hear(heard, now);
        let asked_ms = rule.timer_ms();
        if asked_ms != self.timer.map(|(asked_ms, _)| asked_ms) {
            self.timer = asked_ms.map(|asked_ms| {
                let delay_us = asked_ms.saturating_sub(now.monotonic_ms) * 1_000;
                (asked_ms, self.awake_after_us(at_us, delay_us + late_us(rng)))
            });
        }
    }

    fn monotonic_us(&self, at_us: u64) -> u64 {
        let slept_us: u64 = self.sleeps.iter().map(|(from_us, to_us)| at_us.clamp(*from_us, *to_us) - from_us).sum();
        if self.visit.does_clock_sleep { at_us - slept_us } else { at_us }
    }

    /// When a timer that is set now rings: never while the machine sleeps.
    fn awake_after_us(&self, now_us: u64, delay_us: u64) -> u64 {
        let mut rings_us = now_us + delay_us;
        for &(from_us, to_us) in self.sleeps.iter().filter(|(from_us, _)| *from_us >= now_us) {
            if rings_us >= from_us {
                rings_us = if self.visit.does_clock_sleep { rings_us + (to_us - from_us) } else { rings_us.max(to_us) };
            }
        }
        rings_us
    }

    fn rings_us(&self) -> Option<u64> {
        let (_, rings_us) = self.timer?;
        if self.is_shown {
            return Some(rings_us);
        }
        let is_long = rings_us.saturating_sub(self.hidden_since_us) >= LONG_HIDDEN_US;
        Some(rings_us.next_multiple_of(if is_long { LONG_HIDDEN_STEP_US } else { HIDDEN_STEP_US }))
    }
}

fn sleeps(visit: &Visit) -> Vec<(u64, u64)> {
    let mut sleeps = Vec::new();
    let mut since_us = None;
    for (at_us, happening) in &visit.happenings {
        match happening {
            Happening::Awake(false) => since_us = Some(*at_us),
            Happening::Awake(true) => sleeps.extend(since_us.take().map(|from_us| (from_us, *at_us))),
            Happening::Sign { .. } | Happening::Shown(_) | Happening::Focused(_) => {}
        }
    }
    // Nobody opens the lid again.
    sleeps.extend(since_us.map(|from_us| (from_us, visit.ends_at_us)));
    sleeps
}

/// Mostly a few milliseconds; now and then the page is busy.
fn late_us(rng: &mut Rng) -> u64 {
    if rng.is(20) { rng.within(15_000, 300_000) } else { rng.within(0, 15_000) }
}
