//! A pod's way to its running containers: arrival, admission, sandbox, processes.

use super::{Container, Course, Lent, Pod, PodState, Pods, Role, Template};
use crate::engine::{Identifier, Phase, RunsBehind, StreamFactory, StreamName};
use crate::kubelet::ContainerBackoff;
use crate::kubelet::admission::{Insufficient, Room};
use crate::kubelet::backoff::job_backoff;
use crate::kubelet::eviction::Rejection;
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::kubelet::Look;
use crate::node::memory::Scope;
use crate::node::runtime::{ContainerProcess, InitState, RUNC_INIT_RUNS, RUNC_RUNS};
use crate::node_api::{CgroupWrite, ContainerStatus, Name, PodPhase, PodReason, TerminatedReason, WaitingReason};
use crate::plan::{Controller, Earlier, PodPlan};
use crate::record::{DeathCause, LimitScope, Owner, Record};
use crate::units::{Bytes, CgroupId, SimDuration, SimTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a container that is about to run looks whether there is memory for runc's own process.
const WAITS_FOR_MEMORY: SimDuration = SimDuration::from_millis(10);

/// How often the scheduler tries again to place a pod that no node takes.
const SCHEDULER_RETRY: SimDuration = SimDuration::from_secs(10);

/// A container whose pod has just arrived.
fn created(name: &Name, (role, oom_score_adj): (Role, i16), waits: WaitingReason) -> Container {
    Container {
        role,
        name: name.clone(),
        oom_score_adj,
        restarts: 0,
        backoff: ContainerBackoff::default(),
        status: ContainerStatus::Waiting(waits),
        terminated: false,
    }
}

/// Name and unique id of the pod that a plan's replica has next, and where the names of its random streams begin.
fn identity(plan: &PodPlan, replica: u32, generation: u32, streams: &StreamFactory) -> (Name, Name, StreamName) {
    let own = |name: &str| StreamName::from(&*plan.namespace).then("/").then(name);
    let named = |name: StreamName| match plan.controller {
        Controller::StatefulSet if generation > 0 => name.then("/").number(generation),
        _ => name,
    };
    let mut short = plan.spec.name.clone();
    if plan.replicas > 1 || replica > 0 {
        short = format!("{short}-{replica}").into();
    }
    // A StatefulSet's pods keep their names.
    if generation > 0 && plan.controller != Controller::StatefulSet {
        let whole = streams.identifier(own(&short).then("/name/").number(generation));
        short = [&short, "-", &whole[..5]].concat().into();
    }
    let mut uid = plan.spec.uid.clone();
    if uid.is_empty() || plan.replicas > 1 || replica > 0 || generation > 0 {
        let h = &streams.identifier(named(own(&short)).then("/uid"))[..32];
        uid = [&h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]].join("-").into();
    }
    ([&plan.namespace, "/", &short].concat().into(), uid, named(own(&short)).then("/"))
}

impl Pods {
    /// A pod of a plan is bound to the node.
    pub fn arrive(&mut self, plan_ix: u32, replica: u32, lent: &mut Lent<'_>) {
        if self.node_is_never_ready {
            return; // Nothing is scheduled to it.
        }
        let scenario = Arc::clone(&lent.machine.scenario);
        let plan = &scenario.pods[plan_ix as usize];
        if replica >= self.wanted(plan_ix, plan.replicas) {
            return; // The workload was scaled down.
        }
        let template = Arc::clone(self.template_of_plan(plan_ix));
        let earlier = plan.earlier.as_ref().filter(|_| self.generation(plan_ix, replica) == 0);
        if lent.kubelet_is_down() && !self.is_unreachable() {
            // It learns of its pods when it starts.
            let again = Event::PodArrives { plan: plan_ix, replica };
            lent.cx.queue.after(SimDuration::from_secs(1), Phase::Inject, plan_ix, again);
            return;
        }
        if self.scheduler_waits(plan, self.generation(plan_ix, replica), &template, lent) {
            let retry = Event::PodArrives { plan: plan_ix, replica };
            lent.cx.queue.after(SCHEDULER_RETRY, Phase::Inject, plan_ix, retry);
            return;
        }
        let (name, uid, stream) = identity(plan, replica, self.generation(plan_ix, replica), lent.cx.streams);
        let containers = plan
            .containers
            .iter()
            .zip(&template.containers)
            .map(|(c, common)| {
                // kubelet_pods.go convertToAPIContainerStatuses, for all containers and until they run.
                let waits = match template.init.is_empty() {
                    true => WaitingReason::ContainerCreating,
                    false => WaitingReason::PodInitializing,
                };
                created(&c.name, (common.role, common.oom_score_adj), waits)
            })
            .collect();
        let pod = self.add(Pod {
            name: name.clone(),
            plan: plan_ix,
            template: Arc::clone(&template),
            replica,
            uid,
            stream,
            state: PodState::Creating,
            phase: PodPhase::Pending,
            reason: None,
            message: Name::default(),
            evicted: None,
            cgroup: None,
            containers,
            stop_cause: DeathCause::ContainerStop,
            initialized: 0,
            course: Course::default(),
            ended: None,
            replaced_when_gone: false,
            deleted: false,
        });
        lent.runtime.add(plan.containers.len());
        let again = plan.controller == Controller::StatefulSet && self.generation(plan_ix, replica) > 1;
        lent.cx.log.pod_appears(&name, again);
        if let Some(Earlier { age, restarts }) = earlier {
            let (age, restarts) = (*age, restarts.values().fold(0, |sum: u32, n| sum.saturating_add(*n)));
            lent.record(Record::PodRunsAlready { pod: name.clone(), age, restarts });
        }
        lent.record(Record::PodScheduled { pod: name, qos: template.qos });
        match earlier {
            Some(earlier) => self.runs_already(pod, &earlier.restarts, lent),
            None => self.judged(pod, lent),
        }
    }

    /// The kubelet takes a pod, refuses it, or makes room for it.
    fn judged(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        match self.admit(pod, lent) {
            Ok(None) => self.admitted(pod, lent),
            Ok(Some(lacks)) => {
                self.set_phase(pod, PodPhase::Pending, None, Name::default(), lent);
                if let Err(rejection) = self.make_room(pod, lacks.lacking(), lent) {
                    self.rejected(pod, rejection, lent);
                }
            }
            Err(rejection) => self.rejected(pod, rejection, lent),
        }
    }

    /// Whether the scheduler leaves a pod pending: the node's taint keeps it away, or a replacement has no room. The
    /// first pod of a plan is bound to the node by the scenario, so that the kubelet has to judge it.
    fn scheduler_waits(&self, plan: &PodPlan, generation: u32, template: &Template, lent: &Lent<'_>) -> bool {
        let Some(kubelet) = &lent.kubelet else { return false };
        if self.is_unreachable() && plan.controller != Controller::DaemonSet {
            return true;
        }
        match plan.controller {
            Controller::None => false,
            // Its pods tolerate the taint.
            Controller::DaemonSet => generation > 0 && kubelet.has_room(template, self.used()).is_err(),
            Controller::Deployment | Controller::StatefulSet | Controller::Job => {
                kubelet.tainted_for(template) || generation > 0 && kubelet.has_room(template, self.used()).is_err()
            }
        }
    }

    /// Whether the kubelet takes a pod: as it is, or (what it lacks) after others have made room for it.
    fn admit(&self, pod: PodIx, lent: &Lent<'_>) -> Result<Option<Insufficient>, Rejection> {
        let admitted = lent.machine.scenario.pods[self[pod as usize].plan as usize].admitted;
        let Some(kubelet) = lent.kubelet.as_ref().filter(|_| !admitted) else { return Ok(None) };
        let template = self.template(pod);
        if let Some(rejection) = kubelet.admission(template) {
            return Err(rejection);
        }
        match kubelet.has_room(template, self.used() - Room::of_pod(template.request)) {
            Ok(()) => Ok(None),
            Err(lacks) if template.facts.critical => Ok(Some(lacks)),
            Err(lacks) => Err(lacks.rejection()),
        }
    }

    /// The kubelet has taken a pod: its sandbox is made.
    pub(super) fn admitted(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        self.set_phase(pod, PodPhase::Pending, None, Name::default(), lent);
        let delay = lent.runtime.timing.sandbox_create + lent.slowness();
        let ready = Event::SandboxReady(pod);
        match lent.runtime.timing.shares_processors {
            _ if delay == SimDuration::ZERO => self.sandbox_ready(pod, lent),
            true => lent.begin_setup(ready, pod, delay),
            false => lent.cx.queue.after(delay, Phase::Runtime, pod, ready),
        }
    }

    fn rejected(&mut self, pod: PodIx, rejection: Rejection, lent: &mut Lent<'_>) {
        let name = self[pod as usize].name.clone();
        let message = format!("Pod was rejected: {}", rejection.message).into();
        lent.record(Record::PodRejected { pod: name, reason: rejection.reason, message: rejection.message.into() });
        self.set_phase(pod, PodPhase::Failed, Some(rejection.reason), message, lent);
        self.gone(pod, lent);
        self.recreate(pod, lent);
    }

    /// Its controller makes a new pod in place of one that is gone.
    pub(super) fn recreate(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let (plan_ix, replica) = (self[pod as usize].plan, self[pod as usize].replica);
        let failed = self[pod as usize].phase == PodPhase::Failed;
        let plan = &lent.machine.scenario.pods[plan_ix as usize];
        let wait = match plan.controller {
            Controller::None => return,
            Controller::Deployment | Controller::StatefulSet => SimDuration::ZERO,
            Controller::DaemonSet => self.daemon_backoff(plan_ix, replica).next(lent.cx.now),
            // A pod that has done its work is not made again.
            Controller::Job => match job_backoff(self.generation(plan_ix, replica), plan.backoff_limit) {
                Some(wait) if failed => wait,
                _ => return,
            },
        };
        let arrives = Event::PodArrives { plan: plan_ix, replica };
        lent.cx.queue.after(plan.recreate_after + wait, Phase::Inject, plan_ix, arrives);
    }

    /// A pod has run before the scenario began: its init containers have passed, its containers hold what their
    /// programs begin with, and the kubelet has figures of it.
    fn runs_already(&mut self, pod: PodIx, restarts: &BTreeMap<Name, u32>, lent: &mut Lent<'_>) {
        let template = Arc::clone(self.template(pod));
        self[pod as usize].initialized = template.init.len() as u32;
        self.sandbox_made(pod, lent);
        for (index, container) in (0..).zip(&template.containers) {
            let c = ContainerRef { pod, index };
            if container.role == Role::Init {
                self.container_mut(c).status = ContainerStatus::Terminated(TerminatedReason::Completed);
                self.container_mut(c).terminated = true;
                continue;
            }
            let before = restarts.get(&self.container(c).name).copied().unwrap_or(0);
            lent.runtime.started_before(c, before);
            self.container_begins(c, before, lent);
            self.container_runs(c, lent);
            self.route(lent);
        }
        let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
        let settled = lent.machine.settled(Scope::Node, &mut lent.cx);
        kubelet.knows(pod, Look { settled, pods: self, runtime: lent.runtime });
    }

    /// The runtime has set up the pod's sandbox.
    pub fn sandbox_ready(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if self[pod as usize].state == PodState::Creating {
            self.sandbox_made(pod, lent);
            self.start_next(pod, lent);
            self.route(lent);
        }
    }

    fn sandbox_made(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        self.settle(lent);
        let template = Arc::clone(self.template(pod));
        let of = &self[pod as usize];
        let cgroup = lent.machine.memory.mkdir(template.parent, &template.dirs.of(&of.uid));
        lent.machine.memory.belongs_to(cgroup, LimitScope::Pod(of.name.clone()));
        let limit = write_cgroup(cgroup, &template.cgroup, lent);
        self.update_qos_cgroups(lent);
        let of = &mut self[pod as usize];
        (of.cgroup, of.state) = (Some(cgroup), PodState::Active);
        lent.cx.log.pod_has_cgroup(pod, cgroup);
        let sandbox = lent.machine.memory.mkdir(cgroup, &lent.cx.streams.identifier(of.stream.then("pause")));
        lent.run_sandbox((pod, &of.name), sandbox);
        self.starts_housekeeping(pod, lent);
        if let Some(limit) = limit {
            lent.cx.log.pod_limit(&self[pod as usize].name, limit);
        }
    }

    /// Starts the init container that is due, or all regular containers when none is left.
    fn start_next(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let template = Arc::clone(self.template(pod));
        let create = lent.runtime.timing.container_create;
        if let Some(&index) = template.init.get(self[pod as usize].initialized as usize) {
            return self.start_container_after(ContainerRef { pod, index }, create, lent);
        }
        for (index, container) in (0..).zip(&template.containers) {
            if container.role == Role::Regular {
                self.start_container_after(ContainerRef { pod, index }, create, lent);
            }
        }
    }

    /// One more init container has passed: the next one is due.
    pub fn init_passed(&mut self, pod: PodIx, passed: u32, lent: &mut Lent<'_>) {
        let of = &mut self[pod as usize];
        if of.state == PodState::Active && of.initialized + 1 == passed {
            of.initialized = passed;
            self.start_next(pod, lent);
        }
    }

    /// A sidecar runs, which the relist sees: what comes after it need not wait for its end.
    fn sidecar_started(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        let passed = self[c.pod as usize].initialized + 1;
        if self.template(c.pod).init.get(passed as usize - 1) != Some(&c.index) {
            return;
        }
        match lent.kubelet.as_ref().map_or(SimDuration::ZERO, |kubelet| kubelet.until_relist(lent.cx.now)) {
            SimDuration::ZERO => self.init_passed(c.pod, passed, lent),
            wait => lent.cx.queue.after(wait, Phase::Kubelet, c.pod, Event::InitPassed { pod: c.pod, passed }),
        }
    }

    /// cAdvisor begins to watch a pod that has no process in its containers yet.
    fn starts_housekeeping(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let Some(kubelet) = lent.kubelet.as_deref_mut() else { return };
        let of = &self[pod as usize];
        let scenario = Arc::clone(&lent.machine.scenario);
        let recorded = &scenario.pods[of.plan as usize].housekeeping;
        let settled = lent.machine.settled(Scope::EmptyPod(lent.runtime.containers(pod)), &mut lent.cx);
        kubelet.watch(pod, recorded, Look { settled, pods: self, runtime: lent.runtime }, &mut lent.cx);
    }

    pub(in crate::node) fn start_container_after(&mut self, c: ContainerRef, delay: SimDuration, lent: &mut Lent<'_>) {
        let Some(run) = lent.runtime.get(c).map(|container| container.run) else { return };
        let starts = Event::ContainerStarts { container: c, run };
        let mut takes = delay;
        if lent.runtime_counts() && delay > SimDuration::ZERO {
            let begins = Event::RuncBegins { container: c, run };
            lent.cx.queue.after(delay.saturating_sub(RUNC_RUNS), Phase::Runtime, c.pod, begins);
            takes = delay.saturating_sub(RUNC_INIT_RUNS);
        }
        let timing = &lent.runtime.timing;
        match timing.shares_processors && delay == timing.container_create {
            _ if delay == SimDuration::ZERO => self.container_starts(c, run, lent),
            true => lent.begin_setup(starts, c.pod, takes),
            false => lent.cx.queue.after(takes, Phase::Runtime, c.pod, starts),
        }
    }

    /// runc begins to start a container.
    pub fn runc_begins(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        if self.starts_now(c, run, lent) {
            self.settle(lent);
            lent.runtime.runc_begins(c, lent.machine, &mut lent.cx);
            self.route(lent);
        }
    }

    /// Whether a container whose time has come is still to be started.
    fn starts_now(&self, c: ContainerRef, run: u32, lent: &Lent<'_>) -> bool {
        let startable = lent.runtime.get(c).is_some_and(|container| container.run == run && !container.running);
        startable && self[c.pod as usize].state == PodState::Active && !lent.kubelet_is_down()
    }

    /// The runtime starts a container, unless it has been started since: its cgroup is made, and runc's own process is
    /// the first in it.
    pub fn container_starts(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        if self[c.pod as usize].cgroup.is_none() {
            return;
        }
        if !self.starts_now(c, run, lent) {
            return lent.runc_ends(c);
        }
        self.settle(lent);
        self.container_begins(c, run, lent);
        let counts = lent.runtime_counts();
        if (counts || lent.may_fail_to_start(c)) && !self.runc_init_starts(c, lent) {
            lent.runc_ends(c);
            self.container_mut(c).status = ContainerStatus::Waiting(WaitingReason::RunContainerError);
            return self.route(lent);
        }
        if counts {
            let execs = Event::ContainerExecs { container: c, run: run + 1 };
            lent.cx.queue.after(RUNC_INIT_RUNS, Phase::Runtime, c.pod, execs);
            return self.route(lent);
        }
        lent.runc_init_execs(c);
        self.container_runs(c, lent);
    }

    /// The cgroup of a container's run is made, which cAdvisor watches.
    fn container_begins(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        let Some(pod_cgroup) = self[c.pod as usize].cgroup else { return };
        let of = &self[c.pod as usize];
        let scenario = Arc::clone(&lent.machine.scenario);
        let plan = &scenario.pods[of.plan as usize].containers[c.index as usize];
        let id = container_id(of, &plan.name, run, lent.cx.streams);
        let cgroup = lent.machine.memory.mkdir(pod_cgroup, &id);
        let scope = LimitScope::Container { pod: of.name.clone(), container: plan.name.clone() };
        lent.machine.memory.belongs_to(cgroup, scope);
        let write = &self.template(c.pod).containers[c.index as usize].cgroup;
        let limit = write.as_ref().and_then(|write| write_cgroup(cgroup, write, lent));
        lent.runtime.run_container(c, cgroup, limit, lent.cx.now);
        if let Some(kubelet) = lent.kubelet.as_deref_mut() {
            kubelet.watch_container(c, run + 1, &self[c.pod as usize], &mut lent.cx);
        }
        let container = self.container_mut(c);
        (container.restarts, container.terminated) = (run, false);
        let again = run > lent.machine.scenario.restarts_before(self[c.pod as usize].plan, &self.container(c).name);
        lent.cx.log.counts.restarts += u64::from(again);
    }

    /// runc's own process becomes a container's program, unless it has ended since.
    pub fn container_execs(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        lent.runc_ends(c);
        if !lent.runtime.get(c).is_some_and(|container| container.is_open(run)) {
            return;
        }
        self.settle(lent);
        if self[c.pod as usize].state != PodState::Active {
            // The pod is being stopped: nothing is started any more.
            return lent.kill(c.pod, |index| index == c.index, self[c.pod as usize].stop_cause);
        }
        match lent.runtime.init_state(c, lent.machine) {
            InitState::Ready => {
                lent.runc_init_execs(c);
                return self.container_runs(c, lent);
            }
            // Its end is on the way, if it is dying.
            InitState::Dying => return,
            InitState::Waits => {}
            InitState::Absent if self.runc_init_starts(c, lent) => {}
            InitState::Absent => {
                self.container_mut(c).status = ContainerStatus::Waiting(WaitingReason::RunContainerError);
                return self.route(lent);
            }
        }
        let execs = Event::ContainerExecs { container: c, run };
        lent.cx.queue.after(WAITS_FOR_MEMORY, Phase::Runtime, c.pod, execs);
        self.route(lent);
    }

    /// A container's program begins.
    fn container_runs(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        let scenario = Arc::clone(&lent.machine.scenario);
        let plan = &scenario.pods[self[c.pod as usize].plan as usize].containers[c.index as usize];
        self.container_mut(c).status = ContainerStatus::Running;
        let (pod, restart_count) = (self[c.pod as usize].name.clone(), self.container(c).restarts);
        lent.record(Record::ContainerStarted { pod, container: plan.name.clone(), restart_count });
        let role = self.template(c.pod).containers[c.index as usize].role;
        if self[c.pod as usize].phase == PodPhase::Pending && role == Role::Regular {
            self.set_phase(c.pod, PodPhase::Running, None, Name::default(), lent);
        }
        let run = restart_count + 1;
        let earlier = scenario.pods[self[c.pod as usize].plan as usize].earlier.as_ref();
        let age = earlier.filter(|_| lent.cx.now == SimTime::ZERO).map_or(SimDuration::ZERO, |earlier| earlier.age);
        for (n, process) in plan.processes.iter().enumerate() {
            let n = n as u32;
            if process.at <= age {
                self.process_starts(c, n, run, lent);
            } else {
                let event = Event::ProcessStarts { container: c, process: n, run };
                lent.cx.queue.after(process.at, Phase::Workload, c.pod, event);
            }
        }
        if role == Role::Sidecar {
            self.sidecar_started(c, lent);
        }
    }

    /// runc's own process starts in a container; false: it was killed.
    fn runc_init_starts(&self, c: ContainerRef, lent: &mut Lent<'_>) -> bool {
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        let shown = (Owner::Container { pod, container }, self.container(c).oom_score_adj);
        lent.runtime.runc_init_starts(c, shown, lent.machine, &mut lent.cx)
    }

    /// A process of a container starts, unless that has ended since.
    pub fn process_starts(&mut self, c: ContainerRef, n: u32, run: u32, lent: &mut Lent<'_>) {
        if !lent.runtime.get(c).is_some_and(|container| container.is_open(run) && container.cgroup.is_some()) {
            return;
        }
        self.settle(lent);
        let scenario = Arc::clone(&lent.machine.scenario);
        let of = &self[c.pod as usize];
        let within = &scenario.pods[of.plan as usize].containers[c.index as usize];
        let plan = &within.processes[n as usize];
        let process = ContainerProcess {
            plan,
            number: n,
            pid_namespace: within.pid_namespace,
            shown: Owner::Container { pod: of.name.clone(), container: within.name.clone() },
            oom_score_adj: plan.oom_score_adj.unwrap_or(self.container(c).oom_score_adj),
        };
        let stream = || of.stream.then(&within.name).then("/").number(n).then("/").number(run);
        if !lent.runtime.start_process(c, process, stream, lent.machine, &mut lent.cx) {
            self.container_gone(c, lent);
        }
        self.route(lent);
    }

    /// The cgroups of the classes follow the pods that there are.
    pub fn update_qos_cgroups(&self, lent: &mut Lent<'_>) {
        let writes = lent.kubelet.as_ref().map_or_else(Vec::new, |kubelet| kubelet.qos_writes(self));
        if writes.is_empty() {
            return;
        }
        lent.machine.settle_for_change(&mut lent.cx);
        for write in writes {
            if let Some(cgroup) = lent.machine.memory.find(&write.path) {
                // More in use than the new limit: the kernel kills until it fits; v1 refuses.
                let _ = lent.machine.memory.write(lent.cx.now, cgroup, &write.write());
                lent.machine.drain_signals(&mut lent.cx);
            }
        }
    }

    pub(super) fn set_phase(
        &mut self,
        pod: PodIx,
        phase: PodPhase,
        reason: Option<PodReason>,
        message: Name,
        lent: &mut Lent<'_>,
    ) {
        let p = &mut self[pod as usize];
        if p.phase == phase && p.reason == reason && p.message == message && phase != PodPhase::Pending {
            return;
        }
        (p.phase, p.reason, p.message) = (phase, reason, message.clone());
        lent.record(Record::PodPhase { pod: p.name.clone(), phase, reason, message });
    }
}

/// The id of a container's run, counted from 0.
pub(super) fn container_id(pod: &Pod, container: &str, run: u32, streams: &StreamFactory) -> Identifier {
    streams.identifier(pod.stream.then(container).then("/id/").number(run))
}

/// Writes the limits of a new cgroup, which none of its processes can be above. Returns its limit.
pub(super) fn write_cgroup(cgroup: CgroupId, write: &CgroupWrite, lent: &mut Lent<'_>) -> Option<Bytes> {
    let _ = lent.machine.memory.write(lent.cx.now, cgroup, write);
    lent.machine.drain_signals(&mut lent.cx);
    write.max.filter(|&max| max != Bytes::MAX)
}
