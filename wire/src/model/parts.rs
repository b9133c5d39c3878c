//! What a model is made of, and how its blob is written.

use super::knowledge::{EMBEDDING, FACTS, Neighbour, WORDS};
use super::layout::{self, Header, MODEL_ITEMS_MAX, SECTIONS, Section};
use super::quantum;
use super::ranker::Weights;

/// One article, with what is known of it. Articles name each other by their place in [`Parts::items`].
#[derive(Debug, Clone, Default)]
pub struct PartsItem {
    /// Its canonical path.
    pub path: String,
    /// When it was first seen, Unix seconds.
    pub first_seen_s: u32,
    /// Its section's place in [`Parts::sections`] plus one; 0 for none.
    pub section: u8,
    /// See [`super::Fact`].
    pub facts: [f32; FACTS],
    /// As something to be read.
    pub embedding: [f32; EMBEDDING],
    /// As something that was read.
    pub history: [f32; EMBEDDING],
    /// Those that are read next, best first.
    pub neighbours: Vec<Neighbour>,
    /// A lift per word, as logarithms; only for those that are read by many.
    pub lifts: Option<Box<[f32; WORDS]>>,
}

/// All of a model.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Names the model; answers repeat it.
    pub name: String,
    /// When it was made, Unix milliseconds.
    pub generated_at_ms: u64,
    /// At most [`MODEL_ITEMS_MAX`], in any order.
    pub items: Vec<PartsItem>,
    /// Names of sections, at most 255.
    pub sections: Vec<String>,
    /// Words and their places.
    pub words: Vec<(u8, String)>,
    /// Rising articles and their scores, best first.
    pub trending: Vec<(u32, f32)>,
    /// Most read articles and their scores, best first.
    pub top_pages: Vec<(u32, f32)>,
    /// Latest articles, newest first.
    pub latest: Vec<(u32, f32)>,
    /// Candidates whatever was read.
    pub leaders: Vec<u32>,
    /// Where each word leads.
    pub word_embeddings: Vec<[f32; EMBEDDING]>,
    /// What the ranker has learnt, if it has.
    pub weights: Option<Weights>,
}

impl Parts {
    /// The blob. Articles past the limits and entries that name none are left out; what is no number becomes the least.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut order: Vec<usize> = (0..self.items.len().min(MODEL_ITEMS_MAX)).collect();
        order.sort_unstable_by_key(|at| self.items.get(*at).map(|item| item.path.as_str()));
        order.dedup_by_key(|at| self.items.get(*at).map(|item| item.path.as_str()));
        let mut places = vec![None; self.items.len()];
        for (place, at) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(*at) {
                *slot = u32::try_from(place).ok();
            }
        }
        let place = |item: u32| places.get(layout::index(item)).copied().flatten();
        let items: Vec<&PartsItem> = order.iter().filter_map(|at| self.items.get(*at)).collect();
        let mut sections: [Vec<u8>; SECTIONS] = Default::default();
        let mut put = |section: Section, bytes: Vec<u8>| {
            if let Some(slot) = sections.get_mut(section.place()) {
                *slot = bytes;
            }
        };
        put(Section::Name, self.name.clone().into_bytes());
        let (offsets, texts) = runs(items.iter().map(|item| item.path.as_bytes().to_vec()), 1);
        put(Section::TextOffsets, offsets);
        put(Section::Texts, texts);
        put(Section::FirstSeen, items.iter().flat_map(|item| item.first_seen_s.to_le_bytes()).collect());
        put(Section::ItemSections, items.iter().map(|item| item.section).collect());
        put(Section::NamesOfSections, self.sections.iter().take(255).flat_map(|name| short_text(name)).collect());
        put(Section::Facts, items.iter().flat_map(|item| quantum::facts_to_bytes(&item.facts)).collect());
        let (scale, embeddings) = embeddings(&items);
        put(Section::Embeddings, embeddings);
        let (offsets, neighbours) = runs(items.iter().map(|item| neighbours(item, place)), layout::NEIGHBOUR_BYTES);
        put(Section::NeighbourOffsets, offsets);
        put(Section::Neighbours, neighbours);
        let (rows, lifts) = lifts(&items);
        put(Section::LiftRows, rows);
        put(Section::Lifts, lifts);
        put(Section::Words, self.words.iter().flat_map(|(word, text)| [vec![*word], short_text(text)].concat()).collect());
        let list = |list: &[(u32, f32)]| {
            let entries = list.iter().filter_map(|(item, score)| Some((place(*item)?, *score))).filter(|(_, score)| score.is_finite());
            entries.flat_map(|(item, score)| [item.to_le_bytes(), score.to_le_bytes()]).flatten().collect()
        };
        put(Section::Trending, list(&self.trending));
        put(Section::TopPages, list(&self.top_pages));
        put(Section::Latest, list(&self.latest));
        put(Section::Leaders, self.leaders.iter().filter_map(|item| place(*item)).flat_map(u32::to_le_bytes).collect());
        put(Section::Weights, self.learnt(scale));
        let header = Header { items: u32::try_from(items.len()).unwrap_or(0), generated_at_ms: self.generated_at_ms };
        layout::assemble(header, &sections)
    }

    /// The embeddings' unit, the ranker, the words' embeddings. Nothing when one of them is no number.
    fn learnt(&self, scale: f32) -> Vec<u8> {
        let Some(weights) = &self.weights else { return Vec::new() };
        let mut numbers = vec![scale];
        weights.write(&mut numbers);
        let word = |word: usize| self.word_embeddings.get(word).copied().unwrap_or_default();
        (0..WORDS).for_each(|nth| numbers.extend_from_slice(&word(nth)));
        if numbers.iter().all(|number| number.is_finite()) {
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
        } else {
            Vec::new()
        }
    }
}

/// Offsets in units of `unit` bytes, and the runs behind each other.
fn runs(runs: impl Iterator<Item = Vec<u8>>, unit: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut offsets, mut bytes) = (0_u32.to_le_bytes().to_vec(), Vec::new());
    for run in runs {
        bytes.extend_from_slice(&run);
        offsets.extend_from_slice(&u32::try_from(bytes.len() / unit).unwrap_or(u32::MAX).to_le_bytes());
    }
    (offsets, bytes)
}

fn neighbours(item: &PartsItem, place: impl Fn(u32) -> Option<u32>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(item.neighbours.len() * layout::NEIGHBOUR_BYTES);
    for neighbour in &item.neighbours {
        let shares = [neighbour.fast, neighbour.slow, neighbour.back].map(quantum::share_to_byte);
        if let Some(place) = place(neighbour.item).filter(|_| shares != [0; 3]) {
            let [low, middle, high, _] = place.to_le_bytes();
            bytes.extend_from_slice(&[low, middle, high]);
            bytes.extend_from_slice(&shares);
        }
    }
    bytes
}

/// One unit for all: the largest number is 127 of it.
fn embeddings(items: &[&PartsItem]) -> (f32, Vec<u8>) {
    let numbers = |item: &&PartsItem| item.embedding.into_iter().chain(item.history);
    let largest = items.iter().flat_map(numbers).filter(|number| number.is_finite()).fold(0.0_f32, |most, number| most.max(number.abs()));
    let scale = largest / 127.0;
    (scale, items.iter().flat_map(numbers).map(|number| quantum::number_to_byte(number, scale)).collect())
}

fn lifts(items: &[&PartsItem]) -> (Vec<u8>, Vec<u8>) {
    let (mut rows, mut bytes, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for item in items {
        let row = match &item.lifts {
            Some(lifts) if count < u16::MAX => {
                bytes.extend(lifts.iter().map(|lift| quantum::lift_to_byte(*lift)));
                count += 1;
                count
            }
            _ => 0,
        };
        rows.extend_from_slice(&row.to_le_bytes());
    }
    (rows, bytes)
}

/// A text of at most 255 bytes, behind its length.
fn short_text(text: &str) -> Vec<u8> {
    let end = (0..=text.len().min(255)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let text = text.get(..end).unwrap_or_default();
    [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
}
