//! Driving programs: what a step means to the kernel, and what becomes of a process.

use super::{Activity, ProcessOwner};
use crate::engine::{Phase, Scheduler};
use crate::kernel::{FileAccess, Mapping, MemOp, MemOutcome, Until};
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::memory::VolumeScope;
use crate::node::state::Node;
use crate::node_api::{RefusedCall, Signal, Signo};
use crate::record::Record;
use crate::units::{Bytes, Pages, SimDuration};
use crate::workload::{CacheAccess, Growth, Step};

/// Steps that take no time which a program may make in one turn; then others have theirs.
const STEPS_PER_TURN: u32 = 1_000;

impl Node {
    pub(in crate::node) fn wake(&mut self, p: ProcIx, turn: u32, queue: &mut Scheduler<Event>) {
        if self.programs.get(p).is_none_or(|proc| proc.turn != turn) {
            return;
        }
        // What it asks for is granted or not by the memory that others hold now.
        self.settle(queue);
        let proc = &mut self.programs[p as usize];
        if proc.turn != turn {
            return;
        }
        match proc.activity {
            Activity::Asleep | Activity::Next => {
                proc.activity = Activity::Next;
                self.drive(p, queue);
            }
            Activity::Blocked { op, then } => {
                self.unblock(p);
                self.try_again(p, op, then, queue);
            }
            Activity::Growing(_) | Activity::Idle | Activity::Dying => {}
        }
    }

    pub(in crate::node) fn retry_blocked(&mut self, queue: &mut Scheduler<Event>) {
        self.programs.retry_scheduled = false;
        self.settle(queue);
        for p in std::mem::take(&mut self.programs.waiting) {
            if let Activity::Blocked { op, then } = self.programs[p as usize].activity {
                self.try_again(p, op, then, queue);
            }
        }
    }

    fn try_again(&mut self, p: ProcIx, op: MemOp, then: Option<Growth>, queue: &mut Scheduler<Event>) {
        self.programs[p as usize].activity = Activity::Next;
        self.memory.disturbed();
        if !self.apply(p, op, queue) {
            if let Activity::Blocked { then: rest, .. } = &mut self.programs[p as usize].activity {
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
    pub(in crate::node) fn drive(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        for _ in 0..STEPS_PER_TURN {
            let now = self.now;
            let proc = &mut self.programs[p as usize];
            if proc.activity != Activity::Next {
                return;
            }
            let Some(program) = proc.program.as_mut() else {
                proc.activity = Activity::Idle;
                return;
            };
            let step = program.next(now);
            self.step(p, step, queue);
        }
        self.sleep(p, SimDuration::from_nanos(1), queue);
    }

    fn step(&mut self, p: ProcIx, step: Step, queue: &mut Scheduler<Event>) {
        // Whatever it takes, others that grow will meet a limit earlier.
        self.memory.disturbed();
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
                let file = self.memory.file(self.volume_scope(p), &file, size);
                let op = match access {
                    CacheAccess::Read => MemOp::ReadFile { file, from, pages, how: FileAccess::Read },
                    CacheAccess::Mmap => MemOp::ReadFile { file, from, pages, how: FileAccess::Mmap },
                    CacheAccess::Write => MemOp::WriteFile { file, from, pages },
                };
                self.apply(p, op, queue);
            }
            Step::Tmpfs { volume, pages } => {
                let volume = self.memory.tmpfs(self.volume_scope(p), &volume);
                self.apply(p, MemOp::WriteTmpfs { volume, pages }, queue);
            }
            Step::Unlink(name) => {
                if self.memory.unlink(self.volume_scope(p), name) {
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
                let proc = &self.programs[p as usize];
                let (pid, comm, owner) = (proc.pid, proc.comm.clone(), self.owner(&proc.owner));
                self.record(Record::RuntimeOutOfMemory { pid, comm, owner, runtime, heap, limit, requested });
                self.memory.kill(self.now, pid, Signo::Segv);
                self.drain_signals(queue);
            }
            Step::Exit(code) => {
                self.memory.exit(self.now, self.programs[p as usize].pid, code);
                self.drain_signals(queue);
            }
            Step::Hold => self.programs[p as usize].activity = Activity::Idle,
        }
    }

    fn sleep(&mut self, p: ProcIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        if delay == SimDuration::ZERO {
            return;
        }
        let proc = &mut self.programs[p as usize];
        proc.activity = Activity::Asleep;
        proc.turn += 1;
        let turn = proc.turn;
        if self.now.saturating_add(delay) < crate::units::SimTime::MAX {
            queue.after(delay, Phase::Workload, p, Event::Wake { process: p, turn });
        }
    }

    /// Hands an operation to the kernel. True: done. False: the process is blocked, was refused (and idles from now
    /// on), or is dying.
    pub(in crate::node) fn apply(&mut self, p: ProcIx, op: MemOp, queue: &mut Scheduler<Event>) -> bool {
        let outcome = self.operate(p, op, queue);
        if self.memory.has_signals() {
            self.drain_signals(queue);
        }
        match outcome {
            MemOutcome::Done => return true,
            MemOutcome::Refused(_) => self.refused(p, RefusedCall::Mmap, op, queue),
            MemOutcome::Wait { remaining, until } => {
                self.block(p, op.with_pages(remaining));
                self.programs.waiting.push_back(p);
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
        self.interrupted();
        false
    }

    fn block(&mut self, p: ProcIx, op: MemOp) {
        let proc = &mut self.programs[p as usize];
        proc.activity = Activity::Blocked { op, then: None };
        proc.turn += 1;
    }

    pub(super) fn unblock(&mut self, p: ProcIx) {
        if let Some(place) = self.programs.waiting.iter().position(|&b| b == p) {
            self.programs.waiting.remove(place);
        }
    }

    fn wake_blocked_after(&mut self, p: ProcIx, delay: SimDuration, queue: &mut Scheduler<Event>) {
        let turn = self.programs[p as usize].turn;
        queue.after(delay.max(SimDuration::from_nanos(1)), Phase::Workload, p, Event::Wake { process: p, turn });
    }

    fn refused(&mut self, p: ProcIx, op: RefusedCall, what: MemOp, queue: &mut Scheduler<Event>) {
        // Committed_AS is that of all processes.
        let settled = self.settle_others(queue);
        let figures = self.memory.figures(&settled);
        let proc = &self.programs[p as usize];
        let requested = match what {
            MemOp::Map { size, .. } | MemOp::MakeWritable { size } => size,
            _ => figures.process(proc.pid).map_or(Bytes::ZERO, |k| k.accounted.bytes()),
        };
        let info = figures.mem_info();
        let record = Record::AllocationRefused {
            pid: proc.pid,
            comm: proc.comm.clone(),
            owner: self.owner(&proc.owner),
            op,
            requested,
            committed_as: info.committed_as,
            commit_limit: info.commit_limit,
        };
        self.recorder.counts.refusals += 1;
        self.record(record);
        self.programs[p as usize].activity = Activity::Idle;
    }

    /// The process calls fork: the child holds what the parent holds and idles. A refusal leaves the parent as it is.
    pub(in crate::node) fn fork(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        self.settle_others(queue);
        self.memory.changed();
        let pid = self.programs[p as usize].pid;
        let activity = self.programs[p as usize].activity;
        match self.memory.fork(self.now, pid) {
            Ok(child) => {
                let mut copy = self.programs[p as usize].clone();
                (copy.pid, copy.program, copy.activity, copy.turn) = (child, None, Activity::Idle, 0);
                copy.slot = self.memory.slot(child).unwrap_or(u32::MAX);
                let owner = self.owner(&copy.owner);
                let comm = copy.comm.clone();
                let ix = self.programs.len() as ProcIx;
                if let ProcessOwner::Container(c) = copy.owner {
                    self.container_mut(c).procs.push(ix);
                }
                self.programs.push(copy);
                self.record(Record::ProcessStarted { pid: child, comm, owner });
            }
            Err(_) => {
                self.refused(p, RefusedCall::Fork, MemOp::Touch { pages: Pages::ZERO }, queue);
                self.programs[p as usize].activity = activity;
            }
        }
        self.drain_signals(queue);
    }

    fn volume_scope(&self, p: ProcIx) -> VolumeScope {
        self.programs[p as usize].container().map_or(VolumeScope::Host, |c| VolumeScope::Pod(c.pod))
    }

    /// Routes what the kernel reports.
    pub(in crate::node) fn drain_signals(&mut self, queue: &mut Scheduler<Event>) {
        if !self.memory.has_signals() {
            self.memory.disturbed();
            return;
        }
        let mut signals = self.memory.take_signals();
        for signal in signals.drain(..) {
            match signal {
                Signal::Oom { limit, report } => self.oom(limit, report),
                Signal::Dying { pid, status, .. } => self.dying(pid, status, queue),
                Signal::MemoryFreed => {
                    if !self.programs.waiting.is_empty() && !self.programs.retry_scheduled {
                        self.programs.retry_scheduled = true;
                        queue.after(SimDuration::ZERO, Phase::Workload, 0, Event::Retry);
                    }
                }
            }
        }
        self.memory.recycle(signals);
        self.memory.disturbed();
    }
}
