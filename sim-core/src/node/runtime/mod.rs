//! The container runtime: sandboxes, containers and their processes, as containerd keeps them. It owns what it runs; it
//! is lent the machine, and its answers say what became of a call. It decides nothing about pods.

mod setup;

use super::ids::{ContainerRef, PodIx, ProcIx};
use super::machine::Machine;
use super::observe::Cx;
use super::programs::{Activity, Executable, Home, ProcessOwner, SpawnContext};
use crate::engine::StreamName;
use crate::kubelet::POD_INFRA_OOM_SCORE_ADJ;
use crate::node_api::{ExitStatus, Name, Signo};
use crate::plan::ProcessPlan;
use crate::record::{DeathCause, Owner, PAUSE_CONTAINER};
use crate::runtime::RuntimeTiming;
use crate::units::{Bytes, CgroupId, SimDuration, SimTime};
use crate::workload::{Behavior, Footprint, Resume, TermReaction};
use setup::Setups;
use smallvec::SmallVec;

/// Of containerd's shims: one more than containerd itself (containerd-shim-runc-v2).
const SHIM_OOM_SCORE_ADJ: i16 = -998;

/// What runc's init holds in a container's cgroup before the container's program takes its place: 0.9 MiB of its own;
/// its text is charged elsewhere (a node with runc 1.3.6, kernel 6.12).
pub(in crate::node) const RUNC_INIT: Footprint = Footprint {
    anon: Bytes::kib(920),
    file: Bytes::mib(8),
    text: Bytes::ZERO,
    page_tables: Bytes::kib(40),
    virtual_size: Bytes::mib(1200),
    kernel: Bytes::kib(64),
};

/// `oom_score_adj` of runc, which is that of containerd's shim.
const RUNC_OOM_SCORE_ADJ: i16 = SHIM_OOM_SCORE_ADJ;
/// How long runc runs until a container's program starts (stories D01, D02 and others: 36 to 110 ms of 120).
pub(in crate::node) const RUNC_RUNS: SimDuration = SimDuration::from_millis(110);
/// How long runc's own process waits in the container to become its program.
pub(in crate::node) const RUNC_INIT_RUNS: SimDuration = SimDuration::from_millis(50);
/// What runc holds outside the container when memory is short: 642 pages of its own in the OOM report of story D01, in
/// the middle of its work; with huge pages, where there is room for them, 9 MiB.
const RUNC: Footprint = Footprint {
    anon: Bytes::kib(3584),
    file: Bytes::mib(6),
    text: Bytes::ZERO,
    page_tables: Bytes::kib(152),
    virtual_size: Bytes::mib(1600),
    kernel: Bytes::kib(64),
};

/// The container runtime of a node.
#[derive(Clone, Debug)]
pub(in crate::node) struct Runtime {
    pub timing: RuntimeTiming,
    pub setups: Setups,
    /// By the index of their pods.
    sandboxes: Vec<Sandbox>,
}

/// What it runs for a pod.
#[derive(Clone, Debug, Default)]
struct Sandbox {
    pause: Option<ProcIx>,
    /// containerd's shim, with what the runtime and the kubelet keep for the pod.
    shim: Option<ProcIx>,
    containers: Vec<ContainerRun>,
}

/// A container as the runtime has it.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct ContainerRun {
    pub cgroup: Option<CgroupId>,
    pub limit: Option<Bytes>,
    /// Living processes; the first entry is PID 1.
    pub procs: SmallVec<[ProcIx; 4]>,
    pub pid1: Option<ProcIx>,
    /// It has a PID namespace of its own.
    pub pid_namespace: bool,
    pub running: bool,
    /// When it was started last.
    pub started: SimTime,
    /// Counts starts.
    pub run: u32,
    /// A memcg OOM killed something in this run.
    pub oom_seen: bool,
    /// What runc starts a container with was killed in this run: the container has not been started.
    pub start_failed: bool,
    /// runc at work on the start of the container.
    runc: Option<ProcIx>,
    /// runc's own process in the container, which becomes its program.
    init: Option<ProcIx>,
    /// How PID 1 ended, once the whole container is gone.
    pub ended: Option<(ExitStatus, SimTime)>,
    pid1_status: Option<(ExitStatus, SimTime)>,
    /// Its processes that follow a recorded curve.
    followers: Vec<Follows>,
}

/// A process of a container that follows a recorded curve, by its number in the container.
#[derive(Clone, Debug)]
struct Follows {
    number: u32,
    process: ProcIx,
    /// Where the next one of this number goes on.
    resume: Option<Box<Resume>>,
}

impl ContainerRun {
    /// Whether it takes a new process in this run. Without its PID 1 a pid namespace takes none (kernel/pid.c
    /// alloc_pid: ENOMEM).
    pub fn is_open(&self, run: u32) -> bool {
        self.running && self.run == run && self.pid1_status.is_none()
    }

    /// A process of it begins, which may follow a recorded curve: from where the one before it ended.
    fn follows(&mut self, plan: &ProcessPlan, number: u32, p: ProcIx) -> Option<Box<Resume>> {
        let Behavior::Trace(_) = &*plan.behavior else { return None };
        match self.followers.iter_mut().find(|follows| follows.number == number) {
            Some(follows) => {
                follows.process = p;
                follows.resume.take()
            }
            None => {
                self.followers.push(Follows { number, process: p, resume: None });
                None
            }
        }
    }

    /// Where this process of it runs.
    pub fn home(&self, p: ProcIx) -> Home {
        Home { limit: self.limit, first_process: self.pid_namespace && self.pid1 == Some(p) }
    }
}

/// What runc's own process in a container does before it becomes the container's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum InitState {
    /// There was no memory for it.
    Absent,
    /// It waits for memory.
    Waits,
    /// It was killed.
    Dying,
    /// It is ready to become the program.
    Ready,
}

/// What a process of a container starts with.
pub(in crate::node) struct ContainerProcess<'a> {
    pub plan: &'a ProcessPlan,
    /// Its number in the container.
    pub number: u32,
    /// The container has a PID namespace of its own.
    pub pid_namespace: bool,
    /// Whose it is, for records.
    pub shown: Owner,
    pub oom_score_adj: i16,
}

impl Runtime {
    pub fn new(timing: RuntimeTiming) -> Self {
        Runtime { timing, setups: Setups::default(), sandboxes: Vec::new() }
    }

    /// There is a new pod with this many containers, of which nothing runs.
    pub fn add(&mut self, containers: usize) {
        let containers = vec![ContainerRun::default(); containers];
        self.sandboxes.push(Sandbox { containers, ..Sandbox::default() });
    }

    /// Nothing is left of what ran for a pod.
    pub fn forget(&mut self, pod: PodIx) {
        self.sandboxes[pod as usize] = Sandbox::default();
    }

    /// The containers of a pod.
    #[inline]
    pub fn containers(&self, pod: PodIx) -> &[ContainerRun] {
        &self.sandboxes[pod as usize].containers
    }

    pub fn get(&self, c: ContainerRef) -> Option<&ContainerRun> {
        self.containers(c.pod).get(c.index as usize)
    }

    fn container_mut(&mut self, c: ContainerRef) -> &mut ContainerRun {
        &mut self.sandboxes[c.pod as usize].containers[c.index as usize]
    }

    /// True while something runs in a container of the pod.
    #[inline]
    pub fn is_running(&self, pod: PodIx) -> bool {
        self.containers(pod).iter().any(|c| c.running)
    }

    /// True while a container of the pod runs, or still has a process.
    pub fn is_occupied(&self, pod: PodIx) -> bool {
        self.containers(pod).iter().any(|c| c.running || !c.procs.is_empty())
    }

    /// The pod's sandbox with its pause process.
    pub fn run_sandbox(
        &mut self,
        (pod, name): (PodIx, &Name),
        cgroup: CgroupId,
        footprint: &Footprint,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Pause(pod),
            shown: Owner::Container { pod: name.clone(), container: PAUSE_CONTAINER.into() },
            parent: None,
            session: None,
            oom_score_adj: POD_INFRA_OOM_SCORE_ADJ,
        };
        let pause = Executable { comm: &"pause".into(), uid: 65535, pid: None, footprint, term: TermReaction::Default };
        self.sandboxes[pod as usize].pause = machine.spawn(pause, context, cx);
        self.sandboxes[pod as usize].shim = self.run_shim(machine, cx);
    }

    /// The shim of a pod, outside its cgroup.
    fn run_shim(&self, machine: &mut Machine, cx: &mut Cx<'_>) -> Option<ProcIx> {
        let anon = machine.scenario.node.runtime_per_pod;
        if anon == Bytes::ZERO {
            return None;
        }
        let comm = "containerd-shim".into();
        let context = SpawnContext {
            cgroup: machine.memory.mkdir_all("/system.slice"),
            owner: ProcessOwner::Host,
            shown: Owner::Host("containerd-shim".into()),
            parent: None,
            session: None,
            oom_score_adj: SHIM_OOM_SCORE_ADJ,
        };
        let footprint = Footprint { anon, ..Footprint::default() };
        let shim = Executable { comm: &comm, uid: 0, pid: None, footprint: &footprint, term: TermReaction::Default };
        machine.spawn(shim, context, cx)
    }

    /// runc begins to start a container, where the runtime's own memory counts.
    pub fn runc_begins(&mut self, c: ContainerRef, machine: &mut Machine, cx: &mut Cx<'_>) {
        let context = SpawnContext {
            cgroup: machine.memory.mkdir_all("/system.slice"),
            owner: ProcessOwner::Host,
            shown: Owner::Host("runc".into()),
            parent: None,
            session: None,
            oom_score_adj: RUNC_OOM_SCORE_ADJ,
        };
        let runc =
            Executable { comm: &"runc".into(), uid: 0, pid: None, footprint: &RUNC, term: TermReaction::Default };
        self.container_mut(c).runc = machine.spawn(runc, context, cx);
    }

    /// runc has done its work.
    pub fn runc_ends(&mut self, c: ContainerRef, machine: &mut Machine, cx: &mut Cx<'_>) {
        let container = self.sandboxes[c.pod as usize].containers.get_mut(c.index as usize);
        let Some(runc) = container.and_then(|container| container.runc.take()) else { return };
        if machine.programs.get(runc).is_some_and(|program| program.activity != Activity::Dying) {
            machine.leaves(runc, RUNC.anon, cx);
        }
    }

    /// A container is ready for its processes.
    pub fn run_container(&mut self, c: ContainerRef, cgroup: CgroupId, limit: Option<Bytes>, now: SimTime) {
        let container = self.container_mut(c);
        container.started = now;
        (container.cgroup, container.limit) = (Some(cgroup), limit);
        container.run += 1;
        (container.running, container.oom_seen, container.start_failed) = (true, false, false);
        (container.ended, container.pid1_status) = (None, None);
    }

    /// A container was started before the scenario began, after this many restarts.
    pub fn started_before(&mut self, c: ContainerRef, restarts: u32) {
        self.container_mut(c).run = restarts;
    }

    /// runc's own process is the first in a container's cgroup; it becomes the container's program when that starts.
    /// False: the OOM killer took it at once (story A14 of a node with 1.36.2: a memory volume fills the pod).
    pub fn runc_init_starts(
        &mut self,
        c: ContainerRef,
        (shown, oom_score_adj): (Owner, i16),
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) -> bool {
        let Some(cgroup) = self.container_mut(c).cgroup else { return true };
        let owner = ProcessOwner::Container(c);
        let context = SpawnContext { cgroup, owner, shown, parent: None, session: None, oom_score_adj };
        let comm = "runc:[2:INIT]".into();
        let init = Executable { comm: &comm, uid: 0, pid: None, footprint: &RUNC_INIT, term: TermReaction::Ignore };
        let Some(p) = machine.spawn(init, context, cx) else { return true };
        let container = self.container_mut(c);
        container.procs.push(p);
        (container.pid1, container.init) = (Some(p), Some(p));
        machine.programs[p as usize].activity != Activity::Dying
    }

    /// What runc's own process in a container does.
    pub fn init_state(&self, c: ContainerRef, machine: &Machine) -> InitState {
        let init = self.get(c).and_then(|container| container.init);
        match init.map(|init| machine.programs[init as usize].activity) {
            None => InitState::Absent,
            Some(Activity::Dying) => InitState::Dying,
            Some(Activity::Blocked { .. }) => InitState::Waits,
            Some(_) => InitState::Ready,
        }
    }

    /// runc's own process in a container gives way to the container's program.
    pub fn runc_init_execs(&mut self, c: ContainerRef, machine: &mut Machine, cx: &mut Cx<'_>) {
        let container = self.container_mut(c);
        let Some(init) = container.init.take() else { return };
        container.procs.retain(|p| *p != init);
        container.pid1 = None;
        machine.leaves(init, RUNC_INIT.anon, cx);
    }

    /// Starts a process in a container and lets it run until it first waits. False: the container's PID 1 could not be
    /// started (no memory for its page tables).
    pub fn start_process(
        &mut self,
        c: ContainerRef,
        process: ContainerProcess<'_>,
        stream: impl FnOnce() -> StreamName,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) -> bool {
        let container = self.container_mut(c);
        let Some(cgroup) = container.cgroup else { return true };
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Container(c),
            shown: process.shown,
            parent: container.pid1.and_then(|p| machine.programs.get(p)).map(|p| p.pid),
            session: None,
            oom_score_adj: process.oom_score_adj,
        };
        let Some(p) = machine.spawn(Executable::from(process.plan), context, cx) else {
            if container.pid1.is_some() {
                return true;
            }
            container.pid1_status = Some((ExitStatus::Code(128), cx.now));
            return false;
        };
        container.procs.push(p);
        container.pid1.get_or_insert(p);
        container.pid_namespace = process.pid_namespace;
        let resume = container.follows(process.plan, process.number, p);
        machine.begin(p, process.plan, (container.home(p), resume.as_deref()), stream, cx);
        true
    }

    /// A running container has another limit.
    pub fn set_limit(&mut self, c: ContainerRef, limit: Option<Bytes>) {
        self.container_mut(c).limit = limit;
    }

    /// A process of a container has a child.
    pub fn forked(&mut self, c: ContainerRef, child: ProcIx) {
        if let Some(container) = self.sandboxes[c.pod as usize].containers.get_mut(c.index as usize) {
            container.procs.push(child);
        }
    }

    /// A process of a container is gone. The first of a PID namespace takes the others with it.
    pub fn process_gone(
        &mut self,
        c: ContainerRef,
        (p, status): (ProcIx, ExitStatus),
        pid_namespace: bool,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        let container = self.container_mut(c);
        container.oom_seen |= machine.programs[p as usize].oom_counted;
        if container.init.take_if(|init| *init == p).is_some() {
            container.start_failed = true;
        }
        container.procs.retain(|q| *q != p);
        if let Some(follows) = container.followers.iter_mut().find(|follows| follows.process == p) {
            follows.resume = machine.programs[p as usize].resume.take();
        }
        if !pid_namespace {
            if container.procs.is_empty() {
                container.pid1_status = Some((status, cx.now));
            }
        } else if container.pid1 == Some(p) {
            container.pid1_status = Some((status, cx.now));
            let rest = container.procs.clone();
            machine.kill_all(&rest, DeathCause::ContainerStop, cx);
        }
    }

    /// The first process of a container, if it is the only one left and alive.
    pub fn only_pid1(&self, c: ContainerRef) -> Option<ProcIx> {
        let container = self.get(c)?;
        container.pid1.filter(|pid1| container.procs[..] == [*pid1])
    }

    /// When PID 1 and all others are gone, a container has ended: true once.
    pub fn has_ended(&mut self, c: ContainerRef) -> bool {
        let container = self.container_mut(c);
        if !container.procs.is_empty() || container.pid1_status.is_none() || !container.running {
            return false;
        }
        container.ended = container.pid1_status;
        (container.running, container.pid1) = (false, None);
        true
    }

    /// Removes what is left of a container that has ended.
    pub fn remove_container(&mut self, c: ContainerRef, machine: &mut Machine, cx: &mut Cx<'_>) {
        if let Some(cgroup) = self.container_mut(c).cgroup.take() {
            machine.memory.rmdir(cgroup);
            machine.drain_signals(cx);
        }
    }

    /// Sends SIGTERM to the first process of each of these containers that runs.
    pub fn terminate(
        &mut self,
        pod: PodIx,
        containers: &[u32],
        cause: DeathCause,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        // One whose PID 1 is gone already, while others take longer to die, gets no signal.
        let of = self.containers(pod);
        for pid1 in containers.iter().map(|&c| &of[c as usize]).filter(|c| c.running).filter_map(|c| c.pid1) {
            machine.send(pid1, Signo::Term, cause, cx);
        }
    }

    /// Sends SIGKILL to every process in those of a pod's containers that are meant.
    pub fn kill(
        &mut self,
        pod: PodIx,
        meant: impl Fn(u32) -> bool,
        cause: DeathCause,
        machine: &mut Machine,
        cx: &mut Cx<'_>,
    ) {
        for (_, container) in (0..).zip(self.containers(pod)).filter(|(index, _)| meant(*index)) {
            machine.kill_all(&container.procs, cause, cx);
        }
    }

    /// Stops the sandbox of a pod whose containers are gone. True: its pause process is gone already.
    pub fn stop_sandbox(&mut self, pod: PodIx, machine: &mut Machine, cx: &mut Cx<'_>) -> bool {
        let Some(pause) = self.sandboxes[pod as usize].pause else { return true };
        if machine.programs[pause as usize].activity != Activity::Dying {
            machine.send(pause, Signo::Kill, DeathCause::ContainerStop, cx);
        }
        false
    }

    /// The pause process of a pod is gone.
    pub fn pause_gone(&mut self, pod: PodIx) {
        self.sandboxes[pod as usize].pause = None;
    }

    /// Nothing of a pod's containers is left in the kernel.
    pub fn torn_down(&mut self, pod: PodIx, machine: &mut Machine, cx: &mut Cx<'_>) {
        for index in 0..self.containers(pod).len() as u32 {
            self.runc_ends(ContainerRef { pod, index }, machine, cx);
            self.container_mut(ContainerRef { pod, index }).cgroup = None;
        }
        if let Some(shim) = self.sandboxes[pod as usize].shim.take() {
            let holds = machine.scenario.node.runtime_per_pod;
            machine.leaves(shim, holds, cx);
        }
    }
}
