//! What the pods' workers are lent.

use crate::engine::RunsBehind;
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::kubelet::Kubelet;
use crate::node::machine::Machine;
use crate::node::memory::Scope;
use crate::node::observe::Cx;
use crate::node::runtime::{RUNC_INIT, Runtime};
use crate::node_api::Name;
use crate::record::{DeathCause, Record};
use crate::units::{Bytes, CgroupId, SimDuration};
use std::sync::Arc;

/// The other parts of the node, for the workers of its pods.
pub(in crate::node) struct Lent<'a> {
    pub machine: &'a mut Machine,
    pub runtime: &'a mut Runtime,
    pub kubelet: Option<&'a mut Kubelet>,
    pub cx: Cx<'a>,
}

impl Lent<'_> {
    pub fn record(&mut self, record: Record) {
        self.cx.record(record);
    }

    pub fn sample_now(&mut self) {
        self.machine.sample_now(&mut self.cx);
    }

    /// Whether a kubelet is there and does not run at the moment.
    pub fn kubelet_is_down(&self) -> bool {
        self.kubelet.as_deref().is_some_and(Kubelet::is_down)
    }

    /// Whether what a clock of the kubelet has is to happen now.
    #[inline]
    pub fn kubelet_is_due(&mut self, lane: u32, start: u32, event: Event) -> bool {
        self.kubelet.as_deref_mut().is_some_and(|kubelet| kubelet.is_due(lane, start, event, &mut self.cx))
    }

    /// How much longer things take because the kubelet crawls.
    pub fn slowness(&mut self) -> SimDuration {
        let reads = self.reads_system_text();
        match self.kubelet.as_deref().filter(|kubelet| kubelet.crawls_below().is_some()) {
            Some(kubelet) => reads.max(kubelet.slowness(self.machine.settled(Scope::Node, &mut self.cx))),
            None => reads,
        }
    }

    /// How long the system reads what is missing of its text.
    pub fn reads_system_text(&mut self) -> SimDuration {
        match self.machine.system_text {
            Some(_) => self.machine.reads_system_text(&mut self.cx),
            None => SimDuration::ZERO,
        }
    }

    /// The runtime begins to make something, which takes this long on a processor of its own.
    pub fn begin_setup(&mut self, event: Event, pod: PodIx, takes: SimDuration) {
        let cpus = self.machine.scenario.node.kernel.cpus;
        self.runtime.setups.begin((event, pod), takes, cpus, &mut self.cx);
    }

    /// A sandbox with its pause process.
    pub fn run_sandbox(&mut self, pod: (PodIx, &Name), cgroup: CgroupId) {
        let scenario = Arc::clone(&self.machine.scenario);
        self.runtime.run_sandbox(pod, cgroup, &scenario.node.pause, self.machine, &mut self.cx);
    }

    /// SIGTERM to the first process of each of these containers that runs.
    pub fn terminate(&mut self, pod: PodIx, containers: &[u32], cause: DeathCause) {
        self.runtime.terminate(pod, containers, cause, self.machine, &mut self.cx);
    }

    /// SIGKILL to every process in those of a pod's containers that are meant.
    pub fn kill(&mut self, pod: PodIx, meant: impl Fn(u32) -> bool, cause: DeathCause) {
        self.runtime.kill(pod, meant, cause, self.machine, &mut self.cx);
    }

    /// Stops a pod's sandbox; true: it is gone already.
    pub fn stop_sandbox(&mut self, pod: PodIx) -> bool {
        self.runtime.stop_sandbox(pod, self.machine, &mut self.cx)
    }

    /// Whether the runtime's own memory counts (`node.runtime.perPod`).
    pub fn runtime_counts(&self) -> bool {
        self.machine.scenario.node.runtime_per_pod > Bytes::ZERO
    }

    /// Whether runc's own process may not fit into a container's cgroup.
    pub fn may_fail_to_start(&mut self, c: ContainerRef) -> bool {
        let Some(cgroup) = self.runtime.get(c).and_then(|container| container.cgroup) else { return false };
        let pages = RUNC_INIT.anon.to_pages_ceil();
        // The whole node is settled only where what is due could decide.
        !self.machine.surely_fits(cgroup, pages, self.cx.now)
            && self.machine.settled(Scope::Node, &mut self.cx).headroom(cgroup) <= pages
    }

    /// runc has done its work on a container.
    pub fn runc_ends(&mut self, c: ContainerRef) {
        self.runtime.runc_ends(c, self.machine, &mut self.cx);
    }

    /// runc's own process becomes a container's program.
    pub fn runc_init_execs(&mut self, c: ContainerRef) {
        self.runtime.runc_init_execs(c, self.machine, &mut self.cx);
    }
}
