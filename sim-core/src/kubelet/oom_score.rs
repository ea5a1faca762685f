//! `oom_score_adj` of a pod's containers and of the node's own daemons.

use super::pod::{ContainerSpec, PodSpec};
use super::profile::KubernetesProfile;
use super::qos::is_node_critical;
use super::resources::{self, MEMORY, container_request};
use crate::node_api::QosClass;
use crate::units::{Bytes, Quantity};

/// The pause container. Set by the container runtime's sandbox code; seen in the kernel logs of the sources.
pub const POD_INFRA_OOM_SCORE_ADJ: i16 = -998;
/// Kubelet and kube-proxy (pkg/kubelet/qos/policy.go).
pub const KUBELET_OOM_SCORE_ADJ: i16 = -999;
const BEST_EFFORT: i64 = 1000;

/// The lowest value of a Burstable container: one above what a Guaranteed pod using all memory scores.
pub fn minimum_burstable_adj(profile: &KubernetesProfile) -> i64 {
    1000 + profile.guaranteed_oom_score_adj
}

/// `oom_score_adj` of one container (pkg/kubelet/qos/policy.go GetContainerOOMScoreAdjust). `capacity` is the node's
/// MemTotal. The result can leave −1000…1000 where the real function's does (pod-level requests below the sum of
/// the containers').
pub fn container_oom_score_adj(
    pod: &PodSpec,
    container: &ContainerSpec,
    capacity: Bytes,
    profile: &KubernetesProfile,
) -> i64 {
    if is_node_critical(pod) {
        return profile.guaranteed_oom_score_adj;
    }
    match QosClass::of(pod, profile) {
        QosClass::Guaranteed => return profile.guaranteed_oom_score_adj,
        QosClass::BestEffort => return BEST_EFFORT,
        QosClass::Burstable => {}
    }
    let capacity = i64::try_from(capacity.get()).unwrap_or(i64::MAX).max(1);
    let share = pod_level_share(pod, profile);
    // 64 bit with wrap-around, as in Go.
    let adj_of = |request: i64| 1000 - 1000i64.wrapping_mul(request.wrapping_add(share)) / capacity;
    let mut adj = adj_of(container_request(container));
    if profile.sidecar_oom_score_from_containers && is_sidecar(pod, container) {
        // A sidecar is never more attractive than the least protected regular container.
        let smallest = pod.containers.iter().map(container_request).min().unwrap_or(0);
        adj = adj.min(adj_of(smallest));
    }
    if adj == BEST_EFFORT { adj - 1 } else { adj.max(minimum_burstable_adj(profile)) }
}

/// What each container gets of a pod-level request that is more than the sum of the containers'.
fn pod_level_share(pod: &PodSpec, profile: &KubernetesProfile) -> i64 {
    let own = pod.resources.as_ref().and_then(|r| r.requests.get(MEMORY));
    let Some(own) = own.filter(|q| profile.pod_level_resources && !q.is_zero()) else { return 0 };
    let sum = resources::container_requests(pod, profile).get(MEMORY).map_or(0, Quantity::value);
    own.value().wrapping_sub(sum) / (pod.all_containers().count().max(1) as i64)
}

fn is_sidecar(pod: &PodSpec, container: &ContainerSpec) -> bool {
    pod.init_containers.iter().any(|c| c.name == container.name && c.restarts_always())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// The 123 Mi container of the sources: request defaults to the limit, node memory 2041888 Ki, and the kernel
    /// log shows 939 (1000 − 60, where 60 is 60.6 rounded down).
    #[test]
    fn the_123_mi_container_gets_939() {
        let profile = KubernetesProfile::V1_21;
        let mut container = ContainerSpec::new("c");
        container.resources.limits.insert(MEMORY.into(), "123Mi".parse().unwrap());
        let mut pod = PodSpec { containers: Arc::new(vec![container]), ..PodSpec::default() };
        pod.set_defaults(&profile);
        assert_eq!(container_oom_score_adj(&pod, &pod.containers[0], Bytes::kib(2_041_888), &profile), 939);
    }
}
