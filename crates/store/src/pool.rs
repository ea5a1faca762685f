//! Runs in memory, on all cores, in the order of their numbers.

use oomsim_core::record::Keep;
use oomsim_planning::Runner;
use oomsim_planning::measure::Measures;
use oomsim_planning::plan::{Plan, RunSpec, nth_seed};
use oomsim_planning::prepared::ScenarioBundle;
use rayon::prelude::*;
use std::ops::Range;

/// Threads that run simulations. Results do not depend on their number.
#[derive(Debug)]
pub struct Pool(rayon::ThreadPool);

/// The system has no threads to give.
#[derive(Debug)]
pub struct NoThreads(rayon::ThreadPoolBuildError);

impl std::fmt::Display for NoThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot start threads: {}", self.0)
    }
}

impl std::error::Error for NoThreads {}

impl Pool {
    /// A pool of `jobs` threads; 0: one per core.
    ///
    /// # Errors
    /// When the system has no threads to give.
    pub fn new(jobs: usize) -> Result<Self, NoThreads> {
        rayon::ThreadPoolBuilder::new().num_threads(jobs).build().map(Pool).map_err(NoThreads)
    }
}

impl Pool {
    /// What `one` makes of each number, in their order.
    pub fn map<T: Send>(&self, numbers: Range<u64>, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
        self.0.install(|| numbers.into_par_iter().map(&one).collect())
    }
}

impl Runner for Pool {
    fn run(&self, plan: &Plan, runs: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures> {
        let runs = runs.into_par_iter().map_init(|| scenario.worker(keep), |run, i| run(&plan.spec(i)));
        self.0.install(|| runs.collect())
    }

    fn run_seeds(&self, spec: &RunSpec, seeds: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures> {
        let ready = scenario.with_settings(&spec.overrides, keep);
        let one = |n: u64| ready.run(nth_seed(spec.seed, n));
        self.0.install(|| seeds.into_par_iter().map(one).collect())
    }
}
