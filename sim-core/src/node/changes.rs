//! What comes from outside: the scenario's changes.

use super::ids::ProcIx;
use super::machine::Machine;
use super::observe::Cx;
use super::pods::{Lent, Pods, Template};
use crate::kernel::{Errno, SysctlError};
use crate::kubelet::{DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS, MEMORY, ResourceList};
use crate::node_api::Name;
use crate::plan::{Change, Clock, KubeletPlan};
use crate::record::{DeathCause, Record};
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
    /// The pod has no container of this name.
    NoSuchContainer(Name),
    /// Requests and limits that would give the pod (`namespace/name`) another QoS class, which the API refuses.
    OtherQosClass(Name),
    /// No kubelet runs on the node.
    NoKubelet,
    /// The kubelet does not start with these settings: all reasons in one line.
    KubeletNotStarted(Name),
    /// Settings with other cgroups (`cgroupRoot`, `cgroupDriver`, `cgroupsPerQOS`): pods would have to be made anew.
    OtherCgroups,
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
            ChangeError::NoSuchContainer(container) => write!(f, "there is no container {container}"),
            ChangeError::OtherQosClass(pod) => write!(f, "{pod}: a pod's QoS class may not change"),
            ChangeError::NoKubelet => f.write_str("no kubelet runs on the node"),
            ChangeError::KubeletNotStarted(why) => write!(f, "the kubelet does not start: {why}"),
            ChangeError::OtherCgroups => f.write_str("a kubelet with other cgroups needs a node without pods"),
            ChangeError::Panicked => f.write_str("the kernel has panicked"),
        }
    }
}

impl std::error::Error for ChangeError {}

/// Change number n of the scenario's list.
pub(super) fn inject(n: u32, pods: &mut Pods, lent: &mut Lent<'_>) {
    let scenario = Arc::clone(&lent.machine.scenario);
    let message = match change(&scenario.injections[n as usize].change, pods, lent) {
        Ok(()) => return,
        Err(problem @ ChangeError::Sysctl { .. }) => problem.to_string(),
        Err(problem) => format!("{problem} at {}", lent.cx.now),
    };
    lent.record(Record::Warning { message: message.as_str().into() });
    lent.cx.log.warn(message);
}

/// The node is changed from outside.
pub(super) fn change(change: &Change, pods: &mut Pods, lent: &mut Lent<'_>) -> Result<(), ChangeError> {
    lent.machine.settle_for_change(&mut lent.cx);
    pods.route(lent);
    let record = || Record::NodeChanged { message: what_changes(change) };
    match change {
        Change::DeletePod { pod } => pods.delete(pod, lent)?,
        Change::PodResources { pod, container, resources } => {
            pods.resize((pod, container), resources, record, lent)?;
        }
        Change::RestartKubelet(plan) => pods.restart_kubelet(plan, record, lent)?,
        Change::Delay { clock, by } => {
            let kubelet = lent.kubelet.as_deref_mut().ok_or(ChangeError::NoKubelet)?;
            kubelet.delay(clock, *by, pods)?;
            lent.record(record());
        }
        Change::Workload { process, behavior } => {
            let p = lent.machine.named(process)?;
            lent.record(record());
            let container = lent.machine.programs[p as usize].container();
            let limit = container.and_then(|c| lent.runtime.get(c)).and_then(|container| container.limit);
            lent.machine.give_program(p, behavior, limit, &mut lent.cx);
        }
        Change::Sysctl { .. } | Change::Cgroup { .. } | Change::Signal { .. } | Change::Fork { .. } => {
            lent.machine.change(change, &mut lent.cx)?;
        }
    }
    lent.machine.drain_signals(&mut lent.cx);
    Ok(())
}

impl Pods {
    /// `kubectl delete pod`.
    fn delete(&mut self, pod: &Name, lent: &mut Lent<'_>) -> Result<(), ChangeError> {
        let ix = self.named(pod).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
        let own = self.template(ix).spec.termination_grace_period_seconds;
        let grace = own.unwrap_or(DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS);
        self.stop(ix, grace, DeathCause::ContainerStop, lent);
        Ok(())
    }

    /// The kubelet restarts; pods that come later, and containers that restart, have what its settings make of them.
    fn restart_kubelet(
        &mut self,
        plan: &Arc<KubeletPlan>,
        record: impl FnOnce() -> Record,
        lent: &mut Lent<'_>,
    ) -> Result<(), ChangeError> {
        let kubelet = lent.kubelet.as_deref_mut().ok_or(ChangeError::NoKubelet)?;
        let effective = kubelet.can_become(plan)?;
        lent.cx.record(record());
        kubelet.restart(plan, effective, lent.machine, &mut lent.cx);
        kubelet.watch_all(self, lent.runtime, lent.machine, &mut lent.cx);
        let scenario = Arc::clone(&lent.machine.scenario);
        let templates = scenario.pods.iter().map(|plan| Template::new(plan, Some(&*kubelet), lent.machine));
        self.set_templates(templates.collect());
        self.forget_backoffs();
        self.update_qos_cgroups(lent);
        self.route(lent);
        Ok(())
    }
}

/// A change that leaves no record of its own, in words.
fn what_changes(change: &Change) -> Name {
    let message = match change {
        Change::RestartKubelet(plan) => format!("the kubelet ({}) restarts", plan.profile.version),
        Change::PodResources { pod, container, resources } => {
            let amount = |list: &ResourceList| list.get(MEMORY).map_or_else(|| "none".to_owned(), ToString::to_string);
            let (request, limit) = (amount(&resources.requests), amount(&resources.limits));
            format!("{pod}/{container}: memory request {request}, limit {limit}")
        }
        Change::Workload { process, .. } => format!("{process} does something else"),
        Change::Delay { clock: Clock::EvictionManager, by } => format!("the next eviction pass comes {by} later"),
        Change::Delay { clock: Clock::NodeStatus, by } => format!("the next node status comes {by} later"),
        Change::Delay { clock: Clock::Housekeeping(pod), by } => format!("the next figure of {pod} comes {by} later"),
        Change::Sysctl { .. }
        | Change::Cgroup { .. }
        | Change::Signal { .. }
        | Change::DeletePod { .. }
        | Change::Fork { .. } => String::new(),
    };
    message.into()
}

impl Machine {
    /// The first living process of that name.
    fn named(&self, comm: &Name) -> Result<ProcIx, ChangeError> {
        self.find_process(comm).ok_or_else(|| ChangeError::NoSuchProcess(comm.clone()))
    }

    /// What concerns the machine alone.
    fn change(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<(), ChangeError> {
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
                let p = self.named(comm)?;
                let (pid, comm) = (self.programs[p as usize].pid, self.programs[p as usize].comm.clone());
                cx.record(Record::SignalSent { pid, comm, signal: *signal });
                self.send(p, *signal, DeathCause::Injected, cx);
            }
            Change::Fork { process: comm } => {
                let p = self.named(comm)?;
                self.fork(p, cx);
            }
            // The node's other parts change.
            _ => {}
        }
        Ok(())
    }
}
