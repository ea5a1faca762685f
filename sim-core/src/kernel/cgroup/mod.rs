//! Memory cgroups: the tree, hierarchical counters, limits.

mod charge;
mod index;
mod stat;
mod stock;
mod tree;
mod write;

pub(super) use charge::{Charge, Purpose, Stop};
pub(super) use stock::{Stocks, VECTOR, read_in_vector};

use super::aging::Ages;
use crate::node_api::{MemoryEvents, Name};
use crate::units::{CgroupId, Pages, Pid, VolumeId};
use smallvec::SmallVec;

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
        self.anon + self.file() + self.kernel
    }

    /// Page cache, tmpfs among it.
    #[inline]
    pub fn file(&self) -> Pages {
        self.shmem + self.inactive_file + self.active_file + self.locked_file
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
pub(super) enum PageKind {
    Anon,
    Shmem,
    InactiveFile,
    ActiveFile,
    LockedFile,
    Kernel,
}

impl Counts {
    pub fn of(&mut self, kind: PageKind) -> &mut Pages {
        match kind {
            PageKind::Anon => &mut self.anon,
            PageKind::Shmem => &mut self.shmem,
            PageKind::InactiveFile => &mut self.inactive_file,
            PageKind::ActiveFile => &mut self.active_file,
            PageKind::LockedFile => &mut self.locked_file,
            PageKind::Kernel => &mut self.kernel,
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
    /// Part of `inactive` that reclaim will find referenced by page tables and pass over once.
    pub referenced: Pages,
    /// Part of `inactive` that was written and never read: the first read leaves it where it is.
    pub unread: Pages,
    /// Pages of these with a file system's buffer heads: they were written.
    pub buffered: Pages,
    /// Part of `inactive` that lies in MGLRU's second oldest generation: it goes after what any file has in the oldest.
    pub second: Pages,
}

impl CacheChunk {
    /// Inactive pages of the oldest generation.
    pub fn oldest(&self) -> Pages {
        self.inactive - self.second
    }

    /// Pages in the cache.
    pub fn pages(&self) -> Pages {
        self.inactive + self.active + self.locked
    }
}

/// A cgroup below another, with a hash of its name, so that one is found among thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child {
    pub id: CgroupId,
    pub hash: u32,
}

/// One memory cgroup. `usage`, `total` and `failures` include everything below it. A node has hundreds to thousands of
/// them: what most of them never have is boxed, and the few tasks and children of a pod need no allocation.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    /// The last component of its path.
    pub name: Box<str>,
    pub parent: Option<CgroupId>,
    pub alive: bool,
    /// `memory.oom.group` (v2).
    pub oom_group: bool,
    /// In order of mkdir.
    pub children: SmallVec<[Child; 2]>,
    /// Processes in it, in order of fork or attach.
    pub tasks: SmallVec<[Pid; 4]>,
    /// `memory.max`.
    pub max: Pages,
    /// `memory.swap.max` (v2).
    pub swap_max: Pages,
    /// Pages charged here and below.
    pub usage: Pages,
    /// Highest usage at which a charge is plain addition: the smallest limit of any kind.
    pub cap: Pages,
    pub total: Counts,
    failures: Option<Box<Failures>>,
    rare: Option<Box<Rare>>,
}

/// What went wrong in a cgroup.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    pub events: MemoryEvents,
    /// `memory.failcnt` of this very counter.
    pub failcnt: u64,
    /// v1: `memory.memsw.failcnt`.
    pub memsw_failcnt: u64,
    /// Its path, once a report was about a cgroup in it.
    pub path: Option<Name>,
}

impl Failures {
    const NONE: Failures = Failures { events: MemoryEvents::NONE, failcnt: 0, memsw_failcnt: 0, path: None };
}

/// Limits that few cgroups have, and their page cache.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    /// Usage when `max` was last written, if that was above it (v2).
    pub usage_at_write: Pages,
    /// `memory.high` (v2).
    pub high: Pages,
    /// `memory.low` (v2).
    pub low: Pages,
    /// `memory.min` (v2).
    pub min: Pages,
    /// `memory.memsw.limit_in_bytes` (v1).
    pub memsw_max: Pages,
    /// `memory.swappiness` (v1).
    pub swappiness: Option<u8>,
    /// Its page cache, oldest first.
    pub cache: Vec<CacheChunk>,
    /// Kernel memory charged to it that describes its cached and shared pages.
    pub cache_index: Pages,
    /// Pages that reclaim has dropped, and whose slots in the index have nothing else in them yet.
    pub shadows: Pages,
    /// Kernel memory charged to it that outlives processes: inodes and directory entries of a tmpfs, and zombies.
    pub left: Pages,
    /// Its pages in the swap cache: written to a swap disk by reclaim and still in memory, so that they come free
    /// without a wait. They count as anonymous until then.
    pub written: Pages,
    /// How old its anonymous pages are to MGLRU.
    pub ages: Ages,
    /// Anonymous pages that the classic LRU has found touched and will not pass over again: the oldest ones, and those
    /// behind the pages that it has yet to look at.
    pub passed_over: [Pages; 2],
    /// How much is left in memory of the oldest generation of its anonymous pages, and how many generations have gone.
    pub oldest_anon: (Pages, u8),
    /// What its processes had when one of them first touched shared memory, or reclaim first passed over its tmpfs
    /// pages, and still have of that; `None`: neither has happened.
    pub before_shared: Option<Pages>,
    /// Since 7.2: what was aged last, and how many of these pages reclaim has yet to move to their generation.
    pub aged: (Pages, Pages),
    /// The cgroup below at which the last reclaim for its limit stopped.
    pub reclaim_stopped: Option<CgroupId>,
    /// The list of MGLRU's that it is in, once a walk of the whole node has asked for it.
    pub bin: Option<u8>,
    /// How many moves between these lists there were when it was last moved.
    pub joined_bin: u64,
    /// A walk of the whole node has passed over it for its `memory.low`, or found too little.
    pub passed_by_walk: bool,
    /// Walks of the whole node pass over it until no other cgroup is left to look at.
    pub young_for_walks: bool,
    /// MGLRU has found nothing in the oldest generation of its cache: what was the second is the oldest.
    pub first_generation_gone: bool,
}

impl Rare {
    /// What a cgroup has as long as nothing else was written.
    const NONE: Rare = Rare {
        usage_at_write: Pages::ZERO,
        high: Pages::MAX,
        low: Pages::ZERO,
        min: Pages::ZERO,
        memsw_max: Pages::MAX,
        swappiness: None,
        cache: Vec::new(),
        cache_index: Pages::ZERO,
        shadows: Pages::ZERO,
        left: Pages::ZERO,
        written: Pages::ZERO,
        ages: Ages::NEW,
        passed_over: [Pages::ZERO; 2],
        oldest_anon: (Pages::ZERO, 0),
        before_shared: None,
        aged: (Pages::ZERO, Pages::ZERO),
        reclaim_stopped: None,
        bin: None,
        joined_bin: 0,
        passed_by_walk: false,
        young_for_walks: false,
        first_generation_gone: false,
    };
}

impl Cgroup {
    pub fn new(name: &str, parent: Option<CgroupId>) -> Cgroup {
        Cgroup {
            name: name.into(),
            parent,
            alive: true,
            oom_group: false,
            children: SmallVec::new(),
            tasks: SmallVec::new(),
            max: Pages::MAX,
            swap_max: Pages::MAX,
            usage: Pages::ZERO,
            cap: Pages::MAX,
            total: Counts::default(),
            failures: None,
            rare: None,
        }
    }

    pub fn failures(&self) -> &Failures {
        static NONE: Failures = Failures::NONE;
        self.failures.as_deref().unwrap_or(&NONE)
    }

    pub fn failures_mut(&mut self) -> &mut Failures {
        self.failures.get_or_insert_with(|| Box::new(Failures::NONE))
    }

    pub fn rare(&self) -> &Rare {
        static NONE: Rare = Rare::NONE;
        self.rare.as_deref().unwrap_or(&NONE)
    }

    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::NONE))
    }

    /// Its page cache, to be changed; nothing when it has none.
    pub fn cache_mut(&mut self) -> &mut [CacheChunk] {
        self.rare.as_mut().map_or(&mut [], |rare| &mut rare.cache)
    }

    /// Pages that may still be charged before `memory.max` or memory+swap refuses. A page that comes back from swap
    /// does not change memory+swap.
    pub fn hard_room(&self, purpose: Purpose) -> Pages {
        let memory = self.max.saturating_sub(self.usage);
        if purpose == Purpose::SwapIn {
            return memory;
        }
        memory.min(self.rare().memsw_max.saturating_sub(self.usage + self.total.swap))
    }

    /// Recomputes `cap` after a limit or the swap usage changed.
    pub fn update_cap(&mut self) {
        if self.parent.is_none() {
            // The root's cap is the node's low watermark; see Kernel::update_zones.
            return;
        }
        let rare = self.rare();
        self.cap = self.max.min(rare.high).min(rare.memsw_max.saturating_sub(self.total.swap));
    }
}
