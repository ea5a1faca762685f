//! The tree: mkdir, rmdir, walking.

use super::{Cgroup, Counts};
use crate::kernel::{Errno, Kernel};
use crate::node_api::Name;
use crate::units::{CgroupId, Pid};

impl Kernel {
    /// The root cgroup, path `/`.
    pub fn root(&self) -> CgroupId {
        CgroupId(0)
    }

    /// Creates `name` below `parent`, or returns it if it is there already.
    pub fn mkdir(&mut self, parent: CgroupId, name: &str) -> CgroupId {
        if let Some(there) = self.child(parent, name) {
            return there;
        }
        let base = &self.cgroups[parent.index()].path;
        let path: Name = if &**base == "/" { ["/", name].concat() } else { [base, "/", name].concat() }.into();
        let group = Cgroup::new(path, Some(parent));
        let id = match self.free_cgroups.pop() {
            Some(id) => {
                self.cgroups[id.index()] = group;
                id
            }
            None => {
                if self.cgroups.len() == self.cgroups.capacity() {
                    // A node's cgroups are most of what it needs.
                    self.cgroups.reserve_exact(self.cgroups.len() / 8 + 4);
                }
                self.cgroups.push(group);
                CgroupId(self.cgroups.len() as u32 - 1)
            }
        };
        let above = &mut self.cgroups[parent.index()];
        above.children.push(id);
        above.child_hashes.push(hash_of(name));
        id
    }

    /// Creates every missing component of an absolute path and returns the last.
    pub fn mkdir_all(&mut self, path: &str) -> CgroupId {
        path.split('/').filter(|p| !p.is_empty()).fold(self.root(), |at, name| self.mkdir(at, name))
    }

    /// Removes an empty cgroup. Memory still charged to it (page cache, tmpfs) belongs to the parent from then on. Its
    /// id may be given to a cgroup made later.
    ///
    /// # Errors
    /// EBUSY when it is the root, has processes or children; ENOENT when it is gone already.
    pub fn rmdir(&mut self, cg: CgroupId) -> Result<(), Errno> {
        let group = self.cgroups.get(cg.index()).filter(|g| g.alive).ok_or(Errno::ENOENT)?;
        let parent = group.parent.ok_or(Errno::EBUSY)?;
        if !group.tasks.is_empty() || !group.children.is_empty() {
            return Err(Errno::EBUSY);
        }
        let group = &mut self.cgroups[cg.index()];
        group.alive = false;
        let local = std::mem::take(&mut group.local);
        let cache = std::mem::take(&mut group.cache);
        let index = std::mem::take(&mut group.cache_index);
        (group.total, group.usage) = (Counts::default(), Default::default());
        let into = &mut self.cgroups[parent.index()];
        if let Some(place) = into.children.iter().position(|c| *c == cg) {
            into.children.remove(place);
            into.child_hashes.remove(place);
        }
        into.local.absorb(&local);
        into.cache_index += index;
        for chunk in cache {
            into.absorb_chunk(chunk);
        }
        self.move_volume_charges(cg, parent);
        self.move_cow_charges(cg, parent);
        self.shrinking.retain(|g| *g != cg);
        self.free_cgroups.push(cg);
        Ok(())
    }

    /// The cgroup at an absolute path.
    pub fn find(&self, path: &str) -> Option<CgroupId> {
        path.split('/').filter(|p| !p.is_empty()).try_fold(self.root(), |at, name| self.child(at, name))
    }

    /// Path of a cgroup, from `/`.
    pub fn path(&self, cg: CgroupId) -> &Name {
        &self.cgroups[cg.index()].path
    }

    /// The cgroup above.
    pub fn parent(&self, cg: CgroupId) -> Option<CgroupId> {
        self.cgroups.get(cg.index())?.parent
    }

    /// True until rmdir.
    pub fn exists(&self, cg: CgroupId) -> bool {
        self.cgroups.get(cg.index()).is_some_and(|g| g.alive)
    }

    /// Cgroups directly below, in order of creation.
    pub fn children(&self, cg: CgroupId) -> &[CgroupId] {
        self.cgroups.get(cg.index()).map_or(&[], |g| &g.children)
    }

    /// Processes directly in a cgroup (dying ones too), in order of fork.
    pub fn processes_in(&self, cg: CgroupId) -> &[Pid] {
        self.cgroups.get(cg.index()).map_or(&[], |g| &g.tasks)
    }

    /// Processes in a cgroup and below: cgroups in pre-order, siblings in order of creation, tasks in order of fork.
    /// This is the order in which the kernel scans for a victim (recordings memcg_oom_v1 and v2).
    pub fn processes_below(&self, cg: CgroupId) -> Vec<Pid> {
        if self.children(cg).is_empty() {
            return self.processes_in(cg).to_vec();
        }
        self.subtree(cg).into_iter().flat_map(|g| self.cgroups[g.index()].tasks.iter().copied()).collect()
    }

    /// A cgroup and all below it, in pre-order.
    pub(in crate::kernel) fn subtree(&self, cg: CgroupId) -> Vec<CgroupId> {
        if self.children(cg).is_empty() {
            return vec![cg];
        }
        let mut order = Vec::new();
        let mut stack = vec![cg];
        while let Some(at) = stack.pop() {
            order.push(at);
            stack.extend(self.cgroups[at.index()].children.iter().rev());
        }
        order
    }

    /// True when `cg` is `top` or below it.
    pub fn is_below(&self, cg: CgroupId, top: CgroupId) -> bool {
        self.upwards(cg).any(|g| g == top)
    }

    /// A cgroup and its ancestors up to the root.
    pub fn upwards(&self, cg: CgroupId) -> impl Iterator<Item = CgroupId> + '_ {
        std::iter::successors(Some(cg), |g| self.cgroups[g.index()].parent)
    }

    fn child(&self, parent: CgroupId, name: &str) -> Option<CgroupId> {
        let group = self.cgroups.get(parent.index())?;
        // A child's path is its parent's, a slash, and its name.
        let before = if group.parent.is_none() { 1 } else { group.path.len() + 1 };
        let is_it = |path: &str| path.len() == before + name.len() && path.ends_with(name);
        let hash = hash_of(name);
        let alike = group.children.iter().zip(&group.child_hashes).filter(|(_, h)| **h == hash);
        alike.map(|(c, _)| *c).find(|c| is_it(&self.cgroups[c.index()].path))
    }
}

/// FNV-1a, 32 bits.
fn hash_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

impl Counts {
    /// Adds all counters of `other`.
    pub fn absorb(&mut self, other: &Counts) {
        self.anon += other.anon;
        self.shmem += other.shmem;
        self.inactive_file += other.inactive_file;
        self.active_file += other.active_file;
        self.locked_file += other.locked_file;
        self.kernel += other.kernel;
        self.locked_anon += other.locked_anon;
        self.swap += other.swap;
    }
}
