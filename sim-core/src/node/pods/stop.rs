//! The end of containers and pods: what the runtime does when processes die or are to die.

use super::PodState;
use crate::engine::{Phase, Scheduler};
use crate::kubelet::RestartPolicy;
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx, ProcIx};
use crate::node::programs::Activity;
use crate::node::state::Node;
use crate::node_api::{ContainerStatus, ExitStatus, Name, PodPhase, Signo, TerminatedReason, WaitingReason};
use crate::record::{DeathCause, Record};
use crate::units::{SimDuration, SimTime};
use smallvec::SmallVec;

impl Node {
    /// A process of a container is gone. PID 1 takes the others with it.
    pub(in crate::node) fn container_process_gone(
        &mut self,
        c: ContainerRef,
        p: ProcIx,
        status: ExitStatus,
        queue: &mut Scheduler<Event>,
    ) {
        let now = self.now;
        let plan = &self.scenario.pods[self.pod(c.pod).plan as usize];
        let alone = !plan.containers[c.index as usize].pid_namespace;
        let container = self.container_mut(c);
        container.procs.retain(|q| *q != p);
        if alone {
            if container.procs.is_empty() {
                container.pid1_status = Some((status, now));
            }
        } else if container.pid1 == Some(p) {
            container.pid1_status = Some((status, now));
            let rest = container.procs.clone();
            self.kill_all(&rest, DeathCause::ContainerStop, queue);
        }
        self.container_gone(c, queue);
    }

    /// When PID 1 and all others are gone, the container has ended.
    fn container_gone(&mut self, c: ContainerRef, queue: &mut Scheduler<Event>) {
        let container = self.container_mut(c);
        if !container.procs.is_empty() || container.pid1_status.is_none() || !container.running {
            return;
        }
        container.ended = container.pid1_status;
        (container.running, container.pid1) = (false, None);
        let run = container.run;
        if self.pod(c.pod).state == PodState::Terminating {
            self.container_exit_seen(c, run, queue);
            self.maybe_stopped(c.pod, queue);
            return;
        }
        let delay = self.kubelet.as_ref().map_or(SimDuration::ZERO, |kubelet| kubelet.until_relist(self.now));
        if delay == SimDuration::ZERO {
            self.container_exit_seen(c, run, queue);
        } else {
            queue.after(delay, Phase::Kubelet, c.pod, Event::ContainerExitSeen { container: c, run });
        }
    }

    /// PID 1 could not be started (no memory for its page tables): the runtime reports exit code 128.
    pub(in crate::node) fn container_failed_to_start(&mut self, c: ContainerRef, queue: &mut Scheduler<Event>) {
        let status = ExitStatus::Code(128);
        self.container_mut(c).pid1_status = Some((status, self.now));
        self.container_gone(c, queue);
    }

    /// The kubelet learns that a container has ended, and decides what to do about it.
    pub(in crate::node) fn container_exit_seen(&mut self, c: ContainerRef, run: u32, queue: &mut Scheduler<Event>) {
        let Some(container) = self.pod(c.pod).containers.get(c.index as usize) else { return };
        let Some((status, finished_at)) = container.ended.filter(|_| container.run == run && !container.terminated)
        else {
            return;
        };
        self.settle(queue);
        let exit_code = status.container_exit_code();
        let container = self.container_mut(c);
        container.terminated = true;
        let reason = match exit_code {
            0 => TerminatedReason::Completed,
            _ if container.oom_seen => TerminatedReason::OomKilled,
            _ => TerminatedReason::Error,
        };
        container.status = ContainerStatus::Terminated(reason);
        let (name, cgroup) = (container.name.clone(), container.cgroup.take());
        let pod_name = self.pod(c.pod).name.clone();
        self.record(Record::ContainerTerminated { pod: pod_name, container: name, reason, exit_code, finished_at });
        if let Some(cgroup) = cgroup {
            self.memory.rmdir(cgroup);
            self.drain_signals(queue);
        }
        if self.pod(c.pod).state != PodState::Active {
            return;
        }
        let policy = self.scenario.pods[self.pod(c.pod).plan as usize].restart_policy;
        let again = match policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => exit_code != 0,
            RestartPolicy::Never => false,
        };
        if again {
            self.restart(c, finished_at, queue);
        } else {
            self.maybe_finished(c.pod, queue);
        }
    }

    fn restart(&mut self, c: ContainerRef, finished_at: SimTime, queue: &mut Scheduler<Event>) {
        let create = self.scenario.node.runtime.container_create;
        let (delay, full) = match &mut self.kubelet {
            Some(kubelet) => kubelet.backoff(&mut self.pods.container_mut(c).backoff, self.now, finished_at),
            None => (SimDuration::ZERO, SimDuration::ZERO),
        };
        if delay == SimDuration::ZERO {
            self.start_container_after(c, create, queue);
            return;
        }
        self.container_mut(c).status = ContainerStatus::Waiting(WaitingReason::CrashLoopBackOff);
        let (pod, container) = (self.pod(c.pod), self.container(c).name.clone());
        let record = Record::BackOff { pod: pod.name.clone(), container, uid: pod.uid.clone(), delay: full };
        self.record(record);
        self.start_container_after(c, delay + create, queue);
    }

    /// All containers have ended for good: the pod has succeeded or failed, and its cgroup goes.
    fn maybe_finished(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let p = self.pod(pod);
        if p.containers.iter().any(|c| !c.terminated) {
            return;
        }
        let failed = p.containers.iter().any(|c| c.ended.is_none_or(|(s, _)| s.container_exit_code() != 0));
        let phase = if failed { PodPhase::Failed } else { PodPhase::Succeeded };
        self.set_phase(pod, phase, None, Name::default());
        self.pod_mut(pod).state = PodState::Terminating;
        self.maybe_stopped(pod, queue);
    }

    /// Begins to stop a pod: SIGTERM to each container's PID 1, SIGKILL to the rest after `grace`.
    pub(in crate::node) fn stop_pod(
        &mut self,
        pod: PodIx,
        grace: SimDuration,
        cause: DeathCause,
        queue: &mut Scheduler<Event>,
    ) {
        let p = self.pod_mut(pod);
        if matches!(p.state, PodState::Stopped | PodState::Gone) {
            return;
        }
        p.state = PodState::Terminating;
        p.stop_cause = cause;
        let pid1s: SmallVec<[ProcIx; 8]> = p.containers.iter().filter(|c| c.running).filter_map(|c| c.pid1).collect();
        for c in &mut self.pod_mut(pod).containers {
            c.terminated |= !c.running && c.ended.is_none();
        }
        // One whose PID 1 is gone already, while others take longer to die, gets no signal.
        for pid1 in pid1s {
            self.send(pid1, Signo::Term, cause, queue);
        }
        self.maybe_stopped(pod, queue);
        if self.pod(pod).state == PodState::Terminating {
            queue.after(grace, Phase::Runtime, pod, Event::GraceOver(pod));
        }
    }

    pub(in crate::node) fn grace_over(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        if self.pod(pod).state != PodState::Terminating {
            return;
        }
        self.settle(queue);
        let cause = self.pod(pod).stop_cause;
        let rest: SmallVec<[ProcIx; 8]> =
            self.pod(pod).containers.iter().flat_map(|c| c.procs.iter().copied()).collect();
        self.kill_all(&rest, cause, queue);
    }

    /// When the last container of a terminating pod is gone, its pause process follows.
    pub(in crate::node) fn maybe_stopped(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let p = self.pod(pod);
        if p.state != PodState::Terminating || p.containers.iter().any(|c| c.running || !c.procs.is_empty()) {
            return;
        }
        match p.pause.filter(|&q| self.programs[q as usize].activity != Activity::Dying) {
            Some(pause) => self.send(pause, Signo::Kill, DeathCause::ContainerStop, queue),
            None if p.pause.is_none() => self.pause_gone(pod, queue),
            None => {}
        }
    }

    pub(in crate::node) fn pause_gone(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        self.pod_mut(pod).pause = None;
        let p = self.pod(pod);
        if p.state != PodState::Terminating || p.containers.iter().any(|c| c.running || !c.procs.is_empty()) {
            return; // The sandbox died first, of an OOM kill; its containers go on, or are still being stopped.
        }
        self.pod_mut(pod).state = PodState::Stopped;
        let runtime = self.scenario.node.runtime;
        let delay = runtime.container_remove + runtime.pod_teardown;
        self.kill_returned(pod, runtime.container_remove, queue);
        if delay == SimDuration::ZERO {
            self.pod_torn_down(pod, queue);
        } else {
            queue.after(delay, Phase::Runtime, pod, Event::PodTornDown(pod));
        }
    }

    pub(in crate::node) fn pod_torn_down(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        self.memory.remove_volumes_of(pod);
        if let Some(cgroup) = self.pod_mut(pod).cgroup.take() {
            self.memory.rmdir_all(cgroup);
        }
        self.pod_mut(pod).containers.iter_mut().for_each(|c| c.cgroup = None);
        self.drain_signals(queue);
        self.pod_gone(pod);
        self.update_qos_cgroups(queue);
        let name = self.pod(pod).name.clone();
        self.record(Record::PodCleanedUp { pod: name });
        self.sample_now();
        if matches!(self.pod(pod).phase, PodPhase::Failed | PodPhase::Succeeded) {
            self.recreate(pod, queue);
        }
    }
}
