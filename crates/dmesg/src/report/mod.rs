//! What a log says about one invocation of the OOM killer. Everything may be missing: logs are cut, filtered and
//! rate-limited.

mod memory;
mod tasks;

pub use memory::{CgroupStats, Counter, HugePages, MemInfo, Zone};
pub use tasks::{Chosen, Killed, Reaped, Task};

use memory::full_zones;
use serde::Serialize;

/// What ran out of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OomKind {
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

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedOom {
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
    pub kind: OomKind,
    /// `CONSTRAINT_…`.
    pub constraint: Option<String>,
    /// `nodemask=`: the NUMA nodes that the memory policy allows.
    pub nodemask: Option<String>,
    /// `mems_allowed=`: the NUMA nodes that the cpuset allows.
    pub mems_allowed: Option<String>,
    /// What the call trace shows to have run out.
    pub trace: Option<OomKind>,
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
    /// Rows of processes that the table has already: rows of another report are among them.
    pub repeated_rows: u32,
}

impl Default for LoggedOom {
    fn default() -> LoggedOom {
        LoggedOom {
            page_size_kb: 4,
            page_size_from: None,
            first_line: 0,
            last_line: 0,
            host: None,
            stamp: Stamp::default(),
            kernel: None,
            invoker: None,
            kind: OomKind::Unknown,
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
            repeated_rows: 0,
        }
    }
}

impl LoggedOom {
    /// Where it stands in its log: exports may have all lines of a log in one.
    pub fn position(&self) -> (u64, Option<u64>) {
        (self.first_line, self.stamp.uptime_us)
    }

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

    /// The zones to which the allocation was bound, when they ran out and others have memory; `None`: all ran out.
    pub fn bound_zones(&self) -> Option<Vec<&Zone>> {
        let gfp = self.invoker.as_ref()?.gfp_mask.as_deref()?;
        full_zones(gfp, &self.mem_info.as_ref()?.zones).filter(|_| self.bound_nodes().is_none())
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
        say(self.kind == OomKind::Cgroup && self.memory.is_none(), "the cgroup's usage and limit");
        say(self.kind == OomKind::Node && self.mem_info.is_none(), "the node's memory figures (Mem-Info)");
        say(self.tasks.is_empty(), "the table of tasks");
        let ended = !self.killed.is_empty() || self.no_killable || self.panic.is_some();
        say(!ended && self.already_exiting.is_empty(), "the kill");
        for lost in &self.lost {
            let many = lost.messages.map_or("messages".to_string(), |n| format!("{n} messages"));
            let place =
                if lost.in_table { "rows of the table of tasks among them" } else { "of this report or others" };
            missing.push(format!("{many} that were dropped (line {}), {place}", lost.line));
        }
        if self.repeated_rows > 0 {
            missing.push("which rows of the table are of this report: those of another are among them".into());
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
