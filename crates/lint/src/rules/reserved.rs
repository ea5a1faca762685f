//! Reservations: who is kept within them.

use crate::facts::{LintInput, found, shown, stated_peak};
use crate::reserve::Reserve;
use crate::{Finding, Level};
use oomsim_core::kubelet::{CgroupLayout, CgroupName, ENFORCE_KUBE, ENFORCE_PODS, ENFORCE_SYSTEM, KubeletConfig};
use oomsim_core::plan::KubeletPlan;
use oomsim_core::units::Bytes;

/// One of the two reservations.
struct Reserved<'c> {
    field: &'static str,
    /// Key of `enforceNodeAllocatable`.
    key: &'static str,
    amount: i64,
    cgroup: &'c str,
    /// What its daemons were measured to use.
    measured: Option<Bytes>,
}

fn reservations<'c>(facts: &LintInput<'_>, config: &'c KubeletConfig) -> [Reserved<'c>; 2] {
    [
        Reserved {
            field: "kubeReserved",
            key: ENFORCE_KUBE,
            amount: facts.kube_reserved,
            cgroup: &config.kube_reserved_cgroup,
            measured: facts.known.kube_daemons,
        },
        Reserved {
            field: "systemReserved",
            key: ENFORCE_SYSTEM,
            amount: facts.system_reserved,
            cgroup: &config.system_reserved_cgroup,
            measured: facts.known.system_daemons,
        },
    ]
}

/// OOM006.
pub fn not_enforced(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(plan) = facts.kubelet() else { return };
    let config = &plan.config;
    let reserved = facts.kube_reserved.saturating_add(facts.system_reserved);
    if reserved > 0 && !config.enforces(ENFORCE_PODS) {
        let message = format!(
            "{} are reserved, but enforceNodeAllocatable does not contain \"pods\": the kernel limits pods only to the whole \
             capacity, and pods above allocatable are not evicted",
            shown(reserved),
        );
        let at = facts.kubelet_place(&["enforceNodeAllocatable"]);
        found(findings, ("OOM006", Level::Warning), at, message, "add \"pods\" to enforceNodeAllocatable");
    }
    for Reserved { field, key, amount, .. } in reservations(facts, config) {
        // That the daemons use more is a finding of its own.
        if amount == 0 || config.enforces(key) || Reserve::of_facts(facts).as_ref().is_some_and(is_short) {
            continue;
        }
        let message = format!(
            "{field} of {} reduces what pods get but does not limit the daemons: if they use more, the node falls below its \
             eviction threshold, and pods within allocatable are evicted",
            shown(amount),
        );
        let at = facts.kubelet_place(&[&format!("{field}.memory"), field]);
        let help = format!(
            "reserve what the daemons really use, and monitor them; enforce {key:?} only with room to spare (with a limit, the \
             daemons are killed instead)"
        );
        found(findings, ("OOM006", Level::Note), at, message, help);
    }
}

/// OOM019.
pub fn short(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    // Daemons that are held within their reservation are killed instead (OOM007).
    let enforced = |plan: &KubeletPlan| plan.config.enforces(ENFORCE_KUBE) || plan.config.enforces(ENFORCE_SYSTEM);
    if facts.kubelet().is_some_and(enforced) {
        return;
    }
    let Some(reserve) = Reserve::of_facts(facts).filter(is_short) else { return };
    let measured = facts.known.kube_daemons.is_some() || facts.known.system_daemons.is_some();
    let message = format!(
        "reserved {}, the {} hold {}: {} more are promised to pods (allocatable {}) than the node has for them ({}), so pods \
         within allocatable are evicted or killed",
        shown(reserve.reserved),
        if measured { "measured daemons" } else { "node's own programs" },
        shown(reserve.used),
        shown(reserve.short()),
        shown(reserve.allocatable),
        shown(reserve.there.max(0)),
    );
    let at = facts.kubelet_place(&["kubeReserved.memory", "kubeReserved", "systemReserved.memory", "systemReserved"]);
    let help =
        format!("set kubeReserved and systemReserved to {} together: what is used and a tenth", shown(reserve.advice));
    found(findings, ("OOM019", Level::Warning), at, message, help);
}

/// A reservation that is too small. A node that reserves nothing promises nothing, unless its daemons were measured.
fn is_short(reserve: &Reserve) -> bool {
    reserve.short() > 0 && reserve.reserved > 0
}

/// OOM007.
pub fn too_small(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    let Some(plan) = facts.kubelet() else { return };
    let config = &plan.config;
    let layout = CgroupLayout::new(config);
    for Reserved { field, key, amount, cgroup, measured } in reservations(facts, config) {
        if amount == 0 || cgroup.is_empty() || !config.enforces(key) {
            continue;
        }
        let path = layout.path(&CgroupName::parse(cgroup, config.cgroup_driver));
        let inside =
            |other: &str| other == path || other.strip_prefix(&*path).is_some_and(|rest| rest.starts_with('/'));
        let hosts = facts.scenario.hosts.iter().filter(|host| inside(&host.cgroup));
        let mut used = hosts.map(|host| stated_peak(&host.process).get()).fold(0, u64::saturating_add);
        if inside("/system.slice") {
            let node = &facts.scenario.node;
            used = used.saturating_add((node.system_anon + node.system_mlocked_file).get());
        }
        let used = used.max(measured.map_or(0, Bytes::get));
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        if used < amount {
            continue;
        }
        let message = format!(
            "{key} is enforced: {path} gets a limit of {}, but its daemons use {}, so the kernel kills one of them",
            shown(amount),
            shown(used),
        );
        let at = facts.kubelet_place(&[&format!("{field}.memory"), field]);
        let help = format!("reserve well above {}, or do not enforce {key:?}", shown(used));
        found(findings, ("OOM007", Level::Error), at, message, help);
    }
}
