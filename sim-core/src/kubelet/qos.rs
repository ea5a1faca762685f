//! QoS classes and critical pods.

use super::pod::{PodSpec, ResourceList, ResourceRequirements};
use super::profile::KubernetesProfile;
use super::resources::{CPU, MEMORY};
use crate::node_api::QosClass;
use crate::units::Quantity;

/// Priority from which a pod is critical (scheduling.SystemCriticalPriority).
pub const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;
/// Annotation of where a pod comes from: `file`, `http` or `api`.
pub const SOURCE_ANNOTATION: &str = "kubernetes.io/config.source";
/// Annotation of the API's copies of static pods.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

fn given(own: &ResourceRequirements) -> bool {
    !own.requests.is_empty() || !own.limits.is_empty()
}

/// CPU and memory quantities; `None`: absent.
#[derive(Default)]
struct Compute([Option<Quantity>; 2]);

impl Compute {
    /// Adds what is above zero; true when both resources were there.
    fn add(&mut self, list: &ResourceList) -> bool {
        let mut found = 0;
        for (sum, name) in self.0.iter_mut().zip([CPU, MEMORY]) {
            if let Some(quantity) = list.get(name).filter(|q| q.sign() > 0) {
                found += 1;
                match sum {
                    Some(sum) => sum.add(quantity),
                    None => *sum = Some(quantity.clone()),
                }
            }
        }
        found == 2
    }
}

impl QosClass {
    /// The class of a pod (pkg/apis/core/v1/helper/qos ComputePodQOS). Zero quantities count as absent; requests
    /// and limits are compared as sums over all containers and init containers, not one by one. With the
    /// capability `pod_level_resources` and `resources` at pod level, only those count.
    pub fn of(pod: &PodSpec, profile: &KubernetesProfile) -> QosClass {
        let (mut requests, mut limits) = (Compute::default(), Compute::default());
        let mut guaranteed = true;
        match &pod.resources {
            Some(own) if profile.pod_level_resources && (profile.empty_pod_resources_count || given(own)) => {
                requests.add(&own.requests);
                guaranteed = limits.add(&own.limits) || own.limits.is_empty();
            }
            _ => {
                for container in pod.all_containers() {
                    requests.add(&container.resources.requests);
                    guaranteed &= limits.add(&container.resources.limits);
                }
            }
        }
        if requests.0.iter().chain(&limits.0).all(Option::is_none) {
            QosClass::BestEffort
        } else if guaranteed && requests.0 == limits.0 {
            QosClass::Guaranteed
        } else {
            QosClass::Burstable
        }
    }
}

/// True for pods that the kubelet reads from files or a URL.
pub fn is_static(pod: &PodSpec) -> bool {
    pod.annotations.get(SOURCE_ANNOTATION).is_some_and(|source| source != "api")
}

/// True for pods that eviction never kills: static, mirror, or priority of at least 2,000,000,000
/// (pkg/kubelet/types IsCriticalPod).
pub fn is_critical(pod: &PodSpec) -> bool {
    is_static(pod)
        || pod.annotations.contains_key(MIRROR_ANNOTATION)
        || pod.priority.is_some_and(|p| p >= SYSTEM_CRITICAL_PRIORITY)
}

/// True for critical pods of the class `system-node-critical` (pkg/kubelet/types IsNodeCriticalPod).
pub fn is_node_critical(pod: &PodSpec) -> bool {
    is_critical(pod) && pod.priority_class_name == "system-node-critical"
}
