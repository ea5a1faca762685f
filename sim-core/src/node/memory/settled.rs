//! Proof that what growing programs have due is in the figures, and the figures.

use super::Memory;
use crate::kernel::{Kernel, Process};
use crate::node::pods::Pod;
use crate::node_api::MemInfo;
use crate::units::{Bytes, CgroupId, Pid};

/// Proof that growth has been settled: for the whole node, or for the pod or process that it was asked for. It is
/// made in this room only, by the functions that settle, and is used up at once: what happens next may make more due.
#[derive(Debug)]
pub(in crate::node) struct Settled(());

impl Settled {
    /// By the functions that take what is due, or add it to what is booked.
    pub(super) fn proved() -> Self {
        Settled(())
    }

    /// Nothing grows in a pod without processes.
    pub fn of_empty(pod: &Pod) -> Self {
        assert!(pod.containers.iter().all(|c| c.procs.is_empty()), "a pod with processes has to be settled");
        Settled(())
    }
}

impl Memory {
    /// The amounts of memory, of what was settled.
    pub fn figures(&self, _: &Settled) -> Figures<'_> {
        Figures(&self.kernel)
    }
}

/// Amounts of memory.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Figures<'a>(&'a Kernel);

impl<'a> Figures<'a> {
    /// cAdvisor's working set of a cgroup.
    pub fn working_set(self, cgroup: CgroupId) -> Bytes {
        self.0.working_set(cgroup)
    }

    /// The same of a pod, with what its processes have due; `None`: it has no cgroup.
    pub fn pod_working_set(self, pod: &Pod) -> Option<Bytes> {
        Some(self.0.working_set(pod.cgroup?) + pod.due.bytes())
    }

    /// Usage of a cgroup.
    pub fn usage(self, cgroup: CgroupId) -> Bytes {
        self.0.stat(cgroup).usage
    }

    /// `/proc/meminfo`.
    pub fn mem_info(self) -> MemInfo {
        self.0.mem_info()
    }

    /// What the kernel knows of a process.
    pub fn process(self, pid: Pid) -> Option<&'a Process> {
        self.0.process(pid)
    }

    /// The kernel, for checks and views.
    pub fn kernel(self) -> &'a Kernel {
        self.0
    }
}
