//! Status message and annotations of an evicted pod.

use super::rank::PodStats;
use super::signals::Observations;
use super::thresholds::Threshold;
use crate::kubelet::pod::PodSpec;
use crate::kubelet::profile::{ContainerWording, KubernetesProfile};
use crate::kubelet::resources::MEMORY;
use crate::node_api::Name;
use crate::units::Quantity;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Annotation: names of the containers above their request.
pub const OFFENDING_CONTAINERS: &str = "offending_containers";
/// Annotation: their working sets.
pub const OFFENDING_CONTAINERS_USAGE: &str = "offending_containers_usage";
/// Annotation: the resource that ran short.
pub const STARVED_RESOURCE: &str = "starved_resource";

/// The containers that an eviction names: those above their request, with their working sets. `None`: the pod had no
/// figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offenders(Option<Vec<(Name, Quantity)>>);

impl Offenders {
    /// Annotations of the event.
    pub fn annotations(&self) -> BTreeMap<&'static str, String> {
        let Some(offenders) = &self.0 else { return BTreeMap::new() };
        let join =
            |text: &dyn Fn(&(Name, Quantity)) -> String| offenders.iter().map(text).collect::<Vec<_>>().join(",");
        BTreeMap::from([
            (OFFENDING_CONTAINERS, join(&|(name, _)| name.to_string())),
            (OFFENDING_CONTAINERS_USAGE, join(&|(_, usage)| usage.to_string())),
            (STARVED_RESOURCE, MEMORY.to_owned()),
        ])
    }
}

/// Message of an eviction, and whom it names (eviction/helpers.go evictionMessage). `thresholds` are those that
/// are met, the chosen one first; the first with an observation gives the numbers. Every sentence ends in a blank.
pub fn eviction_message<'t>(
    pod: &PodSpec,
    stats: Option<&PodStats>,
    thresholds: impl IntoIterator<Item = &'t Threshold>,
    observations: &Observations,
    profile: &KubernetesProfile,
) -> (String, Offenders) {
    // Most name one container.
    let mut message = String::with_capacity(256);
    let _ = write!(message, "The node was low on resource: {MEMORY}. ");
    let seen = |t: &'t Threshold| observations.get(t.signal).map(|o| (t, o));
    if profile.message_threshold
        && let Some((threshold, observed)) = thresholds.into_iter().filter(|t| t.signal.is_memory()).find_map(seen)
    {
        let (wanted, available) = (threshold.value.quantity(observed.capacity), Quantity::bytes(observed.available));
        let _ = write!(message, "Threshold quantity: {wanted}, available: {available}. ");
    }
    let Some(stats) = stats else { return (message, Offenders(None)) };
    let mut offenders = Vec::new();
    for container in &stats.containers {
        let Some(working_set) = container.working_set else { continue };
        let usage = Quantity::bytes(working_set as i64);
        let Some(spec) = pod.all_containers().find(|c| c.name == container.name) else { continue };
        let request = spec.resources.requests.get(MEMORY).cloned().unwrap_or_default();
        if usage <= request {
            continue;
        }
        let name = &spec.name;
        let _ = match profile.message_container {
            ContainerWording::ExceedsRequest => {
                write!(message, "Container {name} was using {usage}, which exceeds its request of {request}. ")
            }
            ContainerWording::LargerConsumption => write!(
                message,
                "Container {name} was using {usage}, request is {request}, has larger consumption of {MEMORY}. "
            ),
        };
        offenders.push((name.clone(), usage));
    }
    (message, Offenders(Some(offenders)))
}
