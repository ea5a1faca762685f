//! What a scenario has at a key, for settings that are multiples of it.

use oomsim_core::kubelet::MEMORY;
use oomsim_core::plan::Scenario;
use oomsim_core::units::{Bytes, Quantity};

/// The amount of memory at a path of keys, as it is in effect: of the node, of the kubelet's reservations and
/// thresholds, of a container's resources; `None`: there is none, or it is no such key.
pub fn amount_at(scenario: &Scenario, path: &[&str]) -> Option<Bytes> {
    let kubelet = || scenario.kubelet.as_ref()?.effective.as_ref().ok();
    match path {
        ["node", "memory"] => Some(scenario.node.kernel.mem_total),
        ["kubelet", "kubeReserved", "memory"] => Some(kubelet()?.kube_reserved),
        ["kubelet", "systemReserved", "memory"] => Some(kubelet()?.system_reserved),
        ["kubelet", "evictionHard", "memory", "available"] => kubelet()?.eviction_hard(),
        ["kubelet", "evictionSoft", "memory", "available"] => Some(kubelet()?.eviction_soft()?.0),
        ["pod", pod, "container", container, "resources", list @ ("limits" | "requests"), "memory"] => {
            let plan = scenario.pods.iter().find(|plan| *plan.spec.name == **pod)?;
            let resources = &plan.spec.all_containers().find(|c| *c.name == **container)?.resources;
            let list = if *list == "limits" { &resources.limits } else { &resources.requests };
            list.get(MEMORY).map(Quantity::value).and_then(|value| u64::try_from(value).ok()).map(Bytes::new)
        }
        _ => None,
    }
}
