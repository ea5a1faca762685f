//! What keeps the kubelet from starting, apart from invalid values.

use crate::facts::{LintInput, found};
use crate::{Finding, Level};
use oomsim_core::kubelet::start::StartProblem;

/// OOM009.
pub fn swap_refused(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() || !facts.start_problems.contains(&StartProblem::SwapOn) {
        return;
    }
    let message = format!(
        "the node has {} of swap and failSwapOn is not false: the kubelet does not start",
        facts.scenario.node.kernel.swap_total
    );
    let help = "set failSwapOn: false and memorySwap.swapBehavior, or turn swap off";
    found(findings, ("OOM009", Level::Error), facts.kubelet_place(&["failSwapOn"]), message, help);
}

/// OOM010.
pub fn protected_kernel_defaults(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() {
        return;
    }
    for problem in facts.start_problems {
        let StartProblem::Sysctl { name, value, wanted } = problem else { continue };
        let given = facts.places.node.contains_key(&format!("kernel.sysctl.{name}"));
        if !given && !facts.known.system {
            continue;
        }
        let message = format!(
            "protectKernelDefaults is true, but {name} is {value} and the kubelet wants {wanted}: it does not start"
        );
        let help = format!(
            "run sysctl {name}={wanted} before the kubelet starts, or set protectKernelDefaults: false (then the kubelet sets \
             it itself)"
        );
        let at = facts.kubelet_place(&["protectKernelDefaults"]);
        found(findings, ("OOM010", Level::Error), at, message, help);
    }
}

/// OOM018. What the other rules say, each in its own words, is left out; a value that cannot be read is no finding: the
/// file is wrong.
pub fn kubelet_refuses(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() {
        return;
    }
    for problem in facts.start_problems {
        let (field, help) = match problem {
            StartProblem::Config(problem) => (problem.field, "correct the field, or remove it".to_owned()),
            StartProblem::NotConfigured(missing) => {
                let help = format!("give {}, or take {:?} out", missing.reservation, missing.enforcement);
                ("enforceNodeAllocatable", help)
            }
            StartProblem::Reservation(..)
            | StartProblem::Threshold(_)
            | StartProblem::QosReserved(..)
            | StartProblem::Exceeded(_)
            | StartProblem::SwapOn
            | StartProblem::Sysctl { .. } => continue,
        };
        let parent = field.split('.').next().unwrap_or(field);
        let at = facts.kubelet_place(&[field, parent, "enforceNodeAllocatable"]);
        found(findings, ("OOM018", Level::Error), at, format!("{problem}: the kubelet does not start"), help);
    }
}
