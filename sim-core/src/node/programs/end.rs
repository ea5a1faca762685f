//! The end of processes: OOM kills, signals, exits.

use super::{Activity, ProcessOwner};
use crate::engine::{Phase, RunsBehind};
use crate::kernel::{CgroupVersion, Delivery, Mapping, MemOp};
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::kubelet::system_oom;
use crate::node::machine::{Machine, Notice};
use crate::node::memory::{Scope, Waits};
use crate::node::observe::Cx;
use crate::node::view::ProcessState;
use crate::node_api::{Constraint, ExitStatus, OomReport, Signo, TaskRow};
use crate::record::{DeathCause, LimitScope, Owner, Record};
use crate::units::{Bytes, CgroupId, Pid, SimDuration};
use crate::workload::TermReaction;

/// `RestartSec=` of a unit that says nothing (systemd.service(5)).
const UNIT_RESTARTS_AFTER: SimDuration = SimDuration::from_millis(100);

impl Machine {
    pub(super) fn oom(&mut self, limit: Option<CgroupId>, report: Box<OomReport>, cx: &mut Cx<'_>) {
        let cause = match report.constraint {
            Constraint::None => DeathCause::GlobalOom,
            Constraint::Memcg => DeathCause::MemcgOom,
        };
        // cgroup v2 counts a kill in the victim's cgroup, which need not be the one that was short of memory;
        // the runtime watches that count.
        let counted = cause == DeathCause::MemcgOom || self.scenario.node.kernel.cgroup == CgroupVersion::V2;
        for task in report.killed_tasks() {
            let Some(p) = self.process_of(task.pid) else { continue };
            let program = &mut self.programs[p as usize];
            program.cause.get_or_insert(cause);
            program.oom_counted |= counted;
        }
        cx.log.counts.oom_kills += report.killed.len() as u64;
        let panic = report.panic;
        let system_oom = system_oom(&report).filter(|_| self.oom_watcher);
        let owner = |task: &TaskRow| {
            let known = self.process_of(task.pid).map(|p| self.programs[p as usize].shown.clone());
            known.unwrap_or_else(|| Owner::Host(task.comm.clone()))
        };
        let killed_owners = report.killed_tasks().map(owner).collect();
        let limit = limit.map_or(LimitScope::Node, |cgroup| self.memory.scope_of(cgroup));
        cx.record(Record::OomKill { report, limit, killed_owners });
        if panic {
            self.panicked = true;
            cx.record(Record::KernelPanic { message: "System is deadlocked on memory".into() });
        }
        if let Some(record) = system_oom {
            cx.record(record);
        }
        self.sample_now(cx);
    }

    pub(super) fn dying(&mut self, pid: Pid, status: ExitStatus, cx: &mut Cx<'_>) {
        let Some(p) = self.process_of(pid) else { return };
        if self.programs[p as usize].activity == Activity::Dying {
            return;
        }
        let settled = self.settled(Scope::Ended(p), cx);
        let resident = settled.process(pid).map_or(Bytes::ZERO, |k| k.rss().bytes());
        if status == ExitStatus::Signal(Signo::Hup) {
            self.programs[p as usize].cause.get_or_insert(DeathCause::SessionHangup);
        }
        self.programs[p as usize].activity = Activity::Dying;
        self.programs[p as usize].turn += 1;
        self.unblock(p);
        self.waits_no_longer(p, cx);
        let exit = self.scenario.node.exit;
        let latency = exit.base + exit.per_gib.mul_ratio(resident.get(), 1 << 30);
        if latency == SimDuration::ZERO {
            self.exit_done(pid, cx);
        } else {
            cx.queue.after(latency, Phase::Kernel, p, Event::ExitDone(pid));
        }
    }

    pub(in crate::node) fn exit_done(&mut self, pid: Pid, cx: &mut Cx<'_>) {
        let Some(p) = self.process_of(pid) else { return };
        self.programs.unbind(p);
        self.settle(cx);
        if self.programs[p as usize].owner == ProcessOwner::Host {
            // Its session may die with it.
            self.take_due(Scope::Others, cx);
        }
        let status = self.memory.finish_exit(cx.now, pid);
        self.pressure_of_ended(p, cx);
        let program = &mut self.programs[p as usize];
        let ended = program.program.take();
        program.resume = ended.filter(|_| program.replaceable).and_then(|ended| ended.resume()).map(Box::new);
        let cause = program.cause.unwrap_or(DeathCause::SelfExit);
        let (comm, owner, shown) = (program.comm.clone(), program.owner, program.shown.clone());
        if owner == ProcessOwner::Host {
            self.host_restarts(p, cx);
        }
        if !matches!(owner, ProcessOwner::Pause(_)) {
            self.hang_up(&comm, cx);
            cx.record(Record::ProcessExited { pid, comm, owner: shown, status, cause });
        }
        self.drain_signals(cx);
        self.notices.push_back(Notice::Exited { process: p, owner, status });
    }

    /// A process has ended: host processes that were connected to it hang up.
    fn hang_up(&mut self, comm: &str, cx: &mut Cx<'_>) {
        for (n, plan) in self.scenario.hosts.iter().enumerate() {
            if let Some(peer) = plan.hangs_up_with.as_ref().filter(|peer| *peer.process == *comm) {
                cx.queue.after(peer.after, Phase::Workload, n as u32, Event::HangUp(n as u32));
            }
        }
    }

    /// A host process that its recording ends starts again, as its unit does.
    fn host_restarts(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        let Some(resume) = self.programs[p as usize].resume.take_if(|resume| resume.is_recorded()) else { return };
        let Some(n) = self.programs.hosts.iter().find_map(|(n, host)| (*host == p).then_some(*n)) else { return };
        self.programs.host_resumes.insert(n, resume);
        cx.queue.after(UNIT_RESTARTS_AFTER, Phase::Inject, n, Event::HostStarts(n));
    }

    pub(in crate::node) fn hangs_up(&mut self, n: u32, cx: &mut Cx<'_>) {
        let Some(p) = self.programs.hosts.remove(&n) else { return };
        self.take_due(Scope::Node, cx);
        self.memory.exit(cx.now, self.programs[p as usize].pid, 255);
        self.drain_signals(cx);
    }

    /// A process ends by itself, as its children have.
    pub(in crate::node) fn follows_children(&mut self, p: ProcIx, code: i32, cx: &mut Cx<'_>) {
        self.settle_one(p, cx);
        if self.programs[p as usize].activity != Activity::Dying {
            self.memory.exit(cx.now, self.programs[p as usize].pid, code);
            self.drain_signals(cx);
        }
    }

    /// The first process of a container is the only one left: if it has waited for that, it goes on.
    pub(in crate::node) fn children_are_gone(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        if self.programs[p as usize].activity == Activity::AwaitsChildren {
            self.programs[p as usize].activity = Activity::Next;
            self.drive(p, cx);
        }
    }

    /// Sends a signal; a program that handles SIGTERM exits later.
    pub(in crate::node) fn send(&mut self, p: ProcIx, signal: Signo, cause: DeathCause, cx: &mut Cx<'_>) {
        if self.programs.get(p).is_none() {
            return; // The first process of a container without a PID namespace may be long gone.
        }
        self.settle_one(p, cx);
        let proc = &mut self.programs[p as usize];
        if proc.activity == Activity::Dying {
            return;
        }
        // One that pushes out its text and reads it back does not get to its handler.
        let (pid, term, thrashes) = (proc.pid, proc.term, proc.waits == Some(Waits::Thrashing));
        let before = proc.cause;
        proc.cause.get_or_insert(cause);
        match self.memory.kill(cx.now, pid, signal) {
            Delivery::Handled => {
                if let TermReaction::Exits { after, .. } = term
                    && !thrashes
                {
                    cx.queue.after(after, Phase::Kernel, p, Event::TermHandled(pid));
                }
            }
            Delivery::Ignored | Delivery::NoSuchProcess => self.programs[p as usize].cause = before,
            Delivery::Dying => {}
        }
        self.drain_signals(cx);
    }

    pub(in crate::node) fn term_handled(&mut self, pid: Pid, cx: &mut Cx<'_>) {
        self.settle(cx);
        let Some(p) = self.process_of(pid) else { return };
        self.settle_one(p, cx);
        let code = match self.programs[p as usize].term {
            TermReaction::Exits { code, .. } => code,
            _ => TermReaction::TERMINATED,
        };
        self.memory.exit(cx.now, pid, i32::from(code));
        self.drain_signals(cx);
    }

    /// A process gives back this much memory and ends, well.
    pub(in crate::node) fn leaves(&mut self, p: ProcIx, holds: Bytes, cx: &mut Cx<'_>) {
        self.unblock(p);
        self.waits_no_longer(p, cx);
        let pages = holds.to_pages_ceil();
        let gives = MemOp::Unmap { size: pages.bytes(), resident: pages, mapping: Mapping::PRIVATE };
        self.apply(p, gives, cx);
        self.memory.exit(cx.now, self.programs[p as usize].pid, 0);
        self.drain_signals(cx);
    }

    /// Kills what is left of a container or session at once.
    pub(in crate::node) fn kill_all(&mut self, procs: &[ProcIx], cause: DeathCause, cx: &mut Cx<'_>) {
        for &p in procs {
            self.send(p, Signo::Kill, cause, cx);
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

    /// What a process is doing, as far as memory goes.
    pub(in crate::node) fn state_of(&self, p: ProcIx) -> ProcessState {
        match self.programs[p as usize].activity {
            Activity::Dying => ProcessState::Dying,
            // Who is throttled is woken by the clock alone; who waits in reclaim also by memory that comes free.
            Activity::Blocked { .. } if self.programs.waiting.contains(&p) => ProcessState::Reclaiming,
            Activity::Blocked { .. } => ProcessState::Throttled,
            Activity::Next | Activity::Asleep | Activity::Growing(_) | Activity::AwaitsChildren | Activity::Idle => {
                ProcessState::Running
            }
        }
    }

    /// The first living process of that name.
    pub(in crate::node) fn find_process(&self, comm: &str) -> Option<ProcIx> {
        self.living().find(|&p| {
            let proc = &self.programs[p as usize];
            &*proc.comm == comm || matches!(&proc.shown, Owner::Host(name) if &**name == comm)
        })
    }
}
