//! What a run leaves behind: records of what happened, time series, and a digest over both.

mod cause;
mod digest;
pub mod expect;
mod history;
mod scope;
mod series;
mod stall;
pub mod view;

pub use cause::{Cause, Choice, Happening, happenings};
pub use digest::{Digest, StableHasher};
pub use history::{
    Counts, History, NodeFacts, PassFigures, PassVerdict, PodFigures, PodOutcome, ProcessOutcome, Resized,
};
pub use scope::LimitScope;
pub use series::{PodSample, ProcessSample, Sample, Series};
pub use stall::{Stall, stalls};

pub use crate::node_api::ConditionStatus;

use crate::kubelet::eviction::Offenders;
use crate::node_api::{
    EvictionSignal, ExitStatus, Name, NodeConditionType, OomReport, PodEventReason, PodPhase, PodReason, QosClass,
    RefusedCall, Signo, TerminatedReason,
};
use crate::units::{Bytes, Pid, SimDuration, SimTime};
use serde::Serialize;
use smallvec::SmallVec;

/// Whose process it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Owner {
    /// A container of a pod, or its sandbox ([`PAUSE_CONTAINER`]).
    Container {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
    },
    /// A process on the node itself, by its name in the scenario.
    Host(Name),
}

/// The container of a pod's pause process, as runtimes call it. No container of a pod can have this name: it is upper
/// case.
pub const PAUSE_CONTAINER: &str = "POD";

impl Owner {
    /// The process holds a pod's sandbox, which is none of the pod's own containers.
    pub fn is_pause(&self) -> bool {
        matches!(self, Owner::Container { container, .. } if &**container == PAUSE_CONTAINER)
    }
}

/// Why a process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum DeathCause {
    /// It ended by itself.
    SelfExit,
    /// The kernel's OOM killer, for a cgroup's limit.
    MemcgOom,
    /// The kernel's OOM killer, for the node.
    GlobalOom,
    /// The kubelet evicted the pod.
    Eviction,
    /// The runtime stopped the container for another reason (PID 1 died, pod deleted).
    ContainerStop,
    /// Its session's leader died.
    SessionHangup,
    /// The scenario sent a signal.
    Injected,
    /// A daemon in user space: earlyoom, systemd-oomd, Talos' controller.
    UserspaceKiller,
    /// The kubelet stopped the container because it failed its liveness or startup probe.
    FailedProbe,
}

/// One threshold as an eviction pass saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdSeen {
    /// What was watched.
    pub signal: EvictionSignal,
    /// Hard thresholds act at once.
    pub hard: bool,
    /// The threshold as an amount.
    pub quantity: Bytes,
    /// What was available.
    pub available: i64,
}

/// One thing that happened. Field names are the kernel's and Kubernetes' own.
///
/// Matched exhaustively on purpose: a new record must not compile until every output knows it (ADR 12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// A sysctl was set by the scenario.
    SysctlSet {
        /// Name, such as `vm.overcommit_memory`.
        name: Name,
        /// New value.
        value: u64,
    },
    /// A process began.
    ProcessStarted {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
    },
    /// A process is gone and its memory is free.
    ProcessExited {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it was.
        owner: Owner,
        /// How it ended.
        status: ExitStatus,
        /// Why.
        cause: DeathCause,
    },
    /// `mmap` or `fork` failed with ENOMEM.
    AllocationRefused {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
        /// The call that failed.
        op: RefusedCall,
        /// Bytes asked for.
        requested: Bytes,
        /// Committed_AS before.
        committed_as: Bytes,
        /// CommitLimit.
        commit_limit: Bytes,
    },
    /// A managed runtime refused an allocation by its own limit.
    RuntimeOutOfMemory {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
        /// `.NET`, `JVM`, …
        runtime: &'static str,
        /// Heap in use when it refused.
        heap: Bytes,
        /// The runtime's limit.
        limit: Bytes,
        /// What was asked for.
        requested: Bytes,
    },
    /// The OOM killer ran.
    OomKill {
        /// What the kernel prints about it, and whom it killed.
        report: Box<OomReport>,
        /// Whose limit was hit.
        limit: LimitScope,
        /// Whose the killed processes were, in the order of [`OomReport::killed`].
        killed_owners: SmallVec<[Owner; 1]>,
    },
    /// A write to a cgroup's limit was refused (v1: EBUSY).
    CgroupWriteRefused {
        /// Path of the cgroup.
        cgroup: Name,
        /// The limit that was asked for.
        limit: Bytes,
    },
    /// The kernel gave up.
    KernelPanic {
        /// What it printed.
        message: Name,
    },
    /// A pod was bound to the node.
    PodScheduled {
        /// `namespace/name`.
        pod: Name,
        /// Its class.
        qos: QosClass,
    },
    /// The kubelet did not admit a pod.
    PodRejected {
        /// `namespace/name`.
        pod: Name,
        /// Status reason.
        reason: PodReason,
        /// Status message.
        message: Name,
    },
    /// A pod's phase changed.
    PodPhase {
        /// `namespace/name`.
        pod: Name,
        /// The new phase.
        phase: PodPhase,
        /// Status reason, if there is one.
        reason: Option<PodReason>,
        /// Status message, or empty.
        message: Name,
    },
    /// A container was started.
    ContainerStarted {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// How often it was restarted before.
        restart_count: u32,
    },
    /// The kubelet saw that a container had terminated.
    ContainerTerminated {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// Why, as the runtime reports it.
        reason: TerminatedReason,
        /// Exit code of PID 1 as the runtime reports it.
        exit_code: i32,
        /// When PID 1 ended.
        finished_at: SimTime,
    },
    /// A restart has to wait (`CrashLoopBackOff`).
    BackOff {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// Unique id of the pod.
        uid: Name,
        /// How long in all, from the container's end.
        delay: SimDuration,
    },
    /// A pass of the eviction manager that met a threshold or changed a condition.
    EvictionPass {
        /// Thresholds met (before their grace period).
        thresholds_met: Vec<ThresholdSeen>,
        /// Working set of the node.
        node_working_set: Bytes,
        /// Working set of kubepods.
        pods_working_set: Bytes,
    },
    /// `EvictionThresholdMet` on the node.
    EvictionThresholdMet {
        /// Event message.
        message: Name,
    },
    /// The kubelet decided to evict a pod.
    Evicted {
        /// `namespace/name`.
        pod: Name,
        /// Status message.
        message: Name,
        /// Whom the message names; the event's annotations say the same.
        offenders: Box<Offenders>,
        /// Grace period given to the pod's processes.
        grace_period: SimDuration,
        /// The signal that was crossed.
        signal: EvictionSignal,
        /// The pod's memory figure the decision was made with, `None` without statistics.
        usage_seen: Option<Bytes>,
        /// When that figure was taken.
        usage_seen_at: Option<SimTime>,
        /// What the pod really used at that moment.
        usage_now: Bytes,
    },
    /// `Killing`: the kubelet asks the runtime to stop a container.
    Killing {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// Event message.
        message: Name,
    },
    /// A signal was sent to a container's processes or by the scenario.
    SignalSent {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Signal.
        signal: Signo,
    },
    /// Stopping a container failed because it was gone.
    KillFailed {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// Error text.
        message: Name,
    },
    /// An evicted pod's cgroup is gone.
    PodCleanedUp {
        /// `namespace/name`.
        pod: Name,
    },
    /// A node condition changed.
    NodeCondition {
        /// Which condition; it has a reason and a message for each status.
        r#type: NodeConditionType,
        /// New status.
        status: ConditionStatus,
    },
    /// `SystemOOM` on the node.
    SystemOom {
        /// Event message.
        message: Name,
    },
    /// The scenario left the modelled area.
    Warning {
        /// What is not modelled.
        message: Name,
    },
    /// The kubelet refused to start: no pod runs.
    KubeletNotStarted {
        /// Every reason.
        message: Name,
    },
    /// Something was changed from outside that has no record of its own.
    NodeChanged {
        /// What.
        message: Name,
    },
    /// An event of a pod that has no record of its own: what becomes of a resize in place.
    PodEvent {
        /// `namespace/name`.
        pod: Name,
        /// Its reason.
        reason: PodEventReason,
        /// Event message.
        message: Name,
    },
    /// A daemon in user space sent a signal to a process, to free memory.
    UserspaceKill {
        /// `earlyoom`, `systemd-oomd` or `talos`.
        killer: &'static str,
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
        /// Signal.
        signal: Signo,
        /// What the daemon logs.
        message: Name,
    },
    /// The processes of a container, or of the node, spend much of their time waiting for memory: they hardly go on.
    Stalled {
        /// Whose they are.
        owner: Owner,
        /// When they began to wait.
        since: SimTime,
        /// `some avg10` of the cgroup's `memory.pressure`, hundredths of a percent.
        some_avg10: u32,
        /// `memory.current`.
        usage: Bytes,
        /// `memory.max`, if there is one.
        limit: Option<Bytes>,
    },
    /// They go on, or have ended.
    StallEnded {
        /// Whose they are.
        owner: Owner,
        /// How long it took since they began to wait.
        lasted: SimDuration,
    },
    /// The control plane puts a taint on the node, or takes it away.
    NodeTaint {
        /// Key of the taint, with effects NoSchedule and NoExecute.
        key: Name,
        /// It is there now.
        present: bool,
    },
    /// `TaintManagerEviction`: a pod on an unreachable node is marked for deletion.
    MarkedForDeletion {
        /// `namespace/name`.
        pod: Name,
    },
    /// `Unhealthy`: a probe of a container failed.
    Unhealthy {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// Event message.
        message: Name,
    },
    /// A container fails its readiness probe, or passes it again: it gets no traffic, or gets it again.
    ContainerReady {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
        /// `ready` of its status.
        ready: bool,
    },
    /// `FailedPreStopHook`: a container's preStop hook failed, or ended with its container.
    FailedPreStopHook {
        /// `namespace/name` of the pod.
        pod: Name,
        /// Container name.
        container: Name,
    },
    /// The recording that a process follows has nothing from here on.
    RecordedGap {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
        /// When it goes on; `None`: it does not.
        until: Option<SimTime>,
    },
    /// The recording that a process follows restarts here: the process ends, and another one takes its place.
    RecordedRestart {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// Whose it is.
        owner: Owner,
    },
    /// A pod has been running since before the scenario began.
    PodRunsAlready {
        /// `namespace/name`.
        pod: Name,
        /// For how long.
        age: SimDuration,
        /// How often its containers were restarted, in all.
        restarts: u32,
    },
}

/// A record with its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// When.
    pub at: SimTime,
    /// What.
    pub record: Record,
}

/// How much of a run is kept. The digest does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Counts and the final state only.
    Outcome,
    /// Records too.
    Events,
    /// Records and the node's own time series, without the pods': what sweeps measure.
    Node,
    /// Records and time series.
    #[default]
    Series,
}
