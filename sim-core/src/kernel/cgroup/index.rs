//! Kernel memory that describes cached pages: a page of cache costs its cgroup more than a page.

use super::{Charge, Purpose, Stop};
use crate::kernel::Kernel;
use crate::units::{CgroupId, Pages, SimTime, VolumeId};

/// Cached or shared pages that one page of index nodes describes: a node of 576 bytes has 64 slots, 7 nodes fit in a
/// page of slab (lib/xarray.c, lib/radix-tree.c; stories F07: 1.0 MiB for 450 MiB).
const PAGES_PER_INDEX_PAGE: u64 = 7 * 64;
/// Slots that hold no more than the shadow of a dropped page, for each page on the cgroup's lists: a node of 64 for
/// eight pages (mm/workingset.c count_shadow_nodes).
const SHADOWS_PER_PAGE: u64 = 8;
/// Logarithm of the pages of a folio that takes a slot of a higher node, and none of those that describe single pages.
const LARGE_FOLIO: u32 = 6;
/// Written pages that one page of buffer heads describes: 39 of 104 bytes fit in a page of slab (fs/buffer.c), and what
/// ext4 keeps in addition (stories F07: 12.6 MiB for 450 MiB, 8.5 for 300, 5.7 for 200).
const BUFFERED_PER_PAGE: u64 = 36;

impl Kernel {
    /// Index pages that a cgroup needs for what is cached in it, with this much more of it, which takes the slots of
    /// dropped pages first.
    fn index_needed(&self, cg: CgroupId, more: Pages, buffered: bool) -> Pages {
        let group = &self.cgroups[cg.index()];
        let pages = (self.local(cg).file() + more.max(group.rare().shadows)).saturating_sub(self.large_folios(cg));
        let written: Pages = group.rare().cache.iter().map(|c| c.buffered).sum();
        let written = if buffered { written + more } else { written };
        Pages::new(pages.get().div_ceil(PAGES_PER_INDEX_PAGE) + written.get().div_ceil(BUFFERED_PER_PAGE))
    }

    /// A cgroup's cached pages that lie in large folios.
    pub(in crate::kernel) fn large_folios(&self, cg: CgroupId) -> Pages {
        self.cgroups[cg.index()].rare().cache.iter().map(|c| self.in_large_folios(c.file, c.pages())).sum()
    }

    /// Cached pages of a file, at most this many, that lie in large folios.
    fn in_large_folios(&self, file: VolumeId, most: Pages) -> Pages {
        if !self.config.profile.file_folios {
            return Pages::ZERO;
        }
        self.pages_in_folios(file, LARGE_FOLIO).min(most)
    }

    /// Charges pages of a file or of shared memory, each after what describes it.
    pub(in crate::kernel) fn charge_cached(
        &mut self,
        now: SimTime,
        charge: Charge,
        pages: Pages,
        buffered: bool,
    ) -> (Pages, Option<Stop>) {
        let mut done = Pages::ZERO;
        let large = charge.is_folio(pages) && pages.get() >= 1 << LARGE_FOLIO;
        let described = |pages: Pages| if large { Pages::ZERO } else { pages };
        while done < pages {
            let left = pages - done;
            let missing = self.index_missing(charge.cgroup, described(left), buffered);
            let step = if self.fits(charge.cgroup, left + missing) {
                left
            } else {
                left.min(Pages::new(if buffered { BUFFERED_PER_PAGE } else { PAGES_PER_INDEX_PAGE }))
            };
            let missing = self.index_missing(charge.cgroup, described(step), buffered);
            let (index, stop) = self.charge(
                now,
                Charge { purpose: Purpose::CacheIndex { ahead: charge.is_ahead() }, ..charge },
                missing,
            );
            if stop.is_some() || index < missing {
                self.trim_index(charge.cgroup);
                return (done, stop);
            }
            let (charged, stop) = self.charge(now, charge, step);
            done += charged;
            if !self.cgroups[charge.cgroup.index()].rare().shadows.is_zero() {
                let rare = self.cgroups[charge.cgroup.index()].rare_mut();
                rare.shadows = rare.shadows.saturating_sub(described(charged));
            }
            if stop.is_some() {
                self.trim_index(charge.cgroup);
                return (done, stop);
            }
        }
        (done, None)
    }

    fn index_missing(&self, cg: CgroupId, more: Pages, buffered: bool) -> Pages {
        self.index_needed(cg, more, buffered).saturating_sub(self.cgroups[cg.index()].rare().cache_index)
    }

    /// Reclaim has dropped pages. It leaves the shadow of each in its slot, so that nodes stay, those with nothing else
    /// in them as long as they are few beside the pages on the lists (mm/workingset.c workingset_eviction,
    /// count_shadow_nodes of 6.12; recordings protect, swap and memory_reclaim of 6.1 and 6.12: 8 to 15 pages of
    /// `slab_reclaimable` stay while 1600 to 3900 pages of cache go, as long as some hundred are left).
    pub(in crate::kernel) fn leave_shadows(&mut self, cg: CgroupId, pages: Pages) {
        let shadows = self.cgroups[cg.index()].rare().shadows + pages;
        if !shadows.is_zero() {
            let local = self.local(cg);
            let most = (local.evictable_file() + local.swappable()) * SHADOWS_PER_PAGE;
            self.cgroups[cg.index()].rare_mut().shadows = shadows.min(most);
        }
        self.trim_index(cg);
    }

    /// Gives back what described pages that are gone.
    pub(in crate::kernel) fn trim_index(&mut self, cg: CgroupId) {
        let held = self.cgroups[cg.index()].rare().cache_index;
        let surplus = held.saturating_sub(self.index_needed(cg, Pages::ZERO, false));
        if !surplus.is_zero() {
            self.cgroups[cg.index()].rare_mut().cache_index -= surplus;
            self.uncharge(cg, super::PageKind::Kernel, surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::{FileAccess, Kernel, KernelConfig, MemOp, Profile, SpawnSpec};
    use crate::units::{Bytes, Pages, SimTime};

    /// Recording `protect_3020_4_over` of 6.12.117, `/p/c1`: 3504 pages of cache and 31 anonymous ones have 9 pages of
    /// `slab_reclaimable`, of which 8 describe the cache (3504 / 448). They stay with 816 pages of cache, and none is
    /// left when all of it has gone.
    #[test]
    fn what_describes_dropped_pages_stays_as_long_as_many_are_left() {
        let config = KernelConfig { profile: Profile::named("6.12").unwrap(), ..KernelConfig::new(Bytes::mib(512)) };
        let (mut k, now) = (Kernel::new(config), SimTime::ZERO);
        let cg = k.mkdir_all("/p/c1");
        let pid = k.spawn(now, &SpawnSpec::new("q1", cg)).unwrap();
        let (file, pages) = (k.create_file(Bytes::mib(64)), Pages::new(3504));
        k.apply(now, pid, MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read });
        let cached = k.volume_pages(file).0;
        let index = |k: &Kernel| k.cgroups[cg.index()].rare().cache_index;
        assert_eq!(index(&k), Pages::new(8));
        k.reclaim_on_request(cg, cached - Pages::new(816)).unwrap();
        assert!(k.volume_pages(file).0 <= Pages::new(816));
        assert_eq!(index(&k), Pages::new(8));
        k.reclaim_on_request(cg, Pages::new(4096)).unwrap_err();
        assert_eq!(k.volume_pages(file).0, Pages::ZERO);
        assert!(index(&k) <= Pages::new(1));
    }
}
