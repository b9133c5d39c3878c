//! A whole log through the learner, and what that costs.

use serde::Serialize;

use super::args::Report;
use super::line::Line;
use super::{LISTED, Lists, TopPages};
use crate::recommender::{Click, Recommender};

/// Clicks that are read before they are learnt, so that reading is no part of the cost: some 600 KB of text. A blob is built behind each.
pub(crate) const BLOCK_CLICKS: usize = 10_000;

/// A learner that is played a log.
pub(crate) struct Replay {
    recommender: Recommender<Box<str>>,
    top_pages: TopPages,
    is_teaching: bool,
    clicks: u64,
    cpu_ns: u64,
    build_ns: Vec<u64>,
    blob_bytes: Vec<usize>,
    blob: Vec<u8>,
}

/// What it cost.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    clicks: u64,
    /// CPU time of counting, or of learning, alone.
    cpu_ns: u64,
    /// Articles that are remembered in the end.
    articles: usize,
    /// How many blobs were built.
    blobs: usize,
    /// CPU time of building a blob with its lists.
    build_ns_median: u64,
    build_ns_max: u64,
    blob_bytes_median: usize,
    blob_bytes_max: usize,
}

impl Replay {
    pub(crate) fn new(report: Report) -> Self {
        Self {
            recommender: Recommender::new(),
            top_pages: TopPages::default(),
            is_teaching: report == Report::Learner,
            clicks: 0,
            cpu_ns: 0,
            build_ns: Vec::new(),
            blob_bytes: Vec::new(),
            blob: Vec::new(),
        }
    }

    /// Takes some clicks, and builds a blob when it teaches. `cpu_ns` is a clock that only moves while this thread works.
    ///
    /// # Errors
    /// A sentence that says what is wrong with a line.
    pub(crate) fn block(&mut self, clicks: &str, cpu_ns: impl Fn() -> u64) -> Result<(), String> {
        let lines = clicks.lines().map(Line::parse).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<Box<str>> = lines.iter().map(|line| line.session.into()).collect();
        let begun_ns = cpu_ns();
        for (line, key) in lines.iter().zip(keys) {
            let click = Click { item: &line.item, at_ms: line.at_ms, context: line.context(), weight: 1.0 };
            if self.is_teaching {
                self.recommender.learn(key, &click);
            } else {
                self.recommender.count_only(key, &click);
            }
        }
        self.cpu_ns += cpu_ns().saturating_sub(begun_ns);
        self.clicks += u64::try_from(lines.len()).unwrap_or(0);
        for line in &lines {
            self.top_pages.view(&line.item, line.at_ms, 1.0);
        }
        if let Some(last) = lines.last().filter(|_| self.is_teaching) {
            self.build(last.at_ms, cpu_ns);
        }
        Ok(())
    }

    fn build(&mut self, now_ms: u64, cpu_ns: impl Fn() -> u64) {
        let begun_ns = cpu_ns();
        let lists = Lists { trending: self.top_pages.trending(now_ms, LISTED), top_pages: self.top_pages.top(now_ms, LISTED) };
        self.blob = self.recommender.publish(now_ms.to_string(), now_ms, &lists);
        self.build_ns.push(cpu_ns().saturating_sub(begun_ns));
        self.blob_bytes.push(self.blob.len());
    }

    /// The last blob; empty when nothing was taught.
    pub(crate) fn blob(&self) -> &[u8] {
        &self.blob
    }

    pub(crate) fn figures(mut self) -> Figures {
        self.build_ns.sort_unstable();
        self.blob_bytes.sort_unstable();
        Figures {
            clicks: self.clicks,
            cpu_ns: self.cpu_ns,
            articles: self.recommender.articles(),
            blobs: self.blob_bytes.len(),
            build_ns_median: self.build_ns.get(self.build_ns.len() / 2).copied().unwrap_or(0),
            build_ns_max: self.build_ns.last().copied().unwrap_or(0),
            blob_bytes_median: self.blob_bytes.get(self.blob_bytes.len() / 2).copied().unwrap_or(0),
            blob_bytes_max: self.blob_bytes.last().copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that moves by one whenever it is looked at.
    fn played(report: Report) -> (Figures, usize) {
        let now = Cell::new(0);
        let clock = || now.replace(now.get() + 1);
        let mut replay = Replay::new(report);
        for _ in 0..3 {
            replay.block("1789873200000\ts\ta\n1789873201000\ts\tb\n", clock).unwrap();
        }
        let blob_bytes = replay.blob().len();
        (replay.figures(), blob_bytes)
    }

    #[test]
    fn only_the_learner_builds_blobs_and_both_count_the_same() {
        let (counted, blob_bytes) = played(Report::Counters);
        assert_eq!((counted.clicks, counted.cpu_ns, counted.articles, counted.blobs, blob_bytes), (6, 3, 2, 0, 0));
        let (learnt, blob_bytes) = played(Report::Learner);
        assert_eq!((learnt.clicks, learnt.cpu_ns, learnt.articles, learnt.blobs), (6, 3, 2, 3));
        assert!(blob_bytes > 0 && blob_bytes <= learnt.blob_bytes_max && learnt.blob_bytes_median <= learnt.blob_bytes_max);
        assert_eq!((learnt.build_ns_median, learnt.build_ns_max), (1, 1));
    }

    #[test]
    fn a_line_that_is_no_click_ends_it() {
        assert!(Replay::new(Report::Learner).block("1\ts\ta\nx\n", || 0).unwrap_err().contains("at_ms"));
    }
}
