//! The classic LRU: how reclaim scans a cgroup's inactive and active file lists.

use crate::units::Pages;

/// Pages scanned at a time, and freed at most by one call of reclaim (SWAP_CLUSTER_MAX).
const CLUSTER: u64 = 32;
/// The first priority: a 4096th of a list (DEF_PRIORITY).
const PRIORITY: u32 = 12;

/// A cgroup's file lists, oldest pages first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    /// Inactive pages older than the first referenced one.
    pub older: Pages,
    /// Inactive pages that reclaim will find referenced by two page-table entries.
    pub referenced: Pages,
    /// The inactive list: these two and whatever is younger.
    pub inactive: Pages,
    /// The active list.
    pub active: Pages,
}

/// What reclaim moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// From the inactive to the active list: referenced pages.
    pub activated: Pages,
    /// From the active to the inactive list.
    pub demoted: Pages,
    /// Off the inactive list: free.
    pub freed: Pages,
}

impl Lists {
    /// Calls of reclaim until `take` pages are free. Each goes through the priorities: a 4096th of both lists, a
    /// 2048th, …, all of them, in turns of 32 pages, until 32 are free. The active list is scanned when the inactive
    /// one is the shorter at the beginning of a round (mm/vmscan.c shrink_lruvec, prepare_scan_count, inactive_is_low).
    pub fn shrink(mut self, take: Pages) -> Moved {
        let mut moved = Moved::default();
        while moved.freed < take {
            let want = (moved.freed + Pages::new(CLUSTER)).min(take);
            if !self.call(want, &mut moved) {
                break;
            }
        }
        moved
    }

    /// One call, until `want` pages are free in all. False when nothing came free.
    fn call(&mut self, want: Pages, moved: &mut Moved) -> bool {
        let before = moved.freed;
        for priority in (0..=PRIORITY).rev() {
            let part = [self.inactive, self.active].map(|list| Pages::new(list.get() >> priority));
            self.round(part, priority, want, moved);
            if moved.freed >= want {
                return true;
            }
        }
        moved.freed > before
    }

    /// One priority of a call: this part of the inactive and of the active list.
    pub fn round(&mut self, [mut of_inactive, of_active]: [Pages; 2], priority: u32, want: Pages, moved: &mut Moved) {
        let mut of_active = if self.inactive_is_low() { of_active } else { Pages::ZERO };
        while of_inactive + of_active > Pages::ZERO {
            let mut scanned = of_inactive.min(Pages::new(CLUSTER));
            of_inactive -= scanned;
            if scanned.is_zero() && priority == 0 {
                // The last round ends among the pages that it demoted: a few pages are never referenced (recorded
                // in s1-F07-001, where 29 % stay inactive; without these 71 % would).
                scanned = self.inactive.min(Pages::new(CLUSTER));
            }
            let activated = self.scan_inactive(scanned);
            moved.activated += activated;
            moved.freed += scanned - activated;
            let demoted = of_active.min(Pages::new(CLUSTER));
            of_active -= demoted;
            self.active -= demoted;
            self.inactive += demoted;
            moved.demoted += demoted;
            if moved.freed >= want {
                return;
            }
        }
    }

    /// Looks at the oldest inactive pages: referenced ones become active, the others are free. Returns how many became
    /// active.
    fn scan_inactive(&mut self, pages: Pages) -> Pages {
        let older = self.older.min(pages);
        self.older -= older;
        let activated = self.referenced.min(pages - older);
        self.referenced -= activated;
        self.inactive -= pages;
        self.active += activated;
        activated
    }

    /// Below 1 GiB of cache the lists should be as long as each other; above, the active one may be √(10 × GiB) times
    /// as long (mm/vmscan.c inactive_is_low).
    fn inactive_is_low(&self) -> bool {
        let gib = (self.inactive + self.active).get() >> 18;
        let ratio = if gib == 0 { 1 } else { (10 * gib).isqrt() };
        self.inactive.get().saturating_mul(ratio) < self.active.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(referenced: u64, inactive: u64, active: u64) -> Lists {
        let [referenced, inactive, active] = [referenced, inactive, active].map(Pages::new);
        Lists { older: Pages::ZERO, referenced, inactive, active }
    }

    /// 450 MiB mapped twice: priorities 12 to 1 leave ∏(1 − 2⁻ᵖ) = 28.9 % inactive before the inactive list is the
    /// shorter one (recorded in s1-F07-001: 132 of 451 MiB, 29 %).
    #[test]
    fn a_list_mapped_twice_is_seven_tenths_active_after_the_first_reclaim() {
        let all = 450 << 8;
        let moved = lists(all, all, 0).shrink(Pages::new(32));
        assert_eq!(moved.activated, Pages::new(all));
        let inactive = moved.demoted.get() as f64 / all as f64;
        assert!((0.285..0.293).contains(&inactive), "{inactive}");
    }

    /// The recorded story goes on: 112 MiB later the lists are as long as each other (165 of 345 MiB at 58 s).
    #[test]
    fn the_lists_become_as_long_as_each_other() {
        let (inactive, active) = (132 << 8, 318 << 8);
        let freed = 112 << 8;
        let moved = lists(0, inactive, active).shrink(Pages::new(freed));
        let freed = moved.freed.get();
        let left = (inactive + moved.demoted.get() - freed) as f64 / (inactive + active - freed) as f64;
        assert!((0.45..0.51).contains(&left), "{left}");
    }

    #[test]
    fn plain_pages_go_without_touching_a_shorter_active_list() {
        assert_eq!(lists(0, 1000, 900).shrink(Pages::new(64)).demoted, Pages::ZERO);
        assert_eq!(lists(0, 0, 0).shrink(Pages::new(64)), Moved::default());
        assert_eq!(lists(0, 0, 5).shrink(Pages::MAX).demoted, Pages::new(5));
    }
}
