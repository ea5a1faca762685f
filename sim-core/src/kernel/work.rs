//! What reclaim, reading back and swapping cost: pages are counted as they are moved, and a disk says how long that
//! takes.

use super::Kernel;
use super::api::SwapDevice;
use crate::units::{Bytes, Pages, SimDuration, VolumeId};
use serde::Serialize;
use std::collections::BTreeMap;

/// A disk, as far as waiting for it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Disk {
    /// From a request to its first byte.
    pub latency: SimDuration,
    /// Bytes per second.
    pub bandwidth: Bytes,
    /// What the processor needs for a page that is freed or moved.
    pub page: SimDuration,
}

impl Disk {
    /// What a page costs the processor unless it is stated: about the time of one page fault.
    pub const PAGE: SimDuration = SimDuration::from_micros(1);
    /// The least bandwidth that is taken.
    pub const SLOWEST: Bytes = Bytes::kib(4);
    /// Kinds of disk by name. `network` is the baseline of an AWS gp3 volume (3000 requests and 125 MiB a second); the
    /// others are assumed, as usual data sheets have them.
    pub const KINDS: [(&str, Disk); 4] = [
        ("nvme", Disk::kind(100, 2048)),
        ("ssd", Disk::kind(250, 500)),
        ("hdd", Disk::kind(8000, 150)),
        ("network", Disk::kind(1000, 125)),
    ];

    const fn kind(latency_us: u64, mib_per_s: u64) -> Disk {
        Disk { latency: SimDuration::from_micros(latency_us), bandwidth: Bytes::mib(mib_per_s), page: Disk::PAGE }
    }

    /// The emulated disk of the recordings: one set for all kernels, of medians.
    pub const RECORDED: Disk =
        Disk { latency: SimDuration::from_micros(600), bandwidth: Bytes::mib(60), page: SimDuration::from_micros(18) };
}

/// Pages of a readahead window: one request (128 KiB).
const WINDOW: u64 = 32;
/// Pages of swap that one request reads (`vm.page-cluster` = 3).
const CLUSTER: u64 = 8;

/// Pages that cost as much as compressing one, or decompressing it (recordings swap with zram, per page: 23 µs on 6.12,
/// 100 to 160 on 6.1 and 7.3, where a page that is moved costs 18).
const COMPRESSION: u64 = 6;
/// Pages that cost as much as what reclaim tries in vain before the OOM killer of a cgroup runs: 16 times
/// (MAX_RECLAIM_RETRIES) through 13 priorities, each about as much as 16 pages (recordings swap: 10 to 371 ms, 69 in
/// the middle).
const IN_VAIN: u64 = 16 * 13 * 16;

/// Pages that were moved for a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Cache that was dropped.
    pub dropped: Pages,
    /// Part of them that had been written, which goes to the disk first.
    pub written_back: Pages,
    /// Pages of files that were in the cache before, read again.
    pub read_back: Pages,
    /// Pages written to swap.
    pub swapped_out: Pages,
    /// Pages read from swap.
    pub swapped_in: Pages,
    /// How often reclaim found nothing until the OOM killer ran.
    pub in_vain: u64,
}

impl Work {
    /// How long a process waits for it.
    pub fn takes(&self, disk: &Disk, swap: SwapDevice) -> SimDuration {
        let reads = |pages: Pages, at_once: u64| {
            SimDuration::from_nanos(disk.latency.as_nanos().saturating_mul(pages.get().div_ceil(at_once)))
        };
        let moved =
            |pages: Pages| SimDuration::from_secs(1).mul_ratio(pages.bytes().get(), disk.bandwidth.get().max(1));
        let all = self.dropped + self.read_back + self.swapped_out + self.swapped_in;
        let by_cpu = |pages: u64| SimDuration::from_nanos(disk.page.as_nanos().saturating_mul(pages));
        let swapped = match swap {
            SwapDevice::Zram => by_cpu((self.swapped_in + self.swapped_out).get().saturating_mul(COMPRESSION)),
            SwapDevice::Disk => reads(self.swapped_in, CLUSTER) + moved(self.swapped_in + self.swapped_out),
        };
        let worked = by_cpu(all.get().saturating_add(self.in_vain.saturating_mul(IN_VAIN)));
        worked + swapped + reads(self.read_back, WINDOW) + moved(self.read_back + self.written_back)
    }
}

/// The count, where a disk is given.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkCount {
    work: Work,
    /// Pages of each file that were dropped and not read again.
    dropped: BTreeMap<VolumeId, Pages>,
    /// Pages of each file that were written and are in the cache.
    dirty: BTreeMap<VolumeId, Pages>,
}

impl Kernel {
    /// What has been moved since the last call; nothing unless the kernel was given a disk.
    #[inline]
    pub fn take_work(&mut self) -> Work {
        self.work.as_deref_mut().map_or(Work::default(), |count| std::mem::take(&mut count.work))
    }

    /// How long that takes; zero unless the kernel was given a disk.
    #[inline]
    pub fn time_worked(&mut self) -> SimDuration {
        let Some(disk) = self.config.disk else { return SimDuration::ZERO };
        let work = self.take_work();
        if work == Work::default() { SimDuration::ZERO } else { work.takes(&disk, self.config.swap_device) }
    }

    pub(super) fn note_dropped(&mut self, file: VolumeId, pages: Pages) {
        let Some(count) = self.work.as_deref_mut() else { return };
        count.work.dropped += pages;
        *count.dropped.entry(file).or_insert(Pages::ZERO) += pages;
        if let Some(dirty) = count.dirty.get_mut(&file) {
            let written = pages.min(*dirty);
            *dirty -= written;
            count.work.written_back += written;
        }
    }

    pub(super) fn note_written(&mut self, file: VolumeId, pages: Pages) {
        if let Some(count) = self.work.as_deref_mut() {
            *count.dirty.entry(file).or_insert(Pages::ZERO) += pages;
        }
    }

    pub(super) fn note_read(&mut self, file: VolumeId, pages: Pages) {
        let Some(count) = self.work.as_deref_mut() else { return };
        let Some(dropped) = count.dropped.get_mut(&file) else { return };
        let back = pages.min(*dropped);
        *dropped -= back;
        count.work.read_back += back;
    }

    pub(super) fn note_in_vain(&mut self) {
        if let Some(count) = self.work.as_deref_mut() {
            count.work.in_vain += 1;
        }
    }

    pub(super) fn note_swapped(&mut self, out: Pages, back: Pages) {
        if let Some(count) = self.work.as_deref_mut() {
            count.work.swapped_out += out;
            count.work.swapped_in += back;
        }
    }
}
