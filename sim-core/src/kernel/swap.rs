//! Swapping out and in.

use super::Kernel;
use super::api::SwapDevice;
use super::cgroup::{Charge, PageKind, Purpose};
use super::profile::{Lru, SwapWriteback};
use super::reclaim::{Amounts, shares};
use super::volume::Volume;
use crate::units::{Bytes, CgroupId, Pages, Pid, VolumeId};

impl Kernel {
    /// Where pages go that are swapped out.
    pub fn swap_device(&self) -> SwapDevice {
        self.config.swap_device
    }

    /// Swap that is not in use.
    pub fn swap_free(&self) -> Pages {
        self.config.swap_total.to_pages_floor().saturating_sub(self.cgroups[0].total.swap)
    }

    /// Pages charged directly to a cgroup that could go to swap. Pages shared since a fork stay in memory.
    pub(super) fn swappable_here(&self, cg: CgroupId) -> Pages {
        let shmem: Pages = self.shmem_charged_to(cg).into_iter().map(|(_, pages)| pages).sum();
        shmem + self.swappable_processes(cg).into_iter().map(|(_, pages)| pages).sum()
    }

    fn swappable_processes(&self, cg: CgroupId) -> Amounts<Pid> {
        let processes = self.cgroups[cg.index()].tasks.iter().filter_map(|pid| self.procs.get(pid));
        processes.map(|p| (p.pid, p.anon_own.saturating_sub(p.rare().mlocked))).collect()
    }

    /// Anonymous or shared memory below a cgroup could still go to swap.
    pub(super) fn can_swap_below(&self, top: CgroupId, may_swap: bool) -> bool {
        may_swap
            && !self.swap_free().is_zero()
            && self.subtree(top).any(|g| !self.swap_room(g).is_zero() && !self.swappable_here(g).is_zero())
    }

    /// Reading back what was swapped out, in a full cgroup, pushes out as much: with MGLRU and a disk nothing waits
    /// until that is written, and soon every page is under writeback. 6.12 then kills with swap left; later kernels
    /// when the swap limit leaves no slot for every page in memory, because a page under writeback is charged twice
    /// (recordings swap `again`, psi; zram has no writeback). Less than an eighth of what is resident is written in
    /// time.
    pub(super) fn writeback_clogs(&self, charge: &Charge, over: CgroupId, want: Pages) -> bool {
        if charge.purpose != Purpose::SwapIn || self.lru() != Lru::Mglru || self.config.swap_device != SwapDevice::Disk
        {
            return false;
        }
        let total = &self.cgroups[over.index()].total;
        let resident = total.swappable();
        if want * 8 < resident {
            return false;
        }
        match self.config.profile.swap_writeback {
            SwapWriteback::Waits => false,
            SwapWriteback::Kills => true,
            SwapWriteback::KillsAtSwapMax => self.swap_room(charge.cgroup) < resident,
        }
    }

    /// Swaps out pages of one cgroup: what its processes had before any shared memory of theirs, then that and tmpfs
    /// files, which are written once and then grow old, then its processes in proportion to their size.
    pub(super) fn swap_out_here(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let shmem = self.shmem_charged_to(cg);
        let take = take.min(self.open_generation(cg, &shmem));
        let mut done = self.swap_out_before_shared(cg, &shmem, take);
        for (volume, pages) in shmem {
            let pages = pages.min(take - done);
            if !pages.is_zero() {
                self.swap_out_volume(volume, cg, pages);
                done += pages;
            }
        }
        done += self.swap_out_processes(cg, take - done);
        self.close_generation(cg, done);
        done
    }

    fn swap_out_processes(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let mut done = Pages::ZERO;
        for (pid, pages) in shares(&self.swappable_processes(cg), take) {
            self.swap_out_process(pid, pages);
            done += pages;
        }
        done
    }

    /// What a cgroup's processes have in memory when one of them first touches shared memory: with MGLRU it goes before
    /// that, page by page in the order of the faults, as aging moves pages from one generation to the next in their
    /// order (mm/vmscan.c sort_folio; recordings node_3230 of 6.12 and 7.3: 40 pages of the stacks of three processes
    /// and then 3416 shared ones; 2432 private pages of 3536, and none of 13,602 that were shared after them).
    pub(super) fn note_before_shared(&mut self, cg: CgroupId) {
        let matters = self.lru() == Lru::Mglru && self.config.swap_total > Bytes::ZERO;
        if matters && self.cgroups[cg.index()].rare().before_shared.is_none() {
            let all = self.swappable_processes(cg).into_iter().map(|(_, pages)| pages).sum();
            self.cgroups[cg.index()].rare_mut().before_shared = Some(all);
        }
    }

    /// MGLRU since 6.14 passes over pages of a tmpfs once, as over mapped ones: writing has marked them as referenced
    /// (mm/shmem.c, mm/vmscan.c lru_gen_set_refs; recording swap_3060_3 of 7.3.4: 3313 pages scanned and 420 freed,
    /// where 2883 are of a tmpfs). What the processes had by then goes before them.
    fn swap_out_before_shared(&mut self, cg: CgroupId, shmem: &[(VolumeId, Pages)], take: Pages) -> Pages {
        if self.spares_mapped_once() && !self.of_tmpfs(shmem).is_zero() {
            self.note_before_shared(cg);
        }
        let Some(before) = self.cgroups[cg.index()].rare().before_shared.filter(|p| !p.is_zero()) else {
            return Pages::ZERO;
        };
        let done = self.swap_out_processes(cg, take.min(before));
        self.cgroups[cg.index()].rare_mut().before_shared = Some(before - done);
        done
    }

    /// Those of these pages that are a tmpfs's.
    fn of_tmpfs(&self, shmem: &[(VolumeId, Pages)]) -> Pages {
        let is_tmpfs = |volume: &VolumeId| matches!(self.volumes.get(volume.index()), Some(Volume::Tmpfs { .. }));
        shmem.iter().filter(|(volume, _)| is_tmpfs(volume)).map(|(_, pages)| *pages).sum()
    }

    /// MGLRU up to 6.13, where there is text that came with them: notes what the generation has that is swapped out
    /// now, and returns how much of it is in memory. Pages of a tmpfs, which were written and not faulted in, are in an
    /// older one than all others (mm/swap.c folio_add_lru, include/linux/mm_inline.h lru_gen_add_folio). With a disk
    /// the kernel ages before the oldest has gone, as pages under writeback make it look for more (mm/vmscan.c
    /// should_run_aging).
    fn open_generation(&mut self, cg: CgroupId, shmem: &[(VolumeId, Pages)]) -> Pages {
        let rare = self.cgroups[cg.index()].rare();
        let has_text = self.spared.is_some_and(|(text, _)| rare.cache.iter().any(|c| c.file == text));
        if !has_text || self.lru() != Lru::Mglru {
            return Pages::MAX;
        }
        let (left, gone) = rare.oldest_anon;
        if self.spares_mapped_once() {
            if left.is_zero() && gone == 0 {
                let opened = self.swappable_here(cg) - self.of_tmpfs(shmem);
                self.cgroups[cg.index()].rare_mut().oldest_anon = (opened, 0);
            }
            return Pages::MAX;
        }
        if !left.is_zero() {
            return left;
        }
        let older = if gone == 0 { self.of_tmpfs(shmem) } else { Pages::ZERO };
        let ages_at_once = older.is_zero() && self.config.swap_device == SwapDevice::Zram;
        let opened = if older.is_zero() { self.swappable_here(cg) } else { older };
        let gone = if gone == 0 && !ages_at_once { 1 } else { gone };
        self.cgroups[cg.index()].rare_mut().oldest_anon = (opened, gone);
        opened
    }

    fn close_generation(&mut self, cg: CgroupId, swapped: Pages) {
        let (left, gone) = self.cgroups[cg.index()].rare().oldest_anon;
        if !left.is_zero() {
            let now = left.saturating_sub(swapped);
            self.cgroups[cg.index()].rare_mut().oldest_anon = (now, gone.saturating_add(u8::from(now.is_zero())));
        }
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
        self.uncharge(cg, PageKind::Anon, pages);
        self.note_swapped(pages, Pages::ZERO);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{KernelConfig, MemOp, MemOutcome, SpawnSpec};
    use crate::node_api::CgroupWrite;
    use crate::units::SimTime;

    /// node_3230_2_low of 6.12.117, pod2: 3536 private pages, and after them 13,602 shared ones; 2432 have gone to zram
    /// after step 21, none of which were shared. The stack of each process has 13.
    #[test]
    fn shared_memory_goes_after_what_was_there_before_it() {
        let config = KernelConfig { swap_total: Bytes::gib(1), ..KernelConfig::new(Bytes::gib(1)) };
        let mut k = Kernel::new(config);
        let cg = k.mkdir_all("/pod2");
        let [private, shared] = ["p2_0", "p2_1"].map(|name| k.spawn(SimTime::ZERO, &SpawnSpec::new(name, cg)).unwrap());
        let ops = [
            (private, MemOp::Touch { pages: Pages::new(3536) }),
            (shared, MemOp::TouchShmem { pages: Pages::new(13_602) }),
            (private, MemOp::Touch { pages: Pages::new(5000) }),
        ];
        for (pid, op) in ops {
            assert_eq!(k.apply(SimTime::ZERO, pid, op), MemOutcome::Done);
        }
        k.swap_out_here(cg, Pages::new(2432));
        assert_eq!(k.local(cg).shmem, Pages::new(13_602));
        // 1130 of the private pages are left that are older, 2432 + 1130 = 3536 + 2 * 13.
        k.swap_out_here(cg, Pages::new(2000));
        assert_eq!(k.local(cg).shmem, Pages::new(13_602 - 870));
    }

    /// Recording high_3140_5_high_swap of 6.12.117: 1600 pages of 1629 are used; and 1629 on 6.1.176.
    #[test]
    fn mglru_leaves_less_than_a_batch_of_swap() {
        let used = |version| {
            let profile = crate::kernel::Profile::named(version).unwrap();
            let swap_total = Bytes::gib(1);
            let mut k = Kernel::new(KernelConfig { profile, swap_total, ..KernelConfig::new(Bytes::gib(1)) });
            let cg = k.mkdir_all("/h");
            let swap_max = Some(Pages::new(1629).bytes());
            k.write(SimTime::ZERO, cg, &CgroupWrite { swap_max, ..CgroupWrite::default() }).unwrap();
            let pid = k.spawn(SimTime::ZERO, &SpawnSpec::new("e", cg)).unwrap();
            assert_eq!(k.apply(SimTime::ZERO, pid, MemOp::Touch { pages: Pages::new(6000) }), MemOutcome::Done);
            assert!(k.reclaim_on_request(cg, Pages::new(3000)).is_err());
            k.stat(cg).swap.to_pages_floor().get()
        };
        assert_eq!(["6.12", "6.1"].map(used), [1600, 1629]);
    }
}
