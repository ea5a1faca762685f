//! A pod's way to its running containers: arrival, admission, sandbox, processes.

use super::{Container, Pod, PodState};
use crate::engine::{Identifier, Phase, Scheduler, StreamName};
use crate::kernel::{Disposition, FileAccess, Footprint as KernelFootprint, HotText, MemOp, SpawnSpec};
use crate::kubelet::eviction::Rejection;
use crate::kubelet::{ContainerBackoff, POD_INFRA_OOM_SCORE_ADJ};
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx, ProcIx};
use crate::node::memory::Contribution;
use crate::node::programs::{Activity, ProcessOwner, RunningProgram};
use crate::node::state::Node;
use crate::node_api::{CgroupWrite, ContainerStatus, Name, PodPhase, PodReason, WaitingReason};
use crate::plan::{Controller, ProcessPlan};
use crate::record::{DeathCause, Record};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration};
use crate::workload::{Footprint, Program, TermReaction};
use smallvec::SmallVec;
use std::sync::Arc;

/// After so many new pages a program needs its text again.
const TEXT_NEEDED_EVERY: Pages = Pages::new(32);
/// How often the scheduler tries again to place a pod that no node takes.
const SCHEDULER_RETRY: SimDuration = SimDuration::from_secs(10);

/// What a process starts with, in addition to what its scenario says.
pub(in crate::node) struct SpawnContext {
    pub cgroup: CgroupId,
    pub owner: ProcessOwner,
    pub parent: Option<Pid>,
    pub session: Option<Pid>,
    pub oom_score_adj: i16,
    pub container_limit: Option<Bytes>,
    pub on_host: bool,
}

/// A container whose pod has just arrived.
fn created(name: &Name, oom_score_adj: i16) -> Container {
    Container {
        name: name.clone(),
        cgroup: None,
        limit: None,
        oom_score_adj,
        procs: SmallVec::new(),
        pid1: None,
        running: false,
        run: 0,
        restarts: 0,
        oom_seen: false,
        ended: None,
        pid1_status: None,
        backoff: ContainerBackoff::default(),
        status: ContainerStatus::Waiting(WaitingReason::ContainerCreating),
        terminated: false,
    }
}

impl Node {
    pub(in crate::node) fn pod_arrives(&mut self, plan_ix: u32, replica: u32, queue: &mut Scheduler<Event>) {
        if self.no_kubelet.is_some() {
            return; // The node never becomes Ready, and nothing is scheduled to it.
        }
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.pods[plan_ix as usize];
        let generation = self.pods.generation(plan_ix, replica);
        let template = Arc::clone(self.pods.template_of_plan(plan_ix));
        let own = |name: &str| StreamName::from(&*plan.namespace).then("/").then(name);
        let mut short = template.spec.name.clone();
        if plan.replicas > 1 {
            short = format!("{short}-{replica}").into();
        }
        if generation > 0 {
            let whole = self.streams.identifier(own(&short).then("/name/").number(generation));
            short = [&short, "-", &whole[..5]].concat().into();
        }
        let mut uid = template.spec.uid.clone();
        if uid.is_empty() || plan.replicas > 1 || generation > 0 {
            let h = &self.streams.identifier(own(&short).then("/uid"))[..32];
            uid = [&h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]].join("-").into();
        }
        if plan.controller == Controller::Deployment
            && self.kubelet.as_ref().is_some_and(|kubelet| kubelet.tainted_for(&template))
        {
            let retry = Event::PodArrives { plan: plan_ix, replica };
            queue.after(SCHEDULER_RETRY, Phase::Inject, plan_ix, retry);
            return;
        }
        let name: Name = [&plan.namespace, "/", &short].concat().into();
        let containers = plan
            .containers
            .iter()
            .zip(&template.containers)
            .map(|(c, common)| created(&c.name, common.oom_score_adj))
            .collect();
        let pod = self.pods.add(Pod {
            name: name.clone(),
            plan: plan_ix,
            replica,
            uid,
            stream: own(&short).then("/"),
            state: PodState::Creating,
            phase: PodPhase::Pending,
            reason: None,
            message: Name::default(),
            cgroup: None,
            pause: None,
            containers,
            limit: None,
            due: Pages::ZERO,
            stop_cause: DeathCause::ContainerStop,
            ended: None,
        });
        self.recorder.pod_appears(&name);
        self.record(Record::PodScheduled { pod: name.clone(), qos: template.qos });
        if let Some(rejection) = self.kubelet.as_ref().and_then(|kubelet| kubelet.admission(&template)) {
            self.pod_rejected(pod, rejection, queue);
            return;
        }
        self.set_phase(pod, PodPhase::Pending, None, Name::default());
        let delay = scenario.node.runtime.sandbox_create + self.slowness(queue);
        if delay == SimDuration::ZERO {
            self.sandbox_ready(pod, queue);
        } else {
            queue.after(delay, Phase::Runtime, pod, Event::SandboxReady(pod));
        }
    }

    fn pod_rejected(&mut self, pod: PodIx, rejection: Rejection, queue: &mut Scheduler<Event>) {
        let name = self.pod(pod).name.clone();
        let message = format!("Pod was rejected: {}", rejection.message).into();
        self.record(Record::PodRejected { pod: name, reason: rejection.reason, message: rejection.message.into() });
        self.set_phase(pod, PodPhase::Failed, Some(rejection.reason), message);
        self.pod_gone(pod);
        self.recreate(pod, queue);
    }

    /// Its controller makes a new pod in place of one that is gone.
    pub(in crate::node) fn recreate(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let (plan_ix, replica) = (self.pod(pod).plan, self.pod(pod).replica);
        let plan = &self.scenario.pods[plan_ix as usize];
        if plan.controller != Controller::None {
            let mut wait = plan.recreate_after;
            if plan.controller == Controller::DaemonSet {
                wait = wait + self.pods.daemon_backoff(plan_ix, replica).next(self.now);
            }
            queue.after(wait, Phase::Inject, plan_ix, Event::PodArrives { plan: plan_ix, replica });
        }
    }

    pub(in crate::node) fn sandbox_ready(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        if self.pod(pod).state != PodState::Creating {
            return;
        }
        self.settle(queue);
        let scenario = Arc::clone(&self.scenario);
        let template = Arc::clone(self.pods.template(pod));
        let cgroup = self.memory.mkdir(template.parent, &template.dirs.of(&self.pod(pod).uid));
        let limit = self.write_cgroup(cgroup, &template.cgroup, queue);
        self.update_qos_cgroups(queue);
        let p = self.pod_mut(pod);
        (p.cgroup, p.limit, p.state) = (Some(cgroup), limit, PodState::Active);
        let sandbox = self.memory.mkdir(cgroup, &self.streams.identifier(self.pod(pod).stream.then("pause")));
        let context = SpawnContext {
            cgroup: sandbox,
            owner: ProcessOwner::Pause(pod),
            parent: None,
            session: None,
            oom_score_adj: POD_INFRA_OOM_SCORE_ADJ,
            container_limit: None,
            on_host: false,
        };
        let pause =
            self.spawn(&"pause".into(), 65535, None, &scenario.node.pause, TermReaction::Default, context, queue);
        self.pod_mut(pod).pause = pause;
        self.pod_starts_housekeeping(pod, queue);
        for index in 0..self.pod(pod).containers.len() as u32 {
            let container = ContainerRef { pod, index };
            self.start_container_after(container, scenario.node.runtime.container_create, queue);
        }
        if let Some(limit) = limit {
            self.recorder.pod_limit(&self.pods[pod as usize].name, limit);
        }
    }

    pub(in crate::node) fn start_container_after(
        &mut self,
        container: ContainerRef,
        delay: SimDuration,
        queue: &mut Scheduler<Event>,
    ) {
        let run = self.container(container).run;
        if delay == SimDuration::ZERO {
            self.container_starts(container, run, queue);
        } else {
            queue.after(delay, Phase::Runtime, container.pod, Event::ContainerStarts { container, run });
        }
    }

    pub(in crate::node) fn container_starts(&mut self, c: ContainerRef, run: u32, queue: &mut Scheduler<Event>) {
        let Some(pod_cgroup) = self.pod(c.pod).cgroup else { return };
        if self.pod(c.pod).state != PodState::Active || self.container(c).run != run || self.container(c).running {
            return;
        }
        self.settle(queue);
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.pods[self.pod(c.pod).plan as usize].containers[c.index as usize];
        let template = Arc::clone(self.pods.template(c.pod));
        let id = self.container_id(c.pod, &plan.name, run);
        let cgroup = self.memory.mkdir(pod_cgroup, &id);
        let write = template.containers[c.index as usize].cgroup.as_ref();
        let limit = write.and_then(|write| self.write_cgroup(cgroup, write, queue));
        let restarts = {
            let container = self.container_mut(c);
            (container.cgroup, container.limit) = (Some(cgroup), limit);
            container.run += 1;
            container.restarts = container.run - 1;
            (container.running, container.oom_seen, container.terminated) = (true, false, false);
            (container.ended, container.pid1_status) = (None, None);
            container.status = ContainerStatus::Running;
            container.restarts
        };
        let pod_name = self.pod(c.pod).name.clone();
        self.recorder.counts.restarts += u64::from(restarts > 0);
        self.record(Record::ContainerStarted { pod: pod_name, container: plan.name.clone(), restart_count: restarts });
        if self.pod(c.pod).phase == PodPhase::Pending {
            self.set_phase(c.pod, PodPhase::Running, None, Name::default());
        }
        let run = run + 1;
        for (n, process) in plan.processes.iter().enumerate() {
            let n = n as u32;
            if process.at == SimDuration::ZERO {
                self.process_starts(c, n, run, queue);
            } else {
                let event = Event::ProcessStarts { container: c, process: n, run };
                queue.after(process.at, Phase::Workload, c.pod, event);
            }
        }
    }

    /// The id of a container's run, counted from 0.
    pub(in crate::node) fn container_id(&self, pod: PodIx, container: &str, run: u32) -> Identifier {
        let name = self.pod(pod).stream.then(container).then("/id/").number(run);
        self.streams.identifier(name)
    }

    pub(in crate::node) fn process_starts(&mut self, c: ContainerRef, n: u32, run: u32, queue: &mut Scheduler<Event>) {
        let Some(container) = self.pod(c.pod).containers.get(c.index as usize) else { return };
        // Without its PID 1 a pid namespace takes no new process (kernel/pid.c alloc_pid: ENOMEM).
        let open = container.running && container.run == run && container.pid1_status.is_none();
        let Some(cgroup) = container.cgroup.filter(|_| open) else { return };
        self.settle(queue);
        let scenario = Arc::clone(&self.scenario);
        let within = &scenario.pods[self.pod(c.pod).plan as usize].containers[c.index as usize];
        let plan = &within.processes[n as usize];
        let container = self.container(c);
        let parent = container.pid1.and_then(|p| self.programs.get(p)).map(|p| p.pid);
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Container(c),
            parent,
            session: None,
            oom_score_adj: plan.oom_score_adj.unwrap_or(container.oom_score_adj),
            container_limit: container.limit,
            on_host: false,
        };
        let of_pod = self.pod(c.pod).stream;
        let stream = || of_pod.then(&within.name).then("/").number(n).then("/").number(run);
        self.spawn_plan(plan, context, stream, queue);
    }

    /// Starts a planned process and lets it run until it first waits. `stream` names its random stream, if it draws.
    pub(in crate::node) fn spawn_plan(
        &mut self,
        plan: &ProcessPlan,
        context: SpawnContext,
        stream: impl FnOnce() -> StreamName,
        queue: &mut Scheduler<Event>,
    ) {
        let limit = context.container_limit;
        let owner = context.owner.clone();
        let Some(p) = self.spawn(&plan.comm, plan.uid, plan.pid, &plan.footprint, plan.term, context, queue) else {
            if let ProcessOwner::Container(c) = owner
                && self.container(c).pid1.is_none()
            {
                self.container_failed_to_start(c, queue);
            }
            return;
        };
        if self.programs[p as usize].activity == Activity::Idle {
            let rng = plan.behavior.draws().then(|| Box::new(self.streams.stream(stream())));
            let program = Box::new(Program::new(Arc::clone(&plan.behavior), rng, self.now, limit));
            let proc = &mut self.programs[p as usize];
            (proc.program, proc.activity) = (Some(program), Activity::Next);
            self.drive(p, queue);
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(in crate::node) fn spawn(
        &mut self,
        comm: &Name,
        uid: u32,
        pid: Option<u32>,
        footprint: &Footprint,
        term: TermReaction,
        context: SpawnContext,
        queue: &mut Scheduler<Event>,
    ) -> Option<ProcIx> {
        let mut spec = SpawnSpec::new(comm.clone(), context.cgroup);
        spec.uid = uid;
        spec.cap_sys_admin = context.on_host && uid == 0;
        spec.pid = pid.map(Pid);
        (spec.parent, spec.session, spec.oom_score_adj) = (context.parent, context.session, context.oom_score_adj);
        spec.term = match term {
            TermReaction::Default => Disposition::Default,
            TermReaction::Ignore => Disposition::Ignore,
            TermReaction::Exits(_) => Disposition::Handle,
        };
        spec.footprint = KernelFootprint {
            total_vm: (footprint.virtual_size + footprint.file).to_pages_ceil(),
            data_vm: Pages::ZERO,
            anon: Pages::ZERO,
            file: footprint.file.to_pages_ceil(),
            pgtables: footprint.page_tables.to_pages_ceil(),
            kernel: footprint.kernel.to_pages_ceil(),
        };
        let cgroup = context.cgroup;
        let Some((pid, slot)) = self.start_process(spec, queue) else {
            self.drain_signals(queue);
            return None;
        };
        let p = self.programs.len() as ProcIx;
        self.programs.push(RunningProgram {
            pid,
            slot,
            comm: comm.clone(),
            owner: context.owner.clone(),
            cgroup,
            program: None,
            activity: Activity::Idle,
            contribution: Contribution::default(),
            turn: 0,
            term,
            cause: None,
        });
        if let ProcessOwner::Container(c) = context.owner {
            let container = self.container_mut(c);
            container.procs.push(p);
            if container.pid1.is_none() {
                container.pid1 = Some(p);
            }
        }
        if !matches!(context.owner, ProcessOwner::Pause(_)) {
            self.record(Record::ProcessStarted { pid, comm: comm.clone(), owner: self.owner(&context.owner) });
        }
        self.drain_signals(queue);
        self.load_text(p, comm, footprint.text, queue);
        let anon = footprint.anon.to_pages_ceil();
        if !anon.is_zero() && self.programs[p as usize].activity == Activity::Idle {
            use crate::kernel::Mapping;
            let mapped = self.apply(p, MemOp::Map { size: anon.bytes(), mapping: Mapping::PRIVATE }, queue);
            if mapped {
                self.apply(p, MemOp::Touch { pages: anon }, queue);
            }
        }
        Some(p)
    }

    /// Maps the text of a program, of which the node has one copy, and says that the program needs all of it again
    /// before it has touched 128 KiB more.
    fn load_text(&mut self, p: ProcIx, comm: &Name, text: Bytes, queue: &mut Scheduler<Event>) {
        let pages = text.to_pages_ceil();
        if pages.is_zero() || self.programs[p as usize].activity != Activity::Idle {
            return;
        }
        let file = self.memory.text(comm, pages);
        let read = MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap };
        if self.apply(p, read, queue) {
            let hot = HotText { file, pages, every: TEXT_NEEDED_EVERY };
            self.memory.set_hot_text(self.programs[p as usize].pid, hot);
        }
    }

    /// Writes the limits of a new cgroup, which none of its processes can be above. Returns its limit.
    fn write_cgroup(&mut self, cgroup: CgroupId, write: &CgroupWrite, queue: &mut Scheduler<Event>) -> Option<Bytes> {
        let _ = self.memory.write(self.now, cgroup, write);
        self.drain_signals(queue);
        write.max.filter(|&max| max != Bytes::MAX)
    }

    /// The cgroups of the classes follow the pods that there are.
    pub(in crate::node) fn update_qos_cgroups(&mut self, queue: &mut Scheduler<Event>) {
        let writes = self.kubelet.as_ref().map_or_else(Vec::new, |kubelet| kubelet.qos_writes(&self.pods));
        if writes.is_empty() {
            return;
        }
        self.settle_for_change(queue);
        for write in writes {
            if let Some(cgroup) = self.memory.find(&write.path) {
                // More in use than the new limit: the kernel kills until it fits; v1 refuses.
                let _ = self.memory.write(self.now, cgroup, &write.write());
                self.drain_signals(queue);
            }
        }
    }

    pub(in crate::node) fn set_phase(&mut self, pod: PodIx, phase: PodPhase, reason: Option<PodReason>, message: Name) {
        let p = self.pod_mut(pod);
        if p.phase == phase && p.reason == reason && p.message == message && phase != PodPhase::Pending {
            return;
        }
        (p.phase, p.reason, p.message) = (phase, reason, message.clone());
        let record = Record::PodPhase { pod: p.name.clone(), phase, reason, message };
        self.record(record);
    }
}
