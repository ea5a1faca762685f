//! What comes from outside: the scenario's changes.

use super::Event;
use super::ids::{ContainerRef, ProcIx};
use super::machine::Machine;
use super::observe::Cx;
use super::pods::{Lent, Pods, Template};
use crate::engine::Phase;
use crate::kernel::{Errno, SysctlError};
use crate::kubelet::{MEMORY, ResourceList, RestartPolicy};
use crate::node_api::{CgroupWrite, Name, Signo};
use crate::plan::{Change, Clock, KubeletPlan};
use crate::record::{DeathCause, Record};
use crate::units::{Bytes, CgroupId, SimDuration};
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
    /// No pod of the plan has this name (`namespace/name`).
    NoSuchWorkload(Name),
    /// The pod has no container of this name.
    NoSuchContainer(Name),
    /// Requests and limits that would give the pod (`namespace/name`) another QoS class, which the API refuses.
    OtherQosClass(Name),
    /// No kubelet runs on the node.
    NoKubelet,
    /// The kubelet's process does not run: it was stopped before.
    KubeletIsDown,
    /// The kubelet's process runs already.
    KubeletRuns,
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
            ChangeError::NoSuchWorkload(workload) => write!(f, "the scenario has no pod {workload}"),
            ChangeError::NoSuchContainer(container) => write!(f, "there is no container {container}"),
            ChangeError::OtherQosClass(pod) => write!(f, "{pod}: a pod's QoS class may not change"),
            ChangeError::KubeletIsDown => f.write_str("the kubelet's process does not run"),
            ChangeError::KubeletRuns => f.write_str("the kubelet's process runs already"),
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
        Err(problem) => {
            let why = match &problem {
                ChangeError::NoSuchPod(pod) => pods.whereabouts(pod, &scenario),
                _ => None,
            };
            let problem = why.unwrap_or_else(|| problem.to_string());
            format!("{problem}: nothing is changed at {:.3} s", lent.cx.now.as_secs_f64())
        }
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
        Change::DeletePod { pod, grace_seconds } => pods.delete(pod, grace_seconds.map(i64::from), lent)?,
        Change::Scale { workload, replicas } => pods.scale(workload, *replicas, record, lent)?,
        Change::Roll { workload, every } => pods.roll(workload, *every, record, lent)?,
        Change::PodCgroup { pod, container, write } => {
            let cgroup = pods.cgroup_of(pod, container.as_ref(), lent)?;
            lent.record(record());
            lent.machine.write_cgroup(cgroup, pod, write, &mut lent.cx)?;
        }
        Change::PodSignal { pod, container, signal } => {
            let p = pods.first_process(pod, container.as_ref(), lent)?;
            lent.machine.signal(p, *signal, &mut lent.cx);
        }
        Change::PodResources { pod, container, resources } => {
            pods.resize((pod, container), resources, record, lent)?;
        }
        Change::RestartKubelet(plan) => pods.restart_kubelet(plan, record, lent)?,
        Change::StopKubelet => {
            let kubelet = lent.kubelet.as_deref_mut().ok_or(ChangeError::NoKubelet)?;
            if kubelet.is_down() {
                return Err(ChangeError::KubeletIsDown);
            }
            kubelet.stops();
            lent.record(record());
            pods.watch_node(lent);
        }
        Change::StartKubelet => pods.start_kubelet(record, lent)?,
        Change::Delay { clock, by } => {
            let kubelet = lent.kubelet.as_deref_mut().ok_or(ChangeError::NoKubelet)?;
            kubelet.delay(clock, *by, pods)?;
            lent.record(record());
            if *clock == Clock::NodeStatus {
                pods.watch_node(lent);
            }
        }
        Change::Workload { process, behavior } => {
            let p = lent.machine.named(process)?;
            lent.record(record());
            let container = lent.machine.programs[p as usize].container();
            let home =
                container.and_then(|c| lent.runtime.get(c)).map(|container| container.home(p)).unwrap_or_default();
            lent.machine.give_program(p, behavior, home, &mut lent.cx);
        }
        Change::Sysctl { .. } | Change::Cgroup { .. } | Change::Signal { .. } | Change::Fork { .. } => {
            lent.machine.change(change, &mut lent.cx)?;
        }
    }
    lent.machine.drain_signals(&mut lent.cx);
    Ok(())
}

impl Pods {
    /// The kubelet starts again: what has ended meanwhile is seen, and what waited for a restart is started, as its
    /// back-off is forgotten (story B25 of a node with 1.36.2: 1.3 s after the start).
    fn start_kubelet(&mut self, record: impl FnOnce() -> Record, lent: &mut Lent<'_>) -> Result<(), ChangeError> {
        let kubelet = lent.kubelet.as_deref_mut().ok_or(ChangeError::NoKubelet)?;
        if !kubelet.is_down() {
            return Err(ChangeError::KubeletRuns);
        }
        lent.cx.record(record());
        kubelet.starts_again(lent.machine, &mut lent.cx);
        kubelet.watch_all(self, lent.runtime, lent.machine, &mut lent.cx);
        self.forget_backoffs();
        self.look_at_all_again(true, lent);
        Ok(())
    }

    /// Everything that a kubelet finds when it starts; ends of containers that the one before has not seen only where
    /// it `was_down`.
    fn look_at_all_again(&mut self, was_down: bool, lent: &mut Lent<'_>) {
        for pod in self.live().to_vec() {
            for index in 0..self[pod as usize].containers.len() as u32 {
                let container = ContainerRef { pod, index };
                if was_down || self.container(container).terminated {
                    self.look_again(container, lent);
                }
            }
        }
        self.make_resizes(lent);
        self.route(lent);
    }

    /// A container as a kubelet finds it that starts.
    fn look_again(&mut self, container: ContainerRef, lent: &mut Lent<'_>) {
        let Some(run) = lent.runtime.get(container).filter(|run| !run.running) else { return };
        let (number, ended) = (run.run, run.ended);
        let regular = self.template(container.pod).is_regular(container.index);
        let policy = lent.machine.scenario.pods[self[container.pod as usize].plan as usize].restart_policy;
        let failed = ended.is_some_and(|(status, _)| status.container_exit_code() != 0);
        let again = policy == RestartPolicy::Always || policy == RestartPolicy::OnFailure && failed;
        match self.container(container).terminated {
            false if ended.is_some() => {
                let seen = Event::ContainerExitSeen { container, run: number };
                lent.cx.queue.after(SEEN_AFTER_START, Phase::Kubelet, container.pod, seen);
            }
            true if regular && again => {
                // Its first start by this kubelet: from now on there is a back-off again (story B25).
                if let (Some(kubelet), Some((_, finished_at))) = (lent.kubelet.as_deref_mut(), ended) {
                    let backoff = &mut self.container_mut(container).backoff;
                    let _ = kubelet.backoff(backoff, lent.cx.now + SEEN_AFTER_START, finished_at, None);
                }
                self.start_container_after(container, SEEN_AFTER_START, lent);
            }
            _ => {}
        }
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
        let was_down = kubelet.is_down();
        lent.cx.record(record());
        kubelet.restart(plan, effective, lent.machine, &mut lent.cx);
        kubelet.watch_all(self, lent.runtime, lent.machine, &mut lent.cx);
        let scenario = Arc::clone(&lent.machine.scenario);
        let templates = scenario.pods.iter().map(|plan| Template::new(plan, Some(&*kubelet), lent.machine));
        self.set_templates(templates.collect());
        self.forget_backoffs();
        self.update_qos_cgroups(lent);
        self.route(lent);
        self.look_at_all_again(was_down, lent);
        Ok(())
    }
}

/// From the start of a kubelet to its first look at each container.
const SEEN_AFTER_START: SimDuration = SimDuration::from_millis(1300);

/// A change that leaves no record of its own, in words.
fn what_changes(change: &Change) -> Name {
    let message = match change {
        Change::RestartKubelet(plan) => format!("the kubelet ({}) restarts", plan.profile.version),
        Change::StopKubelet => "the kubelet stops".to_owned(),
        Change::StartKubelet => "the kubelet starts".to_owned(),
        Change::PodResources { pod, container, resources } => {
            let amount = |list: &ResourceList| list.get(MEMORY).map_or_else(|| "none".to_owned(), ToString::to_string);
            let (request, limit) = (amount(&resources.requests), amount(&resources.limits));
            format!("{pod}/{container}: memory request {request}, limit {limit}")
        }
        Change::Scale { workload, replicas } => format!("{workload}: scaled to {replicas}"),
        Change::Roll { workload, .. } => format!("{workload}: its pods are replaced one after the other"),
        Change::PodCgroup { pod, container, write } => {
            let whose = container.as_ref().map_or_else(|| pod.to_string(), |container| format!("{pod}/{container}"));
            let shown = |name: &str, value: Option<Bytes>| {
                let text = |bytes: Bytes| if bytes == Bytes::MAX { "max".to_owned() } else { bytes.to_string() };
                value.map(|bytes| format!("{name} {}", text(bytes)))
            };
            let amounts = [("limit", write.max), ("high", write.high), ("low", write.low), ("min", write.min)];
            let amounts = amounts.into_iter().chain([("swap limit", write.swap_max)]);
            let mut parts: Vec<String> = amounts.filter_map(|(name, value)| shown(name, value)).collect();
            parts.extend(write.oom_group.map(|on| format!("oom.group {on}")));
            parts.extend(write.swappiness.map(|swappiness| format!("swappiness {swappiness}")));
            format!("{whose}: cgroup set to {}", parts.join(", "))
        }
        Change::Workload { process, .. } => format!("{process} does something else"),
        Change::Delay { clock: Clock::EvictionManager, by } => format!("the next eviction pass comes {by} later"),
        Change::Delay { clock: Clock::NodeStatus, by } => format!("the next node status comes {by} later"),
        Change::Delay { clock: Clock::Housekeeping(pod), by } => format!("the next figure of {pod} comes {by} later"),
        Change::Sysctl { .. }
        | Change::Cgroup { .. }
        | Change::Signal { .. }
        | Change::PodSignal { .. }
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

    /// Writes the files of a cgroup, which has this name in records. A limit that is refused is recorded.
    fn write_cgroup(
        &mut self,
        id: CgroupId,
        name: &Name,
        write: &CgroupWrite,
        cx: &mut Cx<'_>,
    ) -> Result<(), ChangeError> {
        match (self.memory.write(cx.now, id, write), write.max) {
            (Ok(()), _) => {}
            (Err(_), Some(limit)) => cx.record(Record::CgroupWriteRefused { cgroup: name.clone(), limit }),
            (Err(errno), None) => return Err(ChangeError::CgroupWrite { cgroup: name.clone(), errno }),
        }
        Ok(())
    }

    /// A signal comes from outside.
    fn signal(&mut self, p: ProcIx, signal: Signo, cx: &mut Cx<'_>) {
        let (pid, comm) = (self.programs[p as usize].pid, self.programs[p as usize].comm.clone());
        cx.record(Record::SignalSent { pid, comm, signal });
        self.send(p, signal, DeathCause::Injected, cx);
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
                self.write_cgroup(id, cgroup, write, cx)?;
            }
            Change::Signal { process: comm, signal } => {
                let p = self.named(comm)?;
                self.signal(p, *signal, cx);
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
