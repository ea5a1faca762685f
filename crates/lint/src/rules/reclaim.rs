//! `evictionMinimumReclaim`.

use crate::facts::{LintInput, found, shown};
use crate::{Finding, Level};
use oomsim_core::kubelet::eviction::{EvictionSignal, ThresholdError};
use oomsim_core::kubelet::start::StartProblem;

/// OOM008.
pub fn minimum_reclaim(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(plan) = facts.kubelet() else { return };
    let config = &plan.config;
    let at =
        |signal: &str| facts.kubelet_place(&[&format!("evictionMinimumReclaim.{signal}"), "evictionMinimumReclaim"]);
    for problem in facts.start_problems {
        let StartProblem::Threshold(problem) = problem else { continue };
        if let ThresholdError::ReclaimNotPositive(..) | ThresholdError::NegativeReclaim(_) = problem.error {
            let message = format!("evictionMinimumReclaim: {problem}: the kubelet does not start");
            let help = "remove the entry, or set a positive amount";
            found(findings, ("OOM008", Level::Error), at(""), message, help);
        }
    }
    let (hard, soft) = (config.eviction_hard(&plan.profile), &config.eviction_soft);
    for signal in config.eviction_minimum_reclaim.keys() {
        if !hard.contains_key(signal) && !soft.contains_key(signal) {
            let message = format!("evictionMinimumReclaim: {signal} has no threshold, so the entry has no effect");
            let help = format!("add {signal} to evictionHard, or remove the entry");
            found(findings, ("OOM008", Level::Warning), at(signal), message, help);
        }
    }
    if facts.known.memory {
        unreachable_reclaim(facts, findings);
    }
}

/// A reclaim beyond what evicting every pod would free.
fn unreachable_reclaim(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let without_pods = facts.capacity.saturating_sub(facts.system_working_set());
    for (threshold, amount) in facts.memory_thresholds() {
        let (Some(reclaim), EvictionSignal::MemoryAvailable) = (&threshold.min_reclaim, threshold.signal) else {
            continue;
        };
        let wanted = amount.saturating_add(facts.reclaim(threshold.signal, reclaim));
        // The same reclaim holds for the pods' cgroup, whose limit is what reservations leave.
        let most = without_pods.min(facts.left().max(0));
        if wanted <= most || amount > most {
            continue;
        }
        let name = threshold.signal.as_str();
        let place = facts.kubelet_place(&[&format!("evictionMinimumReclaim.{name}"), "evictionMinimumReclaim"]);
        let message = format!(
            "evictionMinimumReclaim: after one eviction {name} has to reach {}, but even without pods it is only {}: pods are \
             evicted one after the other until none is left",
            shown(wanted),
            shown(most),
        );
        let help = format!("choose less than {}", shown(most.saturating_sub(amount)));
        found(findings, ("OOM008", Level::Error), place, message, help);
    }
}
