//! All pods that a node has had. Each keeps its index for ever; of one that is gone only its outcome is kept.

use super::preempt::Preemption;
use super::probe::Probing;
use super::unreachable::Reports;
use super::{Container, Pod, PodState, Template};
use crate::kernel::make_room;
use crate::kubelet::admission::Room;
use crate::kubelet::{ContainerBackoff, DaemonSetBackoff};
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::runtime::Runtime;
use crate::node_api::Name;
use crate::plan::Scenario;
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// All pods that the node has had.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Pods {
    all: Vec<Pod>,
    /// Those of which something is on the node, in order.
    live: Vec<PodIx>,
    /// Those of which nothing is left since the event being handled.
    gone: Vec<PodIx>,
    /// What pods are made from, by plan.
    templates: Arc<[Arc<Template>]>,
    /// How many pods each replica of a plan has had.
    generations: BTreeMap<(u32, u32), u32>,
    /// The kubelet did not start.
    pub node_is_never_ready: bool,
    /// What those take in admission that may have running containers.
    used: Room,
    /// Critical pods that wait until others have made room.
    pub(super) preemptions: Vec<Preemption>,
    /// How many pods a plan has, of those that were scaled.
    wanted: BTreeMap<u32, u32>,
    /// How long the DaemonSet controller waits before it replaces a failed pod, by plan and replica.
    daemon_backoff: BTreeMap<(u32, u32), DaemonSetBackoff>,
    /// Probes that are followed.
    pub(super) probing: Vec<Probing>,
    /// What the control plane knows of the node.
    pub(super) reports: Reports,
    /// Pods that were marked for deletion while the node was unreachable.
    pub(super) marked: Vec<PodIx>,
}

impl Pods {
    /// What the pods of each plan are made from.
    pub fn set_templates(&mut self, templates: Arc<[Arc<Template>]>) {
        self.templates = templates;
    }

    /// What the pods of a plan are made from.
    pub fn template_of_plan(&self, plan: u32) -> &Arc<Template> {
        &self.templates[plan as usize]
    }

    /// What a pod was made from, or has become since.
    #[inline]
    pub fn template(&self, pod: PodIx) -> &Arc<Template> {
        &self[pod as usize].template
    }

    /// A pod has become another: what it requests counts from now on.
    pub fn set_template(&mut self, pod: PodIx, template: Arc<Template>) {
        let before = self.template(pod).request;
        self.used.memory = self.used.memory - before + template.request;
        self[pod as usize].template = template;
    }

    /// How many pods a plan is to have; `planned` unless it was scaled.
    pub fn wanted(&self, plan: u32, planned: u32) -> u32 {
        self.wanted.get(&plan).copied().unwrap_or(planned)
    }

    /// A plan is scaled.
    pub fn want(&mut self, plan: u32, replicas: u32) {
        self.wanted.insert(plan, replicas);
    }

    /// The pod of this name (`namespace/name`) that is on the node, unless it is being stopped.
    pub fn named(&self, name: &str) -> Option<PodIx> {
        let there = |p: &Pod| &*p.name == name && matches!(p.state, PodState::Creating | PodState::Active);
        self.live.iter().copied().find(|&pod| there(&self[pod as usize]))
    }

    /// What has become of a pod of this name (`namespace/name`) that is not there to be changed; `None`: none is known.
    pub fn whereabouts(&self, name: &str, scenario: &Scenario) -> Option<String> {
        let planned = || scenario.pods.iter().any(|plan| plan.full_name() == name);
        Some(match self.all.iter().rfind(|pod| *pod.name == *name).map(|pod| pod.state) {
            Some(PodState::Creating | PodState::Active) => format!("the pod {name} is only being started"),
            Some(PodState::Terminating) => format!("the pod {name} is already being stopped"),
            Some(PodState::Stopped | PodState::Gone) => format!("the pod {name} has ended"),
            None if planned() => format!("the pod {name} is not on the node yet"),
            None => return None,
        })
    }

    /// A kubelet that has restarted knows of no back-off.
    pub fn forget_backoffs(&mut self) {
        for &pod in &self.live {
            self.all[pod as usize].containers.iter_mut().for_each(|c| c.backoff = ContainerBackoff::default());
        }
    }

    /// How long the DaemonSet controller waits with a pod of this replica.
    pub fn daemon_backoff(&mut self, plan: u32, replica: u32) -> &mut DaemonSetBackoff {
        self.daemon_backoff.entry((plan, replica)).or_default()
    }

    /// How many pods this replica has had.
    pub fn generation(&self, plan: u32, replica: u32) -> u32 {
        self.generations.get(&(plan, replica)).copied().unwrap_or(0)
    }

    /// A new pod.
    pub fn add(&mut self, pod: Pod) -> PodIx {
        let ix = self.all.len() as PodIx;
        *self.generations.entry((pod.plan, pod.replica)).or_default() += 1;
        self.live.push(ix);
        let used = Room::of_pod(self.template_of_plan(pod.plan).request);
        self.used = Room { pods: self.used.pods + 1, memory: self.used.memory.saturating_add(used.memory) };
        make_room(&mut self.all);
        self.all.push(pod);
        ix
    }

    /// Every pod that there has been, in order.
    pub fn all(&self) -> &[Pod] {
        &self.all
    }

    /// Those of which something is on the node, in order.
    #[inline]
    pub fn live(&self) -> &[PodIx] {
        &self.live
    }

    /// What all pods take in admission that may have running containers.
    pub fn used(&self) -> Room {
        self.used
    }

    /// A pod's containers and sandbox are stopped: its place and what it requested are free.
    pub fn stopped(&mut self, pod: PodIx) {
        self[pod as usize].state = PodState::Stopped;
        self.used = self.used - Room::of_pod(self.template(pod).request);
    }

    /// Nothing of a pod is left on the node.
    pub fn leave(&mut self, pod: PodIx) {
        if self[pod as usize].state != PodState::Stopped {
            self.stopped(pod);
        }
        self[pod as usize].state = PodState::Gone;
        self.gone.push(pod);
        if let Ok(place) = self.live.binary_search(&pod) {
            self.live.remove(place);
        }
    }

    /// Of the pods that went in the event being handled only what their outcome says is kept.
    #[inline]
    pub fn forget_gone(&mut self, runtime: &mut Runtime) {
        if self.gone.is_empty() {
            return;
        }
        for pod in self.gone.drain(..) {
            let p = &mut self.all[pod as usize];
            p.ended = Some(p.containers_summary(&self.templates[p.plan as usize].init));
            p.containers = Vec::new();
            p.uid = Name::default();
            runtime.forget(pod);
        }
    }

    pub fn container(&self, c: ContainerRef) -> &Container {
        &self[c.pod as usize].containers[c.index as usize]
    }

    pub fn container_mut(&mut self, c: ContainerRef) -> &mut Container {
        &mut self[c.pod as usize].containers[c.index as usize]
    }
}

impl Index<usize> for Pods {
    type Output = Pod;

    fn index(&self, pod: usize) -> &Pod {
        &self.all[pod]
    }
}

impl IndexMut<usize> for Pods {
    fn index_mut(&mut self, pod: usize) -> &mut Pod {
        &mut self.all[pod]
    }
}
