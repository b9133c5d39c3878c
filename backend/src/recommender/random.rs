//! Numbers to begin with: the same for every learner, so that two that read the same learn the same.

use serde::{Deserialize, Serialize};

/// A linear congruential generator with Knuth's MMIX constants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly between `-most` and `most`.
    pub(crate) fn number(&mut self, most: f32) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = u16::try_from(self.0 >> 48).unwrap_or(0);
        (f32::from(bits) / f32::from(u16::MAX) * 2.0 - 1.0) * most
    }
}
