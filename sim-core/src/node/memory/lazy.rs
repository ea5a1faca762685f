//! Growing processes on their own. While nothing on the node waits for memory, a process below its limits concerns
//! nobody: its steps are taken when somebody looks at it, or when it may meet something. Limits that it has to itself
//! give it a deadline of its own; limits that several growing processes share are watched by sums ([`CgroupBounds`]).
//!
//! The order of what happens is that of steps taken one by one: at one instant, processes act by index.

use super::bounds::{CgroupBounds, Contribution};
use super::growth::rate;
use super::{ENDLESS, Settled};
use crate::engine::{Phase, Scheduler};
use crate::kernel::{Batch, Kernel};
use crate::node::Event;
use crate::node::ids::{PodIx, ProcIx};
use crate::node::programs::{Activity, RunningProgram};
use crate::node::state::Node;
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
}

impl LazyMode {
    /// The scheduled check has come.
    pub fn checked(&mut self) {
        self.check_at = None;
    }
}

impl Node {
    /// True while growth that meets no limit concerns nobody else.
    fn is_quiescent(&self) -> bool {
        !self.memory.growth.stepwise
            && self.programs.waiting.is_empty()
            && self.memory.kernel.is_calm()
            && self.scenario.kubelet.as_ref().is_none_or(|k| k.timing.slow.is_none())
    }

    /// A growing process becomes part of the sums.
    pub(super) fn join_bounds(&mut self, p: ProcIx) {
        let proc = &mut self.programs[p as usize];
        let Activity::Growing(g) = &proc.activity else { return };
        let before_next = g.next_at().map_or(self.now, |n| SimTime::from_nanos(n.as_nanos().saturating_sub(1)));
        let touched = g.touched.get();
        let steps = rate(g, g.touched);
        proc.contribution = Contribution {
            settled: self.now.min(before_next),
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

    /// Computes until when a process can be left alone, as far as it depends on nobody else.
    pub(super) fn set_deadline(&mut self, p: ProcIx) {
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
    pub(super) fn catch_up(&mut self, p: ProcIx, until: SimTime, queue: &mut Scheduler<Event>) {
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
            self.take_steps(p, due, queue);
        }
    }

    /// Whether the growing processes below some shared limit may meet it at once.
    fn near_shared(&self) -> bool {
        let soon = self.now.saturating_add(SimDuration::from_nanos(1));
        self.memory.growth.lazy.bounds.shared.iter().any(|&l| {
            let room = self.memory.kernel.room(l);
            room < ENDLESS && self.memory.growth.lazy.bounds.get(l).due(soon) > room.get()
        })
    }

    /// What is due and may meet something happens; everybody else is left alone.
    pub(super) fn settle_at_limit(&mut self, queue: &mut Scheduler<Event>) {
        if self.near_shared() {
            // At first nobody has acted at this instant; then each in turn, and those after it have not.
            let before = self.memory.growth.lazy.cursor.replace(0);
            self.settle_until(SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)), queue);
            let mut from = 0;
            while let Some(&p) =
                self.memory.growth.processes.get(self.memory.growth.processes.partition_point(|&q| q < from))
            {
                self.memory.growth.lazy.cursor = Some(p);
                self.catch_up(p, self.now, queue);
                from = p + 1;
            }
            self.memory.growth.lazy.cursor = before;
            // Nothing that was due is left: every deadline lies ahead.
            let due = (SimTime::ZERO, 0)..=(self.now, ProcIx::MAX);
            let over: Vec<ProcIx> = self.memory.growth.lazy.deadlines.range(due).map(|d| d.1).collect();
            over.into_iter().for_each(|p| self.set_deadline(p));
            return;
        }
        if self.memory.growth.lazy.deadlines.first().is_none_or(|d| d.0 > self.now) {
            return;
        }
        let due = (SimTime::ZERO, 0)..=(self.now, ProcIx::MAX);
        let mut round: SmallVec<[ProcIx; 16]> = self.memory.growth.lazy.deadlines.range(due).map(|d| d.1).collect();
        round.sort_unstable();
        for p in round {
            if !matches!(self.programs[p as usize].activity, Activity::Growing(_))
                || self.programs[p as usize].contribution.deadline > self.now
            {
                continue;
            }
            let before = self.memory.growth.lazy.cursor.replace(p);
            self.catch_up(p, SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)), queue);
            self.catch_up(p, self.now, queue);
            self.memory.growth.lazy.cursor = before;
            self.set_deadline(p);
        }
    }

    /// Everything that is due has been taken when this returns: for those who look at the whole node.
    pub(in crate::node) fn settle_all(&mut self, queue: &mut Scheduler<Event>) -> Settled {
        self.settle(queue);
        if self.memory.growth.lazy.on {
            if self.grows_plainly() {
                self.catch_up_plainly();
            } else {
                self.catch_up_all(queue);
            }
        }
        Settled::proved()
    }

    /// Between events: what is due meets nothing, as the next check was scheduled for when it may.
    pub(in crate::node) fn grow_until_now(&mut self) {
        if self.grows_plainly() {
            self.catch_up_plainly();
        }
    }

    /// In the middle of an event, before somebody looks: everybody whose steps have to be drawn, but those who may meet
    /// something now, takes those that were due before this instant.
    pub(in crate::node) fn grow_before_now(&mut self) {
        if !self.memory.growth.lazy.on || self.near_shared() || !self.is_quiescent() {
            return;
        }
        let until = SimTime::from_nanos(self.now.as_nanos().saturating_sub(1));
        let mut batch = Batch::default();
        for &p in &self.memory.growth.processes {
            let proc = &mut self.programs[p as usize];
            if !proc.grows_at_random() || proc.contribution.deadline <= self.now || proc.contribution.settled >= until {
                continue;
            }
            let steps = add_steps(proc, until, &mut self.memory.kernel, &mut batch);
            if steps == 0 {
                continue;
            }
            self.recorder.counts.allocations += steps;
            let more =
                u128::from(proc.contribution.rate) * u128::from(until.since(proc.contribution.settled).as_nanos());
            proc.contribution.settled = until;
            for level in self.memory.kernel.upwards(proc.cgroup) {
                if let Some(level) =
                    self.memory.growth.lazy.bounds.get_mut(level).filter(|_| proc.contribution.one_step > 0)
                {
                    level.settled(more);
                }
            }
        }
        self.memory.kernel.end_batch(batch);
    }

    /// True when nothing that is due can meet anything: no deadline has come, and the sums say that there is room for
    /// all of it.
    pub(super) fn grows_plainly(&self) -> bool {
        let lazy = &self.memory.growth.lazy;
        let met = lazy.deadlines.first().is_some_and(|d| d.0 <= self.now) || self.near_shared();
        lazy.on && !met && lazy.cursor.is_none() && self.is_quiescent()
    }

    /// Takes everybody's steps where nobody can meet anything.
    fn catch_up_plainly(&mut self) {
        let now = self.now;
        let mut batch = Batch::default();
        for &p in &self.memory.growth.processes {
            let proc = &mut self.programs[p as usize];
            self.recorder.counts.allocations += add_steps(proc, now, &mut self.memory.kernel, &mut batch);
            proc.contribution.settled = now;
        }
        self.memory.kernel.end_batch(batch);
        self.memory.growth.lazy.bounds.all_settled(now);
    }

    /// Takes a process's steps before it is stopped or looked at.
    pub(in crate::node) fn settle_one(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        if self.memory.growth.lazy.on {
            let until = self.until_for(p);
            self.catch_up(p, until, queue);
        }
    }

    /// Takes the steps of a pod's processes before somebody looks at it.
    pub(in crate::node) fn settle_pod(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) -> Settled {
        self.settle(queue);
        for container in 0..self.pods[pod as usize].containers.len() {
            let mut i = 0;
            while let Some(&p) = self.pods[pod as usize].containers[container].procs.get(i) {
                self.settle_one(p, queue);
                i += 1;
            }
        }
        self.pods[pod as usize].due = Pages::ZERO;
        Settled::proved()
    }

    /// In the middle of an instant, processes with a greater index have not acted yet.
    fn until_for(&self, p: ProcIx) -> SimTime {
        match self.memory.growth.lazy.cursor {
            Some(cursor) if p > cursor => SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)),
            _ => self.now,
        }
    }

    /// Takes what others have due, in the middle of whatever is going on.
    pub(in crate::node) fn settle_others(&mut self, queue: &mut Scheduler<Event>) -> Settled {
        if self.memory.growth.lazy.on {
            self.catch_up_all(queue);
        }
        Settled::proved()
    }

    fn catch_up_all(&mut self, queue: &mut Scheduler<Event>) {
        let mut i = 0;
        while let Some(&p) = self.memory.growth.processes.get(i) {
            let until = self.until_for(p);
            self.catch_up(p, until, queue);
            i += usize::from(self.memory.growth.processes.get(i) == Some(&p));
        }
    }

    /// Before something other than growth charges `pages` to `cgroup`: if it may meet a limit, it has to find
    /// everything as it is.
    pub(super) fn reserve_for(
        &mut self,
        by: Option<ProcIx>,
        cgroup: CgroupId,
        pages: Pages,
        queue: &mut Scheduler<Event>,
    ) {
        if !self.memory.growth.lazy.on || self.memory.growth.processes.is_empty() || pages.is_zero() {
            return;
        }
        let want = pages.get().saturating_add(pages.get() / 256 + 4);
        let fits = self.memory.kernel.upwards(cgroup).all(|l| {
            let level = self.memory.growth.lazy.bounds.get(l);
            let nobody_else = match level.growers {
                0 => true,
                1 => by.is_some_and(|p| level.indices == u64::from(p)),
                _ => false,
            };
            nobody_else || level.due(self.now).saturating_add(want) <= self.memory.kernel.room(l).get()
        });
        if !fits {
            self.catch_up_all(queue);
        }
    }

    /// Something other than growth was charged to `cgroup`: whoever has it, or one above, to itself will meet it
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
    pub(super) fn look_ahead(&mut self, queue: &mut Scheduler<Event>) -> bool {
        if !self.is_quiescent() {
            if self.memory.growth.lazy.on {
                self.memory.growth.lazy = LazyMode::default();
                self.memory.growth.invalidate();
            }
            return false;
        }
        if !self.memory.growth.lazy.on || self.memory.growth.is_stale() {
            self.memory.growth.begin_again();
            self.settle_in_order(queue);
            if !self.is_quiescent() {
                return self.look_ahead(queue);
            }
            self.begin_ahead();
        } else if self.memory.growth.is_empty() {
            return true;
        } else if self.memory.growth.lazy.deadlines.first().is_some_and(|d| d.0 <= self.now) || self.near_shared() {
            self.settle_at_limit(queue);
            if !self.is_quiescent() {
                return self.look_ahead(queue);
            }
        }
        let lazy = &self.memory.growth.lazy;
        let known = lazy.check_at.unwrap_or(SimTime::MAX);
        let mut at = lazy.deadlines.first().map_or(SimTime::MAX, |d| d.0);
        for &l in &lazy.bounds.shared {
            let room = self.memory.kernel.room(l).get();
            let level = lazy.bounds.get(l);
            if room < ENDLESS.get() && level.due(known.min(at)) > room {
                let until = level.until(room);
                at = at.min(if until > self.now { until } else { self.next_step_below(l) });
            }
        }
        let at = at.max(self.now);
        if at < known {
            self.memory.growth.lazy.check_at = Some(at);
            self.memory.growth.turn += 1;
            if at < SimTime::MAX {
                let turn = self.memory.growth.turn;
                queue.after(at.since(self.now), Phase::Workload, 0, Event::GrowthCheck { turn });
            }
        }
        true
    }

    /// Everything is settled: computes all sums and deadlines.
    fn begin_ahead(&mut self) {
        self.memory.growth.lazy = LazyMode { on: true, ..LazyMode::default() };
        self.memory.growth.computed();
        self.memory.growth.turn += 1;
        for i in 0..self.memory.growth.processes.len() {
            self.join_bounds(self.memory.growth.processes[i]);
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

/// Takes a process's steps up to `until` by addition alone. Returns how many they were.
fn add_steps(proc: &mut RunningProgram, until: SimTime, kernel: &mut Kernel, batch: &mut Batch) -> u64 {
    let due = proc.due(until);
    if let Activity::Growing(growth) = &mut proc.activity
        && due > 0
    {
        growth.taken += due;
        let (size, maps) = growth.mapped_by(due);
        kernel.grow_one(batch, proc.slot, proc.pid, size, maps, growth.touched * due);
    }
    due
}
