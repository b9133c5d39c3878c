//! A rate with what it may be: the Wilson score interval (Wilson 1927), which holds for few events too, where the usual one says ±0.

use serde::Serialize;

/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.959_964;

/// A rate, and the interval that holds the true one 19 times of 20.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// `hits` of `tries`; `None` when nothing was tried.
pub(crate) fn rate(hits: u64, tries: u64) -> Option<Rate> {
    if tries == 0 {
        return None;
    }
    let (n, p) = (float(tries), float(hits.min(tries)) / float(tries));
    let scale = 1.0 + Z * Z / n;
    let middle = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    Some(Rate { value: p, low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts below 2^53, and std has no other way")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_published_one() {
        // Brown, Cai, DasGupta 2001 and R's binom.wilson.
        for (hits, tries, low, high) in
            [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (50, 1_000, 0.0381, 0.0653)]
        {
            let found = rate(hits, tries).unwrap();
            assert!((found.low - low).abs() < 1e-4 && (found.high - high).abs() < 1e-4, "{hits}/{tries}: {found:?}");
        }
        assert_eq!(rate(0, 0), None);
        assert!((rate(7, 5).unwrap().value - 1.0).abs() < 1e-12, "never more than all");
    }
}
