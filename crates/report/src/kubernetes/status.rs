//! How the containers of a pod stand, as its status shows it.

use super::stamp;
use crate::pods::{Container, Pod, Terminated};
use oomsim_core::kubelet::ContainerSpec;
use oomsim_core::plan::PodPlan;
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
    match (container.running, container.backs_off, last) {
        (Some(since), _, last) => {
            status["state"] = json!({ "running": { "startedAt": stamp(since) } });
            status["lastState"] = last.unwrap_or_else(|| json!({}));
        }
        (None, true, last) => {
            status["state"] = waiting("CrashLoopBackOff");
            status["lastState"] = last.unwrap_or_else(|| json!({}));
        }
        (None, false, Some(last)) => status["state"] = last,
        (None, false, None) => status["state"] = waiting(not_begun),
    }
    status
}

fn terminated(end: &Terminated) -> Value {
    json!({ "terminated": {
        "reason": end.reason.as_str(), "exitCode": end.exit_code, "finishedAt": stamp(end.finished_at),
    } })
}
