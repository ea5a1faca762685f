//! The different sums of requests and limits that different parts of Kubernetes use for one pod.

use super::capability::RankRequest;
use super::pod::{ContainerSpec, PodSpec, ResourceList, ResourceRequirements};
use super::profile::KubernetesProfile;
use crate::units::{Format, Quantity};

/// Name of the memory resource.
pub const MEMORY: &str = "memory";
/// Name of the CPU resource.
pub const CPU: &str = "cpu";

/// Resources that may be given at pod level (component-helpers SupportedPodLevelResources).
pub(super) fn pod_level_supported(name: &str, profile: &KubernetesProfile) -> bool {
    name == CPU || name == MEMORY || profile.pod_level_hugepages && name.starts_with("hugepages-")
}

/// Resources at pod level, if they count and there are any (component-helpers IsPodLevelResourcesSet).
pub(super) fn pod_level<'a>(pod: &'a PodSpec, profile: &KubernetesProfile) -> Option<&'a ResourceRequirements> {
    let own = pod.resources.as_ref().filter(|_| profile.pod_level_resources)?;
    own.requests.keys().chain(own.limits.keys()).any(|name| pod_level_supported(name, profile)).then_some(own)
}

fn add_list(sum: &mut ResourceList, list: &ResourceList) {
    for (name, quantity) in list {
        match sum.get_mut(name) {
            Some(value) => value.add(quantity),
            None => {
                sum.insert(name.clone(), quantity.clone());
            }
        }
    }
}

fn max_list(sum: &mut ResourceList, list: &ResourceList) {
    for (name, quantity) in list {
        match sum.get_mut(name) {
            Some(value) if *quantity <= *value => {}
            // Comparing with a number of arbitrary precision makes the real quantity one too.
            Some(value) if value.is_decimal() => *value = quantity.clone().into_decimal(),
            Some(value) => *value = quantity.clone(),
            None => {
                sum.insert(name.clone(), quantity.clone());
            }
        }
    }
}

/// Sum over containers and sidecars, at least what each init container needs together with the sidecars before it
/// (component-helpers/resource/helpers.go AggregateContainerRequests and -Limits). `seen` is called with what the
/// real code hands to its callback: for init containers that is the *running* sum with the sidecars before it where
/// `limits_seen_with_sidecars` says so.
pub(super) fn aggregate(
    pod: &PodSpec,
    profile: &KubernetesProfile,
    of: fn(&ContainerSpec) -> &ResourceList,
    mut seen: impl FnMut(&ResourceList),
) -> ResourceList {
    let mut sum = ResourceList::new();
    for container in pod.containers.iter() {
        seen(of(container));
        add_list(&mut sum, of(container));
    }
    let (mut sidecars, mut init) = (ResourceList::new(), ResourceList::new());
    for container in &pod.init_containers {
        let mut needed = of(container).clone();
        if !profile.limits_seen_with_sidecars {
            seen(&needed);
        }
        if profile.sidecar_containers && container.restarts_always() {
            add_list(&mut sum, &needed);
            add_list(&mut sidecars, &needed);
            needed = sidecars.clone();
        } else {
            add_list(&mut needed, &sidecars);
        }
        if profile.limits_seen_with_sidecars {
            seen(&needed);
        }
        max_list(&mut init, &needed);
    }
    max_list(&mut sum, &init);
    sum
}

/// Requests of all containers, without pod-level resources and overhead.
pub(super) fn container_requests(pod: &PodSpec, profile: &KubernetesProfile) -> ResourceList {
    aggregate(pod, profile, |c| &c.resources.requests, |_| {})
}

/// What the scheduler and the pod's cgroup go by (component-helpers PodRequests): sidecars are summed, pod-level
/// requests replace the sum, overhead is added.
pub fn scheduling_requests(pod: &PodSpec, profile: &KubernetesProfile) -> ResourceList {
    let mut sum = container_requests(pod, profile);
    if profile.pod_level_resources
        && let Some(own) = &pod.resources
    {
        sum.extend(
            own.requests.iter().filter(|(n, _)| pod_level_supported(n, profile)).map(|(n, q)| (n.clone(), q.clone())),
        );
    }
    if let Some(overhead) = &pod.overhead {
        add_list(&mut sum, overhead);
    }
    sum
}

/// Sum of limits (component-helpers PodLimits); overhead is added to limits that are not zero.
pub fn scheduling_limits(pod: &PodSpec, profile: &KubernetesProfile) -> ResourceList {
    limits_with(pod, profile, |_| {})
}

pub(super) fn limits_with(pod: &PodSpec, profile: &KubernetesProfile, seen: impl FnMut(&ResourceList)) -> ResourceList {
    let mut sum = aggregate(pod, profile, |c| &c.resources.limits, seen);
    if profile.pod_level_resources
        && let Some(own) = &pod.resources
    {
        sum.extend(
            own.limits.iter().filter(|(n, _)| pod_level_supported(n, profile)).map(|(n, q)| (n.clone(), q.clone())),
        );
    }
    for (name, overhead) in pod.overhead.iter().flatten() {
        if let Some(limit) = sum.get_mut(name).filter(|l| !l.is_zero()) {
            limit.add(overhead);
        }
    }
    sum
}

/// The memory request that eviction compares usage with (pkg/api/v1/resource GetResourceRequestQuantity). Overhead is
/// added only to a sum that is not zero.
pub fn ranking_request(pod: &PodSpec, profile: &KubernetesProfile) -> Quantity {
    let mut sum = match profile.rank_request {
        RankRequest::ContainersMaxInit => containers_or_init(pod),
        RankRequest::PodRequests => {
            let own = pod_level(pod, profile).map(|own| own.requests.get(MEMORY).cloned());
            let sum = own.unwrap_or_else(|| container_requests(pod, profile).remove(MEMORY));
            sum.unwrap_or_else(|| Quantity::new(0, Format::BinarySI))
        }
    };
    if let Some(overhead) = pod.overhead.as_ref().and_then(|o| o.get(MEMORY))
        && !sum.is_zero()
    {
        sum.add(overhead);
    }
    sum
}

/// The sum of the regular containers' requests, or the largest init container or sidecar if that is more: sidecars are
/// never summed, and pod-level resources do not count.
fn containers_or_init(pod: &PodSpec) -> Quantity {
    let mut sum = Quantity::new(0, Format::BinarySI);
    for container in pod.containers.iter() {
        if let Some(request) = container.resources.requests.get(MEMORY) {
            sum.add(request);
        }
    }
    for container in &pod.init_containers {
        if let Some(request) = container.resources.requests.get(MEMORY)
            && sum < *request
        {
            sum = request.clone();
        }
    }
    sum
}

/// A container's own memory request in bytes, 0 if it has none.
pub fn container_request(container: &ContainerSpec) -> i64 {
    container.resources.requests.get(MEMORY).map_or(0, Quantity::value)
}
