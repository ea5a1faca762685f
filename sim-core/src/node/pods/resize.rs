//! A running container's requests and limits change in place.

use super::start::write_cgroup;
use super::{Lent, Pods, Template};
use crate::engine::{Phase, RunsBehind};
use crate::kubelet::{ContainerSpec, ResourceList, ResourceRequirements, RestartPolicy};
use crate::node::Event;
use crate::node::changes::ChangeError;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::kubelet::{Kubelet, Look};
use crate::node::memory::Scope;
use crate::node_api::{Name, PodEventReason};
use crate::record::{DeathCause, Record, Resized};
use crate::units::Bytes;
use serde::Serialize;
use std::sync::Arc;

/// A resize that the API has taken and the cgroups do not have yet.
#[derive(Clone, Debug)]
pub(in crate::node) struct PendingResize {
    /// Which of the pod's resizes.
    turn: u32,
    /// The container that was changed last.
    index: u32,
    /// What the cgroups have.
    before: Arc<Template>,
    /// Why the kubelet could not make it, the last time.
    error: Option<Name>,
}

/// The pod as the events of a resize name it (kubelet/allocation).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<ContainerSummary<'a>>,
    containers: Vec<ContainerSummary<'a>>,
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ContainerSummary<'a> {
    name: &'a str,
    resources: Resources<'a>,
}

/// In the order of the API's type.
#[derive(Serialize)]
struct Resources<'a> {
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    limits: &'a ResourceList,
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    requests: &'a ResourceList,
}

impl<'a> ContainerSummary<'a> {
    fn of(spec: &'a ContainerSpec) -> Self {
        let resources = Resources { limits: &spec.resources.limits, requests: &spec.resources.requests };
        ContainerSummary { name: &spec.name, resources }
    }
}

impl Pods {
    /// The container gets these resources: the API has them at once, and the kubelet counts with them; the cgroups
    /// follow when the kubelet makes the change.
    pub fn resize(
        &mut self,
        (pod, container): (&Name, &Name),
        resources: &ResourceRequirements,
        record: impl FnOnce() -> Record,
        lent: &mut Lent<'_>,
    ) -> Result<(), ChangeError> {
        let ix = self.named(pod).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
        let place = self[ix as usize].containers.iter().position(|c| c.name == *container);
        let index = place.ok_or_else(|| ChangeError::NoSuchContainer(container.clone()))? as u32;
        let before = Arc::clone(self.template(ix));
        let after = self.with_resources(ix, container, resources, lent);
        if after.qos != before.qos {
            return Err(ChangeError::OtherQosClass(pod.clone()));
        }
        lent.record(record());
        if let Err(refused) = self.api_takes(ContainerRef { pod: ix, index }, &after, lent) {
            let message = format!("{pod}/{container}: the resize is refused: {refused}");
            lent.record(Record::NodeChanged { message: message.into() });
            return Ok(());
        }
        self.set_template(ix, after);
        let of = &mut self[ix as usize];
        of.course.resizes += 1;
        let before = of.course.resize.take().map_or(before, |pending| pending.before);
        of.course.resize = Some(Box::new(PendingResize { turn: of.course.resizes, index, before, error: None }));
        self.resize_event(ix, PodEventReason::ResizeStarted, None, lent);
        self.make_resize(ix, lent);
        Ok(())
    }

    /// What resizes have made of a pod.
    pub fn resized(&self, ix: PodIx) -> Option<Resized> {
        let of = &self[ix as usize].course;
        let error = of.resize.as_ref().and_then(|pending| pending.error.clone());
        (of.resizes > 0).then(|| Resized { containers: Arc::clone(&self.template(ix).spec.containers), error })
    }

    /// The kubelet tries again what it could not do before.
    pub fn resize_again(&mut self, pod: PodIx, turn: u32, lent: &mut Lent<'_>) {
        if self[pod as usize].course.resize.as_ref().is_some_and(|pending| pending.turn == turn) {
            self.make_resize(pod, lent);
        }
    }

    /// The kubelet has started: what it finds to be done is done.
    pub fn make_resizes(&mut self, lent: &mut Lent<'_>) {
        for pod in self.live().to_vec() {
            self.make_resize(pod, lent);
        }
    }

    /// Makes a pending resize. The pod's cgroup is written first if that grows, else last, so that the pod is never too
    /// small for its containers (kuberuntime_manager.go doPodResizeAction).
    fn make_resize(&mut self, ix: PodIx, lent: &mut Lent<'_>) {
        let Some(pending) = self[ix as usize].course.resize.as_deref().cloned().filter(|_| !lent.kubelet_is_down())
        else {
            return;
        };
        if let Some(error) = self.is_in_use(ix, &pending, lent) {
            self.resize_event(ix, PodEventReason::ResizeError, Some(&error), lent);
            if let Some(pending) = &mut self[ix as usize].course.resize {
                pending.error = Some(error.into());
            }
            if let Some(kubelet) = lent.kubelet.as_deref_mut() {
                let again = Event::ResizeAgain { pod: ix, turn: pending.turn };
                lent.cx.queue.after(kubelet.retry_delay(), Phase::Kubelet, ix, again);
            }
            return;
        }
        self[ix as usize].course.resize = None;
        let limit = |template: &Template| template.cgroup.max.unwrap_or(Bytes::MAX);
        let grows = limit(self.template(ix)) >= limit(&pending.before);
        if grows {
            self.write_pod(ix, lent);
        }
        match self.restarts_on_resize(ix, pending.index, lent) {
            // It is stopped, and starts with the new limit.
            true => lent.kill(ix, |of| of == pending.index, DeathCause::ContainerStop),
            false => self.write_container(ContainerRef { pod: ix, index: pending.index }, lent),
        }
        if !grows {
            self.write_pod(ix, lent);
        }
        self.update_qos_cgroups(lent);
        self.resize_event(ix, PodEventReason::ResizeCompleted, None, lent);
        self.route(lent);
    }

    fn restarts_on_resize(&self, pod: PodIx, index: u32, lent: &Lent<'_>) -> bool {
        let plan = &lent.machine.scenario.pods[self[pod as usize].plan as usize];
        plan.containers[index as usize].restarts_on_resize
    }

    /// What a pod is made from when one of its containers has these resources.
    pub(super) fn with_resources(
        &self,
        pod: PodIx,
        container: &Name,
        resources: &ResourceRequirements,
        lent: &Lent<'_>,
    ) -> Arc<Template> {
        let before = self.template(pod);
        let mut plan = lent.machine.scenario.pods[self[pod as usize].plan as usize].clone();
        plan.spec.containers = Arc::clone(&before.spec.containers);
        plan.spec.init_containers.clone_from(&before.spec.init_containers);
        for spec in Arc::make_mut(&mut plan.spec.containers).iter_mut().chain(&mut plan.spec.init_containers) {
            if spec.name == *container {
                spec.resources = resources.clone();
            }
        }
        Template::new(&plan, lent.kubelet.as_deref(), lent.machine)
    }

    /// Whether the API of this release takes the change; the text is its own.
    fn api_takes(&self, c: ContainerRef, after: &Template, lent: &Lent<'_>) -> Result<(), String> {
        let Some(profile) = lent.kubelet.as_deref().map(Kubelet::profile) else { return Ok(()) };
        if !profile.in_place_resize {
            return Err(format!("Kubernetes {} has no in-place resize unless its gate is on", profile.version));
        }
        let restarts = self.restarts_on_resize(c.pod, c.index, lent);
        if restarts || profile.memory_limit_decrease_in_place || self.limit_falls(c, after, lent).is_none() {
            return Ok(());
        }
        Err("memory limits cannot be decreased unless resizePolicy is RestartContainer".into())
    }

    /// The new limit of a running container, if it is lower than the one it has.
    fn limit_falls(&self, c: ContainerRef, after: &Template, lent: &Lent<'_>) -> Option<Bytes> {
        let run = lent.runtime.get(c).filter(|run| run.running)?;
        let limit = after.containers[c.index as usize].cgroup.as_ref()?.max.filter(|max| *max != Bytes::MAX)?;
        run.limit.is_none_or(|before| limit < before).then_some(limit)
    }

    /// Why a limit is not lowered: the kubelet's figures say that more is in use. They are cAdvisor's, each as old as
    /// it is; both sentences state the pod's (kuberuntime_manager.go validatePodResizeAction; story H01 of a node with
    /// 1.36.2).
    fn is_in_use(&self, ix: PodIx, pending: &PendingResize, lent: &mut Lent<'_>) -> Option<String> {
        let c = ContainerRef { pod: ix, index: pending.index };
        let after = Arc::clone(self.template(ix));
        let of_pod = after.cgroup.max.filter(|max| pending.before.cgroup.max.is_none_or(|before| *max < before));
        let restarts = self.restarts_on_resize(ix, pending.index, lent);
        let of_container = self.limit_falls(c, &after, lent).filter(|_| !restarts);
        if restarts || of_pod.is_none() && of_container.is_none() {
            return None;
        }
        let kubelet = lent.kubelet.as_deref()?;
        let settled = lent.machine.settled(Scope::Pod(ix, lent.runtime.containers(ix)), &mut lent.cx);
        let (pod, container) = kubelet.usage_seen(c, Look { settled, pods: self, runtime: lent.runtime });
        let mut errors = Vec::new();
        if let Some(limit) = of_pod.map(Bytes::get).filter(|limit| pod >= *limit) {
            errors.push(format!("attempting to set pod memory limit ({limit}) below current usage ({pod})"));
        }
        if let Some(limit) = of_container.map(Bytes::get).filter(|limit| container >= *limit) {
            let name = &self.container(c).name;
            errors.push(format!(
                "attempting to set container \"{name}\" memory limit ({limit}) below current usage ({pod})"
            ));
        }
        match &errors[..] {
            [] => None,
            [error] => Some(format!("cannot decrease memory limits: {error}")),
            _ => Some(format!("cannot decrease memory limits: [{}]", errors.join(", "))),
        }
    }

    /// An event of a resize, where the release has it.
    fn resize_event(&self, ix: PodIx, reason: PodEventReason, error: Option<&str>, lent: &mut Lent<'_>) {
        let Some(profile) = lent.kubelet.as_deref().map(Kubelet::profile) else { return };
        let (there, what) = match reason {
            PodEventReason::ResizeStarted => (profile.resize_started_event, "started"),
            PodEventReason::ResizeCompleted => (profile.resize_events, "completed"),
            PodEventReason::ResizeError => (profile.resize_events, "error"),
        };
        if !there {
            return;
        }
        let of = &self[ix as usize];
        let spec = &self.template(ix).spec;
        let sidecar = |spec: &&ContainerSpec| spec.restart_policy == Some(RestartPolicy::Always);
        let summary = Summary {
            init_containers: spec.init_containers.iter().filter(sidecar).map(ContainerSummary::of).collect(),
            containers: spec.containers.iter().map(ContainerSummary::of).collect(),
            // The API server counts from 1, and once more for each change.
            generation: of.course.resizes + 1,
            error,
        };
        let summary = serde_json::to_string(&summary).unwrap_or_default();
        let message = format!("Pod resize {what}: {summary}").into();
        lent.record(Record::PodEvent { pod: of.name.clone(), reason, message });
    }

    pub(super) fn write_pod(&self, pod: PodIx, lent: &mut Lent<'_>) {
        if let Some(cgroup) = self[pod as usize].cgroup {
            write_cgroup(cgroup, &self.template(pod).cgroup, lent);
        }
    }

    pub(super) fn write_container(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        let write = self.template(c.pod).containers[c.index as usize].cgroup.as_ref();
        let cgroup = lent.runtime.get(c).and_then(|container| container.cgroup);
        if let (Some(write), Some(cgroup)) = (write, cgroup) {
            let limit = write_cgroup(cgroup, write, lent);
            lent.runtime.set_limit(c, limit);
        }
    }
}
