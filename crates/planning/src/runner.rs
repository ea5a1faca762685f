//! Who does the runs.

use crate::measure::Measures;
use crate::plan::{Plan, RunSpec, nth_seed};
use crate::prepared::ScenarioBundle;
use oomsim_core::record::Keep;
use std::ops::Range;

/// Does runs and returns their measures in the order of the runs, however many it does at a time.
pub trait Runner {
    /// The measures of a part of a plan. For parts that fit in memory.
    fn run(&self, plan: &Plan, runs: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures>;

    /// The measures of the runs of one setting: one for each number of a seed, counted from that of `spec`
    /// ([`nth_seed`]).
    fn run_seeds(&self, spec: &RunSpec, seeds: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures>;
}

/// One run after the other, on the caller's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct InTurn;

impl Runner for InTurn {
    fn run(&self, plan: &Plan, runs: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures> {
        let mut worker = scenario.worker(keep);
        runs.map(|run| worker(&plan.spec(run))).collect()
    }

    fn run_seeds(&self, spec: &RunSpec, seeds: Range<u64>, scenario: &ScenarioBundle, keep: Keep) -> Vec<Measures> {
        let ready = scenario.with_settings(&spec.overrides, keep);
        seeds.map(|n| ready.run(nth_seed(spec.seed, n))).collect()
    }
}
