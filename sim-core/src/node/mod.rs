//! Where kernel, kubelet, runtime and workloads meet: the closed set of events and what each does.
//!
//! The node is made of parts that own their state, and each event lends a part exactly what it may touch:
//!
//! | part | owns | is lent |
//! |---|---|---|
//! | `machine` | the kernel with growth that is due (`memory`), and the programs | – |
//! | `runtime` | sandboxes, containers and their processes | the machine |
//! | `kubelet` | what the kubelet believes, its clocks | settled memory, and the pods and containers to look at |
//! | `pods` | pods and their containers as the API has them | machine, runtime and kubelet |
//!
//! All of them are lent the clock, the queue, the streams and the recorder (`Cx`). The kernel is called synchronously;
//! what its processes do that others have to know leaves the machine as notices. The kubelet reads only snapshots and
//! acts only through the runtime, which takes time. That separation is the race.

mod build;
mod changes;
mod ids;
mod killers;
mod kubelet;
mod machine;
mod memory;
mod observe;
mod outcome;
mod pods;
mod programs;
mod runtime;
mod simulation;
mod state;
mod view;

pub use build::{BootedNode, simulate};
pub use changes::ChangeError;
pub use ids::{ContainerRef, PodIx, ProcIx};
pub use simulation::{Checkpoint, ForeignCheckpoint, Simulation};
pub use state::Node;
pub use view::{CgroupView, KubeletView, NodeView, PodBelief, ProcessState, ProcessView};

use crate::engine::{self, Key, RunsBehind, Scheduler};
use crate::record::DeathCause;
use crate::units::{Pid, SimDuration, SimTime};
use changes::inject;
use kubelet::Look;
use memory::Scope;
use pods::{LEASE, Lent, Pods};

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
    /// It is the turn of a replica of a plan to be replaced.
    PodRolls {
        /// Index into the scenario's pods.
        plan: u32,
        /// Which of its replicas.
        replica: u32,
    },
    /// A recommender raises the memory of a container.
    Recommends {
        /// Which.
        container: ContainerRef,
        /// Its limit when it was killed, bytes.
        killed_at: i64,
    },
    /// The successor of a pod is available.
    PodRetires(PodIx),
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
    /// A killer in user space looks at the node.
    KillerLooks(u32),
    /// The kernel averages for how long tasks have waited for memory.
    PressureTick,
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
    /// runc begins to start a container.
    RuncBegins {
        /// Which.
        container: ContainerRef,
        /// Stale unless equal to the container's own count.
        run: u32,
    },
    /// A container's program takes the place of runc's own process.
    ContainerExecs {
        /// Which.
        container: ContainerRef,
        /// Which of its runs.
        run: u32,
    },
    /// An init container has done its work, or a sidecar has started: the next one is due.
    InitPassed {
        /// Of this pod.
        pod: PodIx,
        /// This many have passed. Stale unless equal to the pod's own count.
        passed: u32,
    },
    /// A container's preStop hook is over: SIGTERM.
    PreStopOver(ContainerRef),
    /// The grace period of a container with a preStop hook is over: SIGKILL.
    ContainerGraceOver(ContainerRef),
    /// A container is asked whether it is well.
    ProbeBegins {
        /// Which.
        container: ContainerRef,
        /// Which of its probes.
        probe: u32,
        /// Which of its runs.
        run: u32,
    },
    /// It has answered by now, or the probe has failed.
    ProbeEnds {
        /// Which.
        container: ContainerRef,
        /// Which of its probes.
        probe: u32,
        /// Which of its runs.
        run: u32,
    },
    /// The grace period of a container that failed its probe is over: SIGKILL.
    ProbeGraceOver {
        /// Which.
        container: ContainerRef,
        /// Which of its runs.
        run: u32,
    },
    /// The grace period of a pod's termination is over: SIGKILL.
    GraceOver(PodIx),
    /// The worker of a deleted or evicted pod comes to stop it.
    PodStops {
        /// Which.
        pod: PodIx,
        /// Its grace period in seconds.
        grace_seconds: i64,
        /// Why it is stopped.
        cause: DeathCause,
    },
    /// Volumes and cgroups of a terminated pod are removed.
    PodTornDown(PodIx),
    /// A pod whose containers have ended for good comes to its end.
    PodFinishes(PodIx),
    /// The runtime has made a sandbox or a container.
    SetupDone {
        /// Stale unless the newest.
        turn: u32,
    },
    /// The kubelet's relist sees that a container has ended.
    ContainerExitSeen {
        /// Which.
        container: ContainerRef,
        /// Which of its runs.
        run: u32,
    },
    /// The eviction manager synchronizes.
    EvictionPass {
        /// Start of the kubelet that this belongs to.
        start: u32,
    },
    /// The eviction manager looks whether the evicted pod is gone.
    CleanupPoll {
        /// Stale unless that of the wait.
        turn: u32,
    },
    /// cAdvisor takes a pod's figures.
    Housekeeping {
        /// Of which.
        pod: PodIx,
        /// Start of the kubelet that this belongs to.
        start: u32,
    },
    /// cAdvisor takes a container's figures.
    ContainerHousekeeping {
        /// Of which.
        container: ContainerRef,
        /// Which of its runs.
        run: u32,
        /// Start of the kubelet that this belongs to.
        start: u32,
    },
    /// The kubelet tries once more to resize a pod.
    ResizeAgain {
        /// Which.
        pod: PodIx,
        /// Stale unless that of the pod's last resize.
        turn: u32,
    },
    /// The node controller looks whether the node still reports.
    NodeMonitor,
    /// A pod has tolerated the taint of an unreachable node long enough.
    TaintEviction {
        /// Which.
        pod: PodIx,
        /// Which time that the node was unreachable.
        turn: u32,
    },
    /// The kubelet reports the node's status.
    NodeStatus {
        /// Start of the kubelet that this belongs to.
        start: u32,
    },
}

impl engine::Model for Node {
    type Event = Event;

    fn handle(&mut self, key: Key, event: Event, queue: &mut Scheduler<Event>) {
        self.at(key.at, queue, |pods, lent| dispatch(event, pods, lent));
    }

    fn halted(&self) -> bool {
        self.machine.panicked
    }
}

impl Node {
    /// Something happens at this instant.
    #[inline]
    fn at<T>(
        &mut self,
        now: SimTime,
        queue: &mut Scheduler<Event>,
        happens: impl FnOnce(&mut Pods, &mut Lent<'_>) -> T,
    ) -> T {
        let (pods, mut lent) = self.lend(queue);
        if lent.cx.log.next_sample() < now {
            lent.machine.take_samples_before(now, &mut lent.cx);
        }
        lent.cx.now = now;
        let result = happens(pods, &mut lent);
        loop {
            pods.route(&mut lent);
            lent.machine.schedule_growth(&mut lent.cx);
            if lent.machine.notices.is_empty() {
                break;
            }
        }
        self.now = now;
        self.forget_dead();
        result
    }
}

/// Lends each part what the event is about.
#[inline]
fn dispatch(event: Event, pods: &mut Pods, lent: &mut Lent<'_>) {
    match event {
        Event::Inject(n) => inject(n, pods, lent),
        Event::PodArrives { plan, replica } => pods.arrive(plan, replica, lent),
        Event::PodRolls { plan, replica } => pods.rolls(plan, replica, lent),
        Event::Recommends { container, killed_at } => pods.recommends(container, killed_at, lent),
        Event::PodRetires(pod) => pods.retires(pod, lent),
        Event::SandboxReady(pod) => pods.sandbox_ready(pod, lent),
        Event::ContainerStarts { container, run } => pods.container_starts(container, run, lent),
        Event::ContainerExecs { container, run } => pods.container_execs(container, run, lent),
        Event::RuncBegins { container, run } => pods.runc_begins(container, run, lent),
        Event::ProcessStarts { container, process, run } => {
            pods.process_starts(container, process, run, lent);
        }
        Event::ContainerExitSeen { container, run } => pods.container_exit_seen(container, run, lent),
        Event::InitPassed { pod, passed } => pods.init_passed(pod, passed, lent),
        Event::PreStopOver(container) => pods.pre_stop_over(container, lent),
        Event::ContainerGraceOver(container) => pods.container_grace_over(container, lent),
        Event::ProbeBegins { container, probe, run } => pods.probe_begins(container, probe, run, lent),
        Event::ProbeEnds { container, probe, run } => pods.probe_ends(container, probe, run, lent),
        Event::ProbeGraceOver { container, run } => pods.probe_grace_over(container, run, lent),
        Event::GraceOver(pod) => pods.grace_over(pod, lent),
        Event::PodStops { pod, grace_seconds, cause } => pods.worker_stops(pod, grace_seconds, cause, lent),
        Event::PodTornDown(pod) => pods.torn_down(pod, lent),
        Event::PodFinishes(pod) => pods.pod_finishes(pod, lent),
        Event::SetupDone { turn } => {
            lent.runtime.setups.done(turn, lent.machine.scenario.node.kernel.cpus, &mut lent.cx);
        }
        Event::HostStarts(n) => lent.machine.host_starts(n, &mut lent.cx),
        Event::Wake { process, turn } => lent.machine.wake(process, turn, &mut lent.cx),
        Event::GrowthCheck { turn } => lent.machine.growth_check(turn, &mut lent.cx),
        Event::Retry => lent.machine.retry_blocked(&mut lent.cx),
        Event::KillerLooks(killer) => lent.machine.killer_looks(killer, &mut lent.cx),
        Event::PressureTick => lent.machine.pressure_tick(&mut lent.cx),
        Event::ExitDone(pid) => lent.machine.exit_done(pid, &mut lent.cx),
        Event::TermHandled(pid) => lent.machine.term_handled(pid, &mut lent.cx),
        Event::HangUp(n) => lent.machine.hangs_up(n, &mut lent.cx),
        Event::EvictionPass { start } => {
            if lent.kubelet_is_due(0, start, event) {
                eviction_pass(pods, lent);
            }
        }
        Event::CleanupPoll { turn } => cleanup_poll(turn, pods, lent),
        Event::Housekeeping { pod, start } => {
            if lent.kubelet_is_due(2 + pod, start, event) {
                housekeeping(pod, pods, lent);
            }
        }
        Event::ContainerHousekeeping { container, run, start } => {
            container_housekeeping(container, run, start, pods, lent);
        }
        Event::ResizeAgain { pod, turn } => pods.resize_again(pod, turn, lent),
        Event::NodeMonitor => pods.node_is_looked_at(lent),
        Event::TaintEviction { pod, turn } => pods.taint_evicts(pod, turn, lent),
        Event::NodeStatus { start } => {
            if lent.kubelet_is_due(1, start, event) {
                node_status(pods, lent);
            }
        }
    }
}

/// The eviction manager looks at the node, and a pod may have to go.
fn eviction_pass(pods: &mut Pods, lent: &mut Lent<'_>) {
    pods.settle(lent);
    lent.cx.log.counts.passes += 1;
    let at_most = if lent.cx.log.keeps_passes() { None } else { lent.machine.stats_at_most(lent.cx.now) };
    if let (Some(at_most), Some(kubelet)) = (at_most, &mut lent.kubelet)
        && kubelet.quiet_pass(&at_most, &mut lent.cx)
    {
        return;
    }
    let slow = lent.slowness();
    let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
    let (settled, stats) = lent.machine.look(&mut lent.cx);
    let look = Look { settled, pods, runtime: lent.runtime };
    if let Some((pod, decision)) = kubelet.pass(&stats, look, slow, &mut lent.cx) {
        pods.evict(pod, &decision, lent);
    }
}

/// The eviction manager looks whether the evicted pod is gone.
fn cleanup_poll(turn: u32, pods: &mut Pods, lent: &mut Lent<'_>) {
    let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
    if !kubelet.cleanup_poll(turn, pods, &mut lent.cx) {
        return;
    }
    let recorded = kubelet.recorded_pass(lent.cx.now).is_some();
    let slow = lent.slowness();
    if slow == SimDuration::ZERO && !recorded {
        eviction_pass(pods, lent);
    } else if let Some(kubelet) = &lent.kubelet {
        kubelet.pass_after(slow, &mut lent.cx);
    }
}

/// The kubelet reports the node's status; the next time later if it crawls.
fn node_status(pods: &mut Pods, lent: &mut Lent<'_>) {
    let slow = lent.reads_system_text();
    let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
    kubelet.node_status(slow, &mut lent.cx);
    let in_time = kubelet.plan().timing.node_monitor_grace;
    pods.node_reports(lent);
    if LEASE + slow >= in_time {
        pods.watch_node(lent);
    }
}

/// cAdvisor takes a pod's figures.
fn housekeeping(pod: PodIx, pods: &Pods, lent: &mut Lent<'_>) {
    let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
    if pods[pod as usize].cgroup.is_none() {
        return kubelet.forget(pod);
    }
    let settled = lent.machine.settled(Scope::Pod(pod, lent.runtime.containers(pod)), &mut lent.cx);
    kubelet.housekeeping(pod, Look { settled, pods, runtime: lent.runtime }, &mut lent.cx);
}

/// cAdvisor takes a container's figures, unless it has ended since.
fn container_housekeeping(c: ContainerRef, run: u32, start: u32, pods: &Pods, lent: &mut Lent<'_>) {
    let Some(kubelet) = lent.kubelet.as_deref_mut().filter(|kubelet| kubelet.is_start(start)) else { return };
    if lent.runtime.get(c).is_some_and(|of| of.running && of.run == run) {
        let settled = lent.machine.settled(Scope::Pod(c.pod, lent.runtime.containers(c.pod)), &mut lent.cx);
        kubelet.container_housekeeping(c, run, Look { settled, pods, runtime: lent.runtime }, &mut lent.cx);
    }
}
