//! What keeps the kubelet from starting, besides wrong values.

use crate::facts::{Facts, found};
use crate::{Finding, Level};
use sim_core::kubelet::start::StartProblem;

/// OOM009.
pub fn swap_refused(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() || !facts.start_problems.contains(&StartProblem::SwapOn) {
        return;
    }
    let message = format!(
        "the node has {} of swap and failSwapOn is not false: the kubelet does not start",
        facts.scenario.node.kernel.swap_total
    );
    let help = "failSwapOn: false, with memorySwap.swapBehavior as it is meant; or turn swap off";
    found(findings, ("OOM009", Level::Error), facts.kubelet_place(&["failSwapOn"]), message, help);
}

/// OOM010.
pub fn protected_kernel_defaults(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() {
        return;
    }
    for problem in &facts.start_problems {
        let StartProblem::Sysctl { name, value, wanted } = problem else { continue };
        let given = facts.scenario.node.places.contains_key(&format!("kernel.sysctl.{name}"));
        if !given && !facts.known.system {
            continue;
        }
        let message = format!(
            "protectKernelDefaults is true, {name} is {value} and the kubelet wants {wanted}: it does not start"
        );
        let help = format!(
            "sysctl {name}={wanted} before the kubelet starts, or protectKernelDefaults: false (then the kubelet sets it \
             itself)"
        );
        let at = facts.kubelet_place(&["protectKernelDefaults"]);
        found(findings, ("OOM010", Level::Error), at, message, help);
    }
}
