//! What a process does with memory: the dispatch of [`MemOp`].

use super::api::{Errno, Mapping, MemOp, MemOutcome};
use super::cgroup::{Charge, PageKind, Purpose, Stop};
use super::volume::Volume;
use super::{Kernel, overcommit};
use crate::units::{Bytes, Pages, Pid, SimTime};

/// Pages that one page of page-table entries maps.
pub(super) const PTRS_PER_PTE: u64 = 512;
/// Address space of a process on x86-64 with four-level page tables: 128 TiB.
const ADDRESS_SPACE: Pages = Pages::new(1 << 35);

impl Kernel {
    /// Does one thing for a process, at once and page by page: an allocation that meets a limit stops at the page where
    /// the limit is. What else happened is in [`Kernel::take_signals`].
    pub fn apply(&mut self, now: SimTime, pid: Pid, op: MemOp) -> MemOutcome {
        if let MemOp::Touch { pages } = op
            && self.touch_plain(pid, pages)
        {
            return MemOutcome::Done;
        }
        match self.procs.get(&pid) {
            None => return MemOutcome::Refused(Errno::ESRCH),
            Some(process) if !process.is_running() => return MemOutcome::Dying,
            Some(_) => {}
        }
        let outcome = match op {
            MemOp::Touch { pages } => self.touch(now, pid, pages),
            MemOp::TouchSparse { pages } => self.touch_sparse(now, pid, pages),
            MemOp::Map { size, mapping } => self.map(pid, size, mapping),
            MemOp::MakeWritable { size } => self.make_writable(pid, size),
            MemOp::TouchCow { pages } => {
                let (done, stop) = self.break_cow(now, pid, pages);
                outcome(pages, done, stop)
            }
            MemOp::TouchShmem { pages } => self.touch_shmem(now, pid, pages),
            MemOp::SwapIn { pages } => self.swap_in(now, pid, pages),
            MemOp::ReadFile { file, from, pages, how } => {
                result(pages, self.access_file(now, pid, file, (from, pages), how))
            }
            MemOp::FaultText { file, pages } => result(pages, self.fault_text(now, pid, file, pages)),
            MemOp::WriteFile { file, from, pages } => {
                result(pages, self.access_file(now, pid, file, (from, pages), super::FileAccess::Write))
            }
            MemOp::WriteTmpfs { volume, pages } => result(pages, self.write_shmem(now, pid, volume, pages)),
            MemOp::Unmap { size, mapping, resident } => self.unmap(pid, size, mapping, resident),
            MemOp::UnmapShmem { size, resident } => self.unmap_shared(pid, size, resident),
            MemOp::Mlock { pages } => self.mlock(pid, pages),
            MemOp::MlockFile { file } => {
                self.lock_file(file);
                MemOutcome::Done
            }
            MemOp::Pageout { pages } => self.page_out(pid, pages),
            MemOp::HoldKernel { pages } => self.take_kernel(now, pid, Purpose::Kernel, pages),
            MemOp::LeaveKernel { pages } => self.take_kernel(now, pid, Purpose::Inodes, pages),
        };
        self.finish_balancing();
        if self.freed_some {
            self.announce_freed();
        }
        outcome
    }

    /// First write to private anonymous pages, with the page tables they need, where there is room at every level: one
    /// lookup and two walks to the root. True when it was done. This is the operation that runs are made of.
    fn touch_plain(&mut self, pid: Pid, pages: Pages) -> bool {
        if self.starved.is_some() || !self.fits_stocked(pid, pages) {
            return false;
        }
        let Some(process) = self.procs.get_mut(&pid).filter(|p| p.is_running()) else { return false };
        let entries = (process.pte_used + pages.get()).saturating_sub(process.pte_room);
        let tables = Pages::new(entries.div_ceil(PTRS_PER_PTE));
        let sum = pages + tables;
        let mut at = Some(process.cgroup);
        while let Some(group) = at.map(|g| &self.cgroups[g.index()]) {
            if group.usage + sum > group.cap {
                return false;
            }
            at = group.parent;
        }
        let cgroup = process.cgroup;
        let mut at = Some(cgroup);
        while let Some(group) = at.map(|g| &mut self.cgroups[g.index()]) {
            group.usage += sum;
            group.total.anon += pages;
            group.total.kernel += tables;
            at = group.parent;
        }
        process.anon_own += pages;
        process.pgtables += tables;
        process.pte_used += pages.get();
        process.pte_room += tables.get() * PTRS_PER_PTE;
        if self.stocks_kept() > 0 {
            self.take_from_stock(cgroup, sum, pages, false);
        }
        true
    }

    /// The pages, and as many tables as they can need, fit beside what is charged in advance.
    fn fits_stocked(&self, pid: Pid, pages: Pages) -> bool {
        let tables = Pages::new(pages.get().div_ceil(PTRS_PER_PTE));
        !self.keeps_stocks() || self.procs.get(&pid).is_none_or(|p| self.fits_beside_stocks(p.cgroup, pages + tables))
    }

    /// First write to private anonymous pages where something is in the way.
    pub(super) fn touch(&mut self, now: SimTime, pid: Pid, pages: Pages) -> MemOutcome {
        let mut done = Pages::ZERO;
        while done < pages {
            done += self.touch_what_fits(pid, pages - done);
            let (step, stop) = self.touch_one_table(now, pid, pages - done);
            done += step;
            if stop.is_some() {
                return outcome(pages, done, stop);
            }
        }
        MemOutcome::Done
    }

    /// Touches whole tables as long as there is room for them at every level: before a limit that lies TiB away.
    fn touch_what_fits(&mut self, pid: Pid, pages: Pages) -> Pages {
        let Some(process) = self.procs.get(&pid) else { return Pages::ZERO };
        let groups = self.upwards(process.cgroup).map(|g| &self.cgroups[g.index()]);
        let room = groups.map(|group| group.cap.saturating_sub(group.usage)).min().unwrap_or(Pages::ZERO);
        let tables = room.get() / (PTRS_PER_PTE + 1);
        // The last page is left to the caller, who may be stopped at it.
        let fits = Pages::new(tables * PTRS_PER_PTE).min(pages - Pages::new(1));
        if tables > 1 && self.touch_plain(pid, fits) { fits } else { Pages::ZERO }
    }

    /// Touches pages up to the end of one page of page-table entries, which is charged before them.
    fn touch_one_table(&mut self, now: SimTime, pid: Pid, pages: Pages) -> (Pages, Option<Stop>) {
        let Some(process) = self.procs.get(&pid) else { return (Pages::ZERO, Some(Stop::Dying)) };
        let (cgroup, room) = (process.cgroup, process.pte_room - process.pte_used);
        if room == 0 {
            let charge = Charge { by: pid, cgroup, purpose: Purpose::PageTables };
            let (done, stop) = self.charge(now, charge, Pages::new(1));
            if let Some(process) = self.procs.get_mut(&pid) {
                process.pte_room += done.get() * PTRS_PER_PTE;
            }
            if stop.is_some() {
                return (Pages::ZERO, stop);
            }
        }
        let here = pages.min(Pages::new(if room == 0 { PTRS_PER_PTE } else { room }));
        let (done, stop) = self.charge(now, Charge { by: pid, cgroup, purpose: Purpose::Anon }, here);
        if let Some(process) = self.procs.get_mut(&pid) {
            process.pte_used += done.get();
        }
        (done, stop)
    }

    /// Each page with a page-table page of its own; the room left in that is never used.
    fn touch_sparse(&mut self, now: SimTime, pid: Pid, pages: Pages) -> MemOutcome {
        let mut done = Pages::ZERO;
        while done < pages {
            let Some(process) = self.procs.get(&pid) else { return MemOutcome::Dying };
            let cgroup = process.cgroup;
            let charge = Charge { by: pid, cgroup, purpose: Purpose::PageTables };
            let (table, stop) = self.charge(now, charge, Pages::new(1));
            if stop.is_some() {
                return outcome(pages, done, stop);
            }
            let (page, stop) = self.charge(now, Charge { purpose: Purpose::Anon, ..charge }, Pages::new(1));
            if page.is_zero() {
                self.uncharge(cgroup, PageKind::Kernel, table);
                if let Some(process) = self.procs.get_mut(&pid) {
                    process.pgtables -= table;
                }
            }
            done += page;
            if stop.is_some() {
                return outcome(pages, done, stop);
            }
        }
        MemOutcome::Done
    }

    fn map(&mut self, pid: Pid, size: Bytes, mapping: Mapping) -> MemOutcome {
        let pages = size.to_pages_ceil();
        let accounted = overcommit::accountable(&self.config.sysctl, mapping);
        let Some(process) = self.procs.get(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        if process.total_vm + pages > ADDRESS_SPACE {
            return MemOutcome::Refused(Errno::ENOMEM);
        }
        if accounted && !self.commit_granted(process, pages) {
            return MemOutcome::Refused(Errno::ENOMEM);
        }
        self.commit(pid, if accounted { pages } else { Pages::ZERO }, !mapping.shared);
        if let Some(process) = self.procs.get_mut(&pid) {
            process.total_vm += pages;
        }
        MemOutcome::Done
    }

    fn make_writable(&mut self, pid: Pid, size: Bytes) -> MemOutcome {
        let pages = size.to_pages_ceil();
        let Some(process) = self.procs.get(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        if !self.commit_granted(process, pages) {
            return MemOutcome::Refused(Errno::ENOMEM);
        }
        self.commit(pid, pages, true);
        MemOutcome::Done
    }

    /// Books a granted request. Shared memory is charged to its object, which fork does not copy.
    fn commit(&mut self, pid: Pid, pages: Pages, private: bool) {
        self.committed += pages;
        let Some(process) = self.procs.get_mut(&pid) else { return };
        if private {
            process.accounted += pages;
            process.largest_mapping = process.largest_mapping.max(pages);
        } else {
            process.rare_mut().accounted_shared += pages;
        }
    }

    fn touch_shmem(&mut self, now: SimTime, pid: Pid, pages: Pages) -> MemOutcome {
        let volume = match self.procs.get(&pid).and_then(|p| p.rare().shmem) {
            Some(volume) => volume,
            None => self.new_volume(Volume::Shmem { charges: Vec::new(), mappers: 1 }),
        };
        if let Some(process) = self.procs.get_mut(&pid) {
            process.rare_mut().shmem = Some(volume);
            let cgroup = process.cgroup;
            self.note_before_shared(cgroup);
        }
        result(pages, self.write_shmem(now, pid, volume, pages))
    }

    fn take_kernel(&mut self, now: SimTime, pid: Pid, purpose: Purpose, pages: Pages) -> MemOutcome {
        let Some(process) = self.procs.get(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let (done, stop) = self.charge(now, Charge { by: pid, cgroup: process.cgroup, purpose }, pages);
        outcome(pages, done, stop)
    }

    fn swap_in(&mut self, now: SimTime, pid: Pid, pages: Pages) -> MemOutcome {
        let Some(process) = self.procs.get(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let cgroup = process.cgroup;
        let want = pages.min(process.rare().swapents);
        let (done, stop) = self.charge(now, Charge { by: pid, cgroup, purpose: Purpose::SwapIn }, want);
        outcome(want, done, stop)
    }

    fn unmap(&mut self, pid: Pid, size: Bytes, mapping: Mapping, resident: Pages) -> MemOutcome {
        let Some(process) = self.procs.get_mut(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let cgroup = process.cgroup;
        let own = resident.min(process.anon_own);
        process.anon_own -= own;
        self.uncharge(cgroup, PageKind::Anon, own);
        let shared = self.drop_cow(pid, resident - own);
        let Some(process) = self.procs.get_mut(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let unlocked = process.rare().mlocked.saturating_sub(process.rss_anon());
        let swapped = (resident - own - shared).min(process.rare().swapents);
        if !swapped.is_zero() {
            process.rare_mut().swapents -= swapped;
        }
        if !unlocked.is_zero() {
            process.rare_mut().mlocked -= unlocked;
            self.note(cgroup, |c| c.locked_anon -= unlocked);
        }
        self.swap_freed(cgroup, swapped);
        let tables = self.unmap_virtual(pid, size, mapping, own + shared + swapped);
        self.uncharge(cgroup, PageKind::Kernel, tables);
        MemOutcome::Done
    }

    /// Virtual size, commit charge, and the page tables that are empty now.
    fn unmap_virtual(&mut self, pid: Pid, size: Bytes, mapping: Mapping, resident: Pages) -> Pages {
        let accountable = overcommit::accountable(&self.config.sysctl, mapping);
        let Some(process) = self.procs.get_mut(&pid) else { return Pages::ZERO };
        let pages = size.to_pages_ceil();
        process.total_vm = process.total_vm.saturating_sub(pages);
        if accountable {
            let pool = if mapping.shared { &mut process.rare_mut().accounted_shared } else { &mut process.accounted };
            let given_back = pages.min(*pool);
            *pool -= given_back;
            self.committed = self.committed.saturating_sub(given_back);
        }
        if size == Bytes::ZERO || mapping.shared {
            return Pages::ZERO;
        }
        process.pte_used = process.pte_used.saturating_sub(resident.get());
        let needed = process.pte_used.div_ceil(PTRS_PER_PTE);
        let tables = Pages::new(process.pte_room / PTRS_PER_PTE - needed).min(process.pgtables);
        process.pte_room = needed * PTRS_PER_PTE;
        process.pgtables -= tables;
        tables
    }

    fn unmap_shared(&mut self, pid: Pid, size: Bytes, resident: Pages) -> MemOutcome {
        let Some(process) = self.procs.get_mut(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let volume = process.rare().shmem;
        process.rare_mut().rss_shmem = process.rare().rss_shmem.saturating_sub(resident);
        self.unmap_virtual(pid, size, Mapping::SHARED, Pages::ZERO);
        let Some(volume) = volume else { return MemOutcome::Done };
        if matches!(self.volumes.get(volume.index()), Some(Volume::Shmem { mappers: 1, .. })) {
            self.free_shmem(volume, resident);
        }
        MemOutcome::Done
    }

    fn mlock(&mut self, pid: Pid, pages: Pages) -> MemOutcome {
        let Some(process) = self.procs.get_mut(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let more = pages.min(process.rss_anon().saturating_sub(process.rare().mlocked));
        process.rare_mut().mlocked += more;
        let cgroup = process.cgroup;
        self.note(cgroup, |c| c.locked_anon += more);
        MemOutcome::Done
    }

    fn page_out(&mut self, pid: Pid, pages: Pages) -> MemOutcome {
        let Some(process) = self.procs.get(&pid) else { return MemOutcome::Refused(Errno::ESRCH) };
        let cgroup = process.cgroup;
        let movable = process.anon_own.saturating_sub(process.rare().mlocked);
        let n = pages.min(movable).min(self.swap_free()).min(self.swap_room(cgroup));
        self.swap_out_process(pid, n);
        MemOutcome::Done
    }
}

/// The outcome of an operation on `pages`, of which `done` are done.
fn outcome(pages: Pages, done: Pages, stop: Option<Stop>) -> MemOutcome {
    let remaining = pages - done;
    match stop {
        None | Some(Stop::GivenUp) => MemOutcome::Done,
        Some(Stop::Dying) => MemOutcome::Dying,
        Some(Stop::Wait(until)) => MemOutcome::Wait { remaining, until },
        Some(Stop::Throttled(delay)) => MemOutcome::Throttled { remaining, delay },
    }
}

fn result(pages: Pages, done: Result<(Pages, Option<Stop>), Errno>) -> MemOutcome {
    match done {
        Ok((done, stop)) => outcome(pages, done, stop),
        Err(errno) => MemOutcome::Refused(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{KernelConfig, SpawnSpec};
    use crate::node_api::{CgroupWrite, OomReport, Signal};

    /// A process that touches this many pages at a time until it is killed at its pod's limit: its memory and tables,
    /// what is charged to its cgroup and to the pod, and the report.
    fn killed_at(limit: u64, at_once: Pages) -> ([Pages; 2], [Bytes; 4], Box<OomReport>) {
        let (mut k, now) = (Kernel::new(KernelConfig::new(Bytes::mib(512))), SimTime::ZERO);
        let (pod, group) = (k.mkdir_all("/pod"), k.mkdir_all("/pod/c"));
        let max = Some(Pages::new(limit).bytes());
        k.write(now, pod, &CgroupWrite { max, ..CgroupWrite::default() }).unwrap();
        let pid = k.spawn(now, &SpawnSpec::new("p", group)).unwrap();
        while k.apply(now, pid, MemOp::Touch { pages: at_once }) == MemOutcome::Done {}
        k.audit().unwrap();
        let (process, stats) = (k.process(pid).unwrap(), [group, pod].map(|g| k.stat(g)));
        let owned = [process.rss_anon(), process.pgtables];
        let [charged, above] = stats;
        let reports = k.take_signals().into_iter();
        let mut reports = reports.filter_map(|s| if let Signal::Oom { report, .. } = s { Some(report) } else { None });
        (owned, [charged.usage, charged.anon, above.usage, above.anon], reports.next().unwrap())
    }

    /// Blocks of whole tables below a limit change nothing: around one, two and more tables with 512 pages each.
    #[test]
    fn touching_blocks_is_touching_page_by_page() {
        for limit in [100, 600, 1026, 1027, 1540, 1560, 2052, 2565, 5000] {
            assert_eq!(killed_at(limit, Pages::new(1 << 20)), killed_at(limit, Pages::new(1)), "limit {limit}");
        }
    }
}
