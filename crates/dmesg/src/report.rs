//! What a log says about one invocation of the OOM killer. Everything may be missing: logs are cut, filtered and
//! rate-limited.

use oomsim_core::node_api::TaskRow;
use oomsim_core::units::{Pages, Pid};
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
    /// `nodemask=` where it names NUMA nodes (4.9 to 4.20 have it here).
    pub nodemask: Option<String>,
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
    /// Free blocks, from the line `Node 0 Normal: 12*4kB (UM) 10*8kB …`: size in kB and how many, smallest first.
    pub free_blocks: Vec<(u64, u64)>,
}

impl Zone {
    /// A figure of the zone in kB.
    pub fn get(&self, key: &str) -> Option<u64> {
        self.kb.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }
}

/// Huge pages of a node, from `Node 0 hugepages_total=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HugePages {
    /// NUMA node.
    pub node: u32,
    /// Pages set aside.
    pub total: u64,
    /// Of them not in use.
    pub free: u64,
    /// Size of one in kB.
    pub size_kb: u64,
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
    /// Huge pages by node and size.
    pub huge_pages: Vec<HugePages>,
    /// Largest users of `Unreclaimable slab info` in kB, as printed.
    pub slabs: Vec<(String, u64)>,
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
    /// `pgtables_bytes` as printed (4.15 on).
    #[serde(skip)]
    pub pgtables_bytes: u64,
    /// Swapped-out pages.
    pub swapents: u64,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Name.
    pub comm: String,
}

/// Keeps sums of hostile numbers from overflowing: 2^40 pages are 4 PiB.
const MOST_PAGES: u64 = 1 << 40;

impl Task {
    /// The row as the OOM killer saw it. Before 6.8 the table has one resident figure only: it counts as anonymous
    /// memory here, which changes no sum. The cgroup of a task is not in the table.
    pub(crate) fn to_row(&self) -> TaskRow {
        let pages = |n: u64| Pages::new(n.min(MOST_PAGES));
        let [anon, file, shmem] = self.rss_split.unwrap_or([self.rss, 0, 0]);
        let adj = self.oom_score_adj.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        TaskRow {
            pid: Pid(self.pid),
            uid: self.uid,
            comm: self.comm.as_str().into(),
            cgroup: "".into(),
            total_vm: pages(self.total_vm),
            rss_anon: pages(anon),
            rss_file: pages(file),
            rss_shmem: pages(shmem),
            pgtables: pages(self.pgtables_pages).bytes(),
            swapents: pages(self.swapents),
            oom_score_adj: i16::try_from(adj).unwrap_or(0),
            points: None,
        }
    }
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

impl Killed {
    /// Resident memory that the line tells.
    pub fn rss_kb(&self) -> Option<u64> {
        let parts = [self.anon_rss_kb, self.file_rss_kb, self.shmem_rss_kb];
        self.anon_rss_kb.map(|_| parts.iter().flatten().fold(0u64, |s, p| s.saturating_add(*p)))
    }
}

/// Lines that the log lacks, as the log itself says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Line that says so.
    pub line: u64,
    /// How many messages; `None`: it does not say.
    pub messages: Option<u64>,
    /// Between the rows of the task table.
    pub in_table: bool,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Size of a page in kB: 4 unless the log shows another.
    pub page_size_kb: u64,
    /// What of the log shows it.
    pub page_size_from: Option<&'static str>,
    /// The process whose allocation failed.
    pub invoker: Option<Invoker>,
    /// What ran out.
    pub kind: Kind,
    /// `CONSTRAINT_…`.
    pub constraint: Option<String>,
    /// `nodemask=`: the NUMA nodes that the memory policy allows.
    pub nodemask: Option<String>,
    /// `mems_allowed=`: the NUMA nodes that the cpuset allows.
    pub mems_allowed: Option<String>,
    /// What the call trace shows to have run out.
    pub trace: Option<Kind>,
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
    /// `memory.min` and `memory.low` of the cgroup as they protect it, in kB (7.0 on).
    pub protection_kb: Option<(u64, u64)>,
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
    /// Several were killed at once, but the line that announces it is not there.
    pub group_not_announced: bool,
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
    /// Messages that the log says were lost while this was printed.
    pub lost: Vec<Lost>,
    /// Rows of the task table that are cut, so that they say too little.
    pub cut_rows: u32,
}

impl Default for Report {
    fn default() -> Report {
        Report {
            page_size_kb: 4,
            page_size_from: None,
            first_line: 0,
            last_line: 0,
            host: None,
            stamp: Stamp::default(),
            kernel: None,
            invoker: None,
            kind: Kind::Unknown,
            constraint: None,
            nodemask: None,
            mems_allowed: None,
            trace: None,
            oom_memcg: None,
            task_memcg: None,
            memory: None,
            swap: None,
            memory_swap: None,
            kmem: None,
            protection_kb: None,
            cgroup_stats: Vec::new(),
            mem_info: None,
            table_columns: Vec::new(),
            tasks: Vec::new(),
            chosen: None,
            killed: Vec::new(),
            killed_lines: 0,
            oom_group: None,
            group_not_announced: false,
            already_exiting: Vec::new(),
            reaped: Vec::new(),
            oom_kill_allocating_task: false,
            no_killable: false,
            panic: None,
            suppressed_before: None,
            kill_only: false,
            start_missing: false,
            lost: Vec::new(),
            cut_rows: 0,
        }
    }
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

    /// Resident pages of a process: of its row, else of the line about its kill.
    pub fn resident_pages(&self, pid: u32) -> Option<u64> {
        let row = self.task(pid).map(|t| t.rss);
        row.or_else(|| Some(self.killed.iter().find(|k| k.pid == pid)?.rss_kb()? / self.page_size_kb))
    }

    /// Pages as kB.
    pub fn kb(&self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_size_kb)
    }

    /// The NUMA nodes that the allocation was bound to, when that is what ran out; `None`: the whole machine.
    pub fn bound_nodes(&self) -> Option<Vec<u32>> {
        let list = match self.constraint.as_deref() {
            Some("CONSTRAINT_MEMORY_POLICY") => self.nodemask.as_deref(),
            Some("CONSTRAINT_CPUSET") => self.mems_allowed.as_deref(),
            _ => None,
        };
        list.and_then(nodes)
    }

    /// What one would expect of a whole report and is not there, in words.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.kill_only {
            let all =
                "everything but the kill itself (the kernel prints at most 10 reports in 5 s, or the log was filtered)";
            missing.push(all.to_string());
            return missing;
        }
        let mut say = |yes: bool, what: &str| {
            if yes {
                missing.push(what.to_string());
            }
        };
        say(self.start_missing, "the beginning of the report");
        say(self.kind == Kind::Cgroup && self.memory.is_none(), "the cgroup's usage and limit");
        say(self.kind == Kind::Node && self.mem_info.is_none(), "the node's memory figures (Mem-Info)");
        say(self.tasks.is_empty(), "the table of tasks");
        let ended = !self.killed.is_empty() || self.no_killable || self.panic.is_some();
        say(!ended && self.already_exiting.is_empty(), "the kill");
        for lost in &self.lost {
            let many = lost.messages.map_or("messages".to_string(), |n| format!("{n} messages"));
            let place =
                if lost.in_table { "rows of the table of tasks among them" } else { "of this report or others" };
            missing.push(format!("{many} that were dropped (line {}), {place}", lost.line));
        }
        match self.cut_rows {
            0 => {}
            1 => missing.push("the end of one row of the table, which is cut".into()),
            n => missing.push(format!("the ends of {n} rows of the table, which are cut")),
        }
        missing
    }

    /// True when rows of the table are known to be missing.
    pub fn rows_lost(&self) -> bool {
        self.cut_rows > 0 || self.lost.iter().any(|l| l.in_table)
    }
}

/// `0-3,5` as numbers.
pub(crate) fn nodes(list: &str) -> Option<Vec<u32>> {
    let mut out = Vec::new();
    for part in list.split(',').filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last < first || last - first > 4096 {
            return None;
        }
        out.extend(first..=last);
    }
    (!out.is_empty()).then_some(out)
}
