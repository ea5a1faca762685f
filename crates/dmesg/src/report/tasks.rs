//! Processes in a report: rows of the table, the chosen one, those killed.

use oomsim_core::node_api::TaskRow;
use oomsim_core::units::{Pages, Pid};
use serde::Serialize;

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

/// A line of the OOM reaper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
}
