//! The classic LRU below a limit: which cgroups are looked at, and how much each gives of its cache and of its
//! anonymous memory (mm/vmscan.c shrink_node_memcgs, get_scan_count, shrink_lruvec of 5.10 and 6.1).

use super::Kernel;
use super::api::{CgroupVersion, SwapDevice};
use super::generations::Call;
use super::lru::{Aim, Lists, Moved, PRIORITY, Writes, inactive_is_low};
use super::reclaim::{CLUSTER, Respect, ratio};
use crate::units::{CgroupId, Pages};
use smallvec::SmallVec;

/// A cgroup under the classic LRU: its lists, and what a reclaim has done to them so far.
struct Scan {
    group: CgroupId,
    lists: Lists,
    usage: Pages,
    /// What its protection leaves of the usage.
    allowed: Pages,
    /// Pages of swap that it may still use.
    room: Pages,
    moved: Moved,
}

impl Scan {
    /// Looks at what a priority makes of the lists, until `goal` pages are free; returns how many are.
    fn round(&mut self, goal: Pages, mut aim: Aim, writes: &mut Writes) -> Pages {
        if self.allowed.is_zero() {
            return Pages::ZERO;
        }
        if self.room.is_zero() {
            aim.share = Aim::FILE;
        }
        let open = |list: Pages| match self.allowed == self.usage {
            true => list,
            // A protected cgroup is looked at for 32 pages at least (mm/vmscan.c get_scan_count).
            false => ratio(list, self.allowed, self.usage).max(Pages::new(CLUSTER)),
        };
        let lists = [self.lists.anon, self.lists.inactive, self.lists.active];
        let part = lists.map(|list| Pages::new(open(list).get() >> aim.priority));
        let before = self.moved;
        self.lists.round(part, &aim, (goal, writes), &mut self.moved);
        let swapped = self.moved.swapped - before.swapped;
        let freed = self.moved.freed - before.freed + swapped;
        self.room = self.room.saturating_sub(swapped);
        self.usage -= freed.min(self.usage);
        self.allowed -= freed.min(self.allowed);
        freed
    }
}

impl Kernel {
    /// Calls of the classic LRU below a limit until `want` pages are free, or one finds nothing, for `goal` pages each:
    /// a 4096th of every cgroup's lists, a 2048th, …, until that many are free. At each priority all cgroups are
    /// looked at, each for `goal` pages at most, so that a large goal is overshot (mm/vmscan.c shrink_node_memcgs of
    /// 6.1; recordings memory_reclaim, protect).
    pub(super) fn shrink_classic(&mut self, call: &Call<'_>, want: Pages, goal: Pages) -> Pages {
        let mut scans: SmallVec<[Scan; 12]> = (0..call.groups.len()).map(|place| self.scan_of(call, place)).collect();
        let swappiness = self.swappiness_of(call.top);
        let mut freed = Pages::ZERO;
        while freed < want {
            let in_flight = match self.config.swap_device {
                SwapDevice::Zram => 0,
                SwapDevice::Disk => self.requests_in_flight(),
            };
            let (now, sent) = one_call(&mut scans, (goal, swappiness), in_flight);
            if sent {
                self.requests_were_sent();
            }
            if now.is_zero() {
                break;
            }
            freed += now;
        }
        for scan in scans.iter().filter(|scan| scan.moved != Moved::default() || !scan.lists.anon.is_zero()) {
            let moved = scan.moved != Moved::default();
            if moved && call.respect == Respect::MinOnly && !self.cgroups[scan.group.index()].rare().low.is_zero() {
                self.count_event(scan.group, |e| e.low += 1);
            }
            freed -= self.apply_moved(scan);
        }
        freed
    }

    /// One look at the cache of every cgroup at a priority, for `goal` pages of each at most. Returns the pages of
    /// inactive lists that were looked at, and those that came free.
    pub(super) fn look_at_cache(&mut self, call: &Call<'_>, priority: u32, goal: Pages) -> (Pages, Pages) {
        let mut scans: SmallVec<[Scan; 12]> = (0..call.groups.len()).map(|place| self.scan_of(call, place)).collect();
        let aim = aim(&scans, priority, 0, false);
        let (mut scanned, mut freed) = (Pages::ZERO, Pages::ZERO);
        for scan in &mut scans {
            freed += scan.round(goal, aim, &mut Writes::new(0));
            scanned += scan.moved.freed + scan.moved.activated;
            if scan.moved != Moved::default() {
                self.apply_moved(scan);
            }
        }
        (scanned, freed)
    }

    fn scan_of(&self, call: &Call<'_>, place: usize) -> Scan {
        let (group, allowed) = call.groups[place];
        let mut lists = Lists { place, ..self.lists(group) };
        let room = if call.may_swap { self.swap_room(group) } else { Pages::ZERO };
        if !room.is_zero() {
            lists.anon = self.swappable_here(group);
            let rare = self.cgroups[group.index()].rare();
            let [first, last] = rare.passed_over;
            lists.clean = rare.written.min(lists.anon);
            let first = first.min(lists.anon - lists.clean);
            lists.passed_over = [first, last.min(lists.anon - lists.clean - first)];
        }
        Scan { group, lists, usage: self.cgroups[group.index()].usage, allowed, room, moved: Moved::default() }
    }

    fn swappiness_of(&self, cg: CgroupId) -> u64 {
        let own = self.cgroups[cg.index()].rare().swappiness.filter(|_| self.config.cgroup == CgroupVersion::V1);
        u64::from(own.unwrap_or(self.config.sysctl.swappiness))
    }

    /// What a reclaim decided for a cgroup. Returns the pages that stay: cache that is spared, and those for which
    /// there was no swap in the end, as several cgroups share it.
    fn apply_moved(&mut self, scan: &Scan) -> Pages {
        let (cg, moved) = (scan.group, scan.moved);
        self.activate_referenced(cg, moved.activated);
        self.demote(cg, moved.demoted);
        let kept = moved.freed - self.drop_file(cg, moved.freed);
        if scan.lists.anon.is_zero() && moved.swapped.is_zero() {
            return kept;
        }
        let swapped = self.swap_out_here(cg, moved.swapped.min(self.swap_room(cg)));
        let rare = self.cgroups[cg.index()].rare_mut();
        (rare.passed_over, rare.written) = (scan.lists.passed_over, scan.lists.clean);
        kept + moved.swapped - swapped
    }
}

/// A call of reclaim. One that finds nothing goes through the priorities again and takes pages off active lists that
/// need not be shorter (mm/vmscan.c do_try_to_free_pages: force_deactivate).
///
/// Returns how many pages came free, and whether any were sent to the swap disk.
fn one_call(scans: &mut [Scan], (goal, swappiness): (Pages, u64), in_flight: usize) -> (Pages, bool) {
    let mut sent = false;
    for forced in [false, true] {
        let mut freed = Pages::ZERO;
        let mut writes = Writes::new(in_flight);
        for priority in (0..=PRIORITY).rev() {
            let aim = aim(scans, priority, swappiness, forced);
            freed += scans.iter_mut().map(|scan| scan.round(goal, aim, &mut writes)).sum::<Pages>();
            if freed >= goal {
                break;
            }
        }
        scans.iter_mut().for_each(|scan| scan.lists.finish_writes());
        sent |= writes.any();
        if !freed.is_zero() {
            return (freed, sent);
        }
    }
    (Pages::ZERO, sent)
}

/// What a priority is about, by the lists of all cgroups: as long as there is inactive cache nothing else is looked at,
/// unless the active list is longer; at the last priority everything is (mm/vmscan.c prepare_scan_count,
/// get_scan_count).
fn aim(scans: &[Scan], priority: u32, swappiness: u64, forced: bool) -> Aim {
    let sum = |of: fn(&Lists) -> Pages| scans.iter().map(|scan| of(&scan.lists)).sum::<Pages>();
    let (inactive, active) = (sum(|l| l.inactive), sum(|l| l.active));
    let deactivates = forced || inactive_is_low(inactive, active);
    let share = match priority {
        _ if swappiness == 0 => Aim::FILE,
        0 => Aim::ALL,
        _ if inactive.get() >> priority > 0 && !deactivates => Aim::FILE,
        // The more one kind has cost, the less it is looked at. Writing to swap counts, dropping cache does not: with
        // all cost on one kind that has one and a half times its share, the other three times.
        _ => [swappiness * 3, (200 - swappiness.min(200)) * 6],
    };
    Aim { share, deactivates, priority }
}
