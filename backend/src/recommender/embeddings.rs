//! Moves the embeddings: articles as something to be read, articles as something that was read, and words.

use wire::model::{EMBEDDING, READ_WEIGHTS, Scratch, Words};

use super::counters::Counters;

/// Rate of all embeddings (AdaGrad, one sum of squares per embedding).
const RATE: f32 = 0.1;
/// Sums of squares begin here, so that the first step is no leap.
pub(crate) const SQUARES_AT_FIRST: f32 = 0.1;
/// Numbers of an embedding, as a number.
const SIZE: f32 = 16.0;
const _: () = assert!(EMBEDDING == 16);

/// One click's gradients, by candidate.
pub(crate) fn learn(
    counters: &mut Counters,
    word_squares: &mut [f32],
    scratch: &Scratch,
    pushes: &[(usize, f32)],
    read: &[u32],
    words: &Words,
) {
    let taste = scratch.taste;
    let mut of_taste = [0.0_f32; EMBEDDING];
    let taste_square: f32 = taste.iter().map(|number| number * number).sum::<f32>() / SIZE;
    for (at, push) in pushes {
        let Some(article) = scratch.candidates.get(*at).and_then(|candidate| counters.article_mut(candidate.item)) else { continue };
        of_taste.iter_mut().zip(&article.embedding).for_each(|(sum, number)| *sum += push * number);
        let [square, _] = &mut article.squares;
        *square += taste_square * push * push;
        let step = RATE * push / square.sqrt();
        article.embedding.iter_mut().zip(&taste).for_each(|(number, taste)| *number -= step * taste);
    }
    let square: f32 = of_taste.iter().map(|number| number * number).sum::<f32>() / SIZE;
    for word in words {
        let word = usize::from(*word);
        let Some((sum, leads)) = word_squares.get_mut(word).zip(counters.word_embeddings.get_mut(word)) else { continue };
        *sum += square;
        let step = RATE / sum.sqrt();
        leads.iter_mut().zip(&of_taste).for_each(|(number, gradient)| *number -= step * gradient);
    }
    for (item, weight) in read.iter().zip(READ_WEIGHTS) {
        let Some(article) = counters.article_mut(*item) else { continue };
        let [_, sum] = &mut article.squares;
        *sum += square * weight * weight;
        let step = RATE * weight / sum.sqrt();
        article.history.iter_mut().zip(&of_taste).for_each(|(number, gradient)| *number -= step * gradient);
    }
}
