//! A run that can be looked at.

use oomsim_core::engine::EngineError;
use oomsim_core::kubelet::EffectiveKubelet;
use oomsim_core::node::NodeView;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::record::{Happening, History, Keep, PassFigures, PodSample, Sample, happenings};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::{BootedNode, Simulation};
use std::sync::Arc;

/// A scenario's run with everything kept, which can be taken up again at any instant.
#[derive(Clone, Debug)]
pub struct Run {
    scenario: Arc<Scenario>,
    booted: BootedNode,
    seed: u64,
    history: History,
    happenings: Vec<Happening>,
}

impl Run {
    /// Runs a scenario.
    ///
    /// # Errors
    /// When the limits on the number of events are exceeded.
    pub fn new(scenario: Arc<Scenario>, seed: u64) -> Result<Run, EngineError> {
        let history = BootedNode::new(Arc::clone(&scenario), Keep::Series).run(seed)?;
        let booted = BootedNode::new(Arc::clone(&scenario), Keep::Outcome);
        Ok(Run { happenings: happenings(&history), scenario, booted, seed, history })
    }

    /// What was run.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What happened.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Everything that has a cause, in order of time.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// The node right before what happens at an instant; `None`: the run cannot be repeated up to there.
    pub fn view(&self, at: SimTime) -> Option<NodeView> {
        let mut again = self.again();
        again.run_until(at).ok()?;
        Some(again.view())
    }

    /// The same run, about to begin again, with nothing recorded.
    pub fn again(&self) -> Simulation {
        self.booted.clone().simulation(self.seed)
    }

    /// The plan of a pod, `namespace/name`: replicas and successors have the name of their plan and more.
    pub fn plan_of(&self, pod: &str) -> Option<&PodPlan> {
        let pods = &self.scenario.pods;
        let successor = |plan: &&PodPlan| {
            pod.strip_prefix(plan.full_name().as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        pods.iter().filter(successor).max_by_key(|plan| plan.full_name().len())
    }

    /// What the kubelet's configuration comes to; `None`: none runs.
    pub fn kubelet(&self) -> Option<&EffectiveKubelet> {
        self.scenario.kubelet.as_ref()?.effective.as_deref().ok()
    }

    /// From the end of one pass of the eviction manager to the start of the next.
    pub fn monitoring_period(&self) -> SimDuration {
        self.scenario.kubelet.as_ref().map_or(SimDuration::ZERO, |plan| plan.timing.monitoring_period)
    }

    /// The last sample at or before an instant, of several the first: what held before that instant changed it.
    pub fn sample(&self, at: SimTime) -> Option<&Sample> {
        let samples = &self.history.series.samples;
        let after = samples.partition_point(|sample| sample.at < at);
        match samples.get(after) {
            Some(exactly) if exactly.at == at => Some(exactly),
            _ => after.checked_sub(1).and_then(|before| samples.get(before)),
        }
    }

    /// A pod in a sample.
    pub fn pod_in(&self, sample: &Sample, pod: &str) -> Option<PodSample> {
        let named = |p: &&PodSample| self.history.series.pods.get(p.pod as usize).is_some_and(|name| &**name == pod);
        sample.pods.iter().find(named).copied()
    }

    /// Every pod in a sample with its working set.
    pub fn pods_in<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = (&'a Name, Bytes)> {
        let name = |p: &PodSample| self.history.series.pods.get(p.pod as usize).map(|name| (name, p.working_set));
        sample.pods.iter().filter_map(name)
    }

    /// The last pass of the eviction manager at or before an instant, and its place.
    pub fn pass_before(&self, at: SimTime) -> Option<(usize, &PassFigures)> {
        let passes = &self.history.passes;
        let after = passes.partition_point(|pass| pass.at <= at);
        after.checked_sub(1).map(|place| (place, &passes[place]))
    }
}
