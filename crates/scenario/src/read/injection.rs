//! `[[at]]`: changes from outside during the run.

use super::Context;
use super::check_kubelet::start_kubelet;
use super::host::cgroup_path;
use super::kernel::{each_sysctl, report};
use super::kubelet::kubelet;
use super::resources::resources;
use super::workload::workload;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, duration, integer, name, one_of, time};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kernel::Sysctls;
use oomsim_core::node_api::{CgroupWrite, Name, Signo};
use oomsim_core::plan::{Change, Clock, Injection, KubeletPlan, NodePlan};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::Behavior;
use std::sync::Arc;

/// What `[kubelet]` says, and the machine: a kubelet that restarts with other settings keeps the rest.
pub(crate) struct Machine<'a> {
    pub kubelet: Option<&'a Value>,
    pub node: Option<&'a NodePlan>,
}

/// Reads all `[[at]]`, sorted by time; those at the same time stay in the order of the file.
pub(crate) fn injections(cx: &Context<'_>, tables: &[&Value], machine: &Machine<'_>) -> Vec<Injection> {
    let mut injections: Vec<Injection> = Vec::new();
    for table in tables {
        injection(cx, table, machine, &mut injections);
    }
    injections.sort_by_key(|injection| injection.at);
    injections
}

fn injection(cx: &Context<'_>, value: &Value, machine: &Machine<'_>, out: &mut Vec<Injection>) {
    let p = cx.problems;
    let Some(mut t) = TableReader::open(p, &tables::AT, value) else { return };
    let at = t.required("time", time).unwrap_or(SimTime::ZERO);
    // Judged before: this table is for these nodes.
    t.get("node");
    let (before, errors) = (out.len(), p.errors());
    let mut push = |change| out.push(Injection { at, change });
    if let Some(sysctls) = t.get("sysctl") {
        let mut scratch = Sysctls::default();
        each_sysctl(p, sysctls, &mut |entry, name, number| match scratch.set(name, number) {
            Ok(()) => push(Change::Sysctl { name: name.into(), value: number.unsigned_abs() }),
            Err(error) => report(p, entry, name, &error),
        });
    }
    of_pod(&mut t, &mut push);
    if let Some(pod) = t.optional("deletePod", pod_name) {
        let grace_seconds = t.optional("gracePeriodSeconds", integer(1, i64::from(u32::MAX)));
        let grace_seconds = grace_seconds.and_then(|seconds: i64| u32::try_from(seconds).ok());
        push(Change::DeletePod { pod, grace_seconds });
    }
    if let Some(process) = t.optional("fork", name) {
        push(Change::Fork { process });
    }
    if let Some(behavior) = t.optional("workload", workload) {
        if matches!(&behavior, Behavior::Trace(trace) if trace.restarts()) {
            p.error(t.at(), "a running process cannot follow a curve with restarts: it belongs to a container or host");
        }
        let process = t.required("process", name).unwrap_or_default();
        push(Change::Workload { process, behavior: Arc::new(behavior) });
    }
    if let Some(workload) = t.optional("scale", pod_name) {
        let replicas = t.required("replicas", integer(0, tables::MAX_REPLICAS)).unwrap_or_default();
        push(Change::Scale { workload, replicas });
    }
    if let Some(workload) = t.optional("roll", pod_name) {
        let every = t.or("every", ROLL_EVERY, duration);
        push(Change::Roll { workload, every });
    }
    if let Some(clock) = t.optional("delay", one_of("clock", &CLOCKS)) {
        let pod = t.optional("pod", pod_name);
        let by = t.required("by", duration).unwrap_or_default();
        if clock == 2 && pod.is_none() {
            p.error(t.at(), "`delay = \"housekeeping\"` without `pod`: say whose figures come later");
        }
        let clock = match (clock, pod) {
            (0, _) => Clock::EvictionManager,
            (1, _) => Clock::NodeStatus,
            (_, pod) => Clock::Housekeeping(pod.unwrap_or_default()),
        };
        push(Change::Delay { clock, by });
    }
    if let Some(settings) = t.get("kubelet") {
        let keeps = t.or("keeps", true, boolean);
        if let Some(plan) = restarted(cx, settings, keeps, machine) {
            push(Change::RestartKubelet(Arc::new(plan)));
        }
    }
    if let Some(stops) = t.optional("kubeletProcess", one_of("state", &[("stops", true), ("starts", false)])) {
        push(if stops { Change::StopKubelet } else { Change::StartKubelet });
    }
    let at = t.at();
    t.finish();
    if out.len() == before && p.errors() == errors {
        let keys = "`sysctl`, `cgroup` or `pod` with `limit` or another of its files, `pod` with `resources`, `signal`, \
                    `deletePod`, `scale`, `roll`, `workload`, `kubelet`, `kubeletProcess`, `delay` or `fork`";
        p.error(at, format!("`[[at]]` changes nothing: add {keys}"));
    }
}

/// From one pod of a roll to the next.
const ROLL_EVERY: SimDuration = SimDuration::from_secs(10);
/// Clocks that can be delayed.
const CLOCKS: [(&str, u8); 3] = [("evictionManager", 0), ("nodeStatus", 1), ("housekeeping", 2)];

/// `web` in the default namespace, or `shop/web`.
pub(super) fn pod_name(p: &Problems, value: &Value) -> Option<Name> {
    let pod = name(p, value)?;
    Some(if pod.contains('/') { pod } else { format!("default/{pod}").into() })
}

/// What happens to a cgroup, a process, or a pod or container by name.
fn of_pod(t: &mut TableReader<'_>, push: &mut impl FnMut(Change)) {
    let cgroup = t.optional("cgroup", cgroup_path);
    let (pod, container) = (t.optional("pod", pod_name), t.optional("container", name));
    if cgroup.is_some() && pod.is_some() {
        t.problems().error(t.at(), "`cgroup` and `pod` exclude each other");
    }
    let write = cgroup_files(t);
    let resources = t.optional("resources", resources);
    let signal = t.optional("signal", signal);
    match (cgroup, pod) {
        (Some(_), _) if write == CgroupWrite::default() => {
            t.problems().error(t.at(), "`cgroup` without what is written to it: add `limit`");
        }
        (Some(cgroup), _) => push(Change::Cgroup { cgroup, write }),
        (None, Some(pod)) => {
            if write != CgroupWrite::default() {
                push(Change::PodCgroup { pod: pod.clone(), container: container.clone(), write });
            }
            if let Some(resources) = resources {
                let container = container.clone().unwrap_or_else(|| {
                    t.problems().error(t.at(), "`resources` without `container`: say whose they are");
                    Name::default()
                });
                push(Change::PodResources { pod: pod.clone(), container, resources });
            }
            if let Some(signal) = signal {
                push(Change::PodSignal { pod, container, signal });
            }
            return;
        }
        (None, None) => {}
    }
    if let Some(signal) = signal {
        let process = t.required("process", name).unwrap_or_default();
        push(Change::Signal { process, signal });
    }
}

/// The kubelet with these settings in place of those that it had, or alone.
fn restarted(cx: &Context<'_>, settings: &Value, keeps: bool, machine: &Machine<'_>) -> Option<KubeletPlan> {
    let node = machine.node?;
    let ValueKind::Table(own) = &settings.kind else {
        cx.problems.expected(settings, "a table ([kubelet])");
        return None;
    };
    let Some(before) = machine.kubelet.filter(|_| keeps) else {
        let given = kubelet(cx, settings, Some(node))?;
        return Some(start_kubelet(cx.problems, &given, node));
    };
    let mut entries = before.entries().unwrap_or_default().to_vec();
    entries.retain(|entry| own.iter().all(|other| other.key != entry.key));
    entries.extend(own.iter().cloned());
    let merged = Value { kind: ValueKind::Table(entries), at: settings.at.clone() };
    let given = kubelet(cx, &merged, Some(node))?;
    Some(start_kubelet(cx.problems, &given, node))
}

/// What is written to a cgroup.
fn cgroup_files(t: &mut TableReader<'_>) -> CgroupWrite {
    CgroupWrite {
        max: t.optional("limit", limit),
        high: t.optional("high", limit),
        low: t.optional("low", bytes),
        min: t.optional("min", bytes),
        swap_max: t.optional("swapMax", limit),
        oom_group: t.optional("oomGroup", boolean),
        swappiness: t.optional("swappiness", integer(0, 100)),
    }
}

fn limit(p: &Problems, value: &Value) -> Option<Bytes> {
    if value.as_text() == Some("max") { Some(Bytes::MAX) } else { bytes(p, value) }
}

fn signal(p: &Problems, value: &Value) -> Option<Signo> {
    let signals = [
        ("SIGHUP", Signo::Hup),
        ("SIGABRT", Signo::Abrt),
        ("SIGKILL", Signo::Kill),
        ("SIGSEGV", Signo::Segv),
        ("SIGTERM", Signo::Term),
    ];
    one_of("signal", &signals)(p, value)
}
