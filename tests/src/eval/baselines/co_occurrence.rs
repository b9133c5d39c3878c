//! CO: articles that stood most often in one session with the one that is open.
//!
//! Moreira et al. 2019, "Co-Occurrence"; Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", 2018,
//! call it association rules. It has no parameter.

use hashbrown::HashMap;

use crate::baselines::Pairwise;
use crate::click::{Click, ItemId, number};
use crate::recommender::{Recommender, Top};

/// How often two articles were in one session, both ways.
#[derive(Debug, Default, Clone)]
pub(crate) struct CoOccurrence(HashMap<ItemId, HashMap<ItemId, u32>>);

impl CoOccurrence {
    /// With whom an article stood, and how often.
    pub(crate) fn partners(&self, item: ItemId) -> impl Iterator<Item = (ItemId, u32)> {
        self.0.get(&item).into_iter().flatten().map(|(partner, count)| (*partner, *count))
    }

    /// How often both were in one session.
    pub(crate) fn count(&self, one: ItemId, other: ItemId) -> u32 {
        self.0.get(&one).and_then(|partners| partners.get(&other)).copied().unwrap_or(0)
    }

    /// The last item of a history joins the others.
    pub(crate) fn join(&mut self, history: &[ItemId]) {
        let Some((item, before)) = history.split_last() else { return };
        for past in before.iter().filter(|past| *past != item) {
            *self.0.entry(*past).or_default().entry(*item).or_default() += 1;
            *self.0.entry(*item).or_default().entry(*past).or_default() += 1;
        }
    }
}

impl Pairwise for CoOccurrence {
    fn weight(&self, from: ItemId, to: ItemId) -> f64 {
        number(self.count(from, to))
    }
}

impl Recommender for CoOccurrence {
    fn learn(&mut self, _click: &Click, history: &[ItemId]) {
        self.join(history);
    }

    fn recommend(&mut self, click: &Click, history: &[ItemId], list: &mut Vec<ItemId>) {
        let mut top = Top::except(history);
        for (partner, count) in self.partners(click.item) {
            top.offer(partner, number(count));
        }
        top.put_into(list);
    }
}
