//! What programs reclaim of the whole node themselves, beside background reclaim (mm/page_alloc.c
//! __alloc_pages_direct_reclaim).

use super::Kernel;
use super::api::SwapDevice;
use super::generations::{CLUSTER, PRIORITY};
use super::profile::Lru;
use crate::units::{Bytes, Pages};

/// Of a hundred pages that background reclaim frees, those that programs free beside it where there is no swap
/// (recordings protect_global of 6.12 and 7.3: 14 to 16 in all of each row; of 7.3 with two processors 22).
const BY_PROGRAMS: u64 = 15;

impl Kernel {
    /// Of a hundred pages that are swapped out, those that programs do themselves while background reclaim is awake
    /// this time: compressing keeps it from going faster than they do, and who comes first is drawn (recordings
    /// node_3230 with zram and two processors: of 6.12 22, 21, 74, 91, 26 and 34 in six steps, of 7.3 29,313 of 32,612
    /// pages in four). With a disk nobody waits for the processor.
    pub(super) fn draw_swapped_by_programs(&mut self) -> u64 {
        match self.config.swap_device {
            SwapDevice::Disk => 0,
            SwapDevice::Zram if self.takes_single_folios() => 90,
            SwapDevice::Zram => 20 + self.draw_beyond(71),
        }
    }

    /// A program that finds free memory at the min watermark reclaims itself: a call for 32 pages, from the first
    /// priority, at which nothing is looked at of a cgroup with less than 4096 pages, to the one that frees any
    /// (mm/page_alloc.c __alloc_pages_direct_reclaim, mm/vmscan.c do_try_to_free_pages). True when it did: as long as
    /// the swap device leaves background reclaim behind by as much.
    pub(super) fn reclaim_directly(&mut self) -> bool {
        if self.behind.is_zero() {
            return false;
        }
        let freed = self.call_directly();
        self.behind = self.behind.saturating_sub(freed);
        !freed.is_zero()
    }

    /// Where there is no swap, programs reclaim a part of what background reclaim does, between its walks. Returns what
    /// came free.
    pub(super) fn reclaim_beside(&mut self, by_walk: Pages) -> Pages {
        if self.lru() == Lru::Classic || self.config.swap_total > Bytes::ZERO {
            return Pages::ZERO;
        }
        let part = Pages::new(by_walk.get() * BY_PROGRAMS / 100);
        let mut freed = Pages::ZERO;
        while self.ahead + freed < part {
            let more = self.call_directly();
            if more.is_zero() {
                break;
            }
            freed += more;
        }
        self.ahead = (self.ahead + freed).saturating_sub(part);
        freed
    }

    /// Background reclaim has aged cgroups instead of freeing as much as it should, which takes longer than to use up
    /// what is left: programs make calls of their own meanwhile. Returns what came free.
    pub(super) fn reclaim_meanwhile(&mut self) -> Pages {
        (0..self.draw_calls_meanwhile()).map(|_| self.call_directly()).sum()
    }

    pub(super) fn call_directly(&mut self) -> Pages {
        let mut freed = Pages::ZERO;
        for priority in (0..=PRIORITY).rev() {
            freed += self.walk_node(priority, CLUSTER - freed, true).freed;
            if freed >= CLUSTER {
                break;
            }
        }
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{FileAccess, KernelConfig, MemOp, MemOutcome, SpawnSpec};
    use crate::units::{CgroupId, SimTime};

    const T: SimTime = SimTime::ZERO;

    /// A cgroup with one process that does this.
    fn does(k: &mut Kernel, path: &str, op: MemOp) -> CgroupId {
        let cg = k.mkdir_all(path);
        let pid = k.spawn(T, &SpawnSpec::new("q", cg)).unwrap();
        assert_eq!(k.apply(T, pid, op), MemOutcome::Done);
        cg
    }

    /// node_3230_0_group, pod4 of 6096 pages: it is left with 4113 on 6.12 and 4183 on 7.3, of which less than 4096 can
    /// go, while what programs reclaim themselves is most of all; a 4096th of that is no page.
    #[test]
    fn programs_take_nothing_of_small_cgroups() {
        let swap = KernelConfig {
            swap_total: Bytes::gib(1),
            swap_device: SwapDevice::Zram,
            ..KernelConfig::new(Bytes::gib(1))
        };
        let mut k = Kernel::new(swap);
        let [small, large] = [("/p/c0", 4000), ("/p/c1", 8192)].map(|(path, pages)| {
            let cg = does(&mut k, path, MemOp::Touch { pages: Pages::new(pages) });
            k.cgroups[cg.index()].rare_mut().ages.set_old(Pages::new(pages));
            cg
        });
        k.behind = Pages::new(96);
        assert!(k.reclaim_directly() && k.reclaim_directly());
        assert_eq!([small, large].map(|cg| k.local(cg).swap), [0, 128].map(Pages::new));
        assert!(!k.reclaim_directly());
    }

    /// protect_global_3130_1_min of 6.12.117, step 12: programs free 384 pages in batches of 64, 3584 being freed in
    /// the background.
    #[test]
    fn programs_free_a_part_where_there_is_no_swap() {
        let mut k = Kernel::new(KernelConfig::new(Bytes::kib(328_552)));
        for (path, pages) in [("/p/c0", 15_093), ("/p/c1", 22_220)] {
            let pages = Pages::new(pages);
            let file = k.create_file(pages.bytes());
            does(&mut k, path, MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read });
        }
        let freed = [1000, 200, 1000].map(|by_walk| k.reclaim_beside(Pages::new(by_walk)).get());
        assert_eq!(freed, [192, 0, 192]);
        k.config.swap_total = Bytes::gib(1);
        assert_eq!(k.reclaim_beside(Pages::new(1000)), Pages::ZERO);
    }
}
