//! The tree: mkdir, rmdir, walking.

use super::{Cgroup, Child, Counts};
use crate::kernel::table::make_room;
use crate::kernel::{Errno, Kernel};
use crate::node_api::Name;
use crate::units::{CgroupId, Pid};
use smallvec::{SmallVec, smallvec};
use xxhash_rust::xxh3::xxh3_64;

impl Kernel {
    /// The root cgroup, path `/`.
    pub fn root(&self) -> CgroupId {
        CgroupId(0)
    }

    /// Creates `name` below `parent`, or returns it if it is there already.
    pub fn mkdir(&mut self, parent: CgroupId, name: &str) -> CgroupId {
        let hash = hash_of(name);
        if let Some(there) = self.child(parent, name, hash) {
            return there;
        }
        let group = Cgroup::new(name, Some(parent));
        let id = match self.free_cgroups.pop() {
            Some(id) => {
                self.cgroups[id.index()] = group;
                id
            }
            None => {
                make_room(&mut self.cgroups);
                self.cgroups.push(group);
                CgroupId(self.cgroups.len() as u32 - 1)
            }
        };
        self.cgroups[parent.index()].children.push(Child { id, hash });
        self.stock_for_child(parent);
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
        self.drain_stocks(cg);
        let group = &mut self.cgroups[cg.index()];
        group.alive = false;
        let rare = group.rare.take();
        (group.total, group.usage) = (Counts::default(), Default::default());
        let into = &mut self.cgroups[parent.index()];
        if let Some(place) = into.children.iter().position(|c| c.id == cg) {
            into.children.remove(place);
        }
        if let Some(rare) = rare.filter(|r| !r.cache.is_empty() || !(r.cache_index + r.left).is_zero()) {
            into.rare_mut().cache_index += rare.cache_index;
            into.rare_mut().shadows += rare.shadows;
            into.rare_mut().left += rare.left;
            rare.cache.into_iter().for_each(|chunk| into.absorb_chunk(chunk));
        }
        self.move_volume_charges(cg, parent);
        self.move_cow_charges(cg, parent);
        self.shrinking.retain(|g| *g != cg);
        self.free_cgroups.push(cg);
        Ok(())
    }

    /// The cgroup at an absolute path.
    pub fn find(&self, path: &str) -> Option<CgroupId> {
        path.split('/').filter(|p| !p.is_empty()).try_fold(self.root(), |at, name| self.child(at, name, hash_of(name)))
    }

    /// Path of a cgroup, from `/`.
    pub fn path(&self, cg: CgroupId) -> Name {
        if cg == self.root() {
            return "/".into();
        }
        // From the cgroup up to the root, whose own name is empty, or to one whose path is known.
        let mut names: SmallVec<[&str; 8]> = SmallVec::new();
        for group in self.upwards(cg).map(|g| &self.cgroups[g.index()]) {
            match &group.failures().path {
                Some(path) if names.is_empty() => return path.clone(),
                Some(path) => {
                    names.push(path);
                    break;
                }
                None => names.push(&group.name),
            }
        }
        names.reverse();
        names.join("/").into()
    }

    /// Keeps the path of what `cg` is in: where processes are killed, they are killed again, if in a new cgroup beside
    /// it.
    pub(in crate::kernel) fn remember_path_above(&mut self, cg: CgroupId) {
        let Some(above) = self.parent(cg).filter(|&above| above != self.root()) else { return };
        if self.cgroups[above.index()].failures().path.is_none() {
            let path = self.path(above);
            self.cgroups[above.index()].failures_mut().path = Some(path);
        }
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
    pub fn children(&self, cg: CgroupId) -> impl DoubleEndedIterator<Item = CgroupId> {
        self.cgroups.get(cg.index()).into_iter().flat_map(|g| g.children.iter().map(|c| c.id))
    }

    /// Processes directly in a cgroup (dying ones too), in order of fork.
    pub fn processes_in(&self, cg: CgroupId) -> &[Pid] {
        self.cgroups.get(cg.index()).map_or(&[], |g| &g.tasks)
    }

    /// Processes in a cgroup and below: cgroups in pre-order, siblings in order of creation, tasks in order of fork.
    /// This is the order in which the kernel scans for a victim (recordings memcg_oom_v1 and v2).
    pub(in crate::kernel) fn processes_below(&self, cg: CgroupId) -> SmallVec<[Pid; 8]> {
        let mut all = SmallVec::new();
        for group in self.subtree(cg) {
            all.extend_from_slice(self.processes_in(group));
        }
        all
    }

    /// A cgroup and all below it, in pre-order.
    pub(in crate::kernel) fn subtree(&self, cg: CgroupId) -> impl Iterator<Item = CgroupId> {
        let mut ahead: SmallVec<[CgroupId; 8]> = smallvec![cg];
        std::iter::from_fn(move || {
            let at = ahead.pop()?;
            ahead.extend(self.children(at).rev());
            Some(at)
        })
    }

    /// True when `cg` is `top` or below it.
    pub fn is_below(&self, cg: CgroupId, top: CgroupId) -> bool {
        self.upwards(cg).any(|g| g == top)
    }

    /// A cgroup and its ancestors up to the root.
    pub fn upwards(&self, cg: CgroupId) -> impl Iterator<Item = CgroupId> + '_ {
        std::iter::successors(Some(cg), |g| self.cgroups[g.index()].parent)
    }

    fn child(&self, parent: CgroupId, name: &str, hash: u32) -> Option<CgroupId> {
        let group = self.cgroups.get(parent.index())?;
        let alike = group.children.iter().filter(|c| c.hash == hash);
        alike.map(|c| c.id).find(|c| *self.cgroups[c.index()].name == *name)
    }
}

fn hash_of(name: &str) -> u32 {
    xxh3_64(name.as_bytes()) as u32
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

    /// Takes all counters of `part` away.
    pub fn remove(&mut self, part: &Counts) {
        self.anon -= part.anon;
        self.shmem -= part.shmem;
        self.inactive_file -= part.inactive_file;
        self.active_file -= part.active_file;
        self.locked_file -= part.locked_file;
        self.kernel -= part.kernel;
        self.locked_anon -= part.locked_anon;
        self.swap -= part.swap;
    }
}
