//! One process as the memory side of the kernel sees it.

use super::api::{Disposition, SpawnSpec};
use crate::node_api::{ExitStatus, Name};
use crate::units::{CgroupId, Pages, Pid, VolumeId};

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It has a deadly signal or has called exit; its memory is still there.
    Dying {
        /// How it ends.
        status: ExitStatus,
        /// The OOM killer chose it: nobody else is killed for the same shortage until it is gone.
        oom_victim: bool,
    },
}

/// A set of anonymous pages shared copy-on-write since a fork, as one process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CowShare {
    /// Which set.
    pub(super) set: u32,
    /// Pages of it that this process still maps.
    pub(super) mapped: Pages,
}

/// One process (thread group).
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// Its parent; `None`: init.
    pub parent: Option<Pid>,
    /// Its session's leader.
    pub session: Pid,
    /// User id.
    pub uid: u32,
    /// CAP_SYS_ADMIN on the host.
    pub cap_sys_admin: bool,
    /// Its name.
    pub comm: Name,
    /// Its memory cgroup.
    pub cgroup: CgroupId,
    /// `oom_score_adj`.
    pub oom_score_adj: i16,
    /// Where it is in its life.
    pub state: State,
    /// Virtual size.
    pub total_vm: Pages,
    /// Its share of Committed_AS.
    pub accounted: Pages,
    /// Committed_AS for shared memory that it mapped; fork does not copy it.
    pub accounted_shared: Pages,
    /// Size of its largest accounted mapping, which fork has to get past in overcommit mode 0.
    pub(super) largest_mapping: Pages,
    /// Anonymous pages mapped by it alone, and charged to its cgroup.
    pub(super) anon_own: Pages,
    /// Anonymous pages shared since a fork.
    pub(super) cow: Vec<CowShare>,
    /// Sum of `cow`.
    pub(super) anon_cow: Pages,
    /// Resident text, charged elsewhere.
    pub(super) text: Pages,
    /// Pages of files it has mapped.
    pub(super) files: Vec<(VolumeId, Pages)>,
    /// Sum of `files`.
    pub(super) file_mapped: Pages,
    /// Its shared anonymous memory, once it has any.
    pub(super) shmem: Option<VolumeId>,
    /// Pages of it that it maps.
    pub rss_shmem: Pages,
    /// Swapped-out anonymous pages.
    pub swapents: Pages,
    /// Pages of page tables, charged.
    pub pgtables: Pages,
    /// Other kernel memory, charged.
    pub kernel: Pages,
    /// Anonymous pages locked in memory.
    pub mlocked: Pages,
    /// Anonymous pages beyond the footprint that have an entry in its page tables …
    pub(super) pte_used: u64,
    /// … and how many entries there is room for.
    pub(super) pte_room: u64,
    /// Pages of files that its page tables have had entries for.
    pub(super) file_ptes: u64,
    pub(super) term: Disposition,
    pub(super) hup: Disposition,
}

impl Process {
    pub(super) fn new(pid: Pid, spec: &SpawnSpec) -> Process {
        let comm = match spec.comm.char_indices().find(|(i, c)| i + c.len_utf8() > 15) {
            Some((cut, _)) => Name::from(&spec.comm[..cut]),
            None => spec.comm.clone(),
        };
        let f = spec.footprint;
        Process {
            pid,
            parent: spec.parent,
            session: spec.session.unwrap_or(pid),
            uid: spec.uid,
            cap_sys_admin: spec.cap_sys_admin,
            comm,
            cgroup: spec.cgroup,
            oom_score_adj: spec.oom_score_adj.clamp(-1000, 1000),
            state: State::Running,
            total_vm: f.total_vm,
            accounted: f.data_vm,
            accounted_shared: Pages::ZERO,
            largest_mapping: f.data_vm,
            anon_own: Pages::ZERO,
            cow: Vec::new(),
            anon_cow: Pages::ZERO,
            text: f.file,
            files: Vec::new(),
            file_mapped: Pages::ZERO,
            shmem: None,
            rss_shmem: Pages::ZERO,
            swapents: Pages::ZERO,
            pgtables: Pages::ZERO,
            kernel: Pages::ZERO,
            mlocked: Pages::ZERO,
            pte_used: 0,
            pte_room: 0,
            file_ptes: 0,
            term: spec.term,
            hup: spec.hup,
        }
    }

    /// Anonymous resident pages (RssAnon); pages shared by fork count in every process that maps them.
    pub fn rss_anon(&self) -> Pages {
        self.anon_own + self.anon_cow
    }

    /// File-mapped resident pages (RssFile).
    pub fn rss_file(&self) -> Pages {
        self.text + self.file_mapped
    }

    /// VmRSS.
    pub fn rss(&self) -> Pages {
        self.rss_anon() + self.rss_file() + self.rss_shmem
    }

    /// True until a deadly signal or exit.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }
}
