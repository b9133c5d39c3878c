//! VMIS-kNN: what the most similar of the latest sessions opened besides.
//!
//! Kersbergen, Sprangers and Schelter, "Serenade", 2022, after V-SkNN of Ludewig and Jannach 2018: each article of the session counts
//! by how late it was opened; the m latest sessions that share one are looked at; the k most similar vote, weighted by the latest
//! article that they share, for their rare articles more than for their frequent ones. Here sessions are indexed as they grow.
//!
//! Hours 144 to 191, HR / MRR: m 500, k 100 .508 / .229 with rarity as in Serenade, .512 / .231 with a third of it, .518 / .233 without, which
//! is taken; k 50 .487 / .223 (with), k 200 .516 / .230; m 250 .504 / .226 (with), m 1000 .518 / .234 for twice the time.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::click::{Click, ItemId, SessionId, number};
use crate::recommender::{Recommender, Top};

/// Only the latest articles of a session are compared: Serenade's limit.
const HISTORY_MAX: usize = 9;

/// What may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameters {
    /// m: how many of the latest sessions are looked at.
    pub latest: usize,
    /// k: how many of them vote.
    pub neighbours: usize,
    /// How much an article's rarity counts; Serenade has 1 + ln(sessions / sessions with it), 0 here leaves only the 1.
    pub rarity: f64,
}

/// Sessions, and which ones opened an article last.
#[derive(Debug)]
pub(crate) struct VmisKnn {
    parameters: Parameters,
    sessions: HashMap<SessionId, Session>,
    articles: HashMap<ItemId, Article>,
    clicks: u32,
}

#[derive(Debug, Default)]
struct Session {
    items: Vec<ItemId>,
    /// The number of its last click: later is greater.
    last_click: u32,
}

#[derive(Debug, Default)]
struct Article {
    /// The latest at the end.
    latest: VecDeque<SessionId>,
    sessions: u32,
}

/// A session that shares an article with the one that asks.
#[derive(Debug)]
struct Neighbour<'a> {
    session: &'a Session,
    similarity: f64,
    /// From the end of the asking session to the first article that both have.
    distance: usize,
}

impl Default for VmisKnn {
    fn default() -> Self {
        Self::new(Parameters { latest: 500, neighbours: 100, rarity: 0.0 })
    }
}

impl VmisKnn {
    pub(crate) fn new(parameters: Parameters) -> Self {
        Self { parameters, sessions: HashMap::new(), articles: HashMap::new(), clicks: 0 }
    }

    fn neighbours(&self, own: SessionId, history: &[ItemId]) -> Vec<Neighbour<'_>> {
        let Parameters { latest, neighbours, .. } = self.parameters;
        let mut found: HashMap<SessionId, Neighbour<'_>> = HashMap::new();
        for (distance, item) in (1..=HISTORY_MAX).zip(history.iter().rev()) {
            let sessions = self.articles.get(item).into_iter().flat_map(|article| &article.latest);
            for id in sessions.filter(|id| **id != own) {
                let Some(session) = self.sessions.get(id) else { continue };
                let neighbour = found.entry(*id).or_insert(Neighbour { session, similarity: 0.0, distance });
                neighbour.similarity += 1.0 / number(distance);
            }
        }
        let mut found: Vec<_> = found.into_values().collect();
        keep(&mut found, latest, |one| (number(one.session.last_click), 0.0));
        keep(&mut found, neighbours, |one| (one.similarity, number(one.session.last_click)));
        found
    }
}

/// The best so many, in any order.
fn keep(found: &mut Vec<Neighbour<'_>>, count: usize, key: impl Fn(&Neighbour<'_>) -> (f64, f64)) {
    if found.len() > count {
        found.select_nth_unstable_by(count, |left, right| {
            let (left, right) = (key(left), key(right));
            right.0.total_cmp(&left.0).then(right.1.total_cmp(&left.1))
        });
        found.truncate(count);
    }
}

impl Recommender for VmisKnn {
    fn learn(&mut self, click: &Click, history: &[ItemId]) {
        self.clicks += 1;
        let session = self.sessions.entry(click.session).or_default();
        session.last_click = self.clicks;
        session.items.push(click.item);
        let is_again = history.split_last().is_some_and(|(item, before)| before.contains(item));
        if is_again {
            return;
        }
        let article = self.articles.entry(click.item).or_default();
        article.sessions += 1;
        article.latest.push_back(click.session);
        if article.latest.len() > self.parameters.latest {
            article.latest.pop_front();
        }
    }

    fn recommend(&mut self, click: &Click, history: &[ItemId], list: &mut Vec<ItemId>) {
        let mut scores: HashMap<ItemId, f64> = HashMap::new();
        for neighbour in self.neighbours(click.session, history) {
            // Linear, as in Serenade and in session-rec: nothing from the tenth on.
            let vote = neighbour.similarity * (1.0 - 0.1 * number(neighbour.distance - 1));
            for item in &neighbour.session.items {
                *scores.entry(*item).or_default() += vote;
            }
        }
        let sessions = number(self.sessions.len());
        let mut top = Top::except(history);
        for (item, score) in scores {
            let with_it = self.articles.get(&item).map_or(1, |article| article.sessions);
            let rarity = self.parameters.rarity.mul_add((sessions / number(with_it)).ln(), 1.0);
            top.offer(item, score * rarity);
        }
        top.put_into(list);
    }
}
