//! A published model asked what to read next.

use super::features::{Asked, Scratch};
use super::knowledge::{ContextKind, READ_MAX, Words};
use super::read::Model;

/// An article is fresh for so long after it was first seen.
pub const FRESH_MS: u64 = 3_600_000;

/// What is known of a request besides the articles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Browser family.
    pub browser: &'a str,
    /// Kind of device.
    pub device: &'a str,
    /// Operating system.
    pub os: &'a str,
    /// ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// ISO 3166-2 subdivision.
    pub region: &'a str,
    /// Class of the referrer.
    pub source: &'a str,
}

/// A request to a published model.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The page itself, then what was read before, latest first; by number.
    pub read: &'a [u32],
    /// What is known besides.
    pub context: Context<'a>,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// How candidates are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranker {
    /// By all that was learnt.
    Full,
    /// By what follows the pages read, and popularity.
    Base,
}

/// An article to read next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its number.
    pub item: u32,
    /// The share of readers who are expected to open it next.
    pub score: f32,
    /// The read article that brought it, if one did.
    pub because: Option<u32>,
    /// First seen less than an hour ago.
    pub is_fresh: bool,
}

/// The six words that a request brings, in text, by kind. Position, and source with device, follow from them.
pub fn words_of(context: &Context<'_>, read: usize, mut place: impl FnMut(ContextKind, &str) -> u8) -> Words {
    let position = read.min(READ_MAX).to_string();
    let both = format!("{} {}", context.source, context.device);
    ContextKind::ALL.map(|kind| {
        let text = match kind {
            ContextKind::Browser => context.browser,
            ContextKind::Device => context.device,
            ContextKind::Os => context.os,
            ContextKind::Country => context.country,
            ContextKind::Region => context.region,
            ContextKind::Source => context.source,
            ContextKind::Position => &position,
            ContextKind::SourceDevice => &both,
        };
        place(kind, text)
    })
}

/// Hour of the day, UTC.
#[must_use]
pub fn hour_of(now_ms: u64) -> f32 {
    u16::try_from(now_ms % 86_400_000 / 60_000).map_or(0.0, f32::from) / 60.0
}

impl Model {
    /// All candidates of a request, best first, without what was read. A ranker that has learnt nothing, or makes no number, is the base one.
    #[must_use]
    pub fn rank(&self, request: &Request<'_>, by: Ranker, scratch: &mut Scratch) -> Vec<Ranked> {
        let words = words_of(&request.context, request.read.len(), |kind, text| self.word(kind, text));
        scratch.gather(self, &Asked { read: request.read, words, hour: hour_of(request.now_ms) });
        self.score(by, scratch);
        let top = scratch.scores.iter().copied().fold(f32::MIN, f32::max);
        let total: f32 = scratch
            .scores
            .iter_mut()
            .map(|score| {
                *score = (*score - top).exp();
                *score
            })
            .sum();
        let since_ms = self.generated_at_ms().saturating_sub(FRESH_MS);
        let answer = |(candidate, share): (&super::features::Candidate, &f32)| Ranked {
            item: candidate.item,
            score: share / total,
            because: candidate.because,
            is_fresh: self.first_seen_at_ms(candidate.item) > since_ms,
        };
        let mut all: Vec<Ranked> = scratch.candidates.iter().zip(&scratch.scores).map(answer).collect();
        all.sort_unstable_by(|one, other| other.score.total_cmp(&one.score).then(one.item.cmp(&other.item)));
        all
    }

    fn score(&self, by: Ranker, scratch: &mut Scratch) {
        scratch.scores.clear();
        if let (Ranker::Full, Some(weights)) = (by, self.weights()) {
            weights.score_all(&scratch.request, &scratch.rows, &mut scratch.scores);
            if scratch.scores.iter().all(|score| score.is_finite()) {
                return;
            }
            scratch.scores.clear();
        }
        scratch.scores.extend(scratch.rows.iter().map(|[base, ..]| *base));
    }
}
