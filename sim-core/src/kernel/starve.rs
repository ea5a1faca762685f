//! A node whose free memory is at the min watermark: reclaim goes on in vain for a while, and memory that comes free
//! helps no allocation as long as it stays in a CPU's lists.

use super::Kernel;
use super::profile::PcpHigh;
use crate::units::{Pages, SimDuration, SimTime};

/// `pcp->high` before it followed the watermarks: six batches of 63 pages (mm/page_alloc.c pageset_set_batch).
pub(super) const SIX_BATCHES: Pages = Pages::new(378);

/// Free memory is at the min watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Starved {
    /// Since when.
    since: SimTime,
    /// Pages freed since then. They lie in the lists of a CPU, where the watermark check does not see them, and without
    /// progress of reclaim nothing drains these.
    in_lists: Pages,
}

impl Kernel {
    /// An allocation finds free memory at the min watermark. How much longer reclaim tries before a process has to die.
    pub(super) fn starve(&mut self, now: SimTime) -> Option<SimDuration> {
        let starved = *self.starved.get_or_insert(Starved { since: now, in_lists: Pages::ZERO });
        let rest = self.config.node_oom_stall.saturating_sub(now.since(starved.since));
        (rest > SimDuration::ZERO).then_some(rest)
    }

    /// Pages came free. What the lists cannot hold goes back to the zone, and the shortage is over.
    pub(super) fn freed_while_starved(&mut self, pages: Pages) {
        let high = self.pcp_high();
        let Some(starved) = &mut self.starved else { return };
        starved.in_lists += pages;
        if starved.in_lists > high {
            self.starved = None;
        }
    }

    /// Freed pages that one CPU keeps.
    pub(super) fn pcp_high(&self) -> Pages {
        let largest = self.zones.zones.iter().max_by_key(|z| z.managed);
        match self.config.profile.pcp_high {
            PcpHigh::SixBatches => SIX_BATCHES,
            PcpHigh::LowWatermark | PcpHigh::AutoTuned => {
                Pages::new(largest.map_or(0, |z| z.low.get()) / u64::from(self.config.cpus.max(1)))
            }
        }
    }
}
