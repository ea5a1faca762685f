//! Random streams. Each actor draws from a stream of its own, named after the actor and the purpose, so that an
//! additional pod does not shift what others draw.

use crate::units::SimDuration;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Hands out streams for one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFactory {
    seed: u64,
}

impl StreamFactory {
    /// A factory for the run with this seed.
    pub fn new(seed: u64) -> Self {
        StreamFactory { seed }
    }

    /// The stream called `name`, for example `"default/web/app/jitter"`.
    pub fn stream(&self, name: &str) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(fnv1a(name));
        Stream { rng }
    }
}

/// FNV-1a, 64 bits: a stable hash for names.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// One named random stream (ChaCha8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// A uniform 64-bit draw.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A uniform draw from `0..bound` without bias (Lemire's method); 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A uniform draw from `low..=high`.
    pub fn between(&mut self, low: SimDuration, high: SimDuration) -> SimDuration {
        let span = high.saturating_sub(low).as_nanos();
        low + SimDuration::from_nanos(self.below(span.saturating_add(1)))
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
    fn below_stays_below_and_reaches_everything() {
        let mut s = StreamFactory::new(1).stream("below");
        let mut seen = [false; 7];
        (0..200).for_each(|_| seen[s.below(7) as usize] = true);
        assert_eq!(seen, [true; 7]);
    }
}
