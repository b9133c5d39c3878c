//! The vocabularies of the requests' surroundings: each word gets a place, the first of each kind is for those that found none.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use wire::model::{Context, ContextKind, WORDS, Words, words_of};

/// Words in the order of their first appearance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    places: [HashMap<String, u8>; ContextKind::ALL.len()],
    /// How often each was met, in units of the landmark.
    pub(crate) counts: Vec<f32>,
    pub(crate) total: f32,
}

impl Vocabulary {
    pub(crate) fn new() -> Self {
        Self { places: Default::default(), counts: vec![0.0; WORDS], total: 0.0 }
    }

    /// The words of a request. New ones get a place as long as there is one.
    pub(crate) fn learn(&mut self, context: &Context<'_>, read: usize) -> Words {
        words_of(context, read, |kind, text| {
            let (first, count) = kind.span();
            let Some(places) = self.places.get_mut(kind.place()) else { return first };
            if let Some(place) = places.get(text) {
                return *place;
            }
            let next = u8::try_from(places.len()).unwrap_or(u8::MAX).saturating_add(1);
            if next >= count || text.is_empty() {
                return first;
            }
            places.insert(text.to_owned(), first + next);
            first + next
        })
    }

    /// Counts the words of a click.
    pub(crate) fn count(&mut self, words: Words, worth: f32) {
        for word in words {
            if let Some(count) = self.counts.get_mut(usize::from(word)) {
                *count += worth;
            }
        }
        self.total += worth;
    }

    /// Each word's share of all clicks, never quite nothing.
    pub(crate) fn shares(&self) -> Vec<f32> {
        self.counts.iter().map(|count| (count + 1e-3) / (self.total + 1e-1)).collect()
    }

    /// Brings all counts to a new landmark.
    pub(crate) fn rescale(&mut self, down: f32) {
        self.counts.iter_mut().for_each(|count| *count *= down);
        self.total *= down;
    }

    /// All words and their places, for publication.
    pub(crate) fn list(&self) -> Vec<(u8, String)> {
        let mut words: Vec<(u8, String)> = self.places.iter().flatten().map(|(text, place)| (*place, text.clone())).collect();
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_place_and_a_full_vocabulary_takes_no_more() {
        let mut vocabulary = Vocabulary::new();
        let of = |vocabulary: &mut Vocabulary, device: &str| vocabulary.learn(&Context { device, ..Context::default() }, 1)[1];
        assert_eq!([of(&mut vocabulary, "mobile"), of(&mut vocabulary, "desktop"), of(&mut vocabulary, "mobile")], [9, 10, 9]);
        for nth in 0..20 {
            of(&mut vocabulary, &format!("toaster {nth}"));
        }
        assert_eq!(of(&mut vocabulary, "fridge"), 8);
        assert_eq!(vocabulary.list().iter().filter(|(place, _)| (8..16).contains(place)).count(), 7);
    }
}
