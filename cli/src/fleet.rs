//! Many nodes: the same scenario with one seed after the other, each node a run of its own.

use crate::engine;
use crate::exit::Failure;
use oomsim_core::Booted;
use oomsim_core::node_api::Name;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::{ExpectationResult, evaluate};
use oomsim_core::record::{Digest, History, Keep, NodeFacts, StableHasher};
use oomsim_planning::measure::Measures;
use rayon::prelude::*;
use std::sync::Arc;

/// What is kept of a node.
#[derive(Clone, Debug)]
pub struct NodeRun {
    /// The node's name in the scenario.
    pub kind: Name,
    /// `node-0`: that name and the node's number among those of its kind.
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

/// Runs the nodes of each kind, a seed for each from `seed` on, on the threads of the current pool. `each` sees the
/// whole run and its scenario before they are dropped. What comes out does not depend on the number of threads.
///
/// # Errors
/// The failure of the first node that has one.
pub fn run(
    kinds: &[Arc<Scenario>],
    seed: u64,
    keep: Keep,
    each: impl Fn(&NodeRun, &Scenario, History) -> Result<(), Failure> + Sync,
) -> Result<Vec<NodeRun>, Failure> {
    let kinds: Vec<Booted> = kinds.iter().map(|kind| engine::boot(kind, keep)).collect();
    let nodes: Vec<_> = kinds.iter().flat_map(|kind| (0..kind.scenario().nodes).map(move |n| (kind, n))).collect();
    let one = |(index, &(kind, n)): (usize, &(&Booted, u32))| {
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
        Ok(run)
    };
    let runs: Vec<Result<NodeRun, Failure>> = nodes.par_iter().enumerate().map(one).collect();
    runs.into_iter().collect()
}

/// A digest over all nodes, in their order.
pub fn digest(nodes: &[NodeRun]) -> Digest {
    let mut hasher = StableHasher::default();
    nodes.iter().for_each(|node| hasher.add(&node.digest));
    hasher.digest()
}

/// The nodes of each kind: all that follow each other under one name.
pub fn kinds(nodes: &[NodeRun]) -> Vec<&[NodeRun]> {
    nodes.chunk_by(|a, b| a.kind == b.kind).collect()
}

/// An expectation with the nodes it is about, and where it stands among their results.
type Judged<'a> = Vec<(&'a [NodeRun], usize)>;

/// Each expectation, which has to hold on every node that it is about.
pub fn expectations(nodes: &[NodeRun]) -> Vec<ExpectationResult> {
    let kinds = kinds(nodes);
    let mut list: Vec<(&ExpectationResult, Judged<'_>)> = Vec::new();
    for kind in &kinds {
        for (i, result) in kind[0].results.iter().enumerate() {
            let same = |other: &ExpectationResult| {
                (other.line, &other.expected, &other.source) == (result.line, &result.expected, &result.source)
            };
            // An expectation may be written twice: the second belongs to another entry.
            match list
                .iter_mut()
                .find(|(other, at)| same(other) && at.iter().all(|(seen, _)| seen[0].kind != kind[0].kind))
            {
                Some((_, judged)) => judged.push((*kind, i)),
                None => list.push((result, vec![(*kind, i)])),
            }
        }
    }
    list.sort_by_key(|(result, _)| result.line);
    list.into_iter().map(|(result, judged)| merged(result, &judged, kinds.len())).collect()
}

fn merged(result: &ExpectationResult, judged: &Judged<'_>, kinds: usize) -> ExpectationResult {
    let all = || judged.iter().flat_map(|(nodes, i)| nodes.iter().map(|node| (node, &node.results[*i])));
    let (count, failing) = (all().count(), all().filter(|(_, result)| !result.holds).count());
    let found = match all().find(|(_, result)| !result.holds) {
        None => all().next().map_or_else(String::new, |(node, first)| {
            format!("on all {count} nodes; on {}: {}", node.name, first.found)
        }),
        Some((node, wrong)) => {
            format!("not on {failing} of {count} nodes; on {} (seed {}): {}", node.name, node.seed, wrong.found)
        }
    };
    let expected = if judged.len() == kinds {
        result.expected.clone()
    } else {
        let names: Vec<&str> = judged.iter().map(|(nodes, _)| &*nodes[0].kind).collect();
        format!("on {}: {}", names.join(", "), result.expected)
    };
    ExpectationResult { holds: failing == 0, found, expected, ..result.clone() }
}
