//! What programs did, and what became of their requests.

use super::{Who, instant};
use oomsim_core::node_api::{Name, RefusedCall};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use serde::Serialize;

/// What programs did, and what became of their requests. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum ProgramFact {
    /// Something grew.
    Grew {
        /// Who.
        who: Who,
        /// From this much.
        from: Bytes,
        /// To this much.
        to: Bytes,
        /// In this time.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        over: SimDuration,
    },
    /// Nothing that died had grown.
    Innocent {
        /// Who died.
        who: Who,
        /// Who grew.
        grower: Who,
        /// By this much.
        by: Bytes,
    },
    /// Memory was refused.
    Refused {
        /// By which call.
        call: RefusedCall,
        /// How much.
        requested: Bytes,
        /// `vm.overcommit_memory`.
        mode: u8,
        /// Committed_AS.
        committed_as: Bytes,
        /// CommitLimit.
        commit_limit: Bytes,
        /// RAM.
        ram: Bytes,
        /// Swap.
        swap: Bytes,
        /// MemFree at that moment.
        free: Option<Bytes>,
    },
    /// A runtime refused memory.
    RuntimeRefused {
        /// Which.
        runtime: &'static str,
        /// Its heap.
        heap: Bytes,
        /// Its limit.
        limit: Bytes,
        /// Asked for.
        requested: Bytes,
        /// Limit of the container.
        container_limit: Option<Bytes>,
    },
    /// The kernel was not asked.
    KernelUninvolved {
        /// Resident memory of the process then.
        rss: Option<Bytes>,
        /// Limit of its container.
        limit: Option<Bytes>,
    },
    /// A process ended.
    Ended {
        /// Which.
        who: Who,
        /// How (`exited with code 1`, `killed by SIGSEGV`).
        how: String,
    },
    /// Something outside of the run's models did it.
    ByScenario,
    /// The message of a panic or of a kubelet that does not start.
    Message {
        /// It.
        text: Name,
    },
    /// Processes spend much of their time waiting for memory.
    WaitsForMemory {
        /// Whose they are.
        who: Who,
        /// When they began to wait.
        #[serde(serialize_with = "instant")]
        since: SimTime,
        /// `some avg10` of `memory.pressure`, hundredths of a percent.
        some_avg10: u32,
        /// Charged to their cgroup.
        usage: Bytes,
        /// Its limit, if there is one.
        limit: Option<Bytes>,
    },
    /// A process waits at a full limit for memory.
    Stalled {
        /// Who.
        who: Who,
        /// Since when nothing grew.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// Limit.
        limit: Bytes,
    },
}
