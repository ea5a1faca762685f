//! Passes of the eviction manager over the node, and its wait for the pod that one chooses.

use super::{Kubelet, Look};
use crate::engine::Phase;
use crate::kubelet::eviction::{
    Candidate, Decision, MemoryFigures, Observations, Offenders, Summary, ThresholdId, first_victim,
};
use crate::kubelet::{container_grace, effective_grace};
use crate::node::Event;
use crate::node::ids::PodIx;
use crate::node::memory::StatsFigures;
use crate::node::observe::Cx;
use crate::node::pods::{PodState, Pods};
use crate::node_api::{EvictionSignal, Name};
use crate::record::{PassFigures, PassVerdict, PodFigures, Record, ThresholdSeen};
use crate::units::{Bytes, SimDuration, SimTime};
use smallvec::SmallVec;

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

impl Waiting {
    /// Whose end is waited for.
    pub fn pod(&self) -> PodIx {
        self.pod
    }
}

/// How the pod that a pass has chosen is to go.
#[derive(Clone, Debug)]
pub(in crate::node) struct PodEviction {
    /// Message of its status.
    pub message: Name,
    /// Whom it names.
    pub offenders: Box<Offenders>,
    /// Grace period of its processes.
    pub grace_period: SimDuration,
    /// The same in seconds, before the least that a container gets.
    pub grace_seconds: i64,
    /// The signal that was crossed.
    pub signal: EvictionSignal,
    /// The pod's working set that the decision was made with, and when it was taken.
    pub seen: Option<(u64, SimTime)>,
}

type Met = SmallVec<[ThresholdId; 4]>;

impl Kubelet {
    /// What the manager reads of the node and of kubepods.
    fn summary(&self, figures: &StatsFigures, now: SimTime) -> Summary {
        let node = MemoryFigures::from_limit(self.capacity.get(), figures.node_working_set.get(), now)
            .without_hugepages(self.plan.hugepages_seen().get());
        let pods = figures.pods.map(|(limit, working_set)| {
            MemoryFigures::from_limit(limit.map_or(u64::MAX, Bytes::get), working_set.get(), now)
        });
        Summary { node: Some(node), pods }
    }

    fn met(&self) -> Met {
        let mut met = Met::new();
        for &(threshold, _) in self.manager.first_observed() {
            met.push(threshold);
        }
        met
    }

    /// A pass that would decide nothing even if everything had taken more memory than there can be in use. True: it has
    /// been made.
    pub fn quiet_pass(&mut self, at_most: &StatsFigures, cx: &mut Cx<'_>) -> bool {
        let most = self.summary(at_most, cx.now);
        if !self.manager.first_observed().is_empty() || !self.manager.meets_nothing(&most) {
            return false;
        }
        let lead = self.next_lead();
        self.manager.decide(cx.now, Some(most), lead);
        let timing = self.plan.timing;
        self.pass_after(timing.synchronize + timing.monitoring_period, cx);
        true
    }

    /// The next of the passes of which it is known when they began.
    pub fn recorded_pass(&self, now: SimTime) -> Option<SimTime> {
        let passes = &self.plan.passes;
        passes.get(passes.partition_point(|&at| at <= now)).copied()
    }

    /// Schedules a pass.
    #[inline]
    pub fn pass_after(&self, delay: SimDuration, cx: &mut Cx<'_>) {
        let at = self.recorded_pass(cx.now).unwrap_or(cx.now.saturating_add(delay));
        cx.queue.at(at, Phase::Kubelet, 0, Event::EvictionPass { start: self.start });
    }

    /// A pass of the eviction manager. The pod that it evicts; without one, the next pass is scheduled, later by
    /// `slow` if the kubelet crawls.
    pub fn pass(
        &mut self,
        stats: &StatsFigures,
        look: Look<'_>,
        slow: SimDuration,
        cx: &mut Cx<'_>,
    ) -> Option<(PodIx, Decision)> {
        let summary = self.summary(stats, cx.now);
        let lead = self.next_lead();
        let before = self.met();
        let decision = self.manager.decide(cx.now, Some(summary), lead);
        let met = self.met();
        let reclaim = !decision.reclaim_for.is_empty();
        if met != before || reclaim {
            cx.record(self.pass_record(&met, &summary));
        }
        let mut victim = None;
        if reclaim {
            cx.record(Record::EvictionThresholdMet { message: self.attempting_to_reclaim.clone() });
            victim = first_victim(self.candidates(look, cx.now)).map(|candidate| candidate.pod);
        }
        if cx.log.keeps_passes() {
            let verdict = match victim {
                Some(pod) => PassVerdict::Evicts(look.pods[pod as usize].name.clone()),
                None => self.why_nothing_goes(reclaim),
            };
            let seen = self.pass_figures(&met, &summary, verdict, (look, cx.now));
            cx.log.pass(seen);
        }
        self.knows_pods = true;
        if victim.is_none() {
            let next = self.plan.timing.synchronize + slow + self.plan.timing.monitoring_period;
            self.pass_after(next, cx);
        }
        victim.map(|pod| (pod, decision))
    }

    /// Pods that the manager may choose among, with their figures.
    #[inline]
    fn candidates<'a>(&'a self, look: Look<'a>, now: SimTime) -> impl Iterator<Item = Candidate<PodIx>> + 'a {
        // The pod workers of a kubelet that has just started know of no pods.
        let known = if self.knows_pods { look.pods.live() } else { &[] };
        known.iter().filter_map(move |&ix| {
            let usage = || self.seen(ix, look, now).map(|(usage, _)| usage);
            look.is_active(ix).then(|| Candidate { pod: ix, facts: look.pods.template(ix).facts, usage: usage() })
        })
    }

    fn thresholds_seen(&self, met: &[ThresholdId], summary: &Summary) -> Vec<ThresholdSeen> {
        let observations = Observations::new(summary.node, summary.pods);
        let seen = met.iter().filter_map(|&id| {
            let threshold = &self.manager.thresholds()[id];
            let seen = observations.get(threshold.signal)?;
            let nanos = threshold.value.nanos(seen.capacity);
            Some(ThresholdSeen {
                signal: threshold.signal,
                hard: threshold.is_hard(),
                quantity: Bytes::new(u64::try_from(nanos / 1_000_000_000).unwrap_or(0)),
                available: seen.available,
            })
        });
        seen.collect()
    }

    fn pass_record(&self, met: &[ThresholdId], summary: &Summary) -> Record {
        let working_set = |f: Option<MemoryFigures>| Bytes::new(f.and_then(|f| f.working_set).unwrap_or(0));
        Record::EvictionPass {
            thresholds_met: self.thresholds_seen(met, summary),
            node_working_set: working_set(summary.node),
            pods_working_set: working_set(summary.pods),
        }
    }

    /// Why a pass that has been decided evicts no pod.
    fn why_nothing_goes(&self, reclaim: bool) -> PassVerdict {
        let ends = |&(id, since): &(ThresholdId, SimTime)| since + self.manager.thresholds()[id].grace;
        let first_end = self.manager.first_observed().iter().map(ends).min();
        match first_end {
            _ if reclaim => PassVerdict::NoCandidate,
            None if self.manager.thresholds().is_empty() => PassVerdict::NoThreshold,
            None => PassVerdict::NothingMet,
            Some(until) if self.manager.thresholds_met().is_empty() => PassVerdict::GracePeriod { until },
            Some(_) => PassVerdict::NoNewFigures,
        }
    }

    /// What a pass saw and did.
    fn pass_figures(
        &self,
        met: &[ThresholdId],
        summary: &Summary,
        verdict: PassVerdict,
        (look, now): (Look<'_>, SimTime),
    ) -> PassFigures {
        let observations = Observations::new(summary.node, summary.pods);
        let available = |signal| observations.get(signal).map(|o| o.available);
        let candidates = look.pods.live().iter().filter_map(|&ix| {
            let pod = &look.pods[ix as usize];
            let seen = look.is_active(ix).then(|| self.seen(ix, look, now))?;
            Some(PodFigures {
                pod: pod.name.clone(),
                working_set: seen.and_then(|(usage, _)| i64::try_from(usage).ok()),
                taken_at: seen.map(|(_, at)| at),
            })
        });
        PassFigures {
            at: now,
            memory_available: available(EvictionSignal::MemoryAvailable).unwrap_or(0),
            allocatable_available: available(EvictionSignal::AllocatableMemoryAvailable),
            pods: candidates.collect(),
            met: self.thresholds_seen(met, summary),
            acting: self.thresholds_seen(self.manager.thresholds_met(), summary),
            memory_pressure: self.manager.conditions().memory_pressure,
            verdict,
        }
    }

    /// How a pod is evicted by a decision. Its figures have been settled.
    pub fn eviction(&self, decision: &Decision, ix: PodIx, look: Look<'_>, now: SimTime) -> PodEviction {
        let template = look.pods.template(ix);
        let stats = self.stats_seen(ix, look, now);
        let eviction = self.manager.evict(decision, &template.spec, &template.facts, stats.as_ref());
        let own = template.facts.termination_grace_period_seconds.unwrap_or(30);
        let grace_seconds = effective_grace(eviction.grace_period_override, own, &self.plan.profile);
        PodEviction {
            message: eviction.message.into(),
            offenders: Box::new(eviction.offenders),
            grace_period: container_grace(grace_seconds, None, &self.plan.profile).1,
            grace_seconds,
            signal: self.manager.thresholds()[eviction.threshold].signal,
            seen: self.seen(ix, look, now),
        }
    }

    /// It asks the runtime to kill a pod's containers, and waits for that.
    pub fn wait_for(&mut self, pod: PodIx, grace_period: SimDuration, now: SimTime) {
        self.waits += 1;
        let kill_timeout = now + self.plan.timing.kill_timeout(grace_period);
        self.waiting = Some(Waiting { pod, until: None, kill_timeout, turn: self.waits });
    }

    /// The kill call may hang: its time-out is watched, unless it has returned.
    pub fn watch_kill_call(&self, cx: &mut Cx<'_>) {
        if let Some(Waiting { until: None, turn, kill_timeout, .. }) = self.waiting {
            let poll = self.plan.timing.cleanup_poll;
            cx.queue.at(kill_timeout + poll, Phase::Kubelet, 0, Event::CleanupPoll { turn });
        }
    }

    /// The runtime has stopped everything in a pod that was to be killed.
    pub fn kill_returned(&mut self, pod: PodIx, delay: SimDuration, cx: &mut Cx<'_>) {
        let (poll, timeout) = (self.plan.timing.cleanup_poll, self.plan.timing.cleanup_timeout);
        if let Some(waiting) = self.waiting.as_mut().filter(|w| w.pod == pod && w.until.is_none()) {
            self.waits += 1;
            (waiting.until, waiting.turn) = (Some(cx.now + delay + timeout), self.waits);
            cx.queue.after(delay + poll, Phase::Kubelet, 0, Event::CleanupPoll { turn: waiting.turn });
        }
    }

    /// It looks whether the evicted pod is gone. True: the wait is over, and the next pass comes.
    pub fn cleanup_poll(&mut self, turn: u32, pods: &Pods, cx: &mut Cx<'_>) -> bool {
        let timing = self.plan.timing;
        let Some(waiting) = self.waiting.as_mut().filter(|w| w.turn == turn) else { return false };
        let until = *waiting.until.get_or_insert(waiting.kill_timeout + timing.cleanup_timeout);
        if cx.now >= until || pods[waiting.pod as usize].state == PodState::Gone {
            self.waiting = None;
            return true;
        }
        cx.queue.after(timing.cleanup_poll, Phase::Kubelet, 0, Event::CleanupPoll { turn });
        false
    }
}
