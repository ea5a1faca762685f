//! Pods: requests, limits, sidecars and volumes.

use crate::facts::{LintInput, found, shown};
use crate::{Finding, Level};
use oomsim_core::kubelet::{
    ContainerSpec, MEMORY, QosClass, container_oom_score_adj, is_critical, ranking_request, scheduling_limits,
    scheduling_requests,
};
use oomsim_core::plan::PodPlan;
use oomsim_core::units::Quantity;

pub(super) fn memory(list: &oomsim_core::kubelet::ResourceList) -> Option<i64> {
    list.get(MEMORY).map(Quantity::value).filter(|bytes| *bytes > 0)
}

pub(super) fn name(pod: &PodPlan) -> String {
    format!("{}/{}", pod.namespace, pod.spec.name)
}

/// Containers that run as long as the pod does: the regular ones and sidecars.
pub(super) fn lasting<'a>(facts: &LintInput<'_>, pod: &'a PodPlan) -> Vec<&'a ContainerSpec> {
    let sidecars = facts.profile().sidecar_containers;
    let init = pod.spec.init_containers.iter().filter(|c| sidecars && c.restarts_always());
    pod.spec.containers.iter().chain(init).collect()
}

/// OOM013.
pub fn limits_exceed_allocatable(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    // With nothing allocatable OOM003 has said what there is to say.
    if !facts.known.memory || facts.allocatable <= 0 {
        return;
    }
    let profile = facts.profile();
    let of = |pod: &PodPlan| {
        let limit = memory(&scheduling_limits(&pod.spec, &profile)).unwrap_or(0);
        limit.saturating_mul(i64::from(pod.replicas))
    };
    let sum = facts.scenario.pods.iter().map(of).fold(0, i64::saturating_add);
    // Where not even the requests fit, OOM020 says so.
    if sum <= facts.allocatable || facts.scenario.requested() > facts.allocatable {
        return;
    }
    let largest = facts.scenario.pods.iter().max_by_key(|pod| of(pod));
    let message = format!(
        "the pods' limits add up to {}, which is {} more than the node has for pods ({}): pods within their limits can be \
         evicted or killed",
        shown(sum),
        shown(sum - facts.allocatable),
        shown(facts.allocatable),
    );
    let help = "lower the limits towards actual use, or accept it and keep requests near actual use, so that the right pod goes";
    let at = largest.and_then(|pod| facts.container_place(pod, ""));
    found(findings, ("OOM013", Level::Note), at, message, help);
}

/// OOM020: more pods than the node takes.
fn too_many_pods(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(kubelet) = facts.kubelet() else { return };
    let (pods, most) = (facts.scenario.pod_count(), kubelet.config.max_pods());
    if pods <= most {
        return;
    }
    let message = format!(
        "there are {pods} pods, and the node takes {most} (maxPods): the kubelet refuses the last ones (OutOfpods)"
    );
    let at = facts.scenario.pods.iter().max_by_key(|pod| pod.replicas).and_then(|pod| facts.container_place(pod, ""));
    found(findings, ("OOM020", Level::Error), at, message, "run fewer of them on this node, or raise maxPods");
}

/// OOM020.
pub fn requests_exceed_allocatable(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    too_many_pods(facts, findings);
    let sum = facts.scenario.requested();
    // With nothing allocatable OOM003 has said what there is to say.
    if !facts.known.memory || facts.allocatable <= 0 || sum <= facts.allocatable {
        return;
    }
    let profile = facts.profile();
    let of = |pod: &&PodPlan| memory(&scheduling_requests(&pod.spec, &profile)).unwrap_or(0);
    let largest = facts.scenario.pods.iter().max_by_key(of);
    let message = format!(
        "the pods request {} in all, which is {} more than the node has for pods ({}): the kubelet refuses the last ones \
         (OutOfmemory)",
        shown(sum),
        shown(sum - facts.allocatable),
        shown(facts.allocatable),
    );
    let help = "request what the pods use, run fewer of them on this node, or reserve less";
    let at = largest.and_then(|pod| facts.container_place(pod, ""));
    found(findings, ("OOM020", Level::Error), at, message, help);
}

/// OOM014.
pub fn no_limit(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let profile = facts.profile();
    for pod in &facts.scenario.pods {
        let own = pod.spec.resources.as_ref().filter(|_| profile.pod_level_resources);
        if own.is_some_and(|own| memory(&own.limits).is_some()) {
            continue;
        }
        for container in lasting(facts, pod) {
            if memory(&container.resources.limits).is_some() {
                continue;
            }
            let message = format!(
                "container {} of pod {} has no memory limit: a leak in it ends only at the limit of all pods or of the \
                 node, where another pod may be killed instead",
                container.name,
                name(pod),
            );
            let at = facts.container_place(pod, &container.name);
            found(findings, ("OOM014", Level::Warning), at, message, "set resources.limits.memory");
        }
    }
}

/// OOM015.
pub fn no_request(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let profile = facts.profile();
    // The kubelet never evicts critical pods, whatever they use.
    for pod in facts.scenario.pods.iter().filter(|pod| !is_critical(&pod.spec)) {
        let own = pod.spec.resources.as_ref().filter(|_| profile.pod_level_resources);
        if own.is_some_and(|own| memory(&own.requests).is_some()) {
            continue;
        }
        let qos = QosClass::of(&pod.spec, &profile);
        // Of containers without a request only sidecars may differ; each look goes over all containers of the pod.
        let mut adjs = [None; 2];
        for (n, container) in lasting(facts, pod).into_iter().enumerate() {
            if memory(&container.resources.requests).is_some() {
                continue;
            }
            let capacity = facts.scenario.node.kernel.mem_total;
            let adj = *adjs[usize::from(n >= pod.spec.containers.len())]
                .get_or_insert_with(|| container_oom_score_adj(&pod.spec, container, capacity, &profile));
            let message = format!(
                "container {} of pod {} requests no memory: any use exceeds its request, so it ranks among the first to be \
                 evicted, and its oom_score_adj is {adj} ({})",
                container.name,
                name(pod),
                qos,
            );
            let at = facts.container_place(pod, &container.name);
            let help = "set resources.requests.memory near what it uses";
            found(findings, ("OOM015", Level::Warning), at, message, help);
        }
    }
}

/// OOM016.
pub fn sidecar_not_counted(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let profile = facts.profile();
    for pod in &facts.scenario.pods {
        let sidecars = pod.spec.init_containers.iter().filter(|c| profile.sidecar_containers && c.restarts_always());
        let sidecars: Vec<_> = sidecars.filter(|c| memory(&c.resources.requests).is_some()).collect();
        let Some(first) = sidecars.first() else { continue };
        let scheduled = memory(&scheduling_requests(&pod.spec, &profile)).unwrap_or(0);
        let ranked = ranking_request(&pod.spec, &profile).value();
        if ranked >= scheduled {
            continue;
        }
        let message = format!(
            "eviction compares what pod {} uses, including its sidecars, with a request of {}, not with the {} it was \
             scheduled with: it can rank among pods that exceed their requests although it does not",
            name(pod),
            shown(ranked),
            shown(scheduled),
        );
        let at = facts.container_place(pod, &first.name);
        let help = format!("raise the request of a regular container by {}", shown(scheduled - ranked));
        found(findings, ("OOM016", Level::Warning), at, message, help);
    }
}

/// OOM017.
pub fn memory_volume_in_limit(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    for pod in &facts.scenario.pods {
        let limits = lasting(facts, pod).into_iter().filter_map(|c| Some((memory(&c.resources.limits)?, c)));
        let Some((limit, container)) = limits.min_by_key(|(limit, _)| *limit) else { continue };
        for volume in &pod.volumes {
            let size = volume.size_limit.map(|size| i64::try_from(size.get()).unwrap_or(i64::MAX));
            if size.is_some_and(|size| size < limit) {
                continue;
            }
            let size = size.map_or_else(|| "without sizeLimit".to_owned(), |size| format!("of up to {}", shown(size)));
            let message = format!(
                "the memory-backed volume {} {size} counts towards the memory limit of the container that writes to it \
                 ({}: {}): a full volume leads to an OOM kill instead of a \"no space left\" error",
                volume.name,
                container.name,
                shown(limit),
            );
            let at = facts.container_place(pod, "");
            let help = "set a sizeLimit, and a memory limit that covers the volume in addition to the program";
            found(findings, ("OOM017", Level::Warning), at, message, help);
        }
    }
}
