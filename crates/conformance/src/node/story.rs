//! A recorded whole-node story, as far as the model needs it. Times are seconds relative to T0, the moment at which
//! all workloads begin; sizes are bytes.

use super::decision::DecidedBy;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// An absent list may be written as `null`.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// One line of `stories.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Story {
    /// `s1-F04-009`: seed, family, number; a trailing `R` is the same story in real time.
    pub id: String,
    /// Family, 1 to 10.
    pub family: u32,
    /// What it is about.
    #[serde(default, deserialize_with = "or_empty")]
    pub note: String,
    /// Kernel release.
    pub kernel: String,
    /// 1 or 2.
    pub cgroup_version: u8,
    /// The virtual machine.
    pub vm: Vm,
    /// False: a worker died before T0.
    pub ok: bool,
    /// The node's figures.
    pub node: Node,
    /// The kubelet's configuration.
    pub kubelet: Kubelet,
    /// What the real code made of its thresholds.
    #[serde(default)]
    pub thresholds: Option<Vec<ParsedThreshold>>,
    /// The first pass after T0 starts this many milliseconds after T0.
    pub phase_ms: f64,
    /// 53 MiB of program text are locked.
    #[serde(default, deserialize_with = "or_empty")]
    pub agent_text_mlocked: bool,
    /// Inputs.
    #[serde(deserialize_with = "or_empty")]
    pub pods: Vec<Pod>,
    /// Processes on the node itself.
    #[serde(default, deserialize_with = "or_empty")]
    pub host: Vec<Proc>,
    /// All processes with their ids.
    #[serde(deserialize_with = "or_empty")]
    pub processes: Vec<Process>,
    /// Who died, in the order of decision.
    #[serde(deserialize_with = "or_empty")]
    pub verdict: Vec<Death>,
    /// Recorded events in order of time.
    #[serde(deserialize_with = "or_empty")]
    pub events: Vec<Event>,
    /// Every pass of the eviction manager.
    #[serde(deserialize_with = "or_empty")]
    pub passes: Vec<Pass>,
    /// What each process allocated.
    #[serde(deserialize_with = "or_empty")]
    pub alloc_curves: Vec<AllocCurve>,
    /// Memory over time.
    pub series: Series,
}

/// The virtual machine.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Vm {
    /// Processors.
    pub smp: u32,
    /// True: one instruction takes one nanosecond, idle time is skipped. False: emulated in real time.
    pub icount: bool,
}

/// The node's figures.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// Capacity.
    #[serde(rename = "MemTotal")]
    pub mem_total: u64,
    /// As the kernel has it.
    pub kubepods_limit_effective: u64,
    /// `/sys/kernel/mm/lru_gen/enabled`.
    #[serde(default)]
    pub lru_gen: Option<String>,
    /// `vm.min_free_kbytes`.
    pub min_free_kbytes: u64,
    /// `/sys/kernel/mm/transparent_hugepage/enabled`.
    #[serde(default)]
    pub thp: Option<String>,
}

/// Memory-related fields of the KubeletConfiguration that was given.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubelet {
    /// `kubeReserved`.
    #[serde(default, deserialize_with = "or_empty")]
    pub kube_reserved: BTreeMap<String, String>,
    /// `systemReserved`.
    #[serde(default, deserialize_with = "or_empty")]
    pub system_reserved: BTreeMap<String, String>,
    /// `evictionHard`.
    #[serde(default)]
    pub eviction_hard: Option<BTreeMap<String, String>>,
    /// `evictionSoft`.
    #[serde(default, deserialize_with = "or_empty")]
    pub eviction_soft: BTreeMap<String, String>,
    /// `evictionSoftGracePeriod`.
    #[serde(default, deserialize_with = "or_empty")]
    pub eviction_soft_grace_period: BTreeMap<String, String>,
    /// `evictionMinimumReclaim`.
    #[serde(default, deserialize_with = "or_empty")]
    pub eviction_minimum_reclaim: BTreeMap<String, String>,
    /// `evictionMaxPodGracePeriod`.
    #[serde(default, deserialize_with = "or_empty")]
    pub eviction_max_pod_grace_period: i64,
    /// `evictionPressureTransitionPeriod`, in seconds.
    #[serde(rename = "evictionPressureTransitionPeriod_s", default)]
    pub eviction_pressure_transition_period_s: Option<f64>,
    /// `singleProcessOOMKill`.
    #[serde(rename = "singleProcessOOMKill", default)]
    pub single_process_oom_kill: Option<bool>,
}

/// A threshold as Kubernetes' own code parsed it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ParsedThreshold {
    /// Grace period; zero: hard.
    #[serde(default)]
    pub grace_s: f64,
}

/// A pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Pod {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.priority`.
    #[serde(default)]
    pub priority: Option<i32>,
    /// `spec.terminationGracePeriodSeconds`.
    #[serde(rename = "terminationGracePeriodSeconds", default)]
    pub grace: Option<i64>,
    /// Containers.
    #[serde(deserialize_with = "or_empty")]
    pub containers: Vec<Container>,
    /// Memory-backed volumes.
    #[serde(default)]
    pub memory_volumes: Option<Vec<Volume>>,
}

/// A memory-backed volume.
#[derive(Clone, Debug, Deserialize)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// The mount's `size` option, such as `600m`; empty: the kernel's default of half the memory.
    #[serde(default, deserialize_with = "or_empty")]
    pub size: String,
}

/// A container.
#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    /// Name.
    pub name: String,
    /// `resources.requests`.
    #[serde(default)]
    pub requests: Option<BTreeMap<String, String>>,
    /// `resources.limits`.
    #[serde(default)]
    pub limits: Option<BTreeMap<String, String>>,
    /// Its processes; the first one gets SIGTERM.
    #[serde(deserialize_with = "or_empty")]
    pub procs: Vec<Proc>,
}

/// A process and its program.
#[derive(Clone, Debug, Deserialize)]
pub struct Proc {
    /// Process name (`comm`).
    pub name: String,
    /// The program, in the recordings' own small language.
    pub ops: String,
    /// Reaction to SIGTERM: `default`, `ignore` or `slowN`.
    #[serde(default)]
    pub term: Option<String>,
    /// `oom_score_adj` (host processes).
    #[serde(default)]
    pub adj: Option<i16>,
}

/// A process as it ran.
#[derive(Clone, Debug, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Process name (`comm`).
    pub name: String,
    /// Pod; empty on the host.
    #[serde(default)]
    pub pod: Option<String>,
    /// Container; `POD` is the pause process, `host` a host process.
    #[serde(default)]
    pub container: Option<String>,
}

/// A death.
#[derive(Clone, Debug, Deserialize)]
pub struct Death {
    /// When its parent reaped it.
    pub t: f64,
    /// Process name (`comm`).
    pub name: String,
    /// Pod; empty on the host.
    #[serde(default, deserialize_with = "or_empty")]
    pub pod: String,
    /// Container; `host` on the host.
    #[serde(default, deserialize_with = "or_empty")]
    pub container: String,
    /// Whose decision it was.
    pub by: DecidedBy,
    /// The kernel's kill line, or the entry into the kubelet's kill function.
    pub decided_t: f64,
}

/// An event; only the fields that are compared.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// Seconds since T0.
    pub t: f64,
    /// Kind of event.
    pub ev: String,
    /// Pod.
    #[serde(default)]
    pub pod: Option<String>,
    /// Message of an eviction.
    #[serde(default)]
    pub message: Option<String>,
    /// Processes of one OOM report.
    #[serde(default, deserialize_with = "or_empty")]
    pub killed: Vec<Killed>,
}

/// A process killed by the OOM killer.
#[derive(Clone, Debug, Deserialize)]
pub struct Killed {
    /// Process name (`comm`).
    pub name: String,
}

/// One pass of the eviction manager.
#[derive(Clone, Debug, Deserialize)]
pub struct Pass {
    /// Start.
    pub t: f64,
    /// The manager's own observations, by signal.
    #[serde(default, deserialize_with = "or_empty")]
    pub signals: BTreeMap<String, Signal>,
    /// Pods' figures as they were used.
    #[serde(default, deserialize_with = "or_empty")]
    pub pods: BTreeMap<String, PodFigures>,
    /// `memory.available/0s`: thresholds met for their grace period, with that period.
    #[serde(default, deserialize_with = "or_empty")]
    pub met: Vec<String>,
    /// Thresholds met, with their grace period, and since when.
    #[serde(default, deserialize_with = "or_empty")]
    pub first_observed: BTreeMap<String, f64>,
    /// Node conditions after it.
    #[serde(default, deserialize_with = "or_empty")]
    pub conditions: Vec<String>,
    /// Pods evicted.
    #[serde(default, deserialize_with = "or_empty")]
    pub evicted: Vec<String>,
}

/// An observation.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Signal {
    /// Bytes.
    pub available: i64,
}

/// A pod's memory figure.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct PodFigures {
    /// Working set.
    #[serde(default)]
    pub ws: Option<i64>,
    /// When it was taken.
    #[serde(default)]
    pub time: Option<f64>,
}

/// What a process allocated.
#[derive(Clone, Debug, Deserialize)]
pub struct AllocCurve {
    /// Process id.
    pub pid: u32,
    /// `[t, cumulative bytes, what]`.
    #[serde(deserialize_with = "or_empty")]
    pub pts: Vec<(f64, u64, String)>,
}

/// Memory over time.
#[derive(Clone, Debug, Deserialize)]
pub struct Series {
    /// The rows.
    #[serde(deserialize_with = "or_empty")]
    pub rows: Vec<SeriesRow>,
}

/// `[t, node[7], [kubepods current, working set], {pod: [current, ws]}, system.slice current]`.
#[derive(Clone, Debug, Deserialize)]
pub struct SeriesRow(
    /// Time.
    pub f64,
    /// kubelet_available, MemAvailable, MemFree, root_usage, root_inactive_file, Shmem, unreclaimable_kernel.
    pub Vec<i64>,
    /// kubepods.
    #[serde(deserialize_with = "or_empty")]
    pub Vec<i64>,
    /// Pods.
    #[serde(deserialize_with = "or_empty")]
    pub BTreeMap<String, Vec<i64>>,
    /// system.slice.
    pub i64,
);

impl SeriesRow {
    fn node(&self, column: usize) -> i64 {
        self.1.get(column).copied().unwrap_or(0)
    }

    /// `memory.available` as the kubelet would compute it.
    pub fn available(&self) -> i64 {
        self.node(0)
    }

    /// Usage of the root cgroup.
    pub fn root_usage(&self) -> i64 {
        self.node(3)
    }

    /// Inactive file cache of the root cgroup.
    pub fn root_inactive_file(&self) -> i64 {
        self.node(4)
    }

    /// Kernel memory that cannot be reclaimed.
    pub fn unreclaimable_kernel(&self) -> i64 {
        self.node(6)
    }

    /// `memory.current` of kubepods.
    pub fn kubepods(&self) -> i64 {
        self.2.first().copied().unwrap_or(0)
    }
}

impl Story {
    /// The curve of a process.
    pub fn curve(&self, pid: u32) -> Option<&AllocCurve> {
        self.alloc_curves.iter().find(|c| c.pid == pid)
    }

    /// The id that process `name` of a container (or of the host, `pod` empty) had.
    pub fn pid(&self, pod: &str, container: &str, name: &str) -> Option<u32> {
        let matches = |p: &&Process| {
            p.name == name
                && p.pod.as_deref().unwrap_or("") == pod
                && (pod.is_empty() || p.container.as_deref() == Some(container))
        };
        self.processes.iter().find(matches).map(|p| p.pid)
    }
}
