//! Growth that is plain addition: the same as `mmap` and touching, where no limit is near. Whoever calls falls back to
//! [`Kernel::apply`] when it is not.

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
    pub fn room(&self, cg: CgroupId) -> Pages {
        self.room_to_cap(cg)
    }

    /// True while what a process gets does not depend on what others have been promised, and no limit is waiting to be
    /// enforced: then growth below all limits concerns nobody else.
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

    fn add_touched(&mut self, cg: CgroupId, anon: Pages, tables: Pages) {
        let local = &mut self.cgroups[cg.index()].local;
        local.anon += anon;
        local.kernel += tables;
        let mut at = Some(cg);
        while let Some(g) = at {
            let group = &mut self.cgroups[g.index()];
            group.usage += anon + tables;
            group.total.anon += anon;
            group.total.kernel += tables;
            at = group.parent;
        }
    }
}

fn tables_for(process: &Process, pages: Pages) -> Pages {
    let entries = (process.pte_used + pages.get()).saturating_sub(process.pte_room);
    Pages::new(entries.div_ceil(PTRS_PER_PTE))
}
