//! Growing processes on their own. While nothing on the node waits for memory, a process below its limits concerns
//! nobody: its steps are taken when somebody looks at it, or when it may meet something. Limits that it has to itself
//! give it a deadline of its own; limits that several growing processes share are watched by sums ([`Levels`]).
//!
//! The order of what happens is that of steps taken one by one: at one instant, processes act by index.

use super::Event;
use super::grow::rate;
use super::levels::{Levels, Share};
use super::state::{Doing, Proc, ProcIx, World};
use crate::engine::{Phase, Scheduler};
use crate::kernel::{Batch, Kernel};
use crate::units::{CgroupId, Pages, SimDuration, SimTime};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// What is known of growing processes while they are left alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// False: every event settles everything.
    pub on: bool,
    levels: Levels,
    deadlines: BTreeSet<(SimTime, ProcIx)>,
    /// The process whose steps of this instant are being taken; those after it have theirs later.
    cursor: Option<ProcIx>,
    /// A check is scheduled for this instant.
    check_at: Option<SimTime>,
}

impl Ahead {
    /// The scheduled check has come.
    pub fn checked(&mut self) {
        self.check_at = None;
    }
}

impl World {
    /// True while growth that meets no limit concerns nobody else.
    fn calm(&self) -> bool {
        !self.growing.stepwise
            && self.blocked.is_empty()
            && self.kernel.is_calm()
            && self.scenario.kubelet.as_ref().is_none_or(|k| k.timing.slow.is_none())
    }

    /// A growing process becomes part of the sums.
    pub(super) fn join_levels(&mut self, p: ProcIx) {
        let proc = &mut self.procs[p as usize];
        let Doing::Growing(g) = &proc.doing else { return };
        let before_next = g.next_at().map_or(self.now, |n| SimTime::from_nanos(n.as_nanos().saturating_sub(1)));
        let touched = g.touched.get();
        let steps = rate(g, g.touched);
        proc.share = Share {
            settled: self.now.min(before_next),
            rate: if touched == 0 { 0 } else { steps.saturating_add(steps / 256 + 1) },
            slack: if touched == 0 { 0 } else { touched + touched / 256 + 2 },
            deadline: SimTime::MAX,
        };
        if touched > 0 {
            for level in self.kernel.upwards(proc.cgroup) {
                self.growing.ahead.levels.join(level, p, &proc.share);
            }
        }
        self.set_deadline(p);
    }

    pub(super) fn leave_levels(&mut self, p: ProcIx) {
        let proc = &mut self.procs[p as usize];
        self.growing.ahead.deadlines.remove(&(proc.share.deadline, p));
        if proc.share.slack == 0 {
            return;
        }
        let (share, mut at) = (proc.share, Some(proc.cgroup));
        while let Some(level) = at {
            if let Some(only) = self.growing.ahead.levels.leave(level, p, &share) {
                self.set_deadline(only);
            }
            at = self.kernel.parent(level);
        }
    }

    /// Computes until when a process can be left alone, as far as it depends on nobody else.
    pub(super) fn set_deadline(&mut self, p: ProcIx) {
        let proc = &self.procs[p as usize];
        let Doing::Growing(g) = &proc.doing else { return };
        let mut at = g.time_of(g.steps);
        if g.block.to_pages_ceil() > self.kernel.largest_request() {
            at = g.next_at();
        }
        if !g.touched.is_zero() {
            let alone = self.kernel.upwards(proc.cgroup).filter(|&l| self.growing.ahead.levels.get(l).growers == 1);
            if let Some(room) = alone.map(|l| self.kernel.room(l)).min() {
                let steps = self.kernel.touchable(proc.slot, proc.pid, room) / g.touched.get();
                let meets = g.time_of(g.taken.saturating_add(steps).saturating_add(1));
                at = [at, meets].into_iter().flatten().min();
            }
        }
        let (old, new) = (proc.share.deadline, at.unwrap_or(SimTime::MAX));
        if old != new {
            self.growing.ahead.deadlines.remove(&(old, p));
            if new < SimTime::MAX {
                self.growing.ahead.deadlines.insert((new, p));
            }
            self.procs[p as usize].share.deadline = new;
        }
    }

    /// Takes a process's steps up to `until`.
    pub(super) fn catch_up(&mut self, p: ProcIx, until: SimTime, queue: &mut Scheduler<Event>) {
        let proc = &mut self.procs[p as usize];
        if !matches!(proc.doing, Doing::Growing(_)) {
            return;
        }
        let due = proc.due(until);
        if self.growing.ahead.on && until > proc.share.settled {
            if proc.share.slack > 0 {
                let passed = until.since(proc.share.settled).as_nanos();
                let more = u128::from(proc.share.rate) * u128::from(passed);
                for level in self.kernel.upwards(proc.cgroup) {
                    if let Some(level) = self.growing.ahead.levels.get_mut(level) {
                        level.settled(more);
                    }
                }
            }
            proc.share.settled = until;
        }
        if due > 0 {
            self.take_steps(p, due, queue);
        }
    }

    /// Whether the growing processes below some shared limit may meet it at once.
    fn near_shared(&self) -> bool {
        let soon = self.now.saturating_add(SimDuration::from_nanos(1));
        self.growing.ahead.levels.shared.iter().any(|&l| {
            let room = self.kernel.room(l);
            room < Pages::new(1 << 50) && self.growing.ahead.levels.get(l).due(soon) > room.get()
        })
    }

    /// What is due and may meet something happens; everybody else is left alone.
    pub(super) fn meet(&mut self, queue: &mut Scheduler<Event>) {
        if self.near_shared() {
            // At first nobody has acted at this instant; then each in turn, and those after it have not.
            let before = self.growing.ahead.cursor.replace(0);
            self.settle_until(SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)), queue);
            let mut from = 0;
            while let Some(&p) = self.growing.processes.get(self.growing.processes.partition_point(|&q| q < from)) {
                self.growing.ahead.cursor = Some(p);
                self.catch_up(p, self.now, queue);
                from = p + 1;
            }
            self.growing.ahead.cursor = before;
            // Nothing that was due is left: every deadline lies ahead.
            let due = (SimTime::ZERO, 0)..=(self.now, ProcIx::MAX);
            let over: Vec<ProcIx> = self.growing.ahead.deadlines.range(due).map(|d| d.1).collect();
            over.into_iter().for_each(|p| self.set_deadline(p));
            return;
        }
        if self.growing.ahead.deadlines.first().is_none_or(|d| d.0 > self.now) {
            return;
        }
        let due = (SimTime::ZERO, 0)..=(self.now, ProcIx::MAX);
        let mut round: SmallVec<[ProcIx; 16]> = self.growing.ahead.deadlines.range(due).map(|d| d.1).collect();
        round.sort_unstable();
        for p in round {
            if !matches!(self.procs[p as usize].doing, Doing::Growing(_))
                || self.procs[p as usize].share.deadline > self.now
            {
                continue;
            }
            let before = self.growing.ahead.cursor.replace(p);
            self.catch_up(p, SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)), queue);
            self.catch_up(p, self.now, queue);
            self.growing.ahead.cursor = before;
            self.set_deadline(p);
        }
    }

    /// Everything that is due has been taken when this returns: for those who look at the whole node.
    pub(super) fn settle_all(&mut self, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        if !self.growing.ahead.on {
            return;
        }
        if self.grows_plainly() {
            self.catch_up_plainly();
        } else {
            self.catch_up_all(queue);
        }
    }

    /// Between events: what is due meets nothing, as the next check was scheduled for when it may.
    pub(super) fn grow_until_now(&mut self) {
        if self.grows_plainly() {
            self.catch_up_plainly();
        }
    }

    /// In the middle of an event, before somebody looks: everybody whose steps have to be drawn, but those who may meet
    /// something now, takes those that were due before this instant.
    pub(super) fn grow_before_now(&mut self) {
        if !self.growing.ahead.on || self.near_shared() || !self.calm() {
            return;
        }
        let until = SimTime::from_nanos(self.now.as_nanos().saturating_sub(1));
        let mut batch = Batch::default();
        for &p in &self.growing.processes {
            let proc = &mut self.procs[p as usize];
            if !proc.grows_at_random() || proc.share.deadline <= self.now || proc.share.settled >= until {
                continue;
            }
            let steps = add_steps(proc, until, &mut self.kernel, &mut batch);
            if steps == 0 {
                continue;
            }
            self.recorder.counts.allocations += steps;
            let more = u128::from(proc.share.rate) * u128::from(until.since(proc.share.settled).as_nanos());
            proc.share.settled = until;
            for level in self.kernel.upwards(proc.cgroup) {
                if let Some(level) = self.growing.ahead.levels.get_mut(level).filter(|_| proc.share.slack > 0) {
                    level.settled(more);
                }
            }
        }
        self.kernel.end_batch(batch);
    }

    /// True when nothing that is due can meet anything: no deadline has come, and the sums say that there is room for all
    /// of it.
    pub(super) fn grows_plainly(&self) -> bool {
        let ahead = &self.growing.ahead;
        let met = ahead.deadlines.first().is_some_and(|d| d.0 <= self.now) || self.near_shared();
        ahead.on && !met && ahead.cursor.is_none() && self.calm()
    }

    /// Takes everybody's steps where nobody can meet anything.
    fn catch_up_plainly(&mut self) {
        let now = self.now;
        let mut batch = Batch::default();
        for &p in &self.growing.processes {
            let proc = &mut self.procs[p as usize];
            self.recorder.counts.allocations += add_steps(proc, now, &mut self.kernel, &mut batch);
            proc.share.settled = now;
        }
        self.kernel.end_batch(batch);
        self.growing.ahead.levels.all_settled(now);
    }

    /// Takes a process's steps before it is stopped or looked at.
    pub(super) fn settle_one(&mut self, p: ProcIx, queue: &mut Scheduler<Event>) {
        if self.growing.ahead.on {
            let until = self.until_for(p);
            self.catch_up(p, until, queue);
        }
    }

    /// Takes the steps of a pod's processes before somebody looks at it.
    pub(super) fn settle_pod(&mut self, pod: super::state::PodIx, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        for container in 0..self.pods[pod as usize].containers.len() {
            let mut i = 0;
            while let Some(&p) = self.pods[pod as usize].containers[container].procs.get(i) {
                self.settle_one(p, queue);
                i += 1;
            }
        }
    }

    /// In the middle of an instant, processes with a greater index have not acted yet.
    fn until_for(&self, p: ProcIx) -> SimTime {
        match self.growing.ahead.cursor {
            Some(cursor) if p > cursor => SimTime::from_nanos(self.now.as_nanos().saturating_sub(1)),
            _ => self.now,
        }
    }

    /// Takes what others have due, in the middle of whatever is going on.
    pub(super) fn settle_others(&mut self, queue: &mut Scheduler<Event>) {
        if self.growing.ahead.on {
            self.catch_up_all(queue);
        }
    }

    /// At most so many pages are due in a cgroup and below, and not taken; `None`: that is not known.
    pub(super) fn most_due(&self, cgroup: CgroupId) -> Option<Pages> {
        let ahead = &self.growing.ahead;
        (ahead.on && ahead.cursor.is_none()).then(|| Pages::new(ahead.levels.get(cgroup).due(self.now).min(1 << 48)))
    }

    fn catch_up_all(&mut self, queue: &mut Scheduler<Event>) {
        let mut i = 0;
        while let Some(&p) = self.growing.processes.get(i) {
            let until = self.until_for(p);
            self.catch_up(p, until, queue);
            i += usize::from(self.growing.processes.get(i) == Some(&p));
        }
    }

    /// Before something other than growth charges `pages` to `cgroup`: if it may meet a limit, it has to find
    /// everything as it is.
    pub(super) fn make_way(
        &mut self,
        by: Option<ProcIx>,
        cgroup: CgroupId,
        pages: Pages,
        queue: &mut Scheduler<Event>,
    ) {
        if !self.growing.ahead.on || self.growing.processes.is_empty() || pages.is_zero() {
            return;
        }
        let want = pages.get().saturating_add(pages.get() / 256 + 4);
        let fits = self.kernel.upwards(cgroup).all(|l| {
            let level = self.growing.ahead.levels.get(l);
            let nobody_else = match level.growers {
                0 => true,
                1 => by.is_some_and(|p| level.indices == u64::from(p)),
                _ => false,
            };
            nobody_else || level.due(self.now).saturating_add(want) <= self.kernel.room(l).get()
        });
        if !fits {
            self.catch_up_all(queue);
        }
    }

    /// Something other than growth was charged to `cgroup`: whoever has it, or one above, to itself will meet it earlier.
    /// `by` itself knows.
    pub(super) fn charged(&mut self, by: Option<ProcIx>, cgroup: CgroupId) {
        if !self.growing.ahead.on {
            return;
        }
        let mut done = by;
        let mut at = Some(cgroup);
        while let Some(l) = at {
            at = self.kernel.parent(l);
            let level = self.growing.ahead.levels.get(l);
            let only = (level.growers == 1).then_some(level.indices as ProcIx);
            if let Some(p) = only.filter(|_| only != done) {
                self.set_deadline(p);
                done = only;
            }
        }
    }

    /// After an event: whether processes can be left alone, and until when. True: the next check is scheduled.
    pub(super) fn look_ahead(&mut self, queue: &mut Scheduler<Event>) -> bool {
        if !self.calm() {
            if self.growing.ahead.on {
                self.growing.ahead = Ahead::default();
                self.growing.dirty = true;
            }
            return false;
        }
        if !self.growing.ahead.on || self.growing.dirty {
            self.growing.dirty = !self.growing.is_empty();
            self.settle_in_order(queue);
            if !self.calm() {
                return self.look_ahead(queue);
            }
            self.begin_ahead();
        } else if self.growing.is_empty() {
            return true;
        } else if self.growing.ahead.deadlines.first().is_some_and(|d| d.0 <= self.now) || self.near_shared() {
            self.meet(queue);
            if !self.calm() {
                return self.look_ahead(queue);
            }
        }
        let ahead = &self.growing.ahead;
        let known = ahead.check_at.unwrap_or(SimTime::MAX);
        let mut at = ahead.deadlines.first().map_or(SimTime::MAX, |d| d.0);
        for &l in &ahead.levels.shared {
            let room = self.kernel.room(l).get();
            let level = ahead.levels.get(l);
            if room < 1 << 50 && level.due(known.min(at)) > room {
                let until = level.until(room);
                at = at.min(if until > self.now { until } else { self.next_step_below(l) });
            }
        }
        let at = at.max(self.now);
        if at < known {
            self.growing.ahead.check_at = Some(at);
            self.growing.turn += 1;
            if at < SimTime::MAX {
                let turn = self.growing.turn;
                queue.after(at.since(self.now), Phase::Workload, 0, Event::GrowthCheck { turn });
            }
        }
        true
    }

    /// Everything is settled: computes all sums and deadlines.
    fn begin_ahead(&mut self) {
        self.growing.ahead = Ahead { on: true, ..Ahead::default() };
        self.growing.dirty = false;
        self.growing.turn += 1;
        for i in 0..self.growing.processes.len() {
            self.join_levels(self.growing.processes[i]);
        }
    }

    fn next_step_below(&self, level: CgroupId) -> SimTime {
        let below = self.growing.processes.iter().map(|&p| &self.procs[p as usize]);
        let below = below.filter(|proc| self.kernel.is_below(proc.cgroup, level));
        let next = below.filter_map(|proc| match &proc.doing {
            Doing::Growing(g) if !g.touched.is_zero() => g.next_at(),
            _ => None,
        });
        next.min().unwrap_or(SimTime::MAX)
    }
}

/// Takes a process's steps up to `until` by addition alone. Returns how many they were.
fn add_steps(proc: &mut Proc, until: SimTime, kernel: &mut Kernel, batch: &mut Batch) -> u64 {
    let due = proc.due(until);
    if let Doing::Growing(growth) = &mut proc.doing
        && due > 0
    {
        growth.taken += due;
        let (size, maps) = growth.mapped_by(due);
        kernel.grow_one(batch, proc.slot, proc.pid, size, maps, growth.touched * due);
    }
    due
}
