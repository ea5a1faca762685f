//! What comes from outside: the scenario's changes.

use super::Event;
use super::ids::PodIx;
use super::machine::Machine;
use super::observe::Cx;
use super::pods::{Lent, Pod, PodState, Pods};
use super::state::Node;
use crate::engine::Scheduler;
use crate::kernel::{Errno, SysctlError};
use crate::node_api::Name;
use crate::plan::Change;
use crate::record::{DeathCause, Record};
use crate::units::SimDuration;
use std::fmt;
use std::sync::Arc;

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeError {
    /// There is no cgroup with this path.
    NoSuchCgroup(Name),
    /// The kernel refused what was written to a cgroup, other than its limit: there is no such file with this version
    /// of cgroups or this kernel.
    CgroupWrite {
        /// Its path.
        cgroup: Name,
        /// The kernel's answer.
        errno: Errno,
    },
    /// No living process has this name.
    NoSuchProcess(Name),
    /// No pod of this name (`namespace/name`) is on the node, or it is already being stopped.
    NoSuchPod(Name),
    /// A sysctl that does not exist or does not take the value.
    Sysctl {
        /// Its name.
        name: Name,
        /// The value.
        value: u64,
        /// Why it was refused.
        problem: SysctlError,
    },
    /// The kernel has panicked: there is nothing left to change.
    Panicked,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::NoSuchCgroup(path) => write!(f, "there is no cgroup {path}"),
            ChangeError::CgroupWrite { cgroup, errno } => {
                write!(f, "the kernel refuses what is written to {cgroup}: {errno}")
            }
            ChangeError::NoSuchProcess(comm) => write!(f, "there is no process {comm}"),
            ChangeError::NoSuchPod(pod) => write!(f, "there is no pod {pod}"),
            ChangeError::Sysctl { name, value, problem } => write!(f, "{name} = {value}: {problem}"),
            ChangeError::Panicked => f.write_str("the kernel has panicked"),
        }
    }
}

impl std::error::Error for ChangeError {}

impl Node {
    /// Change number n of the scenario's list.
    pub(super) fn inject(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        let scenario = Arc::clone(&self.scenario);
        let message = match self.change(&scenario.injections[n as usize].change, queue) {
            Ok(()) => return,
            Err(problem @ ChangeError::Sysctl { .. }) => problem.to_string(),
            Err(problem) => format!("{problem} at {}", self.now),
        };
        self.recorder.record(self.now, Record::Warning { message: message.as_str().into() });
        self.recorder.warn(message);
    }

    /// The node is changed from outside.
    pub(super) fn change(&mut self, change: &Change, queue: &mut Scheduler<Event>) -> Result<(), ChangeError> {
        let (pods, mut lent) = self.lend(queue);
        lent.machine.settle_for_change(&mut lent.cx);
        pods.route(&mut lent);
        match change {
            Change::DeletePod { pod } => pods.delete(pod, &mut lent)?,
            Change::Sysctl { .. } | Change::Cgroup { .. } | Change::Signal { .. } | Change::Fork { .. } => {
                lent.machine.change(change, &mut lent.cx)?;
            }
        }
        lent.machine.drain_signals(&mut lent.cx);
        Ok(())
    }
}

impl Pods {
    /// `kubectl delete pod`.
    fn delete(&mut self, pod: &Name, lent: &mut Lent<'_>) -> Result<(), ChangeError> {
        let there = |p: &Pod| p.name == *pod && matches!(p.state, PodState::Creating | PodState::Active);
        let ix = self.all().iter().position(there).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))? as PodIx;
        let seconds = self.template(ix).spec.termination_grace_period_seconds;
        let grace = SimDuration::from_secs(seconds.unwrap_or(30).max(0) as u64);
        self.stop(ix, grace, DeathCause::ContainerStop, lent);
        Ok(())
    }
}

impl Machine {
    /// What concerns the machine alone.
    fn change(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<(), ChangeError> {
        let process =
            |this: &Self, comm: &Name| this.find_process(comm).ok_or_else(|| ChangeError::NoSuchProcess(comm.clone()));
        match change {
            Change::Sysctl { name, value } => {
                let set = self.memory.set_sysctl(name, *value as i64);
                set.map_err(|problem| ChangeError::Sysctl { name: name.clone(), value: *value, problem })?;
                cx.record(Record::SysctlSet { name: name.clone(), value: *value });
            }
            Change::Cgroup { cgroup, write } => {
                let id = self.memory.find(cgroup).ok_or_else(|| ChangeError::NoSuchCgroup(cgroup.clone()))?;
                match (self.memory.write(cx.now, id, write), write.max) {
                    (Ok(()), _) => {}
                    (Err(_), Some(limit)) => {
                        cx.record(Record::CgroupWriteRefused { cgroup: cgroup.clone(), limit });
                    }
                    (Err(errno), None) => return Err(ChangeError::CgroupWrite { cgroup: cgroup.clone(), errno }),
                }
            }
            Change::Signal { process: comm, signal } => {
                let p = process(self, comm)?;
                let (pid, comm) = (self.programs[p as usize].pid, self.programs[p as usize].comm.clone());
                cx.record(Record::SignalSent { pid, comm, signal: *signal });
                self.send(p, *signal, DeathCause::Injected, cx);
            }
            Change::Fork { process: comm } => {
                let p = process(self, comm)?;
                self.fork(p, cx);
            }
            Change::DeletePod { .. } => {}
        }
        Ok(())
    }
}
