//! The end of containers and pods: what the kubelet does when processes die or are to die.

use super::evict::LOST;
use super::{Lent, PodState, Pods, Role};
use crate::engine::Phase;
use crate::kubelet::exit_status::{self, Terminated};
use crate::kubelet::{
    DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS, KubernetesProfile, RestartPolicy, RestartWakeup, container_grace,
};
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx, ProcIx};
use crate::node::kubelet::Kubelet;
use crate::node::machine::Notice;
use crate::node::programs::ProcessOwner;
use crate::node_api::{ContainerStatus, ExitStatus, Name, PodPhase, TerminatedReason, WaitingReason};
use crate::plan::PreStop;
use crate::record::{DeathCause, Record};
use crate::units::{SimDuration, SimTime};
use std::sync::Arc;

/// Exit code of a container that could not be started (containerd).
const START_ERROR: i32 = 128;

impl Pods {
    /// What is due on the machine and may meet a limit happens, and is heard of.
    pub fn settle(&mut self, lent: &mut Lent<'_>) {
        lent.machine.settle(&mut lent.cx);
        self.route(lent);
    }

    /// Hears what the machine's processes did.
    #[inline]
    pub fn route(&mut self, lent: &mut Lent<'_>) {
        if !lent.machine.notices.is_empty() {
            self.hear_all(lent);
        }
    }

    fn hear_all(&mut self, lent: &mut Lent<'_>) {
        while let Some(notice) = lent.machine.notices.pop_front() {
            self.hear(notice, lent);
        }
    }

    fn hear(&mut self, notice: Notice, lent: &mut Lent<'_>) {
        match notice {
            Notice::Forked { container, child } => lent.runtime.forked(container, child),
            Notice::Waits(container) => self.follow_probes(container, lent),
            Notice::Exited { process, owner, status } => {
                match owner {
                    ProcessOwner::Container(c) => self.container_process_gone(c, process, status, lent),
                    ProcessOwner::Pause(pod) => self.pause_gone(pod, lent),
                    ProcessOwner::Host => {}
                }
                lent.sample_now();
                if owner != ProcessOwner::Host {
                    lent.machine.programs.ended(process);
                }
            }
        }
    }

    /// A process of a container is gone.
    fn container_process_gone(&mut self, c: ContainerRef, p: ProcIx, status: ExitStatus, lent: &mut Lent<'_>) {
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize];
        let pid_namespace = plan.containers[c.index as usize].pid_namespace;
        let follows = plan.containers[c.index as usize].processes.first().is_some_and(|pid1| pid1.waits_for_children);
        lent.runtime.process_gone(c, (p, status), pid_namespace, lent.machine, &mut lent.cx);
        match lent.runtime.only_pid1(c) {
            Some(pid1) if follows => lent.machine.follows_children(pid1, status.container_exit_code(), &mut lent.cx),
            Some(pid1) => lent.machine.children_are_gone(pid1, &mut lent.cx),
            None => {}
        }
        self.route(lent);
        self.container_gone(c, lent);
    }

    /// When PID 1 and all others are gone, the container has ended, which the kubelet's relist sees.
    pub(super) fn container_gone(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        if !lent.runtime.has_ended(c) {
            return;
        }
        let run = lent.runtime.get(c).map_or(0, |container| container.run);
        let delay = lent.kubelet.as_ref().map_or(SimDuration::ZERO, |kubelet| kubelet.until_relist(lent.cx.now));
        if self[c.pod as usize].state == PodState::Terminating {
            self.hook_ends(c, lent);
            let others_run = lent.runtime.is_occupied(c.pod);
            if self.is_removed_when_dead(c.pod, lent) && delay > SimDuration::ZERO && others_run {
                lent.cx.queue.after(delay, Phase::Kubelet, c.pod, Event::ContainerExitSeen { container: c, run });
            } else {
                self.ends_are_read(c.pod, delay, lent);
            }
            self.next_sidecar_terminates(c.pod, lent);
            self.maybe_stopped(c.pod, lent);
            return;
        }
        if delay == SimDuration::ZERO {
            self.container_exit_seen(c, run, lent);
        } else {
            lent.cx.queue.after(delay, Phase::Kubelet, c.pod, Event::ContainerExitSeen { container: c, run });
        }
    }

    /// Whether a relist that sees the end of one of a pod's containers has it removed at once: the pod is evicted
    /// (kubelet.go cleanUpContainersInPod, pod_workers.go ShouldPodContentBeRemoved).
    fn is_removed_when_dead(&self, pod: PodIx, lent: &Lent<'_>) -> bool {
        let profile = lent.kubelet.as_deref().map(Kubelet::profile);
        self[pod as usize].stop_cause == DeathCause::Eviction
            && profile.is_some_and(|profile| profile.evicted_phase_from_containers)
    }

    /// When the sandbox of a terminating pod has stopped, the kubelet reads how its containers ended. Those are lost
    /// that a relist has had removed before that (stories B05 and B26 of a node with 1.36.2).
    fn ends_are_read(&mut self, pod: PodIx, until_relist: SimDuration, lent: &mut Lent<'_>) {
        let evented = lent.kubelet.as_deref().is_some_and(|kubelet| kubelet.profile().evented_pleg);
        let relisted = until_relist > SimDuration::ZERO && until_relist < lent.runtime.timing.container_remove;
        // With EventedPLEG the runtime's event comes in that time, always.
        let lost = (relisted || evented) && self.is_removed_when_dead(pod, lent);
        for index in 0..self[pod as usize].containers.len() as u32 {
            let c = ContainerRef { pod, index };
            let Some(run) = lent.runtime.get(c).filter(|of| !of.running && of.ended.is_some()).map(|of| of.run) else {
                continue;
            };
            if lost && !self.container(c).terminated {
                self.lose(c, lent);
            } else {
                self.end_is_read(c, run, lent);
            }
        }
    }

    /// A container has ended, and nothing is known of how.
    fn lose(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        let container = self.container_mut(c);
        (container.terminated, container.status) = (true, LOST);
        self.record_lost(c, lent);
        lent.runtime.remove_container(c, lent.machine, &mut lent.cx);
    }

    /// The relist sees that a container has ended, and the kubelet decides what to do about it.
    pub fn container_exit_seen(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        if lent.kubelet_is_down() {
            return;
        }
        let of = &self[c.pod as usize];
        let known = of.containers.get(c.index as usize).is_none_or(|container| container.terminated);
        if of.state == PodState::Terminating && !known && self.is_removed_when_dead(c.pod, lent) {
            return self.lose(c, lent);
        }
        self.end_is_read(c, run, lent);
    }

    /// The kubelet reads from the runtime how a container has ended.
    fn end_is_read(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        let Some(container) = self[c.pod as usize].containers.get(c.index as usize) else { return };
        let of_run = lent.runtime.get(c).filter(|of| of.run == run && !container.terminated);
        let Some((status, finished_at)) = of_run.and_then(|of| of.ended) else { return };
        self.settle(lent);
        let run = lent.runtime.get(c);
        let (oom_seen, start_failed) = run.map_or((false, false), |of| (of.oom_seen, of.start_failed));
        // What the runtime reports of a container that it could not start.
        let exit_code = if start_failed { START_ERROR } else { status.container_exit_code() };
        // The runtime keeps that there was an OOM kill, whatever the exit code is (kubernetes#131530).
        let reason = match exit_code {
            _ if start_failed => TerminatedReason::StartError,
            _ if oom_seen => TerminatedReason::OomKilled,
            0 => TerminatedReason::Completed,
            _ => TerminatedReason::Error,
        };
        let container = self.container_mut(c);
        let shown = match reason {
            TerminatedReason::StartError => ContainerStatus::Waiting(WaitingReason::RunContainerError),
            reason => ContainerStatus::Terminated(reason),
        };
        (container.terminated, container.status) = (true, shown);
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        lent.record(Record::ContainerTerminated { pod, container, reason, exit_code, finished_at });
        if reason == TerminatedReason::OomKilled {
            self.oom_was_seen(c, lent);
        }
        lent.runtime.remove_container(c, lent.machine, &mut lent.cx);
        if self[c.pod as usize].state != PodState::Active {
            return;
        }
        self.after_end(c, exit_status::from_runtime(reason.as_str(), exit_code), finished_at, lent);
    }

    /// What the kubelet does about a container that has ended.
    fn after_end(&mut self, c: ContainerRef, ended: Terminated<'_>, finished_at: SimTime, lent: &mut Lent<'_>) {
        let of = &self[c.pod as usize];
        let policy = lent.machine.scenario.pods[of.plan as usize].restart_policy;
        let passed = of.initialized + 1;
        match self.template(c.pod).containers[c.index as usize].role {
            Role::Sidecar => self.restart(c, finished_at, lent),
            Role::Init if !exit_status::init_container_failed(ended) => self.init_passed(c.pod, passed, lent),
            Role::Init if policy != RestartPolicy::Never => self.restart(c, finished_at, lent),
            Role::Init => self.finished(c.pod, PodPhase::Failed, lent),
            Role::Regular => match policy {
                RestartPolicy::Always => self.restart(c, finished_at, lent),
                RestartPolicy::OnFailure if ended.exit_code != 0 => self.restart(c, finished_at, lent),
                RestartPolicy::OnFailure | RestartPolicy::Never => self.maybe_finished(c.pod, lent),
            },
        }
    }

    fn restart(&mut self, c: ContainerRef, finished_at: SimTime, lent: &mut Lent<'_>) {
        let create = lent.runtime.timing.container_create;
        let now = lent.cx.now;
        let of = &self[c.pod as usize];
        let known =
            lent.machine.scenario.pods[of.plan as usize].restart_jitter_permille.get(of.course.waits as usize).copied();
        let (delay, full) = match &mut lent.kubelet {
            Some(kubelet) => kubelet.backoff(&mut self.container_mut(c).backoff, now, finished_at, known),
            None => (SimDuration::ZERO, SimDuration::ZERO),
        };
        if delay == SimDuration::ZERO {
            self.start_container_after(c, create, lent);
            return;
        }
        self[c.pod as usize].course.waits += 1;
        // The status that the API shows is written when the pod is synchronised: since 1.35 that is at the end of the
        // wait only (pod_workers.go completeWork; seen with 1.36.2).
        if lent.kubelet.as_ref().is_none_or(|k| k.profile().restart_wakeup == RestartWakeup::Poll) {
            self.container_mut(c).status = ContainerStatus::Waiting(WaitingReason::CrashLoopBackOff);
        }
        let (pod, container) = (&self[c.pod as usize], self.container(c).name.clone());
        lent.record(Record::BackOff { pod: pod.name.clone(), container, uid: pod.uid.clone(), delay: full });
        self.start_container_after(c, delay + create, lent);
    }

    /// All regular containers have ended for good: the pod has succeeded or failed.
    fn maybe_finished(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let template = Arc::clone(self.template(pod));
        let mut regular = (0..).zip(&self[pod as usize].containers).filter(|(index, _)| template.is_regular(*index));
        if regular.any(|(_, container)| !container.terminated) {
            return;
        }
        let failed = |status: ExitStatus| status.container_exit_code() != 0;
        let mut ended = (0..).zip(lent.runtime.containers(pod)).filter(|(index, _)| template.is_regular(*index));
        let any_failed = ended.any(|(_, run)| run.ended.is_none_or(|(status, _)| failed(status)));
        self.finished(pod, if any_failed { PodPhase::Failed } else { PodPhase::Succeeded }, lent);
    }

    /// A pod's containers have ended for good. Its worker stops what is left when the next relist has come, and only
    /// then the API shows the phase (pod_workers.go podWorkerLoop, status_manager.go; story A04 of a node with 1.36.2).
    fn finished(&mut self, pod: PodIx, phase: PodPhase, lent: &mut Lent<'_>) {
        let kubelet = lent.kubelet.as_deref().filter(|kubelet| kubelet.profile().evicted_phase_from_containers);
        let Some(relist) = kubelet.map(|kubelet| kubelet.until_relist(lent.cx.now)) else {
            self.set_phase(pod, phase, None, Name::default(), lent);
            return self.stop_rest(pod, lent);
        };
        self[pod as usize].course.finishing = Some(phase);
        if relist == SimDuration::ZERO {
            self.pod_finishes(pod, lent);
        } else {
            lent.cx.queue.after(relist, Phase::Kubelet, pod, Event::PodFinishes(pod));
        }
    }

    /// A pod whose containers have ended for good comes to its end, unless it is being stopped already.
    pub fn pod_finishes(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if self[pod as usize].state == PodState::Active {
            self.stop_rest(pod, lent);
        }
    }

    /// Sidecars that still run are stopped, and the pod's cgroup goes.
    fn stop_rest(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if lent.runtime.is_running(pod) {
            let own = self.template(pod).spec.termination_grace_period_seconds;
            let grace = own.unwrap_or(DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS);
            return self.stop(pod, grace, DeathCause::ContainerStop, lent);
        }
        self[pod as usize].state = PodState::Terminating;
        self.maybe_stopped(pod, lent);
    }

    /// Begins to stop a pod with this grace period in seconds: preStop hooks, SIGTERM to each container's PID 1,
    /// SIGKILL to the rest when its time is over. Sidecars hear of it when the regular containers have gone.
    pub fn stop(&mut self, pod: PodIx, grace_seconds: i64, cause: DeathCause, lent: &mut Lent<'_>) {
        let p = &mut self[pod as usize];
        if matches!(p.state, PodState::Stopped | PodState::Gone) {
            return;
        }
        p.state = PodState::Terminating;
        p.stop_cause = cause;
        if cause == DeathCause::Eviction {
            self.lose_waiting(pod, lent);
        }
        let p = &mut self[pod as usize];
        for (container, run) in p.containers.iter_mut().zip(lent.runtime.containers(pod)) {
            container.terminated |= !run.running && run.ended.is_none();
        }
        let grace = self.hooks_run(pod, grace_seconds, lent);
        self.terminate(pod, lent);
        self.route(lent);
        self.maybe_stopped(pod, lent);
        if self[pod as usize].state == PodState::Terminating {
            lent.cx.queue.after(grace, Phase::Runtime, pod, Event::GraceOver(pod));
        }
    }

    /// A pod that is being stopped is to be stopped with another grace period, in seconds: it can only get shorter
    /// (pod_workers.go calculateEffectiveGracePeriod). Its worker begins anew, and asks the runtime again.
    pub(super) fn hurry(&mut self, pod: PodIx, grace_seconds: i64, lent: &mut Lent<'_>) {
        if self[pod as usize].course.grace_seconds.is_none_or(|before| grace_seconds >= before) {
            return;
        }
        self.record_kills_of(pod, lent);
        let grace = self.hooks_run(pod, grace_seconds, lent);
        lent.cx.queue.after(grace, Phase::Runtime, pod, Event::GraceOver(pod));
    }

    /// The preStop hooks of running containers begin, and with them the time of each of these containers. The grace
    /// period of the others.
    fn hooks_run(&mut self, pod: PodIx, grace_seconds: i64, lent: &mut Lent<'_>) -> SimDuration {
        self[pod as usize].course.grace_seconds = Some(grace_seconds);
        self[pod as usize].course.hooks_began = (grace_seconds > 0).then_some(lent.cx.now);
        let scenario = Arc::clone(&lent.machine.scenario);
        let profile = scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |kubelet| kubelet.profile);
        let containers = &scenario.pods[self[pod as usize].plan as usize].containers;
        for (index, plan) in (0..).zip(containers) {
            let container = ContainerRef { pod, index };
            let runs = lent.runtime.get(container).is_some_and(|run| run.running);
            let Some(hook) = plan.pre_stop.filter(|_| runs) else { continue };
            let (term, kill) = container_grace(grace_seconds, Some(hook.takes()), &profile);
            lent.cx.queue.after(term, Phase::Runtime, pod, Event::PreStopOver(container));
            lent.cx.queue.after(kill, Phase::Runtime, pod, Event::ContainerGraceOver(container));
        }
        container_grace(grace_seconds, None, &profile).1
    }

    /// A container of a terminating pod has ended: when no regular one runs any more, the next sidecar hears of it.
    fn next_sidecar_terminates(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let template = self.template(pod);
        let mut running = (0..).zip(lent.runtime.containers(pod)).filter(|(_, run)| run.running).peekable();
        let sidecars_only = running.peek().is_some() && running.all(|(index, _)| !template.is_regular(index));
        if sidecars_only {
            self.terminate(pod, lent);
            self.route(lent);
        }
    }

    /// SIGTERM to the containers of a terminating pod whose turn it is: regular ones without a preStop hook, or the
    /// last sidecar that runs when no regular container does.
    fn terminate(&self, pod: PodIx, lent: &mut Lent<'_>) {
        let scenario = Arc::clone(&lent.machine.scenario);
        let of = &self[pod as usize];
        let plans = &scenario.pods[of.plan as usize].containers;
        let template = self.template(pod);
        let runs = |index: u32| lent.runtime.get(ContainerRef { pod, index }).is_some_and(|run| run.running);
        let sidecar = |index: u32| template.containers[index as usize].role == Role::Sidecar;
        let running: Vec<u32> = (0..of.containers.len() as u32).filter(|&index| runs(index)).collect();
        let turn: Vec<u32> = match running.iter().any(|&index| !sidecar(index)) {
            true => running.into_iter().filter(|&index| !sidecar(index)).collect(),
            false => template.init.iter().rev().copied().find(|index| running.contains(index)).into_iter().collect(),
        };
        let now = turn.into_iter().filter(|&index| plans[index as usize].pre_stop.is_none());
        let now: Vec<u32> = now.collect();
        lent.terminate(pod, &now, of.stop_cause);
    }

    /// A container's preStop hook is over, or its time is.
    pub fn pre_stop_over(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        if self[c.pod as usize].state == PodState::Terminating {
            self.settle(lent);
            let runs = lent.runtime.get(c).is_some_and(|run| run.running);
            if let Some((PreStop::Exec { code: 1.., .. }, true)) = self.hook_of(c, lent).filter(|_| runs) {
                self.hook_failed(c, lent);
            }
            lent.terminate(c.pod, &[c.index], self[c.pod as usize].stop_cause);
            self.route(lent);
        }
    }

    /// A container's preStop hook, and whether it is over by now; `None`: it has none, or has no time for it.
    fn hook_of(&self, c: ContainerRef, lent: &Lent<'_>) -> Option<(PreStop, bool)> {
        let of = &self[c.pod as usize];
        let hook = lent.machine.scenario.pods[of.plan as usize].containers[c.index as usize].pre_stop?;
        Some((hook, lent.cx.now >= of.course.hooks_began? + hook.takes()))
    }

    /// A container has ended: a command that still runs in it as its preStop hook has ended with it, which the kubelet
    /// takes for a failure (kuberuntime_container.go executePreStopHook; story B15 of a node with 1.36.2).
    fn hook_ends(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        if let Some((PreStop::Exec { .. }, false)) = self.hook_of(c, lent) {
            self.hook_failed(c, lent);
        }
    }

    fn hook_failed(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        lent.record(Record::FailedPreStopHook { pod, container });
    }

    /// The time of a container with a preStop hook is over.
    pub fn container_grace_over(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        if self[c.pod as usize].state == PodState::Terminating {
            self.settle(lent);
            lent.kill(c.pod, |index| index == c.index, self[c.pod as usize].stop_cause);
            self.route(lent);
        }
    }

    /// The grace period of a pod's termination is over.
    pub fn grace_over(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if self[pod as usize].state != PodState::Terminating {
            return;
        }
        self.settle(lent);
        let scenario = Arc::clone(&lent.machine.scenario);
        let plans = &scenario.pods[self[pod as usize].plan as usize].containers;
        lent.kill(pod, |index| plans[index as usize].pre_stop.is_none(), self[pod as usize].stop_cause);
        self.route(lent);
    }

    /// When the last container of a terminating pod is gone, its pause process follows.
    pub(super) fn maybe_stopped(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if self[pod as usize].state != PodState::Terminating || lent.runtime.is_occupied(pod) {
            return;
        }
        if lent.stop_sandbox(pod) {
            self.pause_gone(pod, lent);
        }
        self.route(lent);
    }

    fn pause_gone(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        lent.runtime.pause_gone(pod);
        if self[pod as usize].state != PodState::Terminating || lent.runtime.is_occupied(pod) {
            return; // The sandbox died first, of an OOM kill; its containers go on, or are still being stopped.
        }
        self.stopped(pod);
        let finishing = self[pod as usize].course.finishing.take().filter(|_| self[pod as usize].evicted.is_none());
        match finishing {
            Some(phase) => self.set_phase(pod, phase, None, Name::default(), lent),
            None => self.tell_eviction(pod, lent),
        }
        let timing = lent.runtime.timing;
        let stopped = lent.cx.now + timing.container_remove;
        let refresh = lent.kubelet.as_deref().map_or(SimDuration::ZERO, |kubelet| kubelet.until_refresh(stopped));
        let delay = timing.container_remove + if refresh > SimDuration::ZERO { refresh } else { timing.pod_teardown };
        if let Some(kubelet) = &mut lent.kubelet {
            kubelet.kill_returned(pod, timing.container_remove, &mut lent.cx);
        }
        if delay == SimDuration::ZERO {
            self.torn_down(pod, lent);
        } else {
            lent.cx.queue.after(delay, Phase::Runtime, pod, Event::PodTornDown(pod));
        }
        self.preempted_pod_gone(pod, lent);
    }

    /// Volumes and cgroups of a terminated pod are removed.
    pub fn torn_down(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        self.settle(lent);
        lent.machine.memory.remove_volumes_of(pod);
        if let Some(cgroup) = self[pod as usize].cgroup.take() {
            lent.machine.memory.rmdir_all(cgroup);
        }
        lent.cx.log.pod_has_no_cgroup(pod);
        lent.runtime.torn_down(pod, lent.machine, &mut lent.cx);
        lent.machine.drain_signals(&mut lent.cx);
        self.gone(pod, lent);
        self.update_qos_cgroups(lent);
        lent.record(Record::PodCleanedUp { pod: self[pod as usize].name.clone() });
        lent.sample_now();
        let of = &self[pod as usize];
        let ended = matches!(of.phase, PodPhase::Failed | PodPhase::Succeeded) && !of.deleted;
        if ended || of.replaced_when_gone {
            self.recreate(pod, lent);
        }
    }

    /// Nothing of a pod is left on the node.
    pub(super) fn gone(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        self.leave(pod);
        if let Some(kubelet) = &mut lent.kubelet {
            kubelet.forget(pod);
        }
    }
}
