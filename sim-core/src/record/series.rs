//! Memory over time, sampled at fixed intervals and around everything that happens.

use crate::node_api::Name;
use crate::units::{Bytes, Pid, SimDuration, SimTime};

/// A pod at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodSample {
    /// Index into [`Series::pods`].
    pub pod: u32,
    /// Charged memory of the pod's cgroup.
    pub usage: Bytes,
    /// Usage without inactive file cache.
    pub working_set: Bytes,
}

/// A process at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessSample {
    /// Which.
    pub pid: Pid,
    /// Resident memory.
    pub rss: Bytes,
}

/// The node at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sample {
    /// When.
    pub at: SimTime,
    /// `memory.available` as the kubelet would compute it now; negative when the working set exceeds capacity.
    pub available: i64,
    /// Working set of the node.
    pub working_set: Bytes,
    /// MemAvailable.
    pub mem_available: Bytes,
    /// MemFree.
    pub mem_free: Bytes,
    /// Swap in use.
    pub swap_used: Bytes,
    /// Committed_AS.
    pub committed_as: Bytes,
    /// Charged memory of kubepods.
    pub kubepods_usage: Bytes,
    /// Working set of kubepods.
    pub kubepods_working_set: Bytes,
    /// For how long anything on the node has waited for memory since the run began (`some total` of
    /// `/proc/pressure/memory`).
    pub waited: SimDuration,
    /// Pods that have a cgroup, in order of [`PodSample::pod`].
    pub pods: Vec<PodSample>,
    /// Processes that are watched ([`Simulation::watch`](crate::Simulation::watch)) and alive.
    pub processes: Vec<ProcessSample>,
}

/// All samples of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Series {
    /// `namespace/name` of every pod that appears, where records are kept.
    pub pods: Vec<Name>,
    /// In order of time.
    pub samples: Vec<Sample>,
}
