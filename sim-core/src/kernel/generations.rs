//! MGLRU below a limit: which cgroups are looked at in which order, and how much each gives (mm/vmscan.c
//! shrink_node_memcgs, lru_gen_shrink_lruvec, evict_folios).

use super::Kernel;
use super::api::SwapDevice;
use super::profile::{Protection, SiblingReclaim};
use super::reclaim::Respect;
use super::work::Disk;
use crate::units::{CgroupId, Pages, SimDuration};
use smallvec::SmallVec;

/// Pages that are taken at a time (MIN_LRU_BATCH).
pub(super) const BATCH: Pages = Pages::new(64);
/// Pages that a call is about at least (SWAP_CLUSTER_MAX).
pub(super) const CLUSTER: Pages = Pages::new(super::reclaim::CLUSTER);
/// The first priority: a 4096th of a list (DEF_PRIORITY).
pub(super) const PRIORITY: u32 = 12;

/// What a call has sent to the swap disk.
#[derive(Default)]
pub(super) struct Writes {
    /// In order: the cgroup by its place in the call, pages, and after how many batches in all the disk is done.
    batches: SmallVec<[(usize, Pages, usize); 8]>,
    /// Pages that the call still looks at while the disk stands still; `None`: nothing was sent yet.
    standstill: Option<Pages>,
    /// It has aged a cgroup.
    aged: bool,
}

impl Writes {
    /// Pages of a cgroup that are not done.
    fn pending(&self, index: usize) -> Pages {
        self.batches.iter().filter(|(at, ..)| *at == index).map(|(_, pages, _)| *pages).sum()
    }

    /// All batches of a cgroup are done; `take` is what comes free.
    fn forget(&mut self, index: usize, take: Pages) -> Pages {
        self.batches.retain(|(at, ..)| *at != index);
        take
    }

    /// Takes the cgroup's oldest batch if that is done.
    fn take_done(&mut self, index: usize) -> Option<Pages> {
        let sent = self.batches.len();
        let (.., pages, done) = self.batches.iter_mut().find(|(at, pages, _)| *at == index && !pages.is_zero())?;
        (sent >= *done).then(|| std::mem::take(pages))
    }

    /// Nothing is done while the call looks at this many pages more.
    fn stands_still(&mut self, pages: Pages) -> bool {
        let left = self.standstill.unwrap_or(Pages::ZERO);
        self.standstill = self.standstill.map(|left| left.saturating_sub(pages));
        !left.is_zero()
    }
}

/// What one call of reclaim is about.
pub(super) struct Call<'a> {
    pub top: CgroupId,
    /// The cgroups in pre-order, with the pages that their protection leaves.
    pub groups: &'a [(CgroupId, Pages)],
    pub may_swap: bool,
    pub respect: Respect,
}

impl Kernel {
    /// Calls of reclaim for 32 pages each, as charges of single pages ask for, until `want` pages are free, or one
    /// finds nothing. Each finds anew what is protected: a cgroup that has come down to its protection gives no more
    /// (mm/vmscan.c shrink_node_memcgs: mem_cgroup_calculate_protection).
    pub(super) fn shrink_in_batches(&mut self, top: CgroupId, want: Pages, may_swap: bool, respect: Respect) -> Pages {
        let (mut freed, mut by_walks) = (Pages::ZERO, false);
        while freed < want {
            let groups = self.allowances(top, respect);
            let call = Call { top, groups: &groups, may_swap, respect };
            let more = match self.single(&call).filter(|_| !by_walks) {
                Some(only) => match self.shrink_single(&call, only, want - freed) {
                    (gone, false) => return freed + gone,
                    (gone, true) => gone + self.shrink_or_break_low(&call),
                },
                None => {
                    by_walks = true;
                    self.shrink_or_break_low(&call)
                }
            };
            if more.is_zero() {
                break;
            }
            freed += more;
        }
        freed
    }

    /// One call. Where it finds nothing only because the swap disk stands still, it takes what `memory.low` protects
    /// (mm/vmscan.c do_try_to_free_pages: memcg_low_skipped), and the next one respects that again.
    fn shrink_or_break_low(&mut self, call: &Call<'_>) -> Pages {
        let (freed, stands_still) = self.try_generations(call, CLUSTER);
        if !freed.is_zero() || !stands_still || call.respect == Respect::MinOnly || !self.low_in_use(call.top) {
            return freed;
        }
        let groups = self.allowances(call.top, Respect::MinOnly);
        self.shrink_generations(&Call { groups: &groups, respect: Respect::MinOnly, ..*call }, CLUSTER)
    }

    /// One call. The cgroups are walked through once for each priority – a 4096th of their pages, a 2048th, … –, from
    /// where the last call stopped; since 6.10 a call stops at the cgroup that gives enough.
    pub(super) fn shrink_generations(&mut self, call: &Call<'_>, goal: Pages) -> Pages {
        self.try_generations(call, goal).0
    }

    /// The same; true where the swap disk still stands still at its end.
    fn try_generations(&mut self, call: &Call<'_>, goal: Pages) -> (Pages, bool) {
        let full = self.config.profile.sibling_reclaim == SiblingReclaim::Proportional
            || call.respect == Respect::MinOnly && self.low_in_use(call.top);
        let mut writes = Writes::default();
        let freed = self.walk(call, (goal, full), &mut writes);
        let writes_left = !writes.batches.is_empty() && !self.takes_single_folios();
        let last_resort = call.respect == Respect::MinOnly || !self.low_in_use(call.top);
        let stands_still = writes.standstill.is_some_and(|left| !left.is_zero());
        if let Some(left) = writes.standstill.filter(|_| stands_still && !freed.is_zero()) {
            self.stands_still_on(left);
        }
        let tries_again = freed.is_zero() && (writes.aged || writes_left || stands_still && last_resort);
        for (index, pages, _) in writes.batches {
            if !pages.is_zero() && !self.takes_single_folios() {
                self.cgroups[call.groups[index].0.index()].rare_mut().written += pages;
            }
        }
        // The next try finds old what is aged now, and clean what is written.
        if tries_again { self.try_generations(call, goal) } else { (freed, stands_still) }
    }

    fn walk(&mut self, call: &Call<'_>, (goal, full): (Pages, bool), writes: &mut Writes) -> Pages {
        let mut freed = Pages::ZERO;
        self.stocks.empty_vector();
        for priority in (0..=PRIORITY).rev() {
            let stopped = self.cgroups[call.top.index()].rare().reclaim_stopped;
            let from = match stopped.filter(|_| !full).and_then(|g| call.groups.iter().position(|(at, _)| *at == g)) {
                Some(place) if place + 1 < call.groups.len() => place + 1,
                _ => 0,
            };
            for index in from..call.groups.len() {
                let scan = self.to_scan(call, index, priority);
                if scan.is_zero() {
                    continue;
                }
                let wanted = goal.saturating_sub(freed);
                freed += self.evict_batches(call, index, (scan, priority), wanted, writes);
                if !full && freed >= goal {
                    self.cgroups[call.top.index()].rare_mut().reclaim_stopped = Some(call.groups[index].0);
                    return freed;
                }
            }
            if stopped.is_some() {
                self.cgroups[call.top.index()].rare_mut().reclaim_stopped = None;
            }
            if freed >= goal {
                break;
            }
        }
        freed
    }

    /// Pages of a cgroup that a walk looks at: what it has, less the part that is protected.
    pub(super) fn to_scan(&self, call: &Call<'_>, index: usize, priority: u32) -> Pages {
        let (group, allowed) = call.groups[index];
        let below = &self.cgroups[group.index()].total;
        if allowed.is_zero() || (below.evictable_file().is_zero() && (!call.may_swap || below.swappable().is_zero())) {
            return Pages::ZERO;
        }
        let swappable = self.swappable_now(call, group);
        if (self.evictable_here(group) + swappable).is_zero() {
            return Pages::ZERO;
        }
        let usage = if self.protects { self.usage_and_stock(group) } else { allowed };
        // Text in use counts as well (should_run_aging; since 7.2 lruvec_evictable_size).
        let size = self.local(group).evictable_file() + swappable;
        let part = match self.config.profile.mglru_protection {
            Protection::AllOrNothing => size,
            Protection::Proportional if allowed < usage => {
                // A protected cgroup is looked at for 32 pages at least (mm/vmscan.c apply_proportional_protection).
                let spared = super::reclaim::ratio(size, usage - allowed, usage + Pages::new(1));
                (size - spared).max(CLUSTER)
            }
            Protection::Proportional => size,
        };
        Pages::new(part.get() >> priority)
    }

    /// Anonymous pages of a cgroup, unless there is swap for less than a batch of them (mm/vmscan.c get_swappiness;
    /// recordings of 6.12.117 and 7.3.4: 29 and 42 pages of 1629 were left below a limit, high_3140_5, and 13 and 36 of
    /// 32,767 on a node, node_3230_0).
    pub(super) fn swappable_now(&self, call: &Call<'_>, group: CgroupId) -> Pages {
        if !call.may_swap || self.swap_room(group) < BATCH {
            return Pages::ZERO;
        }
        self.swappable_here(group)
    }

    /// Batches of one cgroup until `scan` pages were looked at. Cache goes before anything is swapped out.
    fn evict_batches(
        &mut self,
        call: &Call<'_>,
        index: usize,
        (scan, priority): (Pages, u32),
        goal: Pages,
        writes: &mut Writes,
    ) -> Pages {
        let (group, _) = call.groups[index];
        let (mut scanned, mut freed) = (Pages::ZERO, Pages::ZERO);
        while scanned < scan {
            let file = self.evictable_here(group);
            let most = self.batch(scan - scanned);
            let batch = if !file.is_zero() {
                let passed = self.pass_over_mapped(group, most);
                if !passed.is_zero() {
                    scanned += passed;
                    continue;
                }
                let take = self.oldest_folios(group, most).min(file);
                if call.respect == Respect::MinOnly && !self.cgroups[group.index()].rare().low.is_zero() {
                    self.count_event(group, |e| e.low += 1);
                }
                let gone = self.evict_file(group, take);
                freed += gone;
                gone
            } else {
                let sorted = self.sort_anon(call, group, most, writes);
                if !sorted.is_zero() {
                    scanned += sorted;
                    continue;
                }
                let old = self.old_anon(group, priority, writes).min(self.swappable_now(call, group));
                let (looked_at, gone) = self.swap_batch((index, group), (most, old), writes);
                freed += gone;
                looked_at
            };
            if batch.is_zero() || (self.config.profile.reclaim_stops_at_goal && freed >= goal) {
                break;
            }
            scanned += batch;
        }
        freed
    }

    /// Anonymous pages of a cgroup that can go to swap now. What was touched first since the cgroup was last aged is
    /// young. When nothing else is left a walk ages it, except at the first priority, and looks at it at the next
    /// (mm/vmscan.c get_nr_to_scan, should_run_aging; recordings protect of 6.12.117).
    pub(super) fn old_anon(&mut self, group: CgroupId, priority: u32, writes: &mut Writes) -> Pages {
        let swappable = self.swappable_here(group);
        let old = self.cgroups[group.index()].rare().ages.old().min(swappable);
        if !self.takes_single_folios() && old.is_zero() && priority < PRIORITY && !swappable.is_zero() {
            self.cgroups[group.index()].rare_mut().ages.set_old(swappable);
            writes.aged = true;
        }
        old
    }

    /// Aging finds recently touched pages by their page tables and leaves them on the list of their old generation.
    /// Since 7.2 a walk looks at no more pages than it has left to look at, those that it only moves among them
    /// (mm/vmscan.c sort_folio, try_to_shrink_lruvec; recordings protect of 7.3.4). Returns how many it moved.
    pub(super) fn sort_anon(&mut self, call: &Call<'_>, group: CgroupId, most: Pages, writes: &mut Writes) -> Pages {
        let swappable = self.swappable_now(call, group);
        let has_old = !self.cgroups[group.index()].rare().ages.old().is_zero();
        if !self.takes_single_folios() || swappable.is_zero() || has_old {
            return Pages::ZERO;
        }
        let rare = self.cgroups[group.index()].rare_mut();
        if rare.aged.1.is_zero() {
            rare.aged = (swappable, swappable);
            writes.aged = true;
        }
        let moved = rare.aged.1.min(most);
        rare.aged.1 -= moved;
        if rare.aged.1.is_zero() {
            rare.ages.set_old(rare.aged.0.min(swappable));
        }
        moved
    }

    /// A batch of old anonymous pages goes to swap. With a disk it is written first, and comes free when the disk is
    /// done: while the call has sent it as much more as it takes meanwhile, or when the next call finds it clean in the
    /// swap cache (mm/vmscan.c shrink_folio_list: a folio under writeback is kept; recordings protect of 6.12.117).
    /// Returns how many pages were looked at, and how many came free.
    fn swap_batch(
        &mut self,
        (index, group): (usize, CgroupId),
        (most, old): (Pages, Pages),
        writes: &mut Writes,
    ) -> (Pages, Pages) {
        let room = self.swap_room(group);
        let take = most.min(old).min(room);
        let clean = self.cgroups[group.index()].rare().written.min(take);
        let free_now = match self.config.swap_device {
            SwapDevice::Zram => take,
            SwapDevice::Disk if !clean.is_zero() => clean,
            SwapDevice::Disk if writes.stands_still(most) => Pages::ZERO,
            SwapDevice::Disk if self.takes_single_folios() => {
                if writes.pending(index).is_zero() {
                    Pages::ZERO
                } else {
                    writes.forget(index, take)
                }
            }
            SwapDevice::Disk => writes.take_done(index).map_or(Pages::ZERO, |done| done.min(take)),
        };
        if free_now.is_zero() {
            let sent = take.min(old.min(room).saturating_sub(writes.pending(index)));
            if !sent.is_zero() {
                self.send(index, sent, writes);
            }
            return (sent, Pages::ZERO);
        }
        let gone = self.swap_out_here(group, free_now);
        let rare = self.cgroups[group.index()].rare_mut();
        rare.written = rare.written.saturating_sub(clean.min(free_now));
        rare.ages.take(gone);
        (free_now, gone)
    }

    /// A cgroup's batch goes to the swap disk.
    fn send(&mut self, index: usize, pages: Pages, writes: &mut Writes) {
        if writes.standstill.is_none() {
            writes.standstill = Some(self.draw_standstill());
        }
        let in_flight = if self.takes_single_folios() { 1 } else { self.draw_batches_in_flight() };
        writes.batches.push((index, pages, writes.batches.len() + in_flight));
    }

    /// Since 7.2 a walk takes as many folios as are still to be looked at. What it takes at a time is little, and
    /// written when it looks at the cgroup again.
    pub(super) fn takes_single_folios(&self) -> bool {
        self.config.profile.reclaim_stops_at_goal
    }

    /// Pages that the processor sends off while the swap disk reads, or at most writes, a batch.
    pub(super) fn pages_in_flight(&self, batch: Pages) -> u64 {
        let disk = self.config.disk.unwrap_or(Disk::RECORDED);
        let read = SimDuration::from_secs(1).mul_ratio(batch.bytes().get(), disk.bandwidth.get().max(1));
        (disk.latency + read).as_nanos() / disk.page.as_nanos().max(1)
    }

    /// Folios that are taken at a time: as many as are still to be looked at since 7.2 (mm/vmscan.c evict_folios),
    /// before that a full batch.
    pub(super) fn batch(&self, left: Pages) -> Pages {
        if self.takes_single_folios() { left.min(BATCH) } else { BATCH }
    }

    /// The only cgroup that has anything to give, where pages go one by one: the batches then need not be walked.
    fn single(&self, call: &Call<'_>) -> Option<(CgroupId, Pages)> {
        let gives = |(group, allowed): &&(CgroupId, Pages)| {
            !allowed.is_zero() && !(self.evictable_here(*group) + self.swappable_now(call, *group)).is_zero()
        };
        let mut giving = call.groups.iter().filter(gives);
        let only = giving.next()?;
        (giving.next().is_none() && !self.config.profile.file_folios).then_some(*only)
    }

    /// All that is wanted at once. True when it ends at a call in which the swap disk will stand still.
    fn shrink_single(&mut self, call: &Call<'_>, (group, allowed): (CgroupId, Pages), want: Pages) -> (Pages, bool) {
        let in_batches = |calls: u64| Pages::new(calls.saturating_mul(BATCH.get()));
        let calls = |want: Pages| want.get().div_ceil(BATCH.get());
        let file = self.evictable_here(group).min(in_batches(calls(want)).min(allowed));
        if call.respect == Respect::MinOnly && !self.cgroups[group.index()].rare().low.is_zero() && !file.is_zero() {
            self.count_event(group, |e| e.low += 1);
        }
        let freed = self.evict_file(group, file);
        let swappable = self.swappable_now(call, group);
        if freed >= want || swappable.is_zero() {
            return (freed, false);
        }
        let wanted = calls(want - freed);
        let undisturbed = match self.config.swap_device {
            SwapDevice::Disk => self.calls_before_standstill(wanted),
            SwapDevice::Zram => wanted,
        };
        let room = in_batches(self.swap_room(group).get() / BATCH.get());
        let take = in_batches(undisturbed).min(swappable).min(room);
        (freed + self.swap_out_here(group, take), undisturbed < wanted)
    }

    /// The oldest pages are mapped and have been used: a batch of them becomes the youngest, as one look at the page
    /// table around finds it (lru_gen_look_around). Returns how many.
    ///
    /// Since 7.2 a walk looks at these one by one as well, as many as it has left to look at.
    pub(super) fn pass_over_mapped(&mut self, group: CgroupId, most: Pages) -> Pages {
        if self.takes_single_folios() {
            return self.pass_over_single(group, most);
        }
        let lists = self.lists(group);
        if !self.spares_mapped_once() || !lists.older.is_zero() || lists.referenced.is_zero() {
            return Pages::ZERO;
        }
        let pages = lists.referenced.min(BATCH);
        self.activate_referenced(group, pages);
        pages
    }

    fn pass_over_single(&mut self, group: CgroupId, most: Pages) -> Pages {
        self.flush_first_generation(group);
        let spared = self.spared.map(|(file, _)| file);
        let mut chunks = self.cgroups[group.index()].rare().cache.iter().filter(|c| spared != Some(c.file));
        let mapped = chunks.find(|c| !c.oldest().is_zero()).map_or(Pages::ZERO, |c| c.oldest().min(c.referenced));
        let pages = mapped.min(most);
        if !pages.is_zero() {
            self.activate_referenced(group, pages);
        }
        pages
    }

    /// What was the second oldest generation of a cgroup's cache is the oldest as soon as that is empty (mm/vmscan.c
    /// try_to_inc_min_seq).
    fn flush_first_generation(&mut self, group: CgroupId) {
        let cache = &self.cgroups[group.index()].rare().cache;
        if cache.iter().any(|c| !c.second.is_zero()) && cache.iter().all(|c| c.oldest().is_zero()) {
            self.cgroups[group.index()].cache_mut().iter_mut().for_each(|c| c.second = Pages::ZERO);
            self.cgroups[group.index()].rare_mut().first_generation_gone = true;
        }
    }

    /// This many of a cgroup's oldest folios of cache, or as many of them as make a batch, in pages.
    pub(super) fn oldest_folios(&self, group: CgroupId, folios: Pages) -> Pages {
        let chunks = self.cgroups[group.index()].rare().cache.iter();
        let mut chunks = chunks.filter(|c| self.spared.is_none_or(|(file, _)| file != c.file));
        let oldest = chunks.clone().find(|c| !c.oldest().is_zero()).or_else(|| chunks.find(|c| !c.active.is_zero()));
        match oldest {
            Some(chunk) if self.config.profile.file_folios => {
                let all = chunk.oldest().max(chunk.active);
                let (mut pages, mut count) = (Pages::ZERO, Pages::ZERO);
                while count < folios && pages < BATCH.min(all) {
                    pages = self.folio_end(chunk.file, chunk.second, pages + Pages::new(1));
                    count += Pages::new(1);
                }
                pages.min(all)
            }
            _ => folios,
        }
    }
}
