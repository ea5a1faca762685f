//! The kubelet on its clock: its start and its cgroups, admission, back-offs, and the node's conditions.

use super::Event;
use super::eviction::Waiting;
use super::figures::Watched;
use super::state::{ContainerRef, PodIx, World};
use super::template::Template;
use crate::engine::{Phase, Scheduler, Stream, StreamFactory};
use crate::kubelet::eviction::{ATTEMPTING_TO_RECLAIM, Lead, Manager, Rejection, admit};
use crate::kubelet::{EffectiveKubelet, PodDirs, QosClass};
use crate::node_api::{CgroupWrite, Constraint, Name, NodeConditionType, OomReport};
use crate::plan::KubeletPlan;
use crate::record::{ConditionStatus, NodeFacts, Record};
use crate::units::{Bytes, CgroupId, SimDuration, SimTime};
use std::sync::Arc;

/// The kubelet's state on this node.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub manager: Manager,
    pub plan: Arc<KubeletPlan>,
    effective: Arc<EffectiveKubelet>,
    /// Where the cgroups of a class's pods are, and what they are called; in the order of [`QosClass`].
    pods_below: [(CgroupId, PodDirs); 3],
    /// cAdvisor's view of each pod, by index; `None`: not watched (yet, or any more).
    watched: Vec<Option<Box<Watched>>>,
    pub waiting: Option<Waiting>,
    /// Counts waits and returns of kill calls.
    pub waits: u32,
    /// What the node is told when a pod must go.
    pub attempting_to_reclaim: Name,
    /// MemoryPressure as the node's status shows it.
    reported_pressure: bool,
    draws: Draws,
}

/// What the kubelet draws.
#[derive(Clone, Debug)]
struct Draws {
    lead: Stream,
    status_jitter: Stream,
    resync_jitter: Stream,
    relist_phase: SimDuration,
}

impl Draws {
    fn of(streams: &StreamFactory, plan: &KubeletPlan) -> Self {
        let relist = plan.timing.relist_period.saturating_sub(ONE_NANOSECOND);
        Draws {
            lead: streams.stream("kubelet/lead"),
            status_jitter: streams.stream("kubelet/node-status"),
            resync_jitter: streams.stream("kubelet/resync"),
            relist_phase: streams.stream("kubelet/relist").between(SimDuration::ZERO, relist),
        }
    }
}

impl Agent {
    /// Which of several met thresholds leads in this pass.
    pub(super) fn next_lead(&mut self) -> Lead {
        match self.plan.timing.random_lead {
            true => Lead::Slot(self.draws.lead.below(8) as u32),
            false => Lead::MostFrequent,
        }
    }

    /// The class whose pods are below this cgroup, if it is not the cgroup of all pods.
    pub(super) fn class_at(&self, cgroup: CgroupId) -> Option<QosClass> {
        [QosClass::Burstable, QosClass::BestEffort].into_iter().find(|&c| self.pods_below[c as usize].0 == cgroup)
    }

    /// Every pass takes pods' figures, so that nothing is to be kept of them.
    pub(super) fn figures_are_fresh(&self) -> bool {
        self.plan.timing.housekeeping.fresh
    }

    pub(super) fn watch(&mut self, pod: PodIx, watched: Watched) {
        let ix = pod as usize;
        if self.watched.len() <= ix {
            self.watched.resize(ix + 1, None);
        }
        self.watched[ix] = Some(Box::new(watched));
    }

    pub(super) fn watched(&self, pod: PodIx) -> Option<&Watched> {
        self.watched.get(pod as usize)?.as_deref()
    }

    pub(super) fn watched_mut(&mut self, pod: PodIx) -> Option<&mut Watched> {
        self.watched.get_mut(pod as usize)?.as_deref_mut()
    }

    /// A pod is gone, and its figures with it.
    pub(super) fn forget(&mut self, pod: PodIx) {
        if let Some(watched) = self.watched.get_mut(pod as usize) {
            *watched = None;
        }
    }
}

impl World {
    /// The kubelet starts: node cgroups with their limits.
    pub(super) fn start_kubelet(&mut self, plan: &KubeletPlan) {
        let effective = match &plan.effective {
            Ok(effective) => Arc::clone(effective),
            Err(refused) => {
                let message = Name::from(refused.to_string());
                self.no_kubelet = Some(message.clone());
                self.record(Record::KubeletNotStarted { message });
                return;
            }
        };
        let layout = &effective.layout;
        let pods_below = [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort]
            .map(|class| (self.kernel.mkdir_all(&layout.path(&layout.qos(class))), layout.pod_dirs(class)));
        self.kubepods = self.kernel.find(&layout.path(&layout.kubepods()));
        for write in &effective.enforced {
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
        self.agent = Some(Box::new(Agent {
            manager: Manager::new(&plan.config, &effective.thresholds, &plan.profile),
            effective,
            pods_below,
            watched: Vec::new(),
            waiting: None,
            waits: 0,
            attempting_to_reclaim: ATTEMPTING_TO_RECLAIM.into(),
            reported_pressure: false,
            draws: Draws::of(&self.streams, plan),
            plan: Arc::new(plan.clone()),
        }));
    }

    /// The kubelet's clocks begin, as the run's seed has them.
    pub(super) fn start_clocks(&mut self, queue: &mut Scheduler<Event>) {
        let Some(agent) = &mut self.agent else { return };
        agent.draws = Draws::of(&self.streams, &agent.plan);
        let period = agent.plan.timing.monitoring_period;
        let first = agent.plan.first_pass.unwrap_or_else(|| {
            let mut stream = self.streams.stream("kubelet/first-pass");
            SimTime::ZERO.saturating_add(stream.between(SimDuration::ZERO, period))
        });
        queue.at(first, Phase::Kubelet, 0, Event::EvictionPass);
        queue.after(self.status_interval(), Phase::Kubelet, 1, Event::NodeStatus);
    }

    /// Why the kubelet would not admit a pod now; `None`: it would.
    pub(super) fn admission(&self, template: &Template) -> Option<Rejection> {
        let agent = self.agent.as_ref()?;
        admit(&template.spec, agent.manager.conditions(), &agent.plan.profile).err()
    }

    /// Node allocatable memory; `None`: there is no kubelet.
    pub(super) fn allocatable(&self) -> Option<Bytes> {
        self.agent.as_ref().map(|agent| agent.effective.allocatable)
    }

    /// Where the cgroups of a class's pods are, and what they are called.
    pub(super) fn pods_below(&self, class: QosClass) -> (CgroupId, PodDirs) {
        let without = || (self.kernel.root(), PodDirs::default());
        self.agent.as_ref().map_or_else(without, |agent| agent.pods_below[class as usize].clone())
    }

    /// How much longer things take because the kubelet crawls.
    pub(super) fn slowness(&self) -> SimDuration {
        let slow = self.scenario.kubelet.as_ref().and_then(|k| k.timing.slow);
        slow.filter(|s| self.kernel.mem_info().available < s.below).map_or(SimDuration::ZERO, |s| s.takes)
    }

    /// True when the memory-pressure taint keeps a pod from being scheduled here.
    pub(super) fn tainted_for(&self, template: &Template) -> bool {
        self.agent.as_ref().is_some_and(|a| a.reported_pressure) && self.admission(template).is_some()
    }

    fn status_interval(&mut self) -> SimDuration {
        let Some(agent) = &mut self.agent else { return SimDuration::MAX };
        let nominal = agent.plan.config.node_status_update_frequency();
        let spread = nominal.mul_ratio(agent.plan.timing.node_status_jitter_permille, 1000);
        nominal + agent.draws.status_jitter.between(SimDuration::ZERO, spread)
    }

    pub(super) fn node_status(&mut self, queue: &mut Scheduler<Event>) {
        let Some(agent) = &mut self.agent else { return };
        let pressure = agent.manager.conditions().memory_pressure;
        if pressure != agent.reported_pressure {
            agent.reported_pressure = pressure;
            let status = if pressure { ConditionStatus::True } else { ConditionStatus::False };
            self.record(Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status });
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
        let into = (self.now.as_nanos() + period - agent.draws.relist_phase.as_nanos()) % period;
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
            delay = timing.restart_delay(delay, &mut agent.draws.resync_jitter);
        }
        let _ = backoff.attempt(now + delay, finished_at, timing.backoff());
        (delay, full)
    }

    /// The kubelet's OOM watcher reports only kills that no cgroup's limit caused.
    pub(super) fn system_oom(&self, report: &OomReport) -> Option<Record> {
        let task = report.chosen().filter(|_| report.constraint == Constraint::None && self.agent.is_some())?;
        let message = format!("System OOM encountered, victim process: {}, pid: {}", task.comm, task.pid);
        Some(Record::SystemOom { message: message.into() })
    }

    pub(super) fn kubelet_facts(&self, facts: &mut NodeFacts) {
        if let Some(message) = &self.no_kubelet {
            facts.kubelet_not_started = Some(message.clone());
            facts.allocatable = Bytes::ZERO;
        }
        let Some(agent) = &self.agent else { return };
        let effective = &agent.effective;
        facts.allocatable = effective.allocatable;
        facts.eviction_hard = effective.eviction_hard();
        facts.eviction_soft = effective.eviction_soft().map(|(amount, _)| amount);
        facts.pods_evicted_above = effective.pods_evicted_above;
    }
}

const ONE_NANOSECOND: SimDuration = SimDuration::from_nanos(1);
