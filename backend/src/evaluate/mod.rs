//! `backend evaluate`: the learner, or the edge on what the learner publishes, played a log of clicks in lock-step.

pub(crate) mod args;
mod edge;
mod line;
pub(crate) mod replay;
pub(crate) mod requests;

use std::fmt::Write as _;

use wire::model::Model;

pub(crate) use args::{EvaluateArgs, ReplayArgs, Report};
use edge::Edge;
use line::{Line, name};

use crate::recommender::{Click, Lists, Recommender};
use crate::top_pages::TopPages;

/// Items of an answer.
const ANSWER_ITEMS: usize = 10;
/// How often the edge's model is published when nothing else is said.
const EDGE_EVERY_S: u64 = 60;
/// Articles of the lists.
const LISTED: usize = wire::LISTED_ITEMS_MAX;

/// A learner that is played clicks.
pub(crate) struct Lockstep {
    recommender: Recommender<Box<str>>,
    top_pages: TopPages,
    publishing: Option<Publishing>,
    clicks: u64,
    freeze_after: u64,
}

struct Publishing {
    every_ms: u64,
    next_at_ms: u64,
    edge: Edge,
}

impl Lockstep {
    ///
    /// # Errors
    /// None that is known: the edge's portal is written here.
    pub(crate) fn new(args: &EvaluateArgs) -> Result<Self, String> {
        let every_s = args.publish_every_s.or(args.edge.then_some(EDGE_EVERY_S));
        let publishing =
            |every_s: u64| Ok::<_, String>(Publishing { every_ms: every_s.saturating_mul(1_000), next_at_ms: 0, edge: Edge::new(args)? });
        Ok(Self {
            recommender: Recommender::new(),
            top_pages: TopPages::default(),
            publishing: every_s.map(publishing).transpose()?,
            clicks: 0,
            freeze_after: args.freeze_after.unwrap_or(u64::MAX),
        })
    }

    /// Takes a click, and says what its session should be shown: names separated by blanks, best first.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the line.
    pub(crate) fn answer(&mut self, line: &str) -> Result<String, String> {
        let line = Line::parse(line)?;
        let is_learning = self.clicks < self.freeze_after;
        self.clicks += 1;
        if is_learning {
            self.publish(line.at_ms)?;
        }
        let click = Click { item: &line.item, at_ms: line.at_ms, context: line.context(), weight: f32::from(u8::from(is_learning)) };
        self.recommender.learn(line.session.into(), &click);
        if is_learning {
            self.top_pages.view(&line.item, line.at_ms, 1.0);
        }
        Ok(match &mut self.publishing {
            Some(publishing) => publishing.edge.answer(&line),
            None => listed(self.recommender.recommend(&line.session.into(), line.at_ms, ANSWER_ITEMS).iter().map(wire::Item::as_str)),
        })
    }

    /// Publishes what was learnt before this moment, when it is time.
    fn publish(&mut self, now_ms: u64) -> Result<(), String> {
        let Some(publishing) = self.publishing.as_mut().filter(|publishing| now_ms >= publishing.next_at_ms) else { return Ok(()) };
        publishing.next_at_ms = now_ms.saturating_add(publishing.every_ms);
        let lists = Lists { trending: self.top_pages.trending(now_ms, LISTED), top_pages: self.top_pages.top(now_ms, LISTED) };
        let blob = self.recommender.publish(now_ms.to_string(), now_ms, &lists);
        publishing.edge.take(Model::open(blob).map_err(|error| error.to_string())?);
        Ok(())
    }
}

fn listed<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for item in items {
        let blank = if line.is_empty() { "" } else { " " };
        // Writing into a text does not fail.
        let _ = write!(line, "{blank}{}", name(item));
    }
    line
}

#[cfg(test)]
mod tests;
