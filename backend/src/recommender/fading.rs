//! Counts that fade with time, without touching them: forward decay.
//!
//! Cormode et al., "Forward Decay", ICDE 2009: what happens at `t` adds `2^((t - landmark) / half_life)`; reading divides by the same
//! for now. Before the numbers grow too large for `f32`, all are brought back to a new landmark.

use serde::{Deserialize, Serialize};

/// Half-lives in hours of the popularities, by [`Popularity`].
const POPULARITY_H: [f64; POPULARITIES] = [5.0 / 60.0, 0.25, 1.0, 6.0, 0.25, 24.0, 1.0];
/// What is read next, now.
const FAST_H: f64 = 0.35;
/// What is read next, today.
const SLOW_H: f64 = 24.0;
/// In which surroundings.
const CONTEXT_H: f64 = 1.0;
/// How often the ranker was surprised.
const SURPRISE_H: f64 = 2.0;
/// All counts are brought back this often: 2^72 of the shortest half-life, far within `f32`.
const RESCALE_H: f64 = 6.0;

/// How many popularities are kept.
pub(crate) const POPULARITIES: usize = 7;

/// Which popularity. `Next` counts clicks that are not a session's first, `Deep` those after the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Popularity {
    Next5m,
    Next15m,
    Next1h,
    Next6h,
    All15m,
    All24h,
    Deep1h,
}

impl Popularity {
    #[expect(clippy::as_conversions, reason = "the number of a plain enum's variant")]
    pub(crate) const fn place(self) -> usize {
        self as usize
    }
}

/// What one event is worth in each kind of count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worth {
    pub(crate) fast: f32,
    pub(crate) slow: f32,
    pub(crate) context: f32,
    pub(crate) surprise: f32,
    pub(crate) popularity: [f32; POPULARITIES],
}

impl Worth {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "counts are f32, and std has no other way")]
    fn after(hours: f64) -> Self {
        let grown = |half_h: f64| (hours / half_h).exp2() as f32;
        Self {
            fast: grown(FAST_H),
            slow: grown(SLOW_H),
            context: grown(CONTEXT_H),
            surprise: grown(SURPRISE_H),
            popularity: POPULARITY_H.map(grown),
        }
    }
}

/// The time of the counts. It never goes back: what comes late counts as if it came now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    landmark_h: Option<f64>,
    pub(crate) now_h: f64,
    pub(crate) worth: Worth,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { landmark_h: None, now_h: 0.0, worth: Worth::after(0.0) }
    }

    /// Moves to a moment. When the landmark moved as well, gives what every count has to be multiplied with.
    pub(crate) fn advance(&mut self, now_h: f64) -> Option<Worth> {
        let landmark_h = *self.landmark_h.get_or_insert(now_h);
        self.now_h = self.now_h.max(now_h);
        let past_h = self.now_h - landmark_h;
        if past_h <= RESCALE_H {
            self.worth = Worth::after(past_h);
            return None;
        }
        self.landmark_h = Some(self.now_h);
        self.worth = Worth::after(0.0);
        Some(Worth::after(-past_h))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_half_after_one_half_life_also_across_a_rescaling() {
        let mut clock = Clock::new();
        assert!(clock.advance(1_000.0).is_none());
        let mut count = clock.worth.popularity[Popularity::Next6h.place()];
        for step in 1..=9 {
            if let Some(down) = clock.advance(1_000.0 + f64::from(step)) {
                count *= down.popularity[Popularity::Next6h.place()];
            }
        }
        let left = count / clock.worth.popularity[Popularity::Next6h.place()];
        assert!((left - 0.5_f32.powf(1.5)).abs() < 1e-5, "{left}");
    }

    #[test]
    fn time_never_goes_back() {
        let mut clock = Clock::new();
        clock.advance(5.0);
        clock.advance(4.0);
        assert!((clock.now_h - 5.0).abs() < 1e-9);
    }
}
