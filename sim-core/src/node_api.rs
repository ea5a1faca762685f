//! What kernel, kubelet, runtime and recorder say to each other: plain data, no behaviour of either side.

mod states;

pub use states::{
    ConditionStatus, ContainerStatus, EvictionSignal, NodeConditionType, PodEventReason, PodPhase, PodReason,
    PodStatus, QosClass, RefusedCall, TerminatedReason, WaitingReason, format_pod, waiting_message,
};

pub(crate) use states::{as_text, words};

use crate::units::{Bytes, CgroupId, Pages, Pid, SimTime};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// A name shared cheaply between records: a comm, a cgroup path, a pod.
pub type Name = Arc<str>;

/// Memory counters of one cgroup, hierarchical (v1: the `total_*` values), as `memory.stat` and
/// `memory.current` / `memory.usage_in_bytes` give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct MemoryStat {
    /// `memory.current` (v2) or `memory.usage_in_bytes` (v1). For the v2 root: anon + file, as runc computes it.
    pub usage: Bytes,
    /// Anonymous memory.
    pub anon: Bytes,
    /// Page cache including tmpfs and shared memory.
    pub file: Bytes,
    /// tmpfs and shared memory (part of `file`).
    pub shmem: Bytes,
    /// Kernel memory charged here: page tables, stacks, slab.
    pub kernel: Bytes,
    /// Page cache on the inactive list.
    pub inactive_file: Bytes,
    /// Page cache on the active list.
    pub active_file: Bytes,
    /// Memory that cannot be reclaimed (mlock).
    pub unevictable: Bytes,
    /// Swapped-out memory.
    pub swap: Bytes,
}

impl MemoryStat {
    /// `usage − inactive_file`, floored at zero: cAdvisor's working set
    /// (cadvisor v0.51 container/libcontainer/handler.go setMemoryStats).
    pub fn working_set(&self) -> Bytes {
        self.usage.saturating_sub(self.inactive_file)
    }
}

/// The figures of `/proc/meminfo` that the model carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct MemInfo {
    /// MemTotal.
    pub total: Bytes,
    /// MemFree.
    pub free: Bytes,
    /// MemAvailable, by the kernel's own estimate.
    pub available: Bytes,
    /// Page cache without shared memory and swap cache.
    pub cached: Bytes,
    /// Shmem.
    pub shmem: Bytes,
    /// AnonPages.
    pub anon: Bytes,
    /// Kernel memory: slab, page tables, stacks and what was taken at boot.
    pub kernel: Bytes,
    /// SwapTotal.
    pub swap_total: Bytes,
    /// SwapFree.
    pub swap_free: Bytes,
    /// CommitLimit.
    pub commit_limit: Bytes,
    /// Committed_AS.
    pub committed_as: Bytes,
}

/// Limits written to a memory cgroup; `None` leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CgroupWrite {
    /// `memory.max` / `memory.limit_in_bytes`; [`Bytes::MAX`] is "max".
    pub max: Option<Bytes>,
    /// `memory.high` (v2).
    pub high: Option<Bytes>,
    /// `memory.low` (v2).
    pub low: Option<Bytes>,
    /// `memory.min` (v2).
    pub min: Option<Bytes>,
    /// `memory.swap.max` (v2); for v1 `memory.memsw.limit_in_bytes`, memory and swap together.
    pub swap_max: Option<Bytes>,
    /// `memory.oom.group` (v2).
    pub oom_group: Option<bool>,
    /// `memory.swappiness` (v1).
    pub swappiness: Option<u8>,
}

/// Counters of `memory.events` (v2), hierarchical; v1 uses `max` as failcnt and `oom_kill` of `oom_control`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct MemoryEvents {
    /// Reclaims below `memory.low`.
    pub low: u64,
    /// Times `memory.high` was exceeded.
    pub high: u64,
    /// Times the limit was about to be exceeded (v1: failcnt).
    pub max: u64,
    /// Times the limit was reached and allocation was about to fail.
    pub oom: u64,
    /// Processes killed by the OOM killer.
    pub oom_kill: u64,
    /// Group kills.
    pub oom_group_kill: u64,
}

impl MemoryEvents {
    /// Nothing has happened.
    pub const NONE: MemoryEvents = MemoryEvents { low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0 };
}

/// A signal the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Signo {
    /// Hang-up: the session's leader died.
    #[serde(rename = "SIGHUP")]
    Hup = 1,
    /// Abort, raised by a runtime on itself.
    #[serde(rename = "SIGABRT")]
    Abrt = 6,
    /// Kill, cannot be caught.
    #[serde(rename = "SIGKILL")]
    Kill = 9,
    /// Segmentation fault.
    #[serde(rename = "SIGSEGV")]
    Segv = 11,
    /// Polite request to end.
    #[serde(rename = "SIGTERM")]
    Term = 15,
}

impl fmt::Display for Signo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signo::Hup => "SIGHUP",
            Signo::Abrt => "SIGABRT",
            Signo::Kill => "SIGKILL",
            Signo::Segv => "SIGSEGV",
            Signo::Term => "SIGTERM",
        })
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum ExitStatus {
    /// `exit(code)`.
    Code(i32),
    /// Killed by a signal.
    Signal(Signo),
}

impl ExitStatus {
    /// The exit code as a container runtime reports it: 128 + signal for signals.
    pub fn container_exit_code(self) -> i32 {
        match self {
            ExitStatus::Code(c) => c,
            ExitStatus::Signal(s) => 128 + s as i32,
        }
    }
}

/// What ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub enum Constraint {
    /// `CONSTRAINT_NONE`: the node.
    #[default]
    #[serde(rename = "CONSTRAINT_NONE")]
    None,
    /// `CONSTRAINT_MEMCG`: a memory cgroup's limit.
    #[serde(rename = "CONSTRAINT_MEMCG")]
    Memcg,
}

/// A line of the OOM report's task table, as the kernel saw the task at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskRow {
    /// Process id.
    pub pid: Pid,
    /// User id.
    pub uid: u32,
    /// Name, at most 15 bytes.
    pub comm: Name,
    /// Path of its memory cgroup.
    pub cgroup: Name,
    /// Virtual size.
    pub total_vm: Pages,
    /// Anonymous resident pages.
    pub rss_anon: Pages,
    /// File-mapped resident pages.
    pub rss_file: Pages,
    /// Shared-memory resident pages.
    pub rss_shmem: Pages,
    /// Bytes of page tables.
    pub pgtables: Bytes,
    /// Swapped-out pages.
    pub swapents: Pages,
    /// `oom_score_adj`.
    pub oom_score_adj: i16,
    /// Badness points by the profile's arithmetic; `None`: not eligible.
    pub points: Option<i64>,
}

impl TaskRow {
    /// All resident pages.
    pub fn rss(&self) -> Pages {
        self.rss_anon + self.rss_file + self.rss_shmem
    }
}

/// Index of a line in [`OomReport::tasks`]. A type of its own, of the same width on every machine: reports are hashed
/// into the digest of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskIx(u32);

impl TaskIx {
    /// The line at `index`.
    ///
    /// # Panics
    /// Beyond 2^32 lines: more processes than a kernel has ids for.
    pub fn new(index: usize) -> Self {
        TaskIx(u32::try_from(index).expect("fewer tasks than process ids"))
    }

    /// The place in [`OomReport::tasks`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A counter with limit and fail count, as the report prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CounterLine {
    /// Usage.
    pub usage: Bytes,
    /// Limit; [`Bytes::MAX`]: none.
    pub limit: Bytes,
    /// Fail count.
    pub failcnt: u64,
}

/// One zone of the `Mem-Info` block, in pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ZoneInfo {
    /// `DMA`, `DMA32` or `Normal`.
    pub name: &'static str,
    /// Free pages.
    pub free: Pages,
    /// Watermarks min, low, high.
    pub watermark: [Pages; 3],
    /// Present pages.
    pub present: Pages,
    /// Managed pages.
    pub managed: Pages,
    /// `lowmem_reserve` against allocations that could use a higher zone.
    pub protection: Pages,
}

/// What the failing allocation was for; decides the `gfp_mask` that the report prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Allocation {
    /// A write fault on anonymous memory, or the kernel's own ordinary allocation.
    #[default]
    AnonFault,
    /// A page of a file or of tmpfs.
    FileFault,
    /// Kernel memory charged to the process: page tables, fork.
    KernelAccount,
    /// A limit was written below the usage; nothing was allocated.
    LimitWrite,
}

/// Everything a kernel prints about one invocation of the OOM killer, and what it did.
///
/// `Default` is an empty report, for tests and for filling in what a caller does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OomReport {
    /// When the killer was invoked.
    pub at: SimTime,
    /// What ran out.
    pub constraint: Constraint,
    /// Process whose allocation failed.
    pub invoker: Pid,
    /// Process name of the invoker.
    pub invoker_comm: Name,
    /// Its `oom_score_adj`.
    pub invoker_adj: i16,
    /// Its user (printed from 6.11 on).
    pub invoker_uid: u32,
    /// Its cgroup path; the report prints the last component as `cpuset`.
    pub invoker_cgroup: Name,
    /// What it was allocating.
    pub allocation: Allocation,
    /// `vm.oom_kill_allocating_task` decided: no selection took place (global only).
    pub oom_kill_allocating_task: bool,
    /// Cgroup whose limit was hit (memcg only).
    pub oom_memcg: Option<Name>,
    /// `memory:` line (memcg only).
    pub memory: CounterLine,
    /// `swap:` (v2) or `memory+swap:` (v1) line.
    pub swap: CounterLine,
    /// `kmem:` line (v1).
    pub kmem: CounterLine,
    /// What `memory.min` and `memory.low` of the cgroups right below protect (v2; printed from 7.2 on).
    pub protected: [Pages; 2],
    /// Statistics of `oom_memcg`, or of the node.
    pub stat: MemoryStat,
    /// Statistics of `oom_memcg` and of every cgroup below it, without their children, in pre-order: kernels
    /// before 5.3 print these instead of `stat`. Empty for later ones.
    pub cgroup_stats: Vec<(Name, MemoryStat)>,
    /// `/proc/meminfo` at that moment (global only).
    pub mem_info: MemInfo,
    /// Zones (global only).
    pub zones: Vec<ZoneInfo>,
    /// Pages that points are measured against.
    pub total_pages: Pages,
    /// Candidates in scan order.
    pub tasks: Vec<TaskRow>,
    /// The chosen task; `None`: no killable process.
    pub victim: Option<TaskIx>,
    /// Cgroup killed as a group because of `memory.oom.group`.
    pub oom_group: Option<Name>,
    /// Every task killed, the chosen one first.
    pub killed: SmallVec<[TaskIx; 1]>,
    /// True when the kernel panics instead ("System is deadlocked on memory").
    pub panic: bool,
}

impl OomReport {
    /// The chosen task, if there is one.
    pub fn chosen(&self) -> Option<&TaskRow> {
        self.task(self.victim?)
    }

    /// Every task killed, the first to die first.
    pub fn killed_tasks(&self) -> impl Iterator<Item = &TaskRow> {
        self.killed.iter().filter_map(|&ix| self.task(ix))
    }

    /// A line of the task table.
    pub fn task(&self, ix: TaskIx) -> Option<&TaskRow> {
        self.tasks.get(ix.index())
    }
}

/// What the kernel reports after a call; the node routes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The OOM killer ran.
    Oom {
        /// The cgroup whose limit was hit; `None`: the node ran out of memory.
        limit: Option<CgroupId>,
        /// What it prints and whom it killed.
        report: Box<OomReport>,
    },
    /// A process has been given a deadly signal or has exited; its memory is freed when the node says so
    /// (`Kernel::finish_exit`), after the exit's latency.
    Dying {
        /// Which process.
        pid: Pid,
        /// How it ends.
        status: ExitStatus,
        /// True when the OOM killer did it.
        oom: bool,
    },
    /// Memory came free: allocations that wait may be tried again.
    MemoryFreed,
}
