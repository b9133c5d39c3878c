//! What the ladder asks of a published model. A trait, so that the ladder's promises are tested against any model, not only against those
//! that a learner would make.

/// One of a model's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Trending,
    TopPages,
    Latest,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranker {
    Full,
    Base,
}
#[derive(Debug, Default)]
pub struct Scratch {
    pub ranked: Vec<Ranked>,
}
#[derive(Debug, Clone, Copy)]
pub struct Ranked {
    pub item: u32,
    pub score: f32,
    pub because: Option<u32>,
    pub is_fresh: bool,
}
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub browser: &'a str,
    pub os: &'a str,
    pub device: &'a str,
    pub country: &'a str,
    pub region: &'a str,
    pub source: &'a str,
}
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub read: &'a [u32],
    pub context: Context<'a>,
    pub now_ms: u64,
}

/// A model as the ladder sees it. Articles have indices of the model's own; lists come best first.
pub trait Learnt {
    /// Names this model.
    fn version(&self) -> &str;
    /// When it was made, Unix milliseconds.
    fn generated_at_ms(&self) -> u64;
    /// The index of an article.
    fn index_of(&self, item: &str) -> Option<u32>;
    /// The article of an index; an empty text when there is none.
    fn item(&self, index: u32) -> &str;
    /// When it was first seen, Unix milliseconds.
    fn first_seen_at_ms(&self, index: u32) -> u64;
    /// One of its lists, with scores.
    fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)>;
    /// What is read by readers of an article, with scores.
    fn similar(&self, index: u32) -> impl Iterator<Item = (u32, f32)>;
    /// Everything that it would show this reader; nothing when it knows nothing of the request.
    fn rank<'s>(&self, request: &Request<'_>, ranker: Ranker, scratch: &'s mut Scratch) -> &'s [Ranked];
}

#[derive(Debug)]
pub struct Model(wire::Model);
impl Model {
    pub fn open(bytes: Vec<u8>) -> Result<Self, wire::Error> {
        wire::Model::parse(&bytes).map(Self)
    }
    pub fn check(bytes: &[u8]) -> Result<(), wire::Error> {
        wire::Model::parse(bytes).map(drop)
    }
}
impl Learnt for Model {
    fn version(&self) -> &str {
        &self.0.model_version
    }
    fn generated_at_ms(&self) -> u64 {
        self.0.generated_at_ms
    }
    fn index_of(&self, item: &str) -> Option<u32> {
        self.0.top_pages.iter().position(|s| s.item.as_str() == item).and_then(|i| u32::try_from(i).ok())
    }
    fn item(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|i| self.0.top_pages.get(i)).map_or("", |s| s.item.as_str())
    }
    fn first_seen_at_ms(&self, _: u32) -> u64 {
        0
    }
    fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)> {
        let of = match list {
            List::Trending => self.0.trending.as_slice(),
            List::TopPages => self.0.top_pages.as_slice(),
            List::Latest => &[],
        };
        of.iter().filter_map(|s| Some((self.index_of(s.item.as_str())?, s.score)))
    }
    fn similar(&self, _: u32) -> impl Iterator<Item = (u32, f32)> {
        std::iter::empty()
    }
    fn rank<'s>(&self, _: &Request<'_>, _: Ranker, scratch: &'s mut Scratch) -> &'s [Ranked] {
        scratch.ranked.clear();
        &scratch.ranked
    }
}
