//! What a person can do while it runs; the latest instant at which it still helps is looked for.

use super::{Knob, quantity};
use crate::prevent::outcome::Target;
use oomsim_core::kubelet::MEMORY;
use oomsim_core::node_api::Signo;
use oomsim_core::plan::{Change, Controller, HostPlan, PodPlan, Scenario};
use oomsim_core::units::{Bytes, Quantity, SimTime};

/// Deleting a pod, and taking all pods of its workload away where its controller would make a new one.
pub(super) fn on_pod(plan: &PodPlan, at: SimTime) -> Vec<Knob> {
    let name = &*plan.spec.name;
    let mut all = Vec::new();
    if plan.replicas == 1 {
        let delete = Change::DeletePod { pod: plan.full_name().into(), grace_seconds: None };
        all.extend(Knob::action(format!("delete {name}"), delete, at));
    }
    if matches!(plan.controller, Controller::Deployment | Controller::StatefulSet) {
        let scale = Change::Scale { workload: plan.full_name().into(), replicas: 0 };
        all.extend(Knob::action(format!("scale {name} to 0"), scale, at));
    }
    all
}

/// Killing a process of the node.
pub(super) fn on_host(host: &HostPlan, at: SimTime) -> Option<Knob> {
    let kill = Change::Signal { process: host.process.comm.clone(), signal: Signo::Kill };
    Knob::action(format!("kill {}", host.name), kill, at)
}

/// Raising the limit of a container while it runs, to an amount that would have been enough from the start, or to twice
/// what it has.
pub(in crate::prevent) fn resize(
    scenario: &Scenario,
    target: &Target,
    enough: impl Fn(&str) -> Option<Bytes>,
    at: SimTime,
) -> Option<Knob> {
    let Target::Process { pod, container, .. } = target else { return None };
    let plan = scenario.pods.iter().find(|plan| plan.full_name() == *pod)?;
    let spec = plan.spec.containers.iter().find(|spec| *spec.name == **container)?;
    let limit = spec.resources.limits.get(MEMORY)?.value();
    if plan.replicas != 1 {
        return None;
    }
    let about = format!("{}/{container}", plan.spec.name);
    let raised = enough(&about).map_or(limit.saturating_mul(2), |bytes| i64::try_from(bytes.get()).unwrap_or(i64::MAX));
    let mut resources = spec.resources.clone();
    let equal = resources.requests.get(MEMORY).is_some_and(|request| request.value() == limit);
    resources.limits.insert(MEMORY.to_owned(), Quantity::bytes(raised));
    if equal {
        resources.requests.insert(MEMORY.to_owned(), Quantity::bytes(raised));
    }
    let change = Change::PodResources { pod: pod.as_str().into(), container: container.as_str().into(), resources };
    Knob::action(format!("resize {about} to {}", quantity(raised)), change, at)
}
