//! Which pods a node under pressure still takes.

use super::manager::NodeConditions;
use crate::kubelet::pod::PodSpec;
use crate::kubelet::profile::KubernetesProfile;
use crate::kubelet::qos::is_critical;
use crate::node_api::PodReason;
use crate::node_api::QosClass;

/// Key of the taint that goes with MemoryPressure.
pub const TAINT_MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";

/// A pod that is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Reason of pod status and event.
    pub reason: PodReason,
    /// Message of the event; the pod's status says "Pod was rejected: " before it.
    pub message: String,
}

/// Whether a pod is admitted under these conditions (eviction/eviction_manager.go Admit).
///
/// # Errors
/// The rejection with its words.
pub fn admit(pod: &PodSpec, conditions: NodeConditions, profile: &KubernetesProfile) -> Result<(), Rejection> {
    if conditions == NodeConditions::NONE || is_critical(pod) {
        return Ok(());
    }
    if conditions.is_memory_pressure_only() {
        let tolerated = || pod.tolerations.iter().any(|t| t.tolerates(TAINT_MEMORY_PRESSURE, "", "NoSchedule"));
        if QosClass::of(pod, profile) != QosClass::BestEffort || tolerated() {
            return Ok(());
        }
    }
    Err(Rejection { reason: PodReason::Evicted, message: format!("The node had condition: [{conditions}]. ") })
}
