//! Many nodes: the same scenario with one seed after the other, each node a run of its own.

use crate::engine;
use crate::exit::Failure;
use planning::measure::Measures;
use rayon::prelude::*;
use sim_core::record::expect::{ExpectationResult, evaluate};
use sim_core::record::{Digest, History, Keep, NodeFacts, StableHasher};
use sim_core::scenario::Scenario;
use std::sync::Arc;

/// What is kept of a node.
#[derive(Clone, Debug)]
pub struct NodeRun {
    /// `node-0`: the node's name in the scenario, and its number.
    pub name: String,
    /// Seed of its run.
    pub seed: u64,
    /// Amounts of the node.
    pub facts: NodeFacts,
    /// Its measures.
    pub measures: Measures,
    /// Digest of its run, the same as that of a run of one node with this seed.
    pub digest: Digest,
    results: Vec<ExpectationResult>,
}

/// Runs a node for each seed from `seed` on, on the threads of the current pool. `each` sees the whole run before it is
/// dropped. What comes out does not depend on the number of threads.
///
/// # Errors
/// The failure of the first node that has one.
pub fn run(
    scenario: &Arc<Scenario>,
    seed: u64,
    keep: Keep,
    each: impl Fn(&NodeRun, History) -> Result<(), Failure> + Sync,
) -> Result<Vec<NodeRun>, Failure> {
    let one = |n: u32| {
        let seed = seed.wrapping_add(n.into());
        let history = engine::run(scenario, seed, keep)?;
        let run = NodeRun {
            name: format!("{}-{n}", scenario.node.name),
            seed,
            facts: history.node.clone(),
            measures: Measures::of(&history),
            digest: history.digest,
            results: evaluate(&scenario.expectations, &history),
        };
        each(&run, history)?;
        Ok(run)
    };
    let runs: Vec<Result<NodeRun, Failure>> = (0..scenario.nodes).into_par_iter().map(one).collect();
    runs.into_iter().collect()
}

/// A digest over all nodes, in their order.
pub fn digest(nodes: &[NodeRun]) -> Digest {
    let mut hasher = StableHasher::default();
    nodes.iter().for_each(|node| hasher.add(&node.digest));
    hasher.digest()
}

/// Each expectation, which has to hold on every node.
pub fn expectations(nodes: &[NodeRun]) -> Vec<ExpectationResult> {
    let Some(first) = nodes.first() else { return Vec::new() };
    let merged = |i: usize, on_first: &ExpectationResult| {
        let failing: Vec<_> = nodes.iter().filter(|node| !node.results[i].holds).collect();
        let found = match failing.first() {
            None => format!("on all {} nodes; on {}: {}", nodes.len(), first.name, on_first.found),
            Some(node) => format!(
                "not on {} of {} nodes; on {} (seed {}): {}",
                failing.len(),
                nodes.len(),
                node.name,
                node.seed,
                node.results[i].found
            ),
        };
        ExpectationResult { holds: failing.is_empty(), found, ..on_first.clone() }
    };
    first.results.iter().enumerate().map(|(i, result)| merged(i, result)).collect()
}
