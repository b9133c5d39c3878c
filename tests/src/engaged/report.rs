//! The errors of each rule over all visits, as tables.

use std::fmt::Write as _;

use crate::ours::Ours;
use crate::peers::{Matomo, Plausible, Poll, Snowplow};
use crate::play::{Rule, play};
use crate::rng::Rng;
use crate::truth;
use crate::visit::{Kind, Visit};

/// Absolute errors, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Errors {
    median: u64,
    p95: u64,
    worst: u64,
}

impl Errors {
    fn of(mut errors_us: Vec<u64>) -> Self {
        errors_us.sort_unstable();
        let at = |percent: usize| errors_us.get((errors_us.len() * percent / 100).min(errors_us.len().saturating_sub(1)));
        let [median, p95, worst] = [50, 95, 100].map(|percent| at(percent).copied().unwrap_or(0));
        Self { median, p95, worst }
    }

    fn row(self, name: &str) -> String {
        let seconds = |us: u64| format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000);
        format!("| {name} | {} | {} | {} |\n", seconds(self.median), seconds(self.p95), seconds(self.worst))
    }
}

/// A visit's kind and how far a rule was from the truth.
type Miss = (Kind, u64);

/// Plays all visits to fresh copies of a rule.
fn misses<R: Rule>(seed: u64, visits: u64, make: impl Fn() -> R) -> Vec<Miss> {
    let miss = |nth| {
        let visit = Visit::make(seed, nth);
        let reported_ms = play(&visit, &mut make(), &mut Rng::new(seed ^ nth.rotate_left(32)));
        (visit.kind, truth::engaged_us(&visit).abs_diff(reported_ms * 1_000))
    };
    (0..visits).map(miss).collect()
}

fn all(misses: &[Miss]) -> Errors {
    Errors::of(misses.iter().map(|(_, error_us)| *error_us).collect())
}

/// For people and for `BENCHMARKS.md`.
pub(crate) fn tables(seed: u64, visits: u64) -> String {
    let ours = misses(seed, visits, || Ours::new(tracker::IDLE_WINDOW_MS));
    let mut text = format!("**Error against the 5 s rule**, seconds, {visits} made visits (seed {seed})\n\n");
    text.push_str("| rule | median | p95 | worst |\n|---|--:|--:|--:|\n");
    text.push_str(&all(&ours).row("**pulso**"));
    text.push_str(&all(&misses(seed, visits, Poll::default)).row("the rule asked once a second"));
    text.push_str(&all(&misses(seed, visits, Snowplow::default)).row("Snowplow page pings, 10 s"));
    text.push_str(&all(&misses(seed, visits, Plausible::default)).row("Plausible engagement"));
    text.push_str(&all(&misses(seed, visits, Matomo::default)).row("Matomo heartbeat, 15 s"));
    text.push_str("\n| pulso, by kind of reader | median | p95 | worst |\n|---|--:|--:|--:|\n");
    for kind in Kind::ALL {
        let of_kind: Vec<u64> = ours.iter().filter(|(each, _)| *each == kind).map(|(_, error_us)| *error_us).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", Errors::of(of_kind.clone()).row(&format!("{}, {} visits", kind.name(), of_kind.len())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISITS: u64 = 20_000;

    fn is_fine(errors: Errors) -> bool {
        errors.median <= 50_000 && errors.p95 <= 250_000
    }

    #[test]
    fn the_core_keeps_to_the_rule() {
        let errors = all(&misses(1, VISITS, || Ours::new(tracker::IDLE_WINDOW_MS)));
        assert!(is_fine(errors), "{errors:?}");
    }

    #[test]
    fn a_core_with_another_window_is_found() {
        for idle_window_ms in [4_000, 6_000] {
            let errors = all(&misses(1, 2_000, || Ours::new(idle_window_ms)));
            assert!(!is_fine(errors), "{idle_window_ms} ms: {errors:?}");
        }
    }
}
