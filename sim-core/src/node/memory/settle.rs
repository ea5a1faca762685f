//! Settling: the steps that are due are taken before memory is read, of the whole node, a pod or a process.

use super::Settled;
use crate::engine::Scheduler;
use crate::kernel::{Batch, Kernel};
use crate::node::Event;
use crate::node::ids::{PodIx, ProcIx};
use crate::node::programs::{Activity, RunningProgram};
use crate::node::state::Node;
use crate::units::{Pages, SimTime};

impl Node {
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

    /// In the middle of an event, before memory is read: all processes whose steps are drawn, but those that may meet
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

    /// Takes all steps where none can meet anything.
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

    /// Takes the steps of a pod's processes before its memory is read.
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

    pub(super) fn catch_up_all(&mut self, queue: &mut Scheduler<Event>) {
        let mut i = 0;
        while let Some(&p) = self.memory.growth.processes.get(i) {
            let until = self.until_for(p);
            self.catch_up(p, until, queue);
            i += usize::from(self.memory.growth.processes.get(i) == Some(&p));
        }
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
