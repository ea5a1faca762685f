//! The machine: memory, swap, kernel.

use super::{Knob, KnobKind, MIB, bytes, other_versions, plain, signed};
use oomsim_core::kernel::{CgroupVersion, VERSIONS};
use oomsim_core::plan::Scenario;

pub(super) fn of_node(scenario: &Scenario) -> Vec<Knob> {
    let kernel = &scenario.node.kernel;
    let now = signed(kernel.mem_total);
    let mut all = Vec::new();
    all.extend(Knob::numbers("memory of the node", bytes("node.memory"), (now, now, now.saturating_mul(4), MIB)));
    let swap_now = signed(kernel.swap_total);
    let swap = KnobKind::Swap(needs_of_swap(scenario));
    all.extend(Knob::numbers("swap of the node", swap, (swap_now, swap_now, now.max(swap_now), MIB)));
    let versions = other_versions(VERSIONS.iter().copied(), &kernel.profile.version);
    all.extend(Knob::choices("kernel", "kernel.version", versions));
    let mode = kernel.sysctl.overcommit_memory;
    if scenario.kubelet.is_none() {
        let others = (0..3).filter(|m| *m != mode).map(|m| m.to_string()).collect();
        all.extend(Knob::choices("vm.overcommit_memory", "kernel.sysctl.vm.overcommit_memory", others));
        let ratio = i64::try_from(kernel.sysctl.overcommit_ratio).unwrap_or(i64::MAX);
        let kind = plain("kernel.sysctl.vm.overcommit_ratio");
        all.extend(Knob::numbers("vm.overcommit_ratio", kind, (ratio, 0, 400, 1)));
    }
    all
}

/// What a kubelet needs to start on a node with swap, and to let its pods use it.
fn needs_of_swap(scenario: &Scenario) -> Vec<(&'static str, &'static str)> {
    let Some(plan) = &scenario.kubelet else { return Vec::new() };
    let mut needs = vec![("kubelet.failSwapOn", "false")];
    if plan.profile.node_swap && scenario.node.kernel.cgroup == CgroupVersion::V2 {
        needs.push(("kubelet.memorySwap.swapBehavior", "\"LimitedSwap\""));
    }
    needs
}
