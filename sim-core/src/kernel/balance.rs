//! Background reclaim of the whole node: how much it takes from which cgroups, and when it stops (mm/vmscan.c
//! balance_pgdat; with MGLRU set_initial_priority, shrink_many, shrink_one).

use super::Kernel;
use super::generations::{BATCH, CLUSTER, Call, PRIORITY, Writes};
use super::profile::{Lru, Protection};
use super::reclaim::{Amounts, Respect};
use crate::units::{CgroupId, Pages};
use smallvec::SmallVec;

/// The priority at which a walk of the whole node begins at least: a 64th of every cgroup (DEF_PRIORITY / 2).
const LEAST_FIRST_PRIORITY: u32 = PRIORITY / 2;

/// While this many pages are freed the program that woke background reclaim allocates one, on another processor: an
/// assumption. The walks of the recording node_3120_0 of 6.1 go on to priority 5 (1287 pages looked at); if it stood
/// still, 6 would be enough. On the same processor the two take turns, and what one frees the other uses (recordings
/// protect_global: free memory ends above the high watermark in 27 of 31 steps, in 9 by more than a walk takes).
const MEANWHILE: u64 = 2;

/// Pages looked at, and pages that came free.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub scanned: Pages,
    pub freed: Pages,
}

impl Kernel {
    /// Background reclaim until free memory is above the high watermarks: walks over all cgroups, each at the next
    /// priority, which is about twice as much, as long as one looks at less than these are (balance_pgdat,
    /// kswapd_shrink_node). The program that woke it goes on meanwhile, for `want` pages. How far it goes beyond, and
    /// whether it swaps for that, is drawn.
    pub(super) fn balance_node(&mut self, want: Pages) {
        if self.lru() == Lru::Classic && self.cgroups[0].total.evictable_file().is_zero() {
            return;
        }
        let beyond = match self.awake {
            Some(beyond) => beyond,
            None => self.draw_beyond_high(),
        };
        self.awake = Some(beyond);
        let stops_at = self.balanced_at();
        let goal = self.zones.high();
        let beside = if self.config.cpus == 1 { 1 } else { MEANWHILE };
        let mut priority = self.first_priority(goal);
        let mut freed = Pages::ZERO;
        loop {
            let meanwhile = want.min(Pages::new(freed.get() / beside));
            let usage = self.cgroups[0].usage + meanwhile;
            if usage + beyond.pages <= stops_at {
                return;
            }
            let balanced = usage <= stops_at;
            let in_swap = self.cgroups[0].total.swap;
            let taken = match self.lru() {
                Lru::Mglru => self.walk_node(priority, goal, !balanced || beyond.swaps),
                Lru::Classic => self.walk_lists(priority, goal),
            };
            if balanced && !beyond.swaps && taken.freed.is_zero() {
                return;
            }
            freed += taken.freed;
            if !want.is_zero() {
                let swapped = self.cgroups[0].total.swap.saturating_sub(in_swap);
                self.behind += Pages::new(swapped.get() * beyond.by_programs / (100 - beyond.by_programs));
                freed += self.reclaim_beside(taken.freed);
                if beyond.swaps && taken.freed < goal {
                    freed += self.reclaim_meanwhile();
                }
            }
            if taken.scanned < goal || taken.freed.is_zero() {
                if priority == 0 {
                    return;
                }
                priority -= 1;
            }
        }
    }

    /// Free memory seems to be short, as much of it lies in the other processors' lists: the page allocator looks only
    /// at what is in none, wakes background reclaim, and reclaims until that has not helped, then it takes back what
    /// the lists have (mm/page_alloc.c __alloc_pages_direct_reclaim: drain_all_pages). By then a batch is gone from
    /// background reclaim and two from the program, all of cache, as nothing is aged so far (recordings node of 6.12
    /// and 7.3: 121, 188 and 213 pages in 3 of 7 cases, in the others background reclaim was faster). Where there is
    /// swap it is the first walk, which takes a batch and begins to age, and a call of the program (node_3230_0 of
    /// 6.12).
    /// Background reclaim goes on as if what the lists had were not free, for a part that is drawn.
    pub(super) fn drain_lists(&mut self) {
        self.awake = Some(self.draw_in_lists());
        self.cgroups[0].cap = self.zones.low_cap;
        if self.awake.is_some_and(|beyond| beyond.swaps) {
            let goal = self.zones.high();
            self.walk_node(self.first_priority(goal), goal, true);
            self.call_directly();
            return;
        }
        self.reclaim(self.root(), Pages::new(3 * BATCH.get()), false);
    }

    /// Background reclaim that an operation has woken goes on to its end when that is over (recordings node
    /// and protect_global: free memory at the end of 19 of 21 steps with reclaim is above them, at 2 up to 54 pages
    /// below).
    pub(super) fn finish_balancing(&mut self) {
        self.behind = Pages::ZERO;
        let Some(beyond) = self.awake else { return };
        let goes_on = !beyond.swaps || !self.draw_not_over();
        if goes_on && self.cgroups[0].usage + beyond.pages > self.balanced_at() && self.can_reclaim_anything() {
            self.balance_node(Pages::ZERO);
        }
        self.awake = None;
    }

    /// Charged pages at which background reclaim stops, but for those by which it goes beyond: with the classic LRU
    /// these are what lies in the processors' lists.
    fn balanced_at(&self) -> Pages {
        let lists = if self.lru() == Lru::Classic { self.zones.in_lists } else { Pages::ZERO };
        self.zones.high_cap + lists
    }

    /// A look at the classic lists of every cgroup (shrink_node_memcgs).
    fn walk_lists(&mut self, priority: u32, goal: Pages) -> Taken {
        let root = self.root();
        let groups = self.allowances(root, Respect::MinAndLow);
        let call = Call { top: root, groups: &groups, may_swap: false, respect: Respect::MinAndLow };
        let (scanned, freed) = self.look_at_cache(&call, priority, goal);
        Taken { scanned, freed }
    }

    /// The priority at which all that could come free now is as much as `goal` (set_initial_priority).
    fn first_priority(&self, goal: Pages) -> u32 {
        let all = &self.cgroups[0].total;
        if self.lru() == Lru::Classic {
            // Before that a part of all cache is no page; of a protected list 32 pages are looked at.
            return all.evictable_file().max(CLUSTER).get().ilog2().min(PRIORITY);
        }
        let anon = if self.swap_free().is_zero() { Pages::ZERO } else { all.swappable() };
        let bits = |n: u64| u64::BITS - n.leading_zeros();
        let reclaimable = bits((all.inactive_file + anon).get());
        reclaimable.saturating_sub(1 + bits(goal.get().saturating_sub(1))).clamp(LEAST_FIRST_PRIORITY, PRIORITY)
    }

    /// A look at every cgroup, for a part of it that the priority says, until `goal` pages are free. Where that is
    /// before it has been at all of them, chance decides to which it comes.
    pub(super) fn walk_node(&mut self, priority: u32, goal: Pages, may_swap: bool) -> Taken {
        let root = self.root();
        let (groups, low) = self.open_to_a_walk();
        let call = Call { top: root, groups: &groups, may_swap, respect: Respect::MinAndLow };
        let mut giving = self.old_for_walks(&call);
        if giving.is_empty() && self.grow_old_for_walks(&groups) {
            return self.walk_node(priority, goal, may_swap);
        }
        giving.retain(|(index, all)| {
            *all = Pages::new(all.get() >> priority);
            if all.is_zero() {
                self.pass_by(groups[*index].0);
            }
            !all.is_zero()
        });
        let most: Pages = giving.iter().map(|(_, scan)| *scan + BATCH).sum();
        if most >= goal && giving.len() > 1 {
            self.draw_order(&groups, &mut giving);
        }
        let mut all = Taken::default();
        for (index, scan) in giving {
            if low.contains(&groups[index].0) {
                self.count_event(groups[index].0, |e| e.low += 1);
            }
            if self.ages_instead(&call, index, priority) {
                continue;
            }
            let taken = self.take_from(&call, index, scan, goal - all.freed);
            all.scanned += taken.scanned;
            all.freed += taken.freed;
            if all.freed >= goal {
                break;
            }
        }
        all
    }

    /// The cgroups that a walk looks at, by their places in the call, with all that it could look at: those of the
    /// older of two generations of cgroups (mm/vmscan.c shrink_many).
    fn old_for_walks(&self, call: &Call<'_>) -> SmallVec<[(usize, Pages); 12]> {
        let old = |index: &usize| !self.cgroups[call.groups[*index].0.index()].rare().young_for_walks;
        let all = (0..call.groups.len()).filter(old).map(|index| (index, self.to_scan(call, index, 0)));
        all.filter(|(_, pages)| !pages.is_zero()).collect()
    }

    /// No old cgroup has anything left: those that are young are the old ones (lru_gen_rotate_memcg). False when there
    /// are none.
    fn grow_old_for_walks(&mut self, groups: &[(CgroupId, Pages)]) -> bool {
        let mut any = false;
        for (group, _) in groups {
            if self.cgroups[group.index()].rare().young_for_walks {
                self.cgroups[group.index()].rare_mut().young_for_walks = false;
                any = true;
            }
        }
        any
    }

    /// A walk finds too little in a cgroup: it goes to the end, and the next time it is left out (shrink_one: "one
    /// retry if too small").
    fn pass_by(&mut self, group: CgroupId) {
        if self.cgroups[group.index()].rare().passed_by_walk {
            self.leave_out(group);
        } else {
            self.cgroups[group.index()].rare_mut().passed_by_walk = true;
        }
    }

    /// What the protection of every cgroup leaves to a walk, and which of them are looked at although they use no more
    /// than `memory.low`: a walk passes over such a cgroup once, and puts it at the end (shrink_one,
    /// MEMCG_LRU_TAIL), where the next one finds it (recordings protect_global of 6.12 and 7.3: `low` events of all
    /// cgroups, and pages of all).
    fn open_to_a_walk(&mut self) -> (Amounts<CgroupId>, SmallVec<[CgroupId; 4]>) {
        let root = self.root();
        let mut groups = self.allowances(root, Respect::MinAndLow);
        let mut low = SmallVec::new();
        if !self.low_in_use(root) {
            return (groups, low);
        }
        let beyond_min = self.allowances(root, Respect::MinOnly);
        for ((group, allowed), (_, beyond_min)) in groups.iter_mut().zip(beyond_min) {
            let young = self.cgroups[group.index()].rare().young_for_walks;
            if !allowed.is_zero() || beyond_min.is_zero() || young {
                continue;
            }
            if !self.cgroups[group.index()].rare().passed_by_walk {
                self.cgroups[group.index()].rare_mut().passed_by_walk = true;
                continue;
            }
            low.push(*group);
            *allowed = match self.config.profile.mglru_protection {
                Protection::AllOrNothing => beyond_min,
                // The least part that is looked at.
                Protection::Proportional => Pages::new(1),
            };
        }
        (groups, low)
    }

    /// Batches of one cgroup until `scan` pages were looked at, or `goal` are free. Cache goes before anything is
    /// swapped out; what goes to a swap disk counts as written at once.
    fn take_from(&mut self, call: &Call<'_>, index: usize, scan: Pages, goal: Pages) -> Taken {
        let (group, _) = call.groups[index];
        let mut taken = Taken::default();
        while taken.scanned < scan && taken.freed < goal {
            let left = scan - taken.scanned;
            let goal = goal - taken.freed;
            let more = match self.evictable_here(group).is_zero() {
                true if !call.may_swap => break,
                true => self.take_anon(call, group, left, goal),
                false => self.take_file(group, left, goal),
            };
            if more.scanned.is_zero() {
                break;
            }
            taken.scanned += more.scanned;
            taken.freed += more.freed;
        }
        taken
    }

    fn take_file(&mut self, group: CgroupId, left: Pages, goal: Pages) -> Taken {
        let passed = self.pass_over_mapped(group, self.batch(left));
        if !passed.is_zero() {
            return Taken { scanned: passed, freed: Pages::ZERO };
        }
        let freed = self.evict_file(group, self.file_batch(group, left, goal));
        Taken { scanned: freed, freed }
    }

    fn take_anon(&mut self, call: &Call<'_>, group: CgroupId, left: Pages, goal: Pages) -> Taken {
        let mut writes = Writes::default();
        let sorted = self.sort_anon(call, group, left, &mut writes);
        if !sorted.is_zero() {
            return Taken { scanned: sorted, freed: Pages::ZERO };
        }
        let old = self.cgroups[group.index()].rare().ages.old().min(self.swappable_now(call, group));
        let batch = if self.takes_single_folios() { left.min(batches(goal)) } else { batches(left.min(goal)) };
        let take = batch.min(old).min(self.swap_room(group));
        let freed = self.swap_out_here(group, take);
        let rare = self.cgroups[group.index()].rare_mut();
        rare.ages.take(freed);
        Taken { scanned: freed, freed }
    }

    /// Pages of a cgroup's cache that go together: where they go one by one, all of its batches.
    fn file_batch(&self, group: CgroupId, left: Pages, goal: Pages) -> Pages {
        let file = self.evictable_here(group);
        if self.config.profile.file_folios {
            self.oldest_folios(group, self.batch(left)).min(file)
        } else {
            batches(left.min(goal)).min(file)
        }
    }
}

/// This many pages in whole batches.
fn batches(pages: Pages) -> Pages {
    Pages::new(pages.get().div_ceil(BATCH.get()).saturating_mul(BATCH.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamFactory;
    use crate::kernel::{FileAccess, KernelConfig, MemOp, MemOutcome, Profile, SpawnSpec};
    use crate::node_api::CgroupWrite;
    use crate::units::{Bytes, SimTime};

    const T: SimTime = SimTime::ZERO;

    /// Two cgroups with this much cache.
    fn caches(k: &mut Kernel, pages: [u64; 2]) -> [CgroupId; 2] {
        [0, 1].map(|i| {
            let cg = k.mkdir_all(["/p/c0", "/p/c1"][i]);
            let pid = k.spawn(T, &SpawnSpec::new("q", cg)).unwrap();
            let pages = Pages::new(pages[i]);
            let file = k.create_file(pages.bytes());
            let op = MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read };
            assert_eq!(k.apply(T, pid, op), MemOutcome::Done);
            cg
        })
    }

    /// protect_global_3130_1_min of 6.12.117, step 11: two walks take 512 and 768 pages of 15,093 and 22,220.
    #[test]
    fn a_walk_takes_a_64th_of_every_cgroup_in_whole_batches() {
        let mut k = Kernel::new(KernelConfig::new(Bytes::kib(328_552)));
        let groups = caches(&mut k, [15_093, 22_220]);
        let goal = k.zones.high();
        assert_eq!(k.first_priority(goal), 6);
        k.walk_node(6, goal, true);
        k.walk_node(6, goal, true);
        let left = groups.map(|g| k.local(g).evictable_file());
        assert_eq!(left, [15_093 - 512, 22_220 - 768].map(Pages::new));
    }

    /// node_3120_2_low of 6.12.117, step 15: 188 pages of cache go while the lists are full, and no more although
    /// 11,534 are touched.
    #[test]
    fn full_lists_look_like_a_shortage_once() {
        let mut k = Kernel::new(KernelConfig { cpus: 2, ..KernelConfig::new(Bytes::kib(972_632)) });
        let [cache, _] = caches(&mut k, [4260, 0]);
        let pid = k.spawn(T, &SpawnSpec::new("p1_0", cache)).unwrap();
        let room = k.zones.full_lists_cap - k.cgroups[0].usage;
        let left = [room - Pages::new(1000), Pages::new(1000), Pages::new(1000)].map(|pages| {
            assert_eq!(k.apply(T, pid, MemOp::Touch { pages }), MemOutcome::Done);
            k.local(cache).evictable_file()
        });
        assert_eq!(left, [4260, 4260 - 192, 4260 - 192].map(Pages::new));
    }

    /// What is left free above the high watermarks when a program that had to wait for it is done.
    fn beyond(seed: u64, config: KernelConfig) -> u64 {
        let mut k = Kernel::new(config);
        k.draw_from(&StreamFactory::new(seed));
        let [cache, _] = caches(&mut k, [15_093, 22_220]);
        let pid = k.spawn(T, &SpawnSpec::new("e", cache)).unwrap();
        let pages = k.zones.low_cap - k.cgroups[0].usage + Pages::new(1000);
        assert_eq!(k.apply(T, pid, MemOp::Touch { pages }), MemOutcome::Done);
        (k.zones.high_cap + k.zones.in_lists - k.cgroups[0].usage).get()
    }

    /// Recordings protect_global of 6.12.117: 1 to 1950 pages more than at the step where that is least.
    #[test]
    fn the_seed_decides_how_far_background_reclaim_goes() {
        let beyond = |seed| beyond(seed, KernelConfig::new(Bytes::kib(328_552)));
        let all: Vec<u64> = (0..16).map(beyond).collect();
        assert_eq!(all, (0..16).map(beyond).collect::<Vec<_>>());
        assert!(all.iter().any(|pages| *pages < 500) && all.iter().any(|pages| *pages > 700), "{all:?}");
        assert!(all.iter().all(|pages| *pages < 3000), "{all:?}");
    }

    /// Recordings node_3120_0 of 6.1.176: with two processors 310 pages lie between what two steps leave free, where
    /// the lists may hold 1232.
    #[test]
    fn with_the_classic_lru_the_lists_of_several_processors_decide_it() {
        let profile = Profile::named("6.1").unwrap();
        let all = |cpus| -> Vec<u64> {
            let config = KernelConfig { cpus, profile: profile.clone(), ..KernelConfig::new(Bytes::kib(972_632)) };
            (0..16).map(|seed| beyond(seed, config.clone())).collect()
        };
        let [one, two] = [1, 2].map(all);
        let span = |all: &[u64]| all.iter().max().unwrap() - all.iter().min().unwrap();
        assert_eq!(span(&one), 0);
        assert!(span(&two) >= 310, "{two:?}");
    }

    /// mm/vmscan.c shrink_one of 6.12: a cgroup below `memory.low` goes to the end, and then is as any other.
    #[test]
    fn low_is_passed_over_once() {
        let mut k = Kernel::new(KernelConfig::new(Bytes::kib(328_552)));
        let [low, other] = caches(&mut k, [8192, 8192]);
        for path in ["/p", "/p/c0"] {
            let cg = k.find(path).unwrap();
            let write = CgroupWrite { low: Some(Pages::new(10_000).bytes()), ..CgroupWrite::default() };
            k.write(T, cg, &write).unwrap();
        }
        let left = |k: &Kernel| [low, other].map(|g| k.local(g).evictable_file().get());
        let goal = k.zones.high();
        k.walk_node(6, goal, true);
        assert_eq!((left(&k), k.events(low).low), ([8192, 8192 - 128], 0));
        k.walk_node(6, goal, true);
        assert_eq!((left(&k), k.events(low).low), ([8192 - 128, 8192 - 256], 1));
    }

    /// mm/vmscan.c shrink_one, lru_gen_rotate_memcg: of 100 pages a 4096th is nothing, twice, and then the cgroup is
    /// left out until the other one has nothing.
    #[test]
    fn a_walk_passes_over_what_was_too_small() {
        let mut k = Kernel::new(KernelConfig::new(Bytes::gib(1)));
        let groups = caches(&mut k, [100, 8192]);
        let walk = |k: &mut Kernel, priority, goal| {
            k.walk_node(priority, goal, true);
            groups.map(|g| k.local(g).evictable_file().get())
        };
        assert_eq!(walk(&mut k, PRIORITY, CLUSTER), [100, 8192 - 64]);
        assert_eq!(walk(&mut k, PRIORITY, CLUSTER), [100, 8192 - 128]);
        let all = Pages::new(10_000);
        assert_eq!(walk(&mut k, 0, all), [100, 0]);
        assert_eq!(walk(&mut k, 0, all), [0, 0]);
    }
}
