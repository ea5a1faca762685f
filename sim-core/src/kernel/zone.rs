//! Zones, watermarks and reserves: how much of the node's memory an ordinary allocation can get.

use super::api::{KernelConfig, Thp};
use super::profile::PcpHigh;
use super::starve::SIX_BATCHES;
use crate::node_api::ZoneInfo;
use crate::units::{Bytes, Pages};

/// Pages of ZONE_DMA that the allocator manages (recordings global_oom, `zoneinfo_before`).
const DMA_MANAGED: u64 = 3840;
/// Pages of ZONE_DMA32 at most: up to 3 GiB, where PC-like machines put the device hole, less ZONE_DMA.
const DMA32_PRESENT: u64 = (3 << 18) - 4096;
/// `vm.lowmem_reserve_ratio` of DMA and DMA32.
const LOWMEM_RESERVE_RATIO: u64 = 256;
/// A 2 MiB pageblock.
const PAGEBLOCK: u64 = 512;

/// One zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `DMA`, `DMA32` or `Normal`.
    pub name: &'static str,
    /// Pages that the allocator manages.
    pub managed: Pages,
    /// Watermark min.
    pub min: Pages,
    /// Watermark low.
    pub low: Pages,
    /// Watermark high.
    pub high: Pages,
    /// `lowmem_reserve` against allocations that could use the highest zone.
    pub protection: Pages,
}

impl Zone {
    /// Pages that stay free here when an allocation with this watermark fails.
    fn kept(&self, watermark: Pages) -> Pages {
        (watermark + self.protection).min(self.managed)
    }
}

/// The node's zones, and what follows from them for the sum of all charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    /// Lowest first.
    pub zones: Vec<Zone>,
    /// `vm.min_free_kbytes` as in force.
    pub min_free_kbytes: u64,
    /// Charged pages at which free memory seems to be at the low watermarks, while the processors' lists are full.
    pub(super) full_lists_cap: Pages,
    /// … at which it is.
    pub(super) low_cap: Pages,
    /// … at the high watermarks: where background reclaim stops.
    pub(super) high_cap: Pages,
    /// Pages in the processors' lists, by which the last two come earlier.
    pub(super) in_lists: Pages,
    /// … at the min watermarks: where ordinary allocation fails.
    pub(super) min_cap: Pages,
}

impl Zones {
    /// The zones of a machine, with caps for `taken` pages in use that no cgroup is charged for.
    pub fn new(config: &KernelConfig, taken: Pages) -> Zones {
        let total = config.mem_total.to_pages_floor();
        let managed = split(total);
        let min_free_kbytes = match config.sysctl.min_free_kbytes {
            Some(kb) => kb,
            None => default_min_free_kbytes(total, managed.len() as u64, config.thp),
        };
        let zones = watermarks(&managed, min_free_kbytes, config.sysctl.watermark_scale_factor);
        let cap = |w: fn(&Zone) -> Pages| {
            let kept: Pages = zones.iter().map(|z| z.kept(w(z))).sum();
            total.saturating_sub(taken).saturating_sub(kept)
        };
        let min_cap = cap(|z| z.min);
        let in_lists = in_lists(config, &zones);
        let low_cap = cap(|z| z.low).saturating_sub(in_lists).min(min_cap);
        let high_cap = cap(|z| z.high).saturating_sub(in_lists).min(low_cap);
        let full_lists_cap = low_cap.saturating_sub(in_other_lists(config));
        Zones { zones, min_free_kbytes, full_lists_cap, low_cap, high_cap, in_lists, min_cap }
    }

    /// Free memory that no allocation may count on: per zone the largest reserve plus the high watermark
    /// (mm/page_alloc.c calculate_totalreserve_pages).
    pub fn total_reserve(&self) -> Pages {
        self.zones.iter().map(|z| (z.protection + z.high).min(z.managed)).sum()
    }

    /// Charged memory at which ordinary allocation fails: all that is left is kept back by the min watermarks.
    pub fn room(&self) -> Pages {
        self.min_cap
    }

    /// Sum of the high watermarks.
    pub fn high(&self) -> Pages {
        self.zones.iter().map(|z| z.high).sum()
    }

    /// Sum of the low watermarks.
    pub fn low(&self) -> Pages {
        self.zones.iter().map(|z| z.low).sum()
    }

    /// How `free` pages lie in the zones: the highest zone is used first, and each keeps what its watermark and
    /// protection hold back.
    pub fn report(&self, free: Pages) -> Vec<ZoneInfo> {
        let mut left = free;
        let mut out: Vec<ZoneInfo> = Vec::new();
        for zone in &self.zones {
            let here = zone.kept(zone.min).min(left);
            left -= here;
            out.push(ZoneInfo {
                name: zone.name,
                free: here,
                watermark: [zone.min, zone.low, zone.high],
                present: zone.managed,
                managed: zone.managed,
                protection: zone.protection,
            });
        }
        for zone in out.iter_mut() {
            let more = (zone.managed - zone.free).min(left);
            zone.free += more;
            left -= more;
        }
        out
    }
}

/// Managed pages by zone.
fn split(total: Pages) -> Vec<(&'static str, Pages)> {
    let dma = total.min(Pages::new(DMA_MANAGED));
    let dma32 = (total - dma).min(Pages::new(DMA32_PRESENT));
    let normal = total - dma - dma32;
    let zones = [("DMA", dma), ("DMA32", dma32), ("Normal", normal)];
    zones.into_iter().filter(|(_, pages)| !pages.is_zero()).collect()
}

/// mm/page_alloc.c __setup_per_zone_wmarks: min in proportion to the zone; the gap is the larger of a quarter of it and
/// `watermark_scale_factor` ten-thousandths of the zone (recordings global_oom: 14 of 14 zones).
fn watermarks(managed: &[(&'static str, Pages)], min_free_kbytes: u64, scale: u64) -> Vec<Zone> {
    let pages_min = min_free_kbytes / 4;
    let total: u64 = managed.iter().map(|(_, m)| m.get()).sum();
    let mut zones = Vec::new();
    for (i, (name, pages)) in managed.iter().enumerate() {
        let min = (u128::from(pages_min) * u128::from(pages.get()) / u128::from(total.max(1))) as u64;
        let gap = watermark_gap(Pages::new(min), *pages, scale).get();
        let above: u64 = managed[i + 1..].iter().map(|(_, m)| m.get()).sum();
        zones.push(Zone {
            name,
            managed: *pages,
            min: Pages::new(min),
            low: Pages::new(min + gap),
            high: Pages::new(min + 2 * gap),
            protection: Pages::new(above / LOWMEM_RESERVE_RATIO),
        });
    }
    zones
}

/// Pages from min to low and from low to high: a quarter of min or `vm.watermark_scale_factor` ten-thousandths of the
/// zone, whichever is larger.
pub fn watermark_gap(min: Pages, managed: Pages, scale_factor: u64) -> Pages {
    Pages::new((min.get() / 4).max(managed.get() * scale_factor / 10_000))
}

/// 4 × √(low memory in kB), at least 128 kB and at most 256 MiB (64 MiB before 5.9, which only matters above 256 GiB);
/// with transparent huge pages at least what khugepaged asks for (mm/khugepaged.c set_recommended_min_free_kbytes:
/// 11 pageblocks per zone, at most 5 % of memory; 45056 kB with two zones, 67584 kB with three).
pub fn default_min_free_kbytes(total: Pages, zones: u64, thp: Thp) -> u64 {
    let formula = (total.kib() * 16).isqrt().clamp(128, 262_144);
    if thp == Thp::Never {
        return formula;
    }
    let recommended = (zones * PAGEBLOCK * 11).min(total.get() / 20);
    formula.max(recommended * 4)
}

/// Pages that lie in the CPUs' lists while only background reclaim works: the watermark checks do not see them, so it
/// begins and ends that much earlier. Direct reclaim drains them. A fifth of what the lists may hold: in the stories of
/// family 7 on 6.12 10 MiB of 55 (memory that no counter lists is 16 to 24 MiB then, and 9 at a node OOM).
fn in_lists(config: &KernelConfig, zones: &[Zone]) -> Pages {
    let may = match config.profile.pcp_high {
        PcpHigh::SixBatches => Pages::new(SIX_BATCHES.get() * u64::from(config.cpus)),
        PcpHigh::LowWatermark | PcpHigh::AutoTuned => zones.iter().map(|z| z.low).max().unwrap_or(Pages::ZERO),
    };
    Pages::new(may.get() / 5)
}

/// Pages in the lists of the processors on which the program does not run, before memory is short: a third of what
/// they may hold where they grow with what is freed, an eighth of memory for all (mm/page_alloc.c zone_highsize;
/// recordings node of 6.12 and 7.3 with two processors: 5600 of 15,100 in the mean of six rows, 3200 of 11,100 of
/// three).
fn in_other_lists(config: &KernelConfig) -> Pages {
    let cpus = u64::from(config.cpus.max(1));
    match config.profile.pcp_high {
        PcpHigh::SixBatches | PcpHigh::LowWatermark => Pages::ZERO,
        PcpHigh::AutoTuned => Pages::new(config.mem_total.to_pages_floor().get() / (24 * cpus) * (cpus - 1)),
    }
}

/// Memory taken before any cgroup is charged: the kernel's own and the huge-page pool.
pub(super) fn taken(config: &KernelConfig) -> Pages {
    let kernel: Bytes = config.kernel_memory;
    kernel.to_pages_ceil() + config.sysctl.hugetlb()
}
