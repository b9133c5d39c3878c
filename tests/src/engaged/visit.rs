//! Made visits: what readers of several kinds do in a page, to the microsecond.

use crate::rng::Rng;

/// Signals come to a page with fractions of a millisecond, which its clocks cut off.
const MS: u64 = 1_000;
const SECOND: u64 = 1_000 * MS;
/// Nobody stays longer.
const LONGEST_US: u64 = 3_600 * SECOND;

/// What somebody does while the page is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Scrolls and points in bursts, with pauses to read.
    Active,
    /// Reads without moving: a sign every few seconds.
    Still,
    /// Leaves the page open and walks away.
    Idle,
    /// Switches between tabs and windows.
    Toggling,
    /// Closes the lid in between.
    Asleep,
    /// The machine loses its power: nobody sees the page's end.
    Killed,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [Self::Active, Self::Still, Self::Idle, Self::Toggling, Self::Asleep, Self::Killed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Still => "still",
            Self::Idle => "idle",
            Self::Toggling => "switching tabs and windows",
            Self::Asleep => "machine asleep in between",
            Self::Killed => "end that nobody sees",
        }
    }

    /// Of a thousand visits.
    const fn permille(self) -> u64 {
        match self {
            Self::Active => 450,
            Self::Still => 250,
            Self::Idle => 120,
            Self::Toggling => 150,
            Self::Asleep => 25,
            Self::Killed => 5,
        }
    }

    fn draw(rng: &mut Rng) -> Self {
        let mut left = rng.within(0, 999);
        for kind in Self::ALL {
            if left < kind.permille() {
                return kind;
            }
            left -= kind.permille();
        }
        Self::Active
    }
}

/// What happens in the world of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The reader scrolls, points or types; by scrolling deeper than ever, or not.
    Sign { is_deeper: bool },
    /// The tab comes to the front, or goes.
    Shown(bool),
    /// The window gets the focus, or loses it.
    Focused(bool),
    /// The machine sleeps, or wakes: the page hears of neither.
    Awake(bool),
}

/// One visit of one page that is loaded at 0, in front and focused unless the first happening says otherwise.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) kind: Kind,
    /// In the order of their times.
    pub(crate) happenings: Vec<(u64, Happening)>,
    pub(crate) ends_at_us: u64,
    /// Whether the monotonic clock stands still while the machine sleeps; systems differ.
    pub(crate) does_clock_sleep: bool,
}

impl Visit {
    /// The same seed and place make the same visit.
    pub(crate) fn make(seed: u64, nth: u64) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) ^ nth.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let kind = Kind::draw(&mut rng);
        let ends_at_us = length_us(&mut rng);
        let mut happenings = Vec::new();
        let mut at_us = rng.within(0, 2 * SECOND);
        while at_us < ends_at_us {
            at_us = match kind {
                Kind::Active | Kind::Asleep | Kind::Killed => burst(&mut happenings, at_us, &mut rng),
                Kind::Still => {
                    happenings.push((at_us, Happening::Sign { is_deeper: rng.is(300) }));
                    at_us + rng.within(SECOND, 7 * SECOND)
                }
                Kind::Idle => idle(&mut happenings, at_us, &mut rng),
                Kind::Toggling => toggle(&mut happenings, at_us, &mut rng),
            };
            if kind == Kind::Asleep && rng.is(100) {
                at_us = sleep(&mut happenings, at_us, &mut rng);
            }
        }
        let is_opened_behind = kind == Kind::Toggling && rng.is(300);
        if is_opened_behind {
            let shown_us = rng.within(SECOND, 30 * SECOND);
            happenings.retain(|(at_us, _)| *at_us > shown_us);
            happenings.splice(0..0, [(0, Happening::Shown(false)), (shown_us, Happening::Shown(true))]);
        }
        happenings.retain(|(at_us, _)| *at_us < ends_at_us);
        Self { kind, happenings, ends_at_us, does_clock_sleep: rng.is(500) }
    }
}

/// From seconds to an hour; most are short.
fn length_us(rng: &mut Rng) -> u64 {
    let (low_s, high_s) = match rng.within(0, 99) {
        0..25 => (2, 15),
        25..65 => (15, 90),
        65..90 => (90, 300),
        90..98 => (300, 1_200),
        _ => (1_200, 3_600),
    };
    rng.within(low_s * SECOND, high_s * SECOND).min(LONGEST_US)
}

/// Some signs in quick succession, then a pause, mostly a short one. Returns when it is over.
fn burst(happenings: &mut Vec<(u64, Happening)>, from_us: u64, rng: &mut Rng) -> u64 {
    let is_deeper = rng.is(600);
    let mut at_us = from_us;
    for _ in 0..rng.within(2, 14) {
        happenings.push((at_us, Happening::Sign { is_deeper }));
        at_us += rng.within(16 * MS, 160 * MS);
    }
    let pause_us = rng.within(300 * MS, 10 * SECOND).min(rng.within(300 * MS, 10 * SECOND));
    at_us + pause_us
}

/// A few bursts in the beginning, then nothing for long.
fn idle(happenings: &mut Vec<(u64, Happening)>, from_us: u64, rng: &mut Rng) -> u64 {
    let until_us = burst(happenings, from_us, rng);
    if rng.is(600) { until_us + rng.within(60 * SECOND, LONGEST_US) } else { until_us }
}

/// Reads, goes to another tab or window, and returns; the window goes with its focus, sometimes only that.
fn toggle(happenings: &mut Vec<(u64, Happening)>, from_us: u64, rng: &mut Rng) -> u64 {
    let mut at_us = from_us;
    for _ in 0..rng.within(0, 6) {
        at_us = burst(happenings, at_us, rng);
    }
    let away_us = if rng.is(300) { rng.within(200 * MS, 3 * SECOND) } else { rng.within(3 * SECOND, 120 * SECOND) };
    let back_us = at_us + away_us;
    let gap_us = rng.within(0, 30 * MS);
    match rng.within(0, 2) {
        0 => happenings.extend([(at_us, Happening::Shown(false)), (back_us, Happening::Shown(true))]),
        1 => {
            // The pointer passes over the window that has no focus.
            let passes_us = at_us + away_us / 2;
            let pass = (passes_us, Happening::Sign { is_deeper: false });
            happenings.extend([(at_us, Happening::Focused(false)), pass, (back_us, Happening::Focused(true))]);
        }
        _ => happenings.extend([
            (at_us, Happening::Focused(false)),
            (at_us + gap_us, Happening::Shown(false)),
            (back_us + gap_us, Happening::Shown(true)),
            (back_us + 2 * gap_us, Happening::Focused(true)),
        ]),
    }
    back_us + 2 * gap_us + rng.within(50 * MS, 4 * SECOND)
}

/// The lid is closed within seconds after a sign, for long.
fn sleep(happenings: &mut Vec<(u64, Happening)>, from_us: u64, rng: &mut Rng) -> u64 {
    let wakes_us = from_us + rng.within(30 * SECOND, 1_800 * SECOND);
    happenings.extend([(from_us, Happening::Awake(false)), (wakes_us, Happening::Awake(true))]);
    wakes_us + rng.within(200 * MS, 20 * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_in_order_of_every_kind_and_from_seconds_to_an_hour() {
        let visits: Vec<Visit> = (0..5_000).map(|nth| Visit::make(1, nth)).collect();
        for visit in &visits {
            assert!(visit.happenings.is_sorted_by_key(|(at_us, _)| *at_us), "{visit:?}");
            assert!(visit.happenings.iter().all(|(at_us, _)| *at_us < visit.ends_at_us));
        }
        for kind in Kind::ALL {
            assert!(visits.iter().filter(|visit| visit.kind == kind).count() >= 10, "{kind:?}");
        }
        assert!(visits.iter().any(|visit| visit.ends_at_us < 5 * SECOND));
        assert!(visits.iter().any(|visit| visit.ends_at_us > 3_000 * SECOND));
        assert!(visits.iter().any(|visit| visit.happenings.iter().any(|(_, what)| *what == Happening::Awake(true))));
    }
}
