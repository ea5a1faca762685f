//! What a processor has charged in advance. It charges a batch of pages to a cgroup and takes from it what the
//! cgroup's processes need next, so that a limit is reached while up to 63 pages of each cgroup below it are free
//! (mm/memcontrol.c try_charge_memcg, consume_stock, refill_stock, drain_all_stock).
//!
//! The pages are in no counter here. All processes share one stock, as if they ran on one processor.

use crate::kernel::Kernel;
use crate::units::{CgroupId, Pages};
use smallvec::SmallVec;

/// Pages that are charged at a time (MEMCG_CHARGE_BATCH since 6.1; before that a processor has one cgroup's only).
const BATCH: Pages = Pages::new(64);
/// Pages in a vector on their way to the lists (PAGEVEC_SIZE since 6.8).
pub(in crate::kernel) const VECTOR: u64 = 31;

/// Pages charged to a cgroup that no process uses yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stock {
    cgroup: CgroupId,
    pages: Pages,
}

/// A processor's stocks.
#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Stocks {
    slots: SmallVec<[Stock; 7]>,
    /// The slot that is given to another cgroup next.
    next: usize,
    /// Pages that programs of the model have put into the vector since a large folio or reclaim emptied it; `None`:
    /// others have as well.
    on_their_way: Option<u64>,
}

impl Stocks {
    fn of(&self, cgroup: CgroupId) -> Pages {
        self.slots.iter().find(|s| s.cgroup == cgroup).map_or(Pages::ZERO, |s| s.pages)
    }

    fn set(&mut self, cgroup: CgroupId, pages: Pages, most: usize) {
        if let Some(place) = self.slots.iter().position(|s| s.cgroup == cgroup) {
            self.slots[place].pages = pages;
            if pages.is_zero() {
                self.slots.swap_remove(place);
            }
        } else if !pages.is_zero() && self.slots.len() < most {
            self.slots.push(Stock { cgroup, pages });
        } else if !pages.is_zero() {
            self.next = (self.next + 1) % most;
            self.slots[self.next] = Stock { cgroup, pages };
        }
    }

    /// Reclaim empties the vector first (mm/swap.c lru_add_drain).
    pub fn empty_vector(&mut self) {
        self.on_their_way = Some(0);
    }

    /// The vector has just been emptied, and one program at most has put in its own pages since.
    pub fn vector_is_fresh(&self) -> bool {
        self.on_their_way.is_some_and(|pages| pages <= 2)
    }
}

/// How many of the first pages that a program reads of a file are still in the vector when it reads them: each page
/// that is copied brings another, of the buffer it is copied to, until the vector is full.
pub(in crate::kernel) fn read_in_vector(on_their_way: u64, pages: u64) -> u64 {
    match VECTOR.checked_sub(on_their_way + pages) {
        Some(more) => more.min(pages),
        None => (on_their_way + pages - VECTOR).min(pages),
    }
}

impl Kernel {
    /// Programs that the model does not know have run: what is on its way to the lists is not known any more.
    pub fn others_have_run(&mut self) {
        self.stocks.on_their_way = None;
    }

    /// For how many cgroups a processor keeps a stock. One cgroup's stock, of earlier kernels, is left out.
    #[inline]
    pub(in crate::kernel) fn stocks_kept(&self) -> usize {
        match self.config.profile.charge_stocks {
            0 | 1 => 0,
            more => more as usize,
        }
    }

    /// A processor has charged something in advance.
    #[inline]
    pub(in crate::kernel) fn keeps_stocks(&self) -> bool {
        !self.stocks.slots.is_empty()
    }

    /// Pages have been charged one by one, or together as a folio: they come from the cgroup's stock; the last batch of
    /// them leaves a new one if it fits. Those that are `listed` go to the lists by way of a vector, a folio at once.
    pub(in crate::kernel) fn take_from_stock(&mut self, cgroup: CgroupId, pages: Pages, listed: Pages, folio: bool) {
        if !listed.is_zero() {
            self.stocks.on_their_way = if folio { Some(0) } else { self.stocks.on_their_way.map(|n| n + listed.get()) };
        }
        if cgroup == self.root() {
            return;
        }
        let most = self.stocks_kept();
        let had = self.stocks.of(cgroup);
        if had >= pages {
            return self.stocks.set(cgroup, had - pages, most);
        }
        if folio && pages > BATCH {
            return;
        }
        let left = match folio {
            true => had + BATCH - pages,
            false => Pages::new((pages - had).get().wrapping_neg() % BATCH.get()),
        };
        let fits = self.upwards(cgroup).all(|g| self.has_room(g, cgroup, left));
        self.stocks.set(cgroup, if fits { left } else { Pages::ZERO }, most);
    }

    /// Kernel memory that is freed goes to the stock; what is too much for it, with all of it, back to the cgroup
    /// (obj_cgroup_uncharge_pages).
    pub(in crate::kernel) fn refill_stock(&mut self, cgroup: CgroupId, pages: Pages) {
        if cgroup != self.root() && pages <= BATCH {
            let stock = self.stocks.of(cgroup) + pages;
            self.stocks.set(cgroup, if stock > BATCH { Pages::ZERO } else { stock }, self.stocks_kept());
        }
    }

    /// What describes a new cgroup is charged to its parent (mm/memcontrol.c mem_cgroup_css_alloc): about three pages,
    /// which are counted with the stock that they leave.
    pub(in crate::kernel) fn stock_for_child(&mut self, parent: CgroupId) {
        let most = self.stocks_kept();
        if most > 0 && parent != self.root() {
            self.stocks.set(parent, BATCH, most);
        }
    }

    /// Pages charged in advance to the cgroups below `at`, but for `by`, which can use its own.
    fn stocked(&self, at: CgroupId, by: Option<CgroupId>) -> Pages {
        if at == self.root() {
            return Pages::ZERO;
        }
        let others = self.stocks.slots.iter().filter(|s| Some(s.cgroup) != by && self.is_below(s.cgroup, at));
        others.map(|s| s.pages).sum()
    }

    /// `memory.current` as reclaim sees it.
    pub(in crate::kernel) fn usage_and_stock(&self, cg: CgroupId) -> Pages {
        self.cgroups[cg.index()].usage + self.stocked(cg, None)
    }

    /// Pages that `by` may take before `memory.max` of a cgroup above it refuses.
    pub(in crate::kernel) fn room_below(&self, at: CgroupId, by: CgroupId) -> Pages {
        let group = &self.cgroups[at.index()];
        group.max.saturating_sub(group.usage).saturating_sub(self.stocked(at, Some(by)))
    }

    fn has_room(&self, at: CgroupId, by: CgroupId, pages: Pages) -> bool {
        let group = &self.cgroups[at.index()];
        let room = group.max.saturating_sub(group.usage);
        room >= pages + BATCH * self.stocks.slots.len() as u64 || self.room_below(at, by) >= pages
    }

    /// All of these pages fit beside what is charged in advance.
    #[inline]
    pub(in crate::kernel) fn fits_beside_stocks(&self, cg: CgroupId, pages: Pages) -> bool {
        self.stocks.slots.is_empty() || self.upwards(cg).all(|g| g == self.root() || self.has_room(g, cg, pages))
    }

    /// Gives back what is charged in advance below a cgroup; true when there was any.
    pub(in crate::kernel) fn drain_stocks(&mut self, below: CgroupId) -> bool {
        let mut slots = std::mem::take(&mut self.stocks.slots);
        let had = slots.len();
        slots.retain(|s| !self.is_below(s.cgroup, below));
        let some = slots.len() < had;
        self.stocks.slots = slots;
        some
    }
}
