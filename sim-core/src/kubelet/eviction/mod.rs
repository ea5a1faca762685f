//! Node-pressure eviction for memory (pkg/kubelet/eviction).

mod admission;
mod manager;
mod message;
mod rank;
mod signals;
#[cfg(test)]
mod tests;
mod thresholds;

pub use crate::node_api::EvictionSignal;
pub use admission::{Rejection, TAINT_MEMORY_PRESSURE, admit};
pub use manager::{
    ATTEMPTING_TO_RECLAIM, Decision, Eviction, Lead, Manager, NodeConditions, Pass, Summary, ThresholdId,
};
pub use message::{
    OFFENDING_CONTAINERS, OFFENDING_CONTAINERS_USAGE, OFFENDING_POD, OFFENDING_POD_USAGE, Offenders, STARVED_RESOURCE,
    eviction_message,
};
pub use rank::{Candidate, ContainerStats, EvictionFacts, PodStats, eviction_order, first_victim, rank};
pub use signals::{MemoryFigures, Observation, Observations, UNLIMITED};
pub use thresholds::{Threshold, ThresholdError, ThresholdProblem, ThresholdValue, Thresholds};
