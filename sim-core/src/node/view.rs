//! A node as it stands at one instant: what `kubectl`, `systemd-cgls` and `/proc` would show, side by side.

use super::ids::PodIx;
use super::memory::Settled;
use super::programs::ProcessOwner;
use super::state::Node;
use crate::kernel::Kernel;
use crate::node_api::{MemInfo, MemoryEvents, MemoryStat, Name};
use crate::record::{LimitScope, Owner};
use crate::units::{Bytes, CgroupId, Pid, SimTime};

/// A node at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeView {
    /// When.
    pub at: SimTime,
    /// `/proc/meminfo`.
    pub memory: MemInfo,
    /// Every cgroup, each before those below it.
    pub cgroups: Vec<CgroupView>,
    /// Every process that has not ended, by process id.
    pub processes: Vec<ProcessView>,
    /// What the kubelet believes, if one runs.
    pub kubelet: Option<KubeletView>,
}

/// A memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupView {
    /// Its path.
    pub path: Name,
    /// Place of the one above it in [`NodeView::cgroups`]; `None`: the root.
    pub parent: Option<usize>,
    /// Whose it is: `Node` is the root.
    pub of: LimitScope,
    /// Counters, of it and all below it.
    pub stat: MemoryStat,
    /// `memory.max` or `memory.limit_in_bytes`; `None`: no limit.
    pub limit: Option<Bytes>,
    /// `memory.events`, of it and all below it.
    pub events: MemoryEvents,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessView {
    /// Process id.
    pub pid: Pid,
    /// Name.
    pub comm: Name,
    /// Whose it is.
    pub owner: Owner,
    /// Path of its memory cgroup.
    pub cgroup: Name,
    /// Resident memory.
    pub rss: Bytes,
    /// Virtual size.
    pub virtual_size: Bytes,
    /// `oom_score_adj`.
    pub oom_score_adj: i16,
    /// Badness, if the node ran out of memory now; `None`: the OOM killer would not take it.
    pub badness: Option<i64>,
    /// `/proc/PID/oom_score`.
    pub oom_score: Option<i64>,
}

/// What the kubelet believes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubeletView {
    /// MemoryPressure as the eviction manager holds it.
    pub memory_pressure: bool,
    /// MemoryPressure as the node's status shows it: what the scheduler knows.
    pub reported_memory_pressure: bool,
    /// The evicted pod (`namespace/name`) whose end the manager waits for.
    pub waits_for: Option<Name>,
    /// Each pod on the node with its figure.
    pub pods: Vec<PodBelief>,
}

/// What the kubelet believes of a pod's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodBelief {
    /// `namespace/name`.
    pub pod: Name,
    /// Working set as last taken; `None`: it knows nothing of the pod.
    pub working_set: Option<Bytes>,
    /// When that was.
    pub taken_at: Option<SimTime>,
    /// What it is really.
    pub working_set_now: Bytes,
}

impl NodeView {
    /// The cgroup with this path.
    pub fn cgroup(&self, path: &str) -> Option<&CgroupView> {
        self.cgroups.iter().find(|cgroup| &*cgroup.path == path)
    }
}

impl Node {
    /// The node as it stands.
    pub(super) fn view(&self, settled: &Settled) -> NodeView {
        let figures = self.memory.figures(settled);
        let kernel = figures.kernel();
        let mut cgroups = Vec::new();
        self.add_cgroups(kernel, kernel.root(), None, &mut cgroups);
        let processes = self.living().filter_map(|p| {
            let program = &self.programs[p as usize];
            let process = kernel.process(program.pid)?;
            let shown = !matches!(program.owner, ProcessOwner::Pause(_));
            shown.then(|| ProcessView {
                pid: program.pid,
                comm: program.comm.clone(),
                owner: self.owner(&program.owner),
                cgroup: kernel.path(process.cgroup),
                rss: process.rss().bytes(),
                virtual_size: process.total_vm.bytes(),
                oom_score_adj: process.oom_score_adj,
                badness: kernel.badness(program.pid),
                oom_score: kernel.oom_score(program.pid),
            })
        });
        NodeView {
            at: self.now,
            memory: kernel.mem_info(),
            processes: processes.collect(),
            kubelet: self.kubelet.as_ref().map(|kubelet| kubelet.view(&self.pods, figures, self.now)),
            cgroups,
        }
    }

    fn add_cgroups(&self, kernel: &Kernel, cgroup: CgroupId, parent: Option<usize>, to: &mut Vec<CgroupView>) {
        let place = to.len();
        let of = if cgroup == kernel.root() {
            LimitScope::Node
        } else {
            self.owner_of(cgroup, self.pods.live().iter().copied())
        };
        to.push(CgroupView {
            path: kernel.path(cgroup),
            parent,
            of,
            stat: kernel.stat(cgroup),
            limit: kernel.limit(cgroup),
            events: kernel.events(cgroup),
        });
        for child in kernel.children(cgroup) {
            self.add_cgroups(kernel, child, Some(place), to);
        }
    }

    /// Whose a cgroup is; pods are looked for among `candidates`.
    pub(super) fn owner_of(&self, cgroup: CgroupId, mut candidates: impl Iterator<Item = PodIx>) -> LimitScope {
        if self.kubepods == Some(cgroup) {
            return LimitScope::Kubepods;
        }
        if let Some(class) = self.kubelet.as_ref().and_then(|kubelet| kubelet.class_at(cgroup)) {
            return LimitScope::Qos(class);
        }
        candidates.find_map(|pod| self.pod(pod).owner_of(cgroup)).unwrap_or(LimitScope::Cgroup)
    }
}
