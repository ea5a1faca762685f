//! What followed.

use super::{Who, some_instant};
use oomsim_core::node_api::{Name, NodeConditionType, PodPhase, QosClass, TerminatedReason};
use oomsim_core::record::{Cause, ConditionStatus};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use serde::Serialize;

/// What followed. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AfterFact {
    /// The container's end as Kubernetes reports it.
    Terminated {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// Reason.
        reason: TerminatedReason,
        /// Exit code.
        exit_code: i32,
    },
    /// A restart waits.
    Waits {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How long.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        delay: SimDuration,
    },
    /// A container was started again.
    Restarted {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How many restarts so far.
        restarts: u32,
    },
    /// A container lives on without the process that died.
    LivesOn {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
    },
    /// The pod's phase.
    Phase {
        /// Pod.
        pod: Name,
        /// Phase.
        phase: PodPhase,
        /// The kubelet has evicted it.
        evicted: bool,
    },
    /// A controller made a new pod.
    Recreated {
        /// The new pod.
        pod: Name,
    },
    /// A pod was not admitted.
    Rejected {
        /// Pod.
        pod: Name,
        /// Its class.
        qos: Option<QosClass>,
        /// The message of its status.
        message: Name,
    },
    /// A node condition.
    Condition {
        /// Which.
        condition: NodeConditionType,
        /// Status.
        status: ConditionStatus,
    },
    /// Stopping a container failed.
    StopFailed {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// The container's end, before.
        #[serde(serialize_with = "some_instant")]
        ended_at: Option<SimTime>,
        /// It had not begun yet.
        never_started: bool,
    },
    /// From now on a stop of this container comes too late: a look of the kubelet that began before may still ask for
    /// it.
    StopComesLate {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
    },
    /// Memory came back.
    Freed {
        /// How much of the node's working set.
        bytes: Bytes,
        /// After this time.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        after: SimDuration,
    },
    /// The next thing that has a cause.
    Next {
        /// Its number.
        number: u64,
        /// Its cause.
        cause: Cause,
        /// Who.
        who: Option<Who>,
    },
}
