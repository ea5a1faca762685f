//! What to do about a report.

mod cgroup;
mod node;

use crate::explain::Explanation;
use crate::place::{CgroupPlace, Qos, place};
use crate::report::{LoggedOom, OomKind};
use oomsim_core::units::Bytes;

/// Sentences for the person who runs the node or the pod.
pub(crate) fn advice(report: &LoggedOom, place: Option<&CgroupPlace>, explanation: &Explanation) -> Vec<String> {
    let mut out = Vec::new();
    if report.by_hand() {
        out.push("A person or a program asked the kernel for this kill (SysRq f): memory had not run out. Look for what writes to /proc/sysrq-trigger, or for the keys pressed.".into());
        return out;
    }
    match (report.kind, place) {
        (OomKind::Cgroup, Some(place)) => cgroup::advice(report, place, &mut out),
        (OomKind::Cgroup, None) => {
            out.push("A cgroup reached its own limit; the lines that name it are missing.".into());
            if has_kubelet(report) || report.tasks.is_empty() {
                out.push("On a Kubernetes node, look for the process name among the pods whose containers were OOMKilled: kubectl get events -A | grep -i oom".into());
            }
            cgroup::holds(report, &mut out);
        }
        (OomKind::Node, _) => node::advice(report, explanation, &mut out),
        (OomKind::Unknown, _) => out.push(
            "Save the whole report (journalctl -k, or dmesg, without filtering by grep): it names what ran out and who held the memory.".into(),
        ),
    }
    if let Some(panic) = &report.panic {
        panicked(panic, &mut out);
    }
    let protected = explanation.candidates.iter().all(|c| c.points.is_none());
    if report.no_killable && !explanation.candidates.is_empty() && protected {
        out.push("Every process there has oom_score_adj −1000 (unkillable). Give at least one of them a higher value, or the allocation is retried without end (on the node: panic).".into());
    } else if report.no_killable && protected {
        out.push("No process is left that could be killed: memory of the cgroup is held by files in tmpfs or by kernel objects. Remove the files, or the cgroup.".into());
    }
    if report.oom_kill_allocating_task {
        out.push("vm.oom_kill_allocating_task = 1 kills whatever process asks at the wrong moment: set it to 0, so that the kernel looks for the largest.".into());
    }
    if report.kill_only && report.kind == OomKind::Cgroup {
        out.push("The kernel prints at most 10 reports in 5 seconds: many kills in a row mean that something keeps growing; the first report before these kills names the limit.".into());
    }
    out
}

fn panicked(panic: &str, out: &mut Vec<String>) {
    out.push(if panic.contains("compulsory") {
        "vm.panic_on_oom = 2 panics at every OOM, also at one of a cgroup or a cpuset. Set it to 0 (the kubelet needs 0 and sets it): sysctl -w vm.panic_on_oom=0".into()
    } else if panic.contains("panic_on_oom") {
        "vm.panic_on_oom = 1 panics when the machine runs out. Set it to 0, so that one process dies and not the machine (the kubelet sets 0): sysctl -w vm.panic_on_oom=0".into()
    } else {
        "The kernel panics when the machine has run out and no process may be killed: see which ones have oom_score_adj −1000, and what else holds the memory.".into()
    });
}

/// True when the log shows that a kubelet runs on the machine.
fn has_kubelet(report: &LoggedOom) -> bool {
    const NAMES: [&str; 9] =
        ["kubelet", "k3s", "k3s-server", "k3s-agent", "k0s", "rke2", "kube-proxy", "hyperkube", "kubelite"];
    let named = |comm: &str| NAMES.contains(&comm);
    let paths = [&report.oom_memcg, &report.task_memcg, &report.oom_group];
    paths.into_iter().flatten().any(|p| place(p).of_kubelet() || p.contains("kubepods") || p.contains("kubelet"))
        || report.invoker.as_ref().is_some_and(|i| named(&i.comm))
        // What the kubelet gives to Guaranteed pods and to pause containers is given by no other program.
        || report.tasks.iter().any(|t| named(&t.comm) || (-998..=-997).contains(&t.oom_score_adj))
        || report.killed.iter().any(|k| named(&k.comm))
}

fn size(kb: u64) -> String {
    Bytes::kib(kb.min(u64::MAX >> 10)).to_string()
}

/// Pages as MiB.
fn mib(report: &LoggedOom, pages: u64) -> String {
    format!("{} MiB", report.kb(pages) / 1024)
}

fn percent(part: u64, of: u64) -> u64 {
    part.saturating_mul(100).checked_div(of).unwrap_or(0)
}

/// Words for a quality of service.
pub(crate) fn qos_name(qos: Qos) -> &'static str {
    match qos {
        Qos::Guaranteed => "Guaranteed",
        Qos::Burstable => "Burstable",
        Qos::BestEffort => "BestEffort",
    }
}
