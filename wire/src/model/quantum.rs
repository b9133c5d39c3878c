//! How numbers are written in one byte: the published model keeps three digits where counts are worth no more.

use super::knowledge::FACTS;

/// Steps of one byte.
const STEPS: f32 = 255.0;
/// The least share that is told from nothing: `e^-10.6`.
const SHARE_STEP: f32 = 1.0 / 24.0;
/// A lift is at most twentyfold, either way.
const LIFT_MAX: f32 = 3.0;

/// Least and greatest value of each [`super::Fact`].
const FACT_RANGE: [(f32, f32); FACTS] = [
    (-11.0, 0.0),
    (-11.0, 0.0),
    (-11.0, 0.0),
    (-11.0, 0.0),
    (-11.0, 0.0),
    (-11.0, 0.0),
    (-3.1, 7.0),
    (-4.7, 7.0),
    (-4.0, 4.0),
    (-2.4, 14.0),
    (-2.4, 14.0),
    (-11.0, 0.0),
];

fn to_step(value: f32, (low, high): (f32, f32)) -> u8 {
    step((value - low) * (STEPS / (high - low)))
}

fn of_step(step: u8, (low, high): (f32, f32)) -> f32 {
    low + f32::from(step) * ((high - low) / STEPS)
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and within 0 to 255")]
fn step(value: f32) -> u8 {
    // What is no number becomes 0.
    value.round().clamp(0.0, STEPS) as u8
}

/// A share of 0 to 1: its logarithm in steps of 4 %, 0 for nothing.
#[must_use]
pub(super) fn share_to_byte(share: f32) -> u8 {
    if share > 0.0 { step(STEPS + share.ln() / SHARE_STEP) } else { 0 }
}

/// All shares: reading one is a look into a table.
pub(super) fn shares() -> [f32; 256] {
    let mut table = [0.0; 256];
    for (byte, share) in (0_u8..=255).zip(table.iter_mut()).skip(1) {
        *share = ((f32::from(byte) - STEPS) * SHARE_STEP).exp();
    }
    table
}

/// All of an article's facts.
pub(super) fn facts_to_bytes(facts: &[f32; FACTS]) -> [u8; FACTS] {
    let mut bytes = [0; FACTS];
    for ((byte, fact), range) in bytes.iter_mut().zip(facts).zip(FACT_RANGE) {
        *byte = to_step(*fact, range);
    }
    bytes
}

/// All of an article's facts.
#[inline(always)]
pub(super) fn facts_of_bytes(bytes: &[u8], facts: &mut [f32; FACTS]) {
    for ((fact, byte), range) in facts.iter_mut().zip(bytes).zip(FACT_RANGE) {
        *fact = of_step(*byte, range);
    }
}

/// The logarithm of a lift.
pub(super) fn lift_to_byte(lift: f32) -> u8 {
    to_step(lift, (-LIFT_MAX, LIFT_MAX))
}

/// The logarithm of a lift.
#[inline(always)]
pub(super) fn lift_of_byte(byte: u8) -> f32 {
    of_step(byte, (-LIFT_MAX, LIFT_MAX))
}

/// A number of an embedding, in units of `scale`.
pub(super) fn number_to_byte(number: f32, scale: f32) -> u8 {
    let scaled = if scale > 0.0 { number / scale } else { 0.0 };
    step(scaled + 128.0)
}

/// A number of an embedding.
#[inline(always)]
pub(super) fn number_of_byte(byte: u8, scale: f32) -> f32 {
    (f32::from(byte) - 128.0) * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_back_within_three_percent_and_nothing_stays_nothing() {
        let table = shares();
        for share in [1.0_f32, 0.5, 0.123, 0.01, 0.000_1] {
            let back = table[usize::from(share_to_byte(share))];
            assert!((back / share - 1.0).abs() < 0.03, "{share} came back as {back}");
        }
        for nothing in [0.0, -1.0, f32::NAN] {
            assert_eq!(share_to_byte(nothing), 0);
        }
        assert_eq!(table[0].to_bits(), 0);
    }

    #[test]
    fn facts_come_back_within_a_step_and_absurd_ones_are_cut() {
        let facts = [-3.0, -10.0, -1.0, -0.5, -7.0, -2.0, 2.5, -1.0, 0.3, 5.0, 9.0, -4.0];
        let mut back = [0.0; FACTS];
        facts_of_bytes(&facts_to_bytes(&facts), &mut back);
        for (fact, back) in facts.iter().zip(back) {
            assert!((fact - back).abs() < 0.04, "{fact} came back as {back}");
        }
        assert_eq!(facts_to_bytes(&[f32::NAN; FACTS]), [0; FACTS]);
        assert_eq!(facts_to_bytes(&[f32::INFINITY; FACTS]), [255; FACTS]);
    }
}
