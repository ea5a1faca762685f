//! Pods: specification, and what runs in them.

use super::probe::ProbePlan;
use super::process::ProcessPlan;
use crate::kubelet::{ContainerSpec, MEMORY, PodSpec, ResourceList, ResourceRequirements, RestartPolicy};
use crate::node_api::Name;
use crate::units::{Bytes, Quantity, SimDuration, SimTime};
use crate::workload::Behavior;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who re-creates a pod on this node when it is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Controller {
    /// No controller.
    #[default]
    None,
    /// A Deployment or ReplicaSet: a new pod with a new name when one fails; it goes through scheduling (the
    /// memory-pressure taint keeps BestEffort pods away).
    Deployment,
    /// A StatefulSet: as a ReplicaSet, but the new pod has the name of the old one.
    StatefulSet,
    /// A DaemonSet: a new pod on this node, which tolerates memory pressure.
    DaemonSet,
    /// A Job: a new pod when one fails, after a back-off, until the limit of failures is reached.
    Job,
}

/// What raises a pod's memory after an OOM kill, as the VerticalPodAutoscaler does it
/// (autoscaler vertical-pod-autoscaler/pkg/recommender: `--oom-bump-up-ratio`, `--oom-min-bump-up-bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommender {
    /// The new request in percent of what the container had when it was killed.
    pub bump_percent: u32,
    /// It grows by at least this.
    pub least_bump: Bytes,
    /// And becomes at most this (`maxAllowed`).
    pub max_allowed: Option<Bytes>,
    /// From the kill to the new amounts.
    pub after: SimDuration,
}

impl Default for Recommender {
    /// The flags' defaults: 1.2, 100 MiB, an interval of a minute.
    fn default() -> Self {
        let (bump_percent, least_bump) = (120, Bytes::mib(100));
        Recommender { bump_percent, least_bump, max_allowed: None, after: SimDuration::from_secs(60) }
    }
}

/// A pod, perhaps several times.
#[derive(Clone, Debug, PartialEq)]
pub struct PodPlan {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.labels`, by which settings and targets choose pods.
    pub labels: Arc<BTreeMap<String, String>>,
    /// As the API server would have it, after defaulting.
    pub spec: PodSpec,
    /// `spec.nodeName`: the nodes that it is on; `None`: every node.
    pub node_name: Option<Name>,
    /// When it is bound to this node.
    pub at: SimTime,
    /// Bound at a random instant between `at` and `at + spread`.
    pub at_spread: SimDuration,
    /// It runs already when the scenario begins.
    pub earlier: Option<Earlier>,
    /// The kubelet has taken it before, so that neither its request nor the node's pressure is looked at.
    pub admitted: bool,
    /// Who re-creates it.
    pub controller: Controller,
    /// How long the controller takes.
    pub recreate_after: SimDuration,
    /// How many of a Job's pods may fail before it makes no more (`spec.backoffLimit`).
    pub backoff_limit: u32,
    /// Number of such pods; more than one are called NAME-0, NAME-1, …
    pub replicas: u32,
    /// `spec.restartPolicy`: `Always`, `OnFailure` or `Never`.
    pub restart_policy: RestartPolicy,
    /// One entry per container: the regular ones and the init containers, whose order is that of the specification.
    pub containers: Vec<ContainerPlan>,
    /// What raises its memory after an OOM kill.
    pub recommender: Option<Recommender>,
    /// Memory-backed volumes.
    pub volumes: Vec<VolumePlan>,
    /// Times at which cAdvisor is known to have measured this pod, in addition to the pod's start; empty: its
    /// clock decides.
    pub housekeeping: Arc<[SimTime]>,
    /// The random parts of this pod's waits for a restart in their order, in thousandths of the largest, as far as they
    /// are known; then they are drawn.
    pub restart_jitter_permille: Arc<[u16]>,
}

/// What is known of a pod that was started before the scenario begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// For how long it has been running.
    pub age: SimDuration,
    /// `restartCount` of those of its containers that were restarted.
    pub restarts: BTreeMap<Name, u32>,
}

/// How long a controller takes to replace a pod, from the pod's end to the binding of its successor: the
/// controller manager's queue, creation, scheduling (an assumption; about a second in an idle cluster).
const RECREATE_AFTER: SimDuration = SimDuration::from_secs(1);

impl Default for PodPlan {
    /// A pod without containers at the beginning of the run, with Kubernetes' defaults.
    fn default() -> Self {
        PodPlan {
            namespace: "default".into(),
            labels: Arc::default(),
            spec: PodSpec { namespace: "default".into(), ..PodSpec::default() },
            node_name: None,
            at: SimTime::ZERO,
            at_spread: SimDuration::ZERO,
            earlier: None,
            admitted: false,
            controller: Controller::None,
            recreate_after: RECREATE_AFTER,
            backoff_limit: PodPlan::DEFAULT_BACKOFF_LIMIT,
            replicas: 1,
            restart_policy: RestartPolicy::Always,
            containers: Vec::new(),
            recommender: None,
            volumes: Vec::new(),
            housekeeping: Arc::from([]),
            restart_jitter_permille: Arc::from([]),
        }
    }
}

impl PodPlan {
    /// `backoffLimit` of a Job that gives none (batch/v1 defaults).
    pub const DEFAULT_BACKOFF_LIMIT: u32 = 6;

    /// A pod of this name without containers.
    pub fn new(name: &str) -> Self {
        let mut plan = PodPlan::default();
        plan.spec.name = name.into();
        plan
    }

    /// With one more container that has a memory limit, which is its request too, and does this as PID 1.
    #[must_use]
    pub fn with_container(mut self, name: &str, limit: Option<Bytes>, behavior: Behavior) -> Self {
        let amounts = limit.map(|limit| {
            ResourceList::from([(MEMORY.to_owned(), Quantity::bytes(i64::try_from(limit.get()).unwrap_or(i64::MAX)))])
        });
        let amounts = amounts.unwrap_or_default();
        let resources = ResourceRequirements { requests: amounts.clone(), limits: amounts };
        Arc::make_mut(&mut self.spec.containers).push(ContainerSpec { resources, ..ContainerSpec::new(name) });
        let process = ProcessPlan { behavior: Arc::new(behavior), ..ProcessPlan::pid1(&name.into()) };
        self.containers.push(ContainerPlan {
            name: name.into(),
            processes: vec![process],
            pid_namespace: true,
            pre_stop: None,
            probes: Vec::new(),
            restarts_on_resize: false,
        });
        self
    }

    /// Whether a container of it has a probe.
    pub fn has_probes(&self) -> bool {
        self.containers.iter().any(|container| !container.probes.is_empty())
    }

    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.spec.name)
    }
}

/// A container's processes.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerPlan {
    /// Container name as in the spec.
    pub name: Name,
    /// The first is PID 1; the others are its children or were started by `kubectl exec`.
    pub processes: Vec<ProcessPlan>,
    /// False: without a PID namespace the first process is one among others, whose death the others survive; the
    /// container ends with its last process.
    pub pid_namespace: bool,
    /// Its preStop hook.
    pub pre_stop: Option<PreStop>,
    /// Its probes.
    pub probes: Vec<ProbePlan>,
    /// `resizePolicy` of memory is `RestartContainer`: a resize starts it anew instead of writing its cgroup.
    pub restarts_on_resize: bool,
}

/// A preStop hook, which comes before SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreStop {
    /// The kubelet waits (`sleep`). Nothing is said of a wait that is cut short.
    Sleep(SimDuration),
    /// A command in the container (`exec`), which ends with the container at the latest.
    Exec {
        /// How long it takes.
        takes: SimDuration,
        /// Its exit code.
        code: u8,
    },
}

impl PreStop {
    /// How long it takes if it has the time.
    pub fn takes(self) -> SimDuration {
        match self {
            PreStop::Sleep(takes) | PreStop::Exec { takes, .. } => takes,
        }
    }
}

/// A memory-backed volume (tmpfs).
#[derive(Clone, Debug, PartialEq)]
pub struct VolumePlan {
    /// Volume name.
    pub name: Name,
    /// `sizeLimit`.
    pub size_limit: Option<Bytes>,
}
