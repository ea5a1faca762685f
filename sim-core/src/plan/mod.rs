//! The plan of a run: everything that a run needs, nothing that can be wrong.
//!
//! The crate `oomsim-scenario` reads plans from TOML; a program can also build them itself.

use crate::kernel::{CgroupVersion, KernelConfig};
use crate::kubelet::start::{Machine, NotStarted, StartProblem};
use crate::kubelet::{EffectiveKubelet, KubeletConfig, KubernetesProfile, PodSpec, RestartPolicy, Timing};
use crate::node_api::{Name, Signo};
use crate::record::expect::Expectation;
use crate::runtime::{ExitTiming, RuntimeTiming};
use crate::units::{Bytes, SimDuration, SimTime};
use crate::workload::{Behavior, Footprint, TermReaction};
use std::sync::Arc;

/// Everything a run needs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Short name, by default the file's.
    pub name: Name,
    /// What it shows, for people.
    pub description: String,
    /// Default seed; of kinds of nodes in one file, that of the first node of this kind.
    pub seed: u64,
    /// So many nodes like this one, without a common scheduler; node `n` (from 0) draws from `seed + n`.
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

impl Scenario {
    /// Why the kubelet does not start on this node, all reasons in one line; `None`: it starts, or there is none.
    pub fn kubelet_not_started(&self) -> Option<String> {
        self.kubelet.as_ref()?.effective.as_ref().err().map(ToString::to_string)
    }
}

/// The machine.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Node name.
    pub name: Name,
    /// The size that the machine's catalogue states; MemTotal is less.
    pub nominal: Option<Bytes>,
    /// Kernel, memory, sysctls.
    pub kernel: KernelConfig,
    /// Anonymous memory of the operating system's own processes, in system.slice, there from the start.
    pub system_anon: Bytes,
    /// Active page cache of the operating system (counts in the working set, can be reclaimed).
    pub system_active_file: Bytes,
    /// Inactive page cache of the operating system.
    pub system_inactive_file: Bytes,
    /// Locked file memory of the operating system's daemons (never reclaimed).
    pub system_mlocked_file: Bytes,
    /// Commit charge of the operating system's processes beyond what they hold.
    pub system_committed: Bytes,
    /// Memory of a pod's pause process.
    pub pause: Footprint,
    /// The container runtime's delays.
    pub runtime: RuntimeTiming,
    /// How long a dying process takes until its memory is free.
    pub exit: ExitTiming,
}

impl NodePlan {
    /// What a kubelet finds when it starts here.
    pub fn machine(&self) -> Machine {
        let kernel = &self.kernel;
        Machine {
            capacity: Machine::capacity_of(kernel.mem_total),
            hugepages: Bytes::new(kernel.sysctl.nr_hugepages.saturating_mul(2 << 20)),
            swap_total: kernel.swap_total,
            cgroup_v2: kernel.cgroup == CgroupVersion::V2,
            overcommit_memory: kernel.sysctl.overcommit_memory,
            panic_on_oom: kernel.sysctl.panic_on_oom,
        }
    }
}

/// The kubelet.
#[derive(Clone, Debug)]
pub struct KubeletPlan {
    /// KubeletConfiguration.
    pub config: KubeletConfig,
    /// Row of the Kubernetes version.
    pub profile: KubernetesProfile,
    /// What the configuration comes to on this node, or why the kubelet does not start on it.
    pub effective: Result<Arc<EffectiveKubelet>, Arc<NotStarted>>,
    /// Clocks and delays.
    pub timing: Timing,
    /// When the first pass of the eviction manager starts; `None`: drawn from the seed within one period.
    pub first_pass: Option<SimTime>,
}

impl KubeletPlan {
    /// What the configuration comes to, as far as it can be read if the kubelet does not start.
    pub fn readable(&self) -> &EffectiveKubelet {
        match &self.effective {
            Ok(effective) => effective,
            Err(refused) => &refused.readable,
        }
    }

    /// Why the kubelet does not start.
    pub fn start_problems(&self) -> &[StartProblem] {
        self.effective.as_ref().err().map_or(&[], |refused| &refused.problems)
    }
}

/// Who re-creates a pod on this node when it is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Controller {
    /// Nobody.
    #[default]
    None,
    /// A Deployment or ReplicaSet: a new pod with a new name when one fails; it goes through scheduling (the
    /// memory-pressure taint keeps BestEffort pods away).
    Deployment,
    /// A DaemonSet: a new pod on this node, which tolerates memory pressure.
    DaemonSet,
}

/// A pod, perhaps several times.
#[derive(Clone, Debug)]
pub struct PodPlan {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// As the API server would have it, after defaulting.
    pub spec: PodSpec,
    /// `spec.nodeName`: the nodes that it is on; `None`: every node.
    pub node_name: Option<Name>,
    /// When it is bound to this node.
    pub at: SimTime,
    /// Bound at a random instant between `at` and `at + spread`.
    pub at_spread: SimDuration,
    /// Who re-creates it.
    pub controller: Controller,
    /// How long the controller takes.
    pub recreate_after: SimDuration,
    /// Number of such pods; more than one are called NAME-0, NAME-1, …
    pub replicas: u32,
    /// `spec.restartPolicy`: `Always`, `OnFailure` or `Never`.
    pub restart_policy: RestartPolicy,
    /// One entry per container that runs: the regular ones, and init containers with `restartPolicy: Always`.
    pub containers: Vec<ContainerPlan>,
    /// Memory-backed volumes.
    pub volumes: Vec<VolumePlan>,
    /// Instants at which cAdvisor is known to have taken this pod's figures, besides the pod's start; empty: its
    /// clock decides.
    pub housekeeping: Arc<[SimTime]>,
}

/// How long a controller takes to replace a pod, from the pod's end to the binding of its successor: the
/// controller manager's queue, creation, scheduling (an assumption; about a second in an idle cluster).
const RECREATE_AFTER: SimDuration = SimDuration::from_secs(1);

impl Default for PodPlan {
    /// A pod without containers at the beginning of the run, with Kubernetes' defaults.
    fn default() -> Self {
        PodPlan {
            namespace: "default".into(),
            spec: PodSpec { namespace: "default".into(), ..PodSpec::default() },
            node_name: None,
            at: SimTime::ZERO,
            at_spread: SimDuration::ZERO,
            controller: Controller::None,
            recreate_after: RECREATE_AFTER,
            replicas: 1,
            restart_policy: RestartPolicy::Always,
            containers: Vec::new(),
            volumes: Vec::new(),
            housekeeping: Arc::from([]),
        }
    }
}

impl PodPlan {
    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.spec.name)
    }
}

/// A container's processes.
#[derive(Clone, Debug)]
pub struct ContainerPlan {
    /// Container name as in the spec.
    pub name: Name,
    /// The first is PID 1; the others are its children or were started by `kubectl exec`.
    pub processes: Vec<ProcessPlan>,
    /// False: without a PID namespace the first process is one among others, whose death the others survive; the
    /// container ends with its last process.
    pub pid_namespace: bool,
}

/// A process and what it does.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    /// Name as `ps` shows it.
    pub comm: Name,
    /// User id.
    pub uid: u32,
    /// Started this long after its container (or after the run's beginning, on the host).
    pub at: SimDuration,
    /// Host process id; `None`: the next free one.
    pub pid: Option<u32>,
    /// What it does.
    pub behavior: Arc<Behavior>,
    /// What it holds before that.
    pub footprint: Footprint,
    /// Reaction to SIGTERM.
    pub term: TermReaction,
    /// Overrides the container's `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
}

/// Longest `comm` that the kernel keeps (TASK_COMM_LEN − 1, include/linux/sched.h).
const MAX_COMM: usize = 15;

impl ProcessPlan {
    /// The first process of a container. PID 1 of a PID namespace gets no signal that it has no handler for
    /// (kernel/signal.c sig_task_ignored).
    pub fn pid1(name: &Name) -> Self {
        ProcessPlan { term: TermReaction::Ignore, ..ProcessPlan::idle(name) }
    }

    /// A process that does nothing, called like its container or host entry as far as the kernel keeps names.
    pub fn idle(name: &Name) -> Self {
        ProcessPlan {
            comm: kept_comm(name),
            uid: 0,
            at: SimDuration::ZERO,
            pid: None,
            behavior: Arc::new(Behavior::IDLE),
            footprint: Footprint::default(),
            term: TermReaction::Default,
            oom_score_adj: None,
        }
    }
}

/// A process name as the kernel keeps it: the beginning of a longer one.
pub fn kept_comm(name: &Name) -> Name {
    let mut end = name.len().min(MAX_COMM);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].into()
}

/// A memory-backed volume (tmpfs).
#[derive(Clone, Debug)]
pub struct VolumePlan {
    /// Volume name.
    pub name: Name,
    /// `sizeLimit`.
    pub size_limit: Option<Bytes>,
}

/// A process on the node.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// Name in the scenario; `comm` may be another.
    pub name: Name,
    /// The process; its `oom_score_adj` defaults to 0.
    pub process: ProcessPlan,
    /// Cgroup path, such as `/system.slice/ssh.service`.
    pub cgroup: Name,
    /// Name (not comm) of the host process that started it: a child of its session; dies with SIGHUP when that leader dies.
    pub session_of: Option<Name>,
    /// It exits when its peer does, as sshd does when the client is gone.
    pub hangs_up_with: Option<HangUp>,
}

/// The peer of a connection whose end ends a process.
#[derive(Clone, Debug)]
pub struct HangUp {
    /// comm of the peer.
    pub process: Name,
    /// How long it takes until the end of the connection is noticed.
    pub after: SimDuration,
}

/// A change from outside.
#[derive(Clone, Debug)]
pub struct Injection {
    /// When.
    pub at: SimTime,
    /// What.
    pub kind: InjectionKind,
}

/// What can be changed from outside.
#[derive(Clone, Debug)]
pub enum InjectionKind {
    /// Sets a sysctl.
    Sysctl {
        /// Name.
        name: Name,
        /// Value.
        value: u64,
    },
    /// Writes a cgroup's limit.
    CgroupLimit {
        /// Path.
        cgroup: Name,
        /// `memory.max` / `memory.limit_in_bytes`.
        limit: Bytes,
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
    },
    /// A host process or the shell of one calls fork.
    Fork {
        /// comm of the process.
        process: Name,
    },
}
