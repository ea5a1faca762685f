//! The plan of a run: everything that a run needs, nothing that can be wrong.
//!
//! The crate `oomsim-scenario` reads plans from TOML and writes them. A program can also build one itself:
//!
//! ```
//! use oomsim_core::kubelet::{KubeletConfig, KubernetesProfile};
//! use oomsim_core::plan::{KubeletPlan, NodePlan, PodPlan, Scenario};
//! use oomsim_core::units::{Bytes, SimDuration};
//! use oomsim_core::workload::{Behavior, Ramp, Then};
//!
//! let leak = Behavior::Ramp(Ramp { from: Bytes::ZERO, rate: Bytes::mib(50), to: None, then: Then::Hold });
//! let mut scenario = Scenario::new("leak", NodePlan::new(Bytes::gib(4)));
//! let (config, version) = (KubeletConfig::default(), KubernetesProfile::default());
//! scenario.kubelet = Some(KubeletPlan::new(config, version, &scenario.node));
//! scenario.pods.push(PodPlan::new("web").with_container("app", Some(Bytes::gib(1)), leak));
//! scenario.duration = SimDuration::from_secs(60);
//! ```

mod killer;
mod node;
mod pod;
mod probe;
mod process;

pub use killer::{Earlyoom, SystemdOomd, TalosOom, UserspaceKiller};
pub use node::{KubeletPlan, NodePlan};
pub use pod::{ContainerPlan, Controller, Earlier, PodPlan, PreStop, Recommender, VolumePlan};
pub use probe::{ProbeHandler, ProbeKind, ProbePlan};
pub use process::{HangUp, HostPlan, ProcessPlan, kept_comm};

use crate::kubelet::{KubernetesProfile, MEMORY, ResourceRequirements, scheduling_requests};
use crate::node_api::{CgroupWrite, Name, Signo};
use crate::record::expect::Expectation;
use crate::units::{Bytes, Quantity, SimDuration, SimTime};
use crate::workload::Behavior;
use std::sync::Arc;

/// Everything a run needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Short name, by default the file's.
    pub name: Name,
    /// What it shows, for people.
    pub description: String,
    /// Default seed; of kinds of nodes in one file, that of the first node of this kind.
    pub seed: u64,
    /// Number of nodes like this one, without a common scheduler; node `n` (from 0) uses the seed `seed + n`.
    pub nodes: u32,
    /// The run ends here at the latest.
    pub duration: SimDuration,
    /// Interval of the series.
    pub sample_every: SimDuration,
    /// The machine.
    pub node: NodePlan,
    /// KubeletConfiguration's memory-related fields; `None`: no kubelet runs (a plain Linux machine).
    pub kubelet: Option<KubeletPlan>,
    /// Pods in the order of their creation.
    pub pods: Vec<PodPlan>,
    /// Processes on the node itself.
    pub hosts: Vec<HostPlan>,
    /// Changes from outside during the run, in order of time.
    pub injections: Vec<Injection>,
    /// What must or must not happen.
    pub expectations: Vec<Expectation>,
    /// What was asked for and the model does not cover, one line each; the run's history carries them on.
    pub warnings: Vec<String>,
}

/// How long a run lasts when nothing else is said.
const DURATION: SimDuration = SimDuration::from_secs(600);
/// Interval of the series when nothing else is said.
const SAMPLE_EVERY: SimDuration = SimDuration::from_secs(1);

impl Scenario {
    /// Ten minutes of this node without a kubelet and without pods, sampled once a second.
    pub fn new(name: &str, node: NodePlan) -> Self {
        Scenario {
            name: name.into(),
            description: String::new(),
            seed: 1,
            nodes: 1,
            duration: DURATION,
            sample_every: SAMPLE_EVERY,
            node,
            kubelet: None,
            pods: Vec::new(),
            hosts: Vec::new(),
            injections: Vec::new(),
            expectations: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Why the kubelet does not start on this node, all reasons in one line; `None`: it starts, or there is none.
    pub fn kubelet_not_started(&self) -> Option<String> {
        self.kubelet.as_ref()?.effective.as_ref().err().map(ToString::to_string)
    }

    /// Memory that all pods request together, bytes, by the rules of the kubelet's release.
    pub fn requested(&self) -> i64 {
        let profile = self.kubelet.as_ref().map_or_else(KubernetesProfile::default, |kubelet| kubelet.profile);
        let of = |pod: &PodPlan| {
            let request = scheduling_requests(&pod.spec, &profile).get(MEMORY).map_or(0, Quantity::value);
            request.saturating_mul(i64::from(pod.replicas))
        };
        self.pods.iter().map(of).fold(0, i64::saturating_add)
    }

    /// How often a container of a pod was restarted before the scenario begins.
    pub fn restarts_before(&self, pod: u32, container: &Name) -> u32 {
        let earlier = self.pods.get(pod as usize).and_then(|pod| pod.earlier.as_ref());
        earlier.and_then(|earlier| earlier.restarts.get(container)).copied().unwrap_or(0)
    }

    /// How many pods it brings to the node.
    pub fn pod_count(&self) -> i64 {
        self.pods.iter().map(|pod| i64::from(pod.replicas)).sum()
    }

    /// Why the pods do not fit on the node together, if they do not: the kubelet refuses the last of them.
    pub fn pods_do_not_fit(&self) -> Option<String> {
        let kubelet = self.kubelet.as_ref()?;
        let allocatable = kubelet.effective.as_ref().ok()?.allocatable;
        let (pods, most) = (self.pod_count(), kubelet.config.max_pods());
        if pods > most {
            return Some(format!("they are {pods}, and the node takes {most} (maxPods)"));
        }
        let requested = Bytes::new(u64::try_from(self.requested()).unwrap_or(0));
        (requested > allocatable).then(|| format!("they request {requested}, and {allocatable} are allocatable"))
    }
}

/// A change from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// Time of the change.
    pub at: SimTime,
    /// What.
    pub change: Change,
}

/// What can be changed from outside: by `[[at]]` in a scenario, or by a program
/// ([`Simulation::apply`](crate::Simulation::apply)).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Sets a sysctl.
    Sysctl {
        /// Name, such as `vm.overcommit_memory`.
        name: Name,
        /// New value.
        value: u64,
    },
    /// Writes a cgroup's files.
    Cgroup {
        /// Path.
        cgroup: Name,
        /// What is written.
        write: CgroupWrite,
    },
    /// Writes the files of a pod's cgroup, or of one of its containers'.
    PodCgroup {
        /// `namespace/name`.
        pod: Name,
        /// Name of the container; `None`: the pod's own cgroup.
        container: Option<Name>,
        /// What is written.
        write: CgroupWrite,
    },
    /// Sends a signal to the first process of a pod's container.
    PodSignal {
        /// `namespace/name`.
        pod: Name,
        /// Name of the container; `None`: the first that runs.
        container: Option<Name>,
        /// Signal.
        signal: Signo,
    },
    /// A workload has this many pods from now on (`kubectl scale`).
    Scale {
        /// `namespace/name` of the pod in the plan.
        workload: Name,
        /// How many.
        replicas: u32,
    },
    /// All pods of a workload are replaced, one after the other (`kubectl rollout restart`).
    Roll {
        /// `namespace/name` of the pod in the plan.
        workload: Name,
        /// From one to the next.
        every: SimDuration,
    },
    /// Sends a signal to the first living process of that name.
    Signal {
        /// comm of the process.
        process: Name,
        /// Signal.
        signal: Signo,
    },
    /// Deletes a pod (`kubectl delete pod`).
    DeletePod {
        /// `namespace/name`.
        pod: Name,
        /// In seconds, instead of the pod's own grace period (`--grace-period`).
        grace_seconds: Option<u32>,
    },
    /// A host process or the shell of one calls fork.
    Fork {
        /// comm of the process.
        process: Name,
    },
    /// The kubelet restarts with these settings. Its cgroups stay where they are; what it knew of pods, thresholds and
    /// back-offs is gone, and its clocks begin again.
    RestartKubelet(Arc<KubeletPlan>),
    /// The kubelet's process ends.
    StopKubelet,
    /// The kubelet's process starts again, with the settings that it had.
    StartKubelet,
    /// Requests and limits of a running container become these, in place (`kubectl patch --subresource resize`).
    PodResources {
        /// `namespace/name`.
        pod: Name,
        /// Name of the container.
        container: Name,
        /// The new requests and limits.
        resources: ResourceRequirements,
    },
    /// The first living process of that name does something else from now on, with the memory that it has.
    Workload {
        /// comm of the process.
        process: Name,
        /// What it does.
        behavior: Arc<Behavior>,
    },
    /// What a clock of the kubelet does next happens later, as on a node without processor time to spare.
    Delay {
        /// Which clock.
        clock: Clock,
        /// How much later.
        by: SimDuration,
    },
}

/// A clock of the kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The eviction manager's passes.
    EvictionManager,
    /// Reports of the node's status.
    NodeStatus,
    /// cAdvisor's figures of this pod (`namespace/name`).
    Housekeeping(Name),
}

impl Change {
    /// Writes a cgroup's limit (`memory.max`, `memory.limit_in_bytes`); [`Bytes::MAX`] takes it away.
    pub fn cgroup_limit(cgroup: impl Into<Name>, limit: Bytes) -> Self {
        Change::Cgroup { cgroup: cgroup.into(), write: CgroupWrite { max: Some(limit), ..CgroupWrite::default() } }
    }
}
