//! Many nodes: the same scenario with one seed after the other, each node a run of its own.

mod render;

pub use render::{Fleet, csv, json_text, text};

use oomsim_core::node_api::Name;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{Digest, NodeFacts, StableHasher};
use oomsim_planning::measure::Measures;

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
    /// How the expectations fared on it.
    pub results: Vec<ExpectationResult>,
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
    let holds = result.required.is_met((count - failing) as u64, count as u64);
    ExpectationResult { holds, found, expected, ..result.clone() }
}
