//! Thresholds: whether there is one, whether it can act, and whether it always does.

use crate::facts::{LintInput, found, shown};
use crate::{Finding, Level};
use oomsim_core::kubelet::eviction::{EvictionSignal, Threshold, ThresholdError, ThresholdProblem, ThresholdValue};
use oomsim_core::kubelet::start::StartProblem;

const MEMORY_AVAILABLE: &str = "memory.available";

/// OOM001.
pub fn no_memory_eviction(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(plan) = facts.kubelet() else { return };
    if plan.config.eviction_hard.is_none() {
        return;
    }
    let map = plan.config.eviction_hard(&plan.profile);
    let at = facts.kubelet_place(&["evictionHard.memory.available", "evictionHard"]);
    let never = |t: &Threshold| t.signal == EvictionSignal::MemoryAvailable && t.is_hard() && t.value.is_nan();
    let (message, help) = match map.get(MEMORY_AVAILABLE).map(|value| value.trim()) {
        None => {
            let others: Vec<_> = map.keys().map(String::as_str).collect();
            let has = if others.is_empty() { "is empty".to_owned() } else { format!("sets {}", others.join(", ")) };
            let message = format!(
                "evictionHard {has}, without {MEMORY_AVAILABLE}: no pod is evicted for memory, because a map replaces all \
                 defaults"
            );
            (message, format!("add {MEMORY_AVAILABLE} to the map, at least the default of 100Mi"))
        }
        Some(off @ ("0%" | "100%")) => {
            let message = format!("evictionHard: {MEMORY_AVAILABLE} = {off:?} turns memory eviction off");
            (message, "set an amount, at least the default of 100Mi".to_owned())
        }
        Some(value) if plan.readable().thresholds.hard.iter().any(never) => {
            let message =
                format!("evictionHard: {MEMORY_AVAILABLE} = {value:?} is not a number, so the threshold is never met");
            (message, "set an amount, at least the default of 100Mi".to_owned())
        }
        Some(_) => return,
    };
    found(findings, ("OOM001", Level::Warning), at, message, help);
}

/// OOM002. The hard `memory.available` is OOM003's: the kubelet itself checks it.
pub fn threshold_above_the_rest(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() || !facts.known.memory {
        return;
    }
    let left = facts.left().max(0);
    for (threshold, amount) in facts.memory_thresholds() {
        let hard = threshold.is_hard();
        if hard && threshold.signal == EvictionSignal::MemoryAvailable || amount <= left {
            continue;
        }
        let field = if hard { "evictionHard" } else { "evictionSoft" };
        let at = facts.kubelet_place(&[&format!("{field}.{}", threshold.signal), field]);
        let message = format!(
            "{field}: {} = {} is more than the reservations leave of {} ({}): daemons that use what is reserved for them \
             put the node under pressure even without pods",
            threshold.signal,
            shown(amount),
            shown(facts.capacity),
            shown(left),
        );
        found(findings, ("OOM002", Level::Error), at, message, format!("choose less than {}", shown(left)));
    }
}

/// OOM003.
pub fn nothing_allocatable(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() || !facts.known.memory {
        return;
    }
    let eviction = facts.hard_memory().unwrap_or(0);
    if facts.left() > eviction {
        return;
    }
    let fields = ["kubeReserved.memory", "systemReserved.memory", "evictionHard.memory.available", "evictionHard"];
    let sum = facts.kube_reserved.saturating_add(facts.system_reserved).saturating_add(eviction);
    let what = format!(
        "kubeReserved {} + systemReserved {} + evictionHard {} = {} of {}",
        shown(facts.kube_reserved),
        shown(facts.system_reserved),
        shown(eviction),
        shown(sum),
        shown(facts.capacity),
    );
    let effect = if facts.left() < eviction { "the kubelet does not start" } else { "nothing is left for pods" };
    let help = "reserve less, or use a larger machine";
    found(findings, ("OOM003", Level::Error), facts.kubelet_place(&fields), format!("{what}: {effect}"), help);
}

/// OOM004.
pub fn soft_below_hard(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() {
        return;
    }
    let Some(hard) = facts.hard_memory() else { return };
    for (threshold, soft) in facts.memory_thresholds() {
        if threshold.is_hard() || threshold.signal != EvictionSignal::MemoryAvailable || soft > hard {
            continue;
        }
        let message = format!(
            "evictionSoft: {MEMORY_AVAILABLE} = {} is not above evictionHard ({}): the hard threshold acts first, \
             without a grace period",
            shown(soft),
            shown(hard),
        );
        let at = facts.kubelet_place(&["evictionSoft.memory.available", "evictionSoft"]);
        let help = format!("choose a soft threshold above {}", shown(hard));
        found(findings, ("OOM004", Level::Warning), at, message, help);
    }
}

/// OOM005.
pub fn grace_missing(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(plan) = facts.kubelet() else { return };
    let mut missing = false;
    for problem in facts.start_problems {
        if let StartProblem::Threshold(ThresholdProblem { error: ThresholdError::GraceMissing(signal), .. }) = problem {
            missing = true;
            let at = facts.kubelet_place(&[&format!("evictionSoft.{signal}"), "evictionSoft"]);
            let message =
                format!("evictionSoft: {signal} has no entry in evictionSoftGracePeriod: the kubelet does not start");
            let help = format!("evictionSoftGracePeriod: {{ {signal}: 90s }}");
            found(findings, ("OOM005", Level::Error), at, message, help);
        }
    }
    let soft_memory = plan.config.eviction_soft.contains_key(MEMORY_AVAILABLE);
    if soft_memory && !missing && plan.config.eviction_max_pod_grace_period <= 0 {
        let message = "a soft eviction gives pods at most evictionMaxPodGracePeriod seconds, which is 0: SIGKILL follows \
                       after 2 s, whatever terminationGracePeriodSeconds is";
        let at = facts.kubelet_place(&["evictionMaxPodGracePeriod", "evictionSoft"]);
        let help = "set evictionMaxPodGracePeriod to the longest time that a pod may need to stop";
        found(findings, ("OOM005", Level::Warning), at, message, help);
    }
}

/// OOM011.
pub fn below_kernel_reserve(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    if facts.kubelet().is_none() || !facts.known.memory {
        return;
    }
    let kept = facts.kept_by_the_kernel();
    let Some(hard) = facts.hard_memory().filter(|hard| *hard <= kept) else { return };
    let message = format!(
        "{MEMORY_AVAILABLE} < {} comes too late: the kernel keeps {} for itself (free pages below the min watermark, memory \
         that the kubelet does not count) and kills first",
        shown(hard),
        shown(kept),
    );
    let at = facts.kubelet_place(&["evictionHard.memory.available", "evictionHard"]);
    let help = format!("choose a threshold well above {}, or lower vm.min_free_kbytes", shown(kept));
    found(findings, ("OOM011", Level::Warning), at, message, help);
}

/// OOM012.
pub fn pressure_at_start(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let measured = facts.known.kube_daemons.is_some() || facts.known.system_daemons.is_some();
    if facts.kubelet().is_none() || !facts.known.memory || !(facts.known.system || measured) {
        return;
    }
    let used = facts.system_working_set();
    let available = facts.capacity.saturating_sub(used);
    for (threshold, amount) in facts.memory_thresholds() {
        if threshold.signal != EvictionSignal::MemoryAvailable || amount <= available {
            continue;
        }
        let field = if threshold.is_hard() { "evictionHard" } else { "evictionSoft" };
        let percent = matches!(threshold.value, ThresholdValue::Percentage(_));
        let message = format!(
            "the node's own programs use {}, so {} of {} are available from the start: less than {field} = {}{}",
            shown(used),
            shown(available),
            shown(facts.capacity),
            shown(amount),
            if percent { " (given in percent)" } else { "" },
        );
        let at = facts.kubelet_place(&[&format!("{field}.{MEMORY_AVAILABLE}"), field]);
        let level = if threshold.is_hard() { Level::Error } else { Level::Warning };
        found(findings, ("OOM012", level), at, message, "lower the threshold, or use a larger machine");
    }
}
