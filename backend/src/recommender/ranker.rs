//! Teaches the ranker: one step of gradient descent per click, on the softmax over the candidates.

#![expect(clippy::inline_always, reason = "what is not inlined into the vectorised loop is compiled for the narrowest machine")]

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wire::model::{HIDDEN, INPUTS, ITEM_FEATURES, REQUEST_FEATURES, Row, Scratch, Weights, Work, vectorised};

use super::random::Random;

/// Rate of the linear part (`AdaGrad`). This and what follows was chosen on the first eight days of the click log, see EVALUATION.md.
const LINEAR_RATE: f32 = 0.02;
/// Rate of the network (Adam), and how its averages fade.
const NETWORK_RATE: f32 = 1e-3;
const MEAN_FADES: f32 = 0.9;
const SQUARE_FADES: f32 = 0.999;
/// Clicks whose gradients are gathered before the network moves.
const BATCH: u32 = 8;
/// What is served is the weights' running average: a step of one click is noise.
const AVERAGE_RATE: f32 = 0.002;
/// Inputs are measured on so many clicks; then their mean and spread stand, or every weight behind them would shift.
const MEASURED_CLICKS: u32 = 20_000;
/// And taken over so often until then.
const MEASURE_EVERY: u32 = 500;
/// Candidates below this share are not learnt from; the target's gradient is reduced by as much,
/// for otherwise their missing push makes the common bias drift.
const SHARE_MIN: f32 = 1e-3;

/// The ranker and what its teaching remembers. Boxed: eight KB each are too much to be handed about on the stack.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Teacher {
    #[serde(with = "Numbers")]
    weights: Box<Weights>,
    /// What is served.
    #[serde(with = "Numbers")]
    averaged: Box<Weights>,
    /// Sums of the batch; of the linear part the gradient of one click.
    #[serde(with = "Numbers")]
    gradient: Box<Weights>,
    /// Running mean of the gradients.
    #[serde(with = "Numbers")]
    means: Box<Weights>,
    /// Running mean of their squares; of the linear part their sum.
    #[serde(with = "Numbers")]
    squares: Box<Weights>,
    clicks: u32,
    /// Sum, sum of squares and count of the measured inputs.
    sums: Vec<(f64, f64)>,
    measured: f64,
}

/// What one click's lesson needs for a while.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    inputs: Vec<Row>,
    hidden: Vec<[f32; HIDDEN]>,
    /// The gradients of the scores, by candidate; of those that are learnt from.
    pub(crate) pushes: Vec<(usize, f32)>,
}

/// One click that the teacher takes.
struct Taken<'a> {
    teacher: &'a mut Teacher,
    scratch: &'a mut Scratch,
    lesson: &'a mut Lesson,
    target: usize,
    weight: f32,
}

impl Work for Taken<'_> {
    #[inline(always)]
    fn run(self) {
        self.teacher.take(self.scratch, self.lesson, self.target, self.weight);
    }
}

/// Weights as a row of numbers.
struct Numbers;

impl Numbers {
    fn serialize<S: Serializer>(weights: &Weights, serializer: S) -> Result<S::Ok, S::Error> {
        let mut numbers = Vec::new();
        weights.write(&mut numbers);
        numbers.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Weights>, D::Error> {
        let numbers = Vec::<f32>::deserialize(deserializer)?;
        let read = Weights::read(&numbers).filter(|(_, rest)| rest.is_empty());
        read.map(|(weights, _)| Box::new(weights)).ok_or_else(|| serde::de::Error::custom("these are not the weights of this ranker"))
    }
}

fn zero() -> Box<Weights> {
    let mut weights = Box::new(Weights::blank());
    weights.linear = [0.0; ITEM_FEATURES];
    weights
}

impl Teacher {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut weights = Box::new(Weights::blank());
        // He et al. 2015: the spread that keeps a layer's outputs as large as its inputs.
        let spread = (2.0 / f32::from(u8::try_from(INPUTS).unwrap_or(u8::MAX))).sqrt();
        weights.first.as_flattened_mut().iter_mut().for_each(|weight| *weight = random.number(spread));
        weights.second.iter_mut().for_each(|weight| *weight = random.number(0.05));
        let mut squares = zero();
        squares.linear = [1e-2; ITEM_FEATURES];
        Self {
            averaged: weights.clone(),
            weights,
            gradient: zero(),
            means: zero(),
            squares,
            clicks: 0,
            sums: vec![(0.0, 0.0); INPUTS],
            measured: 0.0,
        }
    }

    /// What is served.
    pub(crate) fn served(&self) -> &Weights {
        &self.averaged
    }

    /// How many clicks it has learnt from.
    pub(crate) const fn clicks(&self) -> u32 {
        self.clicks
    }

    /// One click: `target` is the candidate that was opened. Leaves in `scratch.scores` the share that each candidate was expected to
    /// get, and in `lesson.pushes` the gradients of the scores.
    pub(crate) fn learn(&mut self, scratch: &mut Scratch, lesson: &mut Lesson, target: usize, weight: f32) {
        vectorised(Taken { teacher: self, scratch, lesson, target, weight });
    }

    #[inline(always)]
    fn take(&mut self, scratch: &mut Scratch, lesson: &mut Lesson, target: usize, weight: f32) {
        let request = self.weights.request_inputs(&scratch.request);
        self.expect(scratch, lesson, &request);
        let kept: f32 =
            scratch.scores.iter().enumerate().filter(|(at, share)| *at != target && **share >= SHARE_MIN).map(|(_, share)| share).sum();
        let mut of_hidden = [0.0_f32; HIDDEN];
        self.gradient.linear = [0.0; ITEM_FEATURES];
        let candidates = scratch.rows.iter().zip(&lesson.inputs).zip(&lesson.hidden).zip(&scratch.scores).enumerate();
        for (at, (((row, inputs), hidden), share)) in candidates {
            let push = weight
                * if at == target {
                    -kept
                } else if *share >= SHARE_MIN {
                    *share
                } else {
                    continue;
                };
            lesson.pushes.push((at, push));
            self.gradient.linear.iter_mut().zip(row).for_each(|(sum, number)| *sum += push * number);
            let back = back(push, hidden, &self.weights.second, &mut self.gradient.second);
            of_hidden.iter_mut().zip(&back).for_each(|(sum, back)| *sum += back);
            for (input, sums) in inputs.iter().zip(&mut self.gradient.first) {
                sums.iter_mut().zip(&back).for_each(|(sum, back)| *sum += input * back);
            }
        }
        for (input, sums) in request.iter().zip(self.gradient.first.iter_mut().skip(ITEM_FEATURES)) {
            sums.iter_mut().zip(&of_hidden).for_each(|(sum, back)| *sum += input * back);
        }
        self.gradient.bias.iter_mut().zip(&of_hidden).for_each(|(sum, back)| *sum += back);
        self.step(scratch);
    }

    /// Scores of what was gathered, as shares.
    #[inline(always)]
    fn expect(&self, scratch: &mut Scratch, lesson: &mut Lesson, request: &[f32; REQUEST_FEATURES]) {
        let request_part = self.weights.request_part(request);
        lesson.inputs.clear();
        lesson.hidden.clear();
        lesson.pushes.clear();
        scratch.scores.clear();
        for row in &scratch.rows {
            let inputs = self.weights.inputs(row);
            let hidden = self.weights.hidden(&inputs, &request_part);
            scratch.scores.push(self.weights.score(row, &hidden));
            lesson.inputs.push(inputs);
            lesson.hidden.push(hidden);
        }
        let top = scratch.scores.iter().copied().fold(f32::MIN, f32::max);
        let mut total = 0.0;
        for score in &mut scratch.scores {
            *score = (*score - top).exp();
            total += *score;
        }
        scratch.scores.iter_mut().for_each(|share| *share /= total);
    }

    #[inline(always)]
    fn step(&mut self, scratch: &Scratch) {
        let linear = self.weights.linear.iter_mut().zip(&mut self.squares.linear).zip(&self.gradient.linear);
        for ((weight, square), gradient) in linear {
            *square += gradient * gradient;
            *weight -= LINEAR_RATE * gradient / square.sqrt();
        }
        if self.clicks < MEASURED_CLICKS {
            self.measure(scratch);
        }
        self.clicks = self.clicks.saturating_add(1);
        if self.clicks.is_multiple_of(BATCH) {
            self.move_network();
            self.average();
        }
    }

    #[inline(always)]
    fn move_network(&mut self) {
        // After a few thousand steps both corrections are one.
        let steps = i32::try_from(self.clicks / BATCH).unwrap_or(i32::MAX).min(100_000);
        let (mean_fix, square_fix) = (1.0 - MEAN_FADES.powi(steps), 1.0 - SQUARE_FADES.powi(steps));
        let batch = 1.0 / f32::from(u8::try_from(BATCH).unwrap_or(1));
        let rate = NETWORK_RATE / mean_fix;
        let numbers = network_mut(&mut self.weights).zip(network_mut(&mut self.gradient));
        let moments = network_mut(&mut self.means).zip(network_mut(&mut self.squares));
        for ((weight, gradient), (mean, square)) in numbers.zip(moments) {
            for ((weight, gradient), (mean, square)) in weight.iter_mut().zip(gradient).zip(mean.iter_mut().zip(square)) {
                let pull = *gradient * batch;
                *mean = MEAN_FADES * *mean + (1.0 - MEAN_FADES) * pull;
                *square = SQUARE_FADES * *square + (1.0 - SQUARE_FADES) * pull * pull;
                *weight -= rate * *mean / ((*square / square_fix).sqrt() + 1e-8);
                *gradient = 0.0;
            }
        }
    }

    #[inline(always)]
    fn average(&mut self) {
        self.averaged.mean = self.weights.mean;
        self.averaged.scale = self.weights.scale;
        let toward = |averaged: &mut [f32], weights: &[f32]| {
            averaged.iter_mut().zip(weights).for_each(|(averaged, weight)| *averaged += AVERAGE_RATE * (weight - *averaged));
        };
        toward(&mut self.averaged.linear, &self.weights.linear);
        network_mut(&mut self.averaged).zip(network_mut(&mut self.weights)).for_each(|(averaged, weights)| toward(averaged, weights));
    }

    fn measure(&mut self, scratch: &Scratch) {
        for row in &scratch.rows {
            for ((sum, squares), number) in self.sums.iter_mut().zip(row.iter().chain(&scratch.request)) {
                *sum += f64::from(*number);
                *squares += f64::from(number * number);
            }
            self.measured += 1.0;
        }
        if !(self.clicks + 1).is_multiple_of(MEASURE_EVERY) || self.measured == 0.0 {
            return;
        }
        let moments = self.weights.mean.iter_mut().zip(&mut self.weights.scale);
        for ((mean, scale), (sum, squares)) in moments.zip(&self.sums) {
            let middle = sum / self.measured;
            let variance = squares / self.measured - middle * middle;
            *mean = narrow(middle);
            // An input that never changes says nothing.
            *scale = if variance > 1e-6 { narrow(1.0 / variance.sqrt()) } else { 0.0 };
        }
    }
}

/// The gradient of the hidden layer; adds that of the weights behind it.
#[inline(always)]
fn back(push: f32, hidden: &[f32; HIDDEN], second: &[f32; HIDDEN], of_second: &mut [f32; HIDDEN]) -> [f32; HIDDEN] {
    let mut back = [0.0_f32; HIDDEN];
    for ((back, hidden), (weight, sum)) in back.iter_mut().zip(hidden).zip(second.iter().zip(of_second)) {
        *sum += push * hidden.max(0.0);
        *back = if *hidden > 0.0 { push * weight } else { 0.0 };
    }
    back
}

/// The three parts of the network, as runs of numbers.
fn network_mut(weights: &mut Weights) -> impl Iterator<Item = &mut [f32]> {
    let Weights { first, bias, second, .. } = weights;
    [first.as_flattened_mut(), &mut bias[..], &mut second[..]].into_iter()
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a moment of f32 inputs, and std has no other way")]
fn narrow(value: f64) -> f32 {
    value as f32
}
