//! The kubelet on its clock: its start and its cgroups, admission, back-offs, and the node's conditions. It owns what
//! it believes; of the rest of the node it sees what each call lends it.

mod cadvisor;
mod eviction;

use super::Event;
use super::changes::ChangeError;
use super::ids::{ContainerRef, PodIx};
use super::machine::{KubeletFacts, Machine};
use super::memory::{Scope, Settled};
use super::observe::Cx;
use super::pods::{PodState, Pods, Template};
use super::runtime::Runtime;
use super::view::{KubeletView, PodBelief};
use crate::engine::{Phase, RunsBehind, Stream, StreamFactory, StreamName};
use crate::kubelet::admission::{Insufficient, Room, fits};
use crate::kubelet::eviction::{ATTEMPTING_TO_RECLAIM, Lead, Manager, Rejection, admit};
use crate::kubelet::{
    ContainerBackoff, EffectiveKubelet, KubernetesProfile, MEMORY, MemoryReservation, NodeCgroupWrite, PodDirs,
    qos_cgroups,
};
use crate::node_api::{ConditionStatus, Constraint, Name, NodeConditionType, OomReport, QosClass};
use crate::plan::{Clock, KubeletPlan};
use crate::record::{LimitScope, NodeFacts, Record};
use crate::units::{Bytes, CgroupId, Quantity, SimDuration, SimTime};
use cadvisor::CadvisorSample;
use eviction::Waiting;
use std::sync::Arc;

/// From the start of a kubelet's process to its first pass (0.37 to 0.46 s on a node with 1.36.2).
const FIRST_PASS_AFTER_START: SimDuration = SimDuration::from_millis(420);

/// How long before the first pass of a process it lists containers for the first time, and the clock of EventedPLEG
/// strikes (0.07 to 0.1 s in 18 stories of a node with 1.36.2).
const LISTS_BEFORE_FIRST_PASS: SimDuration = SimDuration::from_millis(80);
/// How long after the first pass of a process it reports the node's status, and every period from then on (story B24;
/// B01, B05, B11, B15, B18, B23, B26, B28: −0.3 to 0.4 s after two to five periods and what is random in them).
const REPORTS_AFTER_FIRST_PASS: SimDuration = SimDuration::from_millis(100);

/// With EventedPLEG, how often everything that is known of containers counts as new (pleg/evented.go
/// globalCacheUpdatePeriod).
const CACHE_REFRESH: SimDuration = SimDuration::from_secs(5);

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
    /// How often it has restarted.
    start: u32,
    /// It does not run.
    down: bool,
    /// Its pod workers know which pods there are: not yet at the first pass after a restart.
    knows_pods: bool,
    /// The next pass and the next report of the node's status come this much later.
    late: [SimDuration; 2],
}

/// What the kubelet sees of the node when it looks.
#[derive(Clone, Copy)]
pub(in crate::node) struct Look<'a> {
    pub settled: Settled<'a>,
    pub pods: &'a Pods,
    pub runtime: &'a Runtime,
}

impl Look<'_> {
    /// Working set of a pod; `None`: it has no cgroup.
    fn pod_working_set(self, pod: PodIx) -> Option<Bytes> {
        self.settled.pod_working_set(pod, &self.pods[pod as usize])
    }

    /// True for a pod that is not known to have ended.
    #[inline]
    fn is_active(self, pod: PodIx) -> bool {
        match self.pods[pod as usize].state {
            PodState::Active if self.pods[pod as usize].course.finishing.is_none() => true,
            PodState::Creating => true,
            PodState::Active | PodState::Terminating => self.runtime.is_running(pod),
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
    /// Of the clock that pod workers wait for with EventedPLEG.
    refresh_phase: SimDuration,
}

impl Draws {
    /// `first_pass`: of a process that has just been started.
    fn of(streams: &StreamFactory, plan: &KubeletPlan, start: u32, first_pass: Option<SimTime>) -> Self {
        let stream = |name| streams.stream(stream_of_start(name, start));
        let first_list = first_pass.map(|pass| pass.since(SimTime::ZERO).saturating_sub(LISTS_BEFORE_FIRST_PASS));
        let known = plan.first_relist.filter(|_| start == 0).map(|list| list.since(SimTime::ZERO));
        // Of a clock that strikes at this time, or at any.
        let phase = |name, period: SimDuration, strikes: Option<SimDuration>| match strikes {
            Some(at) if period > SimDuration::ZERO => SimDuration::from_nanos(at.as_nanos() % period.as_nanos()),
            _ => stream(name).between(SimDuration::ZERO, period.saturating_sub(SimDuration::from_nanos(1))),
        };
        Draws {
            lead: stream("kubelet/lead"),
            status_jitter: stream("kubelet/node-status"),
            resync_jitter: stream("kubelet/resync"),
            relist_phase: phase("kubelet/relist", plan.timing.relist_period, known.or(first_list)),
            refresh_phase: match plan.profile.evented_pleg {
                true => phase("kubelet/refresh", CACHE_REFRESH, first_list),
                false => SimDuration::ZERO,
            },
        }
    }
}

/// The stream of that name in one of the kubelet's starts.
fn stream_of_start(name: &str, start: u32) -> StreamName {
    let name = StreamName::from(name);
    if start == 0 { name } else { name.then("/").number(start) }
}

impl Kubelet {
    /// The kubelet starts: node cgroups with their limits.
    pub fn start(
        plan: Arc<KubeletPlan>,
        effective: Arc<EffectiveKubelet>,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) -> Self {
        let start = 0;
        machine.kubelet = KubeletFacts::of(&plan);
        let memory = &mut machine.memory;
        let layout = &effective.layout;
        let pods_below = [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort]
            .map(|class| (memory.mkdir_all(&layout.path(&layout.qos(class))), layout.pod_dirs(class)));
        let kubepods = memory.find(&layout.path(&layout.kubepods()));
        for write in &effective.enforced {
            let cgroup = memory.mkdir_all(&write.path);
            if memory.write(cx.now, cgroup, &write.write()).is_err() {
                let limit = write.write().max.unwrap_or(Bytes::MAX);
                cx.record(Record::CgroupWriteRefused { cgroup: write.path.as_str().into(), limit });
            }
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
            draws: Draws::of(cx.streams, &plan, start, None),
            start,
            down: false,
            knows_pods: true,
            late: [SimDuration::ZERO; 2],
            plan,
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
    pub fn start_clocks(&mut self, cx: &mut Cx<'_>) {
        let start = self.start;
        let planned = self.plan.first_pass.filter(|&first| start == 0 || first > cx.now);
        let first = planned.or(self.recorded_pass(cx.now)).unwrap_or_else(|| {
            let mut stream = cx.streams.stream(stream_of_start("kubelet/first-pass", start));
            cx.now.saturating_add(stream.between(SimDuration::ZERO, self.plan.timing.monitoring_period))
        });
        self.clocks_begin(first, start == 0 && self.plan.just_started, cx);
    }

    /// The clocks of this start, of which the first pass is known. Those of a process that has just been started begin
    /// with it.
    fn clocks_begin(&mut self, first_pass: SimTime, just_started: bool, cx: &mut Cx<'_>) {
        let start = self.start;
        self.draws = Draws::of(cx.streams, &self.plan, start, just_started.then_some(first_pass));
        cx.queue.at(first_pass, Phase::Kubelet, 0, Event::EvictionPass { start });
        let status = match start {
            _ if just_started => first_pass.saturating_add(REPORTS_AFTER_FIRST_PASS),
            0 => cx.now.saturating_add(self.status_interval()),
            // One that restarts reports at once.
            _ => cx.now,
        };
        cx.queue.at(status, Phase::Kubelet, 1, Event::NodeStatus { start });
    }

    /// What settings come to that it is to restart with.
    pub fn can_become(&self, plan: &KubeletPlan) -> Result<Arc<EffectiveKubelet>, ChangeError> {
        match &plan.effective {
            Ok(effective) if effective.layout == self.effective.layout => Ok(Arc::clone(effective)),
            Ok(_) => Err(ChangeError::OtherCgroups),
            Err(refused) => Err(ChangeError::KubeletNotStarted(refused.to_string().into())),
        }
    }

    /// It restarts with other settings. Of what it knew only what the API has is left; the cgroups stay where they are.
    pub fn restart(
        &mut self,
        plan: &Arc<KubeletPlan>,
        effective: Arc<EffectiveKubelet>,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        self.becomes(plan, effective, machine, cx);
        self.start_clocks(cx);
        // More in use than a new limit: the kernel kills until it fits.
        machine.drain_signals(cx);
    }

    /// A new process takes its place.
    fn becomes(
        &mut self,
        plan: &Arc<KubeletPlan>,
        effective: Arc<EffectiveKubelet>,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        let (start, waits, reported_pressure) = (self.start + 1, self.waits + 1, self.reported_pressure);
        *self = Kubelet::start(Arc::clone(plan), effective, machine, cx);
        (self.start, self.waits, self.reported_pressure) = (start, waits, reported_pressure);
    }

    /// It ends: nothing is evicted, seen or started until it starts again.
    pub fn stops(&mut self) {
        (self.down, self.waiting) = (true, None);
    }

    /// Whether it does not run.
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// It starts again with the same settings. Its first pass comes soon and finds no pods (story B24 of a node with
    /// 1.36.2: "eviction thresholds have been met, but no pods are active to evict").
    pub fn starts_again(&mut self, machine: &mut Machine, cx: &mut Cx<'_>) {
        let (plan, effective) = (Arc::clone(&self.plan), Arc::clone(&self.effective));
        self.becomes(&plan, effective, machine, cx);
        self.knows_pods = false;
        self.clocks_begin(cx.now.saturating_add(FIRST_PASS_AFTER_START), true, cx);
        machine.drain_signals(cx);
    }

    /// cAdvisor finds the pods that there are.
    pub fn watch_all(&mut self, pods: &Pods, runtime: &Runtime, machine: &mut Machine, cx: &mut Cx<'_>) {
        let scenario = Arc::clone(&machine.scenario);
        let look = Look { settled: machine.settled(Scope::Node, cx), pods, runtime };
        for &pod in pods.live().iter().filter(|&&pod| pods[pod as usize].cgroup.is_some()) {
            self.watch(pod, &scenario.pods[pods[pod as usize].plan as usize].housekeeping, look, cx);
            for (index, run) in (0..).zip(runtime.containers(pod)).filter(|(_, run)| run.running) {
                self.watch_container(ContainerRef { pod, index }, run.run, &pods[pod as usize], cx);
            }
        }
    }

    /// Whether what one of its clocks has is to happen now: not if it has restarted since, and not yet if the clock is
    /// delayed.
    #[inline]
    pub fn is_due(&mut self, lane: u32, start: u32, event: Event, cx: &mut Cx<'_>) -> bool {
        if !self.is_start(start) {
            return false;
        }
        let late = match lane {
            0 | 1 => std::mem::take(&mut self.late[lane as usize]),
            pod => self.late_housekeeping(pod - 2),
        };
        if late > SimDuration::ZERO {
            cx.queue.after(late, Phase::Kubelet, lane, event);
        }
        late == SimDuration::ZERO
    }

    /// Whether it runs, and has not restarted since.
    pub fn is_start(&self, start: u32) -> bool {
        start == self.start && !self.down
    }

    /// What a clock has next happens later.
    pub fn delay(&mut self, clock: &Clock, by: SimDuration, pods: &Pods) -> Result<(), ChangeError> {
        match clock {
            Clock::EvictionManager => self.late[0] = self.late[0] + by,
            Clock::NodeStatus => self.late[1] = self.late[1] + by,
            Clock::Housekeeping(name) => {
                let pod = pods.named(name).filter(|&pod| self.delay_housekeeping(pod, by));
                pod.ok_or_else(|| ChangeError::NoSuchPod(name.clone()))?;
            }
        }
        Ok(())
    }

    /// What it was started with.
    pub fn plan(&self) -> &KubeletPlan {
        &self.plan
    }

    /// Why it would not admit a pod now; `None`: it would.
    pub fn admission(&self, template: &Template) -> Option<Rejection> {
        admit(&template.spec, self.manager.conditions(), &self.plan.profile).err()
    }

    /// Whether a pod fits beside the others.
    ///
    /// # Errors
    /// What is lacking.
    pub fn has_room(&self, template: &Template, used: Room) -> Result<(), Insufficient> {
        let memory = i64::try_from(self.effective.allocatable.get()).unwrap_or(i64::MAX);
        fits(Room::of_pod(template.request), used, Room { pods: self.plan.config.max_pods(), memory })
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

    /// It reports the node's status. The next report takes this much longer.
    pub fn node_status(&mut self, slow: SimDuration, cx: &mut Cx<'_>) {
        let pressure = self.manager.conditions().memory_pressure;
        if pressure != self.reported_pressure {
            self.reported_pressure = pressure;
            let status = if pressure { ConditionStatus::True } else { ConditionStatus::False };
            cx.record(Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status });
        }
        let next = self.status_interval() + slow;
        cx.queue.after(next, Phase::Kubelet, 1, Event::NodeStatus { start: self.start });
    }

    /// How long until its next relist of containers; none with EventedPLEG, as the runtime says at once what happened.
    pub fn until_relist(&self, now: SimTime) -> SimDuration {
        if self.plan.profile.evented_pleg {
            return SimDuration::ZERO;
        }
        until_next(now, self.plan.timing.relist_period, self.draws.relist_phase)
    }

    /// How long a pod's worker that looked at the pod just before `now` waits until it looks again, unless something
    /// happens to the pod: with EventedPLEG it takes what is known for old until a clock has struck (container/cache.go
    /// GetNewerThan; story A13 of a node with 1.36.2). Otherwise the next relist is soon enough.
    pub fn until_refresh(&self, now: SimTime) -> SimDuration {
        match self.plan.profile.evented_pleg {
            true => until_next(now, CACHE_REFRESH, self.draws.refresh_phase),
            false => SimDuration::ZERO,
        }
    }

    /// The same for the worker of a pod to which something happened last at `last`: with EventedPLEG every event of the
    /// runtime comes twice, so that it has looked once more when the clock struck after that.
    pub fn until_worker_looks(&self, last: SimTime, now: SimTime) -> SimDuration {
        let looked = last + self.until_refresh(last);
        (looked + self.until_refresh(looked)).since(now)
    }

    /// What its release can do.
    pub fn profile(&self) -> &KubernetesProfile {
        &self.plan.profile
    }

    /// How long a container's restart has to wait from now, and the back-off in force, from the container's end. What
    /// is random in the wait may be known, in thousandths of the largest.
    pub fn backoff(
        &mut self,
        backoff: &mut ContainerBackoff,
        now: SimTime,
        finished_at: SimTime,
        known_jitter: Option<u16>,
    ) -> (SimDuration, SimDuration) {
        let timing = &self.plan.timing;
        let full = backoff.current(finished_at).unwrap_or(timing.backoff_first);
        let mut delay = (finished_at + full).since(now);
        if delay > SimDuration::ZERO {
            let draws = &mut self.draws.resync_jitter;
            let mut jitter = |most: SimDuration| match known_jitter {
                Some(permille) => most.mul_ratio(permille.into(), 1000),
                None => draws.between(SimDuration::ZERO, most),
            };
            let wakeup = self.plan.profile.restart_wakeup;
            let mut wait = |remaining| timing.restart_delay(remaining, wakeup, &mut jitter);
            let phase = self.draws.refresh_phase;
            delay = match self.plan.profile.evented_pleg {
                true => delay_by_clock(now, delay, |now| until_next(now, CACHE_REFRESH, phase), wait),
                false => wait(delay),
            };
        }
        let _ = backoff.attempt(now + delay, finished_at, timing.backoff());
        (delay, full)
    }

    /// How long a pod worker waits that could not do what is to be done (pod_workers.go completeWork).
    pub fn retry_delay(&mut self) -> SimDuration {
        let timing = &self.plan.timing;
        timing.resync_period + self.draws.resync_jitter.between(SimDuration::ZERO, timing.resync_jitter)
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

/// How long a container that ended at `now` waits with EventedPLEG, of which its back-off takes `remaining`: its worker
/// looks again when the clock strikes the next two times (story A13). Then it waits for the end of the back-off, and
/// for the clock if that has not struck since (container/cache.go GetNewerThan).
fn delay_by_clock(
    now: SimTime,
    remaining: SimDuration,
    until_clock: impl Fn(SimTime) -> SimDuration,
    wait: impl FnOnce(SimDuration) -> SimDuration,
) -> SimDuration {
    let (over, mut looked) = (now + remaining, now);
    for _ in 0..2 {
        looked = looked + until_clock(looked);
        if looked >= over {
            return looked.since(now);
        }
    }
    let clock = looked + until_clock(looked);
    (looked + wait(over.since(looked))).max(clock).since(now)
}

/// How long until a clock with this period strikes, which has a phase; a period of 0: it always does.
fn until_next(now: SimTime, period: SimDuration, phase: SimDuration) -> SimDuration {
    let period = period.as_nanos();
    if period == 0 {
        return SimDuration::ZERO;
    }
    let into = (now.as_nanos() + period - phase.as_nanos()) % period;
    SimDuration::from_nanos(period - into)
}

/// The OOM watcher reports only kills that no cgroup's limit caused.
pub(in crate::node) fn system_oom(report: &OomReport) -> Option<Record> {
    let task = report.chosen().filter(|_| report.constraint == Constraint::None)?;
    let message = format!("System OOM encountered, victim process: {}, pid: {}", task.comm, task.pid);
    Some(Record::SystemOom { message: message.into() })
}
