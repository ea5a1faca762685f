//! The pods of the node and their containers, as the API and the kubelet's workers have them. The part is lent the
//! machine, the container runtime and the kubelet ([`Lent`]): its workers ask them for what a pod needs, and hear what
//! becomes of it.

mod evict;
mod lent;
mod preempt;
mod probe;
mod recommend;
mod resize;
mod start;
mod stop;
mod table;
mod template;
mod unreachable;
mod workloads;

pub(in crate::node) use lent::Lent;
use resize::PendingResize;
pub(in crate::node) use table::Pods;
pub(in crate::node) use template::{Role, Template};
pub(in crate::node) use unreachable::LEASE;

use crate::engine::StreamName;
use crate::kubelet::ContainerBackoff;
use crate::node_api::{ContainerStatus, Name, PodPhase, PodReason, PodStatus};
use crate::record::DeathCause;
use crate::units::{CgroupId, SimTime};
use std::sync::Arc;

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum PodState {
    /// The sandbox is being set up.
    Creating,
    /// It runs.
    Active,
    /// Its containers are being stopped.
    Terminating,
    /// All containers are gone; cgroups and volumes are still there.
    Stopped,
    /// Nothing is left on the node.
    Gone,
}

/// A pod object on this node.
#[derive(Clone, Debug)]
pub(in crate::node) struct Pod {
    /// `namespace/name`.
    pub name: Name,
    pub plan: u32,
    pub template: Arc<Template>,
    pub replica: u32,
    /// Unique id.
    pub uid: Name,
    /// Where the names of its random streams begin: namespace, name and a slash.
    pub stream: StreamName,
    pub state: PodState,
    pub phase: PodPhase,
    pub reason: Option<PodReason>,
    pub message: Name,
    /// The message of its eviction, while its containers are being stopped.
    pub evicted: Option<Name>,
    pub cgroup: Option<CgroupId>,
    pub containers: Vec<Container>,
    /// Why its processes are being stopped, for the record of their deaths.
    pub stop_cause: DeathCause,
    /// What is going on with it.
    pub course: Course,
    /// How many of its init containers have done their work, sidecars that have started among them.
    pub initialized: u32,
    /// What is left of its containers when it is gone.
    pub ended: Option<Ended>,
    /// It was deleted, and its controller makes a new one when it is gone.
    pub replaced_when_gone: bool,
    /// It has been deleted: when it is gone, the API has it no longer.
    pub deleted: bool,
}

/// What is going on with a pod, and how often it was.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Course {
    /// Its containers have ended for good, and this will be its phase.
    pub finishing: Option<PodPhase>,
    /// How often one of its containers had to wait for a restart.
    pub waits: u32,
    /// When its containers' preStop hooks began, if they had time to.
    pub hooks_began: Option<SimTime>,
    /// The grace period in seconds with which it is being stopped.
    pub grace_seconds: Option<i64>,
    /// A resize that the kubelet has not made yet.
    pub resize: Option<Box<PendingResize>>,
    /// How often its resources were changed.
    pub resizes: u32,
}

/// What is left of a pod's containers.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Ended {
    pub restarts: u32,
    /// What the first that was not running says of the pod.
    pub status: Option<PodStatus>,
}

impl Pod {
    /// Restarts of its containers, and what the first that is not running says of the pod. `init` are the init
    /// containers by their place.
    pub fn containers_summary(&self, init: &[u32]) -> Ended {
        self.ended.unwrap_or_else(|| Ended {
            restarts: self.containers.iter().map(|c| c.restarts).sum(),
            status: self.container_status(init),
        })
    }

    fn container_status(&self, init: &[u32]) -> Option<PodStatus> {
        let due = init.get(self.initialized as usize).and_then(|&index| self.containers.get(index as usize));
        if let Some(due) = due {
            return Some(PodStatus::Init { status: due.status, done: self.initialized, of: init.len() as u32 });
        }
        // Init containers have ended: that says nothing any more.
        let mut shown = self.containers.iter().filter(|c| c.role != Role::Init);
        shown.find(|c| c.status != ContainerStatus::Running).map(|c| PodStatus::Container(c.status))
    }
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub(in crate::node) struct Container {
    pub role: Role,
    pub name: Name,
    pub oom_score_adj: i16,
    pub restarts: u32,
    pub backoff: ContainerBackoff,
    pub status: ContainerStatus,
    /// The kubelet knows that it has ended.
    pub terminated: bool,
}
