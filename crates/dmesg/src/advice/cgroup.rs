//! A cgroup's limit was reached: whose it is, and what filled it.

use super::{percent, qos_name, size};
use crate::place::{CgroupPlace, is_static};
use crate::report::LoggedOom;

pub(super) fn advice(report: &LoggedOom, place: &CgroupPlace, out: &mut Vec<String>) {
    let limit = limit_text(report);
    match place {
        CgroupPlace::Container { pod_uid, id, .. } => {
            out.push(format!(
                "A container reached its own memory limit{limit} (resources.limits.memory). Raise that limit, or make the program need less; free memory on the node does not help."
            ));
            out.push(find_pod(pod_uid));
            out.push(format!("Find the container: crictl inspect {}", short(id)));
        }
        CgroupPlace::Pod { uid, .. } => {
            out.push(format!(
                "A pod reached its limit{limit}: the sum of its containers' limits (or spec.resources). It is hit first when one container has as much as the whole pod, because the pause container, kernel memory and memory-backed volumes count too. Raise the limits of the containers, or make them need less."
            ));
            out.push(find_pod(uid));
        }
        CgroupPlace::QosClass { qos } => {
            out.push(format!(
                "All {} pods together reached the limit of their class{limit}, which the kubelet sets with qosReserved only (feature gate QOSReserved): what pods of higher classes request is held back from them, used or not. No single container's limit was hit.",
                qos_name(*qos)
            ));
            out.push("Lower the percentage of qosReserved.memory, let requests of higher classes be near to real use, or give each container of this class a limit.".into());
        }
        CgroupPlace::Pods => {
            out.push(format!(
                "All pods together reached what the kubelet leaves for pods{limit} (capacity − kubeReserved − systemReserved): no single container's limit was hit. They grew faster than the kubelet could evict one (it looks every 10 s)."
            ));
            out.push("Give every container a memory limit, so that one leak cannot take the others with it; let requests be near to real use, so that fewer pods are placed here.".into());
            out.push("Raise evictionHard memory.available, so that the kubelet acts earlier; the kernel's limit for pods stays where it is. Lower reservations only if the node's own daemons really need less.".into());
        }
        CgroupPlace::Unit { name } => unit(name, &limit, report, out),
        CgroupPlace::PlainContainer { id, runtime } => out.push(plain_container(id, *runtime, &limit)),
        CgroupPlace::Job { system, name } => {
            out.push(format!("{name} of {} reached its memory limit{limit}. {}", system.name(), system.advice()));
        }
        CgroupPlace::Node | CgroupPlace::Other { .. } => {
            let path = report.oom_memcg.as_deref().unwrap_or("/");
            let enforced = if is_reserved(path) { ENFORCED } else { "" };
            out.push(format!(
                "The cgroup {path} reached its limit{limit} (memory.max, or memory.limit_in_bytes{enforced}). Raise it, or make its processes need less."
            ));
        }
    }
    holds(report, out);
    swap(report, out);
}

/// Where the limit of a cgroup of daemons may come from on a node of Kubernetes.
const ENFORCED: &str = ", or an enforced kubeReserved/systemReserved cgroup: then raise that reservation or stop enforcing it (enforceNodeAllocatable)";

/// Names that clusters give to the cgroups of their daemons (kubeReservedCgroup, systemReservedCgroup): those of the
/// kubelet's documentation, AKS, EKS, GKE and Talos.
const RESERVED: [&str; 9] = [
    "kubereserved",
    "kube-reserved",
    "systemreserved",
    "system-reserved",
    "podruntime",
    "runtime",
    "kubelet",
    "kube",
    "system",
];

/// True for such a cgroup, and what is in it.
fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    RESERVED.contains(&first.strip_suffix(".slice").unwrap_or(first))
}

fn unit(name: &str, limit: &str, report: &LoggedOom, out: &mut Vec<String>) {
    // Services have limits of their own in system.slice everywhere.
    let reserved = report.oom_memcg.as_deref().is_some_and(|path| {
        is_reserved(path) && (name.ends_with(".slice") || !path.trim_start_matches('/').starts_with("system.slice"))
    });
    let enforced = if reserved || super::has_kubelet(report) { ENFORCED } else { "" };
    out.push(format!(
        "{name} reached its memory limit{limit} (MemoryMax= of systemd{enforced}). Raise it, or make its processes need less."
    ));
    let user = report.oom_memcg.as_deref().is_some_and(|p| p.contains("/user@") && !name.starts_with("user"));
    let user = if user { "--user " } else { "" };
    out.push(format!(
        "See what is set: systemctl {user}show {name} -p MemoryMax -p MemoryCurrent; set it: systemctl {user}set-property {name} MemoryMax=SIZE"
    ));
}

fn plain_container(id: &str, runtime: Option<&str>, limit: &str) -> String {
    let id = short(id);
    match runtime {
        Some("podman") => format!(
            "A Podman container reached its own limit{limit} (podman run --memory, or MemoryMax= of its quadlet). Raise it (podman update --memory SIZE {id}), or make the program need less. Find it: podman ps --all --no-trunc | grep {id}"
        ),
        Some("kata") => format!(
            "What Kata Containers itself needs for a sandbox (the virtual machine monitor and its shim) reached its limit{limit}. Raise overhead.podFixed.memory of the RuntimeClass, or set sandbox_cgroup_only = true in Kata's configuration, so that the pod's own limit holds for both."
        ),
        Some("containerd") => format!(
            "A containerd container reached its own limit{limit} (nerdctl run --memory, or its like). Raise it, or make the program need less. Find it: nerdctl ps --all --no-trunc | grep {id}; ctr containers info {id}"
        ),
        _ => format!(
            "A container reached its own limit{limit} (docker run --memory, mem_limit of Compose, or their like). Raise it (docker update --memory SIZE {id}), or make the program need less. Find it: docker ps --all --no-trunc | grep {id}"
        ),
    }
}

fn limit_text(report: &LoggedOom) -> String {
    match report.memory {
        Some(m) if m.unlimited() => String::new(),
        Some(m) => format!(" of {}", size(m.limit_kb)),
        None => String::new(),
    }
}

fn find_pod(uid: &str) -> String {
    if is_static(uid) {
        return format!(
            "It is a static pod, of a file in the kubelet's staticPodPath (often /etc/kubernetes/manifests); its mirror has this uid as annotation: kubectl get pods -A -o yaml | grep -B 20 'config.hash: {uid}'"
        );
    }
    format!(
        "Find the pod: kubectl get pods -A -o custom-columns=NS:.metadata.namespace,POD:.metadata.name,UID:.metadata.uid | grep {uid}"
    )
}

fn short(id: &str) -> &str {
    id.get(..13).unwrap_or(id)
}

/// What fills the cgroup, when it is not the programs' own memory.
pub(super) fn holds(report: &LoggedOom, out: &mut Vec<String>) {
    let Some(memory) = report.memory.filter(|m| m.usage_kb > 0) else { return };
    let stats = report.cgroup_stats.first();
    let stat = |key: &str| {
        let found = stats.and_then(|s| s.values.iter().find(|(k, _)| k == key));
        found.map_or(0, |(_, v)| v / 1024)
    };
    let large = |kb: u64| kb > memory.usage_kb / 4;
    let share = |kb: u64| format!("{} ({} % of it)", size(kb), percent(kb, memory.usage_kb));
    let shmem = stat("shmem");
    if large(shmem) {
        out.push(format!(
            "{} is shared memory or files in memory-backed volumes (tmpfs, emptyDir medium: Memory, /dev/shm): these count in the limit, cannot be dropped, and stay when a process dies.",
            share(shmem)
        ));
    }
    let dirty = stat("dirty") + stat("file_dirty") + stat("writeback") + stat("file_writeback");
    if large(dirty) {
        out.push(format!(
            "{} is written file pages that the disk had not taken yet: a slow disk or a burst of writes fills the limit with cache that cannot be dropped.",
            share(dirty)
        ));
    }
    let sock = stat("sock");
    let kernel = stat("kernel").max(stat("slab")).max(report.kmem.map_or(0, |k| k.usage_kb)).max(sock);
    if large(kernel) {
        let most = if kernel > memory.usage_kb / 2 { "Most of the limit is kernel memory: " } else { "" };
        let what = if large(sock) {
            "buffers of sockets: many connections, or peers that do not read"
        } else {
            "directory entries and inodes of many files, sockets, pipes, page tables"
        };
        out.push(format!(
            "{most}{} is kernel memory charged to the cgroup ({what}). No process shows it, and killing one may free little of it; slabtop and memory.stat tell what it is.",
            share(kernel)
        ));
    }
    let locked = stat("unevictable");
    if large(locked) && !large(shmem) {
        out.push(format!("{} is locked in memory (mlock) and cannot be dropped or swapped.", share(locked)));
    }
    if let Some((min, low)) = report.protection_kb.filter(|(min, low)| min + low > 0) {
        out.push(format!(
            "The cgroup is protected from reclaim by others: memory.min {}, memory.low {}.",
            size(min),
            size(low)
        ));
    }
}

/// Swap that was allowed and not used.
fn swap(report: &LoggedOom, out: &mut Vec<String>) {
    let Some(swap) = report.swap else { return };
    if swap.usage_kb == 0 && swap.limit_kb > 0 && !swap.unlimited() {
        out.push(format!(
            "Swap of {} was allowed and not used: see whether the machine has swap, and vm.swappiness.",
            size(swap.limit_kb)
        ));
    }
}
