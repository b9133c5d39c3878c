//! Chance that repeats itself: the same seed draws the same numbers on every machine.

/// `SplitMix64`: small, and good enough to scatter faults (<https://prng.di.unimi.it/splitmix64.c>).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x5eed_0f9a_150b_0001)
    }

    pub(crate) const fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::try_from(self.u64() >> 32).unwrap_or(0)
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::try_from(self.u64() >> 56).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.u64() % (high.saturating_sub(low) + 1)
    }

    /// From 0 to `count - 1`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.u64() % u64::try_from(count.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn is(&mut self, permille: u32) -> bool {
        self.u64() % 1_000 < u64::from(permille)
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    pub(crate) fn shuffle<T>(&mut self, of: &mut [T]) {
        for end in (1..of.len()).rev() {
            of.swap(end, self.below(end + 1));
        }
    }
}
