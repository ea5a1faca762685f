//! Generations of a cgroup's anonymous memory, as walks of the whole node find and move them up to 7.1, and cgroups
//! that are left out because they were aged (mm/vmscan.c should_run_aging, try_to_inc_max_seq, shrink_one).

use super::Kernel;
use super::generations::{Call, PRIORITY};
use super::lru::Lists;
use crate::units::{CgroupId, Pages};

/// Generations without which nothing can be taken (MIN_NR_GENS).
const LEAST: usize = 2;

/// How a cgroup's anonymous pages lie in generations. What was touched since the last aging is in the youngest, which
/// has all pages that are in no other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    /// Pages of the generations before the youngest, the oldest last.
    older: [Pages; 3],
    /// How many generations there are before the youngest, empty ones among them.
    count: usize,
}

impl Ages {
    /// Nothing was aged so far: there are four generations, and all pages are in the youngest (MIN_NR_GENS + 1).
    pub const NEW: Ages = Ages { older: [Pages::ZERO; 3], count: 3 };

    /// Pages that can be taken now.
    pub fn old(&self) -> Pages {
        if self.count < LEAST { Pages::ZERO } else { self.older[self.count - 1] }
    }

    /// So many have grown old, as a call of reclaim ages until they have.
    pub fn set_old(&mut self, pages: Pages) {
        *self = Ages { older: [Pages::ZERO, pages, Pages::ZERO], count: LEAST };
    }

    /// Old pages are gone.
    pub fn take(&mut self, pages: Pages) {
        let oldest = &mut self.older[self.count - 1];
        *oldest = oldest.saturating_sub(pages);
    }

    /// Gives up the oldest generations that are empty, but for two in all, or three where cache is in the third
    /// (try_to_inc_min_seq).
    fn drop_empty(&mut self, has_cache: bool) {
        let least = if has_cache { LEAST } else { LEAST - 1 };
        while self.count > least && self.older[self.count - 1].is_zero() {
            self.count -= 1;
        }
    }

    /// Nothing is old, more than half is young, or less than a quarter is old: with `all` anonymous pages, and cache,
    /// of which what is inactive is as old as can be. While there are four generations it can wait.
    fn needs_aging(&self, all: Pages, cache: &Lists) -> bool {
        let total = all + cache.inactive + cache.active;
        let young = all.saturating_sub(self.older.iter().copied().sum()) + cache.active;
        let old = self.old() + cache.inactive;
        self.count < LEAST || self.count == LEAST && (young * 2 > total || old * 4 < total)
    }

    /// Begins a new generation (inc_max_seq).
    fn age(&mut self, all: Pages) {
        let [second, third, fourth] = self.older;
        let youngest = all.saturating_sub(second + third + fourth);
        *self = Ages { older: [youngest, second, third + fourth], count: (self.count + 1).min(3) };
    }
}

impl Kernel {
    /// A walk of the whole node comes to a cgroup that is short of old pages: it ages it instead of taking any, and
    /// leaves it out until all others were aged or have nothing left (get_nr_to_scan, MEMCG_LRU_YOUNG). At the first
    /// priority it makes do with what is old. Pages that were just touched can be taken after two agings, so a node
    /// that runs short for the first time walks in vain three times, each at the next priority, while only cache goes
    /// (recording node_3230_0 of 6.12: 320 pages of cache, and nothing from one pod of 14,980 pages in five steps).
    pub(super) fn ages_instead(&mut self, call: &Call<'_>, index: usize, priority: u32) -> bool {
        let (group, _) = call.groups[index];
        let all = self.swappable_now(call, group);
        if self.takes_single_folios() || all.is_zero() {
            return false;
        }
        let cache = self.lists(group);
        let ages = &mut self.cgroups[group.index()].rare_mut().ages;
        let short = priority < PRIORITY && ages.needs_aging(all, &cache);
        if short {
            ages.age(all);
            self.leave_out(group);
        } else {
            ages.drop_empty(!cache.inactive.is_zero());
        }
        short
    }

    /// Walks of the whole node leave a cgroup out until no other is left to look at.
    pub(super) fn leave_out(&mut self, group: CgroupId) {
        let rare = self.cgroups[group.index()].rare_mut();
        (rare.young_for_walks, rare.passed_by_walk) = (true, false);
        self.redraw_bin(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CACHE: fn() -> Lists = Lists::default;

    /// mm/vmscan.c of 6.12: new pages are in the fourth generation; a walk gives up the two empty ones, ages, ages
    /// again as nothing is old, and takes.
    #[test]
    fn what_was_just_touched_is_old_after_two_agings() {
        let all = Pages::new(1000);
        let mut ages = Ages::NEW;
        assert!(!ages.needs_aging(all, &NO_CACHE()));
        ages.drop_empty(false);
        for _ in 0..2 {
            assert_eq!(ages.old(), Pages::ZERO);
            assert!(ages.needs_aging(all, &NO_CACHE()));
            ages.age(all);
        }
        assert!(!ages.needs_aging(all, &NO_CACHE()));
        ages.drop_empty(false);
        assert_eq!(ages.old(), all);
    }

    /// Less than a quarter is left of the old pages, or more than half is new: it is aged, once, and what is left of
    /// the old ones still goes first.
    #[test]
    fn few_old_pages_or_many_new_ones_make_it_age() {
        let mut ages = Ages::NEW;
        ages.set_old(Pages::new(1000));
        let needs = |ages: &Ages, all| ages.needs_aging(Pages::new(all), &NO_CACHE());
        assert_eq!([1000, 2000, 2001].map(|all| needs(&ages, all)), [false, false, true]);
        ages.take(Pages::new(700));
        assert_eq!([300, 600, 601].map(|all| needs(&ages, all)), [false, false, true]);
        ages.age(Pages::new(601));
        assert!(!needs(&ages, 601));
        assert_eq!(ages.old(), Pages::new(300));
        ages.take(Pages::new(300));
        ages.drop_empty(false);
        assert!(needs(&ages, 301) && ages.old().is_zero());
    }

    /// Cache that was read is in the second oldest generation, and goes without any aging.
    #[test]
    fn cache_goes_without_aging() {
        let cache = Lists { inactive: Pages::new(4000), ..Lists::default() };
        let mut ages = Ages::NEW;
        ages.drop_empty(true);
        assert!(!ages.needs_aging(Pages::new(32), &cache));
        assert!(ages.old().is_zero());
    }
}
