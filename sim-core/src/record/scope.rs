//! Whose limit the OOM killer enforced.

use crate::node_api::{Name, QosClass};
use std::fmt;

/// Whose limit an out-of-memory kill was for. It is filled in from the node's own objects where the kill happens: where
/// the cgroups are and what they are called (`cgroupRoot`, `cgroupDriver`) does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// None: the node ran out of memory.
    Node,
    /// The cgroup of all pods, whose limit the kubelet enforces (node allocatable).
    Kubepods,
    /// The cgroup of a QoS class (Burstable or BestEffort).
    Qos(QosClass),
    /// A pod's, `namespace/name`.
    Pod(Name),
    /// A container's.
    Container {
        /// `namespace/name` of its pod.
        pod: Name,
        /// Its name.
        container: Name,
    },
    /// Another cgroup of the node.
    Cgroup,
}

impl LimitScope {
    /// Its word in JSON and tables: `node`, `kubepods`, `qos`, `pod`, `container` or `cgroup`.
    pub fn as_str(&self) -> &'static str {
        match self {
            LimitScope::Node => "node",
            LimitScope::Kubepods => "kubepods",
            LimitScope::Qos(_) => "qos",
            LimitScope::Pod(_) => "pod",
            LimitScope::Container { .. } => "container",
            LimitScope::Cgroup => "cgroup",
        }
    }
}

impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
