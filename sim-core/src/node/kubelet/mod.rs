//! The kubelet on its clock: its start and its cgroups, admission, back-offs, and the node's conditions. It owns what
//! it believes; of the rest of the node it sees what each call lends it.

mod cadvisor;
mod eviction;

use super::Event;
use super::ids::PodIx;
use super::machine::Machine;
use super::memory::Settled;
use super::observe::Cx;
use super::pods::{PodState, Pods, Template};
use super::runtime::Runtime;
use super::view::{KubeletView, PodBelief};
use crate::engine::{Phase, Scheduler, Stream, StreamFactory};
use crate::kubelet::eviction::{ATTEMPTING_TO_RECLAIM, Lead, Manager, Rejection, admit};
use crate::kubelet::{
    ContainerBackoff, EffectiveKubelet, MEMORY, MemoryReservation, NodeCgroupWrite, PodDirs, qos_cgroups,
};
use crate::node_api::{ConditionStatus, Constraint, Name, NodeConditionType, OomReport, QosClass};
use crate::plan::KubeletPlan;
use crate::record::{LimitScope, NodeFacts, Record};
use crate::units::{Bytes, CgroupId, Quantity, SimDuration, SimTime};
use cadvisor::CadvisorSample;
use eviction::Waiting;
use std::sync::Arc;

/// The kubelet of a node, from its start on.
#[derive(Clone, Debug)]
pub(in crate::node) struct Kubelet {
    manager: Manager,
    plan: Arc<KubeletPlan>,
    effective: Arc<EffectiveKubelet>,
    /// MemTotal.
    capacity: Bytes,
    /// Where the cgroups of a class's pods are, and what they are called; in the order of [`QosClass`].
    pods_below: [(CgroupId, PodDirs); 3],
    /// cAdvisor's view of each pod, by index; `None`: not watched (yet, or any more).
    watched: Vec<Option<Box<CadvisorSample>>>,
    waiting: Option<Waiting>,
    /// Counts waits and returns of kill calls.
    waits: u32,
    /// Message of the node's event when a pod must go.
    attempting_to_reclaim: Name,
    /// MemoryPressure as the node's status shows it.
    reported_pressure: bool,
    draws: Draws,
}

/// What the kubelet sees of the node when it looks.
#[derive(Clone, Copy)]
pub(in crate::node) struct Look<'a> {
    pub settled: Settled<'a>,
    pub pods: &'a Pods,
    pub runtime: &'a Runtime,
}

impl<'a> Look<'a> {
    /// The containers of a pod that have a cgroup.
    fn containers(self, pod: PodIx) -> impl Iterator<Item = (&'a Name, CgroupId)> {
        let names = self.pods[pod as usize].containers.iter().map(|container| &container.name);
        let runs = self.runtime.containers(pod);
        names.zip(runs).filter_map(|(name, run)| Some((name, run.cgroup?)))
    }

    /// Working set of a pod; `None`: it has no cgroup.
    fn pod_working_set(self, pod: PodIx) -> Option<Bytes> {
        self.settled.pod_working_set(pod, &self.pods[pod as usize])
    }

    /// True for a pod that is not known to have ended.
    #[inline]
    fn is_active(self, pod: PodIx) -> bool {
        match self.pods[pod as usize].state {
            PodState::Active | PodState::Creating => true,
            PodState::Terminating => self.runtime.is_running(pod),
            PodState::Stopped | PodState::Gone => false,
        }
    }
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
        let relist = plan.timing.relist_period.saturating_sub(SimDuration::from_nanos(1));
        Draws {
            lead: streams.stream("kubelet/lead"),
            status_jitter: streams.stream("kubelet/node-status"),
            resync_jitter: streams.stream("kubelet/resync"),
            relist_phase: streams.stream("kubelet/relist").between(SimDuration::ZERO, relist),
        }
    }
}

impl Kubelet {
    /// The kubelet starts: node cgroups with their limits.
    pub fn start(
        plan: &KubeletPlan,
        effective: Arc<EffectiveKubelet>,
        streams: &StreamFactory,
        machine: &mut Machine,
    ) -> Self {
        let memory = &mut machine.memory;
        let layout = &effective.layout;
        let pods_below = [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort]
            .map(|class| (memory.mkdir_all(&layout.path(&layout.qos(class))), layout.pod_dirs(class)));
        let kubepods = memory.find(&layout.path(&layout.kubepods()));
        for write in &effective.enforced {
            let cgroup = memory.mkdir_all(&write.path);
            let fits = memory.write(SimTime::ZERO, cgroup, &write.write());
            debug_assert!(fits.is_ok(), "an empty cgroup takes any limit");
        }
        for class in [QosClass::Burstable, QosClass::BestEffort] {
            memory.belongs_to(pods_below[class as usize].0, LimitScope::Qos(class));
        }
        if let Some(kubepods) = kubepods {
            memory.belongs_to(kubepods, LimitScope::Kubepods);
        }
        (machine.kubepods, machine.oom_watcher) = (kubepods, true);
        Kubelet {
            manager: Manager::new(&plan.config, &effective.thresholds, &plan.profile),
            capacity: effective.capacity(),
            effective,
            pods_below,
            watched: Vec::new(),
            waiting: None,
            waits: 0,
            attempting_to_reclaim: ATTEMPTING_TO_RECLAIM.into(),
            reported_pressure: false,
            draws: Draws::of(streams, plan),
            plan: Arc::new(plan.clone()),
        }
    }

    /// What the cgroups of the classes get for the pods that there are (cm/qos_container_manager_linux.go
    /// UpdateCgroups); nothing unless MemoryQoS or `qosReserved` write something there.
    pub fn qos_writes(&self, pods: &Pods) -> Vec<NodeCgroupWrite> {
        let (plan, effective) = (&self.plan, &self.effective);
        let reservation = if effective.cgroup_v2 {
            plan.config.memory_reservation(&plan.profile)
        } else {
            MemoryReservation::Nothing
        };
        let percent = effective.qos_reserved_memory_percent.filter(|_| plan.profile.qos_reserved);
        if reservation == MemoryReservation::Nothing && percent.is_none() {
            return Vec::new();
        }
        let specs = pods.live().iter().map(|&pod| &pods.template(pod).spec);
        let allocatable = effective.node.absolute().get(MEMORY).map_or(0, Quantity::value);
        let allocatable = Bytes::new(u64::try_from(allocatable).unwrap_or(0));
        qos_cgroups(&effective.layout, specs, allocatable, percent, reservation, &plan.profile).into()
    }

    /// Its clocks begin, as the run's seed has them.
    pub fn start_clocks(&mut self, streams: &StreamFactory, queue: &mut Scheduler<Event>) {
        self.draws = Draws::of(streams, &self.plan);
        let period = self.plan.timing.monitoring_period;
        let first = self.plan.first_pass.unwrap_or_else(|| {
            let mut stream = streams.stream("kubelet/first-pass");
            SimTime::ZERO.saturating_add(stream.between(SimDuration::ZERO, period))
        });
        queue.at(first, Phase::Kubelet, 0, Event::EvictionPass);
        queue.after(self.status_interval(), Phase::Kubelet, 1, Event::NodeStatus);
    }

    /// Why it would not admit a pod now; `None`: it would.
    pub fn admission(&self, template: &Template) -> Option<Rejection> {
        admit(&template.spec, self.manager.conditions(), &self.plan.profile).err()
    }

    /// True when the memory-pressure taint keeps a pod from being scheduled here.
    pub fn tainted_for(&self, template: &Template) -> bool {
        self.reported_pressure && self.admission(template).is_some()
    }

    /// Node allocatable memory.
    pub fn allocatable(&self) -> Bytes {
        self.effective.allocatable
    }

    /// Where the cgroups of a class's pods are, and what they are called.
    pub fn pods_below(&self, class: QosClass) -> &(CgroupId, PodDirs) {
        &self.pods_below[class as usize]
    }

    /// Below this much available memory it crawls, if it ever does.
    pub fn crawls_below(&self) -> Option<Bytes> {
        self.plan.timing.slow.map(|slow| slow.below)
    }

    /// How much longer things take because it crawls.
    pub fn slowness(&self, settled: Settled<'_>) -> SimDuration {
        let slow = self.plan.timing.slow.filter(|slow| settled.mem_info().available < slow.below);
        slow.map_or(SimDuration::ZERO, |slow| slow.takes)
    }

    fn status_interval(&mut self) -> SimDuration {
        let nominal = self.plan.config.node_status_update_frequency();
        let spread = nominal.mul_ratio(self.plan.timing.node_status_jitter_permille, 1000);
        nominal + self.draws.status_jitter.between(SimDuration::ZERO, spread)
    }

    /// It reports the node's status.
    pub fn node_status(&mut self, cx: &mut Cx<'_>) {
        let pressure = self.manager.conditions().memory_pressure;
        if pressure != self.reported_pressure {
            self.reported_pressure = pressure;
            let status = if pressure { ConditionStatus::True } else { ConditionStatus::False };
            cx.record(Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status });
        }
        let next = self.status_interval();
        cx.queue.after(next, Phase::Kubelet, 1, Event::NodeStatus);
    }

    /// How long until its next relist of containers.
    pub fn until_relist(&self, now: SimTime) -> SimDuration {
        let period = self.plan.timing.relist_period.as_nanos();
        if period == 0 {
            return SimDuration::ZERO;
        }
        let into = (now.as_nanos() + period - self.draws.relist_phase.as_nanos()) % period;
        SimDuration::from_nanos(period - into)
    }

    /// How long a container's restart has to wait from now, and the back-off in force, from the container's end.
    pub fn backoff(
        &mut self,
        backoff: &mut ContainerBackoff,
        now: SimTime,
        finished_at: SimTime,
    ) -> (SimDuration, SimDuration) {
        let timing = &self.plan.timing;
        let full = backoff.current(finished_at).unwrap_or(timing.backoff_first);
        let mut delay = (finished_at + full).since(now);
        if delay > SimDuration::ZERO {
            delay = timing.restart_delay(delay, self.plan.profile.restart_wakeup, &mut self.draws.resync_jitter);
        }
        let _ = backoff.attempt(now + delay, finished_at, timing.backoff());
        (delay, full)
    }

    /// Which of several met thresholds leads in this pass.
    fn next_lead(&mut self) -> Lead {
        match self.plan.timing.random_lead {
            true => Lead::Slot(self.draws.lead.below(8) as u32),
            false => Lead::MostFrequent,
        }
    }

    /// Nothing of a pod is left on the node, and its figures are gone with it.
    pub fn forget(&mut self, pod: PodIx) {
        if let Some(watched) = self.watched.get_mut(pod as usize) {
            *watched = None;
        }
    }

    /// What it believes of the node and of its pods.
    pub fn view(&self, look: Look<'_>, now: SimTime) -> KubeletView {
        let beliefs = look.pods.live().iter().map(|&ix| {
            let seen = self.seen(ix, look, now);
            PodBelief {
                pod: look.pods[ix as usize].name.clone(),
                working_set: seen.map(|(bytes, _)| Bytes::new(bytes)),
                taken_at: seen.map(|(_, at)| at),
                working_set_now: look.pod_working_set(ix).unwrap_or(Bytes::ZERO),
            }
        });
        KubeletView {
            memory_pressure: self.manager.conditions().memory_pressure,
            reported_memory_pressure: self.reported_pressure,
            waits_for: self.waiting.map(|waiting| look.pods[waiting.pod() as usize].name.clone()),
            pods: beliefs.collect(),
        }
    }

    /// What it makes of the node's memory.
    pub fn facts(&self, facts: &mut NodeFacts) {
        facts.allocatable = self.effective.allocatable;
        facts.eviction_hard = self.effective.eviction_hard();
        facts.eviction_soft = self.effective.eviction_soft().map(|(amount, _)| amount);
        facts.pods_evicted_above = self.effective.pods_evicted_above;
    }
}

/// The OOM watcher reports only kills that no cgroup's limit caused.
pub(in crate::node) fn system_oom(report: &OomReport) -> Option<Record> {
    let task = report.chosen().filter(|_| report.constraint == Constraint::None)?;
    let message = format!("System OOM encountered, victim process: {}, pid: {}", task.comm, task.pid);
    Some(Record::SystemOom { message: message.into() })
}
