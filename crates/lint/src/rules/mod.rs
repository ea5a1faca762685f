//! The rules, one file for each group.

mod eviction;
mod pods;
mod reclaim;
mod reserved;
mod start;

use crate::{Level, Rule};

/// All rules.
pub const ALL: &[Rule] = &[
    Rule {
        code: "OOM001",
        name: "no-memory-eviction",
        summary: "A map of hard thresholds is given and has no memory.available: nothing is ever evicted for memory",
        level: Level::Warning,
        check: eviction::no_memory_eviction,
    },
    Rule {
        code: "OOM002",
        name: "threshold-above-the-rest",
        summary: "A threshold is larger than what reservations leave: daemons alone put the node under pressure",
        level: Level::Error,
        check: eviction::threshold_above_the_rest,
    },
    Rule {
        code: "OOM003",
        name: "nothing-allocatable",
        summary: "Reservations and the hard threshold take the whole capacity",
        level: Level::Error,
        check: eviction::nothing_allocatable,
    },
    Rule {
        code: "OOM004",
        name: "soft-below-hard",
        summary: "A soft threshold is not above the hard one: it never acts first",
        level: Level::Warning,
        check: eviction::soft_below_hard,
    },
    Rule {
        code: "OOM005",
        name: "grace-missing",
        summary: "A soft threshold has no grace period, or evicted pods get none of theirs",
        level: Level::Error,
        check: eviction::grace_missing,
    },
    Rule {
        code: "OOM006",
        name: "reservation-not-enforced",
        summary: "A reservation is taken off what pods get, but nothing keeps the daemons within it",
        level: Level::Note,
        check: reserved::not_enforced,
    },
    Rule {
        code: "OOM007",
        name: "reserved-cgroup-too-small",
        summary: "A reserved cgroup is enforced and its daemons need more: the kernel kills them",
        level: Level::Error,
        check: reserved::too_small,
    },
    Rule {
        code: "OOM008",
        name: "minimum-reclaim",
        summary: "A minimum reclaim has no effect, or can never be reached and evicts every pod",
        level: Level::Warning,
        check: reclaim::minimum_reclaim,
    },
    Rule {
        code: "OOM009",
        name: "swap-refused",
        summary: "Swap is on and failSwapOn is not false: the kubelet does not start",
        level: Level::Error,
        check: start::swap_refused,
    },
    Rule {
        code: "OOM010",
        name: "protected-kernel-defaults",
        summary: "protectKernelDefaults with an overcommit mode other than 1: the kubelet does not start",
        level: Level::Error,
        check: start::protected_kernel_defaults,
    },
    Rule {
        code: "OOM011",
        name: "threshold-below-kernel-reserve",
        summary: "The kernel runs out of memory before memory.available reaches the threshold",
        level: Level::Warning,
        check: eviction::below_kernel_reserve,
    },
    Rule {
        code: "OOM012",
        name: "pressure-at-start",
        summary: "The node is under memory pressure before the first pod starts",
        level: Level::Error,
        check: eviction::pressure_at_start,
    },
    Rule {
        code: "OOM013",
        name: "limits-exceed-allocatable",
        summary: "Pods may together use more than the node has for them, each within its own limit",
        level: Level::Note,
        check: pods::limits_exceed_allocatable,
    },
    Rule {
        code: "OOM014",
        name: "no-limit",
        summary: "A container without memory limit can take the node's other pods with it",
        level: Level::Warning,
        check: pods::no_limit,
    },
    Rule {
        code: "OOM015",
        name: "no-request",
        summary: "A container without memory request is among the first victims of eviction and of the OOM killer",
        level: Level::Warning,
        check: pods::no_request,
    },
    Rule {
        code: "OOM016",
        name: "sidecar-not-counted",
        summary: "Eviction counts what a sidecar uses, but not what it requests",
        level: Level::Warning,
        check: pods::sidecar_not_counted,
    },
    Rule {
        code: "OOM017",
        name: "memory-volume-in-limit",
        summary: "A memory-backed volume can fill its containers' memory limit by itself",
        level: Level::Warning,
        check: pods::memory_volume_in_limit,
    },
    Rule {
        code: "OOM018",
        name: "kubelet-refuses",
        summary: "A field of the configuration keeps the kubelet from starting",
        level: Level::Error,
        check: start::kubelet_refuses,
    },
];
