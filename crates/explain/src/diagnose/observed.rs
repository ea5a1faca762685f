//! What is known about a container: its memory over time, how it ended, and what surrounds it.

use oomsim_core::units::Bytes;
use serde::Serialize;

/// A curve: seconds since its beginning, and a value.
pub type MemoryCurve = Vec<(f64, f64)>;

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The pod.
    pub pod: PodFacts,
    /// The container that is looked at.
    pub container: String,
    /// Its working set in bytes.
    pub working_set: MemoryCurve,
    /// Its anonymous memory.
    pub rss: MemoryCurve,
    /// Its swap.
    pub swap: MemoryCurve,
    /// Reclaims at `memory.high`, or seconds of memory stalls (PSI): a counter.
    pub stalls: MemoryCurve,
    /// Page cache that is charged to it.
    pub cache: MemoryCurve,
    /// How often the kernel killed in it (`container_oom_events_total`): a counter.
    pub oom_events: MemoryCurve,
    /// Working sets of the pod's other containers.
    pub others: Vec<(String, MemoryCurve)>,
    /// Working set of the pod as a whole.
    pub whole_pod: MemoryCurve,
    /// Working sets of other pods of the node.
    pub other_pods: Vec<(String, MemoryCurve)>,
    /// MemAvailable of the node.
    pub node_available: MemoryCurve,
    /// Memory of the node that no pod holds.
    pub node_system: MemoryCurve,
    /// Working set of all pods of the node.
    pub all_pods: MemoryCurve,
    /// Swap in use on the node.
    pub node_swap: MemoryCurve,
    /// MemTotal of the node.
    pub node_total: Option<Bytes>,
    /// Allocatable memory of the node.
    pub allocatable: Option<Bytes>,
    /// What the kernel log says; `None`: it was not looked at.
    pub kills: Option<Vec<KernelKill>>,
    /// Events of the pod and the node; `None`: they were not looked at.
    pub events: Option<Vec<EventFact>>,
}

impl Observed {
    /// The container that is looked at; `None`: its pod is not known.
    pub fn facts(&self) -> Option<&ContainerFacts> {
        self.pod.container(&self.container)
    }

    /// The limit that holds for the container: its own, else that of its pod.
    pub fn limit(&self) -> Option<Bytes> {
        self.facts().and_then(|container| container.limit).or(self.pod.limit)
    }
}

/// A pod as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// `metadata.namespace`; empty: not known.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `spec.nodeName`; empty: not known.
    pub node: String,
    /// `metadata.uid`; empty: not known.
    pub uid: String,
    /// `status.reason`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// Containers.
    pub containers: Vec<ContainerFacts>,
    /// Init containers.
    pub init: Vec<ContainerFacts>,
    /// Limit of the pod as a whole (`spec.resources`).
    pub limit: Option<Bytes>,
}

impl PodFacts {
    /// A container by its name, init containers too.
    pub fn container(&self, name: &str) -> Option<&ContainerFacts> {
        self.containers.iter().chain(&self.init).find(|container| container.name == name)
    }
}

/// A container as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerFacts {
    /// Name.
    pub name: String,
    /// Its spec is known: what is not in it is not set.
    pub spec_known: bool,
    /// Its status is known: whether it was restarted.
    pub status_known: bool,
    /// Memory limit.
    pub limit: Option<Bytes>,
    /// Memory request.
    pub request: Option<Bytes>,
    /// Restarts.
    pub restarts: u32,
    /// It runs now.
    pub running: bool,
    /// How it ended last.
    pub ended: Option<End>,
    /// Values of its environment and arguments of its command.
    pub settings: Vec<String>,
    /// It has a liveness or startup probe.
    pub liveness: bool,
    /// It runs beside the container that the pod is for: a sidecar or an init container.
    pub beside: bool,
    /// Memory-backed volumes that it mounts.
    pub memory_volumes: Vec<String>,
}

/// The end of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// Exit code.
    pub exit_code: i32,
    /// Reason.
    pub reason: String,
    /// Seconds from its start to its end.
    pub lived_s: Option<f64>,
}

impl End {
    /// Kubernetes says that the kernel killed in it.
    pub fn oom_killed(&self) -> bool {
        self.reason == "OOMKilled"
    }
}

/// Whose limit the kernel enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillScope {
    /// Another program killed, not the kernel.
    Program,
    /// A container's.
    Container,
    /// A pod's.
    Pod,
    /// Some memory cgroup's: the log does not say which.
    #[default]
    Cgroup,
    /// That of all pods.
    Kubepods,
    /// The node ran out of memory.
    Node,
}

/// A kill in the kernel log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelKill {
    /// Where memory ran out.
    pub scope: KillScope,
    /// Name of the process.
    pub comm: String,
    /// Its anonymous memory.
    pub anon: Option<Bytes>,
    /// It is a process of the container, but not its first; `None`: not known.
    pub child: Option<bool>,
    /// tmpfs and shared memory in the cgroup that was full.
    pub shmem: Option<Bytes>,
    /// What was charged to the cgroup that was full.
    pub charged: Option<Bytes>,
    /// Of a node that ran out of memory: what processes outside of pods held.
    pub outside_pods: Option<Bytes>,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFact {
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// How often.
    pub count: u32,
    /// It is about the node, not the pod.
    pub of_node: bool,
}
