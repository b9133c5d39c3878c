//! A model that tests make up, and a portal around it.

use std::rc::Rc;

use wire::{Cards, Catalogue, Rules};

use super::learnt::{Learnt, List, Ranked, Ranker, Request, Scratch};
use super::published::{Files, Published};

/// Says what it is told to say. Items have the index of their place.
#[derive(Debug, Clone, Default)]
pub(super) struct Invented {
    pub(super) generated_at_ms: u64,
    pub(super) items: Vec<String>,
    /// Their sections; an empty text is none.
    pub(super) sections: Vec<String>,
    pub(super) first_seen_at_ms: Vec<u64>,
    pub(super) trending: Vec<u32>,
    pub(super) top_pages: Vec<u32>,
    pub(super) latest: Vec<u32>,
    /// By index.
    pub(super) similar: Vec<Vec<u32>>,
    /// What the ranker says, whoever asks, and which read item brought it. The base ranker says it backwards.
    pub(super) ranked: Vec<(u32, Option<u32>)>,
}

fn at<T: Clone + Default>(list: &[T], index: u32) -> T {
    usize::try_from(index).ok().and_then(|index| list.get(index)).cloned().unwrap_or_default()
}

fn scored(list: &[u32]) -> impl Iterator<Item = (u32, f32)> {
    (0_u16..).zip(list).map(|(place, index)| (*index, 1.0 / f32::from(1 + place)))
}

impl Learnt for Invented {
    fn version(&self) -> &'static str {
        "invented"
    }

    fn generated_at_ms(&self) -> u64 {
        self.generated_at_ms
    }

    fn index_of(&self, item: &str) -> Option<u32> {
        self.items.iter().position(|known| known == item).and_then(|index| u32::try_from(index).ok())
    }

    fn item(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|index| self.items.get(index)).map_or("", String::as_str)
    }

    fn section_of(&self, index: u32) -> Option<&str> {
        usize::try_from(index).ok().and_then(|index| self.sections.get(index)).map(String::as_str).filter(|section| !section.is_empty())
    }

    fn first_seen_at_ms(&self, index: u32) -> u64 {
        at(&self.first_seen_at_ms, index)
    }

    fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)> {
        scored(match list {
            List::Trending => &self.trending,
            List::TopPages => &self.top_pages,
            List::Latest => &self.latest,
        })
    }

    fn similar(&self, index: u32) -> Vec<(u32, f32)> {
        scored(&at(&self.similar, index)).collect()
    }

    fn rank(&self, _request: &Request<'_>, ranker: Ranker, _scratch: &mut Scratch) -> Vec<Ranked> {
        let said = |(item, because): &(u32, Option<u32>)| Ranked { item: *item, score: 1.0, because: *because, is_fresh: false };
        match ranker {
            Ranker::Full => self.ranked.iter().map(said).collect(),
            Ranker::Base => self.ranked.iter().rev().map(said).collect(),
        }
    }
}

/// `cards` and `catalogue` are the insides of their maps, `rules` the fields after the version.
pub(super) fn published(model: Option<Invented>, cards: &str, catalogue: &str, rules: &str) -> Published<Invented> {
    let separator = if rules.is_empty() { "" } else { "," };
    Published::new(Files {
        model: model.map(Rc::new),
        cards: Rc::new(Cards::parse(format!(r#"{{"v":1,"cards":{{{cards}}}}}"#).as_bytes()).unwrap()),
        catalogue: Rc::new(Catalogue::parse(format!(r#"{{"v":1,"items":{{{catalogue}}}}}"#).as_bytes()).unwrap()),
        rules: Rc::new(Rules::parse(format!(r#"{{"v":1{separator}{rules}}}"#).as_bytes()).unwrap()),
        is_vetted: true,
    })
}
