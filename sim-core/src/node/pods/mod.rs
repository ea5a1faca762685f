//! The pods of the node and their containers: what the kubelet and the runtime know of each.

mod start;
mod stop;
mod table;
mod template;

pub(in crate::node) use start::SpawnContext;
pub(in crate::node) use table::Pods;
pub(in crate::node) use template::Template;

use super::ids::ProcIx;
use crate::engine::StreamName;
use crate::kubelet::ContainerBackoff;
use crate::node_api::{ContainerStatus, ExitStatus, Name, PodPhase, PodReason};
use crate::record::{DeathCause, LimitScope};
use crate::units::{Bytes, CgroupId, Pages, SimTime};
use smallvec::SmallVec;

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
    pub pause: Option<ProcIx>,
    pub containers: Vec<Container>,
    pub limit: Option<Bytes>,
    /// Charges that its processes have due since they were last looked at, in the pass that is being made.
    pub due: Pages,
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
    /// The pod or one of its containers, if the cgroup is theirs.
    pub fn owner_of(&self, cgroup: CgroupId) -> Option<LimitScope> {
        if self.cgroup == Some(cgroup) {
            return Some(LimitScope::Pod(self.name.clone()));
        }
        let container = self.containers.iter().find(|c| c.cgroup == Some(cgroup))?;
        Some(LimitScope::Container { pod: self.name.clone(), container: container.name.clone() })
    }

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
    pub cgroup: Option<CgroupId>,
    pub limit: Option<Bytes>,
    pub oom_score_adj: i16,
    /// Living processes; the first entry is PID 1.
    pub procs: SmallVec<[ProcIx; 4]>,
    pub pid1: Option<ProcIx>,
    pub running: bool,
    /// Counts starts.
    pub run: u32,
    pub restarts: u32,
    /// A memcg OOM killed something in this run.
    pub oom_seen: bool,
    /// How PID 1 ended, once the whole container is gone.
    pub ended: Option<(ExitStatus, SimTime)>,
    pub pid1_status: Option<(ExitStatus, SimTime)>,
    pub backoff: ContainerBackoff,
    pub status: ContainerStatus,
    pub terminated: bool,
}
