//! A published model, read in place.

use super::knowledge::{CONTEXTS, ContextKind, EMBEDDING, FACTS, Knowledge, Neighbour, WORDS, Words};
use super::layout::{self, Header, NEIGHBOUR_BYTES, SECTIONS, Section, bad, index, u32_at};
use super::quantum;
use super::ranker::Weights;
use crate::error::Error;
use crate::item::Item;

/// A model that was found whole: every offset in it was looked at.
pub struct Model {
    blob: Vec<u8>,
    header: Header,
    table: [(usize, usize); SECTIONS],
    /// Names of sections; the first is none.
    sections: Vec<String>,
    words: Vec<(u8, String)>,
    learnt: Option<Box<Learnt>>,
    shares: [f32; 256],
}

/// What the ranker has learnt: a few KB, used for every candidate, so that it is brought into shape once.
#[derive(Debug)]
struct Learnt {
    scale: f32,
    weights: Weights,
    words: Vec<[f32; EMBEDDING]>,
}

/// The ready-made lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Rising now.
    Trending,
    /// Most read.
    TopPages,
    /// Newest first.
    Latest,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Model").field("version", &self.version()).field("header", &self.header).finish_non_exhaustive()
    }
}

impl Model {
    /// A model from its published bytes.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] or [`Error::BadModel`]. Any cut and any flipped bit is one.
    pub fn open(blob: Vec<u8>) -> Result<Self, Error> {
        let (header, table) = layout::open(&blob)?;
        let mut model = Self { blob, header, table, sections: Vec::new(), words: Vec::new(), learnt: None, shares: quantum::shares() };
        model.check_items()?;
        model.check_entries()?;
        model.sections = model.read_sections()?;
        model.words = model.read_words()?;
        model.learnt = model.read_learnt()?;
        Ok(model)
    }

    /// Whether bytes are a model.
    ///
    /// # Errors
    /// Those of [`Model::open`].
    pub fn check(blob: &[u8]) -> Result<(), Error> {
        Self::open(blob.to_vec()).map(drop)
    }

    /// What it is called.
    #[must_use]
    pub fn version(&self) -> &str {
        std::str::from_utf8(self.section(Section::Name)).unwrap_or_default()
    }

    /// When it was made, Unix milliseconds.
    #[must_use]
    pub const fn generated_at_ms(&self) -> u64 {
        self.header.generated_at_ms
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blob.len()
    }

    /// What the ranker has learnt; none in a portal's first minutes.
    #[must_use]
    pub fn weights(&self) -> Option<&Weights> {
        self.learnt.as_ref().map(|learnt| &learnt.weights)
    }

    /// The number of an article.
    #[must_use]
    pub fn index_of(&self, path: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.header.items);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.item(middle).cmp(path) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// An article's path; empty for a number that is none.
    #[must_use]
    pub fn item(&self, item: u32) -> &str {
        let (from, to) = self.run(Section::TextOffsets, item);
        self.section(Section::Texts).get(from..to).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// When it was first seen, Unix milliseconds.
    #[must_use]
    pub fn first_seen_at_ms(&self, item: u32) -> u64 {
        u32_at(self.section(Section::FirstSeen), index(item) * 4).map_or(0, |seconds| u64::from(seconds) * 1_000)
    }

    /// Its section, if it is known.
    #[must_use]
    pub fn section_of(&self, item: u32) -> Option<&str> {
        let number = *self.section(Section::ItemSections).get(index(item))?;
        self.sections.get(usize::from(number).checked_sub(1)?).map(String::as_str)
    }

    /// A ready-made list, best first: article and score.
    pub fn list(&self, list: List) -> impl Iterator<Item = (u32, f32)> + '_ {
        let section = match list {
            List::Trending => Section::Trending,
            List::TopPages => Section::TopPages,
            List::Latest => Section::Latest,
        };
        let (entries, _) = self.section(section).as_chunks::<8>();
        entries.iter().map(|[a, b, c, d, score @ ..]| (u32::from_le_bytes([*a, *b, *c, *d]), f32::from_le_bytes(*score)))
    }

    /// The place of a word in its vocabulary; its first place when it is unknown.
    #[must_use]
    pub fn word(&self, kind: ContextKind, text: &str) -> u8 {
        let (first, count) = kind.span();
        let is_of = |word: u8| word >= first && word - first < count;
        self.words.iter().find(|(word, known)| is_of(*word) && known == text).map_or(first, |(word, _)| *word)
    }

    fn section(&self, section: Section) -> &[u8] {
        let (offset, length) = self.table.get(section.place()).copied().unwrap_or_default();
        self.blob.get(offset..offset + length).unwrap_or_default()
    }

    /// Where an article's run begins and ends, by a section of offsets.
    #[inline]
    fn run(&self, offsets: Section, item: u32) -> (usize, usize) {
        let offsets = self.section(offsets);
        let at = index(item).saturating_mul(4);
        u32_at(offsets, at).zip(u32_at(offsets, at + 4)).map_or((0, 0), |(from, to)| (index(from), index(to)))
    }

    fn check_items(&self) -> Result<(), Error> {
        let items = index(self.header.items);
        let widths = [
            (Section::TextOffsets, (items + 1) * 4),
            (Section::FirstSeen, items * 4),
            (Section::ItemSections, items),
            (Section::Facts, items * FACTS),
            (Section::Embeddings, items * 2 * EMBEDDING),
            (Section::NeighbourOffsets, (items + 1) * 4),
            (Section::LiftRows, items * 2),
        ];
        if items > layout::MODEL_ITEMS_MAX || widths.iter().any(|(section, width)| self.section(*section).len() != *width) {
            return Err(bad("a section has not the width of its articles"));
        }
        self.check_runs(Section::TextOffsets, self.section(Section::Texts).len())?;
        self.check_runs(Section::NeighbourOffsets, self.section(Section::Neighbours).len() / NEIGHBOUR_BYTES)?;
        if std::str::from_utf8(self.section(Section::Name)).is_err() {
            return Err(bad("its name is no text"));
        }
        let mut before = None;
        for item in 0..self.header.items {
            let path = Some(self.item(item)).filter(|path| Item::parse(path).is_some_and(|item| item.as_str() == *path));
            if path.is_none() || path <= before {
                return Err(bad("its articles are not sorted paths"));
            }
            before = path;
        }
        Ok(())
    }

    fn check_runs(&self, offsets: Section, end: usize) -> Result<(), Error> {
        let (offsets, _) = self.section(offsets).as_chunks::<4>();
        let offsets = || offsets.iter().map(|bytes| index(u32::from_le_bytes(*bytes)));
        let is_good = offsets().is_sorted() && offsets().next() == Some(0) && offsets().next_back() == Some(end);
        if is_good { Ok(()) } else { Err(bad("its offsets do not follow each other")) }
    }

    fn check_entries(&self) -> Result<(), Error> {
        let items = self.header.items;
        let (neighbours, rest) = self.section(Section::Neighbours).as_chunks::<NEIGHBOUR_BYTES>();
        let is_known = |[low, middle, high, ..]: &[u8; NEIGHBOUR_BYTES]| u32::from_le_bytes([*low, *middle, *high, 0]) < items;
        if !rest.is_empty() || !neighbours.iter().all(is_known) {
            return Err(bad("a list names an article that is not there"));
        }
        let is_listed = |list: List| self.list(list).all(|(item, score)| item < items && score.is_finite());
        let whole =
            [Section::Trending, Section::TopPages, Section::Latest].iter().all(|section| self.section(*section).len().is_multiple_of(8));
        if !whole || ![List::Trending, List::TopPages, List::Latest].into_iter().all(is_listed) {
            return Err(bad("a list names an article that is not there"));
        }
        if !self.section(Section::Leaders).len().is_multiple_of(4) || !self.leaders().all(|item| item < items) {
            return Err(bad("a leader is an article that is not there"));
        }
        let rows = self.section(Section::Lifts).len() / WORDS;
        let (of_items, _) = self.section(Section::LiftRows).as_chunks::<2>();
        if !self.section(Section::Lifts).len().is_multiple_of(WORDS)
            || of_items.iter().any(|row| usize::from(u16::from_le_bytes(*row)) > rows)
        {
            return Err(bad("a row of lifts is not there"));
        }
        Ok(())
    }

    fn read_sections(&self) -> Result<Vec<String>, Error> {
        let (mut rest, mut names) = (self.section(Section::NamesOfSections), Vec::new());
        while let Some((name, behind)) = short_text(rest) {
            names.push(name);
            rest = behind;
        }
        let is_known = |number: &u8| usize::from(*number) <= names.len();
        if rest.is_empty() && self.section(Section::ItemSections).iter().all(is_known) {
            Ok(names)
        } else {
            Err(bad("a section's name is not there"))
        }
    }

    fn read_words(&self) -> Result<Vec<(u8, String)>, Error> {
        let (mut rest, mut words) = (self.section(Section::Words), Vec::new());
        while let Some((word, (text, behind))) = rest.split_first().and_then(|(word, rest)| Some((*word, short_text(rest)?))) {
            words.push((word, text));
            rest = behind;
        }
        if rest.is_empty() && words.iter().all(|(word, _)| usize::from(*word) < WORDS) {
            Ok(words)
        } else {
            Err(bad("a word is cut short"))
        }
    }

    fn read_learnt(&self) -> Result<Option<Box<Learnt>>, Error> {
        let (numbers, rest) = self.section(Section::Weights).as_chunks::<4>();
        if numbers.is_empty() && rest.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let wrong = || bad("its weights are not those of this ranker");
        let (scale, numbers_left) = numbers.split_first().ok_or_else(wrong)?;
        let (weights, words) = Weights::read(numbers_left).ok_or_else(wrong)?;
        let (words, behind) = words.as_chunks::<EMBEDDING>();
        if !rest.is_empty() || !behind.is_empty() || words.len() != WORDS || !numbers.iter().all(|number| number.is_finite()) {
            return Err(wrong());
        }
        Ok(Some(Box::new(Learnt { scale: *scale, weights, words: words.to_vec() })))
    }

    /// The two embeddings of an article, as bytes.
    #[inline]
    fn embeddings(&self, item: u32) -> (&[u8], &[u8]) {
        let at = index(item).saturating_mul(2 * EMBEDDING);
        self.section(Section::Embeddings).get(at..at + 2 * EMBEDDING).and_then(|both| both.split_at_checked(EMBEDDING)).unwrap_or_default()
    }

    fn scale(&self) -> f32 {
        self.learnt.as_ref().map_or(0.0, |learnt| learnt.scale)
    }
}

/// A text behind its length, and what follows.
fn short_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, behind) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), behind))
}

impl Knowledge for Model {
    fn len(&self) -> usize {
        index(self.header.items)
    }

    #[inline]
    fn neighbours(&self, item: u32, mut visit: impl FnMut(Neighbour)) {
        let (from, to) = self.run(Section::NeighbourOffsets, item);
        let entries = self.section(Section::Neighbours).get(from * NEIGHBOUR_BYTES..to * NEIGHBOUR_BYTES).unwrap_or_default();
        let share = |byte: u8| self.shares.get(usize::from(byte)).copied().unwrap_or(0.0);
        for [low, middle, high, fast, slow, back] in entries.as_chunks::<NEIGHBOUR_BYTES>().0 {
            let item = u32::from_le_bytes([*low, *middle, *high, 0]);
            visit(Neighbour { item, fast: share(*fast), slow: share(*slow), back: share(*back) });
        }
    }

    #[inline]
    fn facts(&self, item: u32, facts: &mut [f32; FACTS]) {
        let at = index(item).saturating_mul(FACTS);
        quantum::facts_of_bytes(self.section(Section::Facts).get(at..at + FACTS).unwrap_or_default(), facts);
    }

    #[inline]
    fn lifts(&self, item: u32, words: &Words, lifts: &mut [f32; CONTEXTS]) {
        let row = self.section(Section::LiftRows).get(index(item).saturating_mul(2)..).and_then(|rows| rows.first_chunk::<2>());
        let row = row.map_or(0, |row| usize::from(u16::from_le_bytes(*row)));
        let row = row.checked_sub(1).and_then(|row| self.section(Section::Lifts).get(row * WORDS..(row + 1) * WORDS));
        for (lift, word) in lifts.iter_mut().zip(words) {
            *lift = row.and_then(|row| row.get(usize::from(*word))).map_or(0.0, |byte| quantum::lift_of_byte(*byte));
        }
    }

    #[inline]
    fn embedding(&self, item: u32, into: &mut [f32; EMBEDDING]) {
        let scale = self.scale();
        for (number, byte) in into.iter_mut().zip(self.embeddings(item).0) {
            *number = quantum::number_of_byte(*byte, scale);
        }
    }

    #[inline]
    fn add_history(&self, item: u32, weight: f32, into: &mut [f32; EMBEDDING]) {
        let scale = self.scale() * weight;
        for (number, byte) in into.iter_mut().zip(self.embeddings(item).1) {
            *number += quantum::number_of_byte(*byte, scale);
        }
    }

    #[inline]
    fn add_word(&self, word: u8, into: &mut [f32; EMBEDDING]) {
        let known = self.learnt.as_ref().and_then(|learnt| learnt.words.get(usize::from(word)));
        for (number, known) in into.iter_mut().zip(known.into_iter().flatten()) {
            *number += known;
        }
    }

    #[inline]
    fn is_same_section(&self, one: u32, other: u32) -> bool {
        let numbers = self.section(Section::ItemSections);
        numbers.get(index(one)).is_some_and(|number| *number != 0 && numbers.get(index(other)) == Some(number))
    }

    fn leaders(&self) -> impl Iterator<Item = u32> {
        self.section(Section::Leaders).as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }
}
