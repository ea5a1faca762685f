//! How far background reclaim of the whole node goes, and what programs do beside it: what is up to chance there.

use super::Kernel;
use super::api::SwapDevice;
use super::generations::BATCH;
use super::profile::Lru;
use crate::units::Pages;

/// How far background reclaim goes above the high watermarks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beyond {
    pub pages: Pages,
    /// It swaps for that as well, and does not only drop cache.
    pub swaps: bool,
    /// Of a hundred pages that are swapped out meanwhile those that programs do themselves.
    pub by_programs: u64,
}

impl Kernel {
    /// Pages by which background reclaim goes beyond the high watermarks: while it is awake these are raised where
    /// memory is fragmented, by up to one and a half times as much (mm/page_alloc.c boost_watermark), and less is
    /// likelier (recordings protect_global of 6.12 and 7.3, 31 steps: 0 to 2040 more than the least, 670 on average).
    /// Compressed pages fragment it, up to 7.1: it is all of that with zram (recordings node_3230 of 6.12: 2180 to 2800
    /// with what the last walk takes beyond, at the six looks after it was over), and nothing later (7.3: 3 to 65 at
    /// four). It swaps for that, as raised watermarks are as good as others while they are not reached (mm/vmscan.c
    /// balance_pgdat).
    pub(super) fn draw_beyond_high(&mut self) -> Beyond {
        let by_programs = self.draw_swapped_by_programs();
        let swaps = self.swaps_beyond();
        Beyond { pages: self.draw_boost(swaps), swaps, by_programs }
    }

    fn draw_boost(&mut self, swaps: bool) -> Pages {
        if self.lru() == Lru::Classic {
            return self.draw_in_classic_lists();
        }
        if !swaps && !self.goes_beyond() {
            return Pages::ZERO;
        }
        let high = self.zones.zones.iter().map(|zone| zone.high).max().unwrap_or(Pages::ZERO);
        let most = high.get() * 3 / 2;
        if swaps && self.config.swap_device == SwapDevice::Zram {
            return Pages::new(most);
        }
        Pages::new(self.draw_beyond(most + 1).min(self.draw_beyond(most + 1)))
    }

    /// With the classic LRU what lies in the processors' lists, which the watermark checks do not see: of several up to
    /// twice as much as in the middle (recordings node_3120_0, two steps each: of 6.1, where these lists hold up to a
    /// low watermark, 149 pages more and 161 less than that, of 5.10, with six batches each, 16 more and 25 less).
    fn draw_in_classic_lists(&mut self) -> Pages {
        let in_lists = self.zones.in_lists;
        if self.config.cpus == 1 || in_lists.is_zero() {
            return in_lists;
        }
        Pages::new(self.draw_beyond(in_lists.get() * 2 + 1))
    }

    /// Background reclaim has not come to its end when the operation that woke it is over, as compressing takes long
    /// (recordings node_3230 of 6.12: at one of six looks 900 pages were to come).
    pub(super) fn draw_not_over(&mut self) -> bool {
        self.config.swap_device == SwapDevice::Zram && self.draw_beyond(6) == 0
    }

    /// Pages by which it does when memory first seems to be short, as they lie in the lists of other processors: any
    /// part of what may be there (recordings node of 6.12 and 7.3, two processors with lists of up to 5000 pages: 1150,
    /// 1630, 2720 and 4600, and in three rows less than 1700, 2800 and 3700).
    pub(super) fn draw_in_lists(&mut self) -> Beyond {
        if !self.goes_beyond() {
            let pages = if self.lru() == Lru::Classic { self.draw_in_classic_lists() } else { Pages::ZERO };
            return Beyond { pages, swaps: false, by_programs: self.draw_swapped_by_programs() };
        }
        let most = self.zones.low_cap - self.zones.full_lists_cap;
        let in_lists = Pages::new(self.draw_beyond(most.get() + 1));
        if !self.swaps_beyond() {
            return Beyond { pages: in_lists, swaps: false, by_programs: self.draw_swapped_by_programs() };
        }
        let boosted = self.draw_beyond_high();
        Beyond { pages: boosted.pages.max(in_lists), ..boosted }
    }

    /// Calls that programs make while background reclaim walks over cgroups that have to be aged first (recordings
    /// node_3230_0 of 6.12: 34 and 26 beside about seven and five walks).
    pub(super) fn draw_calls_meanwhile(&mut self) -> u64 {
        1 + self.draw_beyond(8)
    }

    /// A number below this, from the stream of background reclaim.
    pub(super) fn draw_beyond(&mut self, below: u64) -> u64 {
        self.draws.beyond().below(below)
    }

    fn swaps_beyond(&self) -> bool {
        self.lru() == Lru::Mglru && !self.takes_single_folios() && self.swap_free() >= BATCH
    }

    /// There is cache to take beyond the watermarks.
    fn goes_beyond(&self) -> bool {
        self.lru() == Lru::Mglru && !self.cgroups[0].total.evictable_file().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{KernelConfig, Profile};
    use crate::units::Bytes;

    /// Recordings node_3230: free memory ends 2180 to 2800 pages above the high watermarks on 6.12.117, where a walk
    /// takes up to 1280 at a time, and 3 to 65 on 7.3.4.
    #[test]
    fn with_zram_background_reclaim_swaps_beyond_the_watermarks_up_to_7_1() {
        let beyond = |version| {
            let (profile, swap_total) = (Profile::named(version).unwrap(), Bytes::mib(256));
            let config = KernelConfig { profile, swap_total, ..KernelConfig::new(Bytes::mib(768)) };
            Kernel::new(KernelConfig { swap_device: SwapDevice::Zram, ..config }).draw_beyond_high()
        };
        let [old, new] = ["6.12", "7.3"].map(beyond);
        assert!(old.swaps && old.pages > Pages::new(1200), "{old:?}");
        assert!(!new.swaps && new.pages.is_zero() && new.by_programs == 90, "{new:?}");
        assert!((20..=90).contains(&old.by_programs), "{old:?}");
    }
}
