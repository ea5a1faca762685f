//! What becomes of a pod that the eviction manager chooses.

use super::start::container_id;
use super::{Container, Lent, PodState, Pods, Role};
use crate::engine::{Phase, RunsBehind};
use crate::kubelet::RestartPolicy;
use crate::kubelet::eviction::Decision;
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::kubelet::Look;
use crate::node::memory::Scope;
use crate::node::runtime::ContainerRun;
use crate::node_api::{ContainerStatus, Name, PodPhase, PodReason, TerminatedReason};
use crate::record::{DeathCause, Record};
use crate::units::{Bytes, SimDuration, SimTime};
use std::sync::Arc;

/// What the API shows of a container that cannot be found.
pub(super) const LOST: ContainerStatus = ContainerStatus::Terminated(TerminatedReason::ContainerStatusUnknown);

impl Pods {
    /// Carries out a decision.
    pub fn evict(&mut self, pod: PodIx, decision: &Decision, lent: &mut Lent<'_>) {
        let Some(kubelet) = lent.kubelet.as_deref() else { return };
        // Its figures are looked at one by one.
        let scope = Scope::Pod(pod, lent.runtime.containers(pod));
        let settled = lent.machine.settled(scope, &mut lent.cx);
        let eviction =
            kubelet.eviction(decision, pod, Look { settled, pods: self, runtime: lent.runtime }, lent.cx.now);
        let usage_now = settled.pod_working_set(pod, &self[pod as usize]).unwrap_or(Bytes::ZERO);
        self.route(lent);
        let (message, grace_period) = (eviction.message, eviction.grace_period);
        lent.cx.log.counts.evictions += 1;
        lent.sample_now();
        lent.record(Record::Evicted {
            pod: self[pod as usize].name.clone(),
            message: message.clone(),
            offenders: eviction.offenders,
            grace_period,
            signal: eviction.signal,
            usage_seen: eviction.seen.map(|(usage, _)| Bytes::new(usage)),
            usage_seen_at: eviction.seen.map(|(_, at)| at),
            usage_now,
        });
        let already = self[pod as usize].state == PodState::Terminating;
        let wait = if already { SimDuration::ZERO } else { self.until_worker_looks(pod, lent) };
        if wait == SimDuration::ZERO && !already {
            self.record_kills_of(pod, lent);
        }
        let creating = self[pod as usize].state == PodState::Creating;
        let told_later = lent.kubelet.as_ref().is_some_and(|k| k.profile().evicted_phase_from_containers);
        if told_later && !creating {
            self[pod as usize].evicted = Some(message);
        } else {
            self.set_phase(pod, PodPhase::Failed, Some(PodReason::Evicted), message, lent);
        }
        if let Some(kubelet) = &mut lent.kubelet {
            kubelet.wait_for(pod, grace_period, lent.cx.now);
        }
        if wait > SimDuration::ZERO {
            self.worker_will_stop(pod, eviction.grace_seconds, DeathCause::Eviction, wait, lent);
        } else if already {
            self[pod as usize].stop_cause = DeathCause::Eviction;
            self.hurry(pod, eviction.grace_seconds, lent);
        } else {
            self.kill(pod, eviction.grace_seconds, DeathCause::Eviction, lent);
        }
        if let Some(kubelet) = &lent.kubelet {
            kubelet.watch_kill_call(&mut lent.cx);
        }
        if !already {
            lent.sample_now();
        }
    }

    /// How long until a pod's worker looks at the pod, which is what it takes until it stops it.
    pub(super) fn until_worker_looks(&self, pod: PodIx, lent: &Lent<'_>) -> SimDuration {
        let Some(kubelet) = lent.kubelet.as_deref().filter(|_| self[pod as usize].state == PodState::Active) else {
            return SimDuration::ZERO;
        };
        let containers = lent.runtime.containers(pod).iter();
        let last = containers.map(|run| run.ended.map_or(run.started, |(_, at)| at)).max().unwrap_or(SimTime::ZERO);
        kubelet.until_worker_looks(last, lent.cx.now)
    }

    /// A pod's worker will stop the pod after this time.
    pub(super) fn worker_will_stop(
        &self,
        pod: PodIx,
        grace_seconds: i64,
        cause: DeathCause,
        wait: SimDuration,
        lent: &mut Lent<'_>,
    ) {
        lent.cx.queue.after(wait, Phase::Kubelet, pod, Event::PodStops { pod, grace_seconds, cause });
    }

    /// A pod's worker stops it, unless it is being stopped already.
    pub fn worker_stops(&mut self, pod: PodIx, grace_seconds: i64, cause: DeathCause, lent: &mut Lent<'_>) {
        if !matches!(self[pod as usize].state, PodState::Creating | PodState::Active) {
            return;
        }
        self.record_kills_of(pod, lent);
        self.kill(pod, grace_seconds, cause, lent);
    }

    /// Ends a pod that has failed, with this grace period in seconds.
    pub(super) fn kill(&mut self, pod: PodIx, grace_seconds: i64, cause: DeathCause, lent: &mut Lent<'_>) {
        if self[pod as usize].state != PodState::Creating {
            return self.stop(pod, grace_seconds, cause, lent);
        }
        self.gone(pod, lent);
        if let Some(kubelet) = &mut lent.kubelet {
            kubelet.kill_returned(pod, SimDuration::ZERO, &mut lent.cx);
        }
        self.recreate(pod, lent);
        self.preempted_pod_gone(pod, lent);
    }

    /// The containers of an evicted or deleted pod have stopped. If all of them ended with code 0, the pod has
    /// succeeded, and neither reason nor message say that it was evicted (kubelet.go generateAPIPodStatus,
    /// kubernetes#118310).
    pub(super) fn tell_eviction(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let evicted = self[pod as usize].evicted.take();
        let profile = lent.kubelet.as_ref().map(|kubelet| kubelet.profile().evicted_phase_from_containers);
        if evicted.is_none() && !(self[pod as usize].deleted && profile == Some(true)) {
            return;
        }
        let template = Arc::clone(self.template(pod));
        let containers = lent.runtime.containers(pod).iter().zip(&self[pod as usize].containers);
        let mut ran = (0..).zip(containers).filter(|(index, _)| template.is_regular(*index)).map(|(_, ran)| ran);
        let well = |(run, container): (&ContainerRun, &Container)| {
            let known = container.status != LOST;
            known && run.ended.is_some_and(|(status, _)| status.container_exit_code() == 0)
        };
        if ran.all(well) {
            self.set_phase(pod, PodPhase::Succeeded, None, Name::default(), lent);
        } else {
            let reason = evicted.is_some().then_some(PodReason::Evicted);
            self.set_phase(pod, PodPhase::Failed, reason, evicted.unwrap_or_default(), lent);
        }
    }

    /// A container that was not running when its pod was killed cannot be found any more (kubelet.go
    /// convertStatusToAPIStatus; story B26 of a node with 1.36.2).
    pub(super) fn lose_waiting(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        for index in 0..self[pod as usize].containers.len() {
            let container = &self[pod as usize].containers[index];
            let run = &lent.runtime.containers(pod)[index];
            if run.running || run.run == 0 || !container.terminated {
                continue;
            }
            let regular = self.template(pod).is_regular(index as u32);
            let policy = lent.machine.scenario.pods[self[pod as usize].plan as usize].restart_policy;
            let well = run.ended.is_some_and(|(status, _)| status.container_exit_code() == 0);
            if policy == RestartPolicy::Never || (well && (policy == RestartPolicy::OnFailure || !regular)) {
                continue; // It has ended for good, and its status is known.
            }
            self[pod as usize].containers[index].status = LOST;
            self.record_lost(ContainerRef { pod, index: index as u32 }, lent);
        }
    }

    /// What the API shows of a container that cannot be found.
    pub(super) fn record_lost(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        let (reason, finished_at) = (TerminatedReason::ContainerStatusUnknown, lent.cx.now);
        lent.record(Record::ContainerTerminated { pod, container, reason, exit_code: 137, finished_at });
    }

    /// `Killing` of each container of an evicted pod, or that it could not be found.
    pub(in crate::node) fn record_kills_of(&self, pod: PodIx, lent: &mut Lent<'_>) {
        let template = Arc::clone(self.template(pod));
        let of = &self[pod as usize];
        for (index, container) in of.containers.iter().enumerate() {
            let run = &lent.runtime.containers(pod)[index];
            // Init containers that have done their work, and what waits for them.
            if !run.running && (container.role == Role::Init || run.run == 0 && !template.init.is_empty()) {
                continue;
            }
            let (pod, container) = (of.name.clone(), container.name.clone());
            let record = if run.running {
                Record::Killing { pod, container, message: template.containers[index].stopping.clone() }
            } else {
                let id = container_id(of, &container, run.run.saturating_sub(1), lent.cx.streams);
                let message = format!("failed to kill container \"{container}\": NotFound: container {id} is gone");
                Record::KillFailed { pod, container, message: message.into() }
            };
            lent.record(record);
        }
    }
}
