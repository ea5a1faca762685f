//! Kernel memory that describes cached pages: a page of cache costs its cgroup more than a page.

use super::{Charge, Purpose, Stop};
use crate::kernel::Kernel;
use crate::units::{CgroupId, Pages, SimTime, VolumeId};

/// Cached or shared pages that one page of index nodes describes: a node of 576 bytes has 64 slots, 7 nodes fit in a
/// page of slab (lib/xarray.c, lib/radix-tree.c; stories F07: 1.0 MiB for 450 MiB).
const PAGES_PER_INDEX_PAGE: u64 = 7 * 64;
/// Logarithm of the pages of a folio that takes a slot of a higher node, and none of those that describe single pages.
const LARGE_FOLIO: u32 = 6;
/// Written pages that one page of buffer heads describes: 39 of 104 bytes fit in a page of slab (fs/buffer.c), and what
/// ext4 keeps in addition (stories F07: 12.6 MiB for 450 MiB, 8.5 for 300, 5.7 for 200).
const BUFFERED_PER_PAGE: u64 = 36;

impl Kernel {
    /// Index pages that a cgroup needs for what is cached in it, with this much more of it.
    fn index_needed(&self, cg: CgroupId, more: Pages, buffered: bool) -> Pages {
        let group = &self.cgroups[cg.index()];
        let local = self.local(cg);
        let large: Pages = group.rare().cache.iter().map(|c| self.in_large_folios(c.file, c.pages())).sum();
        let pages = (local.file() + more).saturating_sub(large);
        let written: Pages = group.rare().cache.iter().map(|c| c.buffered).sum();
        let written = if buffered { written + more } else { written };
        Pages::new(pages.get().div_ceil(PAGES_PER_INDEX_PAGE) + written.get().div_ceil(BUFFERED_PER_PAGE))
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
