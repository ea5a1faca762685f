//! `/stats/summary` of a kubelet (k8s.io/kubelet/pkg/apis/stats/v1alpha1).

use crate::text::TextProblem;
use serde::{Deserialize, Deserializer};

/// What the kubelet says about its node.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    /// The node.
    pub node: NodeStats,
    /// Its pods.
    #[serde(default, deserialize_with = "or_none")]
    pub pods: Vec<PodStats>,
}

/// The node's own figures.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStats {
    /// Name of the node.
    pub node_name: String,
    /// Memory of the whole node.
    pub memory: Option<MemoryStats>,
    /// `kubelet`, `runtime`, `pods` and `misc`.
    #[serde(default, deserialize_with = "or_none")]
    pub system_containers: Vec<ContainerStats>,
    /// Swap of the whole node.
    pub swap: Option<SwapStats>,
}

/// Figures of a cgroup.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MemoryStats {
    /// Of the node: capacity less the working set.
    pub available_bytes: Option<u64>,
    /// Everything charged.
    pub usage_bytes: Option<u64>,
    /// Usage less inactive file cache.
    pub working_set_bytes: Option<u64>,
    /// Anonymous memory.
    pub rss_bytes: Option<u64>,
}

/// Swap figures.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwapStats {
    /// Free swap of the node.
    pub swap_available_bytes: Option<u64>,
    /// Used swap of the node.
    pub swap_usage_bytes: Option<u64>,
}

/// A container, or one of the node's system containers.
#[derive(Clone, Debug, Deserialize)]
pub struct ContainerStats {
    /// Its name.
    pub name: String,
    /// Its memory.
    pub memory: Option<MemoryStats>,
}

/// A pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStats {
    /// Which pod.
    pub pod_ref: PodRef,
    /// Memory of the pod's cgroup.
    pub memory: Option<MemoryStats>,
    /// Its containers.
    #[serde(default, deserialize_with = "or_none")]
    pub containers: Vec<ContainerStats>,
}

/// Name of a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct PodRef {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

/// Reads what `kubectl get --raw /api/v1/nodes/NAME/proxy/stats/summary` prints.
///
/// # Errors
/// When it is not of that form.
pub fn read(text: &str) -> Result<Summary, Vec<TextProblem>> {
    serde_json::from_str(text).map_err(|why| vec![TextProblem::json(text, &why)])
}

/// A list that Go writes as null when it is empty.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(list: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(list)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn lists_may_be_null() {
        let read = read(r#"{"node": {"nodeName": "n1", "systemContainers": null}, "pods": null}"#).expect("a summary");
        assert!(read.pods.is_empty() && read.node.system_containers.is_empty());
    }
}
