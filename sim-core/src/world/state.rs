//! What the world remembers between events.

use super::agent::Agent;
use super::grow::Growing;
use super::levels::Share;
use super::observe::Recorder;
use super::procs::Procs;
use super::template::Template;
use crate::engine::{StreamFactory, StreamName};
use crate::kernel::{Kernel, MemOp};
use crate::kubelet::ContainerBackoff;
use crate::node_api::{ContainerStatus, ExitStatus, Name, PodPhase, PodReason};
use crate::plan::Scenario;
use crate::record::{DeathCause, Owner};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimTime, VolumeId};
use crate::workload::{Growth, Program, Rhythm, TermReaction};
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Index of a process in [`World::procs`], in the order in which processes began.
pub type ProcIx = u32;
/// Index of a pod in [`World::pods`], in the order in which pods arrived.
pub type PodIx = u32;

/// A container of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    /// The pod.
    pub pod: PodIx,
    /// Index among its containers.
    pub index: u32,
}

/// The whole modelled node in one run. Cloning it forks the run.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) scenario: Arc<Scenario>,
    pub(super) streams: StreamFactory,
    pub(super) now: SimTime,
    pub(super) kernel: Kernel,
    pub(super) procs: Procs,
    /// Processes that ended in the event being handled.
    pub(super) dead: Vec<ProcIx>,
    /// Pods of which nothing is left since the event being handled.
    pub(super) gone: Vec<PodIx>,
    pub(super) growing: Growing,
    /// Processes whose allocation waits for memory to come free, in the order in which they began to wait.
    pub(super) blocked: VecDeque<ProcIx>,
    pub(super) retry_scheduled: bool,
    pub(super) pods: Vec<Pod>,
    /// What pods are made from, by plan.
    pub(super) templates: Arc<[Arc<Template>]>,
    /// Those of which something is on the node, in order.
    pub(super) live: Vec<PodIx>,
    /// How many pods each replica of a plan has had.
    pub(super) generations: BTreeMap<(u32, u32), u32>,
    pub(super) agent: Option<Box<Agent>>,
    pub(super) files: BTreeMap<(CgroupScope, String), VolumeId>,
    /// Living host processes by their index in the scenario.
    pub(super) hosts: BTreeMap<u32, ProcIx>,
    pub(super) kubepods: Option<CgroupId>,
    pub(super) panicked: bool,
    /// Why the kubelet refused to start: the node never takes a pod.
    pub(super) no_kubelet: Option<Name>,
    pub(super) recorder: Recorder,
    /// When the series are sampled next.
    pub(super) next_sample: SimTime,
}

/// Whose files and volumes a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CgroupScope {
    /// A pod's volumes.
    Pod(PodIx),
    /// The node's own.
    Host,
}

/// A process: what the kernel knows by `pid`, and the program that it runs.
#[derive(Clone, Debug)]
pub(super) struct Proc {
    pub pid: Pid,
    /// Where the kernel keeps it.
    pub slot: u32,
    pub comm: Name,
    pub whose: Whose,
    pub cgroup: CgroupId,
    pub program: Option<Box<Program>>,
    pub doing: Doing,
    /// What it adds to the sums of its levels while it grows.
    pub share: Share,
    pub turn: u32,
    pub term: TermReaction,
    pub cause: Option<DeathCause>,
}

/// Whose a process is.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    Container(ContainerRef),
    /// The pause process of a pod.
    Pause(PodIx),
    /// Outside pods, by the name that its scenario gives it.
    Host(Name),
}

impl Proc {
    /// The container it runs in.
    pub fn container(&self) -> Option<ContainerRef> {
        match self.whose {
            Whose::Container(c) => Some(c),
            Whose::Pause(_) | Whose::Host(_) => None,
        }
    }

    pub fn grows_at_random(&self) -> bool {
        matches!(self.doing, Doing::Growing(Growth { rhythm: Rhythm::Jittered { .. }, .. }))
    }

    /// Virtual memory that so many steps of its growth map.
    pub fn mapped_by(&self, steps: u64) -> Bytes {
        let Doing::Growing(growth) = &self.doing else { return Bytes::ZERO };
        let (size, maps) = growth.mapped_by(steps);
        Bytes::new(size.to_pages_ceil().bytes().get().saturating_mul(maps))
    }

    /// Steps of its growth that are due at `until`; random pauses up to there are drawn.
    pub fn due(&mut self, until: SimTime) -> u64 {
        match (&mut self.doing, &mut self.program) {
            (Doing::Growing(growth), Some(program)) => program.due(growth, until),
            (Doing::Growing(growth), None) => growth.due(until),
            _ => 0,
        }
    }
}

/// What a process is doing between events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Doing {
    /// Its program is to be asked what comes next.
    Next,
    /// It sleeps until a `Wake`.
    Asleep,
    /// It grows in closed form.
    Growing(Growth),
    /// An operation is not complete; afterwards the growth goes on, if there is one.
    Blocked { op: MemOp, then: Option<Growth> },
    /// It idles for ever.
    Idle,
    /// It has a deadly signal or has exited.
    Dying,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PodState {
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
pub(super) struct Pod {
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
pub(super) struct Ended {
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
pub(super) struct Container {
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

impl World {
    pub(super) fn container(&self, c: ContainerRef) -> &Container {
        &self.pods[c.pod as usize].containers[c.index as usize]
    }

    pub(super) fn container_mut(&mut self, c: ContainerRef) -> &mut Container {
        &mut self.pods[c.pod as usize].containers[c.index as usize]
    }

    /// Whose a process is, for records.
    pub(super) fn owner(&self, whose: &Whose) -> Owner {
        match whose {
            Whose::Container(c) => {
                Owner::Container { pod: self.pod(c.pod).name.clone(), container: self.container(*c).name.clone() }
            }
            Whose::Pause(pod) => Owner::Container { pod: self.pod(*pod).name.clone(), container: "POD".into() },
            Whose::Host(name) => Owner::Host(name.clone()),
        }
    }

    pub(super) fn pod(&self, pod: PodIx) -> &Pod {
        &self.pods[pod as usize]
    }

    /// Nobody knows the containers' processes that ended in this event any more, nor the containers of pods that went,
    /// except pending events, which look. Of a pod only what its outcome says is kept.
    pub(super) fn forget_dead(&mut self) {
        for p in self.dead.drain(..) {
            self.procs.release(p);
        }
        for pod in self.gone.drain(..) {
            let p = &mut self.pods[pod as usize];
            p.ended = Some(p.containers_summary());
            p.containers = Vec::new();
            p.uid = Name::default();
        }
    }

    /// Nothing of a pod is left on the node.
    pub(super) fn pod_gone(&mut self, pod: PodIx) {
        self.pods[pod as usize].state = PodState::Gone;
        self.gone.push(pod);
        if let Ok(place) = self.live.binary_search(&pod) {
            self.live.remove(place);
        }
        if let Some(agent) = &mut self.agent {
            agent.forget(pod);
        }
    }

    pub(super) fn pod_mut(&mut self, pod: PodIx) -> &mut Pod {
        &mut self.pods[pod as usize]
    }
}
