//! Amounts of memory, of a machine of which everything due has been taken.

use crate::engine;
use crate::kernel::{Kernel, Process};
use crate::node::ids::{PodIx, ProcIx};
use crate::node::machine::Machine;
use crate::node::pods::Pod;
use crate::node::runtime::ContainerRun;
use crate::node_api::MemInfo;
use crate::units::{Bytes, CgroupId, Pages, Pid};

/// The only way to an amount of memory: see [`engine::RunsBehind`].
pub(in crate::node) type Settled<'a> = engine::Settled<'a, Machine>;

/// Whose growth is to be settled.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) enum Scope<'s> {
    /// Of the whole node.
    Node,
    /// Of the whole node in the middle of whatever is going on: processes that come later at this instant have not
    /// acted.
    Others,
    /// Of the processes in a pod.
    Pod(PodIx, &'s [ContainerRun]),
    /// Of a pod in which nothing can grow: its containers have no processes.
    EmptyPod(&'s [ContainerRun]),
    /// Of a process that stops to grow.
    Ended(ProcIx),
    /// Of the whole node, as far as the kubelet's statistics need it: what is due may be added instead of taken.
    Stats,
}

impl<'a> Settled<'a> {
    /// cAdvisor's working set of a cgroup.
    pub(in crate::node) fn working_set(self, cgroup: CgroupId) -> Bytes {
        self.kernel().working_set(cgroup)
    }

    /// The same of a pod, with what its processes have due; `None`: it has no cgroup.
    pub(in crate::node) fn pod_working_set(self, ix: PodIx, pod: &Pod) -> Option<Bytes> {
        Some(self.kernel().working_set(pod.cgroup?) + self.get().memory.looked.of(ix).bytes())
    }

    /// Usage of a cgroup.
    pub(in crate::node) fn usage(self, cgroup: CgroupId) -> Bytes {
        self.kernel().usage(cgroup)
    }

    /// Pages that can be charged to a cgroup before anything but addition happens.
    pub(in crate::node) fn headroom(self, cgroup: CgroupId) -> Pages {
        self.kernel().headroom(cgroup)
    }

    /// `/proc/meminfo`.
    pub(in crate::node) fn mem_info(self) -> MemInfo {
        self.kernel().mem_info()
    }

    /// What the kernel knows of a process.
    pub(in crate::node) fn process(self, pid: Pid) -> Option<&'a Process> {
        self.kernel().process(pid)
    }

    /// The kernel, for checks and views.
    pub(in crate::node) fn kernel(self) -> &'a Kernel {
        &self.get().memory.kernel
    }
}
