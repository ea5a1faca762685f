//! Swapping out and in.

use super::Kernel;
use super::cgroup::Kind;
use super::reclaim::{Amounts, shares};
use crate::units::{CgroupId, Pages, Pid, VolumeId};

/// Who owns pages that can be swapped out.
#[derive(Clone, Copy)]
enum Owner {
    Process(Pid),
    Volume(VolumeId),
}

impl Kernel {
    /// Swap that is not in use.
    pub fn swap_free(&self) -> Pages {
        self.config.swap_total.to_pages_floor().saturating_sub(self.cgroups[0].total.swap)
    }

    /// Pages charged directly to a cgroup that could go to swap. Pages shared since a fork stay in memory.
    pub(super) fn swappable_here(&self, cg: CgroupId) -> Pages {
        self.swap_owners(cg).into_iter().map(|(_, pages)| pages).sum()
    }

    fn swap_owners(&self, cg: CgroupId) -> Amounts<Owner> {
        let mut owners = Amounts::new();
        for pid in &self.cgroups[cg.index()].tasks {
            if let Some(process) = self.procs.get(pid) {
                owners.push((Owner::Process(*pid), process.anon_own.saturating_sub(process.rare().mlocked)));
            }
        }
        owners.extend(self.shmem_charged_to(cg).into_iter().map(|(v, pages)| (Owner::Volume(v), pages)));
        owners
    }

    /// Swaps out pages of one cgroup's processes and tmpfs files, in proportion to their size.
    pub(super) fn swap_out_here(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let mut done = Pages::ZERO;
        for (owner, pages) in shares(&self.swap_owners(cg), take) {
            match owner {
                Owner::Process(pid) => self.swap_out_process(pid, pages),
                Owner::Volume(volume) => self.swap_out_volume(volume, cg, pages),
            }
            done += pages;
        }
        done
    }

    /// Moves private anonymous pages of a process to swap; the caller has made sure that there is room.
    pub(super) fn swap_out_process(&mut self, pid: Pid, pages: Pages) {
        let Some(process) = self.procs.get_mut(&pid) else { return };
        if pages.is_zero() {
            return;
        }
        process.anon_own -= pages;
        process.rare_mut().swapents += pages;
        let cg = process.cgroup;
        self.uncharge(cg, Kind::Anon, pages);
        self.note(cg, |c| c.swap += pages);
    }

    /// Swap entries of a cgroup are given back.
    pub fn swap_freed(&mut self, cg: CgroupId, pages: Pages) {
        if !pages.is_zero() {
            self.note(cg, |c| c.swap -= pages);
            self.freed_some = true;
        }
    }
}
