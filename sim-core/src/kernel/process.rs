//! One process as the memory side of the kernel sees it.

use super::api::{Disposition, SpawnSpec};
use super::text::HotText;
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
        /// The OOM killer chose it: no other process is killed for the same shortage until it is gone.
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
    /// Size of its largest accounted mapping, which fork has to get past in overcommit mode 0.
    pub(super) largest_mapping: Pages,
    /// Anonymous pages mapped by it alone, and charged to its cgroup.
    pub(super) anon_own: Pages,
    /// Resident text, charged elsewhere.
    pub(super) text: Pages,
    /// Pages of page tables, charged.
    pub pgtables: Pages,
    /// Other kernel memory, charged.
    pub kernel: Pages,
    /// Anonymous pages beyond the footprint that have an entry in its page tables …
    pub(super) pte_used: u64,
    /// … and how many entries there is room for.
    pub(super) pte_room: u64,
    pub(super) term: Disposition,
    pub(super) hup: Disposition,
    /// Others that have called this process their parent or the leader of their session; most have none, and their
    /// exit concerns no other process.
    pub(super) followers: u32,
    rare: Option<Box<Rare>>,
}

/// Memory of kinds that few processes have.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    /// Committed_AS for shared memory that it mapped; fork does not copy it.
    pub accounted_shared: Pages,
    /// Anonymous pages shared since a fork.
    pub cow: Vec<CowShare>,
    /// Sum of `cow`.
    pub anon_cow: Pages,
    /// Pages of files it has mapped.
    pub files: Vec<(VolumeId, Pages)>,
    /// Sum of `files`.
    pub file_mapped: Pages,
    /// Pages of files that its page tables have had entries for.
    pub file_ptes: u64,
    /// Its shared anonymous memory, once it has any.
    pub shmem: Option<VolumeId>,
    /// Pages of it that it maps.
    pub rss_shmem: Pages,
    /// Swapped-out anonymous pages.
    pub swapents: Pages,
    /// Anonymous pages locked in memory.
    pub mlocked: Pages,
    /// Program text that it needs again and again.
    pub hot: Option<HotText>,
    /// Pages that are charged already where `memory.high` is exceeded.
    pub stock: Pages,
}

impl Rare {
    const NONE: Rare = Rare {
        accounted_shared: Pages::ZERO,
        cow: Vec::new(),
        anon_cow: Pages::ZERO,
        files: Vec::new(),
        file_mapped: Pages::ZERO,
        file_ptes: 0,
        shmem: None,
        rss_shmem: Pages::ZERO,
        swapents: Pages::ZERO,
        mlocked: Pages::ZERO,
        hot: None,
        stock: Pages::ZERO,
    };
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
            largest_mapping: f.data_vm,
            anon_own: Pages::ZERO,
            text: f.file,
            pgtables: Pages::ZERO,
            kernel: Pages::ZERO,
            pte_used: 0,
            pte_room: 0,
            term: spec.term,
            hup: spec.hup,
            followers: 0,
            rare: None,
        }
    }

    pub(super) fn rare(&self) -> &Rare {
        static NONE: Rare = Rare::NONE;
        self.rare.as_deref().unwrap_or(&NONE)
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::NONE))
    }

    /// What a child of it has after `fork`, before it shares its parent's anonymous memory: locks are not inherited,
    /// and swap entries stay with the parent, which is where the model counts them.
    pub(super) fn forked(&self, pid: Pid) -> Process {
        let rare = self.rare.as_deref().map(|rare| {
            Box::new(Rare {
                files: rare.files.clone(),
                file_mapped: rare.file_mapped,
                file_ptes: rare.file_ptes,
                shmem: rare.shmem,
                rss_shmem: rare.rss_shmem,
                hot: rare.hot,
                ..Rare::NONE
            })
        });
        Process {
            pid,
            parent: Some(self.pid),
            comm: self.comm.clone(),
            anon_own: Pages::ZERO,
            kernel: Pages::ZERO,
            pgtables: Pages::ZERO,
            rare,
            ..*self
        }
    }

    /// Anonymous resident pages (RssAnon); pages shared by fork count in every process that maps them.
    pub fn rss_anon(&self) -> Pages {
        self.anon_own + self.rare().anon_cow
    }

    /// File-mapped resident pages (RssFile).
    pub fn rss_file(&self) -> Pages {
        self.text + self.rare().file_mapped
    }

    /// Swapped-out anonymous pages (VmSwap).
    pub fn swapents(&self) -> Pages {
        self.rare().swapents
    }

    /// VmRSS.
    pub fn rss(&self) -> Pages {
        self.rss_anon() + self.rss_file() + self.rare().rss_shmem
    }

    /// The OOM killer chose it, and it is not gone yet.
    pub fn is_oom_victim(&self) -> bool {
        matches!(self.state, State::Dying { oom_victim: true, .. })
    }

    /// True until a deadly signal or exit.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }
}
