//! Processes, in containers and on the node itself.

use crate::node_api::Name;
use crate::units::SimDuration;
use crate::workload::runtime::{Launch, Runtime};
use crate::workload::{Behavior, Footprint, TermReaction};
use std::sync::Arc;

/// A process and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessPlan {
    /// Name as `ps` shows it.
    pub comm: Name,
    /// User id.
    pub uid: u32,
    /// Started this long after its container (or after the run's beginning, on the host).
    pub at: SimDuration,
    /// Host process id; `None`: the next free one.
    pub pid: Option<u32>,
    /// What it does.
    pub behavior: Arc<Behavior>,
    /// Its variables and arguments that say something about memory.
    pub launch: Launch,
    /// The language runtime that it runs in; `None`: its memory is what its behaviour asks for.
    pub runtime: Option<Arc<Runtime>>,
    /// What it holds before that.
    pub footprint: Footprint,
    /// Reaction to SIGTERM.
    pub term: TermReaction,
    /// Overrides the container's `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// The first process of a container ends when all others have, with the exit code of the last one, as a shell or an
    /// init such as tini does.
    pub waits_for_children: bool,
}

/// Longest `comm` that the kernel keeps (TASK_COMM_LEN − 1, include/linux/sched.h).
const MAX_COMM: usize = 15;

impl ProcessPlan {
    /// The first process of a container. PID 1 of a PID namespace gets no signal that it has no handler for
    /// (kernel/signal.c sig_task_ignored).
    pub fn pid1(name: &Name) -> Self {
        ProcessPlan { term: TermReaction::Ignore, ..ProcessPlan::idle(name) }
    }

    /// A process that does nothing, called like its container or host entry as far as the kernel keeps names.
    pub fn idle(name: &Name) -> Self {
        ProcessPlan {
            comm: kept_comm(name),
            uid: 0,
            at: SimDuration::ZERO,
            pid: None,
            behavior: Arc::new(Behavior::IDLE),
            launch: Launch::default(),
            runtime: None,
            footprint: Footprint::default(),
            term: TermReaction::Default,
            oom_score_adj: None,
            waits_for_children: false,
        }
    }
}

/// A process name as the kernel keeps it: the beginning of a longer one.
pub fn kept_comm(name: &Name) -> Name {
    let mut end = name.len().min(MAX_COMM);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].into()
}

/// A process on the node.
#[derive(Clone, Debug, PartialEq)]
pub struct HostPlan {
    /// Name in the scenario; `comm` may be another.
    pub name: Name,
    /// The process; its `oom_score_adj` defaults to 0.
    pub process: ProcessPlan,
    /// Cgroup path, such as `/system.slice/ssh.service`.
    pub cgroup: Name,
    /// Name (not comm) of the host process that started it: a child of its session; dies with SIGHUP when that leader
    /// dies.
    pub session_of: Option<Name>,
    /// It exits when its peer does, as sshd does when the client is gone.
    pub hangs_up_with: Option<HangUp>,
}

impl HostPlan {
    /// A process of this name that does this from the start, in a cgroup of its own below `/system.slice`.
    pub fn new(name: &str, behavior: Behavior) -> Self {
        let name: Name = name.into();
        HostPlan {
            process: ProcessPlan { behavior: Arc::new(behavior), ..ProcessPlan::idle(&name) },
            cgroup: HostPlan::default_cgroup(&name),
            name,
            session_of: None,
            hangs_up_with: None,
        }
    }

    /// Cgroup of a host process that is given none.
    pub fn default_cgroup(name: &str) -> Name {
        format!("/system.slice/{name}.service").into()
    }
}

/// The peer of a connection whose end ends a process.
#[derive(Clone, Debug, PartialEq)]
pub struct HangUp {
    /// comm of the peer.
    pub process: Name,
    /// How long it takes until the end of the connection is noticed.
    pub after: SimDuration,
}
