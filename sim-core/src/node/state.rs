//! The node: its parts, each of which owns its state.

use super::ids::{ContainerRef, PodIx};
use super::kubelet::Kubelet;
use super::memory::Memory;
use super::observe::Recorder;
use super::pods::{Container, Pod, Pods};
use super::programs::{ProcessOwner, ProgramTable};
use crate::engine::StreamFactory;
use crate::node_api::Name;
use crate::plan::Scenario;
use crate::record::Owner;
use crate::units::{CgroupId, SimTime};
use std::sync::Arc;

/// The whole modelled node in one run. Cloning it forks the run.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) scenario: Arc<Scenario>,
    pub(super) streams: StreamFactory,
    pub(super) now: SimTime,
    pub(super) memory: Memory,
    pub(super) programs: ProgramTable,
    pub(super) pods: Pods,
    pub(super) kubelet: Option<Box<Kubelet>>,
    /// The cgroup of all pods.
    pub(super) kubepods: Option<CgroupId>,
    pub(super) panicked: bool,
    /// Why the kubelet refused to start: the node never takes a pod.
    pub(super) no_kubelet: Option<Name>,
    pub(super) recorder: Recorder,
    /// When the series are sampled next.
    pub(super) next_sample: SimTime,
}

impl Node {
    /// A copy without what has been recorded.
    pub(super) fn without_log(&self) -> Node {
        Node {
            scenario: Arc::clone(&self.scenario),
            streams: self.streams.clone(),
            now: self.now,
            memory: self.memory.clone(),
            programs: self.programs.clone(),
            pods: self.pods.clone(),
            kubelet: self.kubelet.clone(),
            kubepods: self.kubepods,
            panicked: self.panicked,
            no_kubelet: self.no_kubelet.clone(),
            recorder: self.recorder.without_log(),
            next_sample: self.next_sample,
        }
    }

    pub(super) fn container(&self, c: ContainerRef) -> &Container {
        self.pods.container(c)
    }

    pub(super) fn container_mut(&mut self, c: ContainerRef) -> &mut Container {
        self.pods.container_mut(c)
    }

    pub(super) fn pod(&self, pod: PodIx) -> &Pod {
        &self.pods[pod as usize]
    }

    pub(super) fn pod_mut(&mut self, pod: PodIx) -> &mut Pod {
        &mut self.pods[pod as usize]
    }

    /// Whose a process is, for records.
    pub(super) fn owner(&self, of: &ProcessOwner) -> Owner {
        match of {
            ProcessOwner::Container(c) => {
                Owner::Container { pod: self.pod(c.pod).name.clone(), container: self.container(*c).name.clone() }
            }
            ProcessOwner::Pause(pod) => Owner::Container { pod: self.pod(*pod).name.clone(), container: "POD".into() },
            ProcessOwner::Host(name) => Owner::Host(name.clone()),
        }
    }

    /// After an event: what ended in it is forgotten. Pending events find out by index that it is gone.
    #[inline]
    pub(super) fn forget_dead(&mut self) {
        self.programs.forget_dead();
        self.pods.forget_gone();
    }

    /// Nothing of a pod is left on the node.
    pub(super) fn pod_gone(&mut self, pod: PodIx) {
        self.pods.leave(pod);
        if let Some(kubelet) = &mut self.kubelet {
            kubelet.forget(pod);
        }
    }
}
