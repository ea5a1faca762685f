//! Writing limits. v2 takes every value, reclaims down to it and kills if that does not suffice; v1 refuses what
//! does not fit after reclaim (recordings resize).

use crate::kernel::{CgroupVersion, Errno, Kernel};
use crate::node_api::CgroupWrite;
use crate::units::{Bytes, CgroupId, Pages, SimTime};

/// A limit in whole pages, as page_counter_memparse rounds it down.
fn limit(bytes: Bytes) -> Pages {
    if bytes == Bytes::MAX { Pages::MAX } else { bytes.to_pages_floor().min(Pages::MAX) }
}

impl Kernel {
    /// What has been written to a cgroup, as its files say it; `None`: what a new cgroup has.
    pub fn settings(&self, cg: CgroupId) -> CgroupWrite {
        let Some(group) = self.cgroups.get(cg.index()) else { return CgroupWrite::default() };
        let rare = group.rare();
        let at_most = |pages: Pages| (pages != Pages::MAX).then(|| pages.bytes());
        let at_least = |pages: Pages| (!pages.is_zero()).then(|| pages.bytes());
        CgroupWrite {
            max: at_most(group.max),
            high: at_most(rare.high),
            low: at_least(rare.low),
            min: at_least(rare.min),
            swap_max: at_most(match self.config.cgroup {
                CgroupVersion::V1 => rare.memsw_max,
                CgroupVersion::V2 => group.swap_max,
            }),
            oom_group: group.oom_group.then_some(true),
            swappiness: rare.swappiness,
        }
    }

    /// Writes limits of a cgroup.
    ///
    /// # Errors
    /// ENOENT: no such cgroup. EINVAL: the file does not exist on this hierarchy or for the root, or v1's memory limit
    /// would exceed memory+swap's. EBUSY: v1, the usage cannot be brought below the new limit.
    pub fn write(&mut self, now: SimTime, cg: CgroupId, write: &CgroupWrite) -> Result<(), Errno> {
        let group = self.cgroups.get(cg.index()).filter(|g| g.alive).ok_or(Errno::ENOENT)?;
        if group.parent.is_none() && *write != CgroupWrite::default() {
            return Err(Errno::EINVAL);
        }
        match self.config.cgroup {
            CgroupVersion::V1 => self.write_v1(cg, write)?,
            CgroupVersion::V2 => self.write_v2(now, cg, write)?,
        }
        self.freed_some = true;
        self.announce_freed();
        Ok(())
    }

    fn write_v2(&mut self, now: SimTime, cg: CgroupId, write: &CgroupWrite) -> Result<(), Errno> {
        if write.swappiness.is_some() || (write.oom_group.is_some() && !self.config.profile.oom_group) {
            return Err(Errno::EINVAL);
        }
        self.protects |= [write.min, write.low].into_iter().flatten().any(|protection| protection > Bytes::ZERO);
        let group = &mut self.cgroups[cg.index()];
        let set = |to: &mut Pages, value: Option<Bytes>| {
            if let Some(bytes) = value {
                *to = limit(bytes);
            }
        };
        if write.min.or(write.low).or(write.high).is_some() {
            let rare = group.rare_mut();
            set(&mut rare.min, write.min);
            set(&mut rare.low, write.low);
            set(&mut rare.high, write.high);
        }
        set(&mut group.swap_max, write.swap_max);
        set(&mut group.max, write.max);
        group.oom_group = write.oom_group.unwrap_or(group.oom_group);
        group.update_cap();
        if write.high.is_some() {
            let excess = self.excess(cg);
            self.reclaim(cg, excess, true);
        }
        if write.max.is_some() {
            self.drain_stocks(cg);
            let group = &mut self.cgroups[cg.index()];
            let above = if group.usage > group.max { group.usage } else { Pages::ZERO };
            if group.rare().usage_at_write != above {
                group.rare_mut().usage_at_write = above;
            }
            self.shrink_to_max(now, cg);
        }
        Ok(())
    }

    fn write_v1(&mut self, cg: CgroupId, write: &CgroupWrite) -> Result<(), Errno> {
        if write.high.is_some() || write.low.is_some() || write.min.is_some() || write.oom_group.is_some() {
            return Err(Errno::EINVAL);
        }
        // Raising: memory+swap first; lowering: memory first, so that max <= memsw holds throughout.
        let raise_memsw_first = write.swap_max.is_some_and(|b| limit(b) > self.cgroups[cg.index()].rare().memsw_max);
        if raise_memsw_first {
            self.resize_memsw(cg, write.swap_max)?;
        }
        if let Some(bytes) = write.max {
            self.resize_max(cg, limit(bytes))?;
        }
        if !raise_memsw_first {
            self.resize_memsw(cg, write.swap_max)?;
        }
        if let Some(swappiness) = write.swappiness {
            if swappiness > 100 {
                return Err(Errno::EINVAL);
            }
            self.cgroups[cg.index()].rare_mut().swappiness = Some(swappiness);
        }
        Ok(())
    }

    fn resize_max(&mut self, cg: CgroupId, max: Pages) -> Result<(), Errno> {
        if max > self.cgroups[cg.index()].rare().memsw_max {
            return Err(Errno::EINVAL);
        }
        let excess = self.cgroups[cg.index()].usage.saturating_sub(max);
        self.reclaim(cg, excess, true);
        let group = &mut self.cgroups[cg.index()];
        if group.usage > max {
            return Err(Errno::EBUSY);
        }
        group.max = max;
        group.update_cap();
        Ok(())
    }

    fn resize_memsw(&mut self, cg: CgroupId, memsw: Option<Bytes>) -> Result<(), Errno> {
        let Some(memsw) = memsw.map(limit) else { return Ok(()) };
        let group = &self.cgroups[cg.index()];
        if memsw < group.max && memsw < Pages::MAX {
            return Err(Errno::EINVAL);
        }
        let excess = (group.usage + group.total.swap).saturating_sub(memsw);
        self.reclaim(cg, excess, false);
        let group = &mut self.cgroups[cg.index()];
        if group.usage + group.total.swap > memsw {
            return Err(Errno::EBUSY);
        }
        group.rare_mut().memsw_max = memsw;
        group.update_cap();
        Ok(())
    }
}
