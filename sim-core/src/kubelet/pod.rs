//! A pod as far as memory is concerned, and the API server's defaulting of it.

use super::profile::KubernetesProfile;
use super::resources;
use crate::node_api::Name;
use crate::units::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Amounts by resource name, e.g. `memory` → `1Gi`.
pub type ResourceList = BTreeMap<String, Quantity>;

/// What `terminationGracePeriodSeconds` is when a pod does not say (core/v1 defaults).
pub const DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS: i64 = 30;

/// `resources` of a container or of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRequirements {
    /// What is set aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: ResourceList,
    /// What may be used at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: ResourceList,
}

impl ResourceRequirements {
    /// Requests that are missing take the limit's value.
    fn default_requests(&mut self) {
        for (name, limit) in &self.limits {
            self.requests.entry(name.clone()).or_insert_with(|| limit.clone());
        }
    }

    /// The API keeps no more than thousandths.
    fn round_up(&mut self) {
        self.requests.values_mut().chain(self.limits.values_mut()).for_each(Quantity::round_up_milli);
    }
}

/// A container's own restart policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Started again whatever happens; an init container with it is a sidecar.
    Always,
    /// Started again unless it ends with exit code 0.
    OnFailure,
    /// Never started again.
    Never,
}

/// A container or init container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    /// Unique in the pod.
    pub name: Name,
    /// `resources`; in the recordings `requests` and `limits` stand beside the name.
    #[serde(flatten)]
    pub resources: ResourceRequirements,
    /// Only for init containers: `Always` makes it a sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
}

impl ContainerSpec {
    /// A container with nothing set.
    pub fn new(name: &str) -> Self {
        ContainerSpec { name: name.into(), ..ContainerSpec::default() }
    }

    /// True for a restartable init container, if it is listed among the init containers.
    pub fn restarts_always(&self) -> bool {
        self.restart_policy == Some(RestartPolicy::Always)
    }
}

/// What a pod says about taints. All fields empty with operator `Exists` tolerates everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// Key of the taint; empty: every key.
    pub key: String,
    /// `Equal` (or empty) or `Exists`.
    pub operator: String,
    /// Value of the taint, for `Equal`.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`; empty: every effect.
    pub effect: String,
    /// For how long a taint with effect NoExecute is tolerated; `None`: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

impl Toleration {
    /// Whether a taint is tolerated (core/v1 `Toleration.ToleratesTaint`).
    pub fn tolerates(&self, key: &str, value: &str, effect: &str) -> bool {
        if !self.effect.is_empty() && self.effect != effect || !self.key.is_empty() && self.key != key {
            return false;
        }
        match self.operator.as_str() {
            "" | "Equal" => self.value == value,
            "Exists" => true,
            _ => false,
        }
    }
}

/// A pod's specification and the parts of its metadata that the kubelet decides by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Name.
    pub name: Name,
    /// Namespace; empty: `default`.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub namespace: Name,
    /// Unique id; empty: `uid-<name>`.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub uid: Name,
    /// Resolved priority; `None` counts as 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Name of the priority class.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Containers; pods made from one template share them.
    pub containers: Arc<Vec<ContainerSpec>>,
    /// Init containers in order, sidecars included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<ContainerSpec>,
    /// Pod-level resources (capability `pod_level_resources`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Overhead of the runtime class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead: Option<ResourceList>,
    /// Tolerations; pods made from one template share them.
    #[serde(skip_serializing_if = "none_tolerated")]
    pub tolerations: Arc<Vec<Toleration>>,
    /// Time between SIGTERM and SIGKILL; `None`: not defaulted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
}

#[allow(clippy::ptr_arg)]
fn none_tolerated(tolerations: &Arc<Vec<Toleration>>) -> bool {
    tolerations.is_empty()
}

fn str_is_empty(name: &Name) -> bool {
    name.is_empty()
}

impl PodSpec {
    /// Namespace, `default` if none is given.
    pub fn namespace(&self) -> &str {
        if self.namespace.is_empty() { "default" } else { &self.namespace }
    }

    /// Unique id.
    pub fn uid(&self) -> Name {
        if self.uid.is_empty() { format!("uid-{}", self.name).into() } else { self.uid.clone() }
    }

    /// True when [`PodSpec::uid`] is `uid`.
    pub fn has_uid(&self, uid: &str) -> bool {
        if self.uid.is_empty() { uid.strip_prefix("uid-") == Some(&*self.name) } else { *self.uid == *uid }
    }

    /// Containers and then init containers.
    pub fn all_containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        self.containers.iter().chain(&self.init_containers)
    }

    /// Priority, 0 if none is given (corev1helpers.PodPriority).
    pub fn priority(&self) -> i32 {
        self.priority.unwrap_or(0)
    }

    /// The API server's defaulting of resources (`SetObjectDefaults_Pod`): requests take the limits' values where
    /// they are missing, everything is rounded up to thousandths, pod-level requests are filled in from the
    /// containers or the pod-level limits. The grace period is left alone.
    pub fn set_defaults(&mut self, profile: &KubernetesProfile) {
        let own = Arc::make_mut(&mut self.containers);
        let containers = own.iter_mut().chain(&mut self.init_containers);
        containers.for_each(|c| c.resources.default_requests());
        if profile.pod_level_resources {
            self.default_pod_requests(profile);
        }
        let own = Arc::make_mut(&mut self.containers);
        for container in own.iter_mut().chain(&mut self.init_containers) {
            container.resources.round_up();
        }
        if let Some(resources) = &mut self.resources {
            resources.round_up();
        }
        if let Some(overhead) = &mut self.overhead {
            overhead.values_mut().for_each(Quantity::round_up_milli);
        }
    }

    /// What computing a pod's sums once does to the pod itself in Kubernetes 1.32 with `pod_level_resources`:
    /// PodRequests and PodLimits copy pod-level quantities by reference where they are held in arbitrary precision
    /// (`0.25Gi`), so adding the overhead to the sum adds it to the specification too. The model never does this on its
    /// own; a caller that wants to follow the real code through its container limits says so.
    pub fn add_overhead_to_shared_quantities(&mut self, profile: &KubernetesProfile) {
        let (Some(own), Some(overhead)) = (&mut self.resources, &self.overhead) else { return };
        if !profile.pod_level_resources {
            return;
        }
        for (name, quantity) in overhead.iter().filter(|(name, _)| resources::pod_level_supported(name, profile)) {
            for list in [&mut own.requests, &mut own.limits] {
                if let Some(shared) = list.get_mut(name).filter(|q| q.is_decimal() && !q.is_zero()) {
                    shared.add(quantity);
                }
            }
        }
    }

    fn default_pod_requests(&mut self, profile: &KubernetesProfile) {
        if self.resources.as_ref().is_none_or(|r| r.limits.is_empty()) {
            return;
        }
        let from_containers = resources::container_requests(self, profile);
        let Some(own) = &mut self.resources else { return };
        let from_limits = own.limits.clone();
        for (name, quantity) in from_containers.into_iter().chain(from_limits) {
            if resources::pod_level_supported(&name, profile) {
                own.requests.entry(name).or_insert(quantity);
            }
        }
    }
}
