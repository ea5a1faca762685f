//! Memory cgroups: the tree, hierarchical counters, limits.

mod charge;
mod index;
mod stat;
mod tree;
mod write;

pub(super) use charge::{Charge, Purpose, Stop};

use crate::node_api::{MemoryEvents, Name};
use crate::units::{CgroupId, Pages, Pid, VolumeId};

/// Pages charged to a cgroup, by kind. Every page is in exactly one of them, except that `dirty` and `anon_locked` are
/// parts of others, and `swap` is not in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub anon: Pages,
    pub shmem: Pages,
    pub inactive_file: Pages,
    pub active_file: Pages,
    /// File pages that cannot be reclaimed (mlock).
    pub locked_file: Pages,
    pub kernel: Pages,
    /// Part of `anon` that cannot be swapped out.
    pub locked_anon: Pages,
    /// Swapped-out pages.
    pub swap: Pages,
}

impl Counts {
    /// Pages in memory.
    pub fn resident(&self) -> Pages {
        self.anon + self.shmem + self.inactive_file + self.active_file + self.locked_file + self.kernel
    }

    /// File pages that reclaim can take.
    pub fn evictable_file(&self) -> Pages {
        self.inactive_file + self.active_file
    }

    /// Anonymous and shared pages that could be swapped out.
    pub fn swappable(&self) -> Pages {
        self.anon.saturating_sub(self.locked_anon) + self.shmem
    }
}

/// One kind of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Anon,
    Shmem,
    InactiveFile,
    ActiveFile,
    LockedFile,
    Kernel,
}

impl Counts {
    pub fn of(&mut self, kind: Kind) -> &mut Pages {
        match kind {
            Kind::Anon => &mut self.anon,
            Kind::Shmem => &mut self.shmem,
            Kind::InactiveFile => &mut self.inactive_file,
            Kind::ActiveFile => &mut self.active_file,
            Kind::LockedFile => &mut self.locked_file,
            Kind::Kernel => &mut self.kernel,
        }
    }
}

/// Cached pages of one file that one cgroup is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheChunk {
    pub file: VolumeId,
    pub inactive: Pages,
    pub active: Pages,
    pub locked: Pages,
    /// Part of `inactive` that is mapped more than once: reclaim finds it referenced and activates it.
    pub twice_mapped: Pages,
    /// Part of `inactive` that was written and never read: the first read leaves it where it is.
    pub unread: Pages,
    /// Pages of these with a file system's buffer heads: they were written.
    pub buffered: Pages,
}

impl CacheChunk {
    /// Pages in the cache.
    pub fn pages(&self) -> Pages {
        self.inactive + self.active + self.locked
    }
}

/// One memory cgroup. `usage`, `total`, `events` and `max_failures` include everything below it.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    pub path: Name,
    pub parent: Option<CgroupId>,
    /// In order of mkdir.
    pub children: Vec<CgroupId>,
    /// A hash of each child's name, so that one is found among thousands.
    pub child_hashes: Vec<u32>,
    pub alive: bool,
    /// `memory.max`.
    pub max: Pages,
    /// Usage when `max` was last written: v2 may leave it above.
    pub usage_at_write: Pages,
    /// `memory.high` (v2).
    pub high: Pages,
    /// `memory.low` (v2).
    pub low: Pages,
    /// `memory.min` (v2).
    pub min: Pages,
    /// `memory.swap.max` (v2).
    pub swap_max: Pages,
    /// `memory.memsw.limit_in_bytes` (v1).
    pub memsw_max: Pages,
    /// `memory.swappiness` (v1).
    pub swappiness: Option<u8>,
    /// `memory.oom.group` (v2).
    pub oom_group: bool,
    /// Pages charged here and below.
    pub usage: Pages,
    /// Highest usage at which a charge is plain addition: the smallest limit of any kind.
    pub cap: Pages,
    pub total: Counts,
    pub local: Counts,
    pub events: MemoryEvents,
    pub local_events: MemoryEvents,
    /// v1: `memory.failcnt` of this very counter.
    pub failcnt: u64,
    /// v1: `memory.memsw.failcnt`.
    pub memsw_failcnt: u64,
    /// Processes in it, in order of fork or attach.
    pub tasks: Vec<Pid>,
    /// Its page cache, oldest first.
    pub cache: Vec<CacheChunk>,
    /// Part of `local.kernel`: what describes its cached and shared pages.
    pub cache_index: Pages,
}

impl Cgroup {
    pub fn new(path: Name, parent: Option<CgroupId>) -> Cgroup {
        Cgroup {
            path,
            parent,
            children: Vec::new(),
            child_hashes: Vec::new(),
            alive: true,
            max: Pages::MAX,
            usage_at_write: Pages::ZERO,
            high: Pages::MAX,
            low: Pages::ZERO,
            min: Pages::ZERO,
            swap_max: Pages::MAX,
            memsw_max: Pages::MAX,
            swappiness: None,
            oom_group: false,
            usage: Pages::ZERO,
            cap: Pages::MAX,
            total: Counts::default(),
            local: Counts::default(),
            events: MemoryEvents::default(),
            local_events: MemoryEvents::default(),
            failcnt: 0,
            memsw_failcnt: 0,
            tasks: Vec::new(),
            cache: Vec::new(),
            cache_index: Pages::ZERO,
        }
    }

    /// Pages that may still be charged before `memory.max` or memory+swap refuses. A page that comes back from swap does
    /// not change memory+swap.
    pub fn hard_room(&self, purpose: Purpose) -> Pages {
        let memory = self.max.saturating_sub(self.usage);
        if purpose == Purpose::SwapIn {
            return memory;
        }
        memory.min(self.memsw_max.saturating_sub(self.usage + self.total.swap))
    }

    /// Recomputes `cap` after a limit or the swap usage changed.
    pub fn update_cap(&mut self) {
        if self.parent.is_none() {
            // The root's cap is the node's low watermark; see Kernel::update_zones.
            return;
        }
        self.cap = self.max.min(self.high).min(self.memsw_max.saturating_sub(self.total.swap));
    }
}
