//! Growth in closed form: how many steps have been taken at an instant, and when the next one comes.

use super::params::Jitter;
use crate::units::{Bytes, PAGE_SIZE, Pages, SimDuration, SimTime};

/// The rhythm of a growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rhythm {
    /// A page at a time, at this many bytes per second.
    Linear {
        /// Bytes per second, not zero.
        rate: Bytes,
    },
    /// A block at a time.
    Blocks {
        /// From the start to the first block.
        first: SimDuration,
        /// Between blocks, not zero.
        every: SimDuration,
    },
    /// A block at a time, with pauses drawn from the program's random stream as steps are taken.
    Jittered {
        /// When the next block comes.
        next: SimTime,
        /// The pause before it.
        pause: SimDuration,
        /// The nominal pause.
        every: SimDuration,
        /// How pauses are spread.
        jitter: Jitter,
        /// No pause is shorter than this, which is not zero.
        least: SimDuration,
    },
}

/// Memory that grows by equal steps at instants known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Growth {
    /// When it began.
    pub start: SimTime,
    /// When the steps come.
    pub rhythm: Rhythm,
    /// Virtual memory mapped by each step.
    pub block: Bytes,
    /// Pages touched by each step.
    pub touched: Pages,
    /// Steps in all; `u64::MAX`: no end.
    pub steps: u64,
    /// Steps taken.
    pub taken: u64,
}

impl Growth {
    /// Page after page at `rate` bytes per second, `pages` in all (`None`: no end).
    pub fn linear(start: SimTime, rate: Bytes, pages: Option<Pages>) -> Self {
        Growth {
            start,
            rhythm: Rhythm::Linear { rate: rate.max(Bytes::new(1)) },
            block: Bytes::new(PAGE_SIZE),
            touched: Pages::new(1),
            steps: pages.map_or(u64::MAX, Pages::get),
            taken: 0,
        }
    }

    /// When step number `n` (from 1) is taken; `None` when there is no such step or not before the end of time. With
    /// random pauses only the next step's time is known; for later ones this is the earliest that is possible.
    pub fn time_of(&self, n: u64) -> Option<SimTime> {
        if n == 0 || n > self.steps {
            return None;
        }
        let offset = match self.rhythm {
            Rhythm::Jittered { next, least, .. } => {
                let later = u128::from(n.saturating_sub(self.taken + 1)) * u128::from(least.as_nanos());
                u128::from(next.since(self.start).as_nanos()) + later
            }
            Rhythm::Linear { rate } => {
                (u128::from(n) * u128::from(PAGE_SIZE) * 1_000_000_000).div_ceil(u128::from(rate.get()))
            }
            Rhythm::Blocks { first, every } => {
                u128::from(first.as_nanos()) + u128::from(n - 1) * u128::from(every.as_nanos())
            }
        };
        let at = u128::from(self.start.as_nanos()) + offset;
        u64::try_from(at).ok().filter(|&ns| ns < u64::MAX).map(SimTime::from_nanos)
    }

    /// When the next step is taken.
    pub fn next_at(&self) -> Option<SimTime> {
        self.time_of(self.taken + 1)
    }

    /// Steps taken at or before `now`; with random pauses those that are known to be.
    pub fn steps_at(&self, now: SimTime) -> u64 {
        let ns = now.since(self.start).as_nanos();
        let n = match self.rhythm {
            Rhythm::Linear { rate } => {
                let n = u128::from(ns) * u128::from(rate.get()) / (u128::from(PAGE_SIZE) * 1_000_000_000);
                u64::try_from(n).unwrap_or(u64::MAX)
            }
            Rhythm::Jittered { next, .. } => self.taken + u64::from(next <= now),
            Rhythm::Blocks { first, .. } if ns < first.as_nanos() || now < self.start => 0,
            Rhythm::Blocks { first, every } => (ns - first.as_nanos()) / every.as_nanos().max(1) + 1,
        };
        n.min(self.steps)
    }

    /// Steps due at `now` that have not been taken.
    pub fn due(&self, now: SimTime) -> u64 {
        self.steps_at(now).saturating_sub(self.taken)
    }

    /// What `n` steps map: requests of this size, and how many of them. Page after page is one mapping.
    pub fn mapped_by(&self, n: u64) -> (Bytes, u64) {
        match self.rhythm {
            Rhythm::Linear { .. } => (self.block * n, 1),
            Rhythm::Blocks { .. } | Rhythm::Jittered { .. } => (self.block, n),
        }
    }

    /// The rest of this growth when it could not go on before `now`: the next step comes as long after `now` as
    /// steps are apart.
    pub fn resumed(mut self, now: SimTime) -> Self {
        self.steps = self.steps.saturating_sub(self.taken);
        self.taken = 0;
        self.start = now;
        match &mut self.rhythm {
            Rhythm::Linear { .. } => {}
            Rhythm::Blocks { first, every } => *first = *every,
            Rhythm::Jittered { next, pause, .. } => *next = now.saturating_add(*pause),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_times_are_inverse() {
        let start = SimTime::from_nanos(1_234_567);
        let shapes = [
            Growth::linear(start, Bytes::new(1_000_003), None),
            Growth::linear(start, Bytes::mib(700), Some(Pages::new(5_000))),
            Growth {
                start,
                rhythm: Rhythm::Blocks { first: SimDuration::from_nanos(7), every: SimDuration::from_nanos(13) },
                block: Bytes::mib(1),
                touched: Pages::new(256),
                steps: 5_000,
                taken: 0,
            },
        ];
        for g in shapes {
            for n in [1, 2, 3, 100, 4_999] {
                let at = g.time_of(n).unwrap();
                assert_eq!(g.steps_at(at), n, "{g:?}");
                assert_eq!(g.steps_at(SimTime::from_nanos(at.as_nanos() - 1)), n - 1, "{g:?}");
            }
        }
    }

    #[test]
    fn a_mebibyte_per_second_is_256_pages_per_second() {
        let g = Growth::linear(SimTime::ZERO, Bytes::mib(1), None);
        assert_eq!(g.steps_at(SimTime::from_secs(10)), 2560);
        assert_eq!(g.time_of(256), Some(SimTime::from_secs(1)));
    }
}
