//! The kernel: processes, overcommit, memory cgroups, reclaim, and the OOM killer.
//!
//! [`Kernel`] is a state machine without a clock: every call acts at once and page by page, callers pass the time only
//! for reports. What happened in addition to the answer leaves as [`Signal`]s.
//!
//! Accounting: every page in memory is charged to exactly one cgroup and to all above it, up to the root. What no
//! cgroup is charged for (the kernel's own memory at boot, huge-page pools) is a constant. So the node's free memory is
//! MemTotal − that constant − the root's usage, and a zone watermark is a limit on the root.

mod aging;
mod api;
mod audit;
mod balance;
mod beyond;
mod capability;
mod cgroup;
mod classic;
mod cow;
mod direct;
mod draws;
mod generations;
mod high;
mod killer;
mod life;
pub mod log;
mod lru;
mod memory;
pub mod oom;
#[cfg(test)]
mod oom_tests;
pub mod overcommit;
mod plain;
mod pressure;
mod process;
mod profile;
mod readahead;
mod reclaim;
mod release;
mod rows;
mod starve;
mod swap;
mod sysctl;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod volume;
mod work;
mod zone;

pub use api::{
    CgroupVersion, Delivery, Disposition, Errno, FileAccess, Footprint, KernelConfig, Mapping, MemOp, MemOutcome,
    SpawnSpec, SwapDevice, Thp, Until,
};
pub use audit::Imbalance;
pub use capability::{Capability, CapabilityError, CapabilityRow, Confidence, Consequence};
pub use high::high_delay_jiffies;
pub use plain::Batch;
pub use pressure::{MemoryPressure, PSI_PERIOD, PressureLine, Stalls, THRASHING_PERMILLE};
pub use process::{Process, State};
pub use profile::{
    BadnessFloor, DEFAULT_VERSION, Lru, OvercommitGuess, PcpHigh, Profile, Protection, SiblingReclaim, SwapWriteback,
    TieRule, VERSIONS,
};
pub use release::{Distribution, Release};
pub use sysctl::{NAMES as SYSCTLS, SysctlError, Sysctls};
pub(crate) use table::make_room;
pub use text::HotText;
pub use work::{Disk, Work};
pub use zone::{Zone, Zones, default_min_free_kbytes, watermark_gap};

use crate::engine::StreamFactory;
use crate::node_api::{MemInfo, Signal};
use crate::units::{CgroupId, Pages, Pid, VolumeId};
use log::{LogStyle, MemcgStats};
use std::collections::BTreeMap;

/// First pid given out; below are the kernel's threads.
const FIRST_PID: u32 = 300;

/// The kernel of one node.
#[derive(Clone, Debug)]
pub struct Kernel {
    config: KernelConfig,
    cgroups: Vec<cgroup::Cgroup>,
    /// Places of removed cgroups, used again.
    free_cgroups: Vec<CgroupId>,
    procs: table::Processes,
    next_pid: Pid,
    volumes: Vec<volume::Volume>,
    cow: BTreeMap<u32, cow::CowSet>,
    next_cow: u32,
    zones: Zones,
    /// Memory free at boot; the default reserves of overcommit derive from it.
    boot_free: Pages,
    committed: Pages,
    signals: Vec<Signal>,
    /// A process waits for memory.
    waiters: bool,
    /// Memory came free since.
    freed_some: bool,
    /// Cgroups whose limit was written below their usage.
    shrinking: Vec<CgroupId>,
    /// `memory.min` or `memory.low` of a cgroup was ever more than nothing.
    protects: bool,
    /// The operation of this moment has woken background reclaim, which goes on that far.
    awake: Option<beyond::Beyond>,
    /// Pages that programs have yet to swap out themselves, as background reclaim cannot do it alone.
    behind: Pages,
    /// Pages that programs have reclaimed beyond their part of what background reclaim frees.
    ahead: Pages,
    /// Free memory is at the min watermark.
    starved: Option<starve::Starved>,
    panicked: bool,
    /// Processes that the OOM killer chose and that are not gone yet.
    oom_victims: u32,
    /// A report has the statistics of every cgroup below the limit.
    prints_each_cgroup: bool,
    /// Pages of a file that reclaim passes over while there is anything else: text in use.
    spared: Option<(VolumeId, Pages)>,
    /// A file whose pages are locked because they are being read in.
    being_read: Option<VolumeId>,
    /// Processes that only push out what they need next, since when.
    thrashing: Vec<text::Thrashing>,
    /// What is up to chance.
    draws: draws::Draws,
    /// What is charged in advance.
    stocks: cgroup::Stocks,
    /// What was moved, where that costs time.
    work: Option<Box<work::WorkCount>>,
}

impl Kernel {
    /// A booted kernel with an empty root cgroup.
    pub fn new(config: KernelConfig) -> Kernel {
        let taken = zone::taken(&config);
        let mut kernel = Kernel {
            boot_free: config.mem_total.to_pages_floor().saturating_sub(config.kernel_memory.to_pages_ceil()),
            zones: Zones::new(&config, taken),
            prints_each_cgroup: LogStyle::named(&config.profile.version)
                .is_some_and(|style| style.memcg_stats == MemcgStats::PerCgroup),
            work: config.disk.map(|_| Box::default()),
            config,
            cgroups: vec![cgroup::Cgroup::new("", None)],
            free_cgroups: Vec::new(),
            procs: table::Processes::default(),
            next_pid: Pid(FIRST_PID),
            volumes: Vec::new(),
            cow: BTreeMap::new(),
            next_cow: 0,
            committed: Pages::ZERO,
            signals: Vec::new(),
            waiters: false,
            freed_some: false,
            shrinking: Vec::new(),
            protects: false,
            awake: None,
            behind: Pages::ZERO,
            ahead: Pages::ZERO,
            starved: None,
            panicked: false,
            oom_victims: 0,
            spared: None,
            being_read: None,
            thrashing: Vec::new(),
            draws: draws::Draws::new(StreamFactory::new(0)),
            stocks: cgroup::Stocks::default(),
        };
        kernel.update_zones();
        kernel
    }

    /// What it was booted with, sysctls as they are now.
    pub fn config(&self) -> &KernelConfig {
        &self.config
    }

    /// Its capabilities.
    pub fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// Page ageing in force.
    pub fn lru(&self) -> Lru {
        self.config.lru.unwrap_or(self.config.profile.lru)
    }

    /// Zones and watermarks in force.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// A process, until [`Kernel::finish_exit`].
    pub fn process(&self, pid: Pid) -> Option<&Process> {
        self.procs.get(&pid)
    }

    /// All processes by pid.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.procs.by_pid().into_iter()
    }

    /// Sets a sysctl while the node runs.
    ///
    /// # Errors
    /// When the model has no such sysctl or the value is out of range.
    pub fn set_sysctl(&mut self, name: &str, value: i64) -> Result<(), SysctlError> {
        self.config.sysctl.set(name, value)?;
        self.update_zones();
        Ok(())
    }

    /// True after a panic ("System is deadlocked on memory"); every allocation waits for ever.
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    /// How many pages can still be promised to or touched by ordinary processes before overcommit may refuse a request
    /// for what it finds in use; `None`: it never looks at that.
    pub fn grant_room(&self) -> Option<Pages> {
        let (sysctl, state) = (&self.config.sysctl, self.commit_state());
        match (sysctl.overcommit_memory, self.config.profile.overcommit_guess) {
            (1, _) | (0, OvercommitGuess::TotalRam) => None,
            (0, OvercommitGuess::Free) => Some(state.guess_free.saturating_sub(sysctl.admin_reserve(state.boot_free))),
            _ => {
                let largest = overcommit::Requester { total_vm: Pages::MAX, cap_sys_admin: false };
                Some(overcommit::mode2_allowed(sysctl, &state, &largest).saturating_sub(state.committed))
            }
        }
    }

    /// What happened since the last call, in order.
    pub fn take_signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.signals)
    }

    /// Takes back the list that [`Kernel::take_signals`] gave, to be filled again.
    pub fn recycle(&mut self, mut signals: Vec<Signal>) {
        if self.signals.is_empty() {
            signals.clear();
            self.signals = signals;
        }
    }

    /// True when [`Kernel::take_signals`] has something.
    pub fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    /// The figures of `/proc/meminfo`.
    pub fn mem_info(&self) -> MemInfo {
        let all = self.cgroups[0].total;
        let state = self.commit_state();
        let limit = overcommit::commit_limit(&self.config.sysctl, state.ram, state.swap);
        MemInfo {
            total: self.config.mem_total,
            free: self.free_pages().bytes(),
            available: self.available().bytes(),
            cached: (all.evictable_file() + all.locked_file + all.shmem).bytes(),
            shmem: all.shmem.bytes(),
            anon: all.anon.bytes(),
            kernel: self.config.kernel_memory + all.kernel.bytes(),
            swap_total: self.config.swap_total,
            swap_free: self.swap_free().bytes(),
            commit_limit: limit.bytes(),
            committed_as: self.committed.bytes(),
        }
    }

    /// Committed_AS.
    pub fn committed(&self) -> Pages {
        self.committed
    }

    /// MemFree.
    pub fn free_pages(&self) -> Pages {
        let total = self.config.mem_total.to_pages_floor();
        total.saturating_sub(zone::taken(&self.config)).saturating_sub(self.cgroups[0].usage)
    }

    /// MemAvailable: free memory above the reserves plus the page cache that can be given up without trouble
    /// (mm/page_alloc.c si_mem_available); reclaimable slab is not modelled.
    pub fn available(&self) -> Pages {
        self.available_after(Pages::ZERO)
    }

    /// The same when this many pages more have been taken.
    pub fn available_after(&self, taken: Pages) -> Pages {
        let free = self.free_pages().saturating_sub(taken).saturating_sub(self.zones.total_reserve());
        let cache = self.cgroups[0].total.evictable_file();
        let keep = Pages::new(cache.get() / 2).min(self.zones.low());
        free + (cache - keep)
    }

    /// What overcommit decisions are based on.
    pub fn commit_state(&self) -> overcommit::CommitState {
        let all = self.cgroups[0].total;
        let free = self.free_pages() + all.evictable_file() + all.locked_file + self.swap_free();
        overcommit::CommitState {
            ram: self.config.mem_total.to_pages_floor(),
            swap: self.config.swap_total.to_pages_floor(),
            committed: self.committed,
            boot_free: self.boot_free,
            guess_free: free.saturating_sub(self.zones.total_reserve()),
        }
    }

    /// Pages that can be charged before the node's free memory is at its watermarks; background reclaim runs first.
    fn node_room(&mut self, want: Pages) -> Pages {
        if self.starved.is_some() {
            self.reclaim(self.root(), want, true);
            if self.starved.is_some() {
                return Pages::ZERO;
            }
        }
        let root = &self.cgroups[0];
        if root.cap < self.zones.low_cap {
            if root.usage < root.cap {
                return root.cap - root.usage;
            }
            self.drain_lists();
        }
        let zones = &self.zones;
        let (low_cap, high_cap, min_cap) = (zones.low_cap, zones.high_cap, zones.min_cap);
        if self.cgroups[0].usage >= low_cap && self.can_reclaim_anything() && !self.reclaim_directly() {
            self.balance_node(want);
            if self.cgroups[0].usage >= low_cap {
                let excess = self.cgroups[0].usage.saturating_sub(high_cap);
                self.reclaim(self.root(), excess.max(want.min(low_cap - high_cap)), true);
            }
        }
        let usage = self.cgroups[0].usage;
        if usage < low_cap { low_cap - usage } else { min_cap.saturating_sub(usage) }
    }

    /// Recomputes zones and the root's cap after a sysctl changed.
    fn update_zones(&mut self) {
        self.zones = Zones::new(&self.config, zone::taken(&self.config));
        self.cgroups[0].cap = self.zones.full_lists_cap;
    }
}
