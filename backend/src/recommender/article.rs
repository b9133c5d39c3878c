//! What is counted of one article.

use serde::{Deserialize, Serialize};
use wire::Item;
use wire::model::{EMBEDDING, WORDS, Words};

use super::fading::{POPULARITIES, Worth};
use super::neighbours::Neighbours;

/// One article's counts, in units of the landmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Article {
    pub(crate) item: Item,
    pub(crate) neighbours: Neighbours,
    /// All that was added to the list: fast, slow and back.
    pub(crate) mass: [f32; 3],
    pub(crate) popularity: [f32; POPULARITIES],
    /// How often it was opened when it was a candidate, and how often the ranker thought that it would.
    pub(crate) opened: f32,
    pub(crate) expected: f32,
    /// Hours since 1970.
    pub(crate) first_h: f64,
    pub(crate) last_h: f64,
    /// By its own word, if that is believable.
    pub(crate) published_h: Option<f64>,
    /// The place of its section's name plus one.
    pub(crate) section: u8,
    /// Clicks that led to it by the words of the page where they were made.
    pub(crate) words: Option<Vec<f32>>,
    pub(crate) words_total: f32,
    pub(crate) embedding: [f32; EMBEDDING],
    pub(crate) history: [f32; EMBEDDING],
    /// Sums of squared gradients of the two embeddings (`AdaGrad`).
    pub(crate) squares: [f32; 2],
}

impl Article {
    pub(crate) fn new(item: Item, now_h: f64, mut random: impl FnMut() -> f32) -> Self {
        Self {
            item,
            neighbours: Neighbours::default(),
            mass: [0.0; 3],
            popularity: [0.0; POPULARITIES],
            opened: 0.0,
            expected: 0.0,
            first_h: now_h,
            last_h: now_h,
            published_h: None,
            section: 0,
            words: None,
            words_total: 0.0,
            embedding: [0.0; EMBEDDING].map(|_| random()),
            history: [0.0; EMBEDDING].map(|_| random()),
            squares: [super::embeddings::SQUARES_AT_FIRST; 2],
        }
    }

    /// Counts in which surroundings it was opened.
    pub(crate) fn count_words(&mut self, words: Words, worth: f32) {
        let counts = self.words.get_or_insert_with(|| vec![0.0; WORDS]);
        for word in words {
            if let Some(count) = counts.get_mut(usize::from(word)) {
                *count += worth;
            }
        }
        self.words_total += worth;
    }

    /// Brings all counts to a new landmark.
    pub(crate) fn rescale(&mut self, down: &Worth) {
        self.neighbours.rescale(down.fast, down.slow);
        let [fast, slow, back] = &mut self.mass;
        *fast *= down.fast;
        *slow *= down.slow;
        *back *= down.slow;
        self.popularity.iter_mut().zip(down.popularity).for_each(|(count, down)| *count *= down);
        self.opened *= down.surprise;
        self.expected *= down.surprise;
        self.words_total *= down.context;
        self.words.iter_mut().flatten().for_each(|count| *count *= down.context);
    }
}
