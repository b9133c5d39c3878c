//! Who is reading what now: the latest pages of each session.

use std::hash::Hash;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use wire::model::{CONTEXTS, Words};

/// Pages of a session that are remembered, so that none is shown again; one session in sixty thousand is longer.
const PAGES_MAX: usize = 60;
/// Sessions of one generation, about 120 bytes each, for most have two pages or three. There are two.
const SESSIONS_MAX: usize = 200_000;
/// Without a click for so long a session is over; a generation lives once to twice as long.
const GENERATION_H: f64 = 0.5;

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Latest first, each once.
    pub(crate) pages: Vec<u32>,
    /// The words of its latest page.
    pub(crate) words: Words,
}

impl Default for Session {
    fn default() -> Self {
        Self { pages: Vec::new(), words: [0; CONTEXTS] }
    }
}

impl Session {
    /// A page was opened.
    pub(crate) fn open(&mut self, item: u32) {
        self.pages.retain(|page| *page != item);
        self.pages.insert(0, item);
        self.pages.truncate(PAGES_MAX);
    }
}

/// Sessions in two generations: who comes back moves to the young one; the old one is dropped as a whole.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de> + Eq + Hash"))]
pub(crate) struct Sessions<K: Serialize + Eq + Hash> {
    young: HashMap<K, Session>,
    old: HashMap<K, Session>,
    begun_h: f64,
}

impl<K: Serialize + Eq + Hash> Sessions<K> {
    pub(crate) fn new() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), begun_h: 0.0 }
    }

    /// Takes a session out, or begins one.
    pub(crate) fn take(&mut self, key: &K, now_h: f64) -> Session {
        if now_h - self.begun_h > GENERATION_H || self.young.len() >= SESSIONS_MAX {
            self.old = std::mem::take(&mut self.young);
            self.begun_h = now_h;
        }
        self.young.remove(key).or_else(|| self.old.remove(key)).unwrap_or_default()
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, key: K, session: Session) {
        self.young.insert(key, session);
    }

    /// A session as it is.
    pub(crate) fn get(&self, key: &K) -> Option<&Session> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Gives articles their new numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        for session in self.young.values_mut().chain(self.old.values_mut()) {
            session.pages = session.pages.iter().filter_map(|page| number(*page)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_remembered_for_half_an_hour_and_forgotten_after_an_hour() {
        let mut sessions = Sessions::<u32>::new();
        let mut act = |key: u32, now_h: f64| {
            let mut session = sessions.take(&key, now_h);
            session.open(7);
            let pages = session.pages.len();
            session.open(8);
            sessions.put(key, session);
            pages
        };
        assert_eq!(act(1, 10.0), 1);
        assert_eq!(act(1, 10.4), 2);
        assert_eq!(act(2, 10.6), 1);
        assert_eq!(act(1, 10.7), 2, "kept by the old generation");
        assert_eq!(act(3, 11.2), 1);
        assert_eq!(act(3, 11.8), 2);
        assert_eq!(act(1, 11.9), 1, "forgotten");
    }

    #[test]
    fn a_page_that_is_opened_again_is_the_latest_and_there_once() {
        let mut session = Session::default();
        for item in [1, 2, 1] {
            session.open(item);
        }
        assert_eq!(session.pages, [1, 2]);
    }
}
