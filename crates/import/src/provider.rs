//! What a node's own fields say about who set it up.

use crate::objects::NodeFacts;

/// Who set up a node, as far as its fields tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Amazon EKS.
    Eks,
    /// Amazon EKS on Bottlerocket.
    Bottlerocket,
    /// Azure AKS.
    Aks,
    /// Google GKE.
    Gke,
    /// OpenShift.
    OpenShift,
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// Talos Linux.
    Talos,
    /// kind.
    Kind,
    /// minikube.
    Minikube,
    /// Nothing says who.
    Unknown,
}

impl Provider {
    /// Looks at versions, images, the provider's id and well-known labels.
    pub fn of(node: &NodeFacts) -> Provider {
        let (kubelet, image) = (node.info("kubeletVersion"), node.info("osImage"));
        let label = |prefix: &str| node.labels.keys().any(|key| key.starts_with(prefix));
        let id = |prefix: &str| node.provider_id.starts_with(prefix);
        if image.starts_with("Bottlerocket") {
            Provider::Bottlerocket
        } else if image.starts_with("Talos") {
            Provider::Talos
        } else if label("node.openshift.io/") || label("machineconfiguration.openshift.io/") {
            Provider::OpenShift
        } else if kubelet.contains("+k3s") {
            Provider::K3s
        } else if kubelet.contains("+rke2") {
            Provider::Rke2
        } else if kubelet.contains("-eks-") || label("eks.amazonaws.com/") {
            Provider::Eks
        } else if kubelet.contains("-gke.") || label("cloud.google.com/gke-") {
            Provider::Gke
        } else if label("kubernetes.azure.com/") {
            Provider::Aks
        } else if id("kind://") {
            Provider::Kind
        } else if label("minikube.k8s.io/") {
            Provider::Minikube
        } else {
            Provider::Unknown
        }
    }

    /// The provider in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Provider::Eks => "EKS",
            Provider::Bottlerocket => "EKS on Bottlerocket",
            Provider::Aks => "AKS",
            Provider::Gke => "GKE",
            Provider::OpenShift => "OpenShift",
            Provider::K3s => "k3s",
            Provider::Rke2 => "RKE2",
            Provider::Talos => "Talos",
            Provider::Kind => "kind",
            Provider::Minikube => "minikube",
            Provider::Unknown => "unknown",
        }
    }
}
