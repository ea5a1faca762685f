//! Growing processes on their own. While nothing on the node waits for memory, a process below its limits affects
//! no other: its steps are taken when its memory is read, or when it may meet something. Limits that it has to itself
//! give it a deadline of its own; limits that several growing processes share are watched by sums ([`CgroupBounds`]).
//!
//! The order of what happens is that of steps taken one by one: at one instant, processes act by index.

use super::ENDLESS;
use super::bounds::{CgroupBounds, Contribution};
use super::growth::rate;
use crate::engine::Phase;
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::machine::Machine;
use crate::node::observe::Cx;
use crate::node::programs::Activity;
use crate::units::{CgroupId, Pages, SimDuration, SimTime};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// What is known of growing processes while they are left alone.
#[derive(Clone, Debug, Default)]
pub(super) struct LazyMode {
    /// False: every event settles everything.
    pub on: bool,
    pub bounds: CgroupBounds,
    deadlines: BTreeSet<(SimTime, ProcIx)>,
    /// The process whose steps of this instant are being taken; those after it have theirs later.
    pub cursor: Option<ProcIx>,
    /// A check is scheduled for this instant.
    check_at: Option<SimTime>,
    /// Nothing is met before this instant, unless something other than growth changes memory.
    pub calm_until: SimTime,
}

impl LazyMode {
    /// The scheduled check has come.
    pub fn checked(&mut self) {
        self.check_at = None;
    }

    /// The first instant at which a process may meet a limit of its own, or end its growth.
    fn first_deadline(&self) -> SimTime {
        self.deadlines.first().map_or(SimTime::MAX, |deadline| deadline.0)
    }
}

impl Machine {
    /// True while growth that meets no limit affects nothing else.
    pub(super) fn is_quiescent(&self) -> bool {
        !self.memory.growth.stepwise
            && self.programs.waiting.is_empty()
            && self.memory.kernel.is_calm()
            && !self.kubelet.crawls
    }

    /// A growing process becomes part of the sums.
    pub(super) fn join_bounds(&mut self, p: ProcIx, now: SimTime) {
        let proc = &mut self.programs[p as usize];
        let Activity::Growing(g) = &proc.activity else { return };
        let before_next = g.next_at().map_or(now, |n| SimTime::from_nanos(n.as_nanos().saturating_sub(1)));
        let touched = g.touched.get();
        let steps = rate(g, g.touched);
        proc.contribution = Contribution {
            settled: now.min(before_next),
            rate: if touched == 0 { 0 } else { steps.saturating_add(steps / 256 + 1) },
            one_step: if touched == 0 { 0 } else { touched + touched / 256 + 2 },
            deadline: SimTime::MAX,
        };
        if touched > 0 {
            for level in self.memory.kernel.upwards(proc.cgroup) {
                self.memory.growth.lazy.bounds.join(level, p, &proc.contribution);
            }
        }
        self.set_deadline(p);
    }

    pub(super) fn leave_bounds(&mut self, p: ProcIx) {
        let proc = &mut self.programs[p as usize];
        self.memory.growth.lazy.deadlines.remove(&(proc.contribution.deadline, p));
        if proc.contribution.one_step == 0 {
            return;
        }
        let (share, mut at) = (proc.contribution, Some(proc.cgroup));
        while let Some(level) = at {
            if let Some(only) = self.memory.growth.lazy.bounds.leave(level, p, &share) {
                self.set_deadline(only);
            }
            at = self.memory.kernel.parent(level);
        }
    }

    /// Computes until when a process can be left alone, as far as it depends on no other process.
    pub(super) fn set_deadline(&mut self, p: ProcIx) {
        self.memory.growth.lazy.calm_until = SimTime::ZERO;
        let proc = &self.programs[p as usize];
        let Activity::Growing(g) = &proc.activity else { return };
        let mut at = g.time_of(g.steps);
        if g.block.to_pages_ceil() > self.memory.kernel.largest_request() {
            at = g.next_at();
        }
        if !g.touched.is_zero() {
            let alone =
                self.memory.kernel.upwards(proc.cgroup).filter(|&l| self.memory.growth.lazy.bounds.get(l).growers == 1);
            if let Some(room) = alone.map(|l| self.memory.kernel.room(l)).min() {
                let steps = self.memory.kernel.touchable(proc.slot, proc.pid, room) / g.touched.get();
                let meets = g.time_of(g.taken.saturating_add(steps).saturating_add(1));
                at = [at, meets].into_iter().flatten().min();
            }
        }
        let (old, new) = (proc.contribution.deadline, at.unwrap_or(SimTime::MAX));
        if old != new {
            self.memory.growth.lazy.deadlines.remove(&(old, p));
            if new < SimTime::MAX {
                self.memory.growth.lazy.deadlines.insert((new, p));
            }
            self.programs[p as usize].contribution.deadline = new;
        }
    }

    /// Takes a process's steps up to `until`.
    pub(super) fn catch_up(&mut self, p: ProcIx, until: SimTime, cx: &mut Cx<'_>) {
        let proc = &mut self.programs[p as usize];
        if !matches!(proc.activity, Activity::Growing(_)) {
            return;
        }
        let due = proc.due(until);
        if self.memory.growth.lazy.on && until > proc.contribution.settled {
            if proc.contribution.one_step > 0 {
                let passed = until.since(proc.contribution.settled).as_nanos();
                let more = u128::from(proc.contribution.rate) * u128::from(passed);
                for level in self.memory.kernel.upwards(proc.cgroup) {
                    if let Some(level) = self.memory.growth.lazy.bounds.get_mut(level) {
                        level.settled(more);
                    }
                }
            }
            proc.contribution.settled = until;
        }
        if due > 0 {
            self.take_steps(p, due, cx);
        }
    }

    /// Whether the growing processes below some shared limit may meet it at once.
    pub(super) fn near_shared(&self, now: SimTime) -> bool {
        !self.shared_hold_until(now.saturating_add(SimDuration::from_nanos(1)))
    }

    /// Whether no shared limit is met up to this instant, as long as nothing but growth changes memory.
    fn shared_hold_until(&self, at: SimTime) -> bool {
        let bounds = &self.memory.growth.lazy.bounds;
        bounds.shared.iter().all(|&l| {
            let room = self.memory.kernel.room(l);
            room >= ENDLESS || bounds.get(l).due(at) <= room.get()
        })
    }

    /// What is due and may meet something happens; all others are left alone.
    pub(super) fn settle_at_limit(&mut self, cx: &mut Cx<'_>) {
        if cx.now < self.memory.growth.lazy.calm_until {
            return;
        }
        if self.near_shared(cx.now) {
            // At first no process has acted at this instant; then each in turn, and those after it have not.
            let before = self.memory.growth.lazy.cursor.replace(0);
            self.settle_until(SimTime::from_nanos(cx.now.as_nanos().saturating_sub(1)), cx);
            let mut from = 0;
            while let Some(&p) =
                self.memory.growth.processes.get(self.memory.growth.processes.partition_point(|&q| q < from))
            {
                self.memory.growth.lazy.cursor = Some(p);
                self.catch_up(p, cx.now, cx);
                from = p + 1;
            }
            self.memory.growth.lazy.cursor = before;
            // Nothing that was due is left: every deadline lies ahead.
            let due = (SimTime::ZERO, 0)..=(cx.now, ProcIx::MAX);
            let over: Vec<ProcIx> = self.memory.growth.lazy.deadlines.range(due).map(|d| d.1).collect();
            over.into_iter().for_each(|p| self.set_deadline(p));
            return;
        }
        if self.memory.growth.lazy.first_deadline() > cx.now {
            return;
        }
        let due = (SimTime::ZERO, 0)..=(cx.now, ProcIx::MAX);
        let mut round = SmallVec::<[ProcIx; 16]>::new();
        for &(_, p) in self.memory.growth.lazy.deadlines.range(due) {
            round.push(p);
        }
        round.sort_unstable();
        for p in round {
            if !matches!(self.programs[p as usize].activity, Activity::Growing(_))
                || self.programs[p as usize].contribution.deadline > cx.now
            {
                continue;
            }
            let before = self.memory.growth.lazy.cursor.replace(p);
            self.catch_up(p, SimTime::from_nanos(cx.now.as_nanos().saturating_sub(1)), cx);
            self.catch_up(p, cx.now, cx);
            self.memory.growth.lazy.cursor = before;
            self.set_deadline(p);
        }
    }

    /// True when nothing that is due can meet anything: no deadline has come, and the sums say that there is room for
    /// all of it.
    pub(super) fn grows_plainly(&self, now: SimTime) -> bool {
        let lazy = &self.memory.growth.lazy;
        let met = lazy.first_deadline() <= now || self.near_shared(now);
        lazy.on && !met && lazy.cursor.is_none() && self.is_quiescent()
    }

    /// Before something other than growth charges `pages` to `cgroup`: if it may meet a limit, it has to find
    /// everything as it is.
    pub(super) fn reserve_for(&mut self, by: Option<ProcIx>, cgroup: CgroupId, pages: Pages, cx: &mut Cx<'_>) {
        if !self.memory.growth.lazy.on || self.memory.growth.processes.is_empty() || pages.is_zero() {
            return;
        }
        let want = pages.get().saturating_add(pages.get() / 256 + 4);
        let fits = self.memory.kernel.upwards(cgroup).all(|l| {
            let level = self.memory.growth.lazy.bounds.get(l);
            let alone = match level.growers {
                0 => true,
                1 => by.is_some_and(|p| level.indices == u64::from(p)),
                _ => false,
            };
            alone || level.due(cx.now).saturating_add(want) <= self.memory.kernel.room(l).get()
        });
        if !fits {
            self.catch_up_all(cx);
        }
    }

    /// True when this many pages and one more fit into a cgroup and all above it, whatever growing processes have due.
    pub(in crate::node) fn surely_fits(&self, cgroup: CgroupId, pages: Pages, now: SimTime) -> bool {
        let lazy = &self.memory.growth.lazy;
        let fits =
            |level| lazy.bounds.get(level).due(now).saturating_add(pages.get()) < self.memory.kernel.room(level).get();
        lazy.on && self.memory.kernel.upwards(cgroup).all(fits)
    }

    /// Something other than growth was charged to `cgroup`: the only grower in it, or in one above, will meet it
    /// earlier. `by` itself knows.
    pub(super) fn note_charge(&mut self, by: Option<ProcIx>, cgroup: CgroupId) {
        if !self.memory.growth.lazy.on {
            return;
        }
        let mut done = by;
        let mut at = Some(cgroup);
        while let Some(l) = at {
            at = self.memory.kernel.parent(l);
            let level = self.memory.growth.lazy.bounds.get(l);
            let only = (level.growers == 1).then_some(level.indices as ProcIx);
            if let Some(p) = only.filter(|_| only != done) {
                self.set_deadline(p);
                done = only;
            }
        }
    }

    /// After an event: whether processes can be left alone, and until when. True: the next check is scheduled.
    #[inline]
    pub(super) fn look_ahead(&mut self, cx: &mut Cx<'_>) -> bool {
        if !self.is_quiescent() {
            if self.memory.growth.lazy.on {
                self.memory.growth.lazy = LazyMode::default();
                self.memory.growth.invalidate();
            }
            return false;
        }
        if !self.memory.growth.lazy.on || self.memory.growth.is_stale() {
            self.memory.growth.begin_again();
            self.settle_in_order(cx);
            if !self.is_quiescent() {
                return self.look_ahead(cx);
            }
            self.begin_ahead(cx.now);
        } else if self.memory.growth.is_empty() || cx.now < self.memory.growth.lazy.calm_until {
            return true;
        } else {
            let lazy = &self.memory.growth.lazy;
            let first = lazy.first_deadline();
            let next = first.min(lazy.check_at.unwrap_or(SimTime::MAX));
            if next > cx.now && self.shared_hold_until(next) {
                self.check_at(first, cx);
                self.memory.growth.lazy.calm_until = next;
                return true;
            }
            if first <= cx.now || self.near_shared(cx.now) {
                self.settle_at_limit(cx);
                if !self.is_quiescent() {
                    return self.look_ahead(cx);
                }
            }
        }
        let lazy = &self.memory.growth.lazy;
        let known = lazy.check_at.unwrap_or(SimTime::MAX);
        let mut at = lazy.first_deadline();
        for &l in &lazy.bounds.shared {
            let room = self.memory.kernel.room(l).get();
            let level = lazy.bounds.get(l);
            if room < ENDLESS.get() && level.due(known.min(at)) > room {
                let until = level.until(room);
                at = at.min(if until > cx.now { until } else { self.next_step_below(l) });
            }
        }
        self.check_at(at.max(cx.now), cx);
        true
    }

    /// Schedules a check at this instant, unless there is one before it.
    fn check_at(&mut self, at: SimTime, cx: &mut Cx<'_>) {
        if at >= self.memory.growth.lazy.check_at.unwrap_or(SimTime::MAX) {
            return;
        }
        self.memory.growth.lazy.check_at = Some(at);
        self.memory.growth.turn += 1;
        let turn = self.memory.growth.turn;
        cx.queue.after(at.since(cx.now), Phase::Workload, 0, Event::GrowthCheck { turn });
    }

    /// Everything is settled: computes all sums and deadlines.
    fn begin_ahead(&mut self, now: SimTime) {
        self.memory.growth.lazy = LazyMode { on: true, ..LazyMode::default() };
        self.memory.growth.computed();
        self.memory.growth.turn += 1;
        for i in 0..self.memory.growth.processes.len() {
            self.join_bounds(self.memory.growth.processes[i], now);
        }
    }

    fn next_step_below(&self, level: CgroupId) -> SimTime {
        let below = self.memory.growth.processes.iter().map(|&p| &self.programs[p as usize]);
        let below = below.filter(|proc| self.memory.kernel.is_below(proc.cgroup, level));
        let next = below.filter_map(|proc| match &proc.activity {
            Activity::Growing(g) if !g.touched.is_zero() => g.next_at(),
            _ => None,
        });
        next.min().unwrap_or(SimTime::MAX)
    }
}
