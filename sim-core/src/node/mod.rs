//! Where kernel, kubelet, runtime and workloads meet: the closed set of events and what each does.
//!
//! The kernel is called synchronously; what it reports (`Signal`s) is routed here. The kubelet reads only
//! snapshots it sampled itself and acts only through runtime commands that take time. That separation is the race.

mod build;
mod changes;
mod evict;
mod ids;
mod kubelet;
mod memory;
mod observe;
mod pods;
mod programs;
mod simulation;
mod state;
mod view;

pub use build::{BootedNode, simulate};
pub use changes::ChangeError;
pub use ids::{ContainerRef, PodIx, ProcIx};
pub use simulation::{Checkpoint, ForeignCheckpoint, Simulation};
pub use state::Node;
pub use view::{CgroupView, KubeletView, NodeView, PodBelief, ProcessView};

use crate::engine::{self, Key, Scheduler};
use crate::units::{Pid, SimTime};

/// Everything that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Change number n of the scenario's list comes from outside.
    Inject(u32),
    /// A pod of a plan (replica number) is bound to the node.
    PodArrives {
        /// Index into the scenario's pods.
        plan: u32,
        /// Which of its replicas.
        replica: u32,
    },
    /// A host process of the scenario starts.
    HostStarts(u32),
    /// A process of a container starts later than its container.
    ProcessStarts {
        /// Whose.
        container: ContainerRef,
        /// Index into the container's processes.
        process: u32,
        /// Start of the container this belongs to.
        run: u32,
    },
    /// A program's pause is over, or its blocked operation is tried again.
    Wake {
        /// Which process.
        process: ProcIx,
        /// Stale unless equal to the process's own count.
        turn: u32,
    },
    /// Growth in closed form may meet something: settle it.
    GrowthCheck {
        /// Stale unless the newest.
        turn: u64,
    },
    /// Memory came free: blocked allocations are tried again.
    Retry,
    /// A dying process is gone and its memory is free.
    ExitDone(Pid),
    /// A process that handles SIGTERM exits.
    TermHandled(Pid),
    /// A host process notices that its peer is gone.
    HangUp(u32),
    /// The runtime has set up the pod's sandbox.
    SandboxReady(PodIx),
    /// The runtime starts a container.
    ContainerStarts {
        /// Which.
        container: ContainerRef,
        /// Stale unless equal to the container's own count.
        run: u32,
    },
    /// The grace period of a pod's termination is over: SIGKILL.
    GraceOver(PodIx),
    /// Volumes and cgroups of a terminated pod are removed.
    PodTornDown(PodIx),
    /// The kubelet's relist sees that a container has ended.
    ContainerExitSeen {
        /// Which.
        container: ContainerRef,
        /// Which of its runs.
        run: u32,
    },
    /// The eviction manager synchronizes.
    EvictionPass,
    /// The eviction manager looks whether the evicted pod is gone.
    CleanupPoll {
        /// Stale unless that of the wait.
        turn: u32,
    },
    /// cAdvisor takes a pod's figures.
    Housekeeping(PodIx),
    /// The kubelet reports the node's status.
    NodeStatus,
}

impl engine::Model for Node {
    type Event = Event;

    fn handle(&mut self, key: Key, event: Event, queue: &mut Scheduler<Event>) {
        self.at(key.at, queue, |node, queue| node.dispatch(event, queue));
    }

    fn halted(&self) -> bool {
        self.panicked
    }
}

impl Node {
    /// Something happens at this instant.
    fn at<T>(
        &mut self,
        now: SimTime,
        queue: &mut Scheduler<Event>,
        happens: impl FnOnce(&mut Self, &mut Scheduler<Event>) -> T,
    ) -> T {
        if self.next_sample < now {
            self.take_samples_before(now);
        }
        self.now = now;
        let result = happens(self, queue);
        self.schedule_growth(queue);
        self.forget_dead();
        result
    }

    /// Lends each part what the event is about.
    fn dispatch(&mut self, event: Event, queue: &mut Scheduler<Event>) {
        match event {
            Event::Inject(n) => self.inject(n, queue),
            Event::PodArrives { plan, replica } => self.pod_arrives(plan, replica, queue),
            Event::HostStarts(n) => self.host_starts(n, queue),
            Event::ProcessStarts { container, process, run } => self.process_starts(container, process, run, queue),
            Event::Wake { process, turn } => self.wake(process, turn, queue),
            Event::GrowthCheck { turn } => self.growth_check(turn, queue),
            Event::Retry => self.retry_blocked(queue),
            Event::ExitDone(pid) => self.exit_done(pid, queue),
            Event::TermHandled(pid) => self.term_handled(pid, queue),
            Event::HangUp(n) => self.hangs_up(n, queue),
            Event::SandboxReady(pod) => self.sandbox_ready(pod, queue),
            Event::ContainerStarts { container, run } => self.container_starts(container, run, queue),
            Event::GraceOver(pod) => self.grace_over(pod, queue),
            Event::PodTornDown(pod) => self.pod_torn_down(pod, queue),
            Event::ContainerExitSeen { container, run } => self.container_exit_seen(container, run, queue),
            Event::EvictionPass => self.eviction_pass(queue),
            Event::CleanupPoll { turn } => self.cleanup_poll(turn, queue),
            Event::Housekeeping(pod) => self.housekeeping(pod, queue),
            Event::NodeStatus => self.node_status(queue),
        }
    }
}
