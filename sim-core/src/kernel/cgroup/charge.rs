//! Charging and uncharging: plain addition while there is room at every level, otherwise page by page to the limit,
//! reclaim, and the OOM killer.

use super::{CacheChunk, Cgroup, PageKind};
use crate::kernel::{FileAccess, Kernel, Thp, Until};
use crate::node_api::{Allocation, Signal};
use crate::units::{CgroupId, Pages, Pid, SimDuration, SimTime, VolumeId};

/// Why a charge stopped before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Stop {
    Wait(Until),
    Throttled(SimDuration),
    Dying,
    /// No room, and nothing waits for it.
    GivenUp,
}

/// What a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Purpose {
    /// Private anonymous memory.
    Anon,
    /// A copy of a page of a copy-on-write set.
    Copy(u32),
    /// A page that comes back from swap.
    SwapIn,
    /// Page tables.
    PageTables,
    /// Stack and other kernel memory of a process.
    Kernel,
    /// A page of a tmpfs or shared mapping.
    Shmem(VolumeId),
    /// A page of a file; `young` pages enter the active list, pages read `ahead` are given up where there is no room.
    File { file: VolumeId, young: bool, how: FileAccess, ahead: bool },
    /// What describes pages of a file or of shared memory.
    CacheIndex { ahead: bool },
    /// Inodes and directory entries of a tmpfs.
    Inodes,
    /// Nothing is allocated: a limit was written.
    LimitWrite,
}

/// Who charges what to whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Charge {
    pub by: Pid,
    pub cgroup: CgroupId,
    pub purpose: Purpose,
}

impl Charge {
    /// The counter that grows.
    fn kind(&self) -> PageKind {
        match self.purpose {
            Purpose::Anon | Purpose::Copy(_) | Purpose::SwapIn => PageKind::Anon,
            Purpose::PageTables
            | Purpose::Kernel
            | Purpose::CacheIndex { .. }
            | Purpose::Inodes
            | Purpose::LimitWrite => PageKind::Kernel,
            Purpose::Shmem(_) => PageKind::Shmem,
            Purpose::File { young: true, .. } => PageKind::ActiveFile,
            Purpose::File { young: false, .. } => PageKind::InactiveFile,
        }
    }

    /// True for what is read before a program asks for it.
    pub fn is_ahead(&self) -> bool {
        matches!(self.purpose, Purpose::File { ahead: true, .. } | Purpose::CacheIndex { ahead: true })
    }

    /// True for pages that make a folio: what is read ahead is charged folio by folio.
    pub fn is_folio(&self, pages: Pages) -> bool {
        matches!(self.purpose, Purpose::File { ahead: true, .. }) && pages > Pages::new(1)
    }

    /// What a report says that the allocation was for.
    pub fn allocation(&self) -> Allocation {
        match self.purpose {
            Purpose::Anon | Purpose::Copy(_) | Purpose::SwapIn => Allocation::AnonFault,
            Purpose::PageTables | Purpose::Kernel | Purpose::CacheIndex { .. } | Purpose::Inodes => {
                Allocation::KernelAccount
            }
            Purpose::Shmem(_) | Purpose::File { .. } => Allocation::FileFault,
            Purpose::LimitWrite => Allocation::LimitWrite,
        }
    }
}

/// How often an OOM without a killable process is reported again. The kernel retries the fault every few
/// milliseconds and prints at most 10 reports in 5 s (recordings memcg_oom_v1 and v2, flavour `unk_all`).
const NO_VICTIM_RETRY: SimDuration = SimDuration::from_millis(500);

/// Pages that a throttled task takes of its batch before the rest is displaced (story G01 of a node with one processor,
/// kernel 6.12: a page in about 130 ms).
const DISPLACED_STOCK: Pages = Pages::new(1);
/// In a shorter delay nothing else charges: an assumption, as G01 has single pages with delays of 100 ms and more only.
const DISPLACING_DELAY: SimDuration = SimDuration::from_millis(50);
/// What a delay takes in addition: 16 rounds of reclaim, and the timer's tick (G01: 120 ms for 26 jiffies, 150 for
/// 34, 171 for 37).
const ROUNDS_OF_RECLAIM: SimDuration = SimDuration::from_millis(14);

/// Pages of a huge page.
const HUGE_PAGE: Pages = Pages::new(512);

impl Kernel {
    /// How many pages a process in `cg` can still fault in before anything but addition happens at any level:
    /// `memory.max`, `memory.high`, memory+swap, or a zone watermark.
    pub fn headroom(&self, cg: CgroupId) -> Pages {
        self.upwards(cg).map(|g| self.room_to_cap(g)).min().unwrap_or(Pages::ZERO)
    }

    #[inline]
    pub(in crate::kernel) fn room_to_cap(&self, cg: CgroupId) -> Pages {
        if self.starved.is_some() {
            return Pages::ZERO;
        }
        let group = &self.cgroups[cg.index()];
        if group.parent.is_none() && !self.can_reclaim_anything() {
            return self.zones.min_cap.saturating_sub(group.usage);
        }
        group.cap.saturating_sub(group.usage)
    }

    /// True when `pages` more stay below every cap.
    pub(in crate::kernel) fn fits(&self, cg: CgroupId, pages: Pages) -> bool {
        if self.starved.is_some() {
            return false;
        }
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &self.cgroups[g.index()];
            if group.usage + pages > group.cap {
                return false;
            }
            at = group.parent;
        }
        self.fits_beside_stocks(cg, pages)
    }

    /// Adds pages at every level without looking at limits.
    pub(in crate::kernel) fn add(&mut self, cg: CgroupId, kind: PageKind, pages: Pages) {
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            group.usage += pages;
            *group.total.of(kind) += pages;
            at = group.parent;
        }
    }

    /// Takes pages away at every level.
    pub(in crate::kernel) fn uncharge(&mut self, cg: CgroupId, kind: PageKind, pages: Pages) {
        if pages.is_zero() {
            return;
        }
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            group.usage -= pages;
            *group.total.of(kind) -= pages;
            at = group.parent;
        }
        if kind == PageKind::Kernel && self.stocks_kept() > 0 {
            self.refill_stock(cg, pages);
        }
        self.freed_some = true;
        self.freed_while_starved(pages);
    }

    /// Pages change their kind without being freed (inactive to active, unlocked to locked).
    pub(in crate::kernel) fn convert(&mut self, cg: CgroupId, from: PageKind, to: PageKind, pages: Pages) {
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            *group.total.of(from) -= pages;
            *group.total.of(to) += pages;
            at = group.parent;
        }
    }

    /// Changes a part-of counter (locked anonymous pages, swap) at every level.
    pub(in crate::kernel) fn note(&mut self, cg: CgroupId, change: impl Fn(&mut super::Counts)) {
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            change(&mut group.total);
            group.update_cap();
            at = group.parent;
        }
    }

    /// Charges up to `pages`. Returns how many were charged and, if not all, what stopped it.
    pub(in crate::kernel) fn charge(&mut self, now: SimTime, charge: Charge, pages: Pages) -> (Pages, Option<Stop>) {
        let mut left = pages;
        while !left.is_zero() {
            if self.panicked {
                return (pages - left, Some(self.wait(Until::OnMemoryFreed)));
            }
            if self.fits(charge.cgroup, left) {
                self.take_pages(&charge, left);
                return (pages, None);
            }
            if let Some(stop) = self.charge_step(now, &charge, &mut left) {
                return (pages - left, Some(stop));
            }
        }
        (pages, None)
    }

    /// Charges pages and books them with their owner at once, so that a report sees them.
    fn take_pages(&mut self, charge: &Charge, pages: Pages) {
        self.add(charge.cgroup, charge.kind(), pages);
        if self.stocks_kept() > 0 {
            let listed = if charge.kind() == PageKind::Kernel { Pages::ZERO } else { pages };
            self.take_from_stock(charge.cgroup, pages, listed, charge.is_folio(pages));
        }
        let Some(process) = self.procs.get_mut(&charge.by) else { return };
        match charge.purpose {
            Purpose::Anon => process.anon_own += pages,
            Purpose::SwapIn => {
                process.rare_mut().swapents -= pages;
                process.anon_own += pages;
                self.note_swapped(Pages::ZERO, pages);
                self.note(charge.cgroup, |c| c.swap -= pages);
            }
            Purpose::PageTables => process.pgtables += pages,
            Purpose::Kernel => process.kernel += pages,
            Purpose::Copy(set) => {
                process.anon_own += pages;
                self.unmap_cow(charge.by, set, pages, false);
            }
            Purpose::Shmem(volume) => self.book_shmem(charge.by, volume, charge.cgroup, pages),
            Purpose::File { file, young, how, .. } => self.book_file(charge, file, young, how, pages),
            Purpose::CacheIndex { .. } => self.cgroups[charge.cgroup.index()].rare_mut().cache_index += pages,
            Purpose::Inodes => self.cgroups[charge.cgroup.index()].rare_mut().left += pages,
            Purpose::LimitWrite => {}
        }
    }

    /// One round: the node's free pages first (the page is allocated before it is charged), then the cgroups.
    fn charge_step(&mut self, now: SimTime, charge: &Charge, left: &mut Pages) -> Option<Stop> {
        let node = self.node_room(*left);
        if node.is_zero() {
            if charge.is_ahead() {
                return Some(Stop::GivenUp);
            }
            return self.out_of_memory(now, charge, None);
        }
        let tightest = self.upwards(charge.cgroup).map(|g| self.limit_room(g, charge)).min()?;
        if tightest.is_zero() {
            return self.at_limit(now, charge, *left);
        }
        let (to_high, over_high) = self.room_to_high(charge.cgroup);
        let batch = Pages::new(u64::from(self.config.profile.charge_batch));
        let room = node.min(tightest);
        let huge = self.config.thp == Thp::Always && charge.purpose == Purpose::Anon;
        if huge && HUGE_PAGE <= room.min(*left) {
            // It is charged as a whole, beside the stock, and delayed for as a whole; where none fits below the limit,
            // pages come one by one (mm/huge_memory.c, try_charge_memcg; G01: 126.45 MiB of 128).
            self.take_pages(charge, HUGE_PAGE);
            *left -= HUGE_PAGE;
            let stop = self.over_high(charge, HUGE_PAGE);
            if matches!(stop, Some(Stop::Throttled(delay)) if delay >= DISPLACING_DELAY)
                && let Some(process) = self.procs.get_mut(&charge.by)
            {
                process.rare_mut().stock = Pages::ZERO;
            }
            return stop;
        }
        if over_high && self.config.stock_displaced {
            return self.charge_from_stock(charge, left, (room, batch));
        }
        let step = if over_high { batch } else { to_high.max(Pages::new(1)) };
        let take = (*left).min(room).min(step);
        self.take_pages(charge, take);
        *left -= take;
        if over_high { self.over_high(charge, take) } else { None }
    }

    /// Above `memory.high` a whole batch is charged, and delayed for, when the stock of charged pages is used up; what
    /// is left of it is gone when something else has run on the processor meanwhile (mm/memcontrol.c refill_stock).
    /// Where a batch does not fit below the limit, a page is charged alone, and the delay for it is none
    /// (try_charge_memcg; G01: the last 64 pages come at once).
    fn charge_from_stock(&mut self, charge: &Charge, left: &mut Pages, (room, batch): (Pages, Pages)) -> Option<Stop> {
        let batch = if room < batch { Pages::new(1) } else { batch };
        let stock = self.procs.get(&charge.by).map_or(Pages::ZERO, |process| process.rare().stock);
        let take = (*left).min(room).min(if stock.is_zero() { batch.min(DISPLACED_STOCK) } else { stock });
        self.take_pages(charge, take);
        *left -= take;
        let stop = if stock.is_zero() { self.over_high(charge, batch) } else { None };
        let whole = match (&stop, stock.is_zero()) {
            (Some(Stop::Throttled(delay)), _) if *delay >= DISPLACING_DELAY => DISPLACED_STOCK,
            (_, true) => batch,
            (_, false) => stock,
        };
        if let Some(process) = self.procs.get_mut(&charge.by) {
            process.rare_mut().stock = whole.saturating_sub(take);
        }
        match stop {
            Some(Stop::Throttled(delay)) if delay >= DISPLACING_DELAY => {
                Some(Stop::Throttled(delay + ROUNDS_OF_RECLAIM))
            }
            stop => stop,
        }
    }

    fn limit_room(&self, at: CgroupId, charge: &Charge) -> Pages {
        let room = self.cgroups[at.index()].hard_room(charge.purpose);
        if room.is_zero() { room } else { room.min(self.room_below(at, charge.cgroup)) }
    }

    /// A page does not fit: reclaim below the lowest cgroup that refuses it, then its OOM killer.
    fn at_limit(&mut self, now: SimTime, charge: &Charge, want: Pages) -> Option<Stop> {
        let over = self.upwards(charge.cgroup).find(|g| self.limit_room(*g, charge).is_zero())?;
        let group = &mut self.cgroups[over.index()];
        let memsw_only = group.usage < group.max && group.hard_room(charge.purpose).is_zero();
        if memsw_only {
            group.failures_mut().memsw_failcnt += 1;
        } else {
            group.failures_mut().failcnt += 1;
        }
        self.count_event(over, |e| e.max += 1);
        if self.writeback_clogs(charge, over, want) {
            let cache = self.cgroups[over.index()].total.evictable_file();
            self.reclaim(over, cache, false);
            return self.out_of_memory(now, charge, Some(over));
        }
        if !self.reclaim_beside_text(charge.by, over, want, !memsw_only).is_zero() {
            return None;
        }
        if self.drain_stocks(over) {
            return None;
        }
        if charge.is_ahead() {
            return Some(Stop::GivenUp);
        }
        if self.being_read.is_none() && !self.kept_text(charge.by, over).is_zero() {
            return self.thrash(now, charge, over);
        }
        let stop = self.out_of_memory(now, charge, Some(over));
        self.leave_text_at_full_swap(charge, stop);
        stop
    }

    pub(in crate::kernel) fn out_of_memory(
        &mut self,
        now: SimTime,
        charge: &Charge,
        domain: Option<CgroupId>,
    ) -> Option<Stop> {
        match domain {
            Some(domain) => {
                self.note_in_vain();
                self.count_event(domain, |e| e.oom += 1);
            }
            None if self.node_thrashes() => return Some(self.wait(Until::Thrashing(None))),
            None => {
                if let Some(rest) = self.starve(now) {
                    return Some(self.wait(Until::After(rest)));
                }
            }
        }
        let dying = self.oom_victims;
        let found = self.invoke_oom_killer(now, charge, domain);
        match domain {
            _ if self.oom_victims <= dying => {}
            Some(domain) => self.kill_beside_the_dying(now, charge, domain),
            None => self.kill_beside_shared(now, charge),
        }
        if self.procs.get(&charge.by).is_some_and(|p| !p.is_running()) {
            return Some(Stop::Dying);
        }
        Some(self.wait(if found { Until::OnMemoryFreed } else { Until::After(NO_VICTIM_RETRY) }))
    }

    /// Remembers that a process waits, so that a `MemoryFreed` is due.
    pub(in crate::kernel) fn wait(&mut self, until: Until) -> Stop {
        self.waiters = true;
        self.freed_some = false;
        Stop::Wait(until)
    }

    /// Room to the nearest `memory.high`, and whether one of them has been reached.
    fn room_to_high(&self, cg: CgroupId) -> (Pages, bool) {
        let groups = self.upwards(cg).map(|g| &self.cgroups[g.index()]);
        let room = groups.map(|g| g.rare().high.saturating_sub(g.usage)).min().unwrap_or(Pages::MAX);
        (room, room.is_zero())
    }

    /// Counts an event in a cgroup and, on v2, in all above it.
    pub(in crate::kernel) fn count_event(&mut self, cg: CgroupId, count: impl Fn(&mut crate::node_api::MemoryEvents)) {
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            count(&mut group.failures_mut().events);
            at = group.parent.filter(|_| self.config.cgroup == crate::kernel::CgroupVersion::V2);
        }
    }

    /// Signals that memory came free, if something waits for that.
    pub(in crate::kernel) fn announce_freed(&mut self) {
        if self.waiters && self.freed_some {
            self.waiters = false;
            self.thrashing.clear();
            self.signals.push(Signal::MemoryFreed);
        }
        self.freed_some = false;
        let root = &mut self.cgroups[0];
        let refilled = self.zones.full_lists_cap;
        if root.usage < refilled.saturating_sub(self.zones.low_cap - refilled) {
            root.cap = refilled;
        }
    }
}

impl Cgroup {
    /// Adds cached pages of a file at the young end.
    pub fn absorb_chunk(&mut self, chunk: CacheChunk) {
        let cache = &mut self.rare_mut().cache;
        match cache.iter_mut().find(|c| c.file == chunk.file) {
            Some(there) => {
                there.inactive += chunk.inactive;
                there.active += chunk.active;
                there.locked += chunk.locked;
                there.referenced += chunk.referenced;
                there.unread += chunk.unread;
                there.buffered += chunk.buffered;
                there.second += chunk.second;
            }
            None => cache.push(chunk),
        }
    }
}
