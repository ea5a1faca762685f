//! The eviction manager's pass over the node (eviction/eviction_manager.go synchronize).

use super::message::{Offenders, eviction_message};
use super::rank::{Candidate, EvictionFacts, PodStats, first_victim};
use super::signals::{MemoryFigures, Observations};
use super::thresholds::{Threshold, ThresholdValue, Thresholds};
use crate::kubelet::config::KubeletConfig;
use crate::kubelet::pod::PodSpec;
use crate::kubelet::profile::KubernetesProfile;
use crate::node_api::Name;
use crate::units::{SimDuration, SimTime};
use smallvec::SmallVec;
use std::fmt;

/// Conditions of the node that eviction reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeConditions {
    /// MemoryPressure.
    pub memory_pressure: bool,
    /// DiskPressure, never set by the model itself; admission treats it as the kubelet does.
    pub disk_pressure: bool,
}

impl NodeConditions {
    /// No condition.
    pub const NONE: NodeConditions = NodeConditions { memory_pressure: false, disk_pressure: false };

    /// True when MemoryPressure is the only one.
    pub fn is_memory_pressure_only(self) -> bool {
        self.memory_pressure && !self.disk_pressure
    }
}

impl fmt::Display for NodeConditions {
    /// The conditions as Go prints the list, without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.memory_pressure, self.disk_pressure) {
            (false, false) => "",
            (true, false) => "MemoryPressure",
            (false, true) => "DiskPressure",
            (true, true) => "MemoryPressure DiskPressure",
        })
    }
}

/// Which of several met thresholds leads. The real manager iterates a Go map from a random slot of eight and then
/// reverses the list, so this is left to chance there; the victim is the same in every case, but grace period and
/// the numbers in the message are those of the leading threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lead {
    /// The most frequent outcome: the last threshold in configuration order.
    #[default]
    MostFrequent,
    /// The outcome for this random number.
    Slot(u32),
}

/// What a pass looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// The node's figures.
    pub node: Option<MemoryFigures>,
    /// Figures of the pods' cgroup (system container `pods`).
    pub pods: Option<MemoryFigures>,
}

/// A threshold by its index in [`Manager::thresholds`].
pub type ThresholdId = usize;

/// What is done to a pod that must go, and said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// Grace period override handed to the pod worker, in seconds.
    pub grace_period_override: i64,
    /// Message of status, condition and event.
    pub message: String,
    /// Whom the message names; the event's annotations say the same.
    pub offenders: Offenders,
    /// The threshold that led to it.
    pub threshold: ThresholdId,
}

/// What a pass decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// The event `EvictionThresholdMet` is recorded on the node.
    pub attempting_to_reclaim: bool,
    /// At most one pod, by name. The manager counts it as evicted even if the kill fails.
    pub evicted: Option<(Name, Eviction)>,
    /// MemoryPressure changed to this value in the manager; the node status shows it at its next update.
    pub memory_pressure_changed: Option<bool>,
}

/// What a pass has found out, before it is known whom it evicts.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// Thresholds that a pod must go for, the leading one first; none: nothing is to be done.
    pub reclaim_for: SmallVec<[ThresholdId; 4]>,
    /// MemoryPressure changed to this value in the manager; the node status shows it at its next update.
    pub memory_pressure_changed: Option<bool>,
}

/// Text of the node event of a pass that has to reclaim.
pub const ATTEMPTING_TO_RECLAIM: &str = "Attempting to reclaim memory";

/// The state that the manager keeps between passes. Cloning it forks a run.
#[derive(Clone, Debug)]
pub struct Manager {
    thresholds: Vec<Threshold>,
    transition_period: SimDuration,
    max_pod_grace_period: i64,
    profile: KubernetesProfile,
    memory_pressure: bool,
    pressure_last_observed: Option<SimTime>,
    /// Thresholds of the last pass in list order, with the time since when they are met.
    first_observed: Vec<(ThresholdId, SimTime)>,
    /// Those of them whose grace period was over, in the order of the map iteration.
    met: Vec<ThresholdId>,
    last_observations: Observations,
}

impl Manager {
    /// A manager that has made no pass yet.
    ///
    /// A percentage that stands there twice without minimum reclaim (given for `allocatableMemory.available` and
    /// copied from `memory.available`) is one and the same map key in the real manager, so it is kept once.
    pub fn new(config: &KubeletConfig, thresholds: &Thresholds, profile: &KubernetesProfile) -> Self {
        let mut distinct: Vec<Threshold> = Vec::new();
        for threshold in thresholds.iter() {
            let one_key = matches!(threshold.value, ThresholdValue::Percentage(_)) && threshold.min_reclaim.is_none();
            if !(one_key && distinct.contains(threshold)) {
                distinct.push(threshold.clone());
            }
        }
        Manager {
            thresholds: distinct,
            transition_period: config.pressure_transition_period(),
            max_pod_grace_period: config.eviction_max_pod_grace_period,
            profile: *profile,
            memory_pressure: false,
            pressure_last_observed: None,
            first_observed: Vec::new(),
            met: Vec::new(),
            last_observations: Observations::default(),
        }
    }

    /// Sets the transition period, also to zero, which no configuration file can do. With zero no condition is ever
    /// reported, although pods are evicted.
    pub fn set_transition_period(&mut self, period: SimDuration) {
        self.transition_period = period;
    }

    /// The thresholds in configuration order.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// The conditions that the manager reports.
    pub fn conditions(&self) -> NodeConditions {
        NodeConditions { memory_pressure: self.memory_pressure, disk_pressure: false }
    }

    /// Thresholds that are met including their grace period.
    pub fn thresholds_met(&self) -> &[ThresholdId] {
        &self.met
    }

    /// Since when thresholds are met, grace period or not.
    pub fn first_observed(&self) -> &[(ThresholdId, SimTime)] {
        &self.first_observed
    }

    /// True when a pass over these figures finds no threshold met, not even with its minimum reclaim: then it asks for
    /// no candidates. With more available it finds none either.
    pub fn meets_nothing(&self, summary: &Summary) -> bool {
        let observations = Observations::new(summary.node, summary.pods);
        !self.thresholds.iter().any(|threshold| observations.meets(threshold, true))
    }

    /// One pass. `summary` is `None` when the stats provider failed: then nothing changes at all. `candidates`
    /// is asked only when a pod must go; it gives the active pods, those already being killed included, in the order
    /// of the pod manager. `stats` gives the figures of the one that is chosen.
    ///
    /// The caller makes passes: at once after a pass that evicted and whose pod is gone (or 30 s later), otherwise
    /// the monitoring period after the end of the last one.
    pub fn synchronize<'a, C: IntoIterator<Item = Candidate<&'a PodSpec>>>(
        &mut self,
        now: SimTime,
        summary: Option<Summary>,
        lead: Lead,
        candidates: impl FnOnce() -> C,
        stats: impl FnOnce(&PodSpec) -> Option<PodStats>,
    ) -> Pass {
        let decision = self.decide(now, summary, lead);
        let attempting_to_reclaim = !decision.reclaim_for.is_empty();
        let victim = attempting_to_reclaim.then(candidates).and_then(first_victim);
        let evicted = victim.map(|Candidate { pod, facts, .. }| {
            (pod.name.clone(), self.evict(&decision, pod, &facts, stats(pod).as_ref()))
        });
        Pass { attempting_to_reclaim, evicted, memory_pressure_changed: decision.memory_pressure_changed }
    }

    /// The first part of a pass: whether a pod must go, and why. The victim is the first of
    /// [`first_victim`]; [`Manager::evict`] says the rest.
    pub fn decide(&mut self, now: SimTime, summary: Option<Summary>, lead: Lead) -> Decision {
        let Some(summary) = summary.filter(|_| !self.thresholds.is_empty()) else { return Decision::default() };
        let observations = Observations::new(summary.node, summary.pods);
        let last = std::mem::replace(&mut self.last_observations, observations);
        self.observe(now, &observations);
        let memory_pressure_changed = self.update_condition(now);
        self.met = self.past_grace(now, lead);
        // The list is reversed by a sort whose order says "memory first" for every pair.
        let fresh = |id: &ThresholdId| observations.updated_since(&last, &self.thresholds[*id]);
        let reclaim_for = self.met.iter().rev().copied().filter(fresh).collect();
        Decision { reclaim_for, memory_pressure_changed }
    }

    /// The second part of a pass that has to reclaim: what is done to the pod that goes, and said about it.
    pub fn evict(
        &self,
        decision: &Decision,
        pod: &PodSpec,
        facts: &EvictionFacts,
        stats: Option<&PodStats>,
    ) -> Eviction {
        let list = decision.reclaim_for.iter().map(|id| &self.thresholds[*id]);
        let (message, offenders) = eviction_message(pod, stats, list, &self.last_observations, &self.profile);
        let threshold = decision.reclaim_for.first().copied().unwrap_or_default();
        Eviction {
            grace_period_override: self.grace_period_override(&self.thresholds[threshold], facts),
            message,
            offenders,
            threshold,
        }
    }

    /// Steps 5 to 7: what is met now, what is kept by its minimum reclaim, and since when.
    fn observe(&mut self, now: SimTime, observations: &Observations) {
        let before = std::mem::take(&mut self.first_observed);
        let since = |id: ThresholdId| before.iter().find(|(b, _)| *b == id).map_or(now, |(_, at)| *at);
        let met = (0..self.thresholds.len()).filter(|id| observations.meets(&self.thresholds[*id], false));
        self.first_observed.extend(met.map(|id| (id, since(id))));
        for &id in &self.met {
            let listed = |(l, _): &(ThresholdId, SimTime)| same(&self.thresholds[*l], &self.thresholds[id]);
            if observations.meets(&self.thresholds[id], true) && !self.first_observed.iter().any(listed) {
                self.first_observed.push((id, since(id)));
            }
        }
    }

    /// Steps 8 and 9: a condition is reported while its cause was seen less than the transition period ago.
    fn update_condition(&mut self, now: SimTime) -> Option<bool> {
        if self.first_observed.iter().any(|(id, _)| self.thresholds[*id].signal.is_memory()) {
            self.pressure_last_observed = Some(now);
        }
        let pressure = self.pressure_last_observed.is_some_and(|at| now.since(at) < self.transition_period);
        let changed = (pressure != self.memory_pressure).then_some(pressure);
        self.memory_pressure = pressure;
        changed
    }

    /// Step 10, in the order of a Go map iteration that starts at a random one of eight slots.
    fn past_grace(&self, now: SimTime, lead: Lead) -> Vec<ThresholdId> {
        let count = self.first_observed.len();
        let start = match lead {
            Lead::MostFrequent => 0,
            Lead::Slot(random) => Some(random as usize % 8).filter(|slot| *slot < count).unwrap_or(0),
        };
        let rotated = (0..count).map(|i| self.first_observed[(start + i) % count]);
        let over = rotated.filter(|(id, since)| now.since(*since) >= self.thresholds[*id].grace);
        over.map(|(id, _)| id).collect()
    }

    fn grace_period_override(&self, threshold: &Threshold, facts: &EvictionFacts) -> i64 {
        if threshold.is_hard() {
            return self.profile.hard_eviction_grace_s;
        }
        match facts.termination_grace_period_seconds {
            Some(own) if self.profile.soft_grace_capped_by_pod => own.min(self.max_pod_grace_period),
            _ => self.max_pod_grace_period,
        }
    }
}

/// Equal for the purpose of not listing a threshold twice.
fn same(a: &Threshold, b: &Threshold) -> bool {
    a.signal == b.signal && a.grace == b.grace && a.value == b.value
}
