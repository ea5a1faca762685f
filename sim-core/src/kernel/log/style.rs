//! The wording of a kernel's OOM report as a row of named capabilities. The lines themselves are in the sibling
//! modules; they ask for a capability, never for a version.

use crate::kernel::release::version;

use super::stat_keys::{STAT_5_4, STAT_5_10, STAT_5_15, STAT_6_1, STAT_6_12, STAT_6_18, STAT_7_3};

/// Columns of the task table (`dump_tasks` in mm/oom_kill.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents …`, five digits of pid, no title (4.15).
    Narrow,
    /// Seven digits of pid and the title `Tasks state (memory values in pages):` (4.19 on).
    Wide,
    /// As `Wide`, with `rss_anon rss_file rss_shmem` (6.8 on).
    RssSplit,
}

/// How statistics of the cgroup are printed (`mem_cgroup_print_oom_meminfo` in mm/memcontrol.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemcgStats {
    /// One line per cgroup of the tree, its own counters in KB: `cache:0KB rss:48KB …` (before 5.3).
    PerCgroup,
    /// `memory.stat` of the cgroup as one record of many lines (5.3 to 6.5).
    OneRecord,
    /// `memory.stat`, every line a record of its own (6.6 on).
    RecordPerLine,
}

/// How a kill is announced (`oom_kill_process`, `__oom_kill_process`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// `…: Kill process PID (NAME) score S or sacrifice child`, then `Killed process PID (NAME) total-vm:…` (to 5.0).
    Score,
    /// `…: Killed process PID (NAME) total-vm:…` (5.1 to 5.3).
    Plain,
    /// The same with `UID:… pgtables:…kB oom_score_adj:…` (5.4 on).
    Details,
}

/// On which list anonymous pages begin their life; decides `active_anon` and `inactive_anon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewAnon {
    /// Active: the classic LRU before 5.9, and MGLRU's youngest generation (recordings of 6.12).
    Active,
    /// Inactive: the classic LRU from 5.9 on (recordings of 6.1).
    Inactive,
}

/// Texts of `gfp_mask=0x…(…)` by what was being allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GfpTexts {
    /// An anonymous page or a limit write, charged to a cgroup.
    pub memcg: &'static str,
    /// Kernel memory charged to a cgroup.
    pub memcg_kernel: &'static str,
    /// A page of a file, charged to a cgroup.
    pub memcg_file: &'static str,
    /// An anonymous page, none free on the node.
    pub anon: &'static str,
    /// A page of a file, none free on the node.
    pub file: &'static str,
    /// Kernel memory, none free on the node.
    pub kernel: &'static str,
}

/// Pages kept for atomic allocations, in the zones' lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HighAtomic {
    /// Not there (before 5.5).
    None,
    /// `reserved_highatomic:0KB` (5.5 on).
    Reserved,
    /// With ` free_highatomic:0KB` (6.18 on).
    WithFree,
    /// The same in `kB` (7.3 on).
    WithFreeInKb,
}

/// Which figures the `Mem-Info` block has and where (`show_free_areas`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemInfoStyle {
    /// `unstable:` pages (before 5.8).
    pub unstable: bool,
    /// `sec_pagetables:` (6.1 on).
    pub sec_pagetables: bool,
    /// `kernel_misc_reclaimable:` (5.10 on).
    pub kernel_misc_reclaimable: bool,
    /// `kernel_stack` and `pagetables` stand in the node's line (5.11 on), before that in each zone's.
    pub per_node_kernel: bool,
    /// `reserved_highatomic:` in the zones' lines.
    pub high_atomic: HighAtomic,
    /// `boost:` in the zones' lines (5.16 on).
    pub boost: bool,
    /// Written `shmem_thp: 0kB` with a blank (before 6.5).
    pub thp_blank: bool,
    /// `Swap cache stats: …` (before 6.0).
    pub swap_cache_stats: bool,
    /// `writeback_tmp:` in the node's line (before 6.18; it was always 0).
    pub writeback_tmp: bool,
    /// `Balloon:` at the end of the node's line (6.18 on).
    pub balloon: bool,
    /// `gpu_active:` and `gpu_reclaim:` after it (7.2 on).
    pub gpu: bool,
}

/// What one kernel version prints.
///
/// The rows rest on the kernels' sources as remembered and, where there are any, on logs: 4.15 and 5.4 on those
/// quoted in the articles of docs/SOURCES.md, 5.10, 6.1, 6.12, 6.18 and 7.3 on the recordings; 7.2 on its source. A
/// distribution may have backported a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStyle {
    /// `major.minor`.
    pub version: &'static str,
    /// `nodemask=` in the first line, and the line `NAME cpuset=… mems_allowed=…` (before 5.0).
    pub nodemask_and_cpuset: bool,
    /// `UID:` in the `CPU:` line (6.11 on).
    pub cpu_line_uid: bool,
    /// `Task in A killed as a result of limit of B` (before 5.0).
    pub limit_sentence: bool,
    /// On cgroup v2 a `swap:` line instead of `memory+swap:` and `kmem:` (5.3 on).
    pub swap_line: bool,
    /// Statistics of the cgroup.
    pub memcg_stats: MemcgStats,
    /// Keys of `memory.stat` in order (5.3 on).
    pub stat_keys: &'static [&'static str],
    /// Columns of the task table.
    pub table: Table,
    /// The line `oom-kill:constraint=…` (5.0 on).
    pub summary: bool,
    /// Announcement of kills.
    pub kill: Kill,
    /// Group kills are announced (4.19 on).
    pub oom_group: bool,
    /// `Out of memory and no killable processes...` is a line of its own, for cgroups too (4.17 on).
    pub no_killable: bool,
    /// The OOM reaper takes the memory at once and says so; from 5.18 on (and stable trees that took the change) it
    /// waits 2 s, and the process has left by then (no such line in 643 recorded reports of 6.1 and 6.12).
    pub reaper_at_once: bool,
    /// Mask texts.
    pub gfp: GfpTexts,
    /// `Mem-Info` block.
    pub mem_info: MemInfoStyle,
    /// List of new anonymous pages.
    pub new_anon: NewAnon,
    /// The line `Memory cgroup min protection …` before the table, cgroup v2 only (7.2 on).
    pub protection_line: bool,
}

/// One row per kernel version, oldest first.
pub const STYLES: [LogStyle; 13] = [V4_15, V4_19, V5_4, V5_10, V5_15, V6_1, V6_6, V6_8, V6_12, V6_18, V7_0, V7_2, V7_3];

impl LogStyle {
    /// The row of `major.minor`, or the nearest older one.
    pub fn named(text: &str) -> Option<&'static LogStyle> {
        let wanted = version(text)?;
        STYLES.iter().rfind(|style| version(style.version).is_some_and(|row| row <= wanted))
    }
}

const V4_15: LogStyle = LogStyle {
    version: "4.15",
    nodemask_and_cpuset: true,
    cpu_line_uid: false,
    limit_sentence: true,
    swap_line: false,
    memcg_stats: MemcgStats::PerCgroup,
    stat_keys: &[],
    table: Table::Narrow,
    summary: false,
    kill: Kill::Score,
    oom_group: false,
    no_killable: false,
    reaper_at_once: true,
    gfp: GfpTexts {
        memcg: "0x14000c0(GFP_KERNEL)",
        memcg_kernel: "0x15080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
        memcg_file: "0x14200ca(GFP_HIGHUSER_MOVABLE)",
        anon: "0x14280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)",
        file: "0x14200ca(GFP_HIGHUSER_MOVABLE)",
        kernel: "0x15080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
    },
    mem_info: MemInfoStyle {
        unstable: true,
        sec_pagetables: false,
        kernel_misc_reclaimable: false,
        per_node_kernel: false,
        high_atomic: HighAtomic::None,
        boost: false,
        thp_blank: true,
        swap_cache_stats: true,
        writeback_tmp: true,
        balloon: false,
        gpu: false,
    },
    new_anon: NewAnon::Active,
    protection_line: false,
};

const V4_19: LogStyle = LogStyle {
    version: "4.19",
    table: Table::Wide,
    oom_group: true,
    no_killable: true,
    gfp: GfpTexts {
        memcg: "0x6000c0(GFP_KERNEL)",
        memcg_kernel: "0x7080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
        memcg_file: "0x6200ca(GFP_HIGHUSER_MOVABLE)",
        anon: "0x6280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)",
        file: "0x6200ca(GFP_HIGHUSER_MOVABLE)",
        kernel: "0x7080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
    },
    ..V4_15
};

const V5_4: LogStyle = LogStyle {
    version: "5.4",
    nodemask_and_cpuset: false,
    limit_sentence: false,
    swap_line: true,
    memcg_stats: MemcgStats::OneRecord,
    stat_keys: STAT_5_4,
    summary: true,
    kill: Kill::Details,
    gfp: GfpTexts {
        memcg: "0xcc0(GFP_KERNEL)",
        memcg_kernel: "0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
        memcg_file: "0x100cca(GFP_HIGHUSER_MOVABLE)",
        anon: "0x100dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)",
        file: "0x100cca(GFP_HIGHUSER_MOVABLE)",
        kernel: "0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)",
    },
    ..V4_19
};

const V5_10: LogStyle = LogStyle {
    version: "5.10",
    stat_keys: STAT_5_10,
    reaper_at_once: false,
    mem_info: MemInfoStyle { unstable: false, high_atomic: HighAtomic::Reserved, ..V5_4.mem_info },
    new_anon: NewAnon::Inactive,
    ..V5_4
};

const V5_15: LogStyle = LogStyle {
    version: "5.15",
    stat_keys: STAT_5_15,
    gfp: GfpTexts {
        memcg_file: "0x1100cca(GFP_HIGHUSER_MOVABLE)",
        anon: "0x1100dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)",
        file: "0x1100cca(GFP_HIGHUSER_MOVABLE)",
        ..V5_4.gfp
    },
    mem_info: MemInfoStyle { kernel_misc_reclaimable: true, per_node_kernel: true, ..V5_10.mem_info },
    ..V5_10
};

const V6_1: LogStyle = LogStyle {
    version: "6.1",
    stat_keys: STAT_6_1,
    gfp: GfpTexts {
        memcg_file: "0x100cca(GFP_HIGHUSER_MOVABLE)",
        anon: "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)",
        file: "0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)",
        ..V5_4.gfp
    },
    mem_info: MemInfoStyle { sec_pagetables: true, boost: true, swap_cache_stats: false, ..V5_15.mem_info },
    ..V5_15
};

const V6_6: LogStyle = LogStyle {
    version: "6.6",
    memcg_stats: MemcgStats::RecordPerLine,
    mem_info: MemInfoStyle { thp_blank: false, ..V6_1.mem_info },
    ..V6_1
};

const V6_8: LogStyle = LogStyle { version: "6.8", table: Table::RssSplit, ..V6_6 };

const V6_12: LogStyle =
    LogStyle { version: "6.12", cpu_line_uid: true, stat_keys: STAT_6_12, new_anon: NewAnon::Active, ..V6_8 };

const V6_18: LogStyle = LogStyle {
    version: "6.18",
    stat_keys: STAT_6_18,
    gfp: GfpTexts { anon: "0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP)", ..V6_12.gfp },
    mem_info: MemInfoStyle { writeback_tmp: false, balloon: true, high_atomic: HighAtomic::WithFree, ..V6_12.mem_info },
    ..V6_12
};

const V7_0: LogStyle = LogStyle { version: "7.0", ..V6_18 };

const V7_2: LogStyle =
    LogStyle { version: "7.2", mem_info: MemInfoStyle { gpu: true, ..V7_0.mem_info }, protection_line: true, ..V7_0 };

const V7_3: LogStyle = LogStyle {
    version: "7.3",
    stat_keys: STAT_7_3,
    mem_info: MemInfoStyle { high_atomic: HighAtomic::WithFreeInKb, ..V7_2.mem_info },
    ..V7_2
};
