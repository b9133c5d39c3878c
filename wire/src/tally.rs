//! What one isolate of the edge did for a portal since it last told: rides in a record, so that no figure costs a call of its own.

use serde::{Deserialize, Serialize};

/// Counts of one isolate since its last tally. It travels in [`Edge::tally`](crate::Edge::tally); who reads a record twice counts it once,
/// by the rule that a tally belongs to events that are new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Tally {
    /// Posts that were answered, whatever the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub posts: u32,
    /// Of those: refused by a 4xx.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u32,
    /// Of those: answered 503, because neither the stream nor the retry queue had them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unavailable: u32,
    /// Attempts to put a record into the stream; a call with ten records is ten.
    #[serde(skip_serializing_if = "is_zero")]
    pub puts: u32,
    /// Of those: not taken, or nobody knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_failed: u32,
    /// Time that all calls to the stream took together, milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_ms: u32,
    /// The longest of them, milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_ms_max: u32,
    /// Calls to the stream, which `put_ms` sums up.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_calls: u32,
    /// Records that the retry queue took.
    #[serde(skip_serializing_if = "is_zero")]
    pub queued: u32,
    /// Lists of recommendations that were answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub lists: u32,
    /// Of those: nothing but built-in pages, because nothing else could be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub fallback: u32,
    /// Of those: took longer than 200 ms.
    #[serde(skip_serializing_if = "is_zero")]
    pub slow_lists: u32,
    /// Records that were given up.
    #[serde(skip_serializing_if = "is_zero")]
    pub dead: u32,
}

/// A figure as CloudWatch takes it: a value, or a set of which it keeps count, sum, least and most.
/// A ratio is a set of noughts and ones: its average is the ratio, its sum the count, and both stay true when sources and minutes are added up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The metric's name.
    pub name: &'static str,
    /// CloudWatch's word for its unit.
    pub unit: &'static str,
    /// How many values there were.
    pub samples: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Figure {
    /// One value.
    #[must_use]
    pub const fn value(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self { name, unit, samples: 1.0, sum: value, min: value, max: value }
    }

    /// So many of so many; nothing of nothing is no figure.
    #[must_use]
    pub fn ratio(name: &'static str, of: f64, count: f64) -> Option<Self> {
        let (min, max) = (if count < of { 0.0 } else { 1.0 }, if count > 0.0 { 1.0 } else { 0.0 });
        (of > 0.0).then_some(Self { name, unit: "Count", samples: of, sum: count, min, max })
    }
}

impl Tally {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in what another tells.
    pub fn add(&mut self, other: &Self) {
        let Self {
            posts,
            refused,
            unavailable,
            puts,
            put_failed,
            put_ms,
            put_ms_max,
            put_calls,
            queued,
            lists,
            fallback,
            slow_lists,
            dead,
        } = self;
        *put_ms_max = (*put_ms_max).max(other.put_ms_max);
        for (sum, more) in [
            (posts, other.posts),
            (refused, other.refused),
            (unavailable, other.unavailable),
            (puts, other.puts),
            (put_failed, other.put_failed),
            (put_ms, other.put_ms),
            (put_calls, other.put_calls),
            (queued, other.queued),
            (lists, other.lists),
            (fallback, other.fallback),
            (slow_lists, other.slow_lists),
            (dead, other.dead),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Its figures, all of the stage `edge`.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let count = |name, value: u32| (value > 0).then(|| Figure::value(name, "Count", f64::from(value)));
        let ratio = |name, of: u32, value: u32| Figure::ratio(name, f64::from(of), f64::from(value));
        // The least is not kept: no call was longer than the longest, and none shorter than nothing.
        let (samples, sum, max) = (f64::from(self.put_calls), f64::from(self.put_ms), f64::from(self.put_ms_max));
        let put_time = Figure { name: "PutTime", unit: "Milliseconds", samples, sum, min: 0.0, max };
        let figures = [
            count("Posts", self.posts),
            count("Refused", self.refused),
            ratio("Unavailable", self.posts, self.unavailable),
            ratio("PutFailed", self.puts, self.put_failed),
            (self.put_calls > 0).then_some(put_time),
            count("Queued", self.queued),
            ratio("Fallback", self.lists, self.fallback),
            ratio("SlowLists", self.lists, self.slow_lists),
            count("DeadLetters", self.dead),
        ];
        figures.into_iter().flatten().collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_counted_is_written() {
        let tally = Tally { posts: 3, put_ms_max: 12, ..Tally::default() };
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(text, r#"{"posts":3,"put_ms_max":12}"#);
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        assert!(serde_json::from_str::<Tally>(r#"{"later":1}"#).unwrap().is_empty());
    }

    #[test]
    fn a_ratio_is_the_average_of_its_figure_also_of_several() {
        let mut tally = Tally { posts: 3, unavailable: 1, put_calls: 2, put_ms: 30, put_ms_max: 20, ..Tally::default() };
        tally.add(&Tally { posts: 1, put_calls: 1, put_ms: 5, put_ms_max: 5, ..Tally::default() });
        let figures = tally.figures();
        let names: Vec<_> = figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["Posts", "Unavailable", "PutTime"]);
        let of = |at: usize| (figures[at].samples, figures[at].sum, figures[at].min, figures[at].max);
        assert_eq!([of(0), of(1), of(2)], [(1.0, 4.0, 4.0, 4.0), (4.0, 1.0, 0.0, 1.0), (3.0, 35.0, 0.0, 20.0)]);
        assert_eq!(Figure::ratio("Lost", 2.0, 2.0).map(|figure| (figure.min, figure.max)), Some((1.0, 1.0)));
        assert_eq!(Figure::ratio("Lost", 0.0, 0.0), None);
    }
}
