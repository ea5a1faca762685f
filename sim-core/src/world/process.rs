//! Driving programs: what a step means to the kernel, and what becomes of a process.

use super::Event;
use super::state::{CgroupScope, Doing, PodIx, ProcIx, Whose, World};
use crate::engine::{Phase, Scheduler};
use crate::kernel::{Delivery, FileAccess, Mapping, MemOp, MemOutcome, Until};
use crate::node_api::{Constraint, ExitStatus, OomReport, RefusedCall, Signal, Signo, TaskRow};
use crate::record::{DeathCause, LimitScope, Owner, Record};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration, VolumeId};
use crate::workload::{CacheAccess, Growth, Step, TermReaction};

/// Steps that take no time which a program may make in one turn; then others have theirs.
const STEPS_PER_TURN: u32 = 1_000;

impl World {
    pub(super) fn wake(&mut self, p: ProcIx, turn: u32, queue: &mut Scheduler<Event>) {
        if self.procs.get(p).is_none_or(|proc| proc.turn != turn) {
            return;
        }
        // What it asks for is granted or not by the memory that others hold now.
        self.settle(queue);
        let proc = &mut self.procs[p as usize];
        if proc.turn != turn {
            return;
        }
        match proc.doing {
            Doing::Asleep | Doing::Next => {
                proc.doing = Doing::Next;
                self.drive(p, queue);
            }
            Doing::Blocked { op, then } => {
                self.unblock(p);
                self.try_again(p, op, then, queue);
            }
            Doing::Growing(_) | Doing::Idle | Doing::Dying => {}
        }
    }

    pub(super) fn retry_blocked(&mut self, queue: &mut Scheduler<Event>) {
        self.retry_scheduled = false;
        self.settle(queue);
        for p in std::mem::take(&mut self.blocked) {
            if let Doing::Blocked { op, then } = self.procs[p as usize].doing {
                self.try_again(p, op, then, queue);
            }
        }
    }

    fn try_again(&mut self, p: ProcIx, op: MemOp, then: Option<Growth>, queue: &mut Scheduler<Event>) {
        self.procs[p as usize].doing = Doing::Next;
        self.growing.dirty |= !self.growing.ahead.on && !self.growing.is_empty();
        if !self.apply(p, op, queue) {
            if let Doing::Blocked { then: rest, .. } = &mut self.procs[p as usize].doing {
                *rest = then;
            }
            return;
        }
        match then {
            Some(growth) if growth.taken < growth.steps => self.begin_growth(p, growth.resumed(self.now)),
            _ => self.drive(p, queue),
        }
    }

    /// Lets the program go on until it waits for something.
    pub(super) fn drive(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        for _ in 0..STEPS_PER_TURN {
            let now = self.now;
            let proc = &mut self.procs[p as usize];
            if proc.doing != Doing::Next {
                return;
            }
            let Some(program) = proc.program.as_mut() else {
                proc.doing = Doing::Idle;
                return;
            };
            let step = program.next(now);
            self.step(p, step, queue);
        }
        self.sleep(p, SimDuration::from_nanos(1), queue);
    }

    fn step(&mut self, p: ProcIx, step: Step, queue: &mut Scheduler<Event>) {
        // Whatever it takes, others that grow will meet a limit earlier.
        self.growing.dirty |= !self.growing.ahead.on && !self.growing.is_empty();
        match step {
            Step::Alloc { bytes, touched, rate } => {
                self.recorder.counts.allocations += 1;
                if bytes > Bytes::ZERO && !self.apply(p, MemOp::Map { size: bytes, mapping: Mapping::PRIVATE }, queue)
                    || touched.is_zero()
                {
                    return;
                }
                match rate {
                    None => {
                        self.apply(p, MemOp::Touch { pages: touched }, queue);
                    }
                    Some(rate) => {
                        let mut growth = Growth::linear(self.now, rate, Some(touched));
                        growth.block = Bytes::ZERO;
                        self.begin_growth(p, growth);
                    }
                }
            }
            Step::Grow(growth) if growth.steps == 0 => {}
            Step::Grow(growth) => self.begin_growth(p, growth),
            Step::Free { bytes, resident } => {
                self.apply(p, MemOp::Unmap { size: bytes, resident, mapping: Mapping::PRIVATE }, queue);
            }
            Step::File { file, size, from, pages, access } => {
                let file = self.file(p, &file, size);
                let op = match access {
                    CacheAccess::Read => MemOp::ReadFile { file, from, pages, how: FileAccess::Read },
                    CacheAccess::Mmap => MemOp::ReadFile { file, from, pages, how: FileAccess::Mmap },
                    CacheAccess::Write => MemOp::WriteFile { file, from, pages },
                };
                self.apply(p, op, queue);
            }
            Step::Tmpfs { volume, pages } => {
                let volume = self.volume(p, &volume);
                self.apply(p, MemOp::WriteTmpfs { volume, pages }, queue);
            }
            Step::Unlink(name) => {
                let scope = self.scope(p);
                if let Some(id) = self.files.remove(&(scope, name)) {
                    let _ = self.kernel.remove_volume(id);
                    self.drain_signals(queue);
                }
            }
            Step::Mlock(pages) => {
                self.apply(p, MemOp::Mlock { pages }, queue);
            }
            Step::Fork => self.fork(p, queue),
            Step::Sleep(delay) => self.sleep(p, delay, queue),
            Step::SleepUntil(at) => self.sleep(p, at.since(self.now), queue),
            Step::RuntimeOutOfMemory { runtime, heap, limit, requested } => {
                let proc = &self.procs[p as usize];
                let (pid, comm, owner) = (proc.pid, proc.comm.clone(), self.owner(&proc.whose));
                self.record(Record::RuntimeOutOfMemory { pid, comm, owner, runtime, heap, limit, requested });
                self.kernel.kill(self.now, pid, Signo::Segv);
                self.drain_signals(queue);
            }
            Step::Exit(code) => {
                self.kernel.exit(self.now, self.procs[p as usize].pid, code);
                self.drain_signals(queue);
            }
            Step::Hold => self.procs[p as usize].doing = Doing::Idle,
        }
    }

    fn sleep(&mut self, p: ProcIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        if delay == SimDuration::ZERO {
            return;
        }
        let proc = &mut self.procs[p as usize];
        proc.doing = Doing::Asleep;
        proc.turn += 1;
        let turn = proc.turn;
        if self.now.saturating_add(delay) < crate::units::SimTime::MAX {
            queue.after(delay, Phase::Workload, p, Event::Wake { process: p, turn });
        }
    }

    /// Hands an operation to the kernel. True: done. False: the process is blocked, was refused (and idles from now
    /// on), or is dying.
    pub(super) fn apply(&mut self, p: ProcIx, op: MemOp, queue: &mut Scheduler<Event>) -> bool {
        let pid = self.procs[p as usize].pid;
        let outcome = match self.growing.ahead.on {
            false => self.kernel.apply(self.now, pid, op),
            true => {
                let cgroup = self.procs[p as usize].cgroup;
                self.make_way(Some(p), cgroup, op.largest_charge(), queue);
                let outcome = self.kernel.apply(self.now, pid, op);
                self.charged(Some(p), cgroup);
                outcome
            }
        };
        if self.kernel.has_signals() {
            self.drain_signals(queue);
        }
        match outcome {
            MemOutcome::Done => return true,
            MemOutcome::Refused(_) => self.refused(p, RefusedCall::Mmap, op, queue),
            MemOutcome::Wait { remaining, until } => {
                self.block(p, op.with_pages(remaining));
                self.blocked.push_back(p);
                if let Until::After(delay) = until {
                    self.wake_blocked_after(p, delay, queue);
                }
            }
            MemOutcome::Throttled { remaining, delay } => {
                self.block(p, op.with_pages(remaining));
                self.wake_blocked_after(p, delay, queue);
            }
            MemOutcome::Dying => {}
        }
        self.growing.dirty |= !self.growing.ahead.on;
        false
    }

    fn block(&mut self, p: ProcIx, op: MemOp) {
        let proc = &mut self.procs[p as usize];
        proc.doing = Doing::Blocked { op, then: None };
        proc.turn += 1;
    }

    fn unblock(&mut self, p: ProcIx) {
        if let Some(place) = self.blocked.iter().position(|&b| b == p) {
            self.blocked.remove(place);
        }
    }

    fn wake_blocked_after(&mut self, p: ProcIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        let turn = self.procs[p as usize].turn;
        queue.after(delay.max(SimDuration::from_nanos(1)), Phase::Workload, p, Event::Wake { process: p, turn });
    }

    fn refused(&mut self, p: ProcIx, op: RefusedCall, what: MemOp, queue: &mut Scheduler<Event>) {
        // Committed_AS is everybody's.
        self.settle_others(queue);
        let proc = &self.procs[p as usize];
        let requested = match what {
            MemOp::Map { size, .. } | MemOp::MakeWritable { size } => size,
            _ => self.kernel.process(proc.pid).map_or(Bytes::ZERO, |k| k.accounted.bytes()),
        };
        let info = self.kernel.mem_info();
        let record = Record::AllocationRefused {
            pid: proc.pid,
            comm: proc.comm.clone(),
            owner: self.owner(&proc.whose),
            op,
            requested,
            committed_as: info.committed_as,
            commit_limit: info.commit_limit,
        };
        self.recorder.counts.refusals += 1;
        self.record(record);
        self.procs[p as usize].doing = Doing::Idle;
    }

    /// The process calls fork: the child holds what the parent holds and idles. A refusal leaves the parent as it is.
    pub(super) fn fork(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        self.settle_others(queue);
        self.growing.dirty = true;
        let pid = self.procs[p as usize].pid;
        let doing = self.procs[p as usize].doing;
        match self.kernel.fork(self.now, pid) {
            Ok(child) => {
                let mut copy = self.procs[p as usize].clone();
                (copy.pid, copy.program, copy.doing, copy.turn) = (child, None, Doing::Idle, 0);
                copy.slot = self.kernel.slot(child).unwrap_or(u32::MAX);
                let owner = self.owner(&copy.whose);
                let comm = copy.comm.clone();
                let ix = self.procs.len() as ProcIx;
                if let Whose::Container(c) = copy.whose {
                    self.container_mut(c).procs.push(ix);
                }
                self.procs.push(copy);
                self.record(Record::ProcessStarted { pid: child, comm, owner });
            }
            Err(_) => {
                self.refused(p, RefusedCall::Fork, MemOp::Touch { pages: Pages::ZERO }, queue);
                self.procs[p as usize].doing = doing;
            }
        }
        self.drain_signals(queue);
    }

    fn scope(&self, p: ProcIx) -> CgroupScope {
        self.procs[p as usize].container().map_or(CgroupScope::Host, |c| CgroupScope::Pod(c.pod))
    }

    fn file(&mut self, p: ProcIx, name: &str, size: Bytes) -> VolumeId {
        let key = (self.scope(p), name.to_owned());
        *self.files.entry(key).or_insert_with(|| self.kernel.create_file(size))
    }

    fn volume(&mut self, p: ProcIx, name: &str) -> VolumeId {
        let key = (self.scope(p), name.to_owned());
        *self.files.entry(key).or_insert_with(|| self.kernel.create_tmpfs(None))
    }

    /// Routes what the kernel has to tell.
    pub(super) fn drain_signals(&mut self, queue: &mut Scheduler<Event>) {
        if !self.kernel.has_signals() {
            self.growing.dirty |= !self.growing.ahead.on && !self.growing.is_empty();
            return;
        }
        let mut signals = self.kernel.take_signals();
        for signal in signals.drain(..) {
            match signal {
                Signal::Oom { limit, report } => self.oom(limit, report),
                Signal::Dying { pid, status, .. } => self.dying(pid, status, queue),
                Signal::MemoryFreed => {
                    if !self.blocked.is_empty() && !self.retry_scheduled {
                        self.retry_scheduled = true;
                        queue.after(SimDuration::ZERO, Phase::Workload, 0, Event::Retry);
                    }
                }
            }
        }
        self.kernel.recycle(signals);
        self.growing.dirty |= !self.growing.ahead.on && !self.growing.is_empty();
    }

    /// Whose limit the OOM killer enforced at `limit`, the cgroup that hit its limit.
    fn limit_scope(&self, limit: Option<CgroupId>, report: &OomReport) -> LimitScope {
        let Some(limit) = limit else { return LimitScope::Node };
        if self.kubepods == Some(limit) {
            return LimitScope::Kubepods;
        }
        if let Some(class) = self.agent.as_ref().and_then(|agent| agent.class_at(limit)) {
            return LimitScope::Qos(class);
        }
        // A candidate's pod, if it is one of its levels; a pod without candidates has to be looked for.
        let of_task = report.killed_tasks().chain(report.tasks.first()).find_map(|task| {
            match self.procs[self.process_of(task.pid)? as usize].whose {
                Whose::Container(c) => self.limit_in_pod(c.pod, limit),
                Whose::Pause(pod) => self.limit_in_pod(pod, limit),
                Whose::Host(_) => None,
            }
        });
        let found = of_task.or_else(|| self.live.iter().find_map(|&pod| self.limit_in_pod(pod, limit)));
        found.unwrap_or(LimitScope::Cgroup)
    }

    /// The pod or one of its containers, if the cgroup is theirs.
    fn limit_in_pod(&self, pod: PodIx, limit: CgroupId) -> Option<LimitScope> {
        let pod = self.pod(pod);
        if pod.cgroup == Some(limit) {
            return Some(LimitScope::Pod(pod.name.clone()));
        }
        let container = pod.containers.iter().find(|c| c.cgroup == Some(limit))?;
        Some(LimitScope::Container { pod: pod.name.clone(), container: container.name.clone() })
    }

    fn oom(&mut self, limit: Option<CgroupId>, report: Box<OomReport>) {
        let cause = match report.constraint {
            Constraint::None => DeathCause::GlobalOom,
            Constraint::Memcg => DeathCause::MemcgOom,
        };
        for task in report.killed_tasks() {
            let Some(p) = self.process_of(task.pid) else { continue };
            self.procs[p as usize].cause.get_or_insert(cause);
            if let (Some(c), DeathCause::MemcgOom) = (self.procs[p as usize].container(), cause) {
                self.container_mut(c).oom_seen = true;
            }
        }
        self.recorder.counts.oom_kills += report.killed.len() as u64;
        let panic = report.panic;
        let system_oom = self.system_oom(&report);
        let owner = |task: &TaskRow| {
            let known = self.process_of(task.pid).map(|p| self.owner(&self.procs[p as usize].whose));
            known.unwrap_or_else(|| Owner::Host(task.comm.clone()))
        };
        let killed_owners = report.killed_tasks().map(owner).collect();
        let limit = self.limit_scope(limit, &report);
        self.record(Record::OomKill { report, limit, killed_owners });
        if panic {
            self.panicked = true;
            self.record(Record::KernelPanic { message: "System is deadlocked on memory".into() });
        }
        if let Some(record) = system_oom {
            self.record(record);
        }
        self.sample_now();
    }

    fn dying(&mut self, pid: Pid, status: ExitStatus, queue: &mut Scheduler<Event>) {
        let Some(p) = self.process_of(pid) else { return };
        if self.procs[p as usize].doing == Doing::Dying {
            return;
        }
        self.end_growth(p);
        if status == ExitStatus::Signal(Signo::Hup) {
            self.procs[p as usize].cause.get_or_insert(DeathCause::SessionHangup);
        }
        self.procs[p as usize].doing = Doing::Dying;
        self.procs[p as usize].turn += 1;
        self.unblock(p);
        let resident = self.kernel.process(pid).map_or(Bytes::ZERO, |k| k.rss().bytes());
        let exit = self.scenario.node.exit;
        let latency = exit.base + exit.per_gib.mul_ratio(resident.get(), 1 << 30);
        if latency == SimDuration::ZERO {
            self.exit_done(pid, queue);
        } else {
            queue.after(latency, Phase::Kernel, p, Event::ExitDone(pid));
        }
    }

    pub(super) fn exit_done(&mut self, pid: Pid, queue: &mut Scheduler<Event>) {
        let Some(p) = self.process_of(pid) else { return };
        self.procs.unbind(p);
        self.settle(queue);
        if matches!(self.procs[p as usize].whose, Whose::Host(_)) {
            // Its session may die with it.
            self.settle_others(queue);
        }
        let status = match self.kernel.process(pid).map(|k| k.state) {
            Some(crate::kernel::State::Dying { status, .. }) => status,
            _ => ExitStatus::Signal(Signo::Kill),
        };
        self.kernel.finish_exit(self.now, pid);
        let proc = &self.procs[p as usize];
        let cause = proc.cause.unwrap_or(DeathCause::SelfExit);
        let (comm, whose) = (proc.comm.clone(), proc.whose.clone());
        self.procs[p as usize].program = None;
        if !matches!(whose, Whose::Pause(_)) {
            self.hang_up(&comm, queue);
            let owner = self.owner(&whose);
            self.record(Record::ProcessExited { pid, comm, owner, status, cause });
        }
        self.drain_signals(queue);
        match whose {
            Whose::Container(c) => self.container_process_gone(c, p, status, queue),
            Whose::Pause(pod) => self.pause_gone(pod, queue),
            Whose::Host(_) => {}
        }
        self.sample_now();
        if !matches!(whose, Whose::Host(_)) {
            self.dead.push(p);
        }
    }

    /// Sends a signal; a program that handles SIGTERM exits later.
    pub(super) fn send(&mut self, p: ProcIx, signal: Signo, cause: DeathCause, queue: &mut Scheduler<Event>) {
        if self.procs.get(p).is_none() {
            return; // The first process of a container without a PID namespace may be long gone.
        }
        self.settle_one(p, queue);
        let proc = &mut self.procs[p as usize];
        if proc.doing == Doing::Dying {
            return;
        }
        let (pid, term) = (proc.pid, proc.term);
        let before = proc.cause;
        proc.cause.get_or_insert(cause);
        match self.kernel.kill(self.now, pid, signal) {
            Delivery::Handled => {
                if let TermReaction::Exits(delay) = term {
                    queue.after(delay, Phase::Kernel, p, Event::TermHandled(pid));
                }
            }
            Delivery::Ignored | Delivery::NoSuchProcess => self.procs[p as usize].cause = before,
            Delivery::Dying => {}
        }
        self.drain_signals(queue);
    }

    pub(super) fn term_handled(&mut self, pid: Pid, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        if let Some(p) = self.process_of(pid) {
            self.settle_one(p, queue);
        }
        self.kernel.exit(self.now, pid, 128 + Signo::Term as i32);
        self.drain_signals(queue);
    }

    /// Kills what is left of a container or session at once.
    pub(super) fn kill_all(&mut self, procs: &[ProcIx], cause: DeathCause, queue: &mut Scheduler<Event>) {
        for &p in procs {
            self.send(p, Signo::Kill, cause, queue);
        }
    }

    /// The living process with that id.
    fn process_of(&self, pid: Pid) -> Option<ProcIx> {
        self.procs.at_slot(self.kernel.slot(pid)?)
    }

    /// Living processes, by process id.
    pub(super) fn living(&self) -> impl Iterator<Item = ProcIx> {
        self.kernel.processes().filter_map(|process| self.process_of(process.pid))
    }

    /// The first living process of that name.
    pub(super) fn find_process(&self, comm: &str) -> Option<ProcIx> {
        self.living().find(|&p| {
            let proc = &self.procs[p as usize];
            &*proc.comm == comm || matches!(&proc.whose, Whose::Host(name) if &**name == comm)
        })
    }
}
