//! Which processes died, by whose hand, and why.

use crate::amount;
use crate::picture::oom_limit_name;
use crate::text::plural;
use crate::timeline::{Tone, how, pod_name};
use oomsim_core::node_api::{EvictionSignal, ExitStatus, Name};
use oomsim_core::record::{DeathCause, Entry, History, LimitScope, Owner, Record};
use oomsim_core::units::{Pid, SimTime};
use std::collections::BTreeSet;

/// The end of a process.
#[derive(Clone, Debug)]
pub struct Death {
    /// When.
    pub at: SimTime,
    /// Its name and pid; `None`: the pod was evicted before it had one.
    pub process: Option<(Name, Pid)>,
    /// The container or the host process that it belonged to.
    pub of: String,
    /// Who ended it: `kernel`, `kubelet`, `runtime`, `session`, `scenario`, `itself`.
    pub by: &'static str,
    /// Why.
    pub why: String,
    /// How it is to be taken.
    pub tone: Tone,
}

impl Death {
    /// The process as it is shown: `java (307)`.
    pub fn process(&self) -> String {
        match &self.process {
            Some((comm, pid)) => format!("{comm} ({pid})"),
            None => NONE_YET.into(),
        }
    }

    /// Its name alone, as ids follow from how many processes began before.
    pub fn comm(&self) -> &str {
        self.process.as_ref().map_or(NONE_YET, |(comm, _)| comm)
    }
}

/// In the place of a process where there was none.
pub const NONE_YET: &str = "(none yet)";

/// Every process that died, without pause processes and those that were done (exit code 0), and every pod that was
/// evicted before a process of its own had started, in order of time; each is put into words when it is asked for.
pub fn deaths(history: &History) -> impl Iterator<Item = Death> {
    ends(history).filter_map(|(index, entry)| death(history, index, entry))
}

/// How many there are.
pub fn count(history: &History) -> usize {
    ends(history).count()
}

fn ends(history: &History) -> impl Iterator<Item = (usize, &Entry)> {
    let began: BTreeSet<&Name> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::ContainerStarted { pod, .. } | Record::ContainerTerminated { pod, .. } => Some(pod),
            _ => None,
        })
        .collect();
    let ended = move |entry: &Entry| match &entry.record {
        Record::ProcessExited { status: ExitStatus::Code(0), cause: DeathCause::SelfExit, .. } => false,
        Record::ProcessExited { owner: Owner::Container { container, .. }, .. } => &**container != "POD",
        Record::ProcessExited { .. } => true,
        Record::Evicted { pod, .. } => !began.contains(pod),
        _ => false,
    };
    history.entries.iter().enumerate().filter(move |(_, entry)| ended(entry))
}

fn death(history: &History, index: usize, entry: &Entry) -> Option<Death> {
    let before = &history.entries[..index];
    match &entry.record {
        Record::ProcessExited { pid, comm, owner, status, cause } => {
            let of = match owner {
                Owner::Container { pod, container } => format!("{}/{container}", pod_name(pod)),
                Owner::Host(name) => format!("host/{name}"),
            };
            let (by, why, tone) = explain(before, *pid, owner, *status, *cause, history);
            Some(Death { at: entry.at, process: Some((comm.clone(), *pid)), of, by, why, tone })
        }
        Record::Evicted { pod, .. } => {
            let owner = Owner::Container { pod: pod.clone(), container: "".into() };
            let why = eviction_reason(&history.entries[..=index], &owner, history);
            let of = pod_name(pod);
            Some(Death { at: entry.at, process: None, of, by: "kubelet", why, tone: Tone::Bad })
        }
        _ => None,
    }
}

/// Who killed the process, why, and how that is to be taken.
fn explain(
    before: &[Entry],
    pid: Pid,
    owner: &Owner,
    status: ExitStatus,
    cause: DeathCause,
    history: &History,
) -> (&'static str, String, Tone) {
    match cause {
        DeathCause::MemcgOom | DeathCause::GlobalOom => ("kernel", oom_reason(before, pid), Tone::Bad),
        DeathCause::Eviction => ("kubelet", eviction_reason(before, owner, history), Tone::Bad),
        DeathCause::ContainerStop => ("runtime", format!("its container was stopped ({})", how(status)), Tone::Plain),
        DeathCause::FailedProbe => ("kubelet", format!("{}; {}", failed_probe(before, owner), how(status)), Tone::Bad),
        DeathCause::SessionHangup => ("session", "the leader of its session died (SIGHUP)".into(), Tone::Warn),
        DeathCause::Injected => ("scenario", how(status), Tone::Plain),
        DeathCause::UserspaceKiller => {
            let by = before.iter().rev().find_map(|entry| match &entry.record {
                Record::UserspaceKill { killer, pid: of, message, .. } if *of == pid => Some((*killer, message)),
                _ => None,
            });
            let (killer, message) = by.map_or(("userspace", String::new()), |(by, text)| (by, format!("; {text}")));
            (killer, format!("{}{message}", how(status)), Tone::Bad)
        }
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
            ("itself", refused.unwrap_or_else(|| how(status)), Tone::Plain)
        }
    }
}

/// The kubelet's word for a container that it kills for a probe: `failed liveness probe`.
fn failed_probe(before: &[Entry], owner: &Owner) -> String {
    let said = before.iter().rev().find_map(|entry| match (&entry.record, owner) {
        (Record::Killing { pod, container, message }, Owner::Container { pod: p, container: c })
            if pod == p && container == c =>
        {
            let from = message.find("failed ").unwrap_or(0);
            message[from..].split(',').next().map(str::to_owned)
        }
        _ => None,
    });
    said.unwrap_or_else(|| "failed a probe".into())
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
                format!("; {equals} of {eligible} candidates have {}: their order decided", plural(points, "point"))
            }
        }
    });
    format!("{limit}{points}")
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
            "{what}; the kubelet's figure for the pod was {}, {:.1} s old; it really used {}",
            amount(*seen),
            at.since(*seen_at).as_secs_f64(),
            amount(*now)
        ),
        _ => format!("{what}; the kubelet had no figure for the pod; it really used {}", amount(*now)),
    }
}
