//! `--format text`: a timeline in the words of kubectl and dmesg, which processes died and why, pods, expectations.

use super::RunReport;
use super::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use super::table::Table;
use crate::picture::{memory_text, oom_limit_name};
use anstyle::Style;
use oomsim_core::engine::Stop;
use oomsim_core::node_api::{EvictionSignal, ExitStatus, OomReport, PodPhase, PodReason};
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{ConditionStatus, DeathCause, Entry, History, LimitScope, Owner, Record};
use oomsim_core::units::{Bytes, Pid, SimTime};
use std::fmt::Write;

/// Maximum number of lines in the timeline; a longer one is abbreviated in the middle.
const MOST_LINES: usize = 120;
/// Maximum number of rows in a table.
const MOST_ROWS: usize = 40;
/// Maximum number of characters shown of what a satisfied expectation found.
const MOST_FOUND: usize = 100;

/// The whole text.
pub fn render(report: &RunReport) -> String {
    let history = &report.history;
    let mut text = String::new();
    head(&mut text, report);
    timeline(&mut text, history);
    deaths(&mut text, history);
    pods(&mut text, history);
    expectations(&mut text, report);
    tail(&mut text, history);
    text
}

fn amount(bytes: Bytes) -> String {
    memory_text(bytes.get() as f64)
}

pub(crate) fn heading(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n{}", paint(HEADING, title));
}

fn head(text: &mut String, report: &RunReport) {
    let history = &report.history;
    let node = &history.node;
    let _ = writeln!(text, "{}  seed {}", paint(HEADING, &history.scenario), history.seed);
    for line in report.description.trim().lines() {
        let _ = writeln!(text, "  {}", line.trim());
    }
    let name = if &*node.name == "node" { "node".into() } else { format!("node {}", node.name) };
    let mut facts = vec![format!("{name}: capacity {}", amount(node.capacity))];
    if node.kubepods_limit.is_some() || node.allocatable != node.capacity {
        facts.push(format!("allocatable {}", amount(node.allocatable)));
    }
    facts.extend(node.kubepods_limit.map(|limit| format!("kubepods limit {}", amount(limit))));
    facts.extend(node.eviction_hard.map(|limit| format!("eviction-hard {}", amount(limit))));
    facts.extend(node.eviction_soft.map(|limit| format!("eviction-soft {}", amount(limit))));
    let _ = writeln!(text, "  {}", facts.join(", "));
}

/// Seconds with milliseconds, for the first column.
fn clock(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

struct Line {
    who: String,
    reason: String,
    message: String,
    style: Style,
}

fn line(who: impl Into<String>, reason: impl Into<String>, message: impl Into<String>, style: Style) -> Vec<Line> {
    vec![Line { who: who.into(), reason: reason.into(), message: message.into(), style }]
}

fn pod_name(pod: &str) -> String {
    format!("pod/{}", pod.strip_prefix("default/").unwrap_or(pod))
}

fn owner_name(owner: &Owner) -> String {
    match owner {
        Owner::Container { pod, .. } => pod_name(pod),
        Owner::Host(_) => "host".into(),
    }
}

const PLAIN: Style = Style::new();

/// A record in the words of kubectl and dmesg; nothing for records that only explain others.
fn lines(entry: &Entry, history: &History) -> Vec<Line> {
    match &entry.record {
        Record::ProcessStarted { .. } => Vec::new(),
        Record::SysctlSet { name, value } => line("kernel", "sysctl", format!("{name} = {value}"), PLAIN),
        Record::ProcessExited { owner: Owner::Container { .. }, .. } => Vec::new(),
        Record::ProcessExited { pid, comm, owner, status, .. } => {
            line(owner_name(owner), "exit", format!("{comm} (pid {pid}) {}", how(*status)), PLAIN)
        }
        Record::AllocationRefused { pid, comm, owner, op, requested, committed_as, commit_limit } => {
            let call = format!(
                "{comm} (pid {pid}): {op} of {} failed: Cannot allocate memory (Committed_AS {}, CommitLimit {})",
                amount(*requested),
                amount(*committed_as),
                amount(*commit_limit)
            );
            line(owner_name(owner), "ENOMEM", call, WARN)
        }
        Record::RuntimeOutOfMemory { comm, owner, runtime, heap, limit, requested, .. } => {
            let message = format!(
                "{comm}: the {runtime} runtime refused to allocate {} (heap {}, the runtime's limit {})",
                amount(*requested),
                amount(*heap),
                amount(*limit)
            );
            line(owner_name(owner), "OutOfMemory", message, WARN)
        }
        Record::OomKill { report, killed_owners, .. } => oom_lines(report, killed_owners),
        Record::CgroupWriteRefused { cgroup, limit } => {
            line("kernel", "EBUSY", format!("{cgroup}: limit {} refused", amount(*limit)), WARN)
        }
        Record::KernelPanic { message } => line("kernel", "panic", &**message, BAD),
        Record::SignalSent { pid, comm, signal } => {
            line("kernel", "signal", format!("{signal} to {comm} (pid {pid})"), DIM)
        }
        Record::Warning { message } => line("model", "warning", &**message, WARN),
        record => kubelet_lines(record, &history.node.name),
    }
}

/// What the kubelet did with pods and said about its node, in kubectl's words.
fn kubelet_lines(record: &Record, name: &str) -> Vec<Line> {
    let node = format!("node/{name}");
    match record {
        Record::PodScheduled { pod, qos } => {
            let message = format!("Successfully assigned {pod} to {name} (QoS class {qos})");
            line(pod_name(pod), "Scheduled", message, PLAIN)
        }
        Record::PodRejected { pod, reason, message } => {
            line(pod_name(pod), reason.as_str(), format!("not admitted: {}", message.trim()), WARN)
        }
        Record::PodPhase { reason: Some(PodReason::Evicted), .. } => Vec::new(),
        Record::PodPhase { pod, phase: phase @ (PodPhase::Failed | PodPhase::Succeeded), message, .. } => {
            let style = if *phase == PodPhase::Failed { WARN } else { PLAIN };
            let why = message.trim();
            line(
                pod_name(pod),
                phase.as_str(),
                if why.is_empty() { "all containers have terminated" } else { why },
                style,
            )
        }
        Record::PodPhase { .. } => Vec::new(),
        Record::ContainerStarted { pod, container, restart_count } => {
            let again = if *restart_count > 0 { format!(" (restart {restart_count})") } else { String::new() };
            line(pod_name(pod), "Started", format!("Started container {container}{again}"), PLAIN)
        }
        Record::ContainerTerminated { pod, container, reason, exit_code, .. } => {
            let style = if *exit_code == 0 { PLAIN } else { WARN };
            let message = format!("container {container}: {reason}, exit code {exit_code}");
            line(pod_name(pod), "Terminated", message, style)
        }
        Record::BackOff { pod, container, delay, .. } => {
            let message = format!("Back-off {delay} restarting failed container {container} (CrashLoopBackOff)");
            line(pod_name(pod), "BackOff", message, DIM)
        }
        Record::EvictionThresholdMet { message } => line(node, "EvictionThresholdMet", message.trim(), WARN),
        Record::Evicted { pod, message, .. } => line(pod_name(pod), "Evicted", message.trim(), BAD),
        Record::Killing { pod, message, .. } => line(pod_name(pod), "Killing", message.trim(), PLAIN),
        Record::KillFailed { pod, message, .. } => line(pod_name(pod), "FailedKillPod", message.trim(), WARN),
        Record::NodeCondition { r#type, status } => {
            let style = if *status == ConditionStatus::True { WARN } else { PLAIN };
            line(
                node,
                r#type.event(*status),
                format!("{type}={status}: {}", r#type.message(*status), type = r#type),
                style,
            )
        }
        Record::SystemOom { message } => line(node, "SystemOOM", message.trim(), WARN),
        Record::KubeletNotStarted { message } => line(node, "kubelet", format!("does not start: {message}"), BAD),
        Record::EvictionPass { .. }
        | Record::PodCleanedUp { .. }
        | Record::ProcessStarted { .. }
        | Record::SysctlSet { .. }
        | Record::ProcessExited { .. }
        | Record::AllocationRefused { .. }
        | Record::RuntimeOutOfMemory { .. }
        | Record::OomKill { .. }
        | Record::CgroupWriteRefused { .. }
        | Record::KernelPanic { .. }
        | Record::SignalSent { .. }
        | Record::Warning { .. } => Vec::new(),
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
fn oom_lines(report: &OomReport, owners: &[Owner]) -> Vec<Line> {
    let what = match &report.oom_memcg {
        Some(path) => format!(
            "constraint=CONSTRAINT_MEMCG, oom_memcg={}: usage {}kB, limit {}kB",
            short_path(path),
            report.memory.usage.to_kib_floor(),
            report.memory.limit.to_kib_floor()
        ),
        None => "constraint=CONSTRAINT_NONE: the node is out of memory".into(),
    };
    let mut found = line("kernel", "oom-killer", format!("{} invoked oom-killer: {what}", report.invoker_comm), WARN);
    let prefix = if report.oom_memcg.is_some() { "Memory cgroup out of memory" } else { "Out of memory" };
    if let (Some(group), true) = (&report.oom_group, report.killed.len() > 1) {
        let group = short_path(group);
        let message = format!("Tasks in {group} are going to be killed due to memory.oom.group set");
        found.extend(line("kernel", "oom-killer", message, PLAIN));
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
        found.extend(line(who, "Killed", message, BAD));
    }
    if report.panic {
        found.extend(line("kernel", "panic", "System is deadlocked on memory", BAD));
    } else if report.killed.is_empty() {
        found.extend(line("kernel", "oom-killer", format!("{prefix} and no killable processes..."), WARN));
    }
    found
}

fn how(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exited with code {code}"),
        ExitStatus::Signal(signal) => format!("killed by {signal}"),
    }
}

fn timeline(text: &mut String, history: &History) {
    let all: Vec<(SimTime, Line)> = history
        .entries
        .iter()
        .flat_map(|entry| lines(entry, history).into_iter().map(move |line| (entry.at, line)))
        .collect();
    if all.is_empty() {
        return;
    }
    heading(text, "TIMELINE");
    let shown: Vec<&(SimTime, Line)> = if all.len() > MOST_LINES {
        all[..MOST_LINES / 2].iter().chain(&all[all.len() - MOST_LINES / 2..]).collect()
    } else {
        all.iter().collect()
    };
    let width = |pick: fn(&Line) -> &String| shown.iter().map(|(_, l)| pick(l).chars().count()).max().unwrap_or(0);
    let (time_width, who, reason) = (clock(history.ended_at).len().max(7), width(|l| &l.who), width(|l| &l.reason));
    for (n, (at, line)) in shown.iter().enumerate() {
        if n == MOST_LINES / 2 && all.len() > MOST_LINES {
            let left_out = all.len() - MOST_LINES;
            let note = format!("  … {left_out} more lines; --out DIR writes all of them to events.jsonl …");
            let _ = writeln!(text, "{}", paint(DIM, note));
        }
        let reason_text = paint(line.style, format!("{:reason$}", line.reason));
        let time = paint(DIM, format!("{:>time_width$}s", clock(*at)));
        let _ = writeln!(text, "{time}  {:who$}  {reason_text}  {}", line.who, line.message);
    }
}

fn deaths(text: &mut String, history: &History) {
    let mut table = Table::new(&["TIME", "PROCESS", "OF", "BY", "WHY"]);
    let mut count = 0;
    for (index, entry) in history.entries.iter().enumerate() {
        let Record::ProcessExited { pid, comm, owner, status, cause } = &entry.record else { continue };
        if matches!(owner, Owner::Container { container, .. } if &**container == "POD") {
            continue;
        }
        count += 1;
        if count > MOST_ROWS {
            continue;
        }
        let of = match owner {
            Owner::Container { pod, container } => format!("{}/{container}", pod_name(pod)),
            Owner::Host(name) => format!("host/{name}"),
        };
        let (by, why, style) = explain(&history.entries[..index], *pid, owner, *status, *cause, history);
        table.row(vec![format!("{}s", clock(entry.at)), format!("{comm} ({pid})"), of, by.into(), why], style);
    }
    heading(text, "WHO DIED");
    if table.is_empty() {
        text.push_str("no process died\n");
        return;
    }
    text.push_str(&table.render(0));
    if count > MOST_ROWS {
        let _ = writeln!(text, "{}", paint(DIM, format!("… and {} more", count - MOST_ROWS)));
    }
}

/// Who killed the process, why, and the style to show it in.
fn explain(
    before: &[Entry],
    pid: Pid,
    owner: &Owner,
    status: ExitStatus,
    cause: DeathCause,
    history: &History,
) -> (&'static str, String, Style) {
    match cause {
        DeathCause::MemcgOom | DeathCause::GlobalOom => ("kernel", oom_reason(before, pid), BAD),
        DeathCause::Eviction => ("kubelet", eviction_reason(before, owner, history), BAD),
        DeathCause::ContainerStop => ("runtime", format!("its container was stopped ({})", how(status)), PLAIN),
        DeathCause::SessionHangup => ("session", "the leader of its session died (SIGHUP)".into(), WARN),
        DeathCause::Injected => ("scenario", how(status), PLAIN),
        DeathCause::SelfExit => {
            let refused = before.iter().rev().take(64).find_map(|entry| match &entry.record {
                Record::RuntimeOutOfMemory { pid: of, runtime, limit, .. } if *of == pid => {
                    Some(format!("the {runtime} heap limit of {} was reached; {}", amount(*limit), how(status)))
                }
                Record::AllocationRefused { pid: of, op, requested, .. } if *of == pid => {
                    Some(format!("{op} of {} was refused (ENOMEM); {}", amount(*requested), how(status)))
                }
                _ => None,
            });
            ("itself", refused.unwrap_or_else(|| how(status)), PLAIN)
        }
    }
}

fn oom_reason(before: &[Entry], pid: Pid) -> String {
    let report = before.iter().rev().find_map(|entry| match &entry.record {
        Record::OomKill { report, limit, .. } if report.killed_tasks().any(|task| task.pid == pid) => {
            Some((report, limit))
        }
        _ => None,
    });
    let Some((report, scope)) = report else { return "out of memory".into() };
    let limit = match scope {
        LimitScope::Node => oom_limit_name(scope).into(),
        _ => format!("{} of {}", oom_limit_name(scope), amount(report.memory.limit)),
    };
    let chosen = report.chosen();
    if chosen.is_some_and(|task| task.pid != pid) {
        return format!("{limit}; killed with its group (memory.oom.group)");
    }
    let points = chosen.and_then(|task| task.points).map_or(String::new(), |points| {
        let eligible = report.tasks.iter().filter(|task| task.points.is_some()).count();
        match report.tasks.iter().filter(|task| task.points == Some(points)).count() {
            0 | 1 if eligible < 2 => format!("; {}, the only candidate", plural(points, "point")),
            0 | 1 => format!("; {}, the most of {eligible} candidates", plural(points, "point")),
            equals => {
                format!("; {}, a tie of {equals} among {eligible} candidates", plural(points, "point"))
            }
        }
    });
    format!("{limit}{points}")
}

/// A count with its noun.
pub fn plural(count: impl Into<i128>, what: &str) -> String {
    let count = count.into();
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn eviction_reason(before: &[Entry], owner: &Owner, history: &History) -> String {
    let Owner::Container { pod, .. } = owner else { return "its pod was evicted".into() };
    let found = before.iter().rev().find_map(|entry| match &entry.record {
        Record::Evicted { pod: of, signal, usage_seen, usage_seen_at, usage_now, .. } if of == pod => {
            Some((entry.at, signal, usage_seen, usage_seen_at, usage_now))
        }
        _ => None,
    });
    let Some((at, signal, seen, seen_at, now)) = found else { return "its pod was evicted".into() };
    let what = match signal {
        EvictionSignal::AllocatableMemoryAvailable => match history.node.pods_evicted_above {
            // A percentage of the kubepods limit is a different amount than a percentage of the node's capacity.
            Some(above) if above != history.node.allocatable => {
                format!("pods above {} (kubepods limit minus the threshold)", amount(above))
            }
            _ => format!("pods above allocatable {}", amount(history.node.allocatable)),
        },
        signal => format!("{signal} below its threshold"),
    };
    match (seen, seen_at) {
        (Some(seen), Some(seen_at)) => format!(
            "{what}; the kubelet's figure for the pod was {}, {} s old; it really used {}",
            amount(*seen),
            at.since(*seen_at).as_secs(),
            amount(*now)
        ),
        _ => format!("{what}; the kubelet had no figure for the pod; it really used {}", amount(*now)),
    }
}

fn pods(text: &mut String, history: &History) {
    if history.pods.is_empty() {
        return;
    }
    heading(text, "PODS AT THE END");
    let mut table = Table::new(&["NAMESPACE", "NAME", "QOS", "STATUS", "RESTARTS", "MEMORY"]);
    for pod in history.pods.iter().take(MOST_ROWS) {
        let (namespace, name) = oomsim_core::record::view::split_pod(&pod.pod);
        let style = if pod.status.is_well() { PLAIN } else { WARN };
        let usage = if pod.usage == Bytes::ZERO { "-".into() } else { amount(pod.usage) };
        let cells = vec![
            namespace.into(),
            name.into(),
            pod.qos.to_string(),
            pod.status.to_string(),
            pod.restarts.to_string(),
            usage,
        ];
        table.row(cells, style);
    }
    text.push_str(&table.render(0));
    if history.pods.len() > MOST_ROWS {
        let _ = writeln!(text, "{}", paint(DIM, format!("… and {} more", history.pods.len() - MOST_ROWS)));
    }
}

fn expectations(text: &mut String, report: &RunReport) {
    if let Some(why) = &report.not_judged {
        heading(text, "EXPECTATIONS");
        let _ = writeln!(text, "not checked: {why}");
        return;
    }
    if report.results.is_empty() {
        return;
    }
    heading(text, "EXPECTATIONS");
    for result in &report.results {
        text.push_str(&expectation(result));
    }
}

/// One expectation: one line when it holds, otherwise also what happened instead and the source of the expectation.
pub fn expectation(result: &ExpectationResult) -> String {
    if result.holds {
        let mut found: String = result.found.chars().take(MOST_FOUND).collect();
        if found.len() < result.found.len() {
            found.push('…');
        }
        return format!("{}    {}: {}\n", paint(GOOD, "ok"), result.expected, paint(DIM, found));
    }
    let indent = "        ";
    format!(
        "{}  {}\n{indent}found:  {}\n{indent}source: {}\n",
        paint(BAD, "FAIL"),
        result.expected,
        result.found,
        result.source
    )
}

fn tail(text: &mut String, history: &History) {
    let counts = &history.counts;
    let stop = match history.stop {
        Stop::Time => "duration reached",
        Stop::Idle => "nothing left to simulate",
        Stop::Halted => "kernel panic",
    };
    let _ = writeln!(
        text,
        "\n{}",
        paint(
            DIM,
            format!(
                "{}, {}, {}, {} refused; stopped at {} s ({stop}); digest {}",
                plural(counts.oom_kills, "OOM kill"),
                plural(counts.evictions, "eviction"),
                plural(counts.restarts, "restart"),
                plural(counts.refusals, "allocation"),
                clock(history.ended_at),
                history.digest
            )
        )
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use oomsim_core::kernel::log::{Hierarchy, KernelLog, STYLES};

    fn shown(history: History) -> String {
        let result = |holds, expected: &str| ExpectationResult {
            holds,
            expected: expected.into(),
            found: "what was found".into(),
            source: "where it comes from".into(),
            line: 7,
        };
        let report = RunReport {
            file: "x.toml".into(),
            description: "What it shows.".into(),
            history,
            results: vec![result(true, "this"), result(false, "that")],
            not_judged: None,
            reproduce: String::new(),
            kernel_log: KernelLog::new(&STYLES[0], Hierarchy::V2, "6.1"),
        };
        anstream::adapter::strip_str(&render(&report)).to_string()
    }

    /// Read by eye: columns line up, the words are kubectl's and dmesg's, causes come before effects.
    #[test]
    fn the_text_of_a_run() {
        assert_eq!(shown(crate::testdata::oom4()), include_str!("golden/oom4.txt"));
        assert_eq!(shown(crate::testdata::oom2()), include_str!("golden/oom2.txt"));
    }

    #[test]
    fn a_long_timeline_is_cut_in_the_middle() {
        let text = shown(crate::testdata::busy_day());
        assert!(text.contains("more lines; --out DIR"), "{text}");
        assert!(text.lines().count() < 300);
    }

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
