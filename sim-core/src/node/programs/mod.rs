//! The programs of the node: each process with what it does next, and who waits for memory.

mod drive;
mod end;
mod spawn;
mod table;

pub(in crate::node) use spawn::{Executable, Home, SpawnContext};
pub(in crate::node) use table::ProgramTable;

use super::ids::{ContainerRef, PodIx};
use super::memory::{Contribution, Waits};
use crate::kernel::MemOp;
use crate::node_api::Name;
use crate::record::{DeathCause, Owner};
use crate::units::{Bytes, CgroupId, Pid, SimDuration, SimTime};
use crate::workload::{Growth, Program, Resume, Rhythm, TermReaction};

/// A process with the program that it runs; the kernel knows it by `pid`.
#[derive(Clone, Debug)]
pub(in crate::node) struct RunningProgram {
    pub pid: Pid,
    /// Where the kernel keeps it.
    pub slot: u32,
    pub comm: Name,
    pub owner: ProcessOwner,
    /// The same for records.
    pub shown: Owner,
    pub cgroup: CgroupId,
    pub program: Option<Box<Program>>,
    pub activity: Activity,
    /// What it adds to the sums of its levels while it grows.
    pub contribution: Contribution,
    pub turn: u32,
    /// Its program is the one that its scenario starts it with: another process may go on where it ended.
    pub replaceable: bool,
    /// Where that one goes on, once this one has ended.
    pub resume: Option<Box<Resume>>,
    pub term: TermReaction,
    pub cause: Option<DeathCause>,
    /// The OOM killer took it, and its cgroup counts that: any kill on v2, one for a cgroup's limit on v1.
    pub oom_counted: bool,
    /// It waits for memory.
    pub waits: Option<Waits>,
    /// Since when.
    pub wait_began: SimTime,
    /// For how long it has waited before, in all.
    pub waited: SimDuration,
    /// What it caused takes this long, and it has not waited for that yet.
    pub owes: SimDuration,
}

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum ProcessOwner {
    Container(ContainerRef),
    /// The pause process of a pod.
    Pause(PodIx),
    /// Outside pods.
    Host,
}

impl RunningProgram {
    /// The container it runs in.
    pub fn container(&self) -> Option<ContainerRef> {
        match self.owner {
            ProcessOwner::Container(c) => Some(c),
            ProcessOwner::Pause(_) | ProcessOwner::Host => None,
        }
    }

    /// What its page cache is called, among the files of its pod or of the node.
    pub fn files(&self) -> String {
        match &self.shown {
            Owner::Container { container, .. } => format!("{container} {}", self.comm),
            Owner::Host(name) => name.to_string(),
        }
    }

    /// For how long it has waited for memory, up to `now`.
    pub fn waited_until(&self, now: SimTime) -> SimDuration {
        self.waited + self.waits.map_or(SimDuration::ZERO, |_| now.since(self.wait_began))
    }

    pub fn grows_at_random(&self) -> bool {
        matches!(self.activity, Activity::Growing(Growth { rhythm: Rhythm::Jittered { .. }, .. }))
    }

    /// Virtual memory that this many steps of its growth map.
    pub fn mapped_by(&self, steps: u64) -> Bytes {
        let Activity::Growing(growth) = &self.activity else { return Bytes::ZERO };
        let (size, maps) = growth.mapped_by(steps);
        Bytes::new(size.to_pages_ceil().bytes().get().saturating_mul(maps))
    }

    /// Steps of its growth that are due at `until`; random pauses up to there are drawn.
    pub fn due(&mut self, until: SimTime) -> u64 {
        match (&mut self.activity, &mut self.program) {
            (Activity::Growing(growth), Some(program)) => program.due(growth, until),
            (Activity::Growing(growth), None) => growth.due(until),
            _ => 0,
        }
    }
}

/// What a process is doing between events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::node) enum Activity {
    /// Its program is to be asked what comes next.
    Next,
    /// It sleeps until a `Wake`.
    Asleep,
    /// It grows in closed form.
    Growing(Growth),
    /// An operation is not complete; afterwards the growth goes on, if there is one.
    Blocked { op: MemOp, then: Option<Growth> },
    /// It waits until the other processes of its container are gone.
    AwaitsChildren,
    /// It idles for ever.
    Idle,
    /// It has a deadly signal or has exited.
    Dying,
}
