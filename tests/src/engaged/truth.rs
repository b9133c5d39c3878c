//! What the 5 s rule says of a visit, computed from everything that happened, with nothing of the tracker's code.
//!
//! Stretches in which the machine is awake, the page in front and its window focused are looked at one by one. Within such a
//! stretch each sign counts until the next one, for 5 s at most. Loading the page is a sign, and so is coming back to it;
//! waking the machine is none.

use crate::visit::{Happening, Visit};

/// How long a sign counts.
const WINDOW_US: u64 = 5_000_000;

/// Engaged time in microseconds.
pub(crate) fn engaged_us(visit: &Visit) -> u64 {
    let (mut is_shown, mut is_focused, mut is_awake) = (true, true, true);
    let mut engaged_us = 0;
    // Signs of the stretch that is open, if one is.
    let mut stretch = Some(vec![0]);
    for (at_us, happening) in &visit.happenings {
        match happening {
            Happening::Sign { .. } => stretch.iter_mut().for_each(|signs| signs.push(*at_us)),
            Happening::Shown(now) => is_shown = *now,
            Happening::Focused(now) => is_focused = *now,
            Happening::Awake(now) => is_awake = *now,
        }
        let is_open = is_shown && is_focused && is_awake;
        if is_open && stretch.is_none() {
            let is_sign = !matches!(happening, Happening::Awake(_));
            stretch = Some(if is_sign { vec![*at_us] } else { Vec::new() });
        } else if !is_open && let Some(signs) = stretch.take() {
            engaged_us += covered_us(&signs, *at_us);
        }
    }
    engaged_us + stretch.map_or(0, |signs| covered_us(&signs, visit.ends_at_us))
}

fn covered_us(signs: &[u64], end_us: u64) -> u64 {
    let ends = signs.iter().skip(1).chain([&end_us]);
    signs.iter().zip(ends).map(|(sign_us, next_us)| (next_us - sign_us).min(WINDOW_US)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Kind;

    const SIGN: Happening = Happening::Sign { is_deeper: false };

    fn engaged_s(happenings: &[(u64, Happening)], ends_at_s: u64) -> u64 {
        let happenings = happenings.iter().map(|(at_s, what)| (at_s * 1_000_000, *what)).collect();
        let visit = Visit { kind: Kind::Active, happenings, ends_at_us: ends_at_s * 1_000_000, does_clock_sleep: false };
        engaged_us(&visit) / 1_000_000
    }

    #[test]
    fn each_sign_counts_until_the_next_or_for_5_s() {
        assert_eq!(engaged_s(&[], 3), 3);
        assert_eq!(engaged_s(&[], 30), 5);
        assert_eq!(engaged_s(&[(3, SIGN), (20, SIGN)], 22), 3 + 5 + 2);
    }

    #[test]
    fn away_nothing_counts_and_coming_back_is_a_sign() {
        let away = [(2, Happening::Shown(false)), (3, SIGN), (10, Happening::Shown(true))];
        assert_eq!(engaged_s(&away, 30), 2 + 5);
        let asleep = [(2, Happening::Awake(false)), (100, Happening::Awake(true)), (101, SIGN)];
        assert_eq!(engaged_s(&asleep, 103), 2 + 2);
        let both =
            [(1, Happening::Focused(false)), (2, Happening::Shown(false)), (5, Happening::Shown(true)), (6, Happening::Focused(true))];
        assert_eq!(engaged_s(&both, 8), 1 + 2);
    }
}
