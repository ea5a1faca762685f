//! How pods and their containers stand, from what happened: what the API, and kube-state-metrics behind it, show.

use oomsim_core::kubelet::RestartWakeup;
use oomsim_core::node_api::{Name, PodPhase, PodReason, QosClass, TerminatedReason};
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::record::Record;
use oomsim_core::units::SimTime;
use std::collections::BTreeMap;

/// Pods by `namespace/name`, as they stand.
#[derive(Debug)]
pub(crate) struct Pods {
    pub all: BTreeMap<Name, Pod>,
    /// Whether a container that waits for its restart shows that. Since 1.35 it shows its end until just before the
    /// restart (pod_workers.go completeWork; kubernetes#133066).
    shows_waits: bool,
}

/// A pod that was bound to the node.
#[derive(Debug, Default)]
pub(crate) struct Pod {
    pub qos: Option<QosClass>,
    pub bound: SimTime,
    pub phase: Option<PodPhase>,
    pub reason: Option<PodReason>,
    pub message: Name,
    /// Message of its eviction, if it was evicted.
    pub evicted: Option<Name>,
    pub containers: BTreeMap<Name, Container>,
}

/// A container that was started at least once.
#[derive(Debug, Default)]
pub(crate) struct Container {
    pub restarts: u32,
    /// Since when it runs; `None`: it does not.
    pub running: Option<SimTime>,
    /// It shows that it waits for its restart.
    pub backs_off: bool,
    pub last: Option<Terminated>,
    /// The end before that.
    pub earlier: Option<Terminated>,
}

/// How a container ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminated {
    pub reason: TerminatedReason,
    pub exit_code: i32,
    pub finished_at: SimTime,
}

impl Pods {
    /// None yet, of a run of this scenario.
    pub fn of(scenario: &Scenario) -> Pods {
        let wakeup = scenario.kubelet.as_ref().map(|kubelet| kubelet.profile.restart_wakeup);
        Pods { all: BTreeMap::new(), shows_waits: wakeup.is_none_or(|wakeup| wakeup == RestartWakeup::Poll) }
    }

    /// Something happened.
    pub fn apply(&mut self, at: SimTime, record: &Record) {
        match record {
            Record::PodScheduled { pod, qos } => {
                let pod = self.pod(pod);
                (pod.qos, pod.bound) = (Some(*qos), at);
            }
            Record::PodPhase { pod, phase, reason, message } => {
                let pod = self.pod(pod);
                (pod.phase, pod.reason, pod.message) = (Some(*phase), *reason, message.clone());
            }
            Record::PodRejected { pod, reason, message } => {
                let pod = self.pod(pod);
                (pod.phase, pod.reason, pod.message) = (Some(PodPhase::Failed), Some(*reason), message.clone());
            }
            Record::ContainerStarted { pod, container, restart_count } => {
                let known = self.container(pod, container);
                (known.restarts, known.running, known.backs_off) = (*restart_count, Some(at), false);
            }
            Record::ContainerTerminated { pod, container, reason, exit_code, finished_at } => {
                let known = self.container(pod, container);
                known.running = None;
                known.earlier = known.last;
                known.last = Some(Terminated { reason: *reason, exit_code: *exit_code, finished_at: *finished_at });
            }
            Record::BackOff { pod, container, .. } if self.shows_waits => {
                self.container(pod, container).backs_off = true;
            }
            Record::Evicted { pod, message, .. } => self.pod(pod).evicted = Some(message.clone()),
            _ => {}
        }
    }

    fn pod(&mut self, pod: &Name) -> &mut Pod {
        self.all.entry(pod.clone()).or_default()
    }

    fn container(&mut self, pod: &Name, container: &Name) -> &mut Container {
        self.pod(pod).containers.entry(container.clone()).or_default()
    }
}

/// What a pod (`namespace/name`) was made from. Replicas and successors have something behind the name of their plan:
/// the plan with the longest name that fits is theirs.
pub(crate) fn plan_of<'s>(scenario: &'s Scenario, pod: &str) -> Option<&'s PodPlan> {
    let is = |plan: &&PodPlan| {
        let rest = pod.strip_prefix(&*plan.namespace).and_then(|rest| rest.strip_prefix('/'));
        let rest = rest.and_then(|name| name.strip_prefix(&*plan.spec.name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    scenario.pods.iter().filter(is).max_by_key(|plan| plan.spec.name.len())
}

/// Whether a container of this pod is one of its init containers.
pub(crate) fn is_init(scenario: &Scenario, pod: &str, container: &str) -> bool {
    plan_of(scenario, pod).is_some_and(|plan| plan.spec.init_containers.iter().any(|init| *init.name == *container))
}
