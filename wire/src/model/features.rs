//! What the ranker looks at: the candidates of a request, and the numbers of each.

use super::knowledge::{CONTEXTS, EMBEDDING, FACTS, Fact, Knowledge, READ_MAX, Words};
use super::ranker::sum;

/// Numbers of a candidate. 0 base score; 1-3 after the page itself (fast, slow, back); 4-5 after the page before (fast, slow);
/// 6-7 after the three before that; 8-19 [`Fact`]s; 20-27 lifts by context; 28 the embeddings' product; 29 its place on the page's own
/// list; 30 whether it is of the page's section; 31 nothing.
pub const ITEM_FEATURES: usize = 32;
/// Which of them is the embeddings' product.
pub(super) const PRODUCT: usize = 28;
/// Numbers of a request.
pub const REQUEST_FEATURES: usize = 16;
/// The numbers of a candidate.
pub type Row = [f32; ITEM_FEATURES];

/// Entries of a list that are looked at, and published. More held no more of the targets.
pub const NEIGHBOURS_READ: usize = 48;
/// Entries of an earlier page's list that become candidates; of the page's own list all do.
const EARLIER_CANDIDATES: usize = 20;
/// Most candidates of a request: own list, four earlier ones, leaders.
pub const CANDIDATES_MAX: usize = 400;
/// A share below this is nothing.
pub const FLOOR: f32 = 2e-5;
/// How much the page read n pages ago counts.
pub const READ_WEIGHTS: [f32; READ_MAX] = [1.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 5.0];
/// How much popularity counts in the base score, against the share of the page's list.
const BASE_POPULARITY: f32 = 0.35;
/// The place of what is not on the page's own list.
const NO_PLACE: f32 = 255.0;

/// A request, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The page itself, then what was read before, latest first. Those past [`READ_MAX`] are only kept out of the answer.
    pub read: &'a [u32],
    /// The request's words.
    pub words: Words,
    /// Hour of the day, UTC, 0 to 24.
    pub hour: f32,
}

/// A candidate while its sums are gathered.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Which article.
    pub item: u32,
    /// The read article that brought it, if one did.
    pub because: Option<u32>,
    place: f32,
    base: f32,
    /// Fast, slow and back after the page itself; fast and slow after the one before; fast and slow after those before that.
    shares: [f32; 7],
}

/// Memory that requests take turns with.
#[derive(Debug, Default)]
pub struct Scratch {
    /// By article: its place among the candidates plus one, 0 for none, [`READ`] for what was read.
    slots: Vec<u16>,
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// Their numbers.
    pub rows: Vec<Row>,
    /// The request's numbers.
    pub request: [f32; REQUEST_FEATURES],
    /// Where the request points.
    pub taste: [f32; EMBEDDING],
    /// Scores, or shares, by candidate.
    pub scores: Vec<f32>,
}

/// In [`Scratch::slots`].
const READ: u16 = u16::MAX;

impl Scratch {
    /// Gathers the candidates of a request and their numbers.
    pub fn gather(&mut self, known: &impl Knowledge, asked: &Asked<'_>) {
        if self.slots.len() < known.len() {
            self.slots.resize(known.len(), 0);
        }
        self.candidates.clear();
        asked.read.iter().for_each(|item| mark(&mut self.slots, *item, READ));
        for (nth, (item, weight)) in asked.read.iter().zip(READ_WEIGHTS).enumerate() {
            self.follow(known, *item, nth, weight);
        }
        for item in known.leaders() {
            self.candidate(item, true, None);
        }
        asked.read.iter().for_each(|item| mark(&mut self.slots, *item, 0));
        self.candidates.iter().for_each(|candidate| mark(&mut self.slots, candidate.item, 0));
        self.point(known, asked);
        self.describe(known, asked);
        self.ask(known, asked);
    }

    /// The candidate of an article, made when there is none and it may be.
    #[inline]
    fn candidate(&mut self, item: u32, may_add: bool, because: Option<u32>) -> Option<&mut Candidate> {
        let slot = usize::try_from(item).ok().and_then(|at| self.slots.get_mut(at))?;
        if *slot == 0 {
            if !may_add || self.candidates.len() >= CANDIDATES_MAX {
                return None;
            }
            self.candidates.push(Candidate { item, because, place: NO_PLACE, base: 0.0, shares: [0.0; 7] });
            *slot = u16::try_from(self.candidates.len()).ok()?;
        }
        self.candidates.get_mut(usize::from(slot.wrapping_sub(1)))
    }

    /// Takes the list of a page that was read `nth` pages ago.
    #[inline]
    fn follow(&mut self, known: &impl Knowledge, item: u32, nth: usize, weight: f32) {
        let (mut place, candidates_max) = (0_usize, if nth == 0 { NEIGHBOURS_READ } else { EARLIER_CANDIDATES });
        known.neighbours(item, |neighbour| {
            place += 1;
            let Some(candidate) = self.candidate(neighbour.item, place <= candidates_max, Some(item)) else { return };
            candidate.base += weight * neighbour.fast;
            let [own_fast, own_slow, own_back, second_fast, second_slow, rest_fast, rest_slow] = &mut candidate.shares;
            match nth {
                0 => {
                    (*own_fast, *own_slow, *own_back) = (neighbour.fast, neighbour.slow, neighbour.back);
                    candidate.place = f32::from(u8::try_from(place).unwrap_or(u8::MAX));
                }
                1 => (*second_fast, *second_slow) = (neighbour.fast, neighbour.slow),
                _ => {
                    *rest_fast += neighbour.fast;
                    *rest_slow += neighbour.slow;
                }
            }
        });
    }

    /// Where the request points: what its words and the pages read add up to.
    fn point(&mut self, known: &impl Knowledge, asked: &Asked<'_>) {
        self.taste = [0.0; EMBEDDING];
        for word in asked.words {
            known.add_word(word, &mut self.taste);
        }
        for (item, weight) in asked.read.iter().zip(READ_WEIGHTS) {
            known.add_history(*item, weight, &mut self.taste);
        }
    }

    /// The numbers of the candidates.
    #[inline]
    fn describe(&mut self, known: &impl Knowledge, asked: &Asked<'_>) {
        self.rows.clear();
        let page = asked.read.first().copied();
        let (mut facts, mut lifts, mut embedding) = ([0.0_f32; FACTS], [0.0_f32; CONTEXTS], [0.0_f32; EMBEDDING]);
        for candidate in &self.candidates {
            known.facts(candidate.item, &mut facts);
            known.lifts(candidate.item, &asked.words, &mut lifts);
            known.embedding(candidate.item, &mut embedding);
            let [_, popularity, ..] = facts;
            let mut row = [0.0_f32; ITEM_FEATURES];
            let (shares, rest) = row.split_at_mut(8);
            let gathered = std::iter::once(candidate.base + BASE_POPULARITY * popularity.exp()).chain(candidate.shares);
            for (to, share) in shares.iter_mut().zip(gathered) {
                *to = ln(share + FLOOR);
            }
            let is_same_section = page.is_some_and(|page| known.is_same_section(page, candidate.item));
            let last = [sum(&embedding, &self.taste), ln(candidate.place), f32::from(is_same_section)];
            for (to, number) in rest.iter_mut().zip(facts.iter().chain(&lifts).chain(&last)) {
                *to = *number;
            }
            self.rows.push(row);
        }
    }

    /// The numbers of the request: session, page, hour, source and device, and how much the page's own list says.
    fn ask(&mut self, known: &impl Knowledge, asked: &Asked<'_>) {
        let mut facts = [-10.0_f32; FACTS];
        if let Some(page) = asked.read.first() {
            known.facts(*page, &mut facts);
        }
        let fact = |fact: Fact| facts.get(fact.place()).copied().unwrap_or(0.0);
        let position = u8::try_from(asked.read.len().min(READ_MAX)).unwrap_or(0);
        let (sin, cos) = (asked.hour / 24.0 * std::f32::consts::TAU).sin_cos();
        let [_, device, _, _, _, source, _, _] = asked.words;
        let is = |word: u8, place: u8| f32::from(word == place);
        let own = self.candidates.iter().map(|candidate| candidate.shares[0]);
        let (best, all) = own.fold((0.0_f32, 0.0_f32), |(best, all), share| (best.max(share), all + share));
        self.request = [
            ln(f32::from(position) + 0.5),
            fact(Fact::Support),
            fact(Fact::SlowSupport),
            fact(Fact::Age),
            fact(Fact::Quiet),
            fact(Fact::Next1h),
            fact(Fact::Next6h),
            fact(Fact::Surprise),
            sin,
            cos,
            // The first words that a vocabulary learnt are its commonest.
            is(source, 89),
            is(source, 90),
            is(source, 91),
            is(device, 9),
            ln(best + FLOOR),
            ln(all + FLOOR),
        ];
    }
}

#[inline]
fn mark(slots: &mut [u16], item: u32, mark: u16) {
    if let Some(slot) = usize::try_from(item).ok().and_then(|at| slots.get_mut(at)) {
        *slot = mark;
    }
}

/// Natural logarithm of a positive number, within 1e-3: a polynomial on the mantissa, so that it vectorises.
#[must_use]
#[inline]
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "an exponent has eight bits")]
pub fn ln(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    let rest = (((-0.056_570_85 * mantissa + 0.447_178_94) * mantissa - 1.469_956_8) * mantissa + 2.821_202_6) * mantissa - 1.741_793_9;
    exponent * std::f32::consts::LN_2 + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_near_the_exact_one() {
        for nth in 1..10_000_u16 {
            let value = f32::from(nth) * f32::from(nth) * 1e-5;
            assert!((ln(value) - value.ln()).abs() < 1e-3, "{value}");
        }
    }
}
