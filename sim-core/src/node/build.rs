//! From a scenario to a node ready to run.

use super::Event;
use super::kubelet::Kubelet;
use super::machine::Machine;
use super::memory::SystemText;
use super::observe::{Cx, Recorder};
use super::pods::{Pods, Template};
use super::programs::{Executable, ProcessOwner, SpawnContext};
use super::runtime::Runtime;
use super::simulation::Simulation;
use super::state::Node;
use crate::engine::{EngineError, Phase, Scheduler, StreamFactory};
use crate::kernel::MemOp;
use crate::node_api::Name;
use crate::plan::{KubeletPlan, Scenario};
use crate::record::{History, Keep, Owner, Record};
use crate::units::{Bytes, Pages, SimDuration, SimTime};
use crate::workload::{Footprint, TermReaction};
use std::sync::Arc;

/// A node that has booted, with its kubelet started and nothing drawn yet: runs that differ in the seed begin with
/// copies of it.
#[derive(Clone, Debug)]
pub struct BootedNode {
    node: Node,
    queue: Scheduler<Event>,
}

impl BootedNode {
    /// The node of `scenario`, for runs of which `keep` is kept.
    pub fn new(scenario: Arc<Scenario>, keep: Keep) -> Self {
        let mut queue = Scheduler::new();
        let mut node = Node {
            streams: StreamFactory::new(scenario.seed),
            now: SimTime::ZERO,
            machine: Machine::new(Arc::clone(&scenario)),
            runtime: Runtime::new(scenario.node.runtime),
            pods: Pods::default(),
            kubelet: None,
            no_kubelet: None,
            recorder: Recorder::new(keep, scenario.warnings.clone()),
            scenario,
        };
        node.boot(&mut queue);
        BootedNode { node, queue }
    }

    /// What the node is made from.
    pub fn scenario(&self) -> &Scenario {
        &self.node.scenario
    }

    /// A run with `seed`, about to begin.
    pub fn simulation(self, seed: u64) -> Simulation {
        let BootedNode { mut node, mut queue } = self;
        node.begin(seed, &mut queue);
        Simulation::begun(node, queue, seed)
    }

    /// Runs with `seed` to the end.
    ///
    /// # Errors
    /// When the limits on the number of events are exceeded.
    pub fn run(self, seed: u64) -> Result<History, EngineError> {
        let mut simulation = self.simulation(seed);
        simulation.run_until(SimTime::MAX)?;
        Ok(simulation.finish())
    }
}

impl Node {
    /// Everything up to the first draw.
    fn boot(&mut self, queue: &mut Scheduler<Event>) {
        let (_, mut lent) = self.lend(queue);
        lent.machine.system_processes(&mut lent.cx);
        let scenario = Arc::clone(&self.scenario);
        if let Some(plan) = &scenario.kubelet {
            self.start_kubelet(plan, queue);
        }
        let templates =
            scenario.pods.iter().map(|plan| Template::new(plan, self.kubelet.as_deref(), &self.machine)).collect();
        self.pods.set_templates(templates);
    }

    /// The kubelet starts, unless its configuration does not let it.
    fn start_kubelet(&mut self, plan: &KubeletPlan, queue: &mut Scheduler<Event>) {
        match &plan.effective {
            Ok(effective) => {
                let (_, mut lent) = self.lend(queue);
                let plan = Arc::new(plan.clone());
                let kubelet = Kubelet::start(plan, Arc::clone(effective), lent.machine, &mut lent.cx);
                self.kubelet = Some(Box::new(kubelet));
            }
            Err(refused) => {
                let message = Name::from(refused.to_string());
                self.no_kubelet = Some(message.clone());
                self.pods.node_is_never_ready = true;
                self.recorder.record(self.now, Record::KubeletNotStarted { message });
            }
        }
    }

    /// The run of `seed` begins.
    fn begin(&mut self, seed: u64, queue: &mut Scheduler<Event>) {
        self.streams = StreamFactory::new(seed);
        self.machine.memory.draw_from(&self.streams);
        let scenario = Arc::clone(&self.scenario);
        if self.recorder.takes_samples() {
            let every = scenario.sample_every.as_nanos().max(1);
            // And a few around each thing that happens.
            self.recorder.expect_samples(scenario.duration.as_nanos() / every + 16);
        }
        let (pods, mut lent) = self.lend(queue);
        if let Some(kubelet) = &mut lent.kubelet {
            kubelet.start_clocks(&mut lent.cx);
        }
        pods.update_qos_cgroups(&mut lent);
        lent.machine.start_killers(&mut lent.cx);
        for (n, plan) in scenario.pods.iter().enumerate() {
            let plan_ix = n as u32;
            for replica in 0..plan.replicas {
                let mut at = plan.at;
                if plan.at_spread > SimDuration::ZERO {
                    let name = format!("{}/{}/{replica}/arrival", plan.namespace, plan.spec.name);
                    at += self.streams.stream(&*name).between(SimDuration::ZERO, plan.at_spread);
                }
                queue.at(at, Phase::Inject, plan_ix, Event::PodArrives { plan: plan_ix, replica });
            }
        }
        for (n, plan) in scenario.hosts.iter().enumerate() {
            let at = SimTime::ZERO.saturating_add(plan.process.at);
            queue.at(at, Phase::Inject, n as u32, Event::HostStarts(n as u32));
        }
        for (n, injection) in scenario.injections.iter().enumerate() {
            queue.at(injection.at, Phase::Inject, n as u32, Event::Inject(n as u32));
        }
    }
}

impl Machine {
    /// What the operating system holds before the first pod: one process in system.slice and some cached files.
    fn system_processes(&mut self, cx: &mut Cx<'_>) {
        let scenario = Arc::clone(&self.scenario);
        let node = &scenario.node;
        let cgroup = self.memory.mkdir_all("/system.slice");
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Host,
            shown: Owner::Host("system".into()),
            parent: None,
            session: None,
            oom_score_adj: -1000,
        };
        let system = Executable {
            comm: &"system".into(),
            uid: 0,
            pid: Some(1),
            footprint: &Footprint { anon: node.system_anon, ..Footprint::default() },
            term: TermReaction::Ignore,
        };
        let Some(p) = self.spawn(system, context, cx) else { return };
        if node.system_committed > Bytes::ZERO {
            let mapping = crate::kernel::Mapping::PRIVATE;
            self.apply(p, MemOp::Map { size: node.system_committed, mapping }, cx);
        }
        for (size, active) in [(node.system_inactive_file, false), (node.system_active_file, true)] {
            let pages = size.to_pages_ceil();
            if pages.is_zero() {
                continue;
            }
            let file = self.memory.nameless_file(size);
            if active {
                self.read_active(p, file, Pages::ZERO, pages, cx);
            } else {
                let how = crate::kernel::FileAccess::Read;
                self.apply(p, MemOp::ReadFile { file, from: Pages::ZERO, pages, how }, cx);
            }
        }
        let pages = node.kernel.system_text.to_pages_ceil();
        if !pages.is_zero() {
            let file = self.memory.nameless_file(node.kernel.system_text);
            let how = crate::kernel::FileAccess::Mmap;
            self.apply(p, MemOp::ReadFile { file, from: Pages::ZERO, pages, how }, cx);
            self.system_text = Some(SystemText { file, pages, reader: p });
        }
        let pages = node.system_mlocked_file.to_pages_ceil();
        if !pages.is_zero() {
            let file = self.memory.nameless_file(node.system_mlocked_file);
            let how = crate::kernel::FileAccess::Mmap;
            self.apply(p, MemOp::ReadFile { file, from: Pages::ZERO, pages, how }, cx);
            self.apply(p, MemOp::MlockFile { file }, cx);
        }
    }
}

/// Runs a scenario to its end.
///
/// # Errors
/// When the limits on the number of events are exceeded.
pub fn simulate(scenario: &Arc<Scenario>, seed: u64, keep: Keep) -> Result<History, EngineError> {
    BootedNode::new(Arc::clone(scenario), keep).run(seed)
}
