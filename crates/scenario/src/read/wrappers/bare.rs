//! Documents that say what they are by their keys alone.

use super::flags::{Launcher, command_line, flag_list};
use super::spelling::{AKS_FIELDS, from_flag_texts, named_as_flags, renamed};
use super::{Settings, given, provider};
use crate::read::kubelet_files::is_field;
use crate::value::{Entry, Value, ValueKind};

/// Keys that only a config.yaml of k3s or RKE2 has (docs.k3s.io/cli/server, docs.rke2.io/reference/server_config).
const K3S_KEYS: [&str; 7] = [
    "cluster-init",
    "flannel-backend",
    "kube-apiserver-arg",
    "kube-controller-manager-arg",
    "node-label",
    "tls-san",
    "write-kubeconfig-mode",
];

/// The settings of each kubelet in a document without a kind.
pub(super) fn settings(document: &Value) -> Vec<Vec<Settings>> {
    if let Some(text) = document.as_text() {
        return command_line(document, text).map(|flags| vec![Settings::Flags(flags)]).into_iter().collect();
    }
    // What /configz answers.
    if let Some(fields) = document.get("kubeletconfig") {
        return vec![vec![Settings::Fields(fields.clone())]];
    }
    if let Some(of_k3s) = k3s(document) {
        return vec![of_k3s];
    }
    // Bottlerocket's user data: the kubelet's flags as tables.
    if let Some(fields) = given(document, &["settings", "kubernetes"]) {
        return vec![vec![Settings::Fields(named_as_flags(fields)), provider("bottlerocket", fields)]];
    }
    // Talos machine configuration, v1alpha1.
    if let Some(machine) = given(document, &["machine"]) {
        let settings = talos(machine);
        return if settings.is_empty() { Vec::new() } else { vec![settings] };
    }
    // RKE1: rancher/rke types/rke_types.go, KubeletService.
    if let Some(flags) = given(document, &["services", "kubelet", "extra_args"]) {
        return vec![vec![Settings::Flags(flag_list(flags, Launcher::None))]];
    }
    // The environment of GKE's nodes, and such files as YAML.
    let of_environment = |key: &str| given(document, &[key]).and_then(|text| command_line(text, text.as_text()?));
    if let Some(flags) =
        ["KUBELET_ARGS", "KUBELET_EXTRA_ARGS", "KUBELET_KUBEADM_ARGS"].into_iter().find_map(of_environment)
    {
        return vec![vec![Settings::Flags(flags)]];
    }
    let of_pools = pools(document);
    if !of_pools.is_empty() {
        return of_pools;
    }
    let mut keys = document.entries().unwrap_or_default().iter().map(|entry| entry.key.as_str());
    let fields = document.get("metadata").is_none() && keys.any(is_field);
    if fields { vec![vec![Settings::Fields(from_flag_texts(document))]] } else { Vec::new() }
}

/// config.yaml of k3s and RKE2: `kubelet-arg`, and `kubelet-arg+` in drop-ins.
fn k3s(document: &Value) -> Option<Vec<Settings>> {
    let flags = given(document, &["kubelet-arg"]);
    let more = given(document, &["kubelet-arg+"]);
    let known = || document.entries().unwrap_or_default().iter().find(|entry| K3S_KEYS.contains(&entry.key.as_str()));
    match (flags, more) {
        (Some(flags), Some(more)) => {
            let first = flag_list(flags, Launcher::K3s);
            Some(vec![Settings::Flags(first), Settings::MoreFlags(flag_list(more, Launcher::None))])
        }
        (Some(flags), None) => Some(vec![Settings::Flags(flag_list(flags, Launcher::K3s))]),
        // A drop-in adds to what another file says.
        (None, Some(more)) => Some(vec![Settings::MoreFlags(flag_list(more, Launcher::None))]),
        (None, None) => {
            let key = known()?;
            let nothing = Value { kind: ValueKind::Array(Vec::new()), at: key.value.at.clone() };
            Some(vec![Settings::Flags(flag_list(&nothing, Launcher::K3s))])
        }
    }
}

/// siderolabs/talos pkg/machinery/config/types/v1alpha1: KubeletConfig.
fn talos(machine: &Value) -> Vec<Settings> {
    let fields = given(machine, &["kubelet", "extraConfig"]).map(|fields| Settings::Fields(fields.clone()));
    let flags = given(machine, &["kubelet", "extraArgs"]).map(|f| Settings::Flags(flag_list(f, Launcher::None)));
    let role = machine.get("type").and_then(Value::as_text).unwrap_or_default();
    let preset = if matches!(role, "controlplane" | "init") { "talos-control-plane" } else { "talos" };
    let known = given(machine, &["kubelet"]).filter(|_| !role.is_empty()).map(|kubelet| provider(preset, kubelet));
    fields.into_iter().chain(flags).chain(known).collect()
}

/// GKE's node system configuration and node pools; AKS' custom node configuration and agent pools, also as they stand
/// in a template of Azure.
fn pools(document: &Value) -> Vec<Vec<Settings>> {
    if AKS_FIELDS.iter().any(|field| document.get(field).is_some()) {
        return vec![vec![Settings::Fields(renamed(document)), provider("aks-1.29", document)]];
    }
    let parents = [&["properties"][..], &["config"], &["nodeConfig"]];
    let own = [document].into_iter().chain(parents.iter().filter_map(|path| given(document, path)));
    for pool in own {
        if pool.get("kubeletConfig").is_some()
            || pool.get("linuxOsConfig").is_some()
            || pool.get("linuxOSConfig").is_some()
        {
            return vec![pool_settings(pool)];
        }
    }
    let lists = [&["agentPoolProfiles"][..], &["properties", "agentPoolProfiles"], &["resources"], &["nodePools"]];
    let pools = lists.iter().filter_map(|path| given(document, path)?.items()).flatten();
    pools.flat_map(pools_of).collect()
}

fn pools_of(pool: &Value) -> Vec<Vec<Settings>> {
    if pool.entries().is_some() { pools(pool) } else { Vec::new() }
}

fn pool_settings(pool: &Value) -> Vec<Settings> {
    // GKE's file has `linuxConfig` beside it, its node pools `linuxNodeConfig`.
    let of_azure = ["linuxOsConfig", "linuxOSConfig", "vmSize", "orchestratorVersion", "osType"];
    let of_azure = of_azure.iter().any(|key| pool.get(key).is_some());
    let preset = if of_azure { "aks-1.29" } else { "gke" };
    let mut fields = match given(pool, &["kubeletConfig"]) {
        Some(fields) => renamed(fields),
        None => Value { kind: ValueKind::Table(Vec::new()), at: pool.at.clone() },
    };
    if let (ValueKind::Table(entries), Some(pods)) = (&mut fields.kind, given(pool, &["maxPods"])) {
        entries.push(Entry { key: "maxPods".to_owned(), key_at: pods.at.clone(), value: pods.clone() });
    }
    vec![Settings::Fields(fields), provider(preset, pool)]
}
