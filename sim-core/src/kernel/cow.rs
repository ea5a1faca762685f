//! Copy-on-write after fork. A set of pages is charged once, to the cgroup it was in at the fork, and counts in the RSS
//! of everyone who maps it. Every process is taken to write its pages in the same order, so that of two mappers the one
//! that has broken fewer pages maps all that the other maps.

use super::Kernel;
use super::cgroup::{Charge, PageKind, Purpose, Stop};
use super::process::CowShare;
use crate::units::{CgroupId, Pages, Pid, SimTime};

/// Pages shared since a fork.
#[derive(Clone, Debug)]
pub(super) struct CowSet {
    pub(super) cgroup: CgroupId,
    /// Pages that a process still maps; all of them are charged.
    pub(super) live: Pages,
    mappers: Vec<(Pid, Pages)>,
}

impl CowSet {
    /// Most pages that anyone but `pid` maps.
    fn others(&self, pid: Pid) -> Pages {
        self.mappers.iter().filter(|(p, _)| *p != pid).map(|(_, m)| *m).max().unwrap_or(Pages::ZERO)
    }
}

impl Kernel {
    /// The child maps everything anonymous that the parent maps.
    pub(super) fn share_anon(&mut self, parent: Pid, child: Pid) {
        let Some(process) = self.procs.get_mut(&parent) else { return };
        if !process.anon_own.is_zero() {
            let set = self.next_cow;
            self.next_cow += 1;
            let pages = std::mem::take(&mut process.anon_own);
            let rare = process.rare_mut();
            rare.cow.push(CowShare { set, mapped: pages });
            rare.anon_cow += pages;
            self.cow.insert(set, CowSet { cgroup: process.cgroup, live: pages, mappers: vec![(parent, pages)] });
        }
        let (shares, anon_cow) = (process.rare().cow.clone(), process.rare().anon_cow);
        if shares.is_empty() {
            return;
        }
        for share in &shares {
            if let Some(set) = self.cow.get_mut(&share.set) {
                set.mappers.push((child, share.mapped));
            }
        }
        if let Some(process) = self.procs.get_mut(&child) {
            let rare = process.rare_mut();
            (rare.cow, rare.anon_cow) = (shares, anon_cow);
        }
    }

    /// First write to shared pages: a copy is charged to the writer, unless no other process maps the page any more.
    pub(super) fn break_cow(&mut self, now: SimTime, pid: Pid, pages: Pages) -> (Pages, Option<Stop>) {
        let mut done = Pages::ZERO;
        while done < pages {
            let Some(process) = self.procs.get(&pid) else { return (done, Some(Stop::Dying)) };
            let cgroup = process.cgroup;
            let Some(share) = process.rare().cow.iter().find(|s| !s.mapped.is_zero()).copied() else {
                return (pages, None);
            };
            let Some(set) = self.cow.get(&share.set) else { return (pages, None) };
            let want = share.mapped.min(pages - done);
            let alone = if set.cgroup == cgroup { share.mapped.saturating_sub(set.others(pid)) } else { Pages::ZERO };
            if !alone.is_zero() {
                let reused = alone.min(want);
                self.unmap_cow(pid, share.set, reused, true);
                done += reused;
                continue;
            }
            let (copied, stop) = self.charge(now, Charge { by: pid, cgroup, purpose: Purpose::Copy(share.set) }, want);
            done += copied;
            if stop.is_some() {
                return (done, stop);
            }
        }
        (done, None)
    }

    /// A process stops mapping `pages` of a set; with `keep` they become its own together with their charge. Pages that
    /// no process maps are freed.
    pub(super) fn unmap_cow(&mut self, pid: Pid, id: u32, pages: Pages, keep: bool) {
        let Some(process) = self.procs.get_mut(&pid) else { return };
        let rare = process.rare_mut();
        let Some(share) = rare.cow.iter_mut().find(|s| s.set == id) else { return };
        share.mapped -= pages;
        rare.anon_cow -= pages;
        let left = share.mapped;
        rare.cow.retain(|s| !s.mapped.is_zero());
        if keep {
            process.anon_own += pages;
        }
        let Some(set) = self.cow.get_mut(&id) else { return };
        for (_, mapped) in set.mappers.iter_mut().filter(|(p, _)| *p == pid) {
            *mapped = left;
        }
        set.mappers.retain(|(_, mapped)| !mapped.is_zero());
        let live = set.mappers.iter().map(|(_, m)| *m).max().unwrap_or(Pages::ZERO);
        let gone = set.live - live;
        set.live = live;
        let cgroup = set.cgroup;
        if live.is_zero() {
            self.cow.remove(&id);
        }
        if !keep {
            self.uncharge(cgroup, PageKind::Anon, gone);
        }
    }

    /// A process unmaps up to `pages` of what it shares; returns how many.
    pub(super) fn drop_cow(&mut self, pid: Pid, pages: Pages) -> Pages {
        let mut left = pages;
        while !left.is_zero() {
            let Some(share) = self.procs.get(&pid).and_then(|p| p.rare().cow.first().copied()) else { break };
            let n = share.mapped.min(left);
            self.unmap_cow(pid, share.set, n, false);
            left -= n;
        }
        pages - left
    }

    /// The charges of a removed cgroup belong to its parent.
    pub(super) fn move_cow_charges(&mut self, from: CgroupId, to: CgroupId) {
        for set in self.cow.values_mut().filter(|s| s.cgroup == from) {
            set.cgroup = to;
        }
    }
}
