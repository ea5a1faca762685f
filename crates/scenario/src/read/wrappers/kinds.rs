//! Wrappers that are objects with a kind.

use super::flags::{Launcher, flag_list};
use super::spelling::{from_flag_texts, renamed};
use super::{Settings, given, provider};
use crate::value::Value;

/// A wrapper: how it is known, and where the settings are in it.
struct Wrapper {
    /// Its `kind`.
    kind: &'static str,
    /// What its `apiVersion` begins with.
    api: &'static str,
    /// Where fields of KubeletConfiguration stand.
    fields: &'static [&'static str],
    /// Where flags stand; empty: nowhere.
    flags: &'static [&'static str],
    /// The preset of the provider's nodes, which reserve memory where the settings do not.
    preset: Option<&'static str>,
}

const fn fields(kind: &'static str, api: &'static str, fields: &'static [&'static str]) -> Wrapper {
    Wrapper { kind, api, fields, flags: &[], preset: None }
}

const fn flags(kind: &'static str, api: &'static str, flags: &'static [&'static str]) -> Wrapper {
    Wrapper { kind, api, fields: &[], flags, preset: None }
}

const fn by(preset: &'static str, wrapper: Wrapper) -> Wrapper {
    Wrapper { preset: Some(preset), ..wrapper }
}

pub(super) const INIT: &str = "InitConfiguration";
pub(super) const JOIN: &str = "JoinConfiguration";
const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io/";
const OF_KUBEADM: &[&str] = &["nodeRegistration", "kubeletExtraArgs"];

/// The wrappers.
const WRAPPERS: [Wrapper; 24] = [
    // karpenter-provider-aws pkg/apis/v1/ec2nodeclass.go, karpenter-provider-azure, -gcp and -alibabacloud:
    // KubeletConfiguration.
    by("eks", fields("EC2NodeClass", "karpenter.k8s.aws/", &["spec", "kubelet"])),
    by("aks-1.29", fields("AKSNodeClass", "karpenter.azure.com/", &["spec", "kubelet"])),
    by("gke", fields("GCENodeClass", "karpenter.k8s.gcp/", &["spec", "kubeletConfiguration"])),
    by("ack", fields("ECSNodeClass", "karpenter.k8s.alibabacloud/", &["spec", "kubeletConfiguration"])),
    // Karpenter before v1: the settings were the pool's.
    fields("NodePool", "karpenter.sh/", &["spec", "template", "spec", "kubelet"]),
    fields("Provisioner", "karpenter.sh/", &["spec", "kubeletConfiguration"]),
    // amazon-eks-ami nodeadm/api/v1alpha1/nodeconfig_types.go: KubeletOptions; the same in Cluster API's provider.
    by(
        "eks",
        Wrapper { flags: NODEADM_FLAGS, ..fields("NodeConfig", "node.eks.aws/", &["spec", "kubelet", "config"]) },
    ),
    by("eks", Wrapper { flags: NODEADM_FLAGS, ..fields("NodeadmConfig", BOOTSTRAP, &["spec", "kubelet", "config"]) }),
    by(
        "eks",
        Wrapper {
            flags: &["spec", "template", "spec", "kubelet", "flags"],
            ..fields("NodeadmConfigTemplate", BOOTSTRAP, &["spec", "template", "spec", "kubelet", "config"])
        },
    ),
    by("eks", flags("EKSConfig", BOOTSTRAP, &["spec", "kubeletExtraArgs"])),
    by("eks", flags("EKSConfigTemplate", BOOTSTRAP, &["spec", "template", "spec", "kubeletExtraArgs"])),
    // openshift/api machineconfiguration/v1: KubeletConfigSpec.
    by("openshift", fields("KubeletConfig", "machineconfiguration.openshift.io/", &["spec", "kubeletConfig"])),
    // kops pkg/apis/kops/v1alpha2: KubeletConfigSpec has the names of the fields, its values are those of the flags.
    fields("Cluster", "kops.k8s.io/", &["spec", "kubelet"]),
    fields("InstanceGroup", "kops.k8s.io/", &["spec", "kubelet"]),
    // Rancher: the settings of RKE2 or k3s for all machines.
    flags("Cluster", "provisioning.cattle.io/", &["spec", "rkeConfig", "machineGlobalConfig", "kubelet-arg"]),
    // rancher/cluster-api-provider-rke2 api/v1beta1: RKE2AgentConfig.
    flags("RKE2ControlPlane", "controlplane.cluster.x-k8s.io/", &["spec", "agentConfig", "kubelet", "extraArgs"]),
    flags("RKE2Config", BOOTSTRAP, &["spec", "agentConfig", "kubelet", "extraArgs"]),
    flags("RKE2ConfigTemplate", BOOTSTRAP, &["spec", "template", "spec", "agentConfig", "kubelet", "extraArgs"]),
    // Config Connector: the node configuration of GKE.
    by(
        "gke",
        fields("ContainerNodePool", "container.cnrm.cloud.google.com/", &["spec", "nodeConfig", "kubeletConfig"]),
    ),
    // kubeadm.k8s.io: NodeRegistrationOptions. Patches leave `apiVersion` out.
    flags(INIT, "kubeadm.k8s.io/", OF_KUBEADM),
    flags(JOIN, "kubeadm.k8s.io/", OF_KUBEADM),
    flags("KubeadmConfig", BOOTSTRAP, &["spec"]),
    flags("KubeadmConfigTemplate", BOOTSTRAP, &["spec", "template", "spec"]),
    flags("KubeadmControlPlane", "controlplane.cluster.x-k8s.io/", &["spec", "kubeadmConfigSpec"]),
];

const NODEADM_FLAGS: &[&str] = &["spec", "kubelet", "flags"];

/// The settings of each kubelet in an object.
pub(super) fn settings(document: &Value, kind: &str) -> Vec<Vec<Settings>> {
    let api = document.get("apiVersion").and_then(Value::as_text);
    let is = |wrapper: &&Wrapper| {
        let patch = api.is_none() && matches!(kind, INIT | JOIN);
        wrapper.kind == kind && (patch || api.is_some_and(|api| api.starts_with(wrapper.api)))
    };
    let Some(wrapper) = WRAPPERS.iter().find(is) else { return Vec::new() };
    if kind.starts_with("Kubeadm") {
        let Some(spec) = given(document, wrapper.flags) else { return Vec::new() };
        let of = |key: &&str| given(spec, &[key, OF_KUBEADM[0], OF_KUBEADM[1]]);
        let found = ["joinConfiguration", "initConfiguration"].iter().filter_map(of);
        return found.map(|flags| vec![Settings::Flags(flag_list(flags, Launcher::None))]).collect();
    }
    vec![wrapped(document, wrapper)]
}

fn wrapped(document: &Value, wrapper: &Wrapper) -> Vec<Settings> {
    let at = |path: &[&str]| if path.is_empty() { None } else { given(document, path) };
    let of_k3s = wrapper.api.starts_with("provisioning") || wrapper.kind.starts_with("RKE2");
    let launcher = if of_k3s { Launcher::K3s } else { Launcher::None };
    let fields = at(wrapper.fields).map(|fields| Settings::Fields(from_flag_texts(&renamed(fields))));
    let flags = at(wrapper.flags).map(|flags| Settings::Flags(flag_list(flags, launcher)));
    let mut found: Vec<Settings> = fields.into_iter().chain(flags).collect();
    // What leaves all to the node's own rule is an answer, too (machine-config-operator: kubelet-auto-sizing).
    let by_rule = wrapper.kind == "NodeConfig" || given(document, &["spec", "autoSizingReserved"]).is_some();
    if let Some(preset) = wrapper.preset.filter(|_| by_rule || !found.is_empty()) {
        found.push(provider(preset, document));
    }
    found
}
