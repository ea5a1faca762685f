//! Runs in memory, on all cores, in the order of their numbers.

use crate::measure::Measures;
use crate::plan::{Plan, RunSpec};
use crate::prepared::Prepared;
use oomsim_core::record::Keep;
use rayon::prelude::*;
use std::ops::Range;

/// Threads that run simulations.
#[derive(Debug)]
pub struct Pool(rayon::ThreadPool);

impl Pool {
    /// A pool of `jobs` threads; 0: one per core.
    ///
    /// # Errors
    /// When the system has no threads to give.
    pub fn new(jobs: usize) -> Result<Self, String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        pool.map(Pool).map_err(|error| format!("cannot start threads: {error}"))
    }

    /// The measures of a part of a plan. For parts that fit in memory; results do not depend on the number of threads.
    pub fn run(&self, plan: &Plan, runs: Range<u64>, scenario: &Prepared, keep: Keep) -> Vec<Measures> {
        let runs = runs.into_par_iter().map_init(|| scenario.worker(keep), |run, i| run(&plan.spec(i)));
        self.0.install(|| runs.collect())
    }

    /// The measures of one setting with seeds of its own.
    pub fn run_seeds(&self, spec: &RunSpec, seeds: Range<u64>, scenario: &Prepared, keep: Keep) -> Vec<Measures> {
        let prepared = scenario.with_settings(&spec.overrides, keep);
        let one = |n: u64| prepared.run(spec.seed.wrapping_add(n));
        self.0.install(|| seeds.into_par_iter().map(one).collect())
    }
}
