//! What callers hand to the kernel and get back.

use super::profile::{Lru, Profile};
use super::sysctl::Sysctls;
use super::work::Disk;
use crate::node_api::{Name, Signo};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration, VolumeId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which cgroup hierarchy the node uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    /// Legacy hierarchy: `memory.limit_in_bytes`, `memory.memsw.limit_in_bytes`.
    V1,
    /// Unified hierarchy: `memory.max`, `memory.swap.max`, `memory.oom.group`.
    V2,
}

/// `/sys/kernel/mm/transparent_hugepage/enabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thp {
    /// Every fault may take 2 MiB; also raises `min_free_kbytes` to the recommended value.
    Always,
    /// Only where asked for; raises `min_free_kbytes` too.
    Madvise,
    /// Never.
    Never,
}

/// What swap lies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwapDevice {
    /// A disk: a page is written before it is free.
    #[default]
    Disk,
    /// Compressed memory: a page is free at once.
    Zram,
}

/// What a kernel boots with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// Version and capabilities.
    pub profile: Profile,
    /// Cgroup hierarchy.
    pub cgroup: CgroupVersion,
    /// MemTotal of `/proc/meminfo`.
    pub mem_total: Bytes,
    /// SwapTotal.
    pub swap_total: Bytes,
    /// `/proc/sys/vm`.
    pub sysctl: Sysctls,
    /// Transparent huge pages.
    pub thp: Thp,
    /// Processors: per-CPU counters and charge batches.
    pub cpus: u32,
    /// Kernel memory in use at start that is charged to no cgroup and cannot be reclaimed: slab, per-CPU areas,
    /// stacks of kernel threads, memory taken at boot. The kubelet does not count it.
    pub kernel_memory: Bytes,
    /// Page ageing; `None`: as the profile has it.
    pub lru: Option<Lru>,
    /// How long reclaim goes on in vain before a node OOM kills; zero: the killer runs at once.
    pub node_oom_stall: SimDuration,
    /// What swap lies on.
    pub swap_device: SwapDevice,
    /// cgroup2 is mounted with `memory_recursiveprot`, as systemd mounts it: what children leave of their parent's
    /// protection protects all of them.
    pub recursive_protection: bool,
    /// Something else charges on the processor of a task that `memory.high` puts to sleep, and takes the place of its
    /// stock of charged pages.
    pub stock_displaced: bool,
    /// Text that the system's own programs need again and again. A node that has pushed out everything else pushes
    /// this out and reads it back for ever, up to 6.12.
    pub system_text: Bytes,
    /// Reclaim, reading back and swapping take the time that this disk needs; `None`: no time.
    pub disk: Option<Disk>,
}

impl KernelConfig {
    /// A machine with `mem_total`, the newest profile, cgroup v2, no swap, one CPU, THP off.
    pub fn new(mem_total: Bytes) -> Self {
        KernelConfig {
            profile: Profile::default(),
            cgroup: CgroupVersion::V2,
            mem_total,
            swap_total: Bytes::ZERO,
            sysctl: Sysctls::default(),
            thp: Thp::Never,
            cpus: 1,
            kernel_memory: Bytes::ZERO,
            lru: None,
            node_oom_stall: SimDuration::ZERO,
            swap_device: SwapDevice::Disk,
            recursive_protection: true,
            stock_displaced: false,
            system_text: Bytes::ZERO,
            disk: None,
        }
    }
}

/// Errors a system call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[allow(clippy::upper_case_acronyms)]
pub enum Errno {
    /// No such file, cgroup or volume.
    ENOENT,
    /// No such process.
    ESRCH,
    /// Cannot allocate memory.
    ENOMEM,
    /// In use.
    EBUSY,
    /// Exists already.
    EEXIST,
    /// Not legal here.
    EINVAL,
    /// The file system is full.
    ENOSPC,
    /// Less was done than asked for.
    EAGAIN,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Errno::ENOENT => "No such file or directory",
            Errno::ESRCH => "No such process",
            Errno::ENOMEM => "Cannot allocate memory",
            Errno::EBUSY => "Device or resource busy",
            Errno::EEXIST => "File exists",
            Errno::EINVAL => "Invalid argument",
            Errno::ENOSPC => "No space left on device",
            Errno::EAGAIN => "Resource temporarily unavailable",
        })
    }
}

/// What a process does on a signal that can be caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Dies of it.
    #[default]
    Default,
    /// Nothing happens; also PID 1 of a container without a handler.
    Ignore,
    /// Its handler runs; the caller decides what that means.
    Handle,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The process dies; `Signal::Dying` was pushed (or it was dying already).
    Dying,
    /// It is ignored.
    Ignored,
    /// The process handles it.
    Handled,
    /// There is no such process.
    NoSuchProcess,
}

/// What a process has before it does anything: the loaded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Footprint {
    /// Virtual size.
    pub total_vm: Pages,
    /// Private writable part of it, counted in Committed_AS.
    pub data_vm: Pages,
    /// Anonymous pages, charged.
    pub anon: Pages,
    /// Resident program text and libraries: in the process's RSS, but charged to the process that loaded them first
    /// (declare that memory elsewhere, e.g. as a file of the root cgroup).
    pub file: Pages,
    /// Pages of page tables, charged.
    pub pgtables: Pages,
    /// Other kernel memory (stack, task, mm), charged.
    pub kernel: Pages,
}

impl Default for Footprint {
    /// A small C program: the recorded worker has 607 pages of virtual memory, 8 to 11 pages of page tables, up to
    /// 186 resident text pages, and 4 pages of kernel stack plus slab (recordings memcg_oom_v2, timing).
    fn default() -> Self {
        Footprint {
            total_vm: Pages::new(607),
            data_vm: Pages::new(66),
            anon: Pages::new(13),
            file: Pages::new(176),
            pgtables: Pages::new(10),
            kernel: Pages::new(6),
        }
    }
}

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnSpec {
    /// Its name; 15 bytes are kept.
    pub comm: Name,
    /// User id; 0 has CAP_SYS_ADMIN if `cap_sys_admin` says so.
    pub uid: u32,
    /// True for root on the host; containers lack the capability.
    pub cap_sys_admin: bool,
    /// Explicit pid; `None`: the next one.
    pub pid: Option<Pid>,
    /// Parent; `None`: init.
    pub parent: Option<Pid>,
    /// Session: `None` makes it the leader of a new one.
    pub session: Option<Pid>,
    /// `oom_score_adj`, −1000 … 1000 (clamped).
    pub oom_score_adj: i16,
    /// Its memory cgroup.
    pub cgroup: CgroupId,
    /// What SIGTERM does.
    pub term: Disposition,
    /// What SIGHUP does.
    pub hup: Disposition,
    /// What it has from the start.
    pub footprint: Footprint,
}

impl SpawnSpec {
    /// A process with defaults: uid 0, own session, `oom_score_adj` 0, dies of SIGTERM.
    pub fn new(comm: impl Into<Name>, cgroup: CgroupId) -> Self {
        SpawnSpec {
            comm: comm.into(),
            uid: 0,
            cap_sys_admin: false,
            pid: None,
            parent: None,
            session: None,
            oom_score_adj: 0,
            cgroup,
            term: Disposition::Default,
            hup: Disposition::Default,
            footprint: Footprint::default(),
        }
    }
}

/// Kind of a mapping, as far as accounting cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// MAP_SHARED | MAP_ANONYMOUS (otherwise MAP_PRIVATE).
    pub shared: bool,
    /// MAP_NORESERVE.
    pub noreserve: bool,
    /// PROT_WRITE.
    pub writable: bool,
}

impl Mapping {
    /// Private, writable: what malloc asks for.
    pub const PRIVATE: Mapping = Mapping { shared: false, noreserve: false, writable: true };
    /// Shared anonymous memory.
    pub const SHARED: Mapping = Mapping { shared: true, noreserve: false, writable: true };
    /// Private with MAP_NORESERVE.
    pub const NORESERVE: Mapping = Mapping { shared: false, noreserve: true, writable: true };
    /// Private, read-only.
    pub const READ_ONLY: Mapping = Mapping { shared: false, noreserve: false, writable: false };
}

/// How a file is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileAccess {
    /// `read(2)`.
    Read,
    /// Faults through a mapping; the pages count in the process's RSS.
    Mmap,
    /// `write(2)`.
    Write,
}

/// One thing a process does with memory. Page counts are what is still to do: after [`MemOutcome::Wait`] or
/// [`MemOutcome::Throttled`] repeat the operation with `remaining` pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemOp {
    /// `mmap` of anonymous memory: virtual size and commit charge only.
    Map {
        /// Its size.
        size: Bytes,
        /// Its kind.
        mapping: Mapping,
    },
    /// `mprotect(PROT_WRITE)` on a private read-only mapping: the commit charge comes now.
    MakeWritable {
        /// Its size.
        size: Bytes,
    },
    /// First write to private anonymous pages.
    Touch {
        /// How many.
        pages: Pages,
    },
    /// First write to private anonymous pages so far apart (2 MiB) that each needs a page of page tables of its own.
    TouchSparse {
        /// How many.
        pages: Pages,
    },
    /// First write to pages shared copy-on-write since a fork.
    TouchCow {
        /// How many.
        pages: Pages,
    },
    /// First write to shared anonymous pages (own until a fork shares them).
    TouchShmem {
        /// How many.
        pages: Pages,
    },
    /// Swapped-out anonymous pages are used again.
    SwapIn {
        /// How many.
        pages: Pages,
    },
    /// Pages `from..from + pages` of a file are read, in order.
    ReadFile {
        /// Which file.
        file: VolumeId,
        /// First page.
        from: Pages,
        /// How many.
        pages: Pages,
        /// How.
        how: FileAccess,
    },
    /// A page fault in program text reads the file from its beginning up to the page: what is being read is locked, so
    /// that reclaim cannot take it back to make room for the rest (mm/filemap.c do_sync_mmap_readahead reads around the
    /// page as much as one window holds; recordings swap and race of 6.18 and 7.3: killed with up to 147 pages read).
    FaultText {
        /// Which file.
        file: VolumeId,
        /// How many pages lie before the end of the one that is needed.
        pages: Pages,
    },
    /// Pages `from..from + pages` of a file are written; they are dirty until written back.
    WriteFile {
        /// Which file.
        file: VolumeId,
        /// First page.
        from: Pages,
        /// How many.
        pages: Pages,
    },
    /// New pages of a tmpfs are written.
    WriteTmpfs {
        /// Which volume.
        volume: VolumeId,
        /// How many.
        pages: Pages,
    },
    /// Private anonymous memory is unmapped: `resident` pages of it are freed (swapped-out ones last).
    Unmap {
        /// Virtual size that goes; zero for `madvise(MADV_DONTNEED)`.
        size: Bytes,
        /// What kind of mapping it was.
        mapping: Mapping,
        /// Touched pages in it.
        resident: Pages,
    },
    /// Shared anonymous memory is unmapped.
    UnmapShmem {
        /// Virtual size that goes.
        size: Bytes,
        /// Touched pages in it.
        resident: Pages,
    },
    /// `mlock` of touched anonymous pages: they cannot be swapped out.
    Mlock {
        /// How many.
        pages: Pages,
    },
    /// `mlock` of a mapped file's cached pages: they cannot be reclaimed.
    MlockFile {
        /// Which file.
        file: VolumeId,
    },
    /// `madvise(MADV_PAGEOUT)` of anonymous pages.
    Pageout {
        /// How many.
        pages: Pages,
    },
    /// Kernel memory for what a process holds: full pipes, socket buffers. It goes when the process does.
    HoldKernel {
        /// How many.
        pages: Pages,
    },
    /// Kernel memory for what outlives the process: inodes and directory entries of a tmpfs.
    LeaveKernel {
        /// How many.
        pages: Pages,
    },
}

impl MemOp {
    /// At most this many pages are charged by it, page tables aside; for a request without charge, its size.
    pub fn largest_charge(self) -> Pages {
        match self {
            MemOp::Touch { pages }
            | MemOp::TouchCow { pages }
            | MemOp::TouchShmem { pages }
            | MemOp::SwapIn { pages }
            | MemOp::ReadFile { pages, .. }
            | MemOp::FaultText { pages, .. }
            | MemOp::WriteFile { pages, .. }
            | MemOp::HoldKernel { pages }
            | MemOp::LeaveKernel { pages }
            | MemOp::WriteTmpfs { pages, .. } => pages,
            MemOp::TouchSparse { pages } => pages * 2,
            MemOp::Map { size, .. } | MemOp::MakeWritable { size } => size.to_pages_ceil(),
            MemOp::Unmap { .. }
            | MemOp::UnmapShmem { .. }
            | MemOp::Mlock { .. }
            | MemOp::MlockFile { .. }
            | MemOp::Pageout { .. } => Pages::ZERO,
        }
    }

    /// The same operation for the last `remaining` pages of it: what to repeat after a wait. Operations that do not
    /// wait are returned as they are.
    pub fn with_pages(self, remaining: Pages) -> MemOp {
        match self {
            MemOp::Touch { .. } => MemOp::Touch { pages: remaining },
            MemOp::TouchSparse { .. } => MemOp::TouchSparse { pages: remaining },
            MemOp::TouchCow { .. } => MemOp::TouchCow { pages: remaining },
            MemOp::TouchShmem { .. } => MemOp::TouchShmem { pages: remaining },
            MemOp::SwapIn { .. } => MemOp::SwapIn { pages: remaining },
            MemOp::HoldKernel { .. } => MemOp::HoldKernel { pages: remaining },
            MemOp::LeaveKernel { .. } => MemOp::LeaveKernel { pages: remaining },
            MemOp::WriteTmpfs { volume, .. } => MemOp::WriteTmpfs { volume, pages: remaining },
            MemOp::ReadFile { file, from, pages, how } => {
                MemOp::ReadFile { file, from: from + pages.saturating_sub(remaining), pages: remaining, how }
            }
            MemOp::WriteFile { file, from, pages } => {
                MemOp::WriteFile { file, from: from + pages.saturating_sub(remaining), pages: remaining }
            }
            MemOp::Map { .. }
            | MemOp::MakeWritable { .. }
            | MemOp::Unmap { .. }
            | MemOp::UnmapShmem { .. }
            | MemOp::Mlock { .. }
            | MemOp::MlockFile { .. }
            | MemOp::FaultText { .. }
            | MemOp::Pageout { .. } => self,
        }
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// When `Signal::MemoryFreed` comes.
    OnMemoryFreed,
    /// After this time (or when memory comes free, if that is earlier): the kernel retries the fault by itself.
    After(SimDuration),
    /// It only pushes out what it needs next and reads it back: until memory comes free, or until this time has passed.
    Thrashing(Option<SimDuration>),
}

/// What became of a [`MemOp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemOutcome {
    /// All of it is done.
    Done,
    /// The call failed; nothing changed.
    Refused(Errno),
    /// Some of it is done; the process sleeps in the kernel until memory comes free.
    Wait {
        /// Pages still to do.
        remaining: Pages,
        /// When to try again.
        until: Until,
    },
    /// Some of it is done; the process is put to sleep because its cgroup is over `memory.high`.
    Throttled {
        /// Pages still to do; 0 when all is done and only the sleep is left.
        remaining: Pages,
        /// For how long.
        delay: SimDuration,
    },
    /// The process has been given a deadly signal and does nothing any more.
    Dying,
}

/// Signals with a [`Disposition`] are TERM and HUP; all others kill.
pub(super) fn disposition(sig: Signo, term: Disposition, hup: Disposition) -> Disposition {
    match sig {
        Signo::Term => term,
        Signo::Hup => hup,
        Signo::Kill | Signo::Abrt | Signo::Segv => Disposition::Default,
    }
}
