//! The kubelet on its clock: passes of the eviction manager over fresh node figures and stale pod figures, the
//! kills that follow, restarts, and the node's conditions.

use super::Event;
use super::state::{ContainerRef, Pod, PodIx, PodState, World};
use crate::engine::{Phase, Scheduler, Stream, StreamName};
use crate::kernel::Kernel;
use crate::kubelet::eviction::{
    ATTEMPTING_TO_RECLAIM, Candidate, ContainerStats, Eviction, EvictionFacts, EvictionSignal, Lead, Manager,
    MemoryFigures, Observations, PodStats, Summary, admit, parse_hard_thresholds, parse_thresholds,
};
use crate::kubelet::start::start_problems;
use crate::kubelet::{
    CgroupLayout, Housekeeping, KubernetesProfile, NodeAllocatable, NodeLimits, PodSpec, QosClass, container_cgroup,
    container_grace, parse_reservation, pod_cgroup,
};
use crate::node_api::{CgroupWrite, Name, OomReport};
use crate::record::{ConditionStatus, DeathCause, NodeFacts, PassFigures, PodFigures, Record, ThresholdSeen};
use crate::scenario::KubeletPlan;
use crate::units::{Bytes, CgroupId, Pages, SimDuration, SimTime};
use std::sync::Arc;

/// The kubelet's state on this node.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    manager: Manager,
    plan: KubeletPlan,
    allocatable: Bytes,
    layout: CgroupLayout,
    /// cAdvisor's view of each pod, by index; `None`: not watched (yet, or any more).
    watched: Vec<Option<Box<Watched>>>,
    waiting: Option<Waiting>,
    /// Counts waits and returns of kill calls.
    waits: u32,
    /// MemoryPressure as the node's status shows it.
    reported_pressure: bool,
    lead: Stream,
    status_jitter: Stream,
    resync_jitter: Stream,
    relist_phase: SimDuration,
}

/// What cAdvisor knows of a pod.
#[derive(Clone, Debug)]
struct Watched {
    clock: Housekeeping,
    stats: PodStats,
    taken_at: SimTime,
    /// Of the pauses between figures; none when every pass takes them.
    rng: Option<Box<Stream>>,
    facts: EvictionFacts,
}

impl Watched {
    /// Takes the figures of the pod; true if they differ from the last ones.
    fn take_figures(&mut self, kernel: &Kernel, pod: &Pod, now: SimTime) -> bool {
        let Some(cgroup) = pod.cgroup else { return false };
        self.taken_at = now;
        let working_set = |cgroup| Some(kernel.working_set(cgroup).get());
        let mut changed = replace(&mut self.stats.working_set, working_set(cgroup));
        let mut known = 0;
        for container in &pod.containers {
            let Some(cgroup) = container.cgroup else { continue };
            let figure = working_set(cgroup);
            match self.stats.containers.get_mut(known) {
                Some(there) => {
                    changed |= replace(&mut there.working_set, figure);
                    if !Arc::ptr_eq(&there.name, &container.name) {
                        (there.name, changed) = (container.name.clone(), true);
                    }
                }
                None => {
                    self.stats.containers.push(ContainerStats { name: container.name.clone(), working_set: figure });
                    changed = true;
                }
            }
            known += 1;
        }
        changed |= known < self.stats.containers.len();
        self.stats.containers.truncate(known);
        changed
    }
}

/// The manager waits for an evicted pod.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    pod: PodIx,
    /// Polling begins when the kill call has returned, and ends at this instant whatever happens.
    until: Option<SimTime>,
    /// The kill call gives up at this instant.
    kill_timeout: SimTime,
    /// Number of the poll that is due: one that was scheduled for another pod, or before the kill call returned, is not
    /// made.
    turn: u32,
}

impl Agent {
    /// Which of several met thresholds leads in this pass.
    fn next_lead(&mut self) -> Lead {
        match self.plan.timing.random_lead {
            true => Lead::Slot(self.lead.below(8) as u32),
            false => Lead::MostFrequent,
        }
    }

    /// A pod is gone, and its figures with it.
    pub(super) fn forget(&mut self, pod: PodIx) {
        if let Some(watched) = self.watched.get_mut(pod as usize) {
            *watched = None;
        }
    }
}

impl World {
    pub(super) fn kubernetes_profile(&self) -> KubernetesProfile {
        self.scenario.kubelet.as_ref().map_or(KubernetesProfile::V1_32, |k| k.profile)
    }

    fn cgroup_v2(&self) -> bool {
        self.scenario.node.kernel.cgroup == crate::kernel::CgroupVersion::V2
    }

    /// The kubelet starts: node cgroups with their limits, and the clocks.
    pub(super) fn start_kubelet(&mut self, plan: &KubeletPlan, queue: &mut Scheduler<Event>) {
        let problems = start_problems(&plan.config, &self.scenario.node.machine(), &plan.profile);
        if !problems.is_empty() {
            let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
            self.no_kubelet = true;
            self.record(Record::KubeletNotStarted { message: texts.join("; ").into() });
            return;
        }
        let capacity = self.scenario.node.kernel.mem_total;
        let layout = CgroupLayout::new(&plan.config);
        let kube = parse_reservation(&plan.config.kube_reserved).unwrap_or_default();
        let system = parse_reservation(&plan.config.system_reserved).unwrap_or_default();
        let amounts = NodeAllocatable {
            hugepages: self.scenario.node.kernel.sysctl.nr_hugepages << 21,
            hard_thresholds: parse_hard_thresholds(&plan.config).unwrap_or_default(),
            ..NodeAllocatable::of_memory(capacity.get(), kube, system)
        };
        for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
            self.kernel.mkdir_all(&layout.path(&layout.qos(class)));
        }
        self.kubepods = self.kernel.find(&layout.path(&layout.kubepods()));
        for write in amounts.enforcement(&plan.config, &layout, self.cgroup_v2(), &plan.profile).writes {
            let cgroup = self.kernel.mkdir_all(&write.path);
            let amount = |bytes: i64| Bytes::new(u64::try_from(bytes).unwrap_or(0));
            let write = CgroupWrite {
                max: write.memory.map(amount),
                min: write.memory_min.map(amount),
                ..CgroupWrite::default()
            };
            let fits = self.kernel.write(self.now, cgroup, &write);
            debug_assert!(fits.is_ok(), "an empty cgroup takes any limit");
        }
        let thresholds = parse_thresholds(&plan.config).unwrap_or_default();
        let period = plan.timing.monitoring_period;
        let first = plan.first_pass.unwrap_or_else(|| {
            let mut stream = self.streams.stream("kubelet/first-pass");
            SimTime::ZERO.saturating_add(stream.between(SimDuration::ZERO, period))
        });
        let relist = plan.timing.relist_period;
        let relist_phase =
            self.streams.stream("kubelet/relist").between(SimDuration::ZERO, relist.saturating_sub(ONE_NANOSECOND));
        self.agent = Some(Box::new(Agent {
            manager: Manager::new(&plan.config, thresholds, &plan.profile),
            plan: plan.clone(),
            allocatable: Bytes::new(u64::try_from(amounts.allocatable_memory().value()).unwrap_or(0)),
            layout,
            watched: Vec::new(),
            waiting: None,
            waits: 0,
            reported_pressure: false,
            lead: self.streams.stream("kubelet/lead"),
            status_jitter: self.streams.stream("kubelet/node-status"),
            resync_jitter: self.streams.stream("kubelet/resync"),
            relist_phase,
        }));
        queue.at(first, Phase::Kubelet, 0, Event::EvictionPass);
        queue.after(self.status_interval(), Phase::Kubelet, 1, Event::NodeStatus);
    }

    pub(super) fn admission(&self, spec: &PodSpec) -> Option<RejectionText> {
        let agent = self.agent.as_ref()?;
        let rejection = admit(spec, agent.manager.conditions(), &agent.plan.profile).err()?;
        Some(RejectionText { reason: rejection.reason.into(), message: rejection.message.into() })
    }

    /// How much longer things take because the kubelet crawls.
    pub(super) fn slowness(&self) -> SimDuration {
        let slow = self.scenario.kubelet.as_ref().and_then(|k| k.timing.slow);
        slow.filter(|s| self.kernel.mem_info().available < s.below).map_or(SimDuration::ZERO, |s| s.takes)
    }

    /// True when the memory-pressure taint keeps a pod from being scheduled here.
    pub(super) fn tainted_for(&self, spec: &PodSpec) -> bool {
        self.agent.as_ref().is_some_and(|a| a.reported_pressure) && self.admission(spec).is_some()
    }

    pub(super) fn make_pod_cgroup(
        &mut self,
        pod: PodIx,
        spec: &PodSpec,
        queue: &mut Scheduler<Event>,
    ) -> (CgroupId, Option<Bytes>) {
        let Some(agent) = &self.agent else {
            let cgroup = self.kernel.mkdir_all(&format!("/pod{}", spec.uid()));
            let write = pod_cgroup(spec, self.cgroup_v2(), &self.kubernetes_profile());
            let _ = self.kernel.write(self.now, cgroup, &write);
            return (cgroup, write.max.filter(|&m| m != Bytes::MAX));
        };
        let path = agent.layout.path(&agent.layout.pod(self.pod(pod).qos, &spec.uid()));
        let write = pod_cgroup(spec, self.cgroup_v2(), &agent.plan.profile);
        let cgroup = self.kernel.mkdir_all(&path);
        let _ = self.kernel.write(self.now, cgroup, &write);
        self.drain_signals(queue);
        (cgroup, write.max.filter(|&m| m != Bytes::MAX))
    }

    pub(super) fn write_container_limits(
        &mut self,
        c: ContainerRef,
        cgroup: CgroupId,
        spec: &PodSpec,
        queue: &mut Scheduler<Event>,
    ) -> Option<Bytes> {
        let agent = self.agent.as_ref()?;
        let container = spec.all_containers().find(|s| s.name == self.container(c).name)?;
        let node = NodeLimits {
            cgroup_v2: self.cgroup_v2(),
            memory_capacity: self.scenario.node.kernel.mem_total,
            swap_capacity: self.scenario.node.kernel.swap_total,
            allocatable: agent.allocatable,
            swap_controller: true,
        };
        let write = container_cgroup(spec, container, &node, &agent.plan.config, &agent.plan.profile);
        let _ = self.kernel.write(self.now, cgroup, &write);
        self.drain_signals(queue);
        write.max.filter(|&m| m != Bytes::MAX)
    }

    /// cAdvisor begins to watch a pod: its first figure is taken when its cgroup is created, and is zero.
    pub(super) fn pod_starts_housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let name = self.pod(pod).name.clone();
        let spec = Arc::clone(&self.pod(pod).spec);
        let now = self.now;
        let Some(agent) = &mut self.agent else { return };
        let timing = agent.plan.timing.housekeeping;
        let mut rng =
            (!timing.fresh).then(|| Box::new(self.streams.stream(StreamName::from(&*name).then("/housekeeping"))));
        let recorded = &self.scenario.pods[self.pods[pod as usize].plan as usize].housekeeping;
        let mut clock = Housekeeping::recorded(timing, Arc::clone(recorded));
        let delay = rng.as_mut().map(|rng| clock.next_delay(now, true, rng));
        let watched =
            Watched { clock, stats: PodStats::default(), taken_at: now, rng, facts: EvictionFacts::of(&spec) };
        let ix = pod as usize;
        if agent.watched.len() <= ix {
            agent.watched.resize(ix + 1, None);
        }
        agent.watched[ix] = Some(Box::new(watched));
        self.take_pod_figures(pod);
        if let Some(delay) = delay {
            queue.after(delay, Phase::Kubelet, 2 + pod, Event::Housekeeping(pod));
        }
    }

    pub(super) fn housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        if self.pod(pod).cgroup.is_none() {
            if let Some(agent) = &mut self.agent {
                agent.watched[pod as usize] = None;
            }
            return;
        }
        self.settle_pod(pod, queue);
        let changed = self.take_pod_figures(pod);
        let now = self.now;
        let Some(watched) = self.agent.as_mut().and_then(|a| a.watched[pod as usize].as_mut()) else { return };
        let Some(rng) = &mut watched.rng else { return };
        let delay = watched.clock.next_delay(now, changed, rng);
        queue.after(delay, Phase::Kubelet, 2 + pod, Event::Housekeeping(pod));
    }

    /// Takes a pod's figures; true if they differ from the last ones.
    fn take_pod_figures(&mut self, pod: PodIx) -> bool {
        let watched = self.agent.as_mut().and_then(|a| a.watched[pod as usize].as_mut());
        watched.is_some_and(|watched| watched.take_figures(&self.kernel, &self.pods[pod as usize], self.now))
    }

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
        agent.manager.synchronize(self.now, Some(most), lead, std::iter::empty);
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

    pub(super) fn eviction_pass(&mut self, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        self.recorder.counts.passes += 1;
        if self.quiet_pass(queue) {
            return;
        }
        self.settle_all(queue);
        let summary = self.summary(Pages::ZERO, Pages::ZERO);
        let slow = self.slowness();
        let Some(mut agent) = self.agent.take() else { return };
        if agent.plan.timing.housekeeping.fresh
            && (self.recorder.keeps_series() || !agent.manager.meets_nothing(&summary))
        {
            for &pod in &self.live {
                if let Some(watched) = agent.watched.get_mut(pod as usize).and_then(Option::as_mut) {
                    watched.take_figures(&self.kernel, &self.pods[pod as usize], self.now);
                }
            }
        }
        let lead = agent.next_lead();
        let before: Vec<_> = agent.manager.first_observed().iter().map(|f| f.0).collect();
        let pass = {
            let Agent { manager, watched, .. } = &mut *agent;
            manager.synchronize(self.now, Some(summary), lead, || self.candidates(watched))
        };
        let met: Vec<_> = agent.manager.first_observed().iter().map(|f| f.0).collect();
        if met != before || pass.attempting_to_reclaim {
            let record = self.pass_record(&agent, &met, &summary);
            self.record(record);
        }
        if pass.attempting_to_reclaim {
            self.record(Record::EvictionThresholdMet { message: ATTEMPTING_TO_RECLAIM.into() });
        }
        let evicted = pass.evicted.as_ref().and_then(|e| self.live_pod(&e.uid)).map(|ix| self.pods[ix].name.clone());
        let figures = self.pass_figures(&agent, &met, &summary, evicted);
        self.recorder.pass(figures);
        let takes = agent.plan.timing.synchronize + slow;
        let period = agent.plan.timing.monitoring_period;
        self.agent = Some(agent);
        let evicted = pass.evicted.is_some_and(|eviction| self.evict(eviction, queue));
        if !evicted {
            queue.after(takes + period, Phase::Kubelet, 0, Event::EvictionPass);
        }
    }

    /// Pods that the manager may choose among: all that are not known to have ended.
    fn candidates<'a>(&'a self, watched: &'a [Option<Box<Watched>>]) -> impl Iterator<Item = Candidate<'a>> {
        self.live.iter().filter_map(|&ix| {
            let (ix, pod) = (ix as usize, &self.pods[ix as usize]);
            let active = matches!(pod.state, PodState::Active | PodState::Creating)
                || pod.state == PodState::Terminating && pod.containers.iter().any(|c| c.running);
            if !active {
                return None;
            }
            let watched = watched.get(ix).and_then(Option::as_ref);
            let facts = watched.map_or_else(|| EvictionFacts::of(&pod.spec), |w| w.facts);
            Some(Candidate { pod: &pod.spec, facts, stats: watched.map(|w| &w.stats) })
        })
    }

    /// The pod of that uid; should several have it, the newest.
    fn live_pod(&self, uid: &str) -> Option<usize> {
        self.live.iter().rev().map(|&ix| ix as usize).find(|&ix| self.pods[ix].spec.has_uid(uid))
    }

    fn pass_record(&self, agent: &Agent, met: &[usize], summary: &Summary) -> Record {
        let observations = Observations::new(summary.node, summary.pods);
        let thresholds_met = met.iter().filter_map(|&id| {
            let threshold = &agent.manager.thresholds()[id];
            let seen = observations.get(threshold.signal)?;
            let nanos = threshold.value.nanos(seen.capacity);
            Some(ThresholdSeen {
                signal: threshold.signal.as_str().into(),
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
        met: &[usize],
        summary: &Summary,
        evicted: Option<Name>,
    ) -> Option<PassFigures> {
        if !self.recorder.keeps_series() {
            return None;
        }
        let Record::EvictionPass { thresholds_met, .. } = self.pass_record(agent, met, summary) else { return None };
        let acting = agent.manager.thresholds_met();
        let Record::EvictionPass { thresholds_met: acting, .. } = self.pass_record(agent, acting, summary) else {
            return None;
        };
        let observations = Observations::new(summary.node, summary.pods);
        let seen = |signal| observations.get(signal).map(|o| o.available);
        let pods = self.candidates(&agent.watched).map(|candidate| {
            let ix = self.live_pod(&candidate.pod.uid());
            let watched = ix.and_then(|ix| agent.watched.get(ix)?.as_ref());
            PodFigures {
                pod: ix.map_or_else(|| candidate.pod.name.clone(), |ix| self.pods[ix].name.clone()),
                working_set: watched.and_then(|w| w.stats.working_set).and_then(|w| i64::try_from(w).ok()),
                taken_at: watched.map(|w| w.taken_at),
            }
        });
        Some(PassFigures {
            at: self.now,
            memory_available: seen(EvictionSignal::MemoryAvailable).unwrap_or(0),
            allocatable_available: seen(EvictionSignal::AllocatableMemoryAvailable),
            pods: pods.collect(),
            met: thresholds_met,
            acting,
            memory_pressure: agent.manager.conditions().memory_pressure,
            evicted,
        })
    }

    /// Carries out a decision. False: the pod is not known any more.
    fn evict(&mut self, eviction: Eviction, queue: &mut Scheduler<Event>) -> bool {
        let Some(ix) = self.live_pod(&eviction.uid) else { return false };
        let pod = ix as PodIx;
        let Some(agent) = &self.agent else { return false };
        let own = self.pods[ix].spec.termination_grace_period_seconds.unwrap_or(30);
        let (profile, timing) = (agent.plan.profile, agent.plan.timing);
        let grace = container_grace(eviction.grace_period_override, own, &profile);
        let signal: Name = agent.manager.thresholds()[eviction.threshold].signal.as_str().into();
        let watched = agent.watched.get(ix).and_then(Option::as_ref);
        let (usage_seen, usage_seen_at) = match watched {
            Some(w) => (w.stats.working_set.map(Bytes::new), Some(w.taken_at)),
            None => (None, None),
        };
        let usage_now = self.pods[ix].cgroup.map_or(Bytes::ZERO, |c| self.kernel.stat(c).working_set());
        self.recorder.counts.evictions += 1;
        let name = self.pods[ix].name.clone();
        let message: Name = eviction.message.as_str().into();
        self.sample_now();
        self.record(Record::Evicted {
            pod: name.clone(),
            message: message.clone(),
            grace_period: grace,
            signal,
            usage_seen,
            usage_seen_at,
            usage_now,
        });
        let already = self.pods[ix].state == PodState::Terminating;
        let killing: Vec<(Name, u32, bool)> =
            self.pods[ix].containers.iter().map(|c| (c.name.clone(), c.run, c.running)).collect();
        for (container, runs, running) in killing {
            if running {
                let message = format!("Stopping container {container}").into();
                self.record(Record::Killing { pod: name.clone(), container, message });
            } else {
                let id = self.container_id(pod, &container, runs.saturating_sub(1));
                let message = format!("failed to kill container \"{container}\": NotFound: container {id} is gone");
                self.record(Record::KillFailed { pod: name.clone(), container, message: message.into() });
            }
        }
        self.set_phase(pod, "Failed", "Evicted", &message);
        let kill_timeout = self.now + timing.kill_timeout(grace);
        if let Some(agent) = &mut self.agent {
            agent.waits += 1;
            agent.waiting = Some(Waiting { pod, until: None, kill_timeout, turn: agent.waits });
        }
        if !already && self.pods[ix].state == PodState::Creating {
            self.pod_gone(pod);
            self.kill_returned(pod, SimDuration::ZERO, queue);
            self.recreate(pod, queue);
        } else if !already {
            self.stop_pod(pod, grace, DeathCause::Eviction, queue);
        }
        if let Some(Waiting { until: None, turn, .. }) = self.agent.as_ref().and_then(|agent| agent.waiting) {
            queue.at(kill_timeout + timing.cleanup_poll, Phase::Kubelet, 0, Event::CleanupPoll { turn });
        }
        if !already {
            self.sample_now();
        }
        true
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

    fn status_interval(&mut self) -> SimDuration {
        let Some(agent) = &mut self.agent else { return SimDuration::MAX };
        let nominal = agent.plan.config.node_status_update_frequency();
        let spread = nominal.mul_ratio(agent.plan.timing.node_status_jitter_permille, 1000);
        nominal + agent.status_jitter.between(SimDuration::ZERO, spread)
    }

    pub(super) fn node_status(&mut self, queue: &mut Scheduler<Event>) {
        let Some(agent) = &mut self.agent else { return };
        let pressure = agent.manager.conditions().memory_pressure;
        if pressure != agent.reported_pressure {
            agent.reported_pressure = pressure;
            let (status, reason, message) = match pressure {
                true => {
                    (ConditionStatus::True, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
                }
                false => {
                    (ConditionStatus::False, "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
                }
            };
            self.record(Record::NodeCondition { r#type: "MemoryPressure", status, reason, message });
        }
        let next = self.status_interval();
        queue.after(next, Phase::Kubelet, 1, Event::NodeStatus);
    }

    /// How long until the kubelet's next relist of containers.
    pub(super) fn until_relist(&self) -> SimDuration {
        let Some(agent) = &self.agent else { return SimDuration::ZERO };
        let period = agent.plan.timing.relist_period.as_nanos();
        if period == 0 {
            return SimDuration::ZERO;
        }
        let into = (self.now.as_nanos() + period - agent.relist_phase.as_nanos()) % period;
        SimDuration::from_nanos(period - into)
    }

    /// How long a container's restart has to wait from now, and the back-off in force, from the container's end.
    pub(super) fn backoff(&mut self, c: ContainerRef, finished_at: SimTime) -> (SimDuration, SimDuration) {
        let now = self.now;
        let Some(agent) = &mut self.agent else { return (SimDuration::ZERO, SimDuration::ZERO) };
        let timing = &agent.plan.timing;
        let backoff = &mut self.pods[c.pod as usize].containers[c.index as usize].backoff;
        let full = backoff.current(finished_at).unwrap_or(timing.backoff_first);
        let mut delay = (finished_at + full).since(now);
        if delay > SimDuration::ZERO {
            delay = timing.restart_delay(delay, &mut agent.resync_jitter);
        }
        let _ = backoff.attempt(now + delay, finished_at, timing.backoff());
        (delay, full)
    }

    /// The kubelet's OOM watcher reports only kills that no cgroup's limit caused.
    pub(super) fn system_oom(&self, report: &OomReport) -> Option<Record> {
        let victim = report.victim.filter(|_| report.oom_memcg.is_none() && self.agent.is_some())?;
        let task = &report.tasks[victim];
        let message = format!("System OOM encountered, victim process: {}, pid: {}", task.comm, task.pid);
        Some(Record::SystemOom { message: message.into() })
    }

    pub(super) fn kubelet_facts(&self, facts: &mut NodeFacts) {
        let Some(agent) = &self.agent else { return };
        facts.allocatable = agent.allocatable;
        let capacity = facts.capacity.get() as i64;
        for threshold in agent.manager.thresholds() {
            if threshold.signal == EvictionSignal::MemoryAvailable {
                let quantity = threshold.value.nanos(capacity) / 1_000_000_000;
                let quantity = Bytes::new(u64::try_from(quantity).unwrap_or(0));
                if threshold.is_hard() {
                    facts.eviction_hard = Some(quantity);
                } else {
                    facts.eviction_soft = Some(quantity);
                }
            }
        }
    }
}

/// Sets a value; true if it was another.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let other = *place != value;
    *place = value;
    other
}

const ONE_NANOSECOND: SimDuration = SimDuration::from_nanos(1);

/// A rejection as the pod's status shows it.
pub(super) struct RejectionText {
    pub reason: Name,
    pub message: Name,
}
