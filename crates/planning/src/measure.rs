//! What is kept of a run: one row of measures.

use oomsim_core::node_api::{EvictionSignal, ExitStatus, Name, QosClass};
use oomsim_core::record::{DeathCause, Entry, History, LimitScope, Owner, Record, Sample, stalls};
use oomsim_core::units::SimTime;
use std::collections::BTreeMap;

/// Who was first. The words are those of the node stories: where the limit was that ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunOutcome {
    /// No process died.
    #[default]
    None,
    /// The kubelet evicted a pod, and its processes were gone before the kernel killed any.
    Eviction,
    /// The OOM killer, at a container's limit.
    ContainerOom,
    /// The OOM killer, at a pod's limit.
    PodOom,
    /// The OOM killer, at the limit of a QoS class.
    QosOom,
    /// The OOM killer, at the limit of kubepods.
    KubepodsOom,
    /// The OOM killer, at the limit of another cgroup.
    CgroupOom,
    /// The OOM killer, because the node had no memory left.
    GlobalOom,
    /// A daemon in user space: earlyoom, systemd-oomd, Talos' controller.
    UserspaceKill,
    /// A program ended by itself with an error: ENOMEM, or its runtime's own limit.
    SelfExit,
    /// The kubelet refused to start, so that no pod ran.
    KubeletNotStarted,
    /// The run could not be finished.
    Error,
}

impl RunOutcome {
    /// All of them, in the order of tables.
    pub const ALL: [RunOutcome; 12] = [
        RunOutcome::None,
        RunOutcome::Eviction,
        RunOutcome::ContainerOom,
        RunOutcome::PodOom,
        RunOutcome::QosOom,
        RunOutcome::KubepodsOom,
        RunOutcome::CgroupOom,
        RunOutcome::GlobalOom,
        RunOutcome::UserspaceKill,
        RunOutcome::SelfExit,
        RunOutcome::KubeletNotStarted,
        RunOutcome::Error,
    ];

    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            RunOutcome::None => "none",
            RunOutcome::Eviction => "eviction",
            RunOutcome::ContainerOom => "container_oom",
            RunOutcome::PodOom => "pod_oom",
            RunOutcome::QosOom => "qos_oom",
            RunOutcome::KubepodsOom => "kubepods_oom",
            RunOutcome::CgroupOom => "cgroup_oom",
            RunOutcome::GlobalOom => "global_oom",
            RunOutcome::UserspaceKill => "userspace_kill",
            RunOutcome::SelfExit => "self",
            RunOutcome::KubeletNotStarted => "kubelet_not_started",
            RunOutcome::Error => "error",
        }
    }

    /// Whether the OOM killer was first.
    pub fn is_oom(self) -> bool {
        use RunOutcome::*;
        matches!(self, ContainerOom | PodOom | QosOom | KubepodsOom | CgroupOom | GlobalOom)
    }

    /// Who killed, in words: `the kernel: container's limit`.
    pub fn in_words(self) -> &'static str {
        match self {
            RunOutcome::None => "nothing",
            RunOutcome::Eviction => "the kubelet: eviction",
            RunOutcome::ContainerOom => "the kernel: container's limit",
            RunOutcome::PodOom => "the kernel: pod's limit",
            RunOutcome::QosOom => "the kernel: limit of a QoS class",
            RunOutcome::KubepodsOom => "the kernel: kubepods limit",
            RunOutcome::CgroupOom => "the kernel: limit of another cgroup",
            RunOutcome::GlobalOom => "the kernel: node out of memory",
            RunOutcome::UserspaceKill => "a daemon in user space",
            RunOutcome::SelfExit => "itself",
            RunOutcome::KubeletNotStarted => "the kubelet does not start",
            RunOutcome::Error => "an error of the run",
        }
    }

    /// The outcome that an OOM kill at this limit stands for.
    pub(crate) fn of_oom(limit: &LimitScope) -> Self {
        match limit {
            LimitScope::Node => RunOutcome::GlobalOom,
            LimitScope::Kubepods => RunOutcome::KubepodsOom,
            LimitScope::Qos(_) => RunOutcome::QosOom,
            LimitScope::Pod(_) => RunOutcome::PodOom,
            LimitScope::Container { .. } => RunOutcome::ContainerOom,
            LimitScope::Cgroup => RunOutcome::CgroupOom,
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// One of few words.
    Class,
    /// Any text.
    Text,
    /// A count.
    Count,
    /// Bytes; may be negative.
    Bytes,
    /// Nanoseconds, written as seconds.
    Seconds,
    /// True or false.
    Flag,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing to state.
    Missing,
    /// Text of a [`ColumnKind::Class`] or [`ColumnKind::Text`] column.
    Text(String),
    /// Number of a [`ColumnKind::Count`], [`ColumnKind::Bytes`] or [`ColumnKind::Seconds`] column.
    Number(i64),
    /// A [`ColumnKind::Flag`].
    Flag(bool),
}

/// A column of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Column name in results.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// What it means.
    pub about: &'static str,
}

/// The column with the kubelet's reason not to start.
pub const NOT_STARTED: &str = "kubelet_not_started";

macro_rules! measures {
    ($($field:ident: $t:ty => $name:literal $kind:ident $about:literal,)*) => {
        /// The measures of a run.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Measures {
            $(#[doc = $about] pub $field: $t,)*
            /// Pods (`namespace/name`) of which a container died, and who killed it first; no column.
            pub pod_deaths: Vec<(Name, RunOutcome)>,
        }

        /// The columns that follow run, id, seed and the axes.
        pub const MEASURES: &[Column] = &[$(Column { name: $name, kind: ColumnKind::$kind, about: $about },)*];

        impl Measures {
            /// One value for each of [`MEASURES`].
            pub fn values(&self) -> Vec<Value> {
                vec![$(Cell::value(&self.$field),)*]
            }
        }
    };
}

measures! {
    outcome: RunOutcome => "outcome" Class "The first death: none, eviction, container_oom, pod_oom, qos_oom, kubepods_oom, cgroup_oom, global_oom, userspace_kill, self, kubelet_not_started, error.",
    victim: String => "victim" Class "The pod (namespace/name) or host process that died first.",
    first_death: Option<u64> => "first_death_s" Seconds "When it died.",
    first_decision: Option<u64> => "first_eviction_s" Seconds "When the eviction manager first decided to evict.",
    latency: Option<u64> => "latency_s" Seconds "From the crossing of the threshold to that decision.",
    overshoot: Option<i64> => "overshoot_bytes" Bytes "How far below the threshold the signal was at that decision.",
    min_available: Option<i64> => "min_available_bytes" Bytes "Lowest memory.available of the run, as the kubelet computes it.",
    evictions: u64 => "evictions" Count "Pods evicted.",
    oom_kills: u64 => "oom_kills" Count "Processes killed by the OOM killer.",
    container_ooms: u64 => "container_ooms" Count "OOM kills at a container's limit.",
    pod_ooms: u64 => "pod_ooms" Count "OOM kills at a pod's limit.",
    kubepods_ooms: u64 => "kubepods_ooms" Count "OOM kills at the kubepods limit.",
    global_ooms: u64 => "global_ooms" Count "OOM kills because the node was out of memory.",
    killed_guaranteed: u64 => "killed_guaranteed" Count "OOM kills that hit a Guaranteed pod.",
    killed_burstable: u64 => "killed_burstable" Count "OOM kills that hit a Burstable pod.",
    killed_besteffort: u64 => "killed_besteffort" Count "OOM kills that hit a BestEffort pod.",
    killed_host: u64 => "killed_host" Count "OOM kills that hit a process of the node itself.",
    restarts: u64 => "restarts" Count "Containers started again.",
    refusals: u64 => "refusals" Count "Allocations refused with ENOMEM.",
    allocatable: Option<i64> => "allocatable_bytes" Bytes "What the node offers to pods (`status.allocatable`).",
    stalled: bool => "stalled" Flag "Processes hardly went on for want of memory, the kernel found none to kill, or it panicked.",
    stalled_for: u64 => "stalled_s" Seconds "How long a container or host process was stalled at most.",
    ended_at: u64 => "ended_at_s" Seconds "When the run ended.",
    digest: String => "digest" Text "Digest of the run, as `oomsim run` prints it.",
    not_started: String => "kubelet_not_started" Text "Why the kubelet did not start; no pod ran.",
    error: String => "error" Text "Why the run failed.",
}

/// A field as a column's value.
trait Cell {
    fn value(&self) -> Value;
}

impl Cell for RunOutcome {
    fn value(&self) -> Value {
        Value::Text(self.name().into())
    }
}

impl Cell for String {
    fn value(&self) -> Value {
        if self.is_empty() { Value::Missing } else { Value::Text(self.clone()) }
    }
}

impl Cell for u64 {
    fn value(&self) -> Value {
        Value::Number(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Cell for i64 {
    fn value(&self) -> Value {
        Value::Number(*self)
    }
}

impl Cell for bool {
    fn value(&self) -> Value {
        Value::Flag(*self)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Missing, Cell::value)
    }
}

impl Measures {
    /// The row of a run that could not be finished.
    pub fn of_error(error: &str) -> Self {
        Measures { outcome: RunOutcome::Error, error: error.into(), ..Measures::default() }
    }

    /// The measures of a finished run. Without series there is no lowest available memory and no latency.
    pub fn of(history: &History) -> Self {
        let mut m = Measures {
            evictions: history.counts.evictions,
            oom_kills: history.counts.oom_kills,
            restarts: history.counts.restarts,
            refusals: history.counts.refusals,
            ended_at: history.ended_at.as_nanos(),
            allocatable: i64::try_from(history.node.allocatable.get()).ok(),
            digest: history.digest.to_string(),
            not_started: history.node.kubelet_not_started.as_deref().unwrap_or_default().into(),
            min_available: history.series.samples.iter().map(|s| s.available).min(),
            ..Measures::default()
        };
        let mut qos: BTreeMap<&str, QosClass> = BTreeMap::new();
        for entry in &history.entries {
            if let Record::PodScheduled { pod, qos: class } = &entry.record {
                qos.insert(pod, *class);
            }
            m.count_kill(entry, &qos);
            m.note_first(entry);
        }
        m.note_decision(history);
        m.stalled_for =
            stalls(&history.entries, history.ended_at).iter().map(|s| s.lasted.as_nanos()).max().unwrap_or(0);
        m.stalled |= m.stalled_for > 0;
        if m.first_death.is_some() {
            let (deaths, _) = crate::risk::deaths(history);
            m.pod_deaths = deaths.into_iter().map(|((pod, _), (_, by))| (pod, by)).collect();
        }
        if !m.not_started.is_empty() {
            m.outcome = RunOutcome::KubeletNotStarted;
        }
        m
    }

    fn count_kill(&mut self, entry: &Entry, qos: &BTreeMap<&str, QosClass>) {
        let (report, limit, owners) = match &entry.record {
            Record::OomKill { report, limit, killed_owners } => (report, limit, killed_owners),
            Record::KernelPanic { .. } => {
                self.stalled = true;
                return;
            }
            _ => return,
        };
        if report.killed.is_empty() {
            self.stalled = true;
            return;
        }
        match RunOutcome::of_oom(limit) {
            RunOutcome::ContainerOom => self.container_ooms += 1,
            RunOutcome::PodOom => self.pod_ooms += 1,
            RunOutcome::KubepodsOom => self.kubepods_ooms += 1,
            RunOutcome::GlobalOom => self.global_ooms += 1,
            _ => {}
        }
        match owners.first() {
            Some(Owner::Container { pod, .. }) => match qos.get(&**pod) {
                Some(QosClass::Guaranteed) => self.killed_guaranteed += 1,
                Some(QosClass::BestEffort) => self.killed_besteffort += 1,
                Some(QosClass::Burstable) | None => self.killed_burstable += 1,
            },
            Some(Owner::Host(_)) => self.killed_host += 1,
            None => {}
        }
    }

    /// The first death decides the outcome. A pod that the kubelet has evicted and that the OOM killer gets before its
    /// grace is over was killed by the OOM killer.
    fn note_first(&mut self, entry: &Entry) {
        if self.first_death.is_some() {
            return;
        }
        let (outcome, owner) = match &entry.record {
            Record::OomKill { limit, killed_owners, .. } => (RunOutcome::of_oom(limit), killed_owners.first()),
            Record::ProcessExited { owner, cause: DeathCause::Eviction, .. } => (RunOutcome::Eviction, Some(owner)),
            Record::ProcessExited { owner, cause: DeathCause::UserspaceKiller, .. } => {
                (RunOutcome::UserspaceKill, Some(owner))
            }
            Record::ProcessExited { owner, cause: DeathCause::SelfExit, status, .. }
                if *status != ExitStatus::Code(0) =>
            {
                (RunOutcome::SelfExit, Some(owner))
            }
            _ => return,
        };
        let Some(owner) = owner else { return };
        self.outcome = outcome;
        self.first_death = Some(entry.at.as_nanos());
        self.victim = match owner {
            Owner::Container { pod, .. } => pod.to_string(),
            Owner::Host(name) => name.to_string(),
        };
    }

    fn note_decision(&mut self, history: &History) {
        let Some(at) = history.entries.iter().position(|e| matches!(e.record, Record::Evicted { .. })) else { return };
        let (before, decision) = (&history.entries[..at], &history.entries[at]);
        let Record::Evicted { signal, .. } = &decision.record else { return };
        self.first_decision = Some(decision.at.as_nanos());
        let pass = before.iter().rev().find_map(|e| match &e.record {
            Record::EvictionPass { thresholds_met, .. } => Some(thresholds_met),
            _ => None,
        });
        let Some(met) = pass.and_then(|met| met.iter().find(|t| t.signal == *signal)) else { return };
        let threshold = i64::try_from(met.quantity.get()).unwrap_or(i64::MAX);
        self.overshoot = Some(threshold.saturating_sub(met.available));
        let limit = history.node.kubepods_limit.map(|l| i64::try_from(l.get()).unwrap_or(i64::MAX));
        let available = |s: &Sample| match (*signal, limit) {
            (EvictionSignal::AllocatableMemoryAvailable, Some(limit)) => {
                limit.saturating_sub(i64::try_from(s.kubepods_working_set.get()).unwrap_or(i64::MAX))
            }
            _ => s.available,
        };
        let curve = history.series.samples.iter().map(|s| (s.at, available(s)));
        self.latency = crossing(curve, threshold, decision.at).map(|t| decision.at.since(t).as_nanos());
    }
}

/// When the curve last fell below the threshold before `until`; between samples it is straight.
fn crossing(curve: impl Iterator<Item = (SimTime, i64)>, threshold: i64, until: SimTime) -> Option<SimTime> {
    let (mut crossed, mut previous): (Option<SimTime>, Option<(SimTime, i64)>) = (None, None);
    for (at, value) in curve.take_while(|(at, _)| *at <= until) {
        match previous {
            Some((t0, v0)) if v0 >= threshold && value < threshold => {
                let (fall, part) = (i128::from(v0) - i128::from(value), i128::from(v0) - i128::from(threshold));
                let ns = i128::from(at.since(t0).as_nanos()) * part / fall;
                crossed = Some(SimTime::from_nanos(t0.as_nanos() + ns as u64));
            }
            None if value < threshold => crossed = Some(at),
            _ => {}
        }
        previous = Some((at, value));
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_interpolated() {
        let t = |s: u64| SimTime::from_nanos(s * 1_000);
        let curve = [(t(0), 100), (t(10), 50), (t(20), 80), (t(30), 20), (t(40), 0)];
        // From 80 at 20 to 20 at 30: 60 is reached after a third.
        assert_eq!(crossing(curve.into_iter(), 60, t(40)), Some(SimTime::from_nanos(23_333)));
        assert_eq!(crossing(curve.into_iter(), 60, t(20)), Some(SimTime::from_nanos(8_000)));
        assert_eq!(crossing(curve.into_iter(), 200, t(40)), Some(t(0)));
        assert_eq!(crossing(curve.into_iter(), 0, t(40)), None);
    }

    #[test]
    fn every_measure_has_a_value() {
        let m = Measures::of_error("no");
        assert_eq!(m.values().len(), MEASURES.len());
        assert_eq!(m.values()[0], Value::Text("error".into()));
        assert_eq!(Measures::default().values()[2], Value::Missing);
    }
}
