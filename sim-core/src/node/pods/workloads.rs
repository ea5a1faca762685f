//! What someone does to workloads and pods during a run: scale, roll, delete, reach into a container.

use super::{Lent, PodState, Pods};
use crate::engine::Phase;
use crate::kubelet::DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS;
use crate::node::Event;
use crate::node::changes::ChangeError;
use crate::node::ids::{ContainerRef, PodIx, ProcIx};
use crate::node_api::Name;
use crate::plan::Controller;
use crate::record::{DeathCause, Record};
use crate::units::{CgroupId, SimDuration};

/// A new pod counts as available this long after its containers were started (no readiness probe is modelled).
const AVAILABLE_AFTER: SimDuration = SimDuration::from_secs(1);

impl Pods {
    /// `kubectl delete pod`. Its controller makes a new one: a ReplicaSet at once, others when it is gone.
    pub fn delete(&mut self, pod: &Name, grace: Option<i64>, lent: &mut Lent<'_>) -> Result<(), ChangeError> {
        let ix = self.named(pod).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
        let of = &self[ix as usize];
        let (plan_ix, replica) = (of.plan, of.replica);
        let plan = &lent.machine.scenario.pods[plan_ix as usize];
        match plan.controller {
            Controller::None | Controller::Job => {}
            Controller::Deployment => {
                let arrives = Event::PodArrives { plan: plan_ix, replica };
                lent.cx.queue.after(plan.recreate_after, Phase::Inject, plan_ix, arrives);
            }
            Controller::StatefulSet | Controller::DaemonSet => self[ix as usize].replaced_when_gone = true,
        }
        self.stop_gracefully(ix, grace, lent);
        Ok(())
    }

    /// Stops a pod that is deleted, with this grace period in seconds or its own.
    pub(super) fn stop_gracefully(&mut self, pod: PodIx, grace: Option<i64>, lent: &mut Lent<'_>) {
        let own = self.template(pod).spec.termination_grace_period_seconds;
        let grace = grace.or(own).unwrap_or(DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS);
        self[pod as usize].deleted = true;
        if self[pod as usize].state == PodState::Terminating {
            return self.hurry(pod, grace, lent);
        }
        let wait = self.until_worker_looks(pod, lent);
        if wait > SimDuration::ZERO {
            return self.worker_will_stop(pod, grace, DeathCause::ContainerStop, wait, lent);
        }
        self.record_kills_of(pod, lent);
        self.stop(pod, grace, DeathCause::ContainerStop, lent);
    }

    /// The plan with this name.
    fn workload(&self, name: &Name, lent: &Lent<'_>) -> Result<u32, ChangeError> {
        let place = lent.machine.scenario.pods.iter().position(|plan| plan.full_name() == **name);
        place.map(|plan| plan as u32).ok_or_else(|| ChangeError::NoSuchWorkload(name.clone()))
    }

    /// Pods of a plan that are on the node and not being stopped, by replica.
    fn of_workload(&self, plan: u32) -> Vec<(u32, PodIx)> {
        let there = |pod: &PodIx| matches!(self[*pod as usize].state, PodState::Creating | PodState::Active);
        let of_plan = self.live().iter().copied().filter(|&pod| self[pod as usize].plan == plan).filter(there);
        let mut all: Vec<(u32, PodIx)> = of_plan.map(|pod| (self[pod as usize].replica, pod)).collect();
        all.sort_unstable();
        all
    }

    /// A workload gets this many pods: the last ones go, or new ones come.
    pub fn scale(
        &mut self,
        workload: &Name,
        replicas: u32,
        record: impl FnOnce() -> Record,
        lent: &mut Lent<'_>,
    ) -> Result<(), ChangeError> {
        let plan = self.workload(workload, lent)?;
        let planned = &lent.machine.scenario.pods[plan as usize];
        let (before, recreate_after) = (self.wanted(plan, planned.replicas), planned.recreate_after);
        lent.record(record());
        self.want(plan, replicas);
        for replica in before..replicas {
            let arrives = Event::PodArrives { plan, replica };
            lent.cx.queue.after(recreate_after, Phase::Inject, plan, arrives);
        }
        let surplus = self.of_workload(plan).into_iter().rev().take_while(|(replica, _)| *replica >= replicas);
        for (_, pod) in surplus.collect::<Vec<_>>() {
            self.stop_gracefully(pod, None, lent);
        }
        Ok(())
    }

    /// Every pod of a workload is replaced, the first now.
    pub fn roll(
        &mut self,
        workload: &Name,
        every: SimDuration,
        record: impl FnOnce() -> Record,
        lent: &mut Lent<'_>,
    ) -> Result<(), ChangeError> {
        let plan = self.workload(workload, lent)?;
        lent.record(record());
        for (n, (replica, _)) in (0..).zip(self.of_workload(plan)) {
            let delay = SimDuration::from_nanos(every.as_nanos().saturating_mul(n));
            lent.cx.queue.after(delay, Phase::Inject, plan, Event::PodRolls { plan, replica });
        }
        Ok(())
    }

    /// It is a pod's turn to be replaced. A Deployment starts the new one first (`maxSurge`), others stop the old one.
    pub fn rolls(&mut self, plan_ix: u32, replica: u32, lent: &mut Lent<'_>) {
        let Some(&(_, pod)) = self.of_workload(plan_ix).iter().find(|(of, _)| *of == replica) else { return };
        let plan = &lent.machine.scenario.pods[plan_ix as usize];
        let arrives = Event::PodArrives { plan: plan_ix, replica };
        if plan.controller == Controller::Deployment {
            let timing = lent.runtime.timing;
            let available = timing.sandbox_create + timing.container_create + AVAILABLE_AFTER;
            lent.cx.queue.after(SimDuration::ZERO, Phase::Inject, plan_ix, arrives);
            lent.cx.queue.after(available, Phase::Inject, plan_ix, Event::PodRetires(pod));
            return;
        }
        self[pod as usize].replaced_when_gone = true;
        self.stop_gracefully(pod, None, lent);
    }

    /// The successor of a pod is available: it goes.
    pub fn retires(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        if matches!(self[pod as usize].state, PodState::Creating | PodState::Active) {
            self.stop_gracefully(pod, None, lent);
        }
    }

    /// A container of a pod by its name; the first that runs without one.
    fn container_of(&self, pod: &Name, container: Option<&Name>, lent: &Lent<'_>) -> Result<ContainerRef, ChangeError> {
        let ix = self.named(pod).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
        let mut all = (0..).zip(&self[ix as usize].containers).map(|(index, of)| (ContainerRef { pod: ix, index }, of));
        let found = match container {
            Some(name) => all.find(|(_, of)| of.name == *name),
            None => all.find(|(c, _)| lent.runtime.get(*c).is_some_and(|run| run.running)),
        };
        let missing = || ChangeError::NoSuchContainer(container.cloned().unwrap_or_else(|| "that runs".into()));
        found.map(|(c, _)| c).ok_or_else(missing)
    }

    /// The cgroup of a pod, or of one of its containers.
    pub fn cgroup_of(&self, pod: &Name, container: Option<&Name>, lent: &Lent<'_>) -> Result<CgroupId, ChangeError> {
        let cgroup = match container {
            Some(_) => lent.runtime.get(self.container_of(pod, container, lent)?).and_then(|run| run.cgroup),
            None => self.named(pod).and_then(|ix| self[ix as usize].cgroup),
        };
        cgroup.ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))
    }

    /// The first process of a container.
    pub fn first_process(&self, pod: &Name, container: Option<&Name>, lent: &Lent<'_>) -> Result<ProcIx, ChangeError> {
        let c = self.container_of(pod, container, lent)?;
        let pid1 = lent.runtime.get(c).and_then(|run| run.pid1);
        pid1.ok_or_else(|| ChangeError::NoSuchContainer(self.container(c).name.clone()))
    }
}
