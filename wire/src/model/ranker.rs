//! The ranker: a linear part, a small network and the embeddings' product, added up.

#![expect(clippy::inline_always, reason = "what is not inlined into the vectorised loop is compiled for the narrowest machine")]

use super::features::{ITEM_FEATURES, REQUEST_FEATURES, Row};
use super::wide::{Work, vectorised};

/// Neurons of the hidden layer.
pub const HIDDEN: usize = 64;
/// Inputs of the network.
pub const INPUTS: usize = ITEM_FEATURES + REQUEST_FEATURES;
/// Inputs are cut to so many standard deviations: one absurd count must not rule.
const CLAMP: f32 = 4.0;

/// What the ranker has learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One per feature of an article.
    pub linear: [f32; ITEM_FEATURES],
    /// What is taken off each input.
    pub mean: [f32; INPUTS],
    /// What each input is then multiplied with.
    pub scale: [f32; INPUTS],
    /// From input to hidden, `[input][hidden]`, so that a row is one run of memory.
    pub first: [[f32; HIDDEN]; INPUTS],
    /// Of the hidden neurons.
    pub bias: [f32; HIDDEN],
    /// From hidden to the score.
    pub second: [f32; HIDDEN],
}

impl Weights {
    /// What knows nothing yet: the base score decides.
    #[must_use]
    pub fn blank() -> Self {
        let mut linear = [0.0; ITEM_FEATURES];
        linear[0] = 1.0;
        Self {
            linear,
            mean: [0.0; INPUTS],
            scale: [0.0; INPUTS],
            first: [[0.0; HIDDEN]; INPUTS],
            bias: [0.0; HIDDEN],
            second: [0.0; HIDDEN],
        }
    }

    /// All numbers, in the order of the fields.
    pub fn write(&self, numbers: &mut Vec<f32>) {
        for part in [&self.linear[..], &self.mean, &self.scale, self.first.as_flattened(), &self.bias, &self.second] {
            numbers.extend_from_slice(part);
        }
    }

    /// From what [`Weights::write`] wrote, and what stands behind it; `None` when there is too little.
    #[must_use]
    pub fn read(numbers: &[f32]) -> Option<(Self, &[f32])> {
        let (mut weights, mut rest) = (Self::blank(), numbers);
        let Self { linear, mean, scale, first, bias, second } = &mut weights;
        for part in [&mut linear[..], mean, scale, first.as_flattened_mut(), bias, second] {
            let (numbers, behind) = rest.split_at_checked(part.len())?;
            part.copy_from_slice(numbers);
            rest = behind;
        }
        Some((weights, rest))
    }

    /// The weights of an article's inputs, and those of a request's.
    #[must_use]
    #[inline(always)]
    pub fn first_halves(&self) -> (&[[f32; HIDDEN]], &[[f32; HIDDEN]]) {
        self.first.split_at(ITEM_FEATURES)
    }

    /// The request's part of the hidden layer: the same for all its candidates.
    #[must_use]
    #[inline(always)]
    pub fn request_part(&self, inputs: &[f32; REQUEST_FEATURES]) -> [f32; HIDDEN] {
        let mut hidden = self.bias;
        for (input, row) in inputs.iter().zip(self.first_halves().1) {
            add(&mut hidden, *input, row);
        }
        hidden
    }

    /// A request's inputs to the network.
    #[must_use]
    #[inline(always)]
    pub fn request_inputs(&self, request: &[f32; REQUEST_FEATURES]) -> [f32; REQUEST_FEATURES] {
        let mut inputs = [0.0; REQUEST_FEATURES];
        let moments = self.mean.iter().zip(&self.scale).skip(ITEM_FEATURES);
        for (input, (value, (mean, scale))) in inputs.iter_mut().zip(request.iter().zip(moments)) {
            *input = standard(*value, *mean, *scale);
        }
        inputs
    }

    /// An article's inputs to the network.
    #[must_use]
    #[inline(always)]
    pub fn inputs(&self, row: &Row) -> Row {
        let mut inputs = [0.0; ITEM_FEATURES];
        for (input, (value, (mean, scale))) in inputs.iter_mut().zip(row.iter().zip(self.mean.iter().zip(&self.scale))) {
            *input = standard(*value, *mean, *scale);
        }
        inputs
    }

    /// The hidden layer before its threshold.
    #[must_use]
    #[inline(always)]
    pub fn hidden(&self, inputs: &Row, request_part: &[f32; HIDDEN]) -> [f32; HIDDEN] {
        let mut hidden = *request_part;
        for (input, row) in inputs.iter().zip(self.first_halves().0) {
            add(&mut hidden, *input, row);
        }
        hidden
    }

    /// The scores of all candidates of a request.
    pub fn score_all(&self, request: &[f32; REQUEST_FEATURES], rows: &[Row], scores: &mut Vec<f32>) {
        vectorised(ScoreAll { weights: self, request, rows, scores });
    }

    /// The score of an article: linear part, network, and the embeddings' product, which is one of its features.
    #[must_use]
    #[inline(always)]
    pub fn score(&self, row: &Row, hidden: &[f32; HIDDEN]) -> f32 {
        let mut lanes = [0.0_f32; 8];
        for (values, weights) in hidden.as_chunks::<8>().0.iter().zip(self.second.as_chunks::<8>().0) {
            for ((lane, value), weight) in lanes.iter_mut().zip(values).zip(weights) {
                *lane += value.max(0.0) * weight;
            }
        }
        sum(row, &self.linear) + lanes.iter().sum::<f32>() + row[super::features::PRODUCT]
    }
}

struct ScoreAll<'a> {
    weights: &'a Weights,
    request: &'a [f32; REQUEST_FEATURES],
    rows: &'a [Row],
    scores: &'a mut Vec<f32>,
}

impl Work for ScoreAll<'_> {
    #[inline(always)]
    fn run(self) {
        let weights = self.weights;
        let request_part = weights.request_part(&weights.request_inputs(self.request));
        for row in self.rows {
            self.scores.push(weights.score(row, &weights.hidden(&weights.inputs(row), &request_part)));
        }
    }
}

#[inline(always)]
fn add(hidden: &mut [f32; HIDDEN], input: f32, weights: &[f32; HIDDEN]) {
    for (hidden, weight) in hidden.iter_mut().zip(weights) {
        *hidden += input * weight;
    }
}

/// Sum of products; eight lanes, so that it vectorises. The lengths are multiples of eight.
#[must_use]
#[inline(always)]
pub fn sum<const N: usize>(one: &[f32; N], other: &[f32; N]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for (ones, others) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
        for ((lane, one), other) in lanes.iter_mut().zip(ones).zip(others) {
            *lane += one * other;
        }
    }
    lanes.iter().sum()
}

#[inline(always)]
fn standard(value: f32, mean: f32, scale: f32) -> f32 {
    ((value - mean) * scale).clamp(-CLAMP, CLAMP)
}
