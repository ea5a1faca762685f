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
    /// Working sets of the pod's other containers.
    pub others: Vec<(String, MemoryCurve)>,
    /// MemAvailable of the node.
    pub node_available: MemoryCurve,
    /// Memory of the node that no pod holds.
    pub node_system: MemoryCurve,
    /// Working set of all pods of the node.
    pub all_pods: MemoryCurve,
    /// MemTotal of the node.
    pub node_total: Option<Bytes>,
    /// Allocatable memory of the node.
    pub allocatable: Option<Bytes>,
    /// What the kernel log says; `None`: it was not looked at.
    pub kills: Option<Vec<KernelKill>>,
    /// Events of the pod and the node.
    pub events: Vec<EventFact>,
}

/// A pod as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// `metadata.name`.
    pub name: String,
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
    /// Memory-backed volumes.
    pub tmpfs: Vec<String>,
}

impl PodFacts {
    /// A container by its name.
    pub fn container(&self, name: &str) -> Option<&ContainerFacts> {
        self.containers.iter().find(|container| container.name == name)
    }
}

/// A container as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerFacts {
    /// Name.
    pub name: String,
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
    /// It has a liveness probe.
    pub liveness: bool,
}

/// The end of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Exit code.
    pub exit_code: i32,
    /// Reason.
    pub reason: String,
}

/// Whose limit the kernel enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillScope {
    /// A container's.
    Container,
    /// A pod's.
    Pod,
    /// Some memory cgroup's: the log does not say which.
    Cgroup,
    /// That of all pods.
    Kubepods,
    /// The node ran out of memory.
    Node,
}

/// A kill in the kernel log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
}
