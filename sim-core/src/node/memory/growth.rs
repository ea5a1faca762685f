//! Growth in closed form. Between events nothing reads memory, so growing programs are not stepped: their steps are
//! taken when something does (`settle`), and no later than when a limit, a threshold of the kernel or the end of a
//! growth can be met (`GrowthCheck`), which is computed.

use super::lazy::LazyMode;
use crate::engine::Phase;
use crate::kernel::{Kernel, Mapping, MemOp};
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::machine::Machine;
use crate::node::observe::Cx;
use crate::node::programs::{Activity, ProgramTable, RunningProgram};
use crate::units::{Pages, SimDuration, SimTime};
use crate::workload::{Growth, Rhythm};

/// The processes that grow, in order, and the next instant at which that matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub processes: Vec<ProcIx>,
    /// Sums per cgroup, indexed like cgroups; reused between calls.
    sums: Vec<Sum>,
    /// True when something other than growth itself happened since the last check was computed.
    stale: bool,
    pub turn: u64,
    settled_at: SimTime,
    /// Every step is an event of its own, as if nothing were known beforehand.
    pub stepwise: bool,
    /// Something has grown with pauses that are drawn.
    random: bool,
    /// Processes that are left alone.
    pub lazy: LazyMode,
}

/// Upper bound of what grows below one cgroup.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    processes: u32,
    /// One step of each.
    one_step: u64,
    /// Pages per 2^32 ns, rounded up.
    rate: u64,
    /// The earliest next step.
    next: SimTime,
    /// The only process, if there is one.
    only: ProcIx,
}

/// Pages that can be touched within `room` pages of charge: page tables take one page in 512, and a few at the
/// beginning of a new region.
fn safe(room: Pages) -> u64 {
    room.get().saturating_sub(4 + room.get() / 256)
}

/// Steps of `pages` each, in pages per 2^32 ns, rounded up.
pub(super) fn rate(g: &Growth, pages: Pages) -> u64 {
    let scaled = match g.rhythm {
        Rhythm::Linear { rate } => (u128::from(rate.get()) << 32).div_ceil(4096 * 1_000_000_000),
        Rhythm::Blocks { every: least, .. } | Rhythm::Jittered { least, .. } => {
            (u128::from(pages.get()) << 32).div_ceil(u128::from(least.as_nanos().max(1)))
        }
    };
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

impl Machine {
    /// Lets a process grow from now on.
    pub(in crate::node) fn begin_growth(&mut self, p: ProcIx, growth: Growth, now: SimTime) {
        self.memory.growth.random |= matches!(growth.rhythm, Rhythm::Jittered { .. });
        self.programs[p as usize].activity = Activity::Growing(growth);
        if let Err(place) = self.memory.growth.processes.binary_search(&p) {
            self.memory.growth.processes.insert(place, p);
        }
        match self.memory.growth.lazy.on {
            true => self.join_bounds(p, now),
            false => self.memory.growth.invalidate(),
        }
    }

    /// The process does something else from now on.
    pub(in crate::node) fn end_growth(&mut self, p: ProcIx) {
        if let Ok(place) = self.memory.growth.processes.binary_search(&p) {
            self.memory.growth.processes.remove(place);
            match self.memory.growth.lazy.on {
                true => self.leave_bounds(p),
                false => self.memory.growth.invalidate(),
            }
        }
    }

    /// Takes all steps that are due now and that may meet a limit.
    pub(in crate::node) fn settle(&mut self, cx: &mut Cx<'_>) {
        match self.memory.growth.lazy.on {
            true => self.settle_at_limit(cx),
            false => self.settle_in_order(cx),
        }
    }

    /// Takes all steps that are due now, by time and index as far as it matters.
    pub(super) fn settle_in_order(&mut self, cx: &mut Cx<'_>) {
        if self.memory.growth.processes.is_empty()
            || self.memory.growth.settled_at == cx.now && !self.memory.growth.is_stale()
        {
            return;
        }
        self.memory.growth.settled_at = cx.now;
        // First what was due before this instant, which nothing stands in the way of; then the steps of this instant,
        // each of which may meet a limit and has to find everything else as it is.
        let before = SimTime::from_nanos(cx.now.as_nanos().saturating_sub(1));
        self.settle_until(before, cx);
        self.settle_until(cx.now, cx);
    }

    pub(super) fn settle_until(&mut self, until: SimTime, cx: &mut Cx<'_>) {
        let mut i = 0;
        while let Some(&p) = self.memory.growth.processes.get(i) {
            self.catch_up(p, until, cx);
            // The process may have left the list; then the next one stands in its place.
            i = match self.memory.growth.processes.binary_search(&p) {
                Ok(place) => place + 1,
                Err(place) => place,
            };
        }
    }

    /// Takes `n` steps that are due.
    pub(super) fn take_steps(&mut self, p: ProcIx, n: u64, cx: &mut Cx<'_>) {
        let proc = &mut self.programs[p as usize];
        let Activity::Growing(growth) = &mut proc.activity else { return };
        let (size, maps) = growth.mapped_by(n);
        growth.taken += n;
        cx.log.counts.allocations += n;
        if self.memory.growth.lazy.on && self.memory.kernel.grow(proc.slot, proc.pid, size, maps, growth.touched * n) {
            if growth.taken == growth.steps {
                self.grown(p, cx);
            }
            return;
        }
        let growth = *growth;
        for _ in 0..maps {
            if !self.apply(p, MemOp::Map { size, mapping: Mapping::PRIVATE }, cx) {
                self.end_growth(p);
                return;
            }
        }
        if growth.touched > Pages::ZERO && !self.apply(p, MemOp::Touch { pages: growth.touched * n }, cx) {
            self.end_growth(p);
            if let Activity::Blocked { then, .. } = &mut self.programs[p as usize].activity {
                *then = Some(growth);
            }
            return;
        }
        if growth.taken == growth.steps {
            self.grown(p, cx);
        } else if self.memory.growth.lazy.on {
            self.set_deadline(p);
        }
    }

    /// The last step has been taken: the program goes on.
    fn grown(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        self.end_growth(p);
        self.programs[p as usize].activity = Activity::Next;
        self.drive(p, cx);
    }

    pub(in crate::node) fn growth_check(&mut self, turn: u64, cx: &mut Cx<'_>) {
        if turn == self.memory.growth.turn {
            self.memory.growth.interrupted();
            self.memory.growth.lazy.checked();
            self.settle(cx);
        }
    }

    /// Computes and schedules the next instant at which growth may meet something.
    #[inline]
    pub(in crate::node) fn schedule_growth(&mut self, cx: &mut Cx<'_>) {
        if self.look_ahead(cx) || !self.memory.growth.is_stale() {
            return;
        }
        self.settle(cx);
        self.memory.growth.computed();
        self.memory.growth.turn += 1;
        if let Some(at) = self.next_meeting(cx.now) {
            let turn = self.memory.growth.turn;
            let delay = at.since(cx.now);
            cx.queue.after(delay, Phase::Workload, 0, Event::GrowthCheck { turn });
        }
    }

    /// A conservative bound on the next instant at which a step may meet a limit at any level, or is the last of its
    /// growth; exact where only one process grows below the level that matters.
    fn next_meeting(&mut self, now: SimTime) -> Option<SimTime> {
        let mut sums = std::mem::take(&mut self.memory.growth.sums);
        let mut earliest: Option<SimTime> = None;
        let mut consider = |at: Option<SimTime>| earliest = [earliest, at].into_iter().flatten().min();
        // What all of them ask the kernel to promise, where promises are limited.
        let promises = self.memory.kernel.grant_room();
        let mut promised = Sum { processes: 2, next: SimTime::MAX, ..Sum::default() };
        for &p in &self.memory.growth.processes {
            let proc = &self.programs[p as usize];
            let Activity::Growing(g) = &proc.activity else { continue };
            let Some(next) = g.next_at() else { continue };
            consider(if self.memory.growth.stepwise { Some(next) } else { g.time_of(g.steps) });
            let step = g.block.to_pages_ceil().max(g.touched);
            promised.one_step += step.get();
            promised.rate = promised.rate.saturating_add(rate(g, step));
            promised.next = promised.next.min(next);
            for level in self.memory.kernel.upwards(proc.cgroup) {
                if sums.len() <= level.index() {
                    sums.resize(level.index() + 1, Sum::default());
                }
                let sum = &mut sums[level.index()];
                sum.next = if sum.processes == 0 { next } else { sum.next.min(next) };
                sum.processes += 1;
                sum.one_step += g.touched.get();
                sum.rate = sum.rate.saturating_add(rate(g, g.touched));
                sum.only = p;
            }
        }
        for &p in &self.memory.growth.processes {
            for level in self.memory.kernel.upwards(self.programs[p as usize].cgroup) {
                let sum = std::mem::take(&mut sums[level.index()]);
                if sum.processes > 0 && sum.one_step > 0 {
                    let room = safe(self.memory.kernel.headroom(level));
                    consider(self.meeting(&sum, room, now));
                }
            }
        }
        self.memory.growth.sums = sums;
        if let Some(room) = promises.filter(|_| promised.one_step > 0) {
            consider(self.meeting(&promised, safe(room), now));
        }
        earliest
    }

    /// When what `sum` bounds may exceed `room` pages.
    fn meeting(&self, sum: &Sum, room: u64, now: SimTime) -> Option<SimTime> {
        if sum.processes == 1
            && let Activity::Growing(g) = &self.programs[sum.only as usize].activity
        {
            return g.time_of((g.taken + room / g.touched.get().max(1)).saturating_add(1));
        }
        let Some(spare) = room.checked_sub(sum.one_step).filter(|&s| s > 0) else { return Some(sum.next) };
        let ns = (u128::from(spare) << 32) / u128::from(sum.rate.max(1));
        let at = now.saturating_add(SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)));
        Some(at.max(sum.next)).filter(|&at| at < SimTime::MAX)
    }

    /// True while some process grows with pauses that are drawn: looking at what it has due draws them.
    pub(in crate::node) fn grows_at_random(&self) -> bool {
        self.memory.growth.random
            && self.memory.growth.processes.iter().any(|&p| self.programs[p as usize].grows_at_random())
    }
}

/// Growth that has not been taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    pub steps: u64,
    pub anon: Pages,
    /// Page tables for it.
    pub tables: Pages,
}

impl Ledger {
    /// What each growing process has due at `now` but has not taken, for those who only look.
    #[inline]
    pub fn each_due(
        &self,
        kernel: &Kernel,
        programs: &ProgramTable,
        now: SimTime,
        mut look: impl FnMut(&RunningProgram, Pending),
    ) {
        for &p in &self.processes {
            let proc = &programs[p as usize];
            let Activity::Growing(g) = &proc.activity else { continue };
            let steps = match (&g.rhythm, &proc.program) {
                (Rhythm::Jittered { next, .. }, _) if *next > now => continue,
                (Rhythm::Jittered { .. }, Some(program)) => program.would_be_due(g, now),
                _ => g.due(now),
            };
            if steps > 0 {
                let anon = g.touched * steps;
                look(proc, Pending { steps, anon, tables: kernel.tables_for(proc.slot, proc.pid, anon) });
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// True while what was computed for growth may no longer hold.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Something other than growth happens. Where growth is left alone, the sums know of it.
    pub fn disturbed(&mut self) {
        self.set_stale(self.stale || !self.lazy.on && !self.is_empty());
    }

    /// An operation was not completed, or the check that was computed has come.
    pub fn interrupted(&mut self) {
        self.set_stale(self.stale || !self.lazy.on);
    }

    /// Nothing that was computed holds.
    pub fn invalidate(&mut self) {
        self.set_stale(true);
    }

    /// Everything is to be settled, if anything grows.
    pub fn begin_again(&mut self) {
        self.set_stale(!self.is_empty());
    }

    /// What is known of growth has been computed anew.
    pub fn computed(&mut self) {
        self.set_stale(false);
    }

    fn set_stale(&mut self, stale: bool) {
        self.stale = stale;
    }
}
