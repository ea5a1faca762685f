//! What `memory.current`, `memory.stat` and `memory.events` show.

use super::Counts;
use crate::kernel::Kernel;
use crate::node_api::{MemoryEvents, MemoryStat};
use crate::units::{Bytes, CgroupId, Pages};

impl Kernel {
    /// Counters of a cgroup with everything below it. The root's usage is anon + file on both versions: v1's
    /// `memory.usage_in_bytes` of the root is computed so by the kernel (mm/memcontrol.c mem_cgroup_usage), v2's by
    /// runc (fs2/memory.go). Kernel memory is not in it.
    pub fn stat(&self, cg: CgroupId) -> MemoryStat {
        let Some(group) = self.cgroups.get(cg.index()) else { return MemoryStat::default() };
        MemoryStat { usage: self.usage(cg), ..to_stat(&group.total) }
    }

    /// [`MemoryStat::working_set`] of a cgroup, without the other counters.
    #[inline]
    pub fn working_set(&self, cg: CgroupId) -> Bytes {
        let Some(group) = self.cgroups.get(cg.index()) else { return Bytes::ZERO };
        let total = &group.total;
        if group.parent.is_none() {
            return (total.anon + total.shmem + total.active_file + total.locked_file).bytes();
        }
        group.usage.saturating_sub(group.total.inactive_file).bytes()
    }

    /// [`MemoryStat::usage`] of a cgroup, without the other counters.
    #[inline]
    pub fn usage(&self, cg: CgroupId) -> Bytes {
        let Some(group) = self.cgroups.get(cg.index()) else { return Bytes::ZERO };
        if group.parent.is_none() {
            return (group.total.anon + group.total.file()).bytes();
        }
        group.usage.bytes()
    }

    /// Counters of a cgroup without its children: what of the sum is not theirs.
    pub(in crate::kernel) fn local(&self, cg: CgroupId) -> Counts {
        let group = &self.cgroups[cg.index()];
        let mut local = group.total;
        for child in &group.children {
            local.remove(&self.cgroups[child.id.index()].total);
        }
        local
    }

    /// The same in bytes.
    pub(in crate::kernel) fn local_stat(&self, cg: CgroupId) -> MemoryStat {
        to_stat(&self.local(cg))
    }

    /// `memory.events`, hierarchical (v1: failcnt of this counter, and `oom_kill`, which v1 counts only in the
    /// victim's own cgroup).
    pub fn events(&self, cg: CgroupId) -> MemoryEvents {
        self.cgroups.get(cg.index()).map(|g| g.failures().events).unwrap_or_default()
    }

    /// `memory.max` / `memory.limit_in_bytes`; `None`: no limit.
    pub fn limit(&self, cg: CgroupId) -> Option<Bytes> {
        self.cgroups.get(cg.index()).map(|g| g.max).filter(|m| *m < Pages::MAX).map(Pages::bytes)
    }
}

fn to_stat(counts: &Counts) -> MemoryStat {
    MemoryStat {
        usage: counts.resident().bytes(),
        anon: counts.anon.bytes(),
        file: counts.file().bytes(),
        shmem: counts.shmem.bytes(),
        kernel: counts.kernel.bytes(),
        inactive_file: counts.inactive_file.bytes(),
        active_file: counts.active_file.bytes(),
        unevictable: (counts.locked_anon + counts.locked_file).bytes(),
        swap: counts.swap.bytes(),
    }
}
