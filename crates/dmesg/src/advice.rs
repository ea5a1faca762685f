//! What to do about a report.

use crate::explain::Explanation;
use crate::place::{Place, Qos};
use crate::report::{Kind, Report};
use oomsim_core::units::Bytes;

/// Sentences for the person who runs the node or the pod.
pub(crate) fn advice(report: &Report, place: Option<&Place>, explanation: &Explanation) -> Vec<String> {
    let mut out = Vec::new();
    if report.by_hand() {
        out.push("Someone asked the kernel for this kill (SysRq f): memory had not run out. Look for who writes to /proc/sysrq-trigger, or presses the keys.".into());
        return out;
    }
    match (report.kind, place) {
        (Kind::Cgroup, Some(place)) => cgroup(report, place, &mut out),
        (Kind::Cgroup, None) => out.push(
            "A cgroup reached its own limit; the lines that name it are missing. Look for the process name among the pods whose containers were OOMKilled: kubectl get events -A | grep -i oom".into(),
        ),
        (Kind::Node, _) => node(report, explanation, &mut out),
        (Kind::Unknown, _) => out.push(
            "Save the whole report (journalctl -k, or dmesg, without filtering by grep): it names what ran out and who held the memory.".into(),
        ),
    }
    if report.no_killable {
        out.push("Every process there has oom_score_adj −1000 (unkillable). Give at least one of them a higher value, or the allocation hangs for ever (on the node: panic).".into());
    }
    if report.kill_only && report.kind == Kind::Cgroup {
        out.push("The kernel prints at most 10 reports in 5 seconds: many kills in a row mean that something keeps growing; the first report before these kills names the limit.".into());
    }
    out
}

fn size(kb: u64) -> String {
    Bytes::kib(kb.min(u64::MAX >> 10)).to_string()
}

fn limit_text(report: &Report) -> String {
    match report.memory {
        Some(m) if m.unlimited() => String::new(),
        Some(m) => format!(" of {}", size(m.limit_kb)),
        None => String::new(),
    }
}

fn find_pod(uid: &str) -> String {
    format!(
        "Find the pod: kubectl get pods -A -o custom-columns=NS:.metadata.namespace,POD:.metadata.name,UID:.metadata.uid | grep {uid}"
    )
}

fn cgroup(report: &Report, place: &Place, out: &mut Vec<String>) {
    let limit = limit_text(report);
    match place {
        Place::Container { pod_uid, id, .. } => {
            out.push(format!(
                "A container reached its own memory limit{limit} (resources.limits.memory). Raise that limit, or make the program need less; free memory on the node does not help."
            ));
            out.push(find_pod(pod_uid));
            out.push(format!("Find the container: crictl inspect {}", short(id)));
        }
        Place::Pod { uid, .. } => {
            out.push(format!(
                "A pod reached its limit{limit}: the sum of its containers' limits (or spec.resources). It is hit first when one container has as much as the whole pod, because the pause container, kernel memory and memory-backed volumes count too. Raise the limits of the containers, or make them need less."
            ));
            out.push(find_pod(uid));
        }
        Place::Pods | Place::QosClass { .. } => {
            out.push(format!(
                "All pods together reached what the kubelet leaves for pods{limit} (capacity − kubeReserved − systemReserved): no single container's limit was hit. They grew faster than the kubelet could evict one (it looks every 10 s)."
            ));
            out.push("Give every container a memory limit, so that one leak cannot take the others with it; let requests be near to real use, so that fewer pods are placed here.".into());
            out.push("Raise evictionHard memory.available, so that the kubelet acts earlier; the kernel's limit for pods stays where it is. Lower reservations only if the node's own daemons really need less.".into());
        }
        Place::Unit { name } => {
            out.push(format!(
                "{name} reached its memory limit{limit} (systemd MemoryMax=, or an enforced kubeReserved/systemReserved cgroup). Raise it, or stop enforcing it (enforceNodeAllocatable)."
            ));
            out.push(format!("See what is set: systemctl show {name} -p MemoryMax -p MemoryCurrent"));
        }
        Place::PlainContainer { id, .. } => out.push(format!(
            "A container reached its own limit{limit} (docker run --memory, or its like). Raise it, or make the program need less. Find it: docker ps --no-trunc | grep {}",
            short(id)
        )),
        Place::Node | Place::Other { .. } => out.push(format!(
            "The cgroup {} reached its limit{limit} (memory.max, or memory.limit_in_bytes). Raise it, or make its processes need less.",
            report.oom_memcg.as_deref().unwrap_or("/")
        )),
    }
    nearly(report, out);
}

fn short(id: &str) -> &str {
    id.get(..13).unwrap_or(id)
}

/// What fills the cgroup, when it is not the programs' own memory.
fn nearly(report: &Report, out: &mut Vec<String>) {
    let (Some(memory), Some(stats)) = (report.memory, report.cgroup_stats.first()) else {
        return;
    };
    let kb = |key: &str| stats.values.iter().find(|(k, _)| k == key).map_or(0, |(_, v)| v / 1024);
    let shmem = kb("shmem");
    if shmem > memory.usage_kb / 4 {
        out.push(format!(
            "{} of it is shared memory or files in memory-backed volumes (tmpfs, emptyDir medium: Memory, /dev/shm): these count in the limit and cannot be dropped.",
            size(shmem)
        ));
    }
    let dirty = kb("dirty") + kb("file_dirty") + kb("writeback") + kb("file_writeback");
    if dirty > memory.usage_kb / 4 {
        out.push(format!(
            "{} of it are written file pages that the disk had not taken yet: a slow disk or a burst of writes fills the limit with cache that cannot be dropped.",
            size(dirty)
        ));
    }
    let kernel = kb("kernel").max(kb("slab")).max(report.kmem.map_or(0, |k| k.usage_kb));
    if kernel > memory.usage_kb / 4 {
        out.push(format!(
            "{} of it is kernel memory (directory entries, sockets, page tables) charged to it.",
            size(kernel)
        ));
    }
}

fn node(report: &Report, explanation: &Explanation, out: &mut Vec<String>) {
    out.push("The node itself ran out of memory: no pod's limit was hit, so no limit of a pod is to blame for the moment of it. Reserve more for the system (systemReserved, kubeReserved), so that pods get less, or raise evictionHard memory.available, so that the kubelet evicts earlier.".into());
    let largest = explanation.candidates.iter().max_by_key(|c| c.rss);
    if let Some(big) = largest
        && big.rss > 0
    {
        let of = explanation.total_pages.filter(|t| *t > 0).map(|t| big.rss.saturating_mul(100) / t);
        let share = of.map_or(String::new(), |p| format!(", {p} % of the memory"));
        if big.chosen {
            out.push(format!("The largest process was the one killed: {} (pid {}){share}.", big.comm, big.pid));
        } else {
            out.push(format!(
                "The largest process, {} (pid {}){share}, was not the one killed: its oom_score_adj is {}. Killing small ones frees little, so more may follow; look at this one first.",
                big.comm, big.pid, big.oom_score_adj
            ));
        }
        if big.oom_score_adj == 0 {
            out.push(format!(
                "An oom_score_adj of 0 is usual for processes outside of pods: if {} is one, the kubelet cannot evict it.",
                big.comm
            ));
        }
    }
    classes(explanation, out);
    unlisted(report, explanation, out);
    if report.invoker.as_ref().and_then(|i| i.order).is_some_and(|o| o > 3) {
        out.push("The failed allocation asked for a large contiguous block: memory may have been fragmented rather than used up.".into());
    }
}

/// Resident memory by what oom_score_adj says about the owner.
fn classes(explanation: &Explanation, out: &mut Vec<String>) {
    let sum = |f: &dyn Fn(i32) -> bool| -> u64 {
        let of = explanation.candidates.iter().filter(|c| f(c.oom_score_adj));
        of.fold(0u64, |s, c| s.saturating_add(c.rss))
    };
    let best_effort = sum(&|a| a == 1000);
    let burstable = sum(&|a| (2..1000).contains(&a));
    let guaranteed = sum(&|a| (-998..=-997).contains(&a));
    let rest = sum(&|a| a < 2 && !(-998..=-997).contains(&a));
    if best_effort + burstable + guaranteed > 0 {
        out.push(format!(
            "Resident memory by oom_score_adj: BestEffort pods (1000) {}, Burstable pods (2 to 999) {}, Guaranteed pods (−997) {}, everything else {}.",
            mib(best_effort),
            mib(burstable),
            mib(guaranteed),
            mib(rest)
        ));
    }
}

fn mib(pages: u64) -> String {
    format!("{} MiB", pages / 256)
}

/// Memory that no process of the table holds.
fn unlisted(report: &Report, explanation: &Explanation, out: &mut Vec<String>) {
    let (Some(info), Some(total)) = (&report.mem_info, explanation.total_pages) else {
        return;
    };
    let get = |key: &str| info.get(key).unwrap_or(0);
    for (pages, what) in [
        (get("slab_unreclaimable"), "is kernel memory that cannot be dropped (slab)"),
        (get("shmem"), "is shared memory or files in memory-backed volumes (tmpfs)"),
    ] {
        if total > 0 && pages > total / 4 {
            out.push(format!("{} {what}: no process's size shows it.", mib(pages)));
        }
    }
}

/// Words for a quality of service.
pub(crate) fn qos_name(qos: Qos) -> &'static str {
    match qos {
        Qos::Guaranteed => "Guaranteed",
        Qos::Burstable => "Burstable",
        Qos::BestEffort => "BestEffort",
    }
}
