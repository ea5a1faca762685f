//! Settling: the steps that are due are taken before memory is read, of the whole node, a pod or a process.

use super::Scope;
use crate::engine::RunsBehind;
use crate::kernel::{Batch, Kernel};
use crate::node::ids::{PodIx, ProcIx};
use crate::node::machine::Machine;
use crate::node::observe::Cx;
use crate::node::programs::{Activity, RunningProgram};
use crate::node::runtime::ContainerRun;
use crate::units::SimTime;

impl RunsBehind for Machine {
    type Scope<'s> = Scope<'s>;
    type Context<'c> = Cx<'c>;

    fn take_due(&mut self, scope: Scope<'_>, cx: &mut Cx<'_>) {
        match scope {
            Scope::Node => self.settle_all(cx),
            Scope::Others => self.settle_others(cx),
            Scope::Pod(ix, containers) => self.settle_pod(ix, containers, cx),
            Scope::EmptyPod(containers) => {
                assert!(containers.iter().all(|c| c.procs.is_empty()), "a pod with processes has to be settled");
            }
            Scope::Ended(p) => self.end_growth(p),
            Scope::Stats => self.look_at_all(cx),
        }
    }
}

impl Machine {
    /// Everything that is due has been taken when this returns: for those who look at the whole node.
    pub(super) fn settle_all(&mut self, cx: &mut Cx<'_>) {
        self.settle(cx);
        if self.memory.growth.lazy.on {
            if self.grows_plainly(cx.now) {
                self.catch_up_plainly(cx);
            } else {
                self.catch_up_all(cx);
            }
        }
    }

    /// Between events: what is due meets nothing, as the next check was scheduled for when it may.
    pub(in crate::node) fn grow_until_now(&mut self, cx: &mut Cx<'_>) {
        if self.grows_plainly(cx.now) {
            self.catch_up_plainly(cx);
        }
    }

    /// In the middle of an event, before memory is read: all processes whose steps are drawn, but those that may meet
    /// something now, takes those that were due before this instant.
    pub(in crate::node) fn grow_before_now(&mut self, cx: &mut Cx<'_>) {
        if !self.memory.growth.lazy.on || self.near_shared(cx.now) || !self.is_quiescent() {
            return;
        }
        let until = SimTime::from_nanos(cx.now.as_nanos().saturating_sub(1));
        let mut batch = Batch::default();
        for &p in &self.memory.growth.processes {
            let proc = &mut self.programs[p as usize];
            if !proc.grows_at_random() || proc.contribution.deadline <= cx.now || proc.contribution.settled >= until {
                continue;
            }
            let steps = add_steps(proc, until, &mut self.memory.kernel, &mut batch);
            if steps == 0 {
                continue;
            }
            cx.log.counts.allocations += steps;
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
    fn catch_up_plainly(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        let mut batch = Batch::default();
        for &p in &self.memory.growth.processes {
            let proc = &mut self.programs[p as usize];
            cx.log.counts.allocations += add_steps(proc, now, &mut self.memory.kernel, &mut batch);
            proc.contribution.settled = now;
        }
        self.memory.kernel.end_batch(batch);
        self.memory.growth.lazy.bounds.all_settled(now);
    }

    /// Takes a process's steps before it is stopped or looked at.
    pub(in crate::node) fn settle_one(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        if self.memory.growth.lazy.on {
            let until = self.until_for(p, cx.now);
            self.catch_up(p, until, cx);
        }
    }

    /// Takes the steps of a pod's processes before its memory is read.
    fn settle_pod(&mut self, ix: PodIx, containers: &[ContainerRun], cx: &mut Cx<'_>) {
        self.settle(cx);
        for &p in containers.iter().flat_map(|container| &container.procs) {
            self.settle_one(p, cx);
        }
        self.memory.looked.settled(ix);
    }

    /// In the middle of an instant, processes with a greater index have not acted yet.
    fn until_for(&self, p: ProcIx, now: SimTime) -> SimTime {
        match self.memory.growth.lazy.cursor {
            Some(cursor) if p > cursor => SimTime::from_nanos(now.as_nanos().saturating_sub(1)),
            _ => now,
        }
    }

    /// Takes what others have due, in the middle of whatever is going on.
    fn settle_others(&mut self, cx: &mut Cx<'_>) {
        if self.memory.growth.lazy.on {
            self.catch_up_all(cx);
        }
    }

    pub(super) fn catch_up_all(&mut self, cx: &mut Cx<'_>) {
        let mut i = 0;
        while let Some(&p) = self.memory.growth.processes.get(i) {
            let until = self.until_for(p, cx.now);
            self.catch_up(p, until, cx);
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
