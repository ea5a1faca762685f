//! What a log says about one invocation of the OOM killer. Everything may be missing: logs are cut, filtered and
//! rate-limited.

use serde::Serialize;

/// What ran out of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A memory cgroup hit its limit.
    Cgroup,
    /// The node itself (or the part of it that a cpuset or memory policy allows).
    Node,
    /// The log does not say.
    #[default]
    Unknown,
}

/// When a line was printed, as far as its prefix tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// Microseconds since boot, from `[sec.usec]` or a `/dev/kmsg` record.
    pub uptime_us: Option<u64>,
    /// Wall-clock text as it stands in the log.
    pub wall: Option<String>,
}

/// The process whose allocation failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Invoker {
    /// Name.
    pub comm: String,
    /// Process id, from the `CPU:` line.
    pub pid: Option<u32>,
    /// User id (6.11 on).
    pub uid: Option<u32>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// `gfp_mask=` with its names.
    pub gfp_mask: Option<String>,
    /// Order of the allocation: 2^order pages; −1 is a kill asked for by hand (SysRq).
    pub order: Option<i32>,
    /// `cpuset=`.
    pub cpuset: Option<String>,
}

/// A usage line of the cgroup, in kB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// Usage.
    pub usage_kb: u64,
    /// Limit.
    pub limit_kb: u64,
    /// Fail count.
    pub failcnt: u64,
}

impl Counter {
    /// True when the limit is the kernel's "no limit" (`PAGE_COUNTER_MAX`, or older `RES_COUNTER_MAX`).
    pub fn unlimited(&self) -> bool {
        self.limit_kb >= 9_007_199_254_740_988 / 2
    }
}

/// Statistics of a cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CgroupStats {
    /// Path.
    pub cgroup: String,
    /// Keys with values in bytes (or counts) in printed order. From `cache:12KB …` lines converted to bytes.
    pub values: Vec<(String, u64)>,
}

/// A zone of the `Mem-Info` block, in kB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// NUMA node.
    pub node: u32,
    /// `DMA`, `DMA32`, `Normal` …
    pub name: String,
    /// Keys with values in kB in printed order (`free`, `min`, `low`, `high`, `present`, `managed` …).
    pub kb: Vec<(String, u64)>,
    /// `lowmem_reserve[]` in pages.
    pub lowmem_reserve: Vec<u64>,
}

/// The `Mem-Info` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemInfo {
    /// Overall counts in pages (`active_anon`, `free`, …) in printed order.
    pub pages: Vec<(String, u64)>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Total page cache pages.
    pub pagecache_pages: Option<u64>,
    /// Pages in swap cache.
    pub swapcache_pages: Option<u64>,
    /// Free swap.
    pub free_swap_kb: Option<u64>,
    /// Total swap.
    pub total_swap_kb: Option<u64>,
    /// Pages of RAM.
    pub ram_pages: Option<u64>,
    /// Pages that the kernel keeps to itself.
    pub reserved_pages: Option<u64>,
}

impl MemInfo {
    /// A count of the overall block, in pages.
    pub fn get(&self, key: &str) -> Option<u64> {
        self.pages.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }
}

/// A row of the task table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Process id.
    pub pid: u32,
    /// User id.
    pub uid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Virtual size in pages.
    pub total_vm: u64,
    /// Resident pages.
    pub rss: u64,
    /// Anonymous, file and shared-memory part (6.8 on).
    pub rss_split: Option<[u64; 3]>,
    /// Pages of page tables.
    pub pgtables_pages: u64,
    /// Swapped-out pages.
    pub swapents: u64,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Name.
    pub comm: String,
}

/// The chosen process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
    /// `score` of the line `Kill process … score S or sacrifice child` (to 5.0).
    pub score: Option<u64>,
}

/// A line `Killed process …`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Killed {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
    /// Virtual size.
    pub total_vm_kb: Option<u64>,
    /// Anonymous resident memory.
    pub anon_rss_kb: Option<u64>,
    /// File-backed resident memory.
    pub file_rss_kb: Option<u64>,
    /// Shared resident memory.
    pub shmem_rss_kb: Option<u64>,
    /// User.
    pub uid: Option<u32>,
    /// Page tables.
    pub pgtables_kb: Option<u64>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
}

/// A line of the OOM reaper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
}

/// One report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// First line of the log that belongs to it, from 1.
    pub first_line: u64,
    /// Last line that belongs to it.
    pub last_line: u64,
    /// Host name of a syslog prefix.
    pub host: Option<String>,
    /// When.
    pub stamp: Stamp,
    /// Kernel release (`5.4.0-1059-azure`).
    pub kernel: Option<String>,
    /// The process whose allocation failed.
    pub invoker: Option<Invoker>,
    /// What ran out.
    pub kind: Kind,
    /// `CONSTRAINT_…`.
    pub constraint: Option<String>,
    /// Cgroup whose limit was hit.
    pub oom_memcg: Option<String>,
    /// Cgroup of the chosen process.
    pub task_memcg: Option<String>,
    /// `memory:` line.
    pub memory: Option<Counter>,
    /// `swap:` line (v2).
    pub swap: Option<Counter>,
    /// `memory+swap:` line (v1).
    pub memory_swap: Option<Counter>,
    /// `kmem:` line (v1).
    pub kmem: Option<Counter>,
    /// Statistics of the cgroup, on old kernels of each cgroup below it too.
    pub cgroup_stats: Vec<CgroupStats>,
    /// `Mem-Info` of the node.
    pub mem_info: Option<MemInfo>,
    /// Column names of the task table.
    pub table_columns: Vec<String>,
    /// Tasks in printed order, which is the order of scanning.
    pub tasks: Vec<Task>,
    /// The chosen process (`oom-kill:` or `Kill process …` line).
    pub chosen: Option<Chosen>,
    /// Processes killed, in order; repetitions of the same process are dropped.
    pub killed: Vec<Killed>,
    /// Number of `Killed process` lines, repetitions included.
    pub killed_lines: u32,
    /// Cgroup killed as a whole (`memory.oom.group`).
    pub oom_group: Option<String>,
    /// Processes found to be exiting already.
    pub already_exiting: Vec<u32>,
    /// Lines of the OOM reaper.
    pub reaped: Vec<Reaped>,
    /// `vm.oom_kill_allocating_task` decided.
    pub oom_kill_allocating_task: bool,
    /// "Out of memory and no killable processes".
    pub no_killable: bool,
    /// The kernel panicked.
    pub panic: Option<String>,
    /// Reports suppressed before this one, when the kernel says so.
    pub suppressed_before: Option<u64>,
    /// Only the line of the kill is there: the report was rate-limited, or filtered away.
    pub kill_only: bool,
    /// The beginning (`invoked oom-killer`) is missing although other parts are there.
    pub start_missing: bool,
}

impl Report {
    /// The process that the kernel chose: of the summary, else the first one killed.
    pub fn victim_pid(&self) -> Option<u32> {
        let chosen = self.chosen.as_ref().map(|c| c.pid);
        chosen.or_else(|| self.killed.first().map(|k| k.pid))
    }

    /// True when someone asked for the kill (SysRq f, or `echo f > /proc/sysrq-trigger`): nothing had run out.
    pub fn by_hand(&self) -> bool {
        self.invoker.as_ref().is_some_and(|i| i.order == Some(-1))
    }

    /// A task of the table.
    pub fn task(&self, pid: u32) -> Option<&Task> {
        self.tasks.iter().find(|t| t.pid == pid)
    }

    /// What one would expect of a whole report and is not there, in words.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.kill_only {
            missing.push(
                "everything but the kill itself (the kernel prints at most 10 reports in 5 s, or the log was filtered)",
            );
            return missing;
        }
        if self.start_missing {
            missing.push("the beginning of the report");
        }
        if self.kind == Kind::Cgroup && self.memory.is_none() {
            missing.push("the cgroup's usage and limit");
        }
        if self.kind == Kind::Node && self.mem_info.is_none() {
            missing.push("the node's memory figures (Mem-Info)");
        }
        if self.tasks.is_empty() {
            missing.push("the table of tasks");
        }
        if self.killed.is_empty() && !self.no_killable && self.panic.is_none() && self.already_exiting.is_empty() {
            missing.push("the kill");
        }
        missing
    }
}
