//! The end of processes: OOM kills, signals, exits.

use super::{Activity, ProcessOwner};
use crate::engine::{Phase, Scheduler};
use crate::kernel::Delivery;
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::state::Node;
use crate::node_api::{Constraint, ExitStatus, OomReport, Signo, TaskRow};
use crate::record::{DeathCause, LimitScope, Owner, Record};
use crate::units::{Bytes, CgroupId, Pid, SimDuration};
use crate::workload::TermReaction;

impl Node {
    /// Whose limit the OOM killer enforced at `limit`, the cgroup that hit its limit.
    fn limit_scope(&self, limit: Option<CgroupId>, report: &OomReport) -> LimitScope {
        let Some(limit) = limit else { return LimitScope::Node };
        // A candidate's pod comes first: the cgroup is one of its levels. A pod without candidates has to be looked
        // for.
        let of_tasks = report.killed_tasks().chain(report.tasks.first()).filter_map(|task| {
            match self.programs[self.process_of(task.pid)? as usize].owner {
                ProcessOwner::Container(c) => Some(c.pod),
                ProcessOwner::Pause(pod) => Some(pod),
                ProcessOwner::Host(_) => None,
            }
        });
        self.owner_of(limit, of_tasks.chain(self.pods.live().iter().copied()))
    }

    pub(super) fn oom(&mut self, limit: Option<CgroupId>, report: Box<OomReport>) {
        let cause = match report.constraint {
            Constraint::None => DeathCause::GlobalOom,
            Constraint::Memcg => DeathCause::MemcgOom,
        };
        for task in report.killed_tasks() {
            let Some(p) = self.process_of(task.pid) else { continue };
            self.programs[p as usize].cause.get_or_insert(cause);
            if let (Some(c), DeathCause::MemcgOom) = (self.programs[p as usize].container(), cause) {
                self.container_mut(c).oom_seen = true;
            }
        }
        self.recorder.counts.oom_kills += report.killed.len() as u64;
        let panic = report.panic;
        let system_oom = self.kubelet.as_ref().and_then(|kubelet| kubelet.system_oom(&report));
        let owner = |task: &TaskRow| {
            let known = self.process_of(task.pid).map(|p| self.owner(&self.programs[p as usize].owner));
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

    pub(super) fn dying(&mut self, pid: Pid, status: ExitStatus, queue: &mut Scheduler<Event>) {
        let Some(p) = self.process_of(pid) else { return };
        if self.programs[p as usize].activity == Activity::Dying {
            return;
        }
        let settled = self.end_growth(p);
        let resident = self.memory.figures(&settled).process(pid).map_or(Bytes::ZERO, |k| k.rss().bytes());
        if status == ExitStatus::Signal(Signo::Hup) {
            self.programs[p as usize].cause.get_or_insert(DeathCause::SessionHangup);
        }
        self.programs[p as usize].activity = Activity::Dying;
        self.programs[p as usize].turn += 1;
        self.unblock(p);
        let exit = self.scenario.node.exit;
        let latency = exit.base + exit.per_gib.mul_ratio(resident.get(), 1 << 30);
        if latency == SimDuration::ZERO {
            self.exit_done(pid, queue);
        } else {
            queue.after(latency, Phase::Kernel, p, Event::ExitDone(pid));
        }
    }

    pub(in crate::node) fn exit_done(&mut self, pid: Pid, queue: &mut Scheduler<Event>) {
        let Some(p) = self.process_of(pid) else { return };
        self.programs.unbind(p);
        self.settle(queue);
        if matches!(self.programs[p as usize].owner, ProcessOwner::Host(_)) {
            // Its session may die with it.
            self.settle_others(queue);
        }
        let status = self.memory.finish_exit(self.now, pid);
        let proc = &self.programs[p as usize];
        let cause = proc.cause.unwrap_or(DeathCause::SelfExit);
        let (comm, of) = (proc.comm.clone(), proc.owner.clone());
        self.programs[p as usize].program = None;
        if !matches!(of, ProcessOwner::Pause(_)) {
            self.hang_up(&comm, queue);
            let owner = self.owner(&of);
            self.record(Record::ProcessExited { pid, comm, owner, status, cause });
        }
        self.drain_signals(queue);
        match of {
            ProcessOwner::Container(c) => self.container_process_gone(c, p, status, queue),
            ProcessOwner::Pause(pod) => self.pause_gone(pod, queue),
            ProcessOwner::Host(_) => {}
        }
        self.sample_now();
        if !matches!(of, ProcessOwner::Host(_)) {
            self.programs.ended(p);
        }
    }

    /// Sends a signal; a program that handles SIGTERM exits later.
    pub(in crate::node) fn send(&mut self, p: ProcIx, signal: Signo, cause: DeathCause, queue: &mut Scheduler<Event>) {
        if self.programs.get(p).is_none() {
            return; // The first process of a container without a PID namespace may be long gone.
        }
        self.settle_one(p, queue);
        let proc = &mut self.programs[p as usize];
        if proc.activity == Activity::Dying {
            return;
        }
        let (pid, term) = (proc.pid, proc.term);
        let before = proc.cause;
        proc.cause.get_or_insert(cause);
        match self.memory.kill(self.now, pid, signal) {
            Delivery::Handled => {
                if let TermReaction::Exits(delay) = term {
                    queue.after(delay, Phase::Kernel, p, Event::TermHandled(pid));
                }
            }
            Delivery::Ignored | Delivery::NoSuchProcess => self.programs[p as usize].cause = before,
            Delivery::Dying => {}
        }
        self.drain_signals(queue);
    }

    pub(in crate::node) fn term_handled(&mut self, pid: Pid, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        if let Some(p) = self.process_of(pid) {
            self.settle_one(p, queue);
        }
        self.memory.exit(self.now, pid, 128 + Signo::Term as i32);
        self.drain_signals(queue);
    }

    /// Kills what is left of a container or session at once.
    pub(in crate::node) fn kill_all(&mut self, procs: &[ProcIx], cause: DeathCause, queue: &mut Scheduler<Event>) {
        for &p in procs {
            self.send(p, Signo::Kill, cause, queue);
        }
    }

    /// The living process with that id.
    fn process_of(&self, pid: Pid) -> Option<ProcIx> {
        self.programs.at_slot(self.memory.slot(pid)?)
    }

    /// Living processes, by process id.
    pub(in crate::node) fn living(&self) -> impl Iterator<Item = ProcIx> {
        self.memory.pids().filter_map(|pid| self.process_of(pid))
    }

    /// The first living process of that name.
    pub(in crate::node) fn find_process(&self, comm: &str) -> Option<ProcIx> {
        self.living().find(|&p| {
            let proc = &self.programs[p as usize];
            &*proc.comm == comm || matches!(&proc.owner, ProcessOwner::Host(name) if &**name == comm)
        })
    }
}
