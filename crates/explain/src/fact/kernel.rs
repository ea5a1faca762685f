//! What the kernel found when memory ran out.

use super::Who;
use oomsim_core::node_api::Name;
use oomsim_core::units::{Bytes, SimDuration};
use serde::Serialize;

/// What the kernel found when memory ran out. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum KernelFact {
    /// A cgroup's limit was full.
    LimitFull {
        /// Its path.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// Limit.
        limit: Bytes,
        /// Whose page did not fit.
        by: Who,
    },
    /// A cgroup's limit was set below what was charged to it already.
    LimitLowered {
        /// Its path.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// The new limit.
        limit: Bytes,
    },
    /// It is the limit of all pods together.
    LimitOfPods {
        /// It.
        limit: Bytes,
    },
    /// The pod's limit is full before that of its container.
    PauseCounts {
        /// Limit of pod and container.
        limit: Bytes,
        /// Charged to the container.
        container: Bytes,
        /// Charged to the pod outside of the container.
        rest: Bytes,
    },
    /// Page cache that was freed before.
    CacheFreed {
        /// Page cache some time before.
        before: Bytes,
        /// What was left.
        left: Bytes,
        /// Over this time.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        over: SimDuration,
    },
    /// What the full cgroup or node held.
    Contents {
        /// Anonymous memory.
        anon: Bytes,
        /// tmpfs and shared memory.
        shmem: Bytes,
        /// Kernel memory.
        kernel: Bytes,
        /// Page cache that is left.
        file: Bytes,
        /// Swap that is free; `None`: the node has none.
        swap_free: Option<Bytes>,
    },
    /// Memory outside of the limit.
    NodeHad {
        /// Of the node.
        available: Bytes,
    },
    /// The node has no memory left.
    NodeFull {
        /// MemFree.
        free: Bytes,
        /// What the min watermarks keep back.
        kept_back: Bytes,
        /// Whose page did not fit.
        by: Who,
    },
    /// What the kubelet's figure does not contain.
    FigureMisleads {
        /// `memory.available` as the kubelet computes it.
        available: i64,
        /// MemAvailable at the same moment.
        mem_available: Bytes,
        /// MemFree.
        free: Bytes,
        /// Kernel memory, which no process is charged for.
        kernel: Bytes,
        /// The hard threshold.
        threshold: Option<Bytes>,
    },
}
