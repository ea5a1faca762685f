//! Growth in closed form. Between events nobody looks, so growing programs are not stepped: their steps are taken
//! when somebody looks (`settle`), and no later than when a limit, a threshold of the kernel or the end of a growth
//! can be met (`GrowthCheck`), which is computed.

use super::Event;
use super::ahead::Ahead;
use super::state::{Doing, Proc, ProcIx, World};
use crate::engine::{Phase, Scheduler};
use crate::kernel::{Mapping, MemOp};
use crate::units::{Pages, SimDuration, SimTime};
use crate::workload::{Growth, Rhythm};

/// The processes that grow, in order, and the next instant at which that matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Growing {
    pub processes: Vec<ProcIx>,
    /// Sums per cgroup, indexed like cgroups; reused between calls.
    sums: Vec<Sum>,
    /// True when something other than growth itself happened since the last check was computed.
    pub dirty: bool,
    pub turn: u64,
    settled_at: SimTime,
    /// Every step is an event of its own, as if nothing were known beforehand.
    pub stepwise: bool,
    /// Something has grown with pauses that are drawn.
    random: bool,
    /// Processes that are left alone.
    pub ahead: Ahead,
}

/// Upper bound of what grows below one cgroup.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    processes: u32,
    /// One step of each.
    slack: u64,
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

impl World {
    /// Lets a process grow from now on.
    pub(super) fn begin_growth(&mut self, p: ProcIx, growth: Growth) {
        self.growing.random |= matches!(growth.rhythm, Rhythm::Jittered { .. });
        self.procs[p as usize].doing = Doing::Growing(growth);
        if let Err(place) = self.growing.processes.binary_search(&p) {
            self.growing.processes.insert(place, p);
        }
        match self.growing.ahead.on {
            true => self.join_levels(p),
            false => self.growing.dirty = true,
        }
    }

    /// The process does something else from now on.
    pub(super) fn end_growth(&mut self, p: ProcIx) {
        if let Ok(place) = self.growing.processes.binary_search(&p) {
            self.growing.processes.remove(place);
            match self.growing.ahead.on {
                true => self.leave_levels(p),
                false => self.growing.dirty = true,
            }
        }
    }

    /// Takes all steps that are due now and that anybody could notice.
    pub(super) fn settle(&mut self, queue: &mut Scheduler<Event>) {
        match self.growing.ahead.on {
            true => self.meet(queue),
            false => self.settle_in_order(queue),
        }
    }

    /// Takes all steps that are due now, by time and index as far as it matters.
    pub(super) fn settle_in_order(&mut self, queue: &mut Scheduler<Event>) {
        if self.growing.processes.is_empty() || self.growing.settled_at == self.now && !self.growing.dirty {
            return;
        }
        self.growing.settled_at = self.now;
        // First what was due before this instant, which nothing stands in the way of; then the steps of this instant,
        // each of which may meet a limit and has to find everything else as it is.
        let before = SimTime::from_nanos(self.now.as_nanos().saturating_sub(1));
        self.settle_until(before, queue);
        self.settle_until(self.now, queue);
    }

    pub(super) fn settle_until(&mut self, until: SimTime, queue: &mut Scheduler<Event>) {
        let mut i = 0;
        while let Some(&p) = self.growing.processes.get(i) {
            self.catch_up(p, until, queue);
            // The process may have left the list; then the next one stands in its place.
            i = match self.growing.processes.binary_search(&p) {
                Ok(place) => place + 1,
                Err(place) => place,
            };
        }
    }

    /// Takes `n` steps that are due.
    pub(super) fn take_steps(&mut self, p: ProcIx, n: u64, queue: &mut Scheduler<Event>) {
        let proc = &mut self.procs[p as usize];
        let Doing::Growing(growth) = &mut proc.doing else { return };
        let (size, maps) = growth.mapped_by(n);
        growth.taken += n;
        self.recorder.counts.allocations += n;
        if self.growing.ahead.on && self.kernel.grow(proc.slot, proc.pid, size, maps, growth.touched * n) {
            if growth.taken == growth.steps {
                self.grown(p, queue);
            }
            return;
        }
        let growth = *growth;
        for _ in 0..maps {
            if !self.apply(p, MemOp::Map { size, mapping: Mapping::PRIVATE }, queue) {
                self.end_growth(p);
                return;
            }
        }
        if growth.touched > Pages::ZERO && !self.apply(p, MemOp::Touch { pages: growth.touched * n }, queue) {
            self.end_growth(p);
            if let Doing::Blocked { then, .. } = &mut self.procs[p as usize].doing {
                *then = Some(growth);
            }
            return;
        }
        if growth.taken == growth.steps {
            self.grown(p, queue);
        } else if self.growing.ahead.on {
            self.set_deadline(p);
        }
    }

    /// The last step has been taken: the program goes on.
    fn grown(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        self.end_growth(p);
        self.procs[p as usize].doing = Doing::Next;
        self.drive(p, queue);
    }

    pub(super) fn growth_check(&mut self, turn: u64, queue: &mut Scheduler<Event>) {
        if turn == self.growing.turn {
            self.growing.dirty |= !self.growing.ahead.on;
            self.growing.ahead.checked();
            self.settle(queue);
        }
    }

    /// Computes and schedules the next instant at which growth may meet something.
    pub(super) fn schedule_growth(&mut self, queue: &mut Scheduler<Event>) {
        if self.look_ahead(queue) || !self.growing.dirty {
            return;
        }
        self.settle(queue);
        self.growing.dirty = false;
        self.growing.turn += 1;
        if let Some(at) = self.next_meeting() {
            let turn = self.growing.turn;
            let delay = at.since(self.now);
            queue.after(delay, Phase::Workload, 0, Event::GrowthCheck { turn });
        }
    }

    /// A conservative bound on the next instant at which a step may meet a limit at any level, or is the last of its
    /// growth; exact where only one process grows below the level that matters.
    fn next_meeting(&mut self) -> Option<SimTime> {
        let mut sums = std::mem::take(&mut self.growing.sums);
        let mut earliest: Option<SimTime> = None;
        let mut consider = |at: Option<SimTime>| earliest = [earliest, at].into_iter().flatten().min();
        // What all of them ask the kernel to promise, where promises are limited.
        let promises = self.kernel.grant_room();
        let mut promised = Sum { processes: 2, next: SimTime::MAX, ..Sum::default() };
        for &p in &self.growing.processes {
            let proc = &self.procs[p as usize];
            let Doing::Growing(g) = &proc.doing else { continue };
            let Some(next) = g.next_at() else { continue };
            consider(if self.growing.stepwise { Some(next) } else { g.time_of(g.steps) });
            let step = g.block.to_pages_ceil().max(g.touched);
            promised.slack += step.get();
            promised.rate = promised.rate.saturating_add(rate(g, step));
            promised.next = promised.next.min(next);
            for level in self.kernel.upwards(proc.cgroup) {
                if sums.len() <= level.index() {
                    sums.resize(level.index() + 1, Sum::default());
                }
                let sum = &mut sums[level.index()];
                sum.next = if sum.processes == 0 { next } else { sum.next.min(next) };
                sum.processes += 1;
                sum.slack += g.touched.get();
                sum.rate = sum.rate.saturating_add(rate(g, g.touched));
                sum.only = p;
            }
        }
        for &p in &self.growing.processes {
            for level in self.kernel.upwards(self.procs[p as usize].cgroup) {
                let sum = std::mem::take(&mut sums[level.index()]);
                if sum.processes > 0 && sum.slack > 0 {
                    let room = safe(self.kernel.headroom(level));
                    consider(self.meeting(&sum, room));
                }
            }
        }
        self.growing.sums = sums;
        if let Some(room) = promises.filter(|_| promised.slack > 0) {
            consider(self.meeting(&promised, safe(room)));
        }
        earliest
    }

    /// When what `sum` bounds may exceed `room` pages.
    fn meeting(&self, sum: &Sum, room: u64) -> Option<SimTime> {
        if sum.processes == 1
            && let Doing::Growing(g) = &self.procs[sum.only as usize].doing
        {
            return g.time_of((g.taken + room / g.touched.get().max(1)).saturating_add(1));
        }
        let Some(spare) = room.checked_sub(sum.slack).filter(|&s| s > 0) else { return Some(sum.next) };
        let ns = (u128::from(spare) << 32) / u128::from(sum.rate.max(1));
        let at = self.now.saturating_add(SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)));
        Some(at.max(sum.next)).filter(|&at| at < SimTime::MAX)
    }

    /// What each growing process has due at `now` but has not taken, for those who only look.
    #[inline]
    pub(super) fn each_due(&self, now: SimTime, mut look: impl FnMut(&Proc, Due)) {
        for &p in &self.growing.processes {
            let proc = &self.procs[p as usize];
            let Doing::Growing(g) = &proc.doing else { continue };
            let steps = match (&g.rhythm, &proc.program) {
                (Rhythm::Jittered { next, .. }, _) if *next > now => continue,
                (Rhythm::Jittered { .. }, Some(program)) => program.would_be_due(g, now),
                _ => g.due(now),
            };
            if steps > 0 {
                let anon = g.touched * steps;
                look(proc, Due { steps, anon, tables: self.kernel.tables_for(proc.slot, proc.pid, anon) });
            }
        }
    }

    /// True while some process grows with pauses that are drawn: whoever looks at what it has due has to draw them.
    pub(super) fn grows_at_random(&self) -> bool {
        self.growing.random && self.growing.processes.iter().any(|&p| self.procs[p as usize].grows_at_random())
    }
}

/// Growth that has not been taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    pub steps: u64,
    pub anon: Pages,
    /// Page tables for it.
    pub tables: Pages,
}

impl Growing {
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }
}
