//! What comes from outside: host processes and the scenario's changes.

use super::Event;
use super::pods::{Pod, PodState, SpawnContext};
use super::programs::ProcessOwner;
use super::state::Node;
use crate::engine::{Phase, Scheduler, StreamName};
use crate::kernel::SysctlError;
use crate::node_api::{CgroupWrite, Name};
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
        match self.change(&scenario.injections[n as usize].change, queue) {
            Ok(()) => {}
            Err(problem @ ChangeError::Sysctl { .. }) => self.warn(problem.to_string()),
            Err(problem) => self.warn(format!("{problem} at {}", self.now)),
        }
    }

    /// The node is changed from outside.
    pub(super) fn change(&mut self, change: &Change, queue: &mut Scheduler<Event>) -> Result<(), ChangeError> {
        self.settle_for_change(queue);
        let process =
            |node: &Self, comm: &Name| node.find_process(comm).ok_or_else(|| ChangeError::NoSuchProcess(comm.clone()));
        match change {
            Change::Sysctl { name, value } => {
                let set = self.memory.set_sysctl(name, *value as i64);
                set.map_err(|problem| ChangeError::Sysctl { name: name.clone(), value: *value, problem })?;
                self.record(Record::SysctlSet { name: name.clone(), value: *value });
            }
            Change::CgroupLimit { cgroup, limit } => {
                let id = self.memory.find(cgroup).ok_or_else(|| ChangeError::NoSuchCgroup(cgroup.clone()))?;
                let write = CgroupWrite { max: Some(*limit), ..CgroupWrite::default() };
                if self.memory.write(self.now, id, &write).is_err() {
                    self.record(Record::CgroupWriteRefused { cgroup: cgroup.clone(), limit: *limit });
                }
            }
            Change::Signal { process: comm, signal } => {
                let p = process(self, comm)?;
                let (pid, comm) = (self.programs[p as usize].pid, self.programs[p as usize].comm.clone());
                self.record(Record::SignalSent { pid, comm, signal: *signal });
                self.send(p, *signal, DeathCause::Injected, queue);
            }
            Change::DeletePod { pod } => {
                let there = |p: &Pod| p.name == *pod && matches!(p.state, PodState::Creating | PodState::Active);
                let ix = self.pods.all().iter().position(there).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
                let seconds = self.pods.template(ix as u32).spec.termination_grace_period_seconds;
                let grace = SimDuration::from_secs(seconds.unwrap_or(30).max(0) as u64);
                self.stop_pod(ix as u32, grace, DeathCause::ContainerStop, queue);
            }
            Change::Fork { process: comm } => {
                let p = process(self, comm)?;
                self.fork(p, queue);
            }
        }
        self.drain_signals(queue);
        Ok(())
    }

    fn warn(&mut self, message: String) {
        self.record(Record::Warning { message: message.as_str().into() });
        self.recorder.warn(message);
    }

    pub(in crate::node) fn host_starts(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.hosts[n as usize];
        let cgroup = self.memory.mkdir_all(&plan.cgroup);
        let leader = plan.session_of.as_ref().and_then(|name| {
            let ix = scenario.hosts.iter().position(|h| h.name == *name)?;
            self.programs.hosts.get(&(ix as u32)).copied()
        });
        let leader = leader.map(|p| self.programs[p as usize].pid);
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Host(plan.name.clone()),
            parent: leader,
            session: leader,
            oom_score_adj: plan.process.oom_score_adj.unwrap_or(0),
            container_limit: None,
            on_host: true,
        };
        let next = self.programs.len() as u32;
        let stream = || StreamName::from("host/").number(n).then("/").then(&plan.name);
        self.spawn_plan(&plan.process, context, stream, queue);
        if self.programs.len() as u32 > next {
            self.programs.hosts.insert(n, next);
        }
    }

    /// A process has ended: host processes that were connected to it hang up.
    pub(in crate::node) fn hang_up(&mut self, comm: &str, queue: &mut Scheduler<Event>) {
        for (n, plan) in self.scenario.hosts.iter().enumerate() {
            if let Some(peer) = plan.hangs_up_with.as_ref().filter(|peer| *peer.process == *comm) {
                queue.after(peer.after, Phase::Workload, n as u32, Event::HangUp(n as u32));
            }
        }
    }

    pub(in crate::node) fn hangs_up(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        let Some(p) = self.programs.hosts.remove(&n) else { return };
        self.settle_all(queue);
        self.memory.exit(self.now, self.programs[p as usize].pid, 255);
        self.drain_signals(queue);
    }
}
