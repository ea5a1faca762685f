//! Random numbers that any language can reproduce.

/// Scrambles `x` (splitmix64).
pub(crate) fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A linear congruential stream of 31-bit draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream with this seed.
    pub fn new(seed: u64) -> Self {
        Stream(splitmix(seed))
    }

    /// The stream of pod `pod` in the run with this seed: every pod has its own, so that the order in which an engine
    /// serves them changes nothing.
    pub fn of_pod(seed: u64, pod: u64) -> Self {
        Stream::new(seed.wrapping_mul(1_000_003).wrapping_add(pod))
    }

    /// The next 31 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_is_the_published_generator() {
        // First outputs of Vigna's splitmix64.c for state 0 and state 1234567.
        assert_eq!(splitmix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix(1_234_567), 6_457_827_717_110_365_317);
    }
}
