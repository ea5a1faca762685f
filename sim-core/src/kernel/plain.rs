//! Growth that is plain addition: the same as `mmap` and touching, where no limit is near. The caller falls back to
//! [`Kernel::apply`] when it is not.

use super::cgroup::Cgroup;
use super::memory::PTRS_PER_PTE;
use super::profile::OvercommitGuess;
use super::{Kernel, Process};
use crate::units::{Bytes, CgroupId, Pages, Pid};

impl Kernel {
    /// Where a process is kept for its life, for [`Kernel::grow`].
    pub fn slot(&self, pid: Pid) -> Option<u32> {
        self.procs.slot(pid)
    }

    /// Pages that can be charged to this very cgroup before anything but addition happens; see [`Kernel::headroom`].
    #[inline]
    pub fn room(&self, cg: CgroupId) -> Pages {
        self.room_to_cap(cg)
    }

    /// True while what a process gets does not depend on what others have been promised, and no limit is waiting to be
    /// enforced: then growth below all limits concerns no other process.
    pub fn is_calm(&self) -> bool {
        let (mode, guess) = (self.config.sysctl.overcommit_memory, self.config.profile.overcommit_guess);
        let granted = mode == 1 || mode == 0 && guess == OvercommitGuess::TotalRam;
        granted && self.shrinking.is_empty() && !self.panicked
    }

    /// Largest request that [`Kernel::is_calm`] speaks of: RAM and swap.
    pub fn largest_request(&self) -> Pages {
        self.config.mem_total.to_pages_floor() + self.config.swap_total.to_pages_floor()
    }

    /// Anonymous pages that a process can touch while they and their page tables fit in `room`.
    pub fn touchable(&self, slot: u32, pid: Pid, room: Pages) -> u64 {
        let entries = self.procs.at(slot, pid).map_or(0, |p| p.pte_room.saturating_sub(p.pte_used));
        let room = room.get();
        match room.checked_sub(entries) {
            // Each page of tables, charged first, makes room for 512 pages.
            Some(more) => {
                let per_table = u128::from(PTRS_PER_PTE);
                entries + (u128::from(more) * per_table / (per_table + 1)) as u64
            }
            None => room,
        }
    }

    /// Maps `maps` blocks and touches `pages` of them in all, if that is plain addition at every level. False: nothing
    /// was done.
    pub fn grow(&mut self, slot: u32, pid: Pid, block: Bytes, maps: u64, pages: Pages) -> bool {
        let each = block.to_pages_ceil();
        if !self.is_calm() || self.config.sysctl.overcommit_memory != 1 && each > self.largest_request() {
            return false;
        }
        let Some(process) = self.procs.at(slot, pid).filter(|p| p.is_running()) else { return false };
        let cgroup = process.cgroup;
        let tables = tables_for(process, pages);
        if !pages.is_zero() {
            if !self.fits(cgroup, pages + tables) {
                return false;
            }
            self.add_touched(cgroup, pages, tables);
        }
        self.committed += each * maps;
        let Some(process) = self.procs.at_mut(slot, pid) else { return false };
        process.accounted += each * maps;
        process.largest_mapping = process.largest_mapping.max(each);
        process.total_vm += each * maps;
        process.anon_own += pages;
        process.pgtables += tables;
        process.pte_used += pages.get();
        process.pte_room += tables.get() * PTRS_PER_PTE;
        true
    }

    /// Page tables that a process needs for this many pages more.
    pub fn tables_for(&self, slot: u32, pid: Pid, pages: Pages) -> Pages {
        self.procs.at(slot, pid).map_or(Pages::ZERO, |process| tables_for(process, pages))
    }

    /// The same as [`Kernel::grow`] for one of many processes, where the caller knows that there is room for all of
    /// them at every level. What is shared by many is added up in `batch`, until [`Kernel::end_batch`].
    pub fn grow_one(&mut self, batch: &mut Batch, slot: u32, pid: Pid, block: Bytes, maps: u64, pages: Pages) {
        let mapped = block.to_pages_ceil() * maps;
        let Some(process) = self.procs.at_mut(slot, pid) else { return };
        let tables = tables_for(process, pages);
        process.accounted += mapped;
        process.largest_mapping = process.largest_mapping.max(block.to_pages_ceil());
        process.total_vm += mapped;
        process.anon_own += pages;
        process.pgtables += tables;
        process.pte_used += pages.get();
        process.pte_room += tables.get() * PTRS_PER_PTE;
        batch.committed += mapped;
        let group = &mut self.cgroups[process.cgroup.index()];
        group.add_touched(pages, tables);
        let Some(parent) = group.parent else { return };
        let group = &mut self.cgroups[parent.index()];
        group.add_touched(pages, tables);
        if group.parent != batch.above {
            self.end_levels(batch);
            batch.above = self.cgroups[parent.index()].parent;
        }
        batch.anon += pages;
        batch.tables += tables;
    }

    /// Books what a batch has added up.
    pub fn end_batch(&mut self, mut batch: Batch) {
        self.end_levels(&mut batch);
        self.committed += batch.committed;
    }

    fn end_levels(&mut self, batch: &mut Batch) {
        let (anon, tables) = (std::mem::take(&mut batch.anon), std::mem::take(&mut batch.tables));
        let mut at = batch.above;
        while let Some(g) = at {
            debug_assert!(anon + tables <= self.room_to_cap(g), "{} has no room for what was due", self.path(g));
            let group = &mut self.cgroups[g.index()];
            group.add_touched(anon, tables);
            at = group.parent;
        }
    }

    fn add_touched(&mut self, cg: CgroupId, anon: Pages, tables: Pages) {
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            group.add_touched(anon, tables);
            at = group.parent;
        }
    }
}

/// Growth of many processes that is not booked in the cgroups above their pods yet.
#[derive(Debug, Default)]
pub struct Batch {
    committed: Pages,
    /// The lowest cgroup that `anon` and `tables` are missing in.
    above: Option<CgroupId>,
    anon: Pages,
    tables: Pages,
}

impl Cgroup {
    fn add_touched(&mut self, anon: Pages, tables: Pages) {
        self.usage += anon + tables;
        self.total.anon += anon;
        self.total.kernel += tables;
    }
}

fn tables_for(process: &Process, pages: Pages) -> Pages {
    let entries = (process.pte_used + pages.get()).saturating_sub(process.pte_room);
    Pages::new(entries.div_ceil(PTRS_PER_PTE))
}
