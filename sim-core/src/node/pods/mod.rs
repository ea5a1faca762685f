//! The pods of the node and their containers, as the API and the kubelet's workers have them. The part is lent the
//! machine, the container runtime and the kubelet ([`Lent`]): its workers ask them for what a pod needs, and hear what
//! becomes of it.

mod evict;
mod lent;
mod resize;
mod start;
mod stop;
mod table;
mod template;

pub(in crate::node) use lent::Lent;
pub(in crate::node) use table::Pods;
pub(in crate::node) use template::Template;

use crate::engine::StreamName;
use crate::kubelet::ContainerBackoff;
use crate::node_api::{ContainerStatus, Name, PodPhase, PodReason};
use crate::record::DeathCause;
use crate::units::CgroupId;
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
    pub cgroup: Option<CgroupId>,
    pub containers: Vec<Container>,
    /// Why its processes are being stopped, for the record of their deaths.
    pub stop_cause: DeathCause,
    /// What is left of its containers when it is gone.
    pub ended: Option<Ended>,
}

/// What is left of a pod's containers.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Ended {
    pub restarts: u32,
    /// Status of the first that was not running.
    pub status: Option<ContainerStatus>,
}

impl Pod {
    /// Restarts of its containers, and the status of the first that is not running.
    pub fn containers_summary(&self) -> Ended {
        self.ended.unwrap_or_else(|| Ended {
            restarts: self.containers.iter().map(|c| c.restarts).sum(),
            status: self.containers.iter().map(|c| c.status).find(|&status| status != ContainerStatus::Running),
        })
    }
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub(in crate::node) struct Container {
    pub name: Name,
    pub oom_score_adj: i16,
    pub restarts: u32,
    pub backoff: ContainerBackoff,
    pub status: ContainerStatus,
    /// The kubelet knows that it has ended.
    pub terminated: bool,
}
