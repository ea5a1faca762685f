//! What the node lends the kubelet when one of its clocks strikes, and what becomes of a pod that it evicts.

use super::Event;
use super::ids::PodIx;
use super::memory::Settled;
use super::pods::PodState;
use super::state::Node;
use crate::engine::{Phase, Scheduler};
use crate::kubelet::eviction::Decision;
use crate::node_api::{PodPhase, PodReason};
use crate::record::{DeathCause, Record};
use crate::units::{Bytes, SimDuration};
use std::sync::Arc;

impl Node {
    /// How much longer things take because the kubelet crawls.
    pub(super) fn slowness(&mut self, queue: &mut Scheduler<Event>) -> SimDuration {
        if self.kubelet.as_ref().is_none_or(|kubelet| kubelet.crawls_below().is_none()) {
            return SimDuration::ZERO;
        }
        let settled = self.settle_all(queue);
        let figures = self.memory.figures(&settled);
        self.kubelet.as_ref().map_or(SimDuration::ZERO, |kubelet| kubelet.slowness(figures))
    }

    pub(super) fn eviction_pass(&mut self, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        self.recorder.counts.passes += 1;
        // What each pass saw is kept with the series.
        let at_most = if self.recorder.keeps_series() { None } else { self.stats_at_most() };
        if let Some(at_most) = at_most {
            let (kubelet, mut cx) = self.kubelet_and_cx(queue);
            if kubelet.is_some_and(|kubelet| kubelet.quiet_pass(&at_most, &mut cx)) {
                return;
            }
        }
        let (settled, stats) = self.look_at_all(queue);
        let slow = self.slowness(queue);
        let Node { kubelet: Some(kubelet), memory, pods, recorder, now, .. } = self else { return };
        let mut cx = super::observe::Cx { now: *now, queue, log: recorder };
        if let Some((pod, decision)) = kubelet.pass(&stats, memory.figures(&settled), pods, slow, &mut cx) {
            self.evict(pod, &decision, queue);
        }
    }

    /// Carries out a decision.
    fn evict(&mut self, pod: PodIx, decision: &Decision, queue: &mut Scheduler<Event>) {
        // Its figures are looked at one by one.
        let settled: Settled = self.settle_pod(pod, queue);
        let Some(kubelet) = &self.kubelet else { return };
        let figures = self.memory.figures(&settled);
        let eviction = kubelet.eviction(decision, (pod, self.pod(pod)), &self.pods, figures, self.now);
        let usage_now = figures.pod_working_set(self.pod(pod)).unwrap_or(Bytes::ZERO);
        let (name, message, grace_period) = (self.pod(pod).name.clone(), eviction.message, eviction.grace_period);
        self.recorder.counts.evictions += 1;
        self.sample_now();
        self.record(Record::Evicted {
            pod: name,
            message: message.clone(),
            grace_period,
            signal: eviction.signal,
            usage_seen: eviction.seen.map(|(usage, _)| Bytes::new(usage)),
            usage_seen_at: eviction.seen.map(|(_, at)| at),
            usage_now,
        });
        self.record_kills_of(pod);
        self.set_phase(pod, PodPhase::Failed, Some(PodReason::Evicted), message);
        if let Some(kubelet) = &mut self.kubelet {
            kubelet.wait_for(pod, grace_period, self.now);
        }
        let already = self.pod(pod).state == PodState::Terminating;
        if self.pod(pod).state == PodState::Creating {
            self.pod_gone(pod);
            self.kill_returned(pod, SimDuration::ZERO, queue);
            self.recreate(pod, queue);
        } else if !already {
            self.stop_pod(pod, grace_period, DeathCause::Eviction, queue);
        }
        if let (Some(kubelet), mut cx) = self.kubelet_and_cx(queue) {
            kubelet.watch_kill_call(&mut cx);
        }
        if !already {
            self.sample_now();
        }
    }

    /// `Killing` of each container of an evicted pod, or that it could not be found.
    fn record_kills_of(&mut self, pod: PodIx) {
        let template = Arc::clone(self.pods.template(pod));
        let name = self.pod(pod).name.clone();
        for index in 0..self.pod(pod).containers.len() {
            let container = &self.pod(pod).containers[index];
            let (run, running, container) = (container.run, container.running, container.name.clone());
            let record = if running {
                let message = template.containers[index].stopping.clone();
                Record::Killing { pod: name.clone(), container, message }
            } else {
                let id = self.container_id(pod, &container, run.saturating_sub(1));
                let message = format!("failed to kill container \"{container}\": NotFound: container {id} is gone");
                Record::KillFailed { pod: name.clone(), container, message: message.into() }
            };
            self.record(record);
        }
    }

    /// The runtime has stopped everything in a pod that was to be killed.
    pub(super) fn kill_returned(&mut self, pod: PodIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        if let (Some(kubelet), mut cx) = self.kubelet_and_cx(queue) {
            kubelet.kill_returned(pod, delay, &mut cx);
        }
    }

    pub(super) fn cleanup_poll(&mut self, turn: u32, queue: &mut Scheduler<Event>) {
        let Node { kubelet: Some(kubelet), pods, recorder, now, .. } = self else { return };
        let mut cx = super::observe::Cx { now: *now, queue, log: recorder };
        if !kubelet.cleanup_poll(turn, pods, &mut cx) {
            return;
        }
        match self.slowness(queue) {
            SimDuration::ZERO => self.eviction_pass(queue),
            slow => queue.after(slow, Phase::Kubelet, 0, Event::EvictionPass),
        }
    }

    /// cAdvisor begins to watch a pod that has no process in its containers yet.
    pub(super) fn pod_starts_housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let Node { kubelet: Some(kubelet), scenario, streams, memory, pods, recorder, now, .. } = self else { return };
        let of = &pods[pod as usize];
        let recorded = &scenario.pods[of.plan as usize].housekeeping;
        let settled = Settled::of_empty(of);
        let mut cx = super::observe::Cx { now: *now, queue, log: recorder };
        kubelet.watch((pod, of), recorded, memory.figures(&settled), streams, &mut cx);
    }

    pub(super) fn housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        if self.pod(pod).cgroup.is_none() {
            if let Some(kubelet) = &mut self.kubelet {
                kubelet.forget(pod);
            }
            return;
        }
        let settled = self.settle_pod(pod, queue);
        let Node { kubelet: Some(kubelet), memory, pods, recorder, now, .. } = self else { return };
        let mut cx = super::observe::Cx { now: *now, queue, log: recorder };
        kubelet.housekeeping((pod, &pods[pod as usize]), memory.figures(&settled), &mut cx);
    }

    pub(super) fn node_status(&mut self, queue: &mut Scheduler<Event>) {
        if let (Some(kubelet), mut cx) = self.kubelet_and_cx(queue) {
            kubelet.node_status(&mut cx);
        }
    }

    /// The kubelet, if there is one, and what it may use.
    fn kubelet_and_cx<'a>(
        &'a mut self,
        queue: &'a mut Scheduler<Event>,
    ) -> (Option<&'a mut super::kubelet::Kubelet>, super::observe::Cx<'a>) {
        let cx = super::observe::Cx { now: self.now, queue, log: &mut self.recorder };
        (self.kubelet.as_deref_mut(), cx)
    }
}
