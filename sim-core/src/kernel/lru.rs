//! The classic LRU: how reclaim scans a cgroup's lists, inactive and active ones of its cache and one of its anonymous
//! memory, which begins inactive since 5.9.

use crate::units::Pages;
use smallvec::SmallVec;

/// Pages scanned at a time, and freed at most by one call of reclaim (SWAP_CLUSTER_MAX).
const CLUSTER: u64 = 32;
/// The first priority: a 4096th of a list (DEF_PRIORITY).
pub(super) const PRIORITY: u32 = 12;

/// A cgroup's lists, oldest pages first.
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
    /// Anonymous pages that could go to swap.
    pub anon: Pages,
    /// Those that reclaim has found touched and will not pass over again: the oldest ones, and those behind the pages
    /// that it has yet to look at.
    pub passed_over: [Pages; 2],
    /// Anonymous pages in the swap cache, written by earlier calls: they come free when reclaim meets them.
    pub clean: Pages,
    /// Those that this call has sent to the swap disk and that have not come free since.
    pub sent: Pages,
    /// Which of the cgroups it is that a call looks at.
    pub place: usize,
}

/// The swap disk during a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    /// Batches that are sent while the disk writes one; none where a page is written at once.
    in_flight: usize,
    /// All that were sent, in order: the place of the cgroup, and how many pages have not come free.
    batches: SmallVec<[(usize, Pages); 16]>,
}

impl Writes {
    pub fn new(in_flight: usize) -> Writes {
        Writes { in_flight, ..Writes::default() }
    }

    /// Something was sent.
    pub fn any(&self) -> bool {
        !self.batches.is_empty()
    }

    fn send(&mut self, place: usize, pages: Pages) {
        if !pages.is_zero() {
            self.batches.push((place, pages));
        }
    }

    /// Takes this many of a cgroup's pages that the disk has written. A batch is one request, and done as a whole.
    fn take_written(&mut self, place: usize, most: Pages) -> Pages {
        let done = self.batches.len().saturating_sub(self.in_flight);
        let mut left = most;
        for (_, pages) in self.batches[..done].iter_mut().filter(|(of, _)| *of == place) {
            let some = left.min(*pages);
            *pages -= some;
            left -= some;
        }
        most - left
    }
}

/// What reclaim looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// Parts of anonymous memory and of cache.
    pub share: [u64; 2],
    /// Pages of the active list become inactive.
    pub deactivates: bool,
    /// A 2^priority-th of each list; 0 is the last.
    pub priority: u32,
}

impl Aim {
    /// Cache only.
    pub const FILE: [u64; 2] = [0, 1];
    /// All of both.
    pub const ALL: [u64; 2] = [0, 0];

    /// Pages to look at of the anonymous, the inactive and the active list, where priority and protection leave this
    /// many.
    fn of(&self, [anon, inactive, active]: [Pages; 3]) -> [Pages; 3] {
        let [swap, file] = self.share;
        if swap + file == 0 {
            return [anon, inactive, active];
        }
        let part = |list: Pages, share: u64| Pages::new(list.get().saturating_mul(share) / (swap + file));
        [part(anon, swap), part(inactive, file), part(active, file)]
    }
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
    /// Anonymous pages that go to swap.
    pub swapped: Pages,
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
            let aim = Aim { share: Aim::FILE, deactivates: inactive_is_low(self.inactive, self.active), priority };
            let mut no_disk = Writes::new(0);
            self.round([Pages::ZERO, part[0], part[1]], &aim, (want - moved.freed, &mut no_disk), moved);
            if moved.freed >= want {
                return true;
            }
        }
        moved.freed > before
    }

    /// One priority of a call: this part of the anonymous pages, of the inactive and of the active list, until `goal`
    /// pages are free.
    pub fn round(&mut self, part: [Pages; 3], aim: &Aim, (goal, writes): (Pages, &mut Writes), moved: &mut Moved) {
        let targets = aim.of(part);
        let mut left = targets;
        let freed = moved.freed + moved.swapped;
        let turn = |of: &mut Pages| {
            let pages = (*of).min(Pages::new(CLUSTER));
            *of -= pages;
            pages
        };
        while left != [Pages::ZERO; 3] {
            moved.swapped += self.scan_anon(turn(&mut left[0]), writes);
            let mut scanned = turn(&mut left[1]).min(self.inactive);
            if scanned.is_zero() && targets[0].is_zero() && aim.deactivates && aim.priority == 0 {
                // Without swap the last round ends among the pages that it demoted: a few pages are never referenced
                // (recorded in s1-F07-001, where 29 % stay inactive; without these 71 % would).
                scanned = self.inactive.min(Pages::new(CLUSTER));
            }
            let activated = self.scan_inactive(scanned);
            moved.activated += activated;
            moved.freed += scanned - activated;
            let demoted = turn(&mut left[2]).min(if aim.deactivates { self.active } else { Pages::ZERO });
            self.active -= demoted;
            self.inactive += demoted;
            moved.demoted += demoted;
            if moved.freed + moved.swapped - freed >= goal && !keeps_proportion(targets, &mut left) {
                return;
            }
        }
    }

    /// Looks at the oldest anonymous pages: those that it sees for the first time have been touched and become the
    /// youngest, the others are written to swap, and free once they are (mm/vmscan.c folio_check_references, pageout,
    /// folio_rotate_reclaimable). Returns how many come free.
    fn scan_anon(&mut self, pages: Pages, writes: &mut Writes) -> Pages {
        let mut touched = self.anon - self.listed();
        let mut left = pages;
        let mut take = |from: &mut Pages| {
            let some = left.min(*from);
            *from -= some;
            left -= some;
            some
        };
        let clean = take(&mut self.clean);
        let mut written = writes.take_written(self.place, pages - clean);
        self.sent -= written;
        let mut freed = clean + take(&mut written);
        let mut old = take(&mut self.passed_over[0]);
        let touched_now = take(&mut touched);
        self.passed_over[1] += touched_now;
        if self.passed_over[0].is_zero() && touched.is_zero() {
            self.passed_over.swap(0, 1);
            old += take(&mut self.passed_over[0]);
        }
        match writes.in_flight {
            0 => freed += old,
            _ => {
                self.sent += old;
                writes.send(self.place, old);
            }
        }
        self.anon -= freed;
        freed
    }

    /// Anonymous pages that reclaim has looked at.
    fn listed(&self) -> Pages {
        self.clean + self.sent + self.passed_over[0] + self.passed_over[1]
    }

    /// What was sent is written.
    pub fn finish_writes(&mut self) {
        self.clean += std::mem::take(&mut self.sent);
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
}

/// Below 1 GiB of cache the lists should be as long as each other; above, the active one may be √(10 × GiB) times
/// as long (mm/vmscan.c inactive_is_low).
pub(super) fn inactive_is_low(inactive: Pages, active: Pages) -> bool {
    let gib = (inactive + active).get() >> 18;
    let ratio = if gib == 0 { 1 } else { (10 * gib).isqrt() };
    inactive.get().saturating_mul(ratio) < active.get()
}

/// Enough is free. Of what is left to look at, the kind with less is left alone, and of the other as large a part is
/// looked at as of this one; false: that is done (mm/vmscan.c shrink_lruvec of 5.10.262 and 6.1.176).
fn keeps_proportion(targets: [Pages; 3], left: &mut [Pages; 3]) -> bool {
    let file = left[1] + left[2];
    if file.is_zero() || left[0].is_zero() {
        return false;
    }
    let (smaller, others, of, target) = match file > left[0] {
        true => (0..1, 1..3, left[0], targets[0]),
        false => (1..3, 0..1, file, targets[1] + targets[2]),
    };
    let done = 100 - of.get() * 100 / (target.get() + 1);
    left[smaller].fill(Pages::ZERO);
    for list in others {
        let scanned = targets[list] - left[list];
        left[list] = Pages::new(targets[list].get() * done / 100).saturating_sub(scanned);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(referenced: u64, inactive: u64, active: u64) -> Lists {
        let [referenced, inactive, active] = [referenced, inactive, active].map(Pages::new);
        Lists { referenced, inactive, active, ..Lists::default() }
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

    /// Recording protect_3150_3 of 6.1.176, steps 9 to 11: the file cache of another cgroup keeps calls from looking at
    /// anonymous memory up to the last priority, and there `c0`, whose 183 pages of text are still to be looked at,
    /// gives 64 pages in each call (640, 640 and 608 in ten), and `g`, which has none, 32 (338, 384, 358).
    #[test]
    fn a_cgroup_with_text_gives_twice_as_much_as_one_without() {
        let aim = Aim { share: Aim::ALL, deactivates: false, priority: 0 };
        let gives = |anon: u64, part: [u64; 3], text: u64| {
            let passed_over = [Pages::new(anon), Pages::ZERO];
            let mut lists = Lists { anon: Pages::new(anon), active: Pages::new(text), passed_over, ..Lists::default() };
            let (mut moved, mut writes) = (Moved::default(), Writes::new(0));
            lists.round(part.map(Pages::new), &aim, (Pages::new(32), &mut writes), &mut moved);
            moved.swapped.get()
        };
        assert_eq!(gives(2619, [1803, 32, 126], 183), 64);
        assert_eq!(gives(5505, [5505, 0, 0], 0), 32);
    }

    /// The same recording, step 8: of 4589 pages that `c0` has looked at, 2951 were all its anonymous pages, which it
    /// passed over once as touched.
    #[test]
    fn touched_pages_are_passed_over_once() {
        let mut lists = Lists { anon: Pages::new(100), ..Lists::default() };
        let mut writes = Writes::new(0);
        assert_eq!(lists.scan_anon(Pages::new(100), &mut writes), Pages::ZERO);
        assert_eq!(lists.scan_anon(Pages::new(32), &mut writes), Pages::new(32));
        lists.anon += Pages::new(10);
        assert_eq!(lists.scan_anon(Pages::new(78), &mut writes), Pages::new(68));
    }

    /// A batch that is sent to a disk comes free when as many others were sent as it takes to write one, or in the next
    /// call; other cgroups' batches count as well.
    #[test]
    fn what_is_written_comes_free_later() {
        let pages = Pages::new(100);
        let mut lists = Lists { anon: pages, passed_over: [pages, Pages::ZERO], ..Lists::default() };
        let mut other = Lists { place: 1, ..lists };
        let mut writes = Writes::new(2);
        assert_eq!(lists.scan_anon(Pages::new(32), &mut writes), Pages::ZERO);
        assert_eq!(other.scan_anon(Pages::new(32), &mut writes), Pages::ZERO);
        assert_eq!(lists.scan_anon(Pages::new(20), &mut writes), Pages::ZERO);
        assert_eq!(other.scan_anon(Pages::new(10), &mut writes), Pages::ZERO);
        assert_eq!(lists.scan_anon(Pages::new(40), &mut writes), Pages::new(32));
        lists.finish_writes();
        assert_eq!(lists.scan_anon(Pages::new(100), &mut Writes::new(2)), Pages::new(28));
    }

    #[test]
    fn plain_pages_go_without_touching_a_shorter_active_list() {
        assert_eq!(lists(0, 1000, 900).shrink(Pages::new(64)).demoted, Pages::ZERO);
        assert_eq!(lists(0, 0, 0).shrink(Pages::new(64)), Moved::default());
        assert_eq!(lists(0, 0, 5).shrink(Pages::MAX).demoted, Pages::new(5));
    }
}
