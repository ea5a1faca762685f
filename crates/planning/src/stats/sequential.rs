//! Is the share of bad runs below a target? Asked after every run, without paying for asking often.
//!
//! The confidence sequence is Robbins' mixture for a share (H. Robbins, Ann. Math. Statist. 41, 1970, with a
//! Beta(½, ½) mixture): the true share p leaves the set of those p with M(p) < 1/α at any time with probability at
//! most α, where M(p) = B(½ + k, ½ + n − k) / B(½, ½) / (p^k (1 − p)^(n − k)) after k bad runs of n. One may therefore
//! stop as soon as the target is outside.

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialVerdict {
    /// The share is below the target.
    Below,
    /// The share is above the target.
    Above,
    /// Not known yet.
    Undecided,
}

/// Counts runs until the share is known to lie on one side of a target.
#[derive(Clone, Debug)]
pub struct Sequential {
    target: f64,
    log_bound: f64,
    bad: u64,
    runs: u64,
}

impl Sequential {
    /// A test of "the share is below `target`" that errs with probability at most `alpha`, however long it goes on.
    /// A target of 0 means that not one bad run is allowed.
    pub fn new(target: f64, alpha: f64) -> Self {
        Sequential { target: target.clamp(0.0, 1.0), log_bound: -alpha.clamp(1e-12, 1.0).ln(), bad: 0, runs: 0 }
    }

    /// Counts one run.
    pub fn add(&mut self, bad: bool) {
        self.bad += u64::from(bad);
        self.runs += 1;
    }

    /// Bad runs and all runs so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.bad, self.runs)
    }

    /// What is known after these runs.
    pub fn verdict(&self) -> TrialVerdict {
        if self.target == 0.0 {
            return if self.bad > 0 { TrialVerdict::Above } else { TrialVerdict::Undecided };
        }
        if self.runs == 0 || self.log_martingale() < self.log_bound {
            return TrialVerdict::Undecided;
        }
        // The target is outside; the observed share says on which side.
        if (self.bad as f64) < self.target * self.runs as f64 { TrialVerdict::Below } else { TrialVerdict::Above }
    }

    fn log_martingale(&self) -> f64 {
        let (k, n) = (self.bad as f64, self.runs as f64);
        let mixture =
            libm::lgamma(0.5 + k) + libm::lgamma(0.5 + n - k) - libm::lgamma(1.0 + n) - std::f64::consts::PI.ln();
        let times_log = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * libm::log(p) };
        mixture - times_log(k, self.target) - times_log(n - k, 1.0 - self.target)
    }
}

/// Fewest runs, all of them good, after which the share is known to be below `target`; 1 for a target of 0, which no
/// number of runs proves.
pub fn runs_needed(target: f64, alpha: f64) -> u64 {
    let decided = |runs: u64| Sequential { runs, ..Sequential::new(target, alpha) }.verdict() == TrialVerdict::Below;
    if target <= 0.0 {
        return 1;
    }
    let (mut no, mut yes) = (0, 1);
    while !decided(yes) {
        (no, yes) = (yes, yes * 2);
        if yes >= 1 << 40 {
            return yes;
        }
    }
    while yes - no > 1 {
        let middle = u64::midpoint(no, yes);
        if decided(middle) { yes = middle } else { no = middle }
    }
    yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use streams::bernoulli;

    /// Draws for the tests from the simulator's own streams.
    mod streams {
        use oomsim_core::engine::{Stream, StreamFactory};

        pub fn bernoulli(seed: u64) -> Stream {
            StreamFactory::new(seed).stream("test/bernoulli")
        }
    }

    #[test]
    fn the_fewest_runs_decide_and_one_less_does_not() {
        for (target, alpha) in [(0.01, 0.01), (0.05, 0.01), (0.001, 0.05), (0.5, 0.1)] {
            let needed = runs_needed(target, alpha);
            let after = |runs: u64| {
                let mut test = Sequential::new(target, alpha);
                (0..runs).for_each(|_| test.add(false));
                test.verdict()
            };
            assert_eq!((after(needed - 1), after(needed)), (TrialVerdict::Undecided, TrialVerdict::Below));
        }
        assert_eq!(runs_needed(0.0, 0.01), 1);
    }

    #[test]
    fn the_martingale_by_hand() {
        // n = 1, k = 0: B(½, 3/2) / B(½, ½) = ½, so M(p) = ½ / (1 − p); p = 0.9 gives 5.
        let mut s = Sequential::new(0.9, 0.05);
        s.add(false);
        assert!((s.log_martingale() - 5f64.ln()).abs() < 1e-12);
        assert_eq!(s.verdict(), TrialVerdict::Undecided); // 5 < 1/0.05
        // n = 2, k = 0: B(½, 5/2)/B(½, ½) = 3/8; p = 0.9 gives 37.5 > 20.
        s.add(false);
        assert!((s.log_martingale() - 37.5f64.ln()).abs() < 1e-12);
        assert_eq!(s.verdict(), TrialVerdict::Below);
        // n = 1, k = 1 is the mirror image.
        let mut s = Sequential::new(0.02, 0.05);
        s.add(true); // M = ½ / 0.02 = 25
        assert_eq!(s.verdict(), TrialVerdict::Above);
    }

    #[test]
    fn none_allowed_means_none() {
        let mut s = Sequential::new(0.0, 0.05);
        (0..100_000).for_each(|_| s.add(false));
        assert_eq!(s.verdict(), TrialVerdict::Undecided);
        s.add(true);
        assert_eq!(s.verdict(), TrialVerdict::Above);
        assert_eq!(s.counts(), (1, 100_001));
    }

    #[test]
    fn it_seldom_errs_although_asked_after_every_run() {
        // The share is exactly the target: neither answer is right, and either may come in at most 5 % of the series.
        let mut wrong = 0;
        for seed in 0..200 {
            let (mut draws, mut s) = (bernoulli(seed), Sequential::new(0.1, 0.05));
            for _ in 0..2_000 {
                s.add(draws.below(10) == 0);
                if s.verdict() != TrialVerdict::Undecided {
                    wrong += 1;
                    break;
                }
            }
        }
        assert!(wrong <= 10, "{wrong} of 200");
        // A share of half the target is distinguished within 2,000 runs.
        let (mut draws, mut s) = (bernoulli(7), Sequential::new(0.1, 0.05));
        (0..2_000).for_each(|_| s.add(draws.below(20) == 0));
        assert_eq!(s.verdict(), TrialVerdict::Below);
    }
}
