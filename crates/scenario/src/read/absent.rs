//! What pods ask for and the model does not have: one warning for each kind of it, with a count.

use super::pod::PodDraft;
use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::kubelet::MEMORY;
use oomsim_core::plan::ContainerPlan;
use oomsim_core::units::Bytes;
use oomsim_core::workload::{Behavior, CacheAccess, ScriptOp};

/// A preStop hook of which nothing says how long it takes.
pub(super) const PRE_STOP: &str = "a preStop hook that does not say how long it takes (give `preStop`)";
/// Kinds of what is absent, each with what the model does instead; a table of docs/FIDELITY.md lists them.
pub(super) const KINDS: [(&str, &str); 10] = [
    ("restartPolicy of a container", "the pod's counts; only `Always` of a sidecar is its own"),
    ("startupProbe", "a sidecar counts as started when it runs"),
    ("postStart hook", "it takes no time"),
    (PRE_STOP, "it takes no time"),
    ("lifecycle.stopSignal", "SIGTERM is sent"),
    ("cpu limit", "programs run as fast as their workload says"),
    ("hugepages", "they are not allocated"),
    ("ephemeral container", "it does not run"),
    ("shareProcessNamespace", "each container has its own"),
    ("activeDeadlineSeconds", "the pod is not stopped"),
];

/// What a pod has that is absent: the kind, and the container.
pub(super) type Found = Vec<(&'static str, String)>;

/// Reports all of it, for a node with a disk or without.
pub(super) fn report(p: &Problems, pods: &[PodDraft], disk: bool) {
    for (kind, instead) in KINDS {
        let found = pods.iter().flat_map(|pod| pod.absent.iter().map(move |(what, container)| (pod, *what, container)));
        let known = |pod: &PodDraft, container: &str| {
            let plan = pod.plan.containers.iter().find(|plan| *plan.name == *container);
            kind == PRE_STOP && plan.is_some_and(|plan| plan.pre_stop.is_some())
        };
        let found = found.filter(|(pod, what, container)| *what == kind && !known(pod, container));
        let found: Vec<(&PodDraft, &str)> = found.map(|(pod, _, container)| (pod, container.as_str())).collect();
        count(p, &found, |who| format!("not modelled: {kind}, {who}; {instead}"));
    }
    let dirty = pods.iter().filter(|_| !disk).flat_map(|pod| {
        let limited = pod.plan.containers.iter().filter(|container| writes_beyond_limit(pod, container));
        limited.map(move |container| (pod, &*container.name))
    });
    let dirty: Vec<(&PodDraft, &str)> = dirty.collect();
    count(p, &dirty, |who| {
        format!(
            "not modelled: writing dirty page cache back, {who}; here it can be dropped at once, but where the disk is \
             slower than the program, a container at its limit may be killed (`node.disk` makes it wait)"
        )
    });
}

/// One warning at the first pod, with how many there are.
fn count(p: &Problems, found: &[(&PodDraft, &str)], message: impl Fn(String) -> String) {
    let Some((pod, container)) = found.first() else { return };
    let name = &pod.plan.spec.name;
    let first = if container.is_empty() { format!("pod {name}") } else { format!("{container} of pod {name}") };
    let who = match found.len() {
        1 => format!("in {first}"),
        n => format!("{n} times, first in {first}"),
    };
    let at: Option<&Location> = pod.places.get(*container).or_else(|| pod.places.get(""));
    if let Some(at) = at {
        p.warn(at, message(who));
    }
}

/// True for a container that writes more to files than its limit holds.
fn writes_beyond_limit(pod: &PodDraft, plan: &ContainerPlan) -> bool {
    let spec = pod.plan.spec.all_containers().find(|spec| spec.name == plan.name);
    let limit = spec.and_then(|spec| spec.resources.limits.get(MEMORY)).map(|limit| limit.value());
    let Some(limit) = limit.and_then(|limit| u64::try_from(limit).ok()) else { return false };
    plan.processes.iter().any(|process| written(&process.behavior).get() > limit)
}

/// What a program writes of files in one round.
fn written(behavior: &Behavior) -> Bytes {
    match behavior {
        Behavior::PageCache(cache) if cache.access == CacheAccess::Write => cache.file,
        Behavior::Script(script) => {
            let writes = script.ops.iter().map(|op| match op {
                ScriptOp::File { bytes, access: CacheAccess::Write, .. } => bytes.get(),
                _ => 0,
            });
            Bytes::new(writes.fold(0, u64::saturating_add))
        }
        _ => Bytes::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::KINDS;

    #[test]
    fn the_page_about_fidelity_has_every_kind() {
        let page = include_str!("../../../../docs/FIDELITY.md");
        for (kind, instead) in KINDS {
            assert!(page.contains(&format!("\n| {kind} | {instead} |\n")), "{kind}");
        }
    }
}
