//! A run in the words of kubectl and dmesg, line by line.

use crate::amount;
use crate::text::plural;
use oomsim_core::node_api::{ExitStatus, NodeConditionType, OomReport, PodEventReason, PodPhase, PodReason};
use oomsim_core::record::view::PRE_STOP_HOOK_FAILED;
use oomsim_core::record::{ConditionStatus, Entry, History, Owner, Record};
use oomsim_core::units::{SimDuration, SimTime};

/// How a line or a death is to be taken, which renderers show as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Plain,
    /// Of little weight.
    Quiet,
    /// Worth a look.
    Warn,
    /// A process died or nothing works any more.
    Bad,
}

/// One line of a timeline.
#[derive(Clone, Debug)]
pub struct EventLine {
    /// Whom it is about: `pod/web`, `node/worker`, `kernel`.
    pub who: String,
    /// The event's reason, as `kubectl get events` prints it.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// How it is to be taken.
    pub tone: Tone,
}

/// What happened during a run, in order of time.
pub fn timeline(history: &History) -> impl Iterator<Item = (SimTime, EventLine)> {
    history.entries.iter().flat_map(|entry| lines_at(entry, history))
}

/// The beginning and the end of a long timeline.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The first lines.
    pub first: Vec<(SimTime, EventLine)>,
    /// Events between the two, whose lines are not shown.
    pub left_out: usize,
    /// The last lines.
    pub last: Vec<(SimTime, EventLine)>,
}

/// What happened during a run in about `most` lines at most: only these are put into words.
pub fn excerpt(history: &History, most: usize) -> Excerpt {
    let first: Vec<_> = timeline(history).take(most + 1).collect();
    if first.len() <= most {
        return Excerpt { first, left_out: 0, last: Vec::new() };
    }
    let (mut first, mut from) = (Vec::new(), 0);
    for entry in &history.entries {
        if first.len() >= most / 2 {
            break;
        }
        first.extend(lines_at(entry, history));
        from += 1;
    }
    let (mut last, mut to) = (Vec::new(), history.entries.len());
    while to > from && last.len() < most / 2 {
        to -= 1;
        last.extend(lines_at(&history.entries[to], history).rev());
    }
    last.reverse();
    Excerpt { first, left_out: to - from, last }
}

pub(crate) fn lines_at(
    entry: &Entry,
    history: &History,
) -> impl DoubleEndedIterator<Item = (SimTime, EventLine)> + use<> {
    let at = entry.at;
    lines(entry, history).into_iter().map(move |line| (at, line))
}

fn line(who: impl Into<String>, reason: impl Into<String>, message: impl Into<String>, tone: Tone) -> Vec<EventLine> {
    vec![EventLine { who: who.into(), reason: reason.into(), message: message.into(), tone }]
}

pub(crate) fn pod_name(pod: &str) -> String {
    format!("pod/{}", pod.strip_prefix("default/").unwrap_or(pod))
}

fn owner_name(owner: &Owner) -> String {
    match owner {
        Owner::Container { pod, .. } => pod_name(pod),
        Owner::Host(_) => "host".into(),
    }
}

fn whose(owner: &Owner) -> &str {
    match owner {
        Owner::Container { container: name, .. } | Owner::Host(name) => name,
    }
}

/// A record in the words of kubectl and dmesg; nothing for records that only explain others.
fn lines(entry: &Entry, history: &History) -> Vec<EventLine> {
    match &entry.record {
        Record::ProcessStarted { .. } => Vec::new(),
        Record::PodScheduled { pod, .. } | Record::ContainerStarted { pod, .. } if ran_before(entry, pod, history) => {
            Vec::new()
        }
        Record::SysctlSet { name, value } => line("kernel", "sysctl", format!("{name} = {value}"), Tone::Plain),
        Record::ProcessExited { owner: Owner::Container { .. }, .. } => Vec::new(),
        // runc, and a pod's shim: their work is done.
        Record::ProcessExited { owner: Owner::Host(name), status: ExitStatus::Code(0), .. } if is_runtime(name) => {
            Vec::new()
        }
        Record::ProcessExited { pid, comm, owner, status, .. } => {
            line(owner_name(owner), "exit", format!("{comm} (pid {pid}) {}", how(*status)), Tone::Plain)
        }
        Record::AllocationRefused { pid, comm, owner, op, requested, committed_as, commit_limit } => {
            let call = format!(
                "{comm} (pid {pid}): {op} of {} failed: Cannot allocate memory (Committed_AS {}, CommitLimit {})",
                amount(*requested),
                amount(*committed_as),
                amount(*commit_limit)
            );
            line(owner_name(owner), "ENOMEM", call, Tone::Warn)
        }
        Record::RuntimeOutOfMemory { comm, owner, runtime, heap, limit, requested, .. } => {
            let message = format!(
                "{comm}: the {runtime} runtime refused to allocate {} (heap {}, the runtime's limit {})",
                amount(*requested),
                amount(*heap),
                amount(*limit)
            );
            line(owner_name(owner), "OutOfMemory", message, Tone::Warn)
        }
        Record::OomKill { report, killed_owners, .. } => oom_lines(report, killed_owners),
        Record::UserspaceKill { killer, pid, comm, signal, message, .. } => {
            line(*killer, "kill", format!("{signal} to {comm} (pid {pid}): {message}"), Tone::Bad)
        }
        Record::Stalled { owner, since, some_avg10, usage, limit } => {
            let full = limit.map_or(String::new(), |limit| format!(" of {}", amount(limit)));
            let message = format!(
                "{} has been waiting for memory since {:.1} s (memory.pressure some avg10={}.{:02}), {}{full} in use",
                whose(owner),
                since.as_secs_f64(),
                some_avg10 / 100,
                some_avg10 % 100,
                amount(*usage)
            );
            line(owner_name(owner), "stalled", message, Tone::Bad)
        }
        Record::StallEnded { owner, lasted } => {
            let message = format!("{} is no longer stalled, after {:.1} s", whose(owner), lasted.as_secs_f64());
            line(owner_name(owner), "recovered", message, Tone::Plain)
        }
        Record::CgroupWriteRefused { cgroup, limit } => {
            line("kernel", "EBUSY", format!("{cgroup}: limit {} refused", amount(*limit)), Tone::Warn)
        }
        Record::KernelPanic { message } => line("kernel", "panic", &**message, Tone::Bad),
        Record::SignalSent { pid, comm, signal } => {
            line("kernel", "signal", format!("{signal} to {comm} (pid {pid})"), Tone::Quiet)
        }
        Record::Warning { message } => line("model", "warning", &**message, Tone::Warn),
        record => silent_lines(record, &history.node.name).unwrap_or_else(|| kubelet_lines(record, &history.node.name)),
    }
}

/// Whether a process of the host belongs to the container runtime (`node.runtime.perPod`).
fn is_runtime(name: &str) -> bool {
    matches!(name, "runc" | "containerd-shim")
}

fn tone_of(reason: PodEventReason) -> Tone {
    if reason == PodEventReason::ResizeError { Tone::Warn } else { Tone::Plain }
}

/// What becomes of containers that do not answer and of a node that does not report, and what recordings mark.
fn silent_lines(record: &Record, name: &str) -> Option<Vec<EventLine>> {
    let node = format!("node/{name}");
    Some(match record {
        Record::NodeTaint { key, present } => {
            let what = if *present { "put on the node" } else { "taken off the node" };
            line(node, "taint", format!("{key} (NoSchedule, NoExecute) {what}"), Tone::Warn)
        }
        Record::RecordedGap { owner, until, .. } => {
            let end = until.map_or("to the end".to_owned(), |until| format!("until {:.1} s", until.as_secs_f64()));
            line(owner_name(owner), "recording", format!("{}: nothing recorded {end}", whose(owner)), Tone::Quiet)
        }
        Record::RecordedRestart { comm, owner, .. } => {
            let message = format!("{}: restarted in the recording: {comm} ends here", whose(owner));
            line(owner_name(owner), "recording", message, Tone::Plain)
        }
        Record::MarkedForDeletion { pod } => {
            line(pod_name(pod), "TaintManagerEviction", format!("Marking for deletion Pod {pod}"), Tone::Warn)
        }
        Record::FailedPreStopHook { pod, container } => {
            let message = format!("{PRE_STOP_HOOK_FAILED} (container {container})");
            line(pod_name(pod), "FailedPreStopHook", message, Tone::Warn)
        }
        Record::Unhealthy { pod, message, .. } => line(pod_name(pod), "Unhealthy", &**message, Tone::Warn),
        Record::ContainerReady { pod, container, ready } => {
            let (what, tone) = if *ready { ("ready again", Tone::Plain) } else { ("not ready", Tone::Warn) };
            line(pod_name(pod), "ready", format!("container {container} is {what}"), tone)
        }
        _ => return None,
    })
}

/// What the kubelet did with pods and said about its node, in kubectl's words.
fn kubelet_lines(record: &Record, name: &str) -> Vec<EventLine> {
    let node = format!("node/{name}");
    match record {
        Record::PodRunsAlready { pod, age, restarts } => {
            let again = if *restarts > 0 { format!(", {}", plural(*restarts, "restart")) } else { String::new() };
            line(pod_name(pod), "Running", format!("has been running for {}{again}", long(*age)), Tone::Plain)
        }
        Record::PodScheduled { pod, qos } => {
            let message = format!("Successfully assigned {pod} to {name} (QoS class {qos})");
            line(pod_name(pod), "Scheduled", message, Tone::Plain)
        }
        Record::PodRejected { pod, reason, message } => {
            line(pod_name(pod), reason.as_str(), format!("not admitted: {}", message.trim()), Tone::Warn)
        }
        Record::PodPhase { reason: Some(PodReason::Evicted), .. } => Vec::new(),
        Record::PodPhase { pod, reason: Some(PodReason::Preempting), message, .. } => {
            line(pod_name(pod), PodReason::Preempting.as_str(), message.trim(), Tone::Bad)
        }
        Record::PodPhase { pod, phase: phase @ (PodPhase::Failed | PodPhase::Succeeded), message, .. } => {
            let tone = if *phase == PodPhase::Failed { Tone::Warn } else { Tone::Plain };
            let why = message.trim();
            let why = if why.is_empty() { "all containers have terminated" } else { why };
            line(pod_name(pod), phase.as_str(), why, tone)
        }
        Record::PodPhase { .. } => Vec::new(),
        Record::ContainerStarted { pod, container, restart_count } => {
            let again = if *restart_count > 0 { format!(" (restart {restart_count})") } else { String::new() };
            line(pod_name(pod), "Started", format!("Started container {container}{again}"), Tone::Plain)
        }
        Record::ContainerTerminated { pod, container, reason, exit_code, .. } => {
            let tone = if *exit_code == 0 { Tone::Plain } else { Tone::Warn };
            let message = format!("container {container}: {reason}, exit code {exit_code}");
            line(pod_name(pod), "Terminated", message, tone)
        }
        Record::BackOff { pod, container, delay, .. } => {
            let message = format!("Back-off {delay} restarting failed container {container} (CrashLoopBackOff)");
            line(pod_name(pod), "BackOff", message, Tone::Quiet)
        }
        Record::EvictionThresholdMet { message } => line(node, "EvictionThresholdMet", message.trim(), Tone::Warn),
        Record::Evicted { pod, message, .. } => line(pod_name(pod), "Evicted", message.trim(), Tone::Bad),
        Record::Killing { pod, message, .. } => line(pod_name(pod), "Killing", message.trim(), Tone::Plain),
        Record::PodEvent { pod, reason, message } => {
            line(pod_name(pod), reason.as_str(), message.trim(), tone_of(*reason))
        }
        Record::KillFailed { pod, message, .. } => line(pod_name(pod), "FailedKillPod", message.trim(), Tone::Warn),
        Record::NodeCondition { r#type, status } => {
            let tone = match (r#type, status) {
                (_, ConditionStatus::Unknown) => Tone::Bad,
                (NodeConditionType::MemoryPressure, ConditionStatus::True) => Tone::Warn,
                _ => Tone::Plain,
            };
            line(
                node,
                r#type.event(*status),
                format!("{type}={status}: {}", r#type.message(*status), type = r#type),
                tone,
            )
        }
        Record::SystemOom { message } => line(node, "SystemOOM", message.trim(), Tone::Warn),
        Record::KubeletNotStarted { message } => line(node, "kubelet", format!("does not start: {message}"), Tone::Bad),
        Record::NodeChanged { message } => line(node, "change", &**message, Tone::Quiet),
        _ => Vec::new(),
    }
}

/// True for what happened to a pod before the scenario began.
fn ran_before(entry: &Entry, pod: &str, history: &History) -> bool {
    let mut at_start = history.entries.iter().take_while(|entry| entry.at == SimTime::ZERO);
    entry.at == SimTime::ZERO
        && at_start.any(|e| matches!(&e.record, Record::PodRunsAlready { pod: before, .. } if **before == *pod))
}

/// An age as kubectl shows it, two units at most: `3d4h`, `5h10m`, `90s`.
pub(crate) fn long(age: SimDuration) -> String {
    let seconds = age.as_nanos() / 1_000_000_000;
    let two = |large: u64, unit, small: u64, below| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{below}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => two(seconds / 60, "m", seconds % 60, "s"),
        7200..172_800 => two(seconds / 3600, "h", seconds / 60 % 60, "m"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

/// A cgroup's path with long identifiers cut: the whole ones are in `kernel.log` and in the JSON output.
fn short_path(path: &str) -> String {
    let short = |segment: &str| {
        let (name, kind) = segment.rsplit_once('.').map_or((segment, ""), |(name, kind)| (name, kind));
        let id = name.rfind("pod").map_or(0, |at| at + 3);
        let (prefix, id) = if name.len() - id >= 32 { name.split_at(id) } else { ("", name) };
        if id.len() < 32 || !id.is_ascii() {
            return segment.to_owned();
        }
        let dot = if kind.is_empty() { "" } else { "." };
        format!("{prefix}{}…{dot}{kind}", &id[..8])
    };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

/// Two lines as in dmesg: what ran out for whom, and who was killed.
fn oom_lines(report: &OomReport, owners: &[Owner]) -> Vec<EventLine> {
    let what = match &report.oom_memcg {
        Some(path) => format!(
            "constraint=CONSTRAINT_MEMCG, oom_memcg={}: usage {}kB, limit {}kB",
            short_path(path),
            report.memory.usage.to_kib_floor(),
            report.memory.limit.to_kib_floor()
        ),
        None => "constraint=CONSTRAINT_NONE: the node is out of memory".into(),
    };
    let mut found =
        line("kernel", "oom-killer", format!("{} invoked oom-killer: {what}", report.invoker_comm), Tone::Warn);
    let prefix = if report.oom_memcg.is_some() { "Memory cgroup out of memory" } else { "Out of memory" };
    if let (Some(group), true) = (&report.oom_group, report.killed.len() > 1) {
        let group = short_path(group);
        let message = format!("Tasks in {group} are going to be killed due to memory.oom.group set");
        found.extend(line("kernel", "oom-killer", message, Tone::Plain));
    }
    for (n, task) in report.killed_tasks().enumerate() {
        let message = format!(
            "{prefix}: Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, oom_score_adj:{}",
            task.pid,
            task.comm,
            task.total_vm.kib(),
            task.rss_anon.kib(),
            task.rss_file.kib(),
            task.rss_shmem.kib(),
            task.oom_score_adj
        );
        let who = owners.get(n).map_or("kernel".into(), owner_name);
        found.extend(line(who, "Killed", message, Tone::Bad));
    }
    if report.panic {
        found.extend(line("kernel", "panic", "System is deadlocked on memory", Tone::Bad));
    } else if report.killed.is_empty() {
        found.extend(line("kernel", "oom-killer", format!("{prefix} and no killable processes..."), Tone::Warn));
    }
    found
}

pub(crate) fn how(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exited with code {code}"),
        ExitStatus::Signal(signal) => format!("killed by {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_identifiers_are_cut() {
        for (path, shown) in [
            ("/kubepods", "/kubepods"),
            ("/kubepods/burstable/podfc19e045-f940-93fc-3c51-ddb0d0b2d6e1", "/kubepods/burstable/podfc19e045…"),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podfc19e045_f940_93fc_3c51_ddb0d0b2d6e1.slice",
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podfc19e045….slice",
            ),
            (
                "/kubepods/podabc/fb98ab8c0ccfbc49f1da695c7513de2652cb3e7d69bcc2840d4fc447e40a799d",
                "/kubepods/podabc/fb98ab8c…",
            ),
            ("/system.slice/ssh.service", "/system.slice/ssh.service"),
        ] {
            assert_eq!(short_path(path), shown);
        }
    }
}
