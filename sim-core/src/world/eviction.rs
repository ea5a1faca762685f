//! Passes of the eviction manager over the node, and what becomes of the pod that one chooses.

use super::Event;
use super::agent::Agent;
use super::state::{PodIx, PodState, World};
use crate::engine::{Phase, Scheduler};
use crate::kubelet::container_grace;
use crate::kubelet::eviction::{Candidate, Decision, MemoryFigures, Observations, Summary, ThresholdId, first_victim};
use crate::node_api::{EvictionSignal, Name, PodPhase, PodReason};
use crate::record::{DeathCause, PassFigures, PodFigures, Record, ThresholdSeen};
use crate::units::{Bytes, Pages, SimDuration, SimTime};
use smallvec::SmallVec;
use std::sync::Arc;

/// The manager waits for an evicted pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pod: PodIx,
    /// Polling begins when the kill call has returned, and ends at this instant whatever happens.
    until: Option<SimTime>,
    /// The kill call gives up at this instant.
    kill_timeout: SimTime,
    /// Number of the poll that is due: one that was scheduled for another pod, or before the kill call returned, is not
    /// made.
    turn: u32,
}

impl World {
    /// A pass that would decide nothing even if everybody had taken more steps than are due. True: it has been made.
    fn quiet_pass(&mut self, queue: &mut Scheduler<Event>) -> bool {
        // What each pass saw is kept with the series.
        if self.recorder.keeps_series() {
            return false;
        }
        let due = |cgroup| self.most_due(cgroup);
        let (Some(node), Some(pods)) = (due(self.kernel.root()), self.kubepods.map_or(Some(Pages::ZERO), due)) else {
            return false;
        };
        let most = self.summary(node, pods);
        let Some(agent) = &mut self.agent else { return false };
        if !agent.manager.first_observed().is_empty() || !agent.manager.meets_nothing(&most) {
            return false;
        }
        let lead = agent.next_lead();
        agent.manager.decide(self.now, Some(most), lead);
        let timing = agent.plan.timing;
        queue.after(timing.synchronize + timing.monitoring_period, Phase::Kubelet, 0, Event::EvictionPass);
        true
    }

    /// What the eviction manager reads: the node and kubepods as they are now, with so many pages more in use.
    fn summary(&self, node_more: Pages, pods_more: Pages) -> Summary {
        let root = self.kernel.stat(self.kernel.root());
        let capacity = self.scenario.node.kernel.mem_total.get();
        let node = MemoryFigures::from_limit(capacity, (root.working_set() + node_more.bytes()).get(), self.now);
        let pods = self.kubepods.map(|cgroup| {
            let limit = self.kernel.limit(cgroup).map_or(u64::MAX, Bytes::get);
            MemoryFigures::from_limit(limit, (self.kernel.working_set(cgroup) + pods_more.bytes()).get(), self.now)
        });
        Summary { node: Some(node), pods }
    }

    /// Everything that growing processes have due is in what they hold, or in the figures of their pods ([`Pod::due`]) and
    /// in what is returned: pages due on the whole node, without page tables as the node's figure has none, and in pods.
    fn look_at_all(&mut self, queue: &mut Scheduler<Event>) -> (Pages, Pages) {
        for &pod in &self.live {
            self.pods[pod as usize].due = Pages::ZERO;
        }
        if !self.grows_plainly() || self.grows_at_random() {
            self.settle_all(queue);
            return (Pages::ZERO, Pages::ZERO);
        }
        let (mut node, mut pods) = (Pages::ZERO, Pages::ZERO);
        let mut of_pods = std::mem::take(&mut self.pods);
        self.each_due(self.now, |proc, due| {
            node += due.anon;
            if let Some(c) = proc.container() {
                pods += due.anon + due.tables;
                of_pods[c.pod as usize].due += due.anon + due.tables;
            }
        });
        self.pods = of_pods;
        (node, pods)
    }

    pub(super) fn eviction_pass(&mut self, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        self.recorder.counts.passes += 1;
        if self.quiet_pass(queue) {
            return;
        }
        let (node_more, pods_more) = self.look_at_all(queue);
        let summary = self.summary(node_more, pods_more);
        let slow = self.slowness();
        let Some(mut agent) = self.agent.take() else { return };
        let lead = agent.next_lead();
        let before: SmallVec<[ThresholdId; 4]> = agent.manager.first_observed().iter().map(|f| f.0).collect();
        let decision = agent.manager.decide(self.now, Some(summary), lead);
        let met: SmallVec<[ThresholdId; 4]> = agent.manager.first_observed().iter().map(|f| f.0).collect();
        let reclaim = !decision.reclaim_for.is_empty();
        if met != before || reclaim {
            let record = self.pass_record(&agent, &met, &summary);
            self.record(record);
        }
        let mut victim = None;
        if reclaim {
            self.record(Record::EvictionThresholdMet { message: agent.attempting_to_reclaim.clone() });
            victim = first_victim(self.candidates(&agent)).map(|candidate| candidate.pod);
        }
        if self.recorder.keeps_series() {
            let evicted = victim.map(|pod| self.pod(pod).name.clone());
            let figures = self.pass_figures(&agent, &met, &summary, evicted);
            self.recorder.pass(figures);
        }
        let next = agent.plan.timing.synchronize + slow + agent.plan.timing.monitoring_period;
        self.agent = Some(agent);
        match victim {
            Some(pod) => self.evict(pod, &decision, queue),
            None => queue.after(next, Phase::Kubelet, 0, Event::EvictionPass),
        }
    }

    /// Pods that the manager may choose among: all that are not known to have ended.
    fn candidates<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = Candidate<PodIx>> + 'a {
        self.live.iter().filter_map(|&ix| {
            let pod = self.pod(ix);
            let active = matches!(pod.state, PodState::Active | PodState::Creating)
                || pod.state == PodState::Terminating && pod.containers.iter().any(|c| c.running);
            let usage = || self.seen(agent, ix).map(|(usage, _)| usage);
            active.then(|| Candidate { pod: ix, facts: self.templates[pod.plan as usize].facts, usage: usage() })
        })
    }

    fn pass_record(&self, agent: &Agent, met: &[ThresholdId], summary: &Summary) -> Record {
        let observations = Observations::new(summary.node, summary.pods);
        let thresholds_met = met.iter().filter_map(|&id| {
            let threshold = &agent.manager.thresholds()[id];
            let seen = observations.get(threshold.signal)?;
            let nanos = threshold.value.nanos(seen.capacity);
            Some(ThresholdSeen {
                signal: threshold.signal,
                hard: threshold.is_hard(),
                quantity: Bytes::new(u64::try_from(nanos / 1_000_000_000).unwrap_or(0)),
                available: seen.available,
            })
        });
        let working_set = |f: Option<MemoryFigures>| Bytes::new(f.and_then(|f| f.working_set).unwrap_or(0));
        Record::EvictionPass {
            thresholds_met: thresholds_met.collect(),
            node_working_set: working_set(summary.node),
            pods_working_set: working_set(summary.pods),
        }
    }

    /// What a pass saw, for those who keep series.
    fn pass_figures(
        &self,
        agent: &Agent,
        met: &[ThresholdId],
        summary: &Summary,
        evicted: Option<Name>,
    ) -> Option<PassFigures> {
        let Record::EvictionPass { thresholds_met, .. } = self.pass_record(agent, met, summary) else { return None };
        let acting = agent.manager.thresholds_met();
        let Record::EvictionPass { thresholds_met: acting, .. } = self.pass_record(agent, acting, summary) else {
            return None;
        };
        let observations = Observations::new(summary.node, summary.pods);
        let available = |signal| observations.get(signal).map(|o| o.available);
        let pods = self.candidates(agent).map(|candidate| PodFigures {
            pod: self.pod(candidate.pod).name.clone(),
            working_set: candidate.usage.and_then(|usage| i64::try_from(usage).ok()),
            taken_at: self.seen(agent, candidate.pod).map(|(_, at)| at),
        });
        Some(PassFigures {
            at: self.now,
            memory_available: available(EvictionSignal::MemoryAvailable).unwrap_or(0),
            allocatable_available: available(EvictionSignal::AllocatableMemoryAvailable),
            pods: pods.collect(),
            met: thresholds_met,
            acting,
            memory_pressure: agent.manager.conditions().memory_pressure,
            evicted,
        })
    }

    /// Carries out a decision.
    fn evict(&mut self, pod: PodIx, decision: &Decision, queue: &mut Scheduler<Event>) {
        // Its figures are looked at one by one.
        self.settle_pod(pod, queue);
        self.pod_mut(pod).due = Pages::ZERO;
        let Some(agent) = &self.agent else { return };
        let template = Arc::clone(&self.templates[self.pod(pod).plan as usize]);
        let eviction =
            agent.manager.evict(decision, &template.spec, &template.facts, self.stats_seen(agent, pod).as_ref());
        let own = template.facts.termination_grace_period_seconds.unwrap_or(30);
        let (profile, timing) = (&agent.plan.profile, agent.plan.timing);
        let grace_period = container_grace(eviction.grace_period_override, own, profile);
        let signal = agent.manager.thresholds()[eviction.threshold].signal;
        let seen = self.seen(agent, pod);
        let usage_now = self.pod(pod).cgroup.map_or(Bytes::ZERO, |c| self.kernel.stat(c).working_set());
        let name = self.pod(pod).name.clone();
        let message: Name = eviction.message.into();
        self.recorder.counts.evictions += 1;
        self.sample_now();
        self.record(Record::Evicted {
            pod: name.clone(),
            message: message.clone(),
            grace_period,
            signal,
            usage_seen: seen.map(|(usage, _)| Bytes::new(usage)),
            usage_seen_at: seen.map(|(_, at)| at),
            usage_now,
        });
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
        self.set_phase(pod, PodPhase::Failed, Some(PodReason::Evicted), message);
        let kill_timeout = self.now + timing.kill_timeout(grace_period);
        if let Some(agent) = &mut self.agent {
            agent.waits += 1;
            agent.waiting = Some(Waiting { pod, until: None, kill_timeout, turn: agent.waits });
        }
        let already = self.pod(pod).state == PodState::Terminating;
        if self.pod(pod).state == PodState::Creating {
            self.pod_gone(pod);
            self.kill_returned(pod, SimDuration::ZERO, queue);
            self.recreate(pod, queue);
        } else if !already {
            self.stop_pod(pod, grace_period, DeathCause::Eviction, queue);
        }
        if let Some(Waiting { until: None, turn, .. }) = self.agent.as_ref().and_then(|agent| agent.waiting) {
            queue.at(kill_timeout + timing.cleanup_poll, Phase::Kubelet, 0, Event::CleanupPoll { turn });
        }
        if !already {
            self.sample_now();
        }
    }

    /// The runtime has stopped everything in a pod that was to be killed.
    pub(super) fn kill_returned(&mut self, pod: PodIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        let now = self.now;
        let Some(agent) = &mut self.agent else { return };
        let (poll, timeout) = (agent.plan.timing.cleanup_poll, agent.plan.timing.cleanup_timeout);
        if let Some(waiting) = agent.waiting.as_mut().filter(|w| w.pod == pod && w.until.is_none()) {
            agent.waits += 1;
            (waiting.until, waiting.turn) = (Some(now + delay + timeout), agent.waits);
            queue.after(delay + poll, Phase::Kubelet, 0, Event::CleanupPoll { turn: waiting.turn });
        }
    }

    pub(super) fn cleanup_poll(&mut self, turn: u32, queue: &mut Scheduler<Event>) {
        let now = self.now;
        let Some(agent) = &mut self.agent else { return };
        let timing = agent.plan.timing;
        let Some(waiting) = agent.waiting.as_mut().filter(|w| w.turn == turn) else { return };
        if waiting.until.is_none() {
            waiting.until = Some(waiting.kill_timeout + timing.cleanup_timeout);
        }
        let (pod, over) = (waiting.pod, waiting.until.is_some_and(|until| now >= until));
        if over || self.pods[pod as usize].state == PodState::Gone {
            if let Some(agent) = &mut self.agent {
                agent.waiting = None;
            }
            match self.slowness() {
                SimDuration::ZERO => self.eviction_pass(queue),
                slow => queue.after(slow, Phase::Kubelet, 0, Event::EvictionPass),
            }
        } else {
            queue.after(timing.cleanup_poll, Phase::Kubelet, 0, Event::CleanupPoll { turn });
        }
    }
}
