//! Why things happened: each death, eviction, refusal and wait of a run with the mechanism behind it.

use super::{DeathCause, Entry, History, LimitScope, Record};
use crate::node_api::{EvictionSignal, ExitStatus, OomReport, as_text, words};
use crate::units::{Pid, SimTime};
use serde::{Serialize, Serializer};
use std::fmt;

words! {
    /// The mechanism behind something that happened.
    Cause {
        /// The kernel killed because a container's limit was full.
        ContainerLimit = "container-limit",
        /// The kernel killed because a pod's limit was full.
        PodLimit = "pod-limit",
        /// The kernel killed because the limit of a QoS class was full.
        QosLimit = "qos-limit",
        /// The kernel killed because the limit of all pods together was full.
        KubepodsLimit = "kubepods-limit",
        /// The kernel killed because the limit of another cgroup was full.
        CgroupLimit = "cgroup-limit",
        /// The kernel killed because the node itself was out of memory.
        NodeMemory = "node-memory",
        /// The kubelet evicted because the node's `memory.available` was below a threshold.
        NodePressure = "node-pressure",
        /// The kubelet evicted because the pods together were above what is allocatable.
        PodsAboveAllocatable = "pods-above-allocatable",
        /// The kubelet did not admit a pod.
        NotAdmitted = "not-admitted",
        /// The kernel refused memory because too much was promised already (ENOMEM).
        CommitLimit = "commit-limit",
        /// A language runtime refused memory by its own limit.
        RuntimeLimit = "runtime-limit",
        /// The kubelet wanted to stop a container that was gone already.
        ContainerGone = "container-gone",
        /// A process died because the leader of its session had died.
        SessionEnded = "session-ended",
        /// A process ended by itself with an error, and memory was not refused to it.
        Exit = "exit",
        /// A daemon in user space killed.
        UserspaceKiller = "userspace-killer",
        /// The kubelet killed a container that failed its liveness or startup probe.
        FailedProbe = "failed-probe",
        /// The scenario sent a signal.
        Signal = "signal",
        /// A restart has to wait for its back-off.
        BackOff = "back-off",
        /// Processes hardly go on, and nothing kills them.
        Stalled = "stalled",
        /// The kernel gave up.
        KernelPanic = "kernel-panic",
        /// The kubelet does not start with its configuration.
        KubeletNotStarted = "kubelet-not-started",
    }

    /// How the OOM killer came to its victim.
    Choice {
        /// It had more points than every other candidate.
        MostPoints = "most-points",
        /// Several had the most points; the order in which they were looked at decided.
        Tie = "tie",
        /// No other process could be killed.
        OnlyCandidate = "only-candidate",
        /// `vm.oom_kill_allocating_task`: no choice was made.
        AllocatingTask = "allocating-task",
        /// A child of the chosen process died in its place.
        Child = "child",
    }
}

impl Cause {
    /// True for what kills or evicts.
    pub const fn is_fatal(self) -> bool {
        !matches!(
            self,
            Cause::BackOff | Cause::ContainerGone | Cause::NotAdmitted | Cause::CommitLimit | Cause::Stalled
        )
    }

    /// True for a kill by the kernel's OOM killer.
    pub const fn is_oom_kill(self) -> bool {
        matches!(
            self,
            Cause::ContainerLimit
                | Cause::PodLimit
                | Cause::QosLimit
                | Cause::KubepodsLimit
                | Cause::CgroupLimit
                | Cause::NodeMemory
        )
    }

    /// True for an eviction.
    pub const fn is_eviction(self) -> bool {
        matches!(self, Cause::NodePressure | Cause::PodsAboveAllocatable)
    }
}

/// Something that happened and has a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Its record, by the index in [`History::entries`].
    pub entry: usize,
    /// When.
    pub at: SimTime,
    /// Why.
    pub cause: Cause,
    /// For a kill by the kernel: how it came to its victim.
    pub choice: Option<Choice>,
}

/// Everything in a run that has a cause, in order of time.
pub fn happenings(history: &History) -> Vec<Happening> {
    let entries = &history.entries;
    let of = |(entry, Entry { at, record }): (usize, &Entry)| {
        let cause = cause_of(record, &entries[..entry])?;
        let choice = match record {
            Record::OomKill { report, .. } => choice(report),
            _ => None,
        };
        Some(Happening { entry, at: *at, cause, choice })
    };
    entries.iter().enumerate().filter_map(of).collect()
}

fn cause_of(record: &Record, before: &[Entry]) -> Option<Cause> {
    Some(match record {
        Record::OomKill { report, limit, .. } if !report.killed.is_empty() => match limit {
            LimitScope::Node => Cause::NodeMemory,
            LimitScope::Kubepods => Cause::KubepodsLimit,
            LimitScope::Qos(_) => Cause::QosLimit,
            LimitScope::Pod(_) => Cause::PodLimit,
            LimitScope::Container { .. } => Cause::ContainerLimit,
            LimitScope::Cgroup => Cause::CgroupLimit,
        },
        Record::Evicted { signal: EvictionSignal::AllocatableMemoryAvailable, .. } => Cause::PodsAboveAllocatable,
        Record::Evicted { .. } => Cause::NodePressure,
        Record::PodRejected { .. } => Cause::NotAdmitted,
        Record::AllocationRefused { .. } => Cause::CommitLimit,
        Record::RuntimeOutOfMemory { .. } => Cause::RuntimeLimit,
        Record::KillFailed { .. } => Cause::ContainerGone,
        Record::BackOff { .. } => Cause::BackOff,
        Record::Stalled { .. } => Cause::Stalled,
        Record::KernelPanic { .. } => Cause::KernelPanic,
        Record::KubeletNotStarted { .. } => Cause::KubeletNotStarted,
        Record::ProcessExited { cause: DeathCause::SessionHangup, .. } => Cause::SessionEnded,
        Record::ProcessExited { cause: DeathCause::Injected, .. } => Cause::Signal,
        Record::ProcessExited { cause: DeathCause::UserspaceKiller, .. } => Cause::UserspaceKiller,
        Record::ProcessExited { cause: DeathCause::FailedProbe, .. } => Cause::FailedProbe,
        Record::ProcessExited { pid, status, cause: DeathCause::SelfExit, .. } if *status != ExitStatus::Code(0) => {
            if refused_before(*pid, before) {
                return None;
            }
            Cause::Exit
        }
        _ => return None,
    })
}

/// How many records back a refusal that a process died of may be.
const NEAR: usize = 64;

/// The process was refused memory, or asked to end, shortly before.
fn refused_before(pid: Pid, before: &[Entry]) -> bool {
    before.iter().rev().take(NEAR).any(|entry| match &entry.record {
        Record::AllocationRefused { pid: of, .. }
        | Record::RuntimeOutOfMemory { pid: of, .. }
        | Record::SignalSent { pid: of, .. } => *of == pid,
        _ => false,
    })
}

/// How the OOM killer came to the process that died first.
fn choice(report: &OomReport) -> Option<Choice> {
    let chosen = report.chosen()?;
    let first = report.killed_tasks().next()?;
    if report.oom_kill_allocating_task {
        return Some(Choice::AllocatingTask);
    }
    if chosen.pid != first.pid {
        return Some(Choice::Child);
    }
    let eligible = report.tasks.iter().filter(|task| task.points.is_some()).count();
    let equals = report.tasks.iter().filter(|task| task.points.is_some() && task.points == chosen.points).count();
    Some(match (eligible, equals) {
        (0 | 1, _) => Choice::OnlyCandidate,
        (_, 0 | 1) => Choice::MostPoints,
        _ => Choice::Tie,
    })
}
