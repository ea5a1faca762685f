//! Conservation, recomputed from the owners of every page: for tests and for `debug_assert`s of callers.

use super::Kernel;
use super::cgroup::Counts;
use super::volume::Volume;
use crate::units::{CgroupId, Pages};
use std::fmt;

/// Memory that does not add up: a defect of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imbalance(String);

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Imbalance {}

fn off<T>(what: String) -> Result<T, Imbalance> {
    Err(Imbalance(what))
}

impl Kernel {
    /// Checks that every charged page has an owner and is counted once at each level, and that no limit is exceeded.
    ///
    /// # Errors
    /// What does not add up first.
    pub fn audit(&self) -> Result<(), Imbalance> {
        let mut owned = vec![Counts::default(); self.cgroups.len()];
        let mut committed = Pages::ZERO;
        if self.procs.values().filter(|p| p.is_oom_victim()).count() != self.oom_victims as usize {
            return off(format!("{} victims of the OOM killer are not what is there", self.oom_victims));
        }
        for process in self.procs.values() {
            let counts = &mut owned[process.cgroup.index()];
            counts.anon += process.anon_own;
            counts.kernel += process.kernel + process.pgtables;
            let rare = process.rare();
            counts.swap += rare.swapents;
            counts.locked_anon += rare.mlocked;
            committed += process.accounted + rare.accounted_shared;
            let cow: Pages = rare.cow.iter().map(|s| s.mapped).sum();
            let mapped: Pages = rare.files.iter().map(|(_, m)| *m).sum();
            if cow != rare.anon_cow || mapped != rare.file_mapped || rare.mlocked > process.rss_anon() {
                return off(format!("process {}: its own sums are off", process.pid));
            }
        }
        for set in self.cow.values() {
            owned[set.cgroup.index()].anon += set.live;
        }
        let mut cached = vec![Pages::ZERO; self.volumes.len()];
        for (index, group) in self.cgroups.iter().enumerate() {
            for chunk in &group.rare().cache {
                owned[index].inactive_file += chunk.inactive;
                owned[index].active_file += chunk.active;
                owned[index].locked_file += chunk.locked;
                cached[chunk.file.index()] += chunk.pages();
                if chunk.referenced.max(chunk.unread).max(chunk.second) > chunk.inactive
                    || chunk.buffered > chunk.pages()
                {
                    return off(format!(
                        "{}: a part of its cache is more than the whole",
                        self.path(CgroupId(index as u32))
                    ));
                }
            }
            owned[index].kernel += group.rare().cache_index + group.rare().left;
        }
        for (volume, in_cache) in self.volumes.iter().zip(cached) {
            match volume {
                Volume::File { cached, size, .. } if *cached != in_cache || cached > size => {
                    return off(format!("a file of {size}: {cached} cached, {in_cache} charged"));
                }
                Volume::Tmpfs { charges, .. } | Volume::Shmem { charges, .. } => {
                    for charge in charges {
                        let counts = &mut owned[charge.cgroup.index()];
                        counts.shmem += charge.resident;
                        counts.swap += charge.swapped;
                    }
                }
                Volume::File { .. } | Volume::Gone => {}
            }
        }
        for (index, _) in self.cgroups.iter().enumerate().filter(|(_, g)| g.alive) {
            self.audit_group(CgroupId(index as u32), &owned[index])?;
        }
        // Overcommit's sum is exact as long as nothing saturates.
        if committed != self.committed {
            return off(format!("Committed_AS is {}, processes have {committed}", self.committed));
        }
        Ok(())
    }

    /// `owned`: what is charged to this very cgroup.
    fn audit_group(&self, cg: CgroupId, owned: &Counts) -> Result<(), Imbalance> {
        let group = &self.cgroups[cg.index()];
        let mut total = *owned;
        for child in self.children(cg) {
            total.absorb(&self.cgroups[child.index()].total);
        }
        let path = self.path(cg);
        if total != group.total || total.resident() != group.usage {
            return off(format!("{path}: total {:?}, sum {total:?}, usage {}", group.total, group.usage));
        }
        if group.usage > group.max.max(group.rare().usage_at_write) {
            return off(format!("{path}: usage {} over its limit {}", group.usage, group.max));
        }
        if group.usage + total.swap > group.rare().memsw_max {
            return off(format!("{path}: memory and swap over their limit"));
        }
        if group.parent.is_none() && group.total.swap > self.config.swap_total.to_pages_floor() {
            return off("more swap in use than there is".to_owned());
        }
        Ok(())
    }

    /// Pages below which the node's free memory never falls by ordinary allocation; for tests.
    pub fn free_floor(&self) -> Pages {
        let total = self.config.mem_total.to_pages_floor();
        total.saturating_sub(super::zone::taken(&self.config)).saturating_sub(self.zones.min_cap)
    }
}
