//! What the log said and CloudWatch Logs has not heard yet, so that operators read edge and backend in one timeline. The platform's own log has it too.

use std::collections::VecDeque;

/// Lines that an isolate keeps: words and codes, some hundred bytes each. What is said more often than that says the same.
const LINES_MAX: usize = 100;
/// An isolate tells at most so often, milliseconds.
const EVERY_MS: u64 = 10_000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// A JSON object.
    pub text: String,
}

/// The lines of one isolate, oldest first.
#[derive(Debug, Default)]
pub struct Timeline {
    waiting: VecDeque<Line>,
    missed: u32,
    told_at_ms: u64,
}

impl Timeline {
    /// Keeps a line. When there are too many the first ones stay: they say how it began.
    pub fn keep(&mut self, at_ms: u64, text: String) {
        if self.waiting.len() < LINES_MAX {
            self.waiting.push_back(Line { at_ms, text });
        } else {
            self.missed += 1;
        }
    }

    /// Whether there is something to tell, and it is time.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        !self.waiting.is_empty() && now_ms >= self.told_at_ms.saturating_add(EVERY_MS)
    }

    /// What there is to tell, if it is time; how much was missed stands at its end.
    pub fn take(&mut self, now_ms: u64) -> Vec<Line> {
        if !self.is_due(now_ms) {
            return Vec::new();
        }
        self.told_at_ms = now_ms;
        let mut lines: Vec<Line> = self.waiting.drain(..).collect();
        if self.missed > 0 {
            let text = format!("{{\"count\":\"{}\",\"event\":\"lines_missed\"}}", std::mem::take(&mut self.missed));
            lines.push(Line { at_ms: now_ms, text });
        }
        lines
    }

    /// They were not heard: they are told the next time, as far as there is room.
    pub fn give_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            if self.waiting.len() < LINES_MAX {
                self.waiting.push_front(line);
            } else {
                self.missed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_are_told_once_and_not_too_often() {
        let mut timeline = Timeline::default();
        assert!(!timeline.is_due(T0) && timeline.take(T0).is_empty());
        timeline.keep(T0, "a".to_owned());
        assert_eq!(texts(&timeline.take(T0)), ["a"]);
        timeline.keep(T0 + 1, "b".to_owned());
        assert!(timeline.take(T0 + EVERY_MS - 1).is_empty());
        assert_eq!(texts(&timeline.take(T0 + EVERY_MS)), ["b"]);
    }

    #[test]
    fn the_first_ones_stay_and_the_rest_is_counted() {
        let mut timeline = Timeline::default();
        (0..LINES_MAX + 3).for_each(|number| timeline.keep(T0, number.to_string()));
        let lines = timeline.take(T0);
        assert_eq!((lines.len(), lines[0].text.as_str()), (LINES_MAX + 1, "0"));
        assert_eq!(lines[LINES_MAX].text, r#"{"count":"3","event":"lines_missed"}"#);
    }

    #[test]
    fn what_was_not_heard_comes_again_before_what_is_new() {
        let mut timeline = Timeline::default();
        timeline.keep(T0, "a".to_owned());
        let lines = timeline.take(T0);
        timeline.keep(T0 + 1, "b".to_owned());
        timeline.give_back(lines);
        assert_eq!(texts(&timeline.take(T0 + EVERY_MS)), ["a", "b"]);
    }
}
