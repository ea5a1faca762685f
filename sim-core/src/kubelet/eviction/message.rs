//! Status message and annotations of an evicted pod.

use super::rank::PodStats;
use super::signals::Observations;
use super::thresholds::Threshold;
use crate::kubelet::capability::ContainerWording;
use crate::kubelet::pod::PodSpec;
use crate::kubelet::profile::KubernetesProfile;
use crate::kubelet::resources::{self, MEMORY};
use crate::node_api::Name;
use crate::units::Quantity;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

/// Annotation: names of the containers above their request.
pub const OFFENDING_CONTAINERS: &str = "offending_containers";
/// Annotation: their working sets.
pub const OFFENDING_CONTAINERS_USAGE: &str = "offending_containers_usage";
/// Annotation: name of the pod, when it has a request at pod level.
pub const OFFENDING_POD: &str = "offending_pod";
/// Annotation: its working set.
pub const OFFENDING_POD_USAGE: &str = "offending_pod_usage";
/// Annotation: the resource that ran short.
pub const STARVED_RESOURCE: &str = "starved_resource";

/// Whom an eviction names. `None`: the pod had no figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offenders(Option<Named>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    /// The pod with its working set, when it has a request at pod level.
    pod: Option<(Name, Quantity)>,
    /// Containers above their request, with their working sets.
    containers: Vec<(Name, Quantity)>,
}

/// Nothing of it is in a run's digest, which has the message: that says the same.
impl Hash for Offenders {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Offenders {
    /// Annotations of the event.
    pub fn annotations(&self) -> BTreeMap<&'static str, String> {
        let Some(Named { pod, containers }) = &self.0 else { return BTreeMap::new() };
        let join =
            |text: &dyn Fn(&(Name, Quantity)) -> String| containers.iter().map(text).collect::<Vec<_>>().join(",");
        let mut annotations = BTreeMap::from([
            (OFFENDING_CONTAINERS, join(&|(name, _)| name.to_string())),
            (OFFENDING_CONTAINERS_USAGE, join(&|(_, usage)| usage.to_string())),
            (STARVED_RESOURCE, MEMORY.to_owned()),
        ]);
        if let Some((name, usage)) = pod {
            annotations.insert(OFFENDING_POD, name.to_string());
            annotations.insert(OFFENDING_POD_USAGE, usage.to_string());
        }
        annotations
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
    let mut named = Named::default();
    let own = resources::pod_level(pod, profile).and_then(|own| own.requests.get(MEMORY));
    if let (true, Some(request), Some(working_set)) = (profile.message_pod, own, stats.working_set) {
        let usage = Quantity::bytes(working_set as i64);
        let name = &pod.name;
        let _ =
            write!(message, "Pod {name} was using {usage}, request is {request}, has larger consumption of {MEMORY}. ");
        named.pod = Some((name.clone(), usage));
    }
    for container in &stats.containers {
        let Some(working_set) = container.working_set else { continue };
        let usage = Quantity::bytes(working_set as i64);
        let init = pod.init_containers.iter().filter(|_| profile.message_init_containers);
        let mut known = pod.containers.iter().chain(init);
        let Some(spec) = known.find(|c| c.name == container.name) else { continue };
        let request = spec.resources.requests.get(MEMORY).map_or_else(Quantity::default, Quantity::clone);
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
        named.containers.push((name.clone(), usage));
    }
    (message, Offenders(Some(named)))
}
