//! SR: articles that were opened after the one that is open, the sooner the better.
//!
//! Kamehkhosh, Jannach and Ludewig 2017, sr.py of session-rec and of CHAMELEON: a rule from each of the ten articles before,
//! weight 1 / distance; only the open article's rules speak.

use hashbrown::HashMap;

use crate::baselines::Pairwise;
use crate::click::{Click, ItemId, number};
use crate::recommender::{Recommender, Top};

/// How far back a rule may begin, in clicks: the value of both implementations.
const DISTANCE_MAX: usize = 10;

/// Rules by where they begin.
#[derive(Debug, Default, Clone)]
pub(crate) struct SequentialRules(HashMap<ItemId, HashMap<ItemId, f64>>);

impl SequentialRules {
    /// The last item of a history follows the others.
    pub(crate) fn follow(&mut self, history: &[ItemId]) {
        let Some((item, before)) = history.split_last() else { return };
        for (distance, past) in (1..=DISTANCE_MAX).zip(before.iter().rev()).filter(|(_, past)| *past != item) {
            *self.0.entry(*past).or_default().entry(*item).or_default() += 1.0 / number(distance);
        }
    }
}

impl Pairwise for SequentialRules {
    fn weight(&self, from: ItemId, to: ItemId) -> f64 {
        self.0.get(&from).and_then(|rules| rules.get(&to)).copied().unwrap_or(0.0)
    }
}

impl Recommender for SequentialRules {
    fn learn(&mut self, _click: &Click, history: &[ItemId]) {
        self.follow(history);
    }

    fn recommend(&mut self, click: &Click, history: &[ItemId], list: &mut Vec<ItemId>) {
        let mut top = Top::except(history);
        for (item, weight) in self.0.get(&click.item).into_iter().flatten() {
            top.offer(*item, *weight);
        }
        top.put_into(list);
    }
}
