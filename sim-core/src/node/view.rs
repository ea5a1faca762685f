//! A node as it stands at one instant: what `kubectl`, `systemd-cgls` and `/proc` would show, side by side.

use super::Event;
use super::kubelet::Look;
use super::machine::Machine;
use super::memory::Scope;
use super::programs::ProcessOwner;
use super::state::Node;
use crate::engine::{RunsBehind, Scheduler};
use crate::kernel::oom::Terms;
use crate::kernel::{Kernel, MemoryPressure};
use crate::node_api::{CgroupWrite, MemInfo, MemoryEvents, MemoryStat, Name};
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
    /// What has been written to it, in whole pages; `None`: what a new cgroup has.
    pub settings: CgroupWrite,
    /// `memory.events`, of it and all below it.
    pub events: MemoryEvents,
    /// `memory.pressure`, of it and all below it.
    pub pressure: MemoryPressure,
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
    /// What badness is the sum of, if the node ran out of memory now; `None`: the OOM killer would not take it.
    pub terms: Option<Terms>,
    /// `/proc/PID/oom_score`.
    pub oom_score: Option<i64>,
    /// What it is doing.
    pub state: ProcessState,
}

impl ProcessView {
    /// Badness, if the node ran out of memory now; `None`: the OOM killer would not take it.
    pub fn badness(&self) -> Option<i64> {
        self.terms.map(|terms| terms.points)
    }
}

/// What a process is doing, as far as memory goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessState {
    /// It runs, or sleeps of its own accord.
    Running,
    /// An allocation waits: reclaim goes on, or a victim's memory is not free yet.
    Reclaiming,
    /// It sleeps because its cgroup is above `memory.high`.
    Throttled,
    /// It has a deadly signal or has exited.
    Dying,
}

impl ProcessState {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProcessState::Running => "running",
            ProcessState::Reclaiming => "reclaiming",
            ProcessState::Throttled => "throttled",
            ProcessState::Dying => "dying",
        }
    }
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
    /// The node as it stands at `now`.
    pub(super) fn view(&mut self, queue: &mut Scheduler<Event>, now: SimTime) -> NodeView {
        self.now = now;
        let (pods, mut lent) = self.lend(queue);
        let settled = lent.machine.settled(Scope::Node, &mut lent.cx);
        let (machine, kernel) = (settled.get(), settled.kernel());
        let mut cgroups = Vec::new();
        add_cgroups(machine, (kernel, now), (kernel.root(), None), &mut cgroups);
        let processes = machine.living().filter_map(|p| {
            let program = &machine.programs[p as usize];
            let process = kernel.process(program.pid)?;
            let shown = !matches!(program.owner, ProcessOwner::Pause(_));
            shown.then(|| ProcessView {
                pid: program.pid,
                comm: program.comm.clone(),
                owner: program.shown.clone(),
                cgroup: kernel.path(process.cgroup),
                rss: process.rss().bytes(),
                virtual_size: process.total_vm.bytes(),
                oom_score_adj: process.oom_score_adj,
                terms: kernel.terms(program.pid),
                oom_score: kernel.oom_score(program.pid),
                state: machine.state_of(p),
            })
        });
        let look = Look { settled, pods, runtime: lent.runtime };
        NodeView {
            at: now,
            memory: kernel.mem_info(),
            processes: processes.collect(),
            kubelet: lent.kubelet.as_ref().map(|kubelet| kubelet.view(look, now)),
            cgroups,
        }
    }
}

fn add_cgroups(
    machine: &Machine,
    (kernel, at): (&Kernel, SimTime),
    (cgroup, parent): (CgroupId, Option<usize>),
    to: &mut Vec<CgroupView>,
) {
    let place = to.len();
    to.push(CgroupView {
        path: kernel.path(cgroup),
        parent,
        of: machine.memory.scope_of(cgroup),
        stat: kernel.stat(cgroup),
        limit: kernel.limit(cgroup),
        settings: kernel.settings(cgroup),
        events: kernel.events(cgroup),
        pressure: machine.memory.pressure(cgroup, at),
    });
    for child in kernel.children(cgroup) {
        add_cgroups(machine, (kernel, at), (child, Some(place)), to);
    }
}
