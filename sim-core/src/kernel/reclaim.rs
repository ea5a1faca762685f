//! Reclaim: whose pages come free, less what `memory.min` and `memory.low` protect. How the lists of the cgroups are
//! looked at stands in `classic` and `generations`, background reclaim of the whole node in `balance`.

use super::Kernel;
use super::api::{CgroupVersion, Errno};
use super::cgroup::PageKind;
use super::generations::Call;
use super::lru::Lists;
use super::profile::Lru;
use crate::units::{CgroupId, Pages, Pid, VolumeId};
use smallvec::{SmallVec, smallvec};

/// Pages that reclaim takes at least (SWAP_CLUSTER_MAX).
pub(super) const CLUSTER: u64 = 32;
/// The pages of a cgroup or a process. A reclaim looks at few cgroups, and few processes in each.
pub(super) type Amounts<T> = SmallVec<[(T, Pages); 12]>;

/// Which protection reclaim respects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Respect {
    MinAndLow,
    MinOnly,
}

/// In which order pages go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Oldest,
    Inactive,
    Active,
}

impl Kernel {
    /// Frees about `want` pages charged to `top` or below it (at least 32 if there are as many). Dirty pages count as
    /// written back at once. Returns how many came free; 0 means that reclaim makes no progress.
    pub(super) fn reclaim(&mut self, top: CgroupId, want: Pages, may_swap: bool) -> Pages {
        if want.is_zero() {
            return Pages::ZERO;
        }
        let want = want.max(Pages::new(CLUSTER));
        let freed = self.reclaim_passes(top, want, may_swap);
        if !freed.is_zero() && top == self.root() {
            // Direct reclaim that makes progress drains the CPUs' lists (mm/page_alloc.c __alloc_pages_direct_reclaim).
            self.starved = None;
        }
        freed
    }

    /// The same for a process that needs text of its own again: that goes last, after what can be swapped out.
    pub(super) fn reclaim_beside_text(&mut self, by: Pid, top: CgroupId, want: Pages, may_swap: bool) -> Pages {
        if let Some(locked) = self.being_read {
            self.spared = Some((locked, Pages::MAX));
            let freed = self.reclaim(top, want, may_swap);
            self.spared = None;
            return freed;
        }
        let kept = self.kept_text(by, top);
        let hot = self.hot(by).map(|hot| (hot.file, self.text_in_use(top, hot, kept)));
        let spare = self.cgroups[top.index()].total.evictable_file().saturating_sub(kept);
        if hot.is_none() || (kept.is_zero() && !self.can_swap_below(top, may_swap)) {
            return self.reclaim(top, want, may_swap);
        }
        self.spared = hot;
        let freed = self.reclaim(top, want, may_swap);
        self.spared = None;
        if let Some(hot) = self.hot(by) {
            self.lose_old_text(top, hot);
        }
        if !freed.is_zero() || (!kept.is_zero() && spare.get() < CLUSTER) {
            return freed;
        }
        // What the process can do without.
        self.spared = hot.map(|(file, _)| (file, kept));
        let freed = self.reclaim(top, want.min(spare), false);
        self.spared = None;
        freed
    }

    /// Cache of a cgroup itself that reclaim may take now.
    pub(super) fn evictable_here(&self, cg: CgroupId) -> Pages {
        let all = self.local(cg).evictable_file();
        let Some((spared, keep)) = self.spared else { return all };
        let chunks = self.cgroups[cg.index()].rare().cache.iter().filter(|c| c.file == spared);
        all.saturating_sub(chunks.map(|c| (c.inactive + c.active).min(keep)).sum())
    }

    fn reclaim_passes(&mut self, top: CgroupId, want: Pages, may_swap: bool) -> Pages {
        let has_file = !self.cgroups[top.index()].total.evictable_file().is_zero();
        let has_swap = may_swap && self.swap_free() > Pages::ZERO;
        if !has_file && !has_swap {
            return Pages::ZERO;
        }
        let freed = self.reclaim_pass(top, want, may_swap, Respect::MinAndLow);
        if !freed.is_zero() || !self.low_in_use(top) {
            return freed;
        }
        self.reclaim_pass(top, want, may_swap, Respect::MinOnly)
    }

    /// True when anything on the node could still be reclaimed, protection aside.
    pub(super) fn can_reclaim_anything(&self) -> bool {
        let all = &self.cgroups[0].total;
        !all.evictable_file().is_zero() || (self.swap_free() > Pages::ZERO && !all.swappable().is_zero())
    }

    /// `memory.reclaim`: frees this much below a cgroup, respecting protection, and never kills.
    ///
    /// # Errors
    /// ENOENT where the kernel has no such file. EAGAIN when less came free.
    pub fn reclaim_on_request(&mut self, cg: CgroupId, want: Pages) -> Result<(), Errno> {
        if !self.config.profile.memory_reclaim || !self.exists(cg) || self.config.cgroup == CgroupVersion::V1 {
            return Err(Errno::ENOENT);
        }
        let mut left = want;
        while !left.is_zero() {
            // A quarter of what is still to do at a time since 6.9 (commit 287d5fedb377).
            let part = if self.config.profile.reclaim_in_quarters { Pages::new(left.get() / 4) } else { left };
            let part = part.max(Pages::new(CLUSTER));
            let mut freed = self.reclaim_at_once(cg, part);
            if freed < part {
                freed += self.reclaim(cg, part - freed, true);
            }
            if freed.is_zero() {
                break;
            }
            left = left.saturating_sub(freed);
        }
        self.freed_some = true;
        self.announce_freed();
        if left.is_zero() { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// One call of reclaim for this many pages, without trying again in batches.
    pub(super) fn reclaim_at_once(&mut self, top: CgroupId, goal: Pages) -> Pages {
        for respect in [Respect::MinAndLow, Respect::MinOnly] {
            let groups = self.allowances(top, respect);
            let call = Call { top, groups: &groups, may_swap: true, respect };
            let freed = match self.lru() {
                Lru::Mglru => self.shrink_generations(&call, goal),
                Lru::Classic => self.shrink_classic(&call, Pages::new(1), goal),
            };
            if !freed.is_zero() || !self.low_in_use(top) {
                return freed;
            }
        }
        Pages::ZERO
    }

    pub(super) fn low_in_use(&self, top: CgroupId) -> bool {
        self.protects && self.subtree(top).any(|g| !self.cgroups[g.index()].rare().low.is_zero())
    }

    fn reclaim_pass(&mut self, top: CgroupId, want: Pages, may_swap: bool, respect: Respect) -> Pages {
        if top != self.root() {
            return match self.lru() {
                Lru::Mglru => self.shrink_in_batches(top, want, may_swap, respect),
                Lru::Classic => {
                    let groups = self.allowances(top, respect);
                    let call = Call { top, groups: &groups, may_swap, respect };
                    self.shrink_classic(&call, want, Pages::new(CLUSTER))
                }
            };
        }
        let groups = self.allowances(top, respect);
        let has_file = !self.cgroups[top.index()].total.evictable_file().is_zero();
        let has_swap = may_swap && self.swap_free() > Pages::ZERO;
        let mut freed = Pages::ZERO;
        if has_file {
            let file: Amounts<_> =
                groups.iter().map(|(g, allowed)| (*g, self.evictable_here(*g).min(*allowed))).collect();
            for (group, take) in self.classic_shares(&file, want) {
                if respect == Respect::MinOnly && !self.cgroups[group.index()].rare().low.is_zero() && !take.is_zero() {
                    self.count_event(group, |e| e.low += 1);
                }
                freed += self.evict_file(group, take);
            }
        }
        if freed < want && has_swap {
            freed += self.swap_out(&groups, want - freed);
        }
        freed
    }

    /// Cached pages of a cgroup itself that reclaim will find mapped more than once.
    fn in_use(&self, cg: CgroupId) -> Pages {
        self.cgroups[cg.index()].rare().cache.iter().map(|c| c.referenced).sum()
    }

    /// How much cache each cgroup loses to the classic LRU: in proportion to what reclaim does not find in use.
    fn classic_shares(&self, file: &[(CgroupId, Pages)], want: Pages) -> Amounts<CgroupId> {
        let unused: Amounts<_> = file.iter().map(|(g, pages)| (*g, pages.saturating_sub(self.in_use(*g)))).collect();
        let enough = self.lru() == Lru::Classic && unused.iter().map(|(_, pages)| *pages).sum::<Pages>() >= want;
        if enough { shares(&unused, want) } else { shares(file, want) }
    }

    /// Every cgroup of the subtree with the pages that reclaim may take from it.
    pub(super) fn allowances(&self, top: CgroupId, respect: Respect) -> Amounts<CgroupId> {
        let mut out = Amounts::new();
        let mut stack: Amounts<CgroupId> = smallvec![(top, Pages::ZERO)];
        while let Some((at, protected)) = stack.pop() {
            out.push((at, self.usage_and_stock(at).saturating_sub(protected)));
            if !self.protects {
                // As often as not nothing is, and walks of the whole node look at every cgroup.
                stack.extend(self.children(at).rev().map(|child| (child, Pages::ZERO)));
                continue;
            }
            let wanted = |c: CgroupId| {
                let child = &self.cgroups[c.index()];
                let rare = child.rare();
                let low = if respect == Respect::MinAndLow { rare.low } else { Pages::ZERO };
                rare.min.max(low).min(self.usage_and_stock(c))
            };
            let claimed: Pages = self.children(at).map(wanted).sum();
            for child in self.children(at).rev() {
                // Children share what protects their parent in proportion; below the reclaim target it is all theirs
                // (mm/memcontrol.c effective_protection).
                let own = wanted(child);
                let mut effective =
                    if at == top || claimed <= protected { own } else { ratio(own, protected, claimed) };
                if at != top && self.config.recursive_protection {
                    // What they leave of it protects what they have beyond their own claims.
                    let beyond = self.usage_and_stock(child).saturating_sub(own);
                    let all_beyond = self.usage_and_stock(at).saturating_sub(claimed);
                    effective += ratio(protected.saturating_sub(claimed), beyond, all_beyond);
                }
                stack.push((child, effective));
            }
        }
        out
    }

    /// Drops clean pages of a cgroup's own cache, oldest inactive ones first.
    pub(super) fn evict_file(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let take = self.balance_lists(cg, take);
        self.drop_file(cg, take)
    }

    pub(super) fn drop_file(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let mut left = take;
        let large = self.large_folios(cg);
        let mut dropped: SmallVec<[(VolumeId, Pages, Pages); 8]> = SmallVec::new();
        let spared = self.spared;
        for turn in [Turn::Oldest, Turn::Inactive, Turn::Active] {
            for chunk in self.cgroups[cg.index()].cache_mut() {
                let keep = spared.filter(|(file, _)| *file == chunk.file).map_or(Pages::ZERO, |(_, keep)| keep);
                let most = (chunk.inactive + chunk.active).saturating_sub(keep);
                let there = match turn {
                    Turn::Oldest => chunk.oldest(),
                    Turn::Inactive => chunk.inactive,
                    Turn::Active => chunk.active,
                };
                let n = there.min(left).min(most);
                *if turn == Turn::Active { &mut chunk.active } else { &mut chunk.inactive } -= n;
                left -= n;
                chunk.second = chunk.second.min(chunk.inactive);
                chunk.referenced = chunk.referenced.min(chunk.inactive);
                chunk.unread = chunk.unread.min(chunk.inactive);
                chunk.buffered = chunk.buffered.min(chunk.pages());
                if !n.is_zero() {
                    let (inactive, active) = if turn == Turn::Active { (Pages::ZERO, n) } else { (n, Pages::ZERO) };
                    dropped.push((chunk.file, inactive, active));
                }
            }
        }
        for (file, inactive, active) in dropped {
            self.uncharge(cg, PageKind::InactiveFile, inactive);
            self.uncharge(cg, PageKind::ActiveFile, active);
            self.forget_cached(file, inactive + active);
            self.note_dropped(file, inactive + active);
        }
        if !self.cgroups[cg.index()].rare().cache.is_empty() {
            self.cgroups[cg.index()].rare_mut().cache.retain(|c| !c.pages().is_zero());
        }
        let large = large.saturating_sub(self.large_folios(cg));
        self.leave_shadows(cg, (take - left).saturating_sub(large));
        take - left
    }

    /// What moves between the lists before pages are taken from the inactive one, and how many are. MGLRU ages only
    /// when the old generations are used up.
    fn balance_lists(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let lists = self.lists(cg);
        let (demoted, freed) = match self.lru() {
            Lru::Mglru => {
                let passed = if take > lists.older { lists.referenced } else { Pages::ZERO };
                self.activate_referenced(cg, passed);
                let demoted = take.saturating_sub(lists.inactive - passed).min(lists.active + passed);
                (demoted, take)
            }
            Lru::Classic => {
                let moved = lists.shrink(take);
                self.activate_referenced(cg, moved.activated);
                (moved.demoted, moved.freed)
            }
        };
        self.demote(cg, demoted);
        freed
    }

    /// A cgroup's own file lists. Text that reclaim passes over now is in none of them.
    pub(super) fn lists(&self, cg: CgroupId) -> Lists {
        let mut lists = Lists::default();
        let two_generations = self.cgroups[cg.index()].rare().cache.iter().any(|c| !c.second.is_zero());
        for chunk in &self.cgroups[cg.index()].rare().cache {
            let keep = self.spared.filter(|(file, _)| *file == chunk.file).map_or(Pages::ZERO, |(_, keep)| keep);
            // The classic LRU looks at text in use as at any other page, and finds it referenced.
            let keep = if self.lru() == Lru::Classic { Pages::ZERO } else { keep };
            let active = chunk.active.saturating_sub(keep);
            let inactive = chunk.inactive.saturating_sub(keep.saturating_sub(chunk.active));
            let referenced = chunk.referenced.min(inactive);
            if two_generations {
                lists.older += chunk.oldest();
            } else if lists.referenced.is_zero() {
                lists.older += inactive - referenced;
            }
            lists.referenced += referenced;
            lists.inactive += inactive;
            lists.active += active;
        }
        lists
    }

    /// The oldest pages of the active list go to the inactive one.
    pub(super) fn demote(&mut self, cg: CgroupId, pages: Pages) {
        self.convert(cg, PageKind::ActiveFile, PageKind::InactiveFile, pages);
        let mut left = pages;
        for chunk in self.cgroups[cg.index()].cache_mut() {
            let n = chunk.active.min(left);
            chunk.active -= n;
            chunk.inactive += n;
            left -= n;
        }
    }

    /// MGLRU since 6.14: a file page that reclaim finds mapped is passed over once (mm/vmscan.c lru_gen_set_refs).
    pub(super) fn spares_mapped_once(&self) -> bool {
        self.lru() == Lru::Mglru && !self.config.profile.mapped_once_is_young
    }

    /// Reclaim finds pages of the inactive list mapped more than once.
    pub(super) fn activate_referenced(&mut self, cg: CgroupId, pages: Pages) {
        let mut left = pages;
        for chunk in self.cgroups[cg.index()].cache_mut() {
            let n = chunk.referenced.min(left);
            chunk.referenced -= n;
            chunk.inactive -= n;
            chunk.unread = chunk.unread.min(chunk.inactive);
            chunk.second = chunk.second.min(chunk.inactive);
            chunk.active += n;
            left -= n;
        }
        if !pages.is_zero() {
            self.convert(cg, PageKind::InactiveFile, PageKind::ActiveFile, pages);
        }
    }

    /// Writes anonymous and shared pages of these cgroups to swap.
    fn swap_out(&mut self, groups: &[(CgroupId, Pages)], want: Pages) -> Pages {
        let want = want.min(self.swap_free());
        let mut candidates = Amounts::new();
        for (group, allowed) in groups.iter().filter(|(_, allowed)| !allowed.is_zero()) {
            let pages = self.swappable_here(*group).min(*allowed);
            if !pages.is_zero() {
                candidates.push((*group, pages.min(self.swap_room(*group))));
            }
        }
        let mut freed = Pages::ZERO;
        for (group, take) in shares(&candidates, want) {
            let take = take.min(self.swap_room(group));
            freed += self.swap_out_here(group, take);
        }
        freed
    }

    /// Pages of swap that a cgroup may still use by the limits above it.
    pub fn swap_room(&self, cg: CgroupId) -> Pages {
        let swappiness = match self.config.cgroup {
            CgroupVersion::V1 => self.cgroups[cg.index()].rare().swappiness.unwrap_or(self.config.sysctl.swappiness),
            CgroupVersion::V2 => self.config.sysctl.swappiness,
        };
        if swappiness == 0 {
            return Pages::ZERO;
        }
        let room = |g: CgroupId| {
            let group = &self.cgroups[g.index()];
            group.swap_max.saturating_sub(group.total.swap)
        };
        self.upwards(cg).map(room).min().unwrap_or(Pages::ZERO).min(self.swap_free())
    }
}

/// `a * b / c` without overflow; zero when `c` is.
pub(super) fn ratio(a: Pages, b: Pages, c: Pages) -> Pages {
    let wide = u128::from(a.get()) * u128::from(b.get()) / u128::from(c.get().max(1));
    Pages::new(u64::try_from(wide).unwrap_or(u64::MAX))
}

/// Splits `want` over the owners in proportion to what they have, never more than that; the rounding remainder goes to
/// the first who can give it.
pub(super) fn shares<T: Copy>(owners: &[(T, Pages)], want: Pages) -> Amounts<T> {
    let total: Pages = owners.iter().map(|(_, has)| *has).sum();
    let want = want.min(total);
    let mut out = Amounts::new();
    let mut left = want;
    for (owner, has) in owners.iter().filter(|(_, has)| !has.is_zero()) {
        let part = ratio(want, *has, total);
        left -= part;
        out.push((*owner, part));
    }
    let having = owners.iter().filter(|(_, has)| !has.is_zero());
    for ((_, part), (_, has)) in out.iter_mut().zip(having) {
        let more = (*has - *part).min(left);
        *part += more;
        left -= more;
    }
    out
}
