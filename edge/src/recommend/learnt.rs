//! What the ladder asks of a published model. A trait, so that the ladder's promises are tested against any model, not only against those
//! that a learner would make.

use wire::model::Knowledge as _;

pub(super) use wire::model::FRESH_MS;
pub use wire::model::{Context, List, Model, Ranked, Ranker, Request, Scratch};

/// A model as the ladder sees it. Articles have numbers of the model's own; lists come best first.
pub trait Learnt {
    /// Names this model.
    fn version(&self) -> &str;
    /// When it was made, Unix milliseconds.
    fn generated_at_ms(&self) -> u64;
    /// The number of an article.
    fn index_of(&self, item: &str) -> Option<u32>;
    /// The article of a number; an empty text when there is none.
    fn item(&self, index: u32) -> &str;
    /// Its section, as readers' pages name it.
    fn section_of(&self, index: u32) -> Option<&str>;
    /// When it was first seen, Unix milliseconds.
    fn first_seen_at_ms(&self, index: u32) -> u64;
    /// One of its lists, with scores.
    fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)>;
    /// What is read by readers of an article, with scores.
    fn similar(&self, index: u32) -> Vec<(u32, f32)>;
    /// Everything that it would show this reader; nothing when it knows nothing of the request.
    fn rank(&self, request: &Request<'_>, ranker: Ranker, scratch: &mut Scratch) -> Vec<Ranked>;
}

impl Learnt for Model {
    fn version(&self) -> &str {
        self.version()
    }

    fn generated_at_ms(&self) -> u64 {
        self.generated_at_ms()
    }

    fn index_of(&self, item: &str) -> Option<u32> {
        self.index_of(item)
    }

    fn item(&self, index: u32) -> &str {
        self.item(index)
    }

    fn section_of(&self, index: u32) -> Option<&str> {
        self.section_of(index)
    }

    fn first_seen_at_ms(&self, index: u32) -> u64 {
        self.first_seen_at_ms(index)
    }

    fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)> {
        self.list(list)
    }

    fn similar(&self, index: u32) -> Vec<(u32, f32)> {
        let mut similar = Vec::new();
        // What is read next now, and over the day; what only came before it is no reason to go on there.
        self.neighbours(index, |neighbour| similar.push((neighbour.item, neighbour.fast.midpoint(neighbour.slow))));
        similar.retain(|(_, score)| *score > 0.0);
        similar.sort_by(|one, other| other.1.total_cmp(&one.1));
        similar
    }

    fn rank(&self, request: &Request<'_>, ranker: Ranker, scratch: &mut Scratch) -> Vec<Ranked> {
        self.rank(request, ranker, scratch)
    }
}
