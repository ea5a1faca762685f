//! Random streams. Each actor draws from a stream of its own, named after the actor and the purpose, so that an
//! additional pod does not shift what others draw.

use crate::units::SimDuration;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::ops::Deref;

/// Hands out streams for one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFactory {
    seed: u64,
    /// Seeded; a stream is a copy.
    rng: ChaCha8Rng,
}

/// The two hexadecimal digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let (digits, mut table, mut n) = (b"0123456789abcdef", [[0; 2]; 256], 0);
    while n < 256 {
        table[n] = [digits[n / 16], digits[n % 16]];
        n += 1;
    }
    table
};

/// A name put together from pieces, as far as a stream needs it. Equal texts are equal names, however they were cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamName(u64);

impl StreamName {
    /// The empty name.
    pub const EMPTY: StreamName = StreamName(0xcbf2_9ce4_8422_2325);

    /// With this text at its end. (FNV-1a, 64 bits: a stable hash for names.)
    pub fn then(self, text: &str) -> Self {
        StreamName(text.bytes().fold(self.0, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)))
    }

    /// With this number at its end, in decimal digits.
    pub fn number(self, n: u32) -> Self {
        let above = if n < 10 { self } else { self.number(n / 10) };
        above.then(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"][n as usize % 10])
    }
}

impl From<&str> for StreamName {
    fn from(text: &str) -> Self {
        StreamName::EMPTY.then(text)
    }
}

impl StreamFactory {
    /// A factory for the run with this seed.
    pub fn new(seed: u64) -> Self {
        StreamFactory { seed, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Sixty-four hexadecimal digits for the thing of that name, like the id of a container; shorter ids are the
    /// beginning of one. They decide nothing, so that SplitMix64 over name and seed is good enough.
    pub fn identifier(&self, name: StreamName) -> Identifier {
        let mut state = name.0 ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut digits = [0; 64];
        for sixteen in digits.chunks_exact_mut(16) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (two, byte) in sixteen.chunks_exact_mut(2).zip(z.to_be_bytes()) {
                two.copy_from_slice(&HEX[byte as usize]);
            }
        }
        Identifier(digits)
    }

    /// The stream called `name`, for example `"default/web/app/jitter"`.
    pub fn stream(&self, name: impl Into<StreamName>) -> Stream {
        let mut rng = self.rng.clone();
        rng.set_stream(name.into().0);
        Stream { rng }
    }
}

/// Sixty-four hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier([u8; 64]);

impl Deref for Identifier {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

/// `−log2(u / 2^64)` in 32.32 fixed point, by repeated squaring.
fn minus_log2(u: u64) -> u64 {
    let shift = u.leading_zeros();
    let mut mantissa = u << shift; // in [2^63, 2^64): 1.0 to 2.0
    let mut fraction: u64 = 0;
    for bit in (0..32).rev() {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        if square >= 1 << 64 {
            fraction |= 1 << bit;
            mantissa = (square >> 1) as u64;
        } else {
            mantissa = square as u64;
        }
    }
    // u / 2^64 = 1.m × 2^-(shift + 1)
    (u64::from(shift + 1) << 32) - fraction
}

/// One named random stream (ChaCha8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// A uniform 64-bit draw.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A uniform draw from `0..bound` without bias (Lemire's method); 0 if `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let mut wide = u128::from(self.next_u64()) * u128::from(bound);
        if (wide as u64) < bound {
            // Only here can it be below the threshold, which costs a division to know.
            let threshold = bound.wrapping_neg() % bound;
            while (wide as u64) < threshold {
                wide = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }

    /// A uniform draw from `low..=high`.
    pub fn between(&mut self, low: SimDuration, high: SimDuration) -> SimDuration {
        let span = high.saturating_sub(low).as_nanos();
        low + SimDuration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// An exponentially distributed draw with this mean, at most 44 times the mean. Integer arithmetic throughout, so
    /// that every machine draws the same.
    pub fn exponential(&mut self, mean: SimDuration) -> SimDuration {
        SimDuration::from_nanos(self.exponential_around(mean.as_nanos()))
    }

    /// The same for any quantity.
    pub fn exponential_around(&mut self, mean: u64) -> u64 {
        // −ln(u) = log2(1/u) × ln 2 for a uniform u = (draw + 1) / 2^64, in 32.32 fixed point.
        let u = self.next_u64().max(1);
        let nats = (u128::from(minus_log2(u)) * 2_977_044_472) >> 32;
        let drawn = (u128::from(mean) * nats) >> 32;
        u64::try_from(drawn).unwrap_or(u64::MAX)
    }

    /// How much has been drawn: part of a run's digest.
    pub fn position(&self) -> u128 {
        self.rng.get_word_pos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_a_stream_shifts_no_other() {
        let f = StreamFactory::new(7);
        let alone: Vec<u64> = {
            let mut s = f.stream("a");
            (0..4).map(|_| s.next_u64()).collect()
        };
        let mut other = f.stream("b");
        other.next_u64();
        let mut again = f.stream("a");
        assert_eq!(alone, (0..4).map(|_| again.next_u64()).collect::<Vec<_>>());
        assert_ne!(alone[0], f.stream("b").next_u64());
    }

    #[test]
    fn a_name_is_its_text_however_it_was_cut() {
        let whole = StreamName::from("default/web/app/0/1204");
        assert_eq!(StreamName::from("default/web").then("/app/").number(0).then("/").number(1204), whole);
        assert_eq!(StreamName::EMPTY.then(""), StreamName::EMPTY);
        // FNV-1a of "a" (draft-eastlake-fnv, test vectors).
        assert_eq!(StreamName::from("a"), StreamName(0xaf63_dc4c_8601_ec8c));
    }

    #[test]
    fn identifiers_differ_by_name_and_seed() {
        let (one, two) = (StreamFactory::new(1), StreamFactory::new(2));
        let ids = [one.identifier("a".into()), one.identifier("b".into()), two.identifier("a".into())];
        assert!(ids.iter().all(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
        assert_eq!(ids[0], one.identifier("a".into()));
    }

    #[test]
    fn exponential_draws_have_the_mean_and_the_tail_of_the_distribution() {
        let mut s = StreamFactory::new(3).stream("exp");
        let draws: Vec<f64> = (0..20_000).map(|_| s.exponential(SimDuration::from_secs(1)).as_secs_f64()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let beyond_two = draws.iter().filter(|&&d| d > 2.0).count() as f64 / 20_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert!((beyond_two - (-2.0f64).exp()).abs() < 0.01, "{beyond_two}"); // P(X > 2) = e^-2
        assert_eq!(minus_log2(1 << 63), 1 << 32); // log2(1/2) = -1
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut s = StreamFactory::new(1).stream("below");
        let mut seen = [false; 7];
        (0..200).for_each(|_| seen[s.below(7) as usize] = true);
        assert_eq!(seen, [true; 7]);
    }
}
