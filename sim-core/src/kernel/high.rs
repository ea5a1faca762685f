//! `memory.high`: reclaim what is above, then sleep in proportion to the overage; never a kill.

use super::Kernel;
use super::cgroup::{Charge, Stop};
use crate::units::{CgroupId, Pages, SimDuration};

/// Ticks per second of distribution kernels.
const HZ: u128 = 250;
/// MEMCG_DELAY_PRECISION_SHIFT.
const PRECISION: u32 = 20;
/// MEMCG_DELAY_SCALING_SHIFT.
const SCALING: u32 = 14;
/// A charge delays at most this long (MEMCG_MAX_HIGH_DELAY_JIFFIES).
const MAX_DELAY_JIFFIES: u128 = 2 * HZ;

/// Delay in jiffies after charging `charged` pages with `usage` over `high` (mm/memcontrol.c calculate_high_delay).
pub fn high_delay_jiffies(usage: Pages, high: Pages, charged: Pages, charge_batch: u32) -> u64 {
    let over = u128::from(usage.saturating_sub(high).get());
    let overage = (over << PRECISION) / u128::from(high.get().max(1));
    let penalty = overage.saturating_mul(overage).saturating_mul(HZ) >> PRECISION >> SCALING;
    let scaled = penalty.saturating_mul(u128::from(charged.get())) / u128::from(charge_batch.max(1));
    scaled.min(MAX_DELAY_JIFFIES) as u64
}

impl Kernel {
    /// After a charge with some `memory.high` exceeded: reclaim there, and the delay if that did not help.
    pub(super) fn over_high(&mut self, charge: &Charge, charged: Pages) -> Option<Stop> {
        let over: Vec<CgroupId> = self.upwards(charge.cgroup).filter(|g| self.excess(*g) > Pages::ZERO).collect();
        for group in &over {
            self.count_event(*group, |e| e.high += 1);
            self.reclaim_beside_text(charge.by, *group, self.excess(*group), true);
        }
        if !self.config.profile.high_throttle {
            return None;
        }
        if self.reads_back(charge.by) && over.iter().any(|g| self.is_far_above_high(*g)) {
            // Every return to user mode reclaims the very text that the process needs next (recordings high: growers
            // stay within 3 % of memory.high).
            return Some(Stop::Throttled(SimDuration::from_millis(MAX_DELAY_JIFFIES as u64 * 1000 / HZ as u64)));
        }
        let batch = self.config.profile.charge_batch;
        let delay = |g: &CgroupId| {
            let group = &self.cgroups[g.index()];
            high_delay_jiffies(group.usage, group.rare().high, charged, batch)
        };
        let jiffies = over.iter().map(delay).max().unwrap_or(0);
        // Shorter than a hundredth of a second is not worth a sleep (mem_cgroup_handle_over_high).
        if u128::from(jiffies) <= HZ / 100 {
            return None;
        }
        Some(Stop::Throttled(SimDuration::from_millis(jiffies * 1000 / HZ as u64)))
    }

    /// More than a charge batch and one part in 64 above it: where growers of the recordings stop.
    fn is_far_above_high(&self, cg: CgroupId) -> bool {
        let batch = u64::from(self.config.profile.charge_batch);
        self.excess(cg).get() > batch.max(self.cgroups[cg.index()].rare().high.get() / 64)
    }

    /// Pages above `memory.high`.
    pub(super) fn excess(&self, cg: CgroupId) -> Pages {
        let group = &self.cgroups[cg.index()];
        group.usage.saturating_sub(group.rare().high)
    }
}
