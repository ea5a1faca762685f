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
        summary: "evictionHard is set without memory.available: no pod is ever evicted for memory",
        level: Level::Warning,
        page: include_str!("../../pages/OOM001.md"),
        check: eviction::no_memory_eviction,
    },
    Rule {
        code: "OOM002",
        name: "threshold-above-the-rest",
        summary: "A threshold is larger than what reservations leave: the daemons alone put the node under pressure",
        level: Level::Error,
        page: include_str!("../../pages/OOM002.md"),
        check: eviction::threshold_above_the_rest,
    },
    Rule {
        code: "OOM003",
        name: "nothing-allocatable",
        summary: "Reservations and the hard threshold use up the whole capacity",
        level: Level::Error,
        page: include_str!("../../pages/OOM003.md"),
        check: eviction::nothing_allocatable,
    },
    Rule {
        code: "OOM004",
        name: "soft-below-hard",
        summary: "A soft threshold is not above the hard one, so it never acts first",
        level: Level::Warning,
        page: include_str!("../../pages/OOM004.md"),
        check: eviction::soft_below_hard,
    },
    Rule {
        code: "OOM005",
        name: "grace-missing",
        summary: "A soft threshold has no grace period, or evicted pods do not get theirs",
        level: Level::Error,
        page: include_str!("../../pages/OOM005.md"),
        check: eviction::grace_missing,
    },
    Rule {
        code: "OOM006",
        name: "reservation-not-enforced",
        summary: "A reservation reduces what pods get, but does not limit the daemons it is meant for",
        level: Level::Note,
        page: include_str!("../../pages/OOM006.md"),
        check: reserved::not_enforced,
    },
    Rule {
        code: "OOM007",
        name: "reserved-cgroup-too-small",
        summary: "An enforced reservation is smaller than what its daemons need: the kernel kills them",
        level: Level::Error,
        page: include_str!("../../pages/OOM007.md"),
        check: reserved::too_small,
    },
    Rule {
        code: "OOM008",
        name: "minimum-reclaim",
        summary: "A minimum reclaim has no effect, or can never be reached and causes every pod to be evicted",
        level: Level::Warning,
        page: include_str!("../../pages/OOM008.md"),
        check: reclaim::minimum_reclaim,
    },
    Rule {
        code: "OOM009",
        name: "swap-refused",
        summary: "Swap is on and failSwapOn is not false: the kubelet does not start",
        level: Level::Error,
        page: include_str!("../../pages/OOM009.md"),
        check: start::swap_refused,
    },
    Rule {
        code: "OOM010",
        name: "protected-kernel-defaults",
        summary: "protectKernelDefaults with an overcommit mode other than 1: the kubelet does not start",
        level: Level::Error,
        page: include_str!("../../pages/OOM010.md"),
        check: start::protected_kernel_defaults,
    },
    Rule {
        code: "OOM011",
        name: "threshold-below-kernel-reserve",
        summary: "The kernel runs out of memory before memory.available reaches the threshold",
        level: Level::Warning,
        page: include_str!("../../pages/OOM011.md"),
        check: eviction::below_kernel_reserve,
    },
    Rule {
        code: "OOM012",
        name: "pressure-at-start",
        summary: "The node is under memory pressure before the first pod starts",
        level: Level::Error,
        page: include_str!("../../pages/OOM012.md"),
        check: eviction::pressure_at_start,
    },
    Rule {
        code: "OOM013",
        name: "limits-exceed-allocatable",
        summary: "The pods' limits together exceed what the node has for pods",
        level: Level::Note,
        page: include_str!("../../pages/OOM013.md"),
        check: pods::limits_exceed_allocatable,
    },
    Rule {
        code: "OOM014",
        name: "no-limit",
        summary: "A container without a memory limit can cause other pods of the node to be killed",
        level: Level::Warning,
        page: include_str!("../../pages/OOM014.md"),
        check: pods::no_limit,
    },
    Rule {
        code: "OOM015",
        name: "no-request",
        summary: "A container without a memory request is among the first to be evicted or OOM-killed",
        level: Level::Warning,
        page: include_str!("../../pages/OOM015.md"),
        check: pods::no_request,
    },
    Rule {
        code: "OOM016",
        name: "sidecar-not-counted",
        summary: "Eviction counts what a sidecar uses but not what it requests",
        level: Level::Warning,
        page: include_str!("../../pages/OOM016.md"),
        check: pods::sidecar_not_counted,
    },
    Rule {
        code: "OOM017",
        name: "memory-volume-in-limit",
        summary: "A memory-backed volume can use up the memory limit of its containers",
        level: Level::Warning,
        page: include_str!("../../pages/OOM017.md"),
        check: pods::memory_volume_in_limit,
    },
    Rule {
        code: "OOM018",
        name: "kubelet-refuses",
        summary: "A field of the configuration keeps the kubelet from starting",
        level: Level::Error,
        page: include_str!("../../pages/OOM018.md"),
        check: start::kubelet_refuses,
    },
];
