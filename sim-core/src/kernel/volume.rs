//! Files with cached pages, tmpfs volumes, and shared anonymous memory.

use super::Kernel;
use super::cgroup::{CacheChunk, Charge, PageKind, Purpose, Stop};
use super::memory::PTRS_PER_PTE;
use super::profile::Lru;
use super::readahead::Stream;
use super::{Errno, FileAccess};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimTime, VolumeId};

/// Pages of a tmpfs or shared mapping by the cgroup that pays for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShmemCharge {
    pub(super) cgroup: CgroupId,
    pub(super) resident: Pages,
    pub(super) swapped: Pages,
}

/// What a [`VolumeId`] stands for.
#[derive(Clone, Debug)]
pub(super) enum Volume {
    /// A file on disk. Its cached pages are the range of `cached` pages from `head`, wrapping round at `size`: reading
    /// in order appends at the end, reclaim takes from the head.
    File { size: Pages, head: Pages, cached: Pages, mappers: Vec<Pid>, stream: Stream },
    /// A tmpfs: lives until removed.
    Tmpfs { limit: Pages, charges: Vec<ShmemCharge>, noswap: bool },
    /// Shared anonymous memory: lives as long as a process maps it.
    Shmem { charges: Vec<ShmemCharge>, mappers: u32 },
    /// Removed.
    Gone,
}

impl Kernel {
    /// A file of this size, nothing of it cached.
    pub fn create_file(&mut self, size: Bytes) -> VolumeId {
        let size = size.to_pages_ceil();
        self.new_volume(Volume::File {
            size,
            head: Pages::ZERO,
            cached: Pages::ZERO,
            mappers: Vec::new(),
            stream: Stream::default(),
        })
    }

    /// An empty tmpfs; `None`: as large as memory allows.
    pub fn create_tmpfs(&mut self, limit: Option<Bytes>) -> VolumeId {
        let limit = limit.map_or(Pages::MAX, Bytes::to_pages_floor);
        self.new_volume(Volume::Tmpfs { limit, charges: Vec::new(), noswap: false })
    }

    /// An empty tmpfs whose pages stay in memory (mount option `noswap`). A kernel that does not know the option
    /// swaps it as any other: the kubelet leaves the option out there.
    pub fn create_noswap_tmpfs(&mut self) -> VolumeId {
        let noswap = self.config.profile.tmpfs_noswap;
        self.new_volume(Volume::Tmpfs { limit: Pages::MAX, charges: Vec::new(), noswap })
    }

    pub(super) fn new_volume(&mut self, volume: Volume) -> VolumeId {
        self.volumes.push(volume);
        VolumeId(self.volumes.len() as u32 - 1)
    }

    /// Pages of a volume in memory and in swap.
    pub fn volume_pages(&self, volume: VolumeId) -> (Pages, Pages) {
        match self.volumes.get(volume.index()) {
            Some(Volume::File { cached, .. }) => (*cached, Pages::ZERO),
            Some(Volume::Tmpfs { charges, .. } | Volume::Shmem { charges, .. }) => {
                (charges.iter().map(|c| c.resident).sum(), charges.iter().map(|c| c.swapped).sum())
            }
            Some(Volume::Gone) | None => (Pages::ZERO, Pages::ZERO),
        }
    }

    /// Unmounts a tmpfs or deletes a file: all its pages are freed.
    ///
    /// # Errors
    /// ENOENT when there is no such volume.
    pub fn remove_volume(&mut self, volume: VolumeId) -> Result<(), Errno> {
        match self.volumes.get(volume.index()) {
            None | Some(Volume::Gone) => return Err(Errno::ENOENT),
            Some(Volume::File { .. }) => self.drop_cache(volume),
            Some(_) => {
                let (resident, swapped) = self.volume_pages(volume);
                self.free_shmem(volume, resident + swapped);
            }
        }
        self.volumes[volume.index()] = Volume::Gone;
        self.announce_freed();
        Ok(())
    }

    /// Frees `pages` of a tmpfs (files deleted in it), swapped-out ones last. Returns how many there were.
    ///
    /// # Errors
    /// ENOENT when there is no such tmpfs.
    pub fn truncate_tmpfs(&mut self, volume: VolumeId, pages: Pages) -> Result<Pages, Errno> {
        let Some(Volume::Tmpfs { .. }) = self.volumes.get(volume.index()) else { return Err(Errno::ENOENT) };
        let freed = self.free_shmem(volume, pages);
        self.announce_freed();
        Ok(freed)
    }

    fn drop_cache(&mut self, file: VolumeId) {
        for index in 0..self.cgroups.len() {
            let cg = CgroupId(index as u32);
            let Some(at) = self.cgroups[index].rare().cache.iter().position(|c| c.file == file) else { continue };
            let chunk = self.cgroups[index].rare_mut().cache.remove(at);
            self.uncharge(cg, PageKind::InactiveFile, chunk.inactive);
            self.uncharge(cg, PageKind::ActiveFile, chunk.active);
            self.uncharge(cg, PageKind::LockedFile, chunk.locked);
            self.cgroups[index].rare_mut().shadows = Pages::ZERO;
            self.trim_index(cg);
            self.forget_cached(file, chunk.pages());
        }
    }

    /// Reclaim has dropped cached pages of a file: its head moves on, mappings lose them.
    pub(super) fn forget_cached(&mut self, file: VolumeId, pages: Pages) {
        let Some(Volume::File { size, head, cached, mappers, .. }) = self.volumes.get_mut(file.index()) else { return };
        *cached -= pages;
        *head = Pages::new((head.get() + pages.get()) % size.get().max(1));
        let cached = *cached;
        for pid in mappers.iter() {
            if let Some(process) = self.procs.get_mut(pid) {
                let rare = process.rare_mut();
                for (_, mapped) in rare.files.iter_mut().filter(|(f, _)| *f == file) {
                    rare.file_mapped -= mapped.saturating_sub(cached);
                    *mapped = (*mapped).min(cached);
                }
            }
        }
    }

    /// Reads or writes pages in order, a mapping's page tables first. Returns how many and what stopped it.
    pub(super) fn access_file(
        &mut self,
        now: SimTime,
        by: Pid,
        file: VolumeId,
        range: (Pages, Pages),
        how: FileAccess,
    ) -> Result<(Pages, Option<Stop>), Errno> {
        if how != FileAccess::Mmap {
            return self.access_pages(now, by, file, range, how);
        }
        if let Some(stop) = self.charge_file_tables(now, by, range.1) {
            return Ok((Pages::ZERO, Some(stop)));
        }
        let result = self.access_pages(now, by, file, range, how);
        let done = result.as_ref().map_or(Pages::ZERO, |(done, _)| *done);
        if let Some(process) = self.procs.get_mut(&by) {
            process.rare_mut().file_ptes -= (range.1 - done).get();
        }
        result
    }

    fn access_pages(
        &mut self,
        now: SimTime,
        by: Pid,
        file: VolumeId,
        range: (Pages, Pages),
        how: FileAccess,
    ) -> Result<(Pages, Option<Stop>), Errno> {
        let (from, pages) = range;
        let mut done = Pages::ZERO;
        // Up to here readahead knows what is read.
        let mut requested = from;
        while done < pages {
            let at = (from + done).get();
            let Some(Volume::File { size, head, cached, .. }) = self.volumes.get_mut(file.index()) else {
                return Err(Errno::ENOENT);
            };
            if at >= size.get() {
                return Err(Errno::EINVAL);
            }
            if cached.is_zero() {
                *head = Pages::new(at);
            }
            let (size, head, cached) = (size.get(), head.get(), cached.get());
            let behind_head = (at + size - head) % size;
            let want = (pages - done).get().min(size - at);
            if behind_head < cached {
                let hit = Pages::new(want.min(cached - behind_head));
                self.hit_cached(by, file, hit, how);
                done += hit;
            } else {
                let end = Kernel::request_end(from, from + done).min(from + pages);
                let in_order = self.config.profile.file_folios
                    && behind_head == cached
                    && how == FileAccess::Read
                    && end <= Pages::new(size);
                if in_order && requested < end {
                    let request = (std::mem::replace(&mut requested, end), end);
                    if self.read_request(now, by, file, request) {
                        continue;
                    }
                }
                // Behind those that are missing the cached ones begin, where the range wraps round.
                let missing = size - behind_head;
                let most = if in_order { (end - from - done).get().min(missing) } else { missing };
                let miss = Pages::new(want.min(most));
                let (loaded, stop) = self.load_pages(now, by, file, miss, how);
                done += loaded;
                if stop.is_some() {
                    return Ok((done, stop));
                }
            }
        }
        if how != FileAccess::Write && requested < from + done {
            self.read_ahead(now, by, file, (requested, from + done), how);
        }
        Ok((done, None))
    }

    /// Pages that are read before a program asks for them. Nothing is killed for these. Returns how many there was
    /// room for.
    pub(super) fn load_ahead(&mut self, now: SimTime, by: Pid, file: VolumeId, pages: Pages) -> Pages {
        let Some(cgroup) = self.procs.get(&by).map(|p| p.cgroup) else { return Pages::ZERO };
        let purpose = Purpose::File { file, young: false, how: FileAccess::Read, ahead: true };
        let (loaded, _) = self.charge_cached(now, Charge { by, cgroup, purpose }, pages, false);
        if let Some(chunk) = self.cgroups[cgroup.index()].cache_mut().iter_mut().find(|c| c.file == file) {
            chunk.unread = (chunk.unread + loaded).min(chunk.inactive);
        }
        loaded
    }

    /// Page tables for this many more pages of files in a process's address space.
    fn charge_file_tables(&mut self, now: SimTime, by: Pid, pages: Pages) -> Option<Stop> {
        let Some(process) = self.procs.get(&by) else { return Some(Stop::Dying) };
        let had = process.rare().file_ptes;
        let tables = (had + pages.get()).div_ceil(PTRS_PER_PTE) - had.div_ceil(PTRS_PER_PTE);
        let charge = Charge { by, cgroup: process.cgroup, purpose: Purpose::PageTables };
        let (charged, stop) = self.charge(now, charge, Pages::new(tables));
        if stop.is_none() {
            self.procs.get_mut(&by)?.rare_mut().file_ptes += pages.get();
        } else if let Some(process) = self.procs.get_mut(&by) {
            // The next attempt asks for all of them again.
            process.pgtables -= charged;
            self.uncharge(charge.cgroup, PageKind::Kernel, charged);
        }
        stop
    }

    /// Cached pages are used again. `read` of the classic LRU activates them; mapped pages only show their age when
    /// reclaim looks, and MGLRU leaves read pages where they are (recordings of node stories, page cache family).
    fn hit_cached(&mut self, by: Pid, file: VolumeId, pages: Pages, how: FileAccess) {
        if how == FileAccess::Mmap && (self.lru() == Lru::Classic || self.spares_mapped_once()) {
            self.map_again(file, pages);
        }
        if how == FileAccess::Read && self.lru() == Lru::Classic {
            let mut left = pages;
            for index in 0..self.cgroups.len() {
                let cg = CgroupId(index as u32);
                let Some(chunk) = self.cgroups[index].cache_mut().iter_mut().find(|c| c.file == file) else { continue };
                // The first access only marks a page as referenced. Reading in does that at once, writing does not
                // (mm/filemap.c: access activations on reads only, since 4.7; story s1-F07-008).
                let marked = chunk.unread.min(left);
                chunk.unread -= marked;
                left -= marked;
                let n = (chunk.inactive - chunk.unread).min(left);
                chunk.inactive -= n;
                chunk.active += n;
                chunk.referenced = chunk.referenced.min(chunk.inactive);
                left -= n;
                self.convert(cg, PageKind::InactiveFile, PageKind::ActiveFile, n);
            }
        }
        if how == FileAccess::Mmap {
            self.map_pages(by, file, pages);
        }
    }

    /// Pages that are mapped get a second mapping: page_check_references activates what more than one page-table entry
    /// refers to (mm/vmscan.c), but not before reclaim looks. Where one entry is enough this renews it.
    fn map_again(&mut self, file: VolumeId, pages: Pages) {
        let mapped =
            self.procs.values().flat_map(|p| &p.rare().files).filter(|(f, _)| *f == file).map(|(_, n)| *n).max();
        let chunks = self.cgroups.iter().flat_map(|g| &g.rare().cache).filter(|c| c.file == file);
        let twice: Pages = chunks.map(|c| c.referenced).sum();
        let mut left = pages.min(mapped.unwrap_or(Pages::ZERO).saturating_sub(twice));
        for chunk in self.cgroups.iter_mut().flat_map(|g| g.cache_mut()).filter(|c| c.file == file) {
            let n = (chunk.inactive - chunk.referenced).min(left);
            chunk.referenced += n;
            left -= n;
        }
    }

    fn load_pages(
        &mut self,
        now: SimTime,
        by: Pid,
        file: VolumeId,
        pages: Pages,
        how: FileAccess,
    ) -> (Pages, Option<Stop>) {
        let Some(cgroup) = self.procs.get(&by).map(|p| p.cgroup) else { return (Pages::ZERO, Some(Stop::Dying)) };
        // Pages faulted in through a mapping enter MGLRU's youngest generation, which memory.stat counts as active.
        let young = how == FileAccess::Mmap && self.lru() == Lru::Mglru && self.config.profile.mapped_once_is_young;
        let charge = Charge { by, cgroup, purpose: Purpose::File { file, young, how, ahead: false } };
        self.charge_cached(now, charge, pages, how == FileAccess::Write)
    }

    /// Freshly charged pages of a file join its cache.
    pub(super) fn book_file(&mut self, charge: &Charge, file: VolumeId, young: bool, how: FileAccess, pages: Pages) {
        let (inactive, active) = if young { (Pages::ZERO, pages) } else { (pages, Pages::ZERO) };
        let buffered = if how == FileAccess::Write { pages } else { Pages::ZERO };
        let mapped_once = how == FileAccess::Mmap && self.spares_mapped_once();
        let referenced = if mapped_once { inactive } else { Pages::ZERO };
        let (locked, unread) = (Pages::ZERO, buffered.min(inactive));
        let chunk = CacheChunk { file, inactive, active, locked, referenced, unread, buffered, second: Pages::ZERO };
        self.cgroups[charge.cgroup.index()].absorb_chunk(chunk);
        if let Some(Volume::File { cached, .. }) = self.volumes.get_mut(file.index()) {
            *cached += pages;
        }
        match how {
            FileAccess::Write => self.note_written(file, pages),
            FileAccess::Read | FileAccess::Mmap => self.note_read(file, pages),
        }
        if how == FileAccess::Mmap {
            self.map_pages(charge.by, file, pages);
            self.join_second_generation(charge.by, file, inactive);
        }
    }

    fn map_pages(&mut self, by: Pid, file: VolumeId, pages: Pages) {
        let Some(Volume::File { cached, mappers, .. }) = self.volumes.get_mut(file.index()) else { return };
        if !mappers.contains(&by) {
            mappers.push(by);
        }
        let cached = *cached;
        let Some(process) = self.procs.get_mut(&by) else { return };
        let rare = process.rare_mut();
        let index = rare.files.iter().position(|(f, _)| *f == file).unwrap_or_else(|| {
            rare.files.push((file, Pages::ZERO));
            rare.files.len() - 1
        });
        let mapped = &mut rare.files[index].1;
        let now_mapped = (*mapped + pages).min(cached);
        rare.file_mapped = rare.file_mapped + now_mapped - *mapped;
        *mapped = now_mapped;
    }

    /// Locks a file's cached pages in memory.
    pub(super) fn lock_file(&mut self, file: VolumeId) {
        for index in 0..self.cgroups.len() {
            let cg = CgroupId(index as u32);
            let Some(chunk) = self.cgroups[index].cache_mut().iter_mut().find(|c| c.file == file) else { continue };
            let (inactive, active) = (chunk.inactive, chunk.active);
            (chunk.inactive, chunk.active) = (Pages::ZERO, Pages::ZERO);
            (chunk.referenced, chunk.unread, chunk.second) = (Pages::ZERO, Pages::ZERO, Pages::ZERO);
            chunk.locked += inactive + active;
            self.convert(cg, PageKind::InactiveFile, PageKind::LockedFile, inactive);
            self.convert(cg, PageKind::ActiveFile, PageKind::LockedFile, active);
        }
    }

    /// Writes new pages of a tmpfs or shared mapping, charged to the writer's cgroup.
    pub(super) fn write_shmem(
        &mut self,
        now: SimTime,
        by: Pid,
        volume: VolumeId,
        pages: Pages,
    ) -> Result<(Pages, Option<Stop>), Errno> {
        let (resident, swapped) = self.volume_pages(volume);
        match self.volumes.get(volume.index()) {
            Some(Volume::Tmpfs { limit, .. }) if resident + swapped + pages > *limit => return Err(Errno::ENOSPC),
            Some(Volume::Tmpfs { .. } | Volume::Shmem { .. }) => {}
            _ => return Err(Errno::ENOENT),
        }
        let cgroup = self.procs.get(&by).map(|p| p.cgroup).ok_or(Errno::ESRCH)?;
        Ok(self.charge_cached(now, Charge { by, cgroup, purpose: Purpose::Shmem(volume) }, pages, false))
    }

    /// Freshly charged shared pages join their object, and the writer's RSS if it is a shared mapping.
    pub(super) fn book_shmem(&mut self, by: Pid, volume: VolumeId, cgroup: CgroupId, pages: Pages) {
        if let Some(process) = self.procs.get_mut(&by).filter(|p| p.rare().shmem == Some(volume)) {
            process.rare_mut().rss_shmem += pages;
        }
        let Some(charges) = self.shmem_charges(volume) else { return };
        match charges.iter_mut().find(|c| c.cgroup == cgroup) {
            Some(charge) => charge.resident += pages,
            None => charges.push(ShmemCharge { cgroup, resident: pages, swapped: Pages::ZERO }),
        }
    }

    /// Frees pages of a tmpfs or shared mapping; returns how many.
    pub(super) fn free_shmem(&mut self, volume: VolumeId, pages: Pages) -> Pages {
        let mut left = pages;
        let mut freed = Vec::new();
        let Some(charges) = self.shmem_charges(volume) else { return Pages::ZERO };
        for charge in charges.iter_mut().rev() {
            let resident = charge.resident.min(left);
            charge.resident -= resident;
            left -= resident;
            let swapped = charge.swapped.min(left);
            charge.swapped -= swapped;
            left -= swapped;
            freed.push((charge.cgroup, resident, swapped));
        }
        charges.retain(|c| !(c.resident + c.swapped).is_zero());
        for (cgroup, resident, swapped) in freed {
            self.uncharge(cgroup, PageKind::Shmem, resident);
            self.trim_index(cgroup);
            self.swap_freed(cgroup, swapped);
        }
        pages - left
    }

    /// One process less maps a shared mapping; the last one frees it.
    pub(super) fn unmap_shmem(&mut self, volume: VolumeId) {
        let Some(Volume::Shmem { mappers, .. }) = self.volumes.get_mut(volume.index()) else { return };
        *mappers = mappers.saturating_sub(1);
        if *mappers == 0 {
            let (resident, swapped) = self.volume_pages(volume);
            self.free_shmem(volume, resident + swapped);
            self.volumes[volume.index()] = Volume::Gone;
        }
    }

    /// Volumes with shared pages charged to a cgroup that could go to swap.
    pub(super) fn shmem_charged_to(&self, cg: CgroupId) -> Vec<(VolumeId, Pages)> {
        let mut out = Vec::new();
        if self.cgroups[cg.index()].total.shmem.is_zero() || self.local(cg).shmem.is_zero() {
            return out;
        }
        for (index, volume) in self.volumes.iter().enumerate() {
            if let Volume::Tmpfs { charges, noswap: false, .. } | Volume::Shmem { charges, .. } = volume {
                let pages = charges.iter().filter(|c| c.cgroup == cg).map(|c| c.resident).sum();
                out.push((VolumeId(index as u32), pages));
            }
        }
        out
    }

    pub(super) fn swap_out_volume(&mut self, volume: VolumeId, cg: CgroupId, pages: Pages) {
        let Some(charges) = self.shmem_charges(volume) else { return };
        for charge in charges.iter_mut().filter(|c| c.cgroup == cg) {
            charge.resident -= pages;
            charge.swapped += pages;
        }
        self.uncharge(cg, PageKind::Shmem, pages);
        self.leave_shadows(cg, pages);
        self.note_swapped(pages, Pages::ZERO);
        self.note(cg, |c| c.swap += pages);
        self.clamp_shmem_rss(volume);
    }

    /// Mappers of a shared mapping see at most what is in memory.
    fn clamp_shmem_rss(&mut self, volume: VolumeId) {
        let (resident, _) = self.volume_pages(volume);
        for process in self.procs.values_mut().filter(|p| p.rare().shmem == Some(volume)) {
            process.rare_mut().rss_shmem = process.rare().rss_shmem.min(resident);
        }
    }

    fn shmem_charges(&mut self, volume: VolumeId) -> Option<&mut Vec<ShmemCharge>> {
        match self.volumes.get_mut(volume.index())? {
            Volume::Tmpfs { charges, .. } | Volume::Shmem { charges, .. } => Some(charges),
            Volume::File { .. } | Volume::Gone => None,
        }
    }

    /// The charges of a removed cgroup belong to its parent.
    pub(super) fn move_volume_charges(&mut self, from: CgroupId, to: CgroupId) {
        for index in 0..self.volumes.len() {
            let Some(charges) = self.shmem_charges(VolumeId(index as u32)) else { continue };
            let Some(at) = charges.iter().position(|c| c.cgroup == from) else { continue };
            let moved = charges.remove(at);
            match charges.iter_mut().find(|c| c.cgroup == to) {
                Some(there) => {
                    there.resident += moved.resident;
                    there.swapped += moved.swapped;
                }
                None => charges.push(ShmemCharge { cgroup: to, ..moved }),
            }
        }
    }
}
