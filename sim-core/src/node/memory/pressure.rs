//! Who waits for memory, for how long, and what `memory.pressure` says of it: of every cgroup with a process that has
//! waited. A process waits while `memory.high` delays it, while it thrashes in a full cgroup, and while what it caused
//! (reclaim, reading back, swapping) takes its time. Waiting for a dying process is none of that (mm/oom_kill.c is
//! outside of psi_memstall_enter).

use super::Memory;
use crate::engine::Phase;
use crate::kernel::{MemoryPressure, PSI_PERIOD, Stalls, THRASHING_PERMILLE};
use crate::node::Event;
use crate::node::ids::ProcIx;
use crate::node::machine::{Machine, Notice};
use crate::node::observe::Cx;
use crate::plan::PodPlan;
use crate::record::{Owner, Record};
use crate::units::{CgroupId, SimTime};
use std::collections::BTreeMap;

/// Why a process waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Waits {
    /// For memory alone.
    Throughout,
    /// It pushes out its text and reads it back: between two waits for memory it waits for the disk.
    Thrashing,
}

/// From this average on a cgroup counts as stalled, hundredths of a percent: every recorded hang is above it.
const STALLED: u32 = 2000;

/// What is known of a cgroup in which something has waited.
#[derive(Clone, Debug, Default)]
struct Group {
    stalls: Stalls,
    /// Processes that wait, by [`Waits`].
    waiting: [u32; 2],
    /// Whose it is; `None` of those above.
    owner: Option<Owner>,
    /// When the current time of pressure began.
    since: SimTime,
    /// It is stalled, and has been recorded so.
    stalled: bool,
}

/// All of them, and whether the kernel's worker is awake.
#[derive(Clone, Debug, Default)]
pub(super) struct Pressures {
    groups: BTreeMap<CgroupId, Group>,
    ticks: bool,
}

impl Group {
    fn update(&mut self, now: SimTime) {
        let permille = match self.waiting {
            [0, 0] => 0,
            [0, _] => THRASHING_PERMILLE,
            _ => 1000,
        };
        self.stalls.set(permille, now);
    }
}

impl Memory {
    /// `memory.pressure` of a cgroup.
    pub(in crate::node) fn pressure(&self, cgroup: CgroupId, at: SimTime) -> MemoryPressure {
        let Some(group) = self.pressures.groups.get(&cgroup) else { return MemoryPressure::default() };
        let mut stalls = group.stalls;
        stalls.advance(at);
        MemoryPressure { some: stalls.line(1000), full: stalls.line(self.kernel.profile().psi_full_permille.into()) }
    }

    /// How many processes of the node wait for memory.
    pub(super) fn waiting(&self) -> u32 {
        self.pressures.groups.get(&self.kernel.root()).map_or(0, |group| group.waiting.iter().sum())
    }

    /// A cgroup is removed.
    pub(super) fn forget_pressure(&mut self, cgroup: CgroupId) {
        self.pressures.groups.remove(&cgroup);
    }
}

impl Machine {
    /// A process begins to wait for memory.
    pub(in crate::node) fn begins_to_wait(&mut self, p: ProcIx, why: Waits, cx: &mut Cx<'_>) {
        let scenario = &self.scenario;
        let program = &mut self.programs[p as usize];
        (program.waits, program.wait_began) = (Some(why), cx.now);
        if let Some(container) = program.container().filter(|_| scenario.pods.iter().any(PodPlan::has_probes)) {
            self.notices.push_back(Notice::Waits(container));
        }
        let (leaf, owner) = (program.cgroup, program.shown.clone());
        let Memory { kernel, pressures, .. } = &mut self.memory;
        for level in kernel.upwards(leaf) {
            let group = pressures.groups.entry(level).or_default();
            group.stalls.advance(cx.now);
            if group.stalls.is_calm() {
                group.since = cx.now;
            }
            if level == leaf {
                group.owner.get_or_insert_with(|| owner.clone());
            }
            group.waiting[why as usize] += 1;
            group.update(cx.now);
        }
        if !std::mem::replace(&mut pressures.ticks, true) {
            cx.queue.after(PSI_PERIOD, Phase::Kernel, 0, Event::PressureTick);
        }
    }

    /// A process waits no longer.
    pub(in crate::node) fn waits_no_longer(&mut self, p: ProcIx, cx: &Cx<'_>) {
        let program = &mut self.programs[p as usize];
        let Some(why) = program.waits.take() else { return };
        program.waited = program.waited + cx.now.since(program.wait_began);
        let Memory { kernel, pressures, .. } = &mut self.memory;
        for level in kernel.upwards(program.cgroup) {
            if let Some(group) = pressures.groups.get_mut(&level) {
                group.waiting[why as usize] -= 1;
                group.update(cx.now);
            }
        }
    }

    /// Averages are looked at: what is stalled, or no longer.
    pub(in crate::node) fn pressure_tick(&mut self, cx: &mut Cx<'_>) {
        let mut awake = false;
        let cgroups: Vec<CgroupId> = self.memory.pressures.groups.keys().copied().collect();
        for cgroup in cgroups {
            let Some(group) = self.memory.pressures.groups.get_mut(&cgroup) else { continue };
            group.stalls.advance(cx.now);
            awake |= !group.stalls.is_calm();
            let avg10 = group.stalls.line(1000).avg10;
            let Some(owner) = group.owner.clone().filter(|_| (avg10 >= STALLED) != group.stalled) else { continue };
            if group.stalled {
                self.stall_ends(cgroup, cx);
                continue;
            }
            (group.stalled, awake) = (true, true);
            let since = group.since;
            let usage = self.memory.kernel.usage(cgroup);
            let limit = self.memory.kernel.limit(cgroup);
            cx.record(Record::Stalled { owner, since, some_avg10: avg10, usage, limit });
        }
        self.memory.pressures.ticks = awake;
        if awake {
            cx.queue.after(PSI_PERIOD, Phase::Kernel, 0, Event::PressureTick);
        }
    }

    /// A process is gone: if it was the last of a cgroup that is stalled, that is over.
    pub(in crate::node) fn pressure_of_ended(&mut self, p: ProcIx, cx: &mut Cx<'_>) {
        let cgroup = self.programs[p as usize].cgroup;
        let stalled = self.memory.pressures.groups.get(&cgroup).is_some_and(|group| group.stalled);
        if stalled && !self.living().any(|other| self.programs[other as usize].cgroup == cgroup) {
            self.stall_ends(cgroup, cx);
            if let Some(group) = self.memory.pressures.groups.get_mut(&cgroup) {
                group.owner = None; // Nothing of it is left that could stall.
            }
        }
    }

    /// A cgroup is stalled no longer, or its last process is gone.
    fn stall_ends(&mut self, cgroup: CgroupId, cx: &mut Cx<'_>) {
        let Some(group) = self.memory.pressures.groups.get_mut(&cgroup).filter(|group| group.stalled) else { return };
        group.stalled = false;
        let Some(owner) = group.owner.clone() else { return };
        let lasted = cx.now.since(group.since);
        cx.record(Record::StallEnded { owner, lasted });
    }
}
