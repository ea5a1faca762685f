//! Many nodes: the same scenario with one seed after the other, each node a run of its own.

use crate::engine;
use crate::exit::Failure;
use crate::progress::Progress;
use oomsim_core::BootedNode;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::evaluate;
use oomsim_core::record::{History, Keep};
use oomsim_planning::measure::Measures;
use oomsim_report::fleet::NodeRun;
use rayon::prelude::*;
use std::sync::Arc;

/// Runs the nodes of each kind, a seed for each from `seed` on, on the threads of the current pool. `each` sees the
/// whole run and its scenario before they are dropped. What comes out does not depend on the number of threads.
///
/// # Errors
/// The failure of the first node that has one.
pub fn run(
    kinds: &[Arc<Scenario>],
    seed: u64,
    keep: Keep,
    progress: &Progress,
    each: impl Fn(&NodeRun, &Scenario, History) -> Result<(), Failure> + Sync,
) -> Result<Vec<NodeRun>, Failure> {
    let kinds = kinds.iter().map(|kind| engine::boot(kind, keep)).collect::<Result<Vec<BootedNode>, Failure>>()?;
    let nodes: Vec<_> = kinds.iter().flat_map(|kind| (0..kind.scenario().nodes).map(move |n| (kind, n))).collect();
    let one = |(index, &(kind, n)): (usize, &(&BootedNode, u32))| {
        let (seed, scenario) = (seed.wrapping_add(index as u64), kind.scenario());
        let history = engine::run(kind.clone(), seed)?;
        let run = NodeRun {
            kind: scenario.node.name.clone(),
            name: format!("{}-{n}", scenario.node.name),
            seed,
            facts: history.node.clone(),
            measures: Measures::of(&history),
            digest: history.digest,
            results: evaluate(&scenario.expectations, &history),
        };
        each(&run, scenario, history)?;
        progress.one_of(nodes.len() as u64);
        Ok(run)
    };
    let runs: Vec<Result<NodeRun, Failure>> = nodes.par_iter().enumerate().map(one).collect();
    runs.into_iter().collect()
}
