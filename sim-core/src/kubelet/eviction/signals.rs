//! What the eviction manager observes, and which thresholds that meets.

use super::thresholds::Threshold;
use crate::node_api::EvictionSignal;
use crate::units::SimTime;

/// Memory figures of the node or of the pods' cgroup, as the stats provider gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryFigures {
    /// `availableBytes`; `None`: missing, e.g. because the cgroup has no limit.
    pub available: Option<u64>,
    /// `workingSetBytes`.
    pub working_set: Option<u64>,
    /// When they were taken; `None`: unknown, always counts as new.
    pub time: Option<SimTime>,
}

impl MemoryFigures {
    /// Figures of a cgroup or node with a limit (server/stats/helper.go): `limit − working set` in 64 bits,
    /// which wraps when the working set is larger.
    pub fn from_limit(limit: u64, working_set: u64, time: SimTime) -> Self {
        let available = (limit <= UNLIMITED).then(|| limit.wrapping_sub(working_set));
        MemoryFigures { available, working_set: Some(working_set), time: Some(time) }
    }
}

impl MemoryFigures {
    /// The node's figures with huge pages taken off what is available, which is never less than nothing
    /// (kubernetes#138127).
    pub fn without_hugepages(self, hugepages: u64) -> Self {
        let available =
            self.available.map(|bytes| if bytes as i64 <= 0 { bytes } else { bytes.saturating_sub(hugepages) });
        MemoryFigures { available, ..self }
    }
}

/// Limits above this count as none (server/stats/helper.go isMemoryUnlimited).
pub const UNLIMITED: u64 = 1 << 62;

/// One signal's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Available bytes.
    pub available: i64,
    /// What percentages refer to: available + working set.
    pub capacity: i64,
    /// When the figures were taken.
    pub time: Option<SimTime>,
}

/// The memory signals of one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    node: Option<Observation>,
    allocatable: Option<Observation>,
}

impl Observations {
    /// Makes observations of the figures (eviction/helpers.go makeSignalObservations). A missing figure gives no
    /// observation.
    pub fn new(node: Option<MemoryFigures>, pods: Option<MemoryFigures>) -> Self {
        let observe = |figures: Option<MemoryFigures>| {
            let MemoryFigures { available, working_set, time } = figures?;
            let (available, working_set) = (available?, working_set?);
            let capacity = available.wrapping_add(working_set) as i64;
            Some(Observation { available: available as i64, capacity, time })
        };
        Observations { node: observe(node), allocatable: observe(pods) }
    }

    /// The observation of a signal.
    pub fn get(&self, signal: EvictionSignal) -> Option<Observation> {
        match signal {
            EvictionSignal::MemoryAvailable => self.node,
            EvictionSignal::AllocatableMemoryAvailable => self.allocatable,
            _ => None,
        }
    }

    /// Whether a threshold is met: strictly less available than it asks for (plus the minimum reclaim, if
    /// wanted). Without observation it is not (eviction/helpers.go thresholdsMet).
    pub fn meets(&self, threshold: &Threshold, with_min_reclaim: bool) -> bool {
        let Some(observed) = self.get(threshold.signal) else { return false };
        let mut wanted = threshold.value.nanos(observed.capacity);
        if with_min_reclaim && let Some(reclaim) = &threshold.min_reclaim {
            wanted = wanted.saturating_add(reclaim.nanos(observed.capacity));
        }
        wanted > i128::from(observed.available) * 1_000_000_000
    }

    /// Whether a threshold's figures are newer than those of `last`. Figures without time always are; a signal
    /// that is not observed never is (eviction/helpers.go thresholdsUpdatedStats).
    pub fn updated_since(&self, last: &Observations, threshold: &Threshold) -> bool {
        let Some(observed) = self.get(threshold.signal) else { return false };
        match (last.get(threshold.signal), observed.time) {
            (None, _) | (_, None) => true,
            (Some(last), Some(time)) => last.time.is_none_or(|before| time > before),
        }
    }
}
