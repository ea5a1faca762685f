//! The node: its parts, each of which owns its state, and what it lends them.

use super::Event;
use super::kubelet::Kubelet;
use super::machine::Machine;
use super::observe::{Cx, Recorder};
use super::pods::{Lent, Pods};
use super::runtime::Runtime;
use crate::engine::{Scheduler, StreamFactory};
use crate::node_api::Name;
use crate::plan::Scenario;
use crate::units::SimTime;
use std::sync::Arc;

/// The whole modelled node in one run. Cloning it forks the run.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) scenario: Arc<Scenario>,
    pub(super) streams: StreamFactory,
    pub(super) now: SimTime,
    pub(super) machine: Machine,
    pub(super) runtime: Runtime,
    pub(super) pods: Pods,
    pub(super) kubelet: Option<Box<Kubelet>>,
    /// Why the kubelet refused to start: the node never takes a pod.
    pub(super) no_kubelet: Option<Name>,
    pub(super) recorder: Recorder,
}

impl Node {
    /// A copy without what has been recorded.
    pub(super) fn without_log(&self) -> Node {
        Node {
            scenario: Arc::clone(&self.scenario),
            streams: self.streams.clone(),
            now: self.now,
            machine: self.machine.clone(),
            runtime: self.runtime.clone(),
            pods: self.pods.clone(),
            kubelet: self.kubelet.clone(),
            no_kubelet: self.no_kubelet.clone(),
            recorder: self.recorder.without_log(),
        }
    }

    /// The pods, and the parts that their workers use.
    #[inline]
    pub(super) fn lend<'a>(&'a mut self, queue: &'a mut Scheduler<Event>) -> (&'a mut Pods, Lent<'a>) {
        let cx = Cx { now: self.now, queue, log: &mut self.recorder, streams: &self.streams };
        let kubelet = self.kubelet.as_deref_mut();
        (&mut self.pods, Lent { machine: &mut self.machine, runtime: &mut self.runtime, kubelet, cx })
    }

    /// After an event: what ended in it is forgotten. Pending events find out by index that it is gone.
    #[inline]
    pub(super) fn forget_dead(&mut self) {
        self.machine.programs.forget_dead();
        self.pods.forget_gone(&mut self.runtime);
    }
}
