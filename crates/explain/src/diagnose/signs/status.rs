//! Signs of how a container ended: its status, events, the kernel log.

use super::{Noted, SignKind, mib};
use crate::diagnose::observed::{End, EventFact, KernelKill, KillScope, Observed, PodFacts};
use oomsim_core::units::Bytes;

/// Lives shorter than this end soon after the start.
const SHORT_LIFE_S: f64 = 120.0;
/// Processes outside of pods that hold more than this share of a node's memory hold a large part of it.
const LARGE_PART: f64 = 0.15;
/// Exit codes of runtimes whose heap is full: Java's ExitOnOutOfMemoryError; abort (Java's CrashOnOutOfMemoryError,
/// Node.js); .NET.
const ABORTS: [i32; 3] = [3, 134, 139];

/// Reasons of a pod that was ended as a whole, none of which is memory (pkg/kubelet: preemption, nodeshutdown,
/// active_deadline; the node controller).
const ENDED: [&str; 6] = ["Preempting", "Terminated", "Shutdown", "NodeShutdown", "DeadlineExceeded", "NodeLost"];

/// Evicted for memory, by status or message.
fn evicted(pod: &PodFacts) -> bool {
    // Behind the resource stand the names of containers, which may be anything.
    let resource = pod.message.split("low on resource: ").nth(1).and_then(|rest| rest.split('.').next());
    let said = resource.unwrap_or(&pod.message).to_ascii_lowercase();
    pod.reason == "Evicted" && (said.is_empty() || said.contains("memory"))
}

/// Evicted for another resource, or ended as a whole for a reason that has nothing to do with memory.
fn ended_for_other(pod: &PodFacts) -> bool {
    pod.reason == "Evicted" && !evicted(pod) || ENDED.contains(&pod.reason.as_str())
}

pub(super) fn status(observed: &Observed, to: &mut Noted) {
    let pod = &observed.pod;
    if pod.reason == "Evicted" && pod.message.contains("EmptyDir volume") {
        to.has(SignKind::VolumeOverSize, pod.message.trim());
    } else if evicted(pod) {
        to.has(SignKind::Evicted, pod.message.trim());
        of_another(observed, to);
    } else if ended_for_other(pod) {
        to.has(SignKind::EndedForOther, format!("{}: {}", pod.reason, pod.message.trim()));
    }
    let container = observed.facts();
    let end = container.and_then(|c| c.ended.as_ref());
    match end {
        _ if pod.reason == "Evicted" || ended_for_other(pod) => {}
        Some(end) if end.exit_code != 0 => ended(observed, end, to),
        Some(end) if end.oom_killed() => to.has(SignKind::ChildEnded, "exit code 0"),
        _ if container.is_some_and(|c| c.status_known && c.restarts == 0) => to.has(SignKind::NeverEnded, ""),
        _ => {}
    }
    let short = end.filter(|end| end.exit_code != 0).and_then(|end| end.lived_s).filter(|s| *s < SHORT_LIFE_S);
    if let (Some(lived), true) = (short, container.is_some_and(|c| c.restarts > 1)) {
        to.has(SignKind::ShortLife, format!("{lived:.0} s"));
    }
    let killed = |c: &&crate::diagnose::ContainerFacts| c.ended.as_ref().is_some_and(End::oom_killed);
    if let Some(init) = pod.init.iter().find(killed) {
        to.has(SignKind::InitKilled, init.name.clone());
    }
    let own = end.is_some_and(End::oom_killed);
    let other = pod.containers.iter().filter(|c| c.name != observed.container).find(killed);
    match (own, other) {
        (true, _) if container.is_some_and(|c| c.beside) => to.has(SignKind::KilledBeside, observed.container.clone()),
        (false, Some(other)) => to.has(SignKind::OtherKilled, other.name.clone()),
        _ => {}
    }
}

/// The message of an eviction names the containers that were above their requests.
fn of_another(observed: &Observed, to: &mut Noted) {
    let pod = &observed.pod;
    let named = |name: &str| pod.message.contains(&format!("Container {name} was using"));
    let other = pod.containers.iter().find(|c| c.name != observed.container && named(&c.name));
    if let Some(other) = other.filter(|_| !named(&observed.container)) {
        to.has(SignKind::EvictedForOther, other.name.clone());
    }
}

/// The container's runtime ended it because its heap was full.
pub(super) fn aborted(observed: &Observed) -> bool {
    observed.facts().and_then(|c| c.ended.as_ref()).is_some_and(|end| ABORTS.contains(&end.exit_code))
}

fn ended(observed: &Observed, end: &End, to: &mut Noted) {
    let code = format!("exit code {}", end.exit_code);
    let reason = format!("reason {}", end.reason);
    match end.exit_code {
        137 if end.oom_killed() => {
            to.has(SignKind::OomKilled, code);
            if observed.limit().is_none() && observed.facts().is_some_and(|c| c.spec_known) {
                to.has(SignKind::KilledWithoutLimit, "");
            }
        }
        _ if end.oom_killed() => {
            to.has(SignKind::OomKilled, code.clone());
            to.has(SignKind::ChildEnded, code);
        }
        137 => to.has(SignKind::Killed137, reason),
        143 => to.has(SignKind::Terminated143, reason),
        aborts if ABORTS.contains(&aborts) => to.has(SignKind::RuntimeAborts, code),
        _ => to.has(SignKind::FailedItself, code),
    }
}

pub(super) fn events(observed: &Observed, to: &mut Noted) {
    let events = observed.events.as_deref();
    let all = || events.into_iter().flatten();
    let count = |pick: &dyn Fn(&EventFact) -> bool| all().filter(|e| pick(e)).map(|e| e.count.max(1)).sum::<u32>();
    let of_container = |e: &EventFact| {
        let named = e.message.strip_prefix("Container ").and_then(|rest| rest.split(' ').next());
        named.is_none_or(|name| name == observed.container)
    };
    let failed = count(&|e| {
        let text = e.message.to_ascii_lowercase();
        let probe = text.contains("liveness probe") || text.contains("startup probe");
        probe && (e.reason == "Unhealthy" || e.reason == "Killing") && of_container(e)
    });
    match observed.facts() {
        Some(_) if failed > 0 => to.has(SignKind::ProbeFailed, format!("{failed} events")),
        Some(c) if c.liveness => {
            let by_signal = |end: &End| [137, 143].contains(&end.exit_code) && !end.oom_killed();
            if c.ended.as_ref().is_some_and(by_signal) {
                to.has(SignKind::HasProbe, "");
            }
            if events.is_some_and(|list| !list.is_empty()) {
                to.has(SignKind::ProbeSilent, "");
            }
        }
        Some(c) if c.spec_known => to.has(SignKind::NoProbe, ""),
        _ => {}
    }
    let stopped = |e: &EventFact| {
        e.reason == "Killing" && e.message.starts_with("Stopping container")
            || ["ExceededGracePeriod", "FailedPreStopHook", "Preempting", "Preempted"].contains(&e.reason.as_str())
    };
    if let Some(event) = all().find(|e| stopped(e)) {
        to.has(SignKind::Stopped, format!("{}: {}", event.reason, event.message));
    }
    let pressure = ["NodeHasInsufficientMemory", "EvictionThresholdMet"];
    if let Some(event) = all().find(|e| pressure.contains(&e.reason.as_str())) {
        to.has(SignKind::NodeReportsPressure, event.reason.clone());
    }
    if observed.pod.reason != "Evicted" && count(&|e| e.reason == "Evicted" && !e.of_node) > 0 {
        to.has(SignKind::Evicted, "an event says so");
    }
    let killed = observed.facts().and_then(|c| c.ended.as_ref()).is_some_and(|end| end.exit_code == 137);
    match count(&|e| e.reason == "SystemOOM") {
        0 if killed && events.is_some() => to.has(SignKind::NoSystemOom, ""),
        0 => {}
        // An eviction is no kill by the kernel, whatever else happened on the node.
        _ if observed.pod.reason == "Evicted" => to.has(SignKind::NodeReportsPressure, "SystemOOM"),
        times => to.has(SignKind::SystemOom, format!("{times} events")),
    }
}

pub(super) fn kernel(observed: &Observed, to: &mut Noted) {
    let Some(kills) = &observed.kills else { return };
    let seen = |kill: &KernelKill| match kill.anon {
        Some(anon) => format!("{} with {} of anonymous memory", kill.comm, crate::text::amount(anon)),
        None => kill.comm.clone(),
    };
    if let Some(kill) = kills.first() {
        match kill.scope {
            KillScope::Container | KillScope::Pod | KillScope::Cgroup => {
                to.has(SignKind::KernelInContainer, seen(kill))
            }
            KillScope::Kubepods => to.has(SignKind::KernelKubepods, seen(kill)),
            KillScope::Node => to.has(SignKind::KernelNode, seen(kill)),
            KillScope::Program => to.has(SignKind::KilledByProgram, kill.comm.clone()),
        }
    }
    if let Some(kill) = kills.iter().find(|kill| kill.child == Some(true)) {
        to.has(SignKind::KernelChild, kill.comm.clone());
    }
    if kills.is_empty() {
        to.has(SignKind::KernelSilent, "");
    }
    let total = observed.node_total.map_or(f64::INFINITY, |total| total.get() as f64);
    if let Some(outside) = kills.iter().filter_map(|kill| kill.outside_pods).max()
        && outside > Bytes::gib(1)
        && (outside.get() as f64 > total * LARGE_PART || total.is_infinite())
    {
        to.has(SignKind::OutsidePods, crate::text::amount(outside));
    }
    let shared = |kill: &&KernelKill| kill.shmem.zip(kill.charged).is_some_and(|(s, all)| s.get() * 2 > all.get());
    if let Some(shmem) = kills.iter().find(shared).and_then(|kill| kill.shmem) {
        to.has(SignKind::SharedAtKill, crate::text::amount(shmem));
    }
    let highest = observed.working_set.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let own = |kill: &&KernelKill| {
        matches!(kill.scope, KillScope::Container | KillScope::Pod | KillScope::Cgroup) && kill.child != Some(true)
    };
    let most = kills.iter().filter(own).filter_map(|k| k.anon).max().map_or(0.0, |anon| anon.get() as f64);
    if highest > 0.0 && most > highest * 1.25 {
        to.has(SignKind::PeakUnseen, format!("{} against {}", mib(most), mib(highest)));
    }
}
