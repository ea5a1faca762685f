//! Interleaved rounds: on a machine that others use too, only ratios of neighbours in time are worth something.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Something whose time is taken.
pub struct Contender<'a> {
    round: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender that takes its own time.
    pub fn new(round: impl FnMut() -> Duration + 'a) -> Self {
        Contender { round: Box::new(round) }
    }

    /// A contender whose whole round counts.
    pub fn whole<T>(mut round: impl FnMut() -> T + 'a) -> Self {
        Contender::new(move || {
            let started = Instant::now();
            black_box(round());
            started.elapsed()
        })
    }
}

/// Least, middle and greatest of several figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Least.
    pub min: f64,
    /// Middle; of an even number the upper one.
    pub median: f64,
    /// Greatest.
    pub max: f64,
}

impl Spread {
    /// Of these figures, of which there must be at least one.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut f: Vec<f64> = figures.into_iter().collect();
        f.sort_by(f64::total_cmp);
        Spread { min: f[0], median: f[f.len() / 2], max: f[f.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = f.precision().unwrap_or(2);
        write!(f, "{:.p$} – {:.p$} – {:.p$}", self.min, self.median, self.max)
    }
}

/// Seconds per round of every contender, after one round that does not count.
pub fn interleave(rounds: usize, contenders: &mut [Contender<'_>]) -> Vec<Vec<f64>> {
    for c in contenders.iter_mut() {
        (c.round)();
    }
    let mut seconds = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for (c, s) in contenders.iter_mut().zip(&mut seconds) {
            s.push((c.round)().as_secs_f64());
        }
    }
    seconds
}

/// Round by round, the ratio of two contenders.
pub fn ratio(of: &[f64], to: &[f64]) -> Spread {
    Spread::of(of.iter().zip(to).map(|(a, b)| a / b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_and_ratio() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(ratio(&[2.0, 9.0], &[4.0, 3.0]), Spread { min: 0.5, median: 3.0, max: 3.0 });
    }
}
