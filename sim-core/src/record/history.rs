//! The whole outcome of a run.

use super::{Digest, Entry, Series, ThresholdSeen};
use crate::engine::Stop;
use crate::kubelet::ContainerSpec;
use crate::node_api::{Name, PodPhase, PodReason, PodStatus, QosClass};
use crate::units::{Bytes, SimTime};
use std::sync::Arc;

/// Amounts of the node that a picture or a table of the run needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Node name.
    pub name: Name,
    /// Capacity: MemTotal.
    pub capacity: Bytes,
    /// `status.allocatable`; equal to the capacity without a kubelet, 0 with one that does not start.
    pub allocatable: Bytes,
    /// Why the kubelet did not start, if it did not.
    pub kubelet_not_started: Option<Name>,
    /// Limit of the kubepods cgroup, if there is one.
    pub kubepods_limit: Option<Bytes>,
    /// Hard eviction threshold on `memory.available`.
    pub eviction_hard: Option<Bytes>,
    /// Soft eviction threshold on `memory.available`.
    pub eviction_soft: Option<Bytes>,
    /// Working set of all pods above which the kubelet evicts one; `None`: it does not watch their sum.
    pub pods_evicted_above: Option<Bytes>,
    /// `memory.max` of each pod that has one.
    pub pod_limits: Vec<(Name, Bytes)>,
}

/// How a pod stood at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodOutcome {
    /// `namespace/name`.
    pub pod: Name,
    /// Its class.
    pub qos: QosClass,
    /// Its phase.
    pub phase: PodPhase,
    /// Status reason, if there is one.
    pub reason: Option<PodReason>,
    /// Status message, or empty.
    pub message: Name,
    /// Sum over the containers.
    pub restarts: u32,
    /// What `kubectl get pod` prints in its STATUS column.
    pub status: PodStatus,
    /// `memory.current` at the end.
    pub usage: Bytes,
    /// What in-place resizes have made of it; `None`: it has had none.
    pub resized: Option<Resized>,
}

/// A pod whose containers were given other resources while it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resized {
    /// Its regular containers, with the resources that the API has.
    pub containers: Arc<Vec<ContainerSpec>>,
    /// Why the kubelet does not make the last resize, as its event `ResizeError` and the condition
    /// `PodResizeInProgress` say it.
    pub error: Option<Name>,
}

/// How a process stood at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessOutcome {
    /// Process id.
    pub pid: crate::units::Pid,
    /// Name.
    pub comm: Name,
    /// Whose it is.
    pub owner: super::Owner,
    /// Resident memory.
    pub rss: Bytes,
    /// Virtual size.
    pub virtual_size: Bytes,
}

/// Counts over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Processes killed by the OOM killer.
    pub oom_kills: u64,
    /// Pods evicted.
    pub evictions: u64,
    /// Containers started again.
    pub restarts: u64,
    /// Allocations refused (ENOMEM).
    pub refusals: u64,
    /// Eviction manager passes.
    pub passes: u64,
    /// Blocks and steps allocated by workloads.
    pub allocations: u64,
}

/// What one pass of the eviction manager saw and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassFigures {
    /// When it began.
    pub at: SimTime,
    /// `memory.available`.
    pub memory_available: i64,
    /// `allocatableMemory.available`; `None` when kubepods has no limit.
    pub allocatable_available: Option<i64>,
    /// Pods' figures as the ranking would use them.
    pub pods: Vec<PodFigures>,
    /// Thresholds met, before their grace period.
    pub met: Vec<ThresholdSeen>,
    /// Those of them whose grace period is over: they ask for an eviction.
    pub acting: Vec<ThresholdSeen>,
    /// MemoryPressure as the manager holds it after the pass.
    pub memory_pressure: bool,
    /// Why it evicted a pod, or did not.
    pub verdict: PassVerdict,
}

/// Why a pass of the eviction manager evicted a pod, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassVerdict {
    /// It has no threshold.
    NoThreshold,
    /// No threshold is met.
    NothingMet,
    /// Thresholds are met, none of them for its whole grace period; the first is at this instant.
    GracePeriod {
        /// When the first grace period is over.
        until: SimTime,
    },
    /// Thresholds are met whose figures are no newer than in the last pass, or not known.
    NoNewFigures,
    /// A pod should go, but none may: all are critical.
    NoCandidate,
    /// This pod (`namespace/name`) is evicted.
    Evicts(Name),
}

impl PassFigures {
    /// The pod that was evicted.
    pub fn evicted(&self) -> Option<&Name> {
        match &self.verdict {
            PassVerdict::Evicts(pod) => Some(pod),
            _ => None,
        }
    }
}

/// A pod's figure in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFigures {
    /// `namespace/name`.
    pub pod: Name,
    /// Working set, as last sampled.
    pub working_set: Option<i64>,
    /// When that was.
    pub taken_at: Option<SimTime>,
}

/// The whole outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Scenario name.
    pub scenario: Name,
    /// Seed of the run.
    pub seed: u64,
    /// Same scenario, seed and version: same digest.
    pub digest: Digest,
    /// Why the run ended.
    pub stop: Stop,
    /// When it ended.
    pub ended_at: SimTime,
    /// Events handled by the engine.
    pub events: u64,
    /// Counts.
    pub counts: Counts,
    /// Amounts of the node.
    pub node: NodeFacts,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// Memory over time.
    pub series: Series,
    /// What each pass of the eviction manager saw, if series are kept.
    pub passes: Vec<PassFigures>,
    /// Pods at the end, including those that failed.
    pub pods: Vec<PodOutcome>,
    /// Processes alive at the end.
    pub processes: Vec<ProcessOutcome>,
    /// What the scenario asked for and the model does not cover.
    pub warnings: Vec<String>,
}
