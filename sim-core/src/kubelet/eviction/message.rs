//! What an evicted pod is told.

use super::rank::PodStats;
use super::signals::Observations;
use super::thresholds::Threshold;
use crate::kubelet::pod::PodSpec;
use crate::kubelet::profile::{ContainerWording, KubernetesProfile};
use crate::kubelet::resources::MEMORY;
use crate::units::Quantity;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Annotation: names of the containers above their request.
pub const OFFENDING_CONTAINERS: &str = "offending_containers";
/// Annotation: their working sets.
pub const OFFENDING_CONTAINERS_USAGE: &str = "offending_containers_usage";
/// Annotation: the resource that ran short.
pub const STARVED_RESOURCE: &str = "starved_resource";

/// Message and event annotations of an eviction (eviction/helpers.go evictionMessage). `thresholds` are those that
/// are met, the chosen one first; the first with an observation gives the numbers. Every sentence ends in a blank.
pub fn eviction_message<'t>(
    pod: &PodSpec,
    stats: Option<&PodStats>,
    thresholds: impl IntoIterator<Item = &'t Threshold>,
    observations: &Observations,
    profile: &KubernetesProfile,
) -> (String, BTreeMap<&'static str, String>) {
    let mut message = format!("The node was low on resource: {MEMORY}. ");
    let seen = |t: &'t Threshold| observations.get(t.signal).map(|o| (t, o));
    if profile.message_threshold
        && let Some((threshold, observed)) = thresholds.into_iter().filter(|t| t.signal.is_memory()).find_map(seen)
    {
        let (wanted, available) = (threshold.value.quantity(observed.capacity), Quantity::bytes(observed.available));
        let _ = write!(message, "Threshold quantity: {wanted}, available: {available}. ");
    }
    let mut annotations = BTreeMap::new();
    let Some(stats) = stats else { return (message, annotations) };
    let (mut names, mut usages) = (Vec::new(), Vec::new());
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
        names.push(name.to_string());
        usages.push(usage.to_string());
    }
    annotations.insert(OFFENDING_CONTAINERS, names.join(","));
    annotations.insert(OFFENDING_CONTAINERS_USAGE, usages.join(","));
    annotations.insert(STARVED_RESOURCE, MEMORY.to_owned());
    (message, annotations)
}
