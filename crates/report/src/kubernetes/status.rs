//! How the containers of a pod stand, as its status shows it.

use super::stamp;
use crate::pods::{Container, Pod, Terminated};
use oomsim_core::kubelet::{ContainerSpec, KubernetesProfile};
use oomsim_core::node_api::TerminatedReason;
use oomsim_core::plan::PodPlan;
use oomsim_core::record::Resized;
use oomsim_core::record::view::START_ERROR;
use serde_json::{Value, json};

/// Adds `containerStatuses`, and `initContainerStatuses` where there are any.
pub fn add_containers(state: &mut Value, plan: Option<&PodPlan>, pod: &Pod) {
    let (init, own) = plan.map_or((&[][..], &[][..]), |plan| (&plan.spec.init_containers, &plan.spec.containers));
    // What the kubelet says of a container that has not begun (kubelet_pods.go convertToAPIContainerStatuses).
    let not_begun = if init.is_empty() { "ContainerCreating" } else { "PodInitializing" };
    let of = |specs: &[ContainerSpec]| {
        let status = |spec: &ContainerSpec| status(&spec.name, pod.containers.get(&spec.name), not_begun);
        specs.iter().map(status).collect::<Vec<Value>>()
    };
    state["containerStatuses"] = of(own).into();
    if init.is_empty() {
        return;
    }
    let mut statuses = of(init);
    for (status, spec) in statuses.iter_mut().zip(init) {
        // One that has done its work is ready; a sidecar is while it runs.
        if !spec.restarts_always() {
            status["ready"] = (status["state"]["terminated"]["exitCode"] == 0).into();
        }
    }
    state["initContainerStatuses"] = statuses.into();
}

/// The conditions that the kubelet adds when a pod is evicted or a resize cannot be made (KEP-3329, KEP-1287; both as
/// stories of a node with 1.36.2 have them).
pub fn conditions(pod: &Pod, resized: Option<&Resized>, profile: Option<&KubernetesProfile>) -> Vec<Value> {
    let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message });
    let evicted = pod.evicted.as_ref().filter(|_| profile.is_some_and(|profile| profile.disruption_target));
    let error = resized.and_then(|resized| resized.error.as_ref());
    let evicted = evicted.map(|message| condition("DisruptionTarget", "TerminationByKubelet", message));
    evicted.into_iter().chain(error.map(|error| condition("PodResizeInProgress", "Error", error))).collect()
}

fn status(name: &str, container: Option<&Container>, not_begun: &str) -> Value {
    let mut status = json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0 });
    let waiting = |reason: &str| json!({ "waiting": { "reason": reason } });
    let Some(container) = container else {
        status["state"] = waiting(not_begun);
        return status;
    };
    status["restartCount"] = container.restarts.into();
    status["ready"] = container.running.is_some().into();
    let last = container.last.as_ref().map(terminated);
    let could_not_start = container.last.is_some_and(|last| last.reason == TerminatedReason::StartError);
    let or_none = |end: Option<Value>| end.unwrap_or_else(|| json!({}));
    match (container.running, last) {
        (Some(since), last) => {
            status["state"] = json!({ "running": { "startedAt": stamp(since) } });
            status["lastState"] = or_none(last);
        }
        (None, last) if container.backs_off => {
            status["state"] = waiting("CrashLoopBackOff");
            status["lastState"] = or_none(last);
        }
        (None, last) if could_not_start => {
            status["state"] = json!({ "waiting": { "reason": "RunContainerError", "message": START_ERROR } });
            status["lastState"] = or_none(last);
        }
        (None, Some(last)) => {
            status["state"] = last;
            if let Some(earlier) = &container.earlier {
                status["lastState"] = terminated(earlier);
            }
        }
        (None, None) => status["state"] = waiting(not_begun),
    }
    status
}

fn terminated(end: &Terminated) -> Value {
    json!({ "terminated": {
        "reason": end.reason.as_str(), "exitCode": end.exit_code, "finishedAt": stamp(end.finished_at),
    } })
}
