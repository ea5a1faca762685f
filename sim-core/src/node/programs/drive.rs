//! Driving programs: what a step means to the kernel, and what becomes of a process.

use super::Activity;
use crate::engine::{Phase, RunsBehind};
use crate::kernel::{FileAccess, Lru, Mapping, MemOp, MemOutcome, Until};
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::machine::{Machine, Notice};
use crate::node::memory::{Scope, VolumeScope, Waits};
use crate::node::observe::Cx;
use crate::node_api::{ExitStatus, RefusedCall, Signal};
use crate::record::Record;
use crate::units::{Bytes, Pages, Pid, SimDuration, SimTime, VolumeId};
use crate::workload::{CacheAccess, Growth, Step};

/// Steps that take no time which a program may make in one turn; then others have theirs.
const STEPS_PER_TURN: u32 = 1_000;

/// Exit code of a process that ends because the one of the recording did: how that ended is not recorded, and after a
/// failure every restart policy but `Never` starts it again.
const RECORDED_RESTART_CODE: i32 = 1;

impl Machine {
    pub(in crate::node) fn wake(&mut self, p: ProcIx, turn: u32, cx: &mut Cx<'_>) {
        if self.programs.get(p).is_none_or(|proc| proc.turn != turn) {
            return;
        }
        // What it asks for is granted or not by the memory that others hold now.
        self.settle(cx);
        let proc = &mut self.programs[p as usize];
        if proc.turn != turn {
            return;
        }
        match proc.activity {
            Activity::Asleep | Activity::Next => {
                proc.activity = Activity::Next;
                self.drive(p, cx);
            }
            Activity::Blocked { op, then } => {
                self.unblock(p);
                self.try_again(p, op, then, cx);
            }
            Activity::AwaitsChildren => {
                let owner = self.programs[p as usize].owner;
                if self.living().all(|q| q == p || self.programs[q as usize].owner != owner) {
                    self.children_are_gone(p, cx);
                }
            }
            Activity::Growing(_) | Activity::Idle | Activity::Dying => {}
        }
    }

    pub(in crate::node) fn retry_blocked(&mut self, cx: &mut Cx<'_>) {
        self.programs.retry_scheduled = false;
        self.settle(cx);
        for p in std::mem::take(&mut self.programs.waiting) {
            if let Activity::Blocked { op, then } = self.programs[p as usize].activity {
                self.try_again(p, op, then, cx);
            }
        }
    }

    fn try_again(&mut self, p: ProcIx, op: MemOp, then: Option<Growth>, cx: &mut Cx<'_>) {
        self.programs[p as usize].activity = Activity::Next;
        self.waits_no_longer(p, cx);
        self.memory.disturbed();
        if !self.apply(p, op, cx) {
            if let Activity::Blocked { then: rest, .. } = &mut self.programs[p as usize].activity {
                *rest = then;
            }
            return;
        }
        match then {
            Some(growth) if growth.taken < growth.steps => self.begin_growth(p, growth.resumed(cx.now), cx.now),
            _ => self.drive(p, cx),
        }
    }

    /// Lets the program go on until it waits for something.
    pub(in crate::node) fn drive(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        for _ in 0..STEPS_PER_TURN {
            let now = cx.now;
            let proc = &mut self.programs[p as usize];
            if proc.activity != Activity::Next {
                return;
            }
            let Some(program) = proc.program.as_mut() else {
                proc.activity = Activity::Idle;
                return;
            };
            let step = program.next(now);
            self.step(p, step, cx);
        }
        self.sleep(p, SimDuration::from_nanos(1), cx);
    }

    fn step(&mut self, p: ProcIx, step: Step, cx: &mut Cx<'_>) {
        // Whatever it takes, others that grow will meet a limit earlier.
        self.memory.disturbed();
        match step {
            Step::Alloc { bytes, touched, rate } => self.allocate(p, (bytes, touched), rate, cx),
            Step::Map { bytes, flags } => {
                let mapping = Mapping { shared: flags.shared, noreserve: flags.no_reserve, writable: !flags.read_only };
                _ = self.apply(p, MemOp::Map { size: bytes, mapping }, cx);
            }
            Step::MakeWritable(size) => _ = self.apply(p, MemOp::MakeWritable { size }, cx),
            Step::HoldKernel(pages) => _ = self.apply(p, MemOp::HoldKernel { pages }, cx),
            Step::PageOut(pages) => _ = self.apply(p, MemOp::Pageout { pages }, cx),
            Step::Grow(growth) if growth.steps == 0 => {}
            Step::Grow(growth) => self.begin_growth(p, growth, cx.now),
            Step::Free { bytes, resident } => {
                self.apply(p, MemOp::Unmap { size: bytes, resident, mapping: Mapping::PRIVATE }, cx);
            }
            Step::File { file, size, from, pages, access } => {
                let file = self.memory.file(self.volume_scope(p), &file, size);
                let op = match access {
                    CacheAccess::Read => MemOp::ReadFile { file, from, pages, how: FileAccess::Read },
                    CacheAccess::Mmap => MemOp::ReadFile { file, from, pages, how: FileAccess::Mmap },
                    CacheAccess::Write => MemOp::WriteFile { file, from, pages },
                };
                self.apply(p, op, cx);
            }
            Step::ActiveFile { file, size, from, pages } => {
                let file = self.memory.file(self.volume_scope(p), &file, size);
                self.read_active(p, file, from, pages, cx);
            }
            Step::Tmpfs { volume, pages } => {
                let scope = self.volume_scope(p);
                let noswap = scope != VolumeScope::Host && self.kubelet.tmpfs_noswap;
                let volume = self.memory.tmpfs(scope, &volume, noswap);
                self.apply(p, MemOp::WriteTmpfs { volume, pages }, cx);
            }
            Step::Unlink(name) => {
                if self.memory.unlink(self.volume_scope(p), name) {
                    self.drain_signals(cx);
                }
            }
            Step::Mlock(pages) => _ = self.apply(p, MemOp::Mlock { pages }, cx),
            Step::Fork => self.fork(p, cx),
            Step::WaitChildren => {
                let proc = &mut self.programs[p as usize];
                proc.activity = Activity::AwaitsChildren;
                proc.turn += 1;
                // Those that start with it have started then.
                self.wake_blocked_after(p, SimDuration::ZERO, cx);
            }
            Step::Sleep(delay) => self.sleep(p, delay, cx),
            Step::SleepUntil(at) => self.sleep(p, at.since(cx.now), cx),
            Step::RuntimeOutOfMemory { runtime, heap, limit, requested, then } => {
                let proc = &self.programs[p as usize];
                let (pid, comm, owner) = (proc.pid, proc.comm.clone(), proc.shown.clone());
                cx.record(Record::RuntimeOutOfMemory { pid, comm, owner, runtime, heap, limit, requested });
                if let Some(how) = then {
                    self.ends(pid, how, cx);
                }
            }
            Step::RecordedGap { until } => self.recorded_gap(p, until, cx),
            Step::RecordedRestart => self.recorded_restart(p, cx),
            Step::Exit(code) => {
                self.memory.exit(cx.now, self.programs[p as usize].pid, code);
                self.drain_signals(cx);
            }
            Step::Hold => self.programs[p as usize].activity = Activity::Idle,
        }
    }

    /// The recording that a process follows has nothing from here on.
    fn recorded_gap(&mut self, p: ProcIx, until: Option<SimTime>, cx: &mut Cx<'_>) {
        let proc = &self.programs[p as usize];
        let (pid, comm, owner) = (proc.pid, proc.comm.clone(), proc.shown.clone());
        cx.record(Record::RecordedGap { pid, comm, owner, until });
    }

    /// The recording that a process follows restarts here: it ends.
    fn recorded_restart(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        let proc = &self.programs[p as usize];
        let (pid, comm, owner) = (proc.pid, proc.comm.clone(), proc.shown.clone());
        cx.record(Record::RecordedRestart { pid, comm, owner });
        self.ends(pid, ExitStatus::Code(RECORDED_RESTART_CODE), cx);
    }

    /// Reads pages so that they count as active: reading twice makes pages active with the classic LRU, a mapping's
    /// faults do with MGLRU.
    pub(in crate::node) fn read_active(
        &mut self,
        p: ProcIx,
        file: VolumeId,
        from: Pages,
        pages: Pages,
        cx: &mut Cx<'_>,
    ) {
        let young = self.memory.lru() == Lru::Mglru;
        let how = if young { FileAccess::Mmap } else { FileAccess::Read };
        let op = MemOp::ReadFile { file, from, pages, how };
        if self.apply(p, op, cx) && !young {
            self.apply(p, op, cx);
        }
    }

    /// Maps memory and touches a part of it, at once or at a rate.
    fn allocate(&mut self, p: ProcIx, (bytes, touched): (Bytes, Pages), rate: Option<Bytes>, cx: &mut Cx<'_>) {
        cx.log.counts.allocations += 1;
        if bytes > Bytes::ZERO && !self.apply(p, MemOp::Map { size: bytes, mapping: Mapping::PRIVATE }, cx)
            || touched.is_zero()
        {
            return;
        }
        match rate {
            None => {
                self.apply(p, MemOp::Touch { pages: touched }, cx);
            }
            Some(rate) => {
                let mut growth = Growth::linear(cx.now, rate, Some(touched));
                growth.block = Bytes::ZERO;
                self.begin_growth(p, growth, cx.now);
            }
        }
    }

    /// A process ends by its own doing, as one whose allocation was refused.
    fn ends(&mut self, pid: Pid, how: ExitStatus, cx: &mut Cx<'_>) {
        match how {
            ExitStatus::Code(code) => self.memory.exit(cx.now, pid, code),
            ExitStatus::Signal(signal) => _ = self.memory.kill(cx.now, pid, signal),
        }
        self.drain_signals(cx);
    }

    fn sleep(&mut self, p: ProcIx, delay: SimDuration, cx: &mut Cx<'_>) {
        if delay == SimDuration::ZERO {
            return;
        }
        let proc = &mut self.programs[p as usize];
        proc.activity = Activity::Asleep;
        proc.turn += 1;
        let turn = proc.turn;
        if cx.now.saturating_add(delay) < SimTime::MAX {
            cx.queue.after(delay, Phase::Workload, p, Event::Wake { process: p, turn });
        }
    }

    /// Hands an operation to the kernel. True: done. False: the process is blocked, was refused (and idles from now
    /// on), or is dying.
    pub(in crate::node) fn apply(&mut self, p: ProcIx, op: MemOp, cx: &mut Cx<'_>) -> bool {
        let outcome = self.operate(p, op, cx);
        if self.memory.has_signals() {
            self.drain_signals(cx);
        }
        match outcome {
            MemOutcome::Done => return true,
            MemOutcome::Refused(_) => self.refused(p, RefusedCall::Mmap, op, cx),
            MemOutcome::Wait { remaining, until } => {
                self.block(p, op.with_pages(remaining));
                self.programs.waiting.push_back(p);
                if let Until::Thrashing(_) = until {
                    self.begins_to_wait(p, Waits::Thrashing, cx);
                }
                if let Until::After(delay) | Until::Thrashing(Some(delay)) = until {
                    self.wake_blocked_after(p, delay, cx);
                }
            }
            MemOutcome::Throttled { remaining, delay } => {
                self.block(p, op.with_pages(remaining));
                self.begins_to_wait(p, Waits::Throughout, cx);
                self.wake_blocked_after(p, delay, cx);
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

    fn wake_blocked_after(&mut self, p: ProcIx, delay: SimDuration, cx: &mut Cx<'_>) {
        let turn = self.programs[p as usize].turn;
        cx.queue.after(delay.max(SimDuration::from_nanos(1)), Phase::Workload, p, Event::Wake { process: p, turn });
    }

    fn refused(&mut self, p: ProcIx, op: RefusedCall, what: MemOp, cx: &mut Cx<'_>) {
        // Committed_AS is that of all processes.
        let settled = self.settled(Scope::Others, cx);
        let proc = &settled.get().programs[p as usize];
        let requested = match what {
            MemOp::Map { size, .. } | MemOp::MakeWritable { size } => size,
            _ => settled.process(proc.pid).map_or(Bytes::ZERO, |k| k.accounted.bytes()),
        };
        let info = settled.mem_info();
        let record = Record::AllocationRefused {
            pid: proc.pid,
            comm: proc.comm.clone(),
            owner: proc.shown.clone(),
            op,
            requested,
            committed_as: info.committed_as,
            commit_limit: info.commit_limit,
        };
        cx.log.counts.refusals += 1;
        cx.record(record);
        let running = &mut self.programs[p as usize];
        running.activity = Activity::Idle;
        let ends = running.program.as_ref().and_then(|program| program.ends_when_refused());
        if let Some(how) = ends.filter(|_| op == RefusedCall::Mmap) {
            self.ends(self.programs[p as usize].pid, how, cx);
        }
    }

    /// The process calls fork: the child holds what the parent holds and idles. A refusal leaves the parent as it is.
    pub(in crate::node) fn fork(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        self.take_due(Scope::Others, cx);
        self.memory.changed();
        let pid = self.programs[p as usize].pid;
        let activity = self.programs[p as usize].activity;
        match self.memory.fork(cx.now, pid) {
            Ok(child) => {
                let mut copy = self.programs[p as usize].clone();
                (copy.pid, copy.program, copy.activity, copy.turn) = (child, None, Activity::Idle, 0);
                (copy.waits, copy.owes, copy.replaceable) = (None, SimDuration::ZERO, false);
                copy.slot = self.memory.slot(child).unwrap_or(u32::MAX);
                let (owner, comm) = (copy.shown.clone(), copy.comm.clone());
                if let Some(container) = copy.container() {
                    self.notices.push_back(Notice::Forked { container, child: self.programs.len() as ProcIx });
                }
                self.programs.push(copy);
                cx.record(Record::ProcessStarted { pid: child, comm, owner });
            }
            Err(_) => {
                self.refused(p, RefusedCall::Fork, MemOp::Touch { pages: Pages::ZERO }, cx);
                self.programs[p as usize].activity = activity;
            }
        }
        self.drain_signals(cx);
    }

    fn volume_scope(&self, p: ProcIx) -> VolumeScope {
        self.programs[p as usize].container().map_or(VolumeScope::Host, |c| VolumeScope::Pod(c.pod))
    }

    /// Routes what the kernel reports.
    pub(in crate::node) fn drain_signals(&mut self, cx: &mut Cx<'_>) {
        if !self.memory.has_signals() {
            self.memory.disturbed();
            return;
        }
        let mut signals = self.memory.take_signals();
        for signal in signals.drain(..) {
            match signal {
                Signal::Oom { limit, report } => self.oom(limit, report, cx),
                Signal::Dying { pid, status, .. } => self.dying(pid, status, cx),
                Signal::MemoryFreed => {
                    if !self.programs.waiting.is_empty() && !self.programs.retry_scheduled {
                        self.programs.retry_scheduled = true;
                        cx.queue.after(SimDuration::ZERO, Phase::Workload, 0, Event::Retry);
                    }
                }
            }
        }
        self.memory.recycle(signals);
        self.memory.disturbed();
    }
}
