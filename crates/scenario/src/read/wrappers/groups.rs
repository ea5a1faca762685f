//! Files that describe several groups of nodes, each with a kubelet of its own.

use super::embedded;
use super::flags::{command_line, joined_flags};
use super::spelling::{named_as_flags, renamed};
use super::{Settings, given, provider};
use crate::value::Value;

/// The settings of each group; `None`: it is a file of another kind. `deep` is how many more texts may stand in one
/// another.
pub(super) fn settings(document: &Value, kind: &str, deep: usize) -> Option<Vec<Vec<Settings>>> {
    let api = document.get("apiVersion").and_then(Value::as_text)?;
    let groups = match (api.split('/').next()?, kind) {
        ("eksctl.io", "ClusterConfig") => {
            let keys = [&["nodeGroups"][..], &["managedNodeGroups"]];
            keys.iter().flat_map(|key| list(document, key)).map(|group| of_eksctl(group, deep)).collect()
        }
        ("core.gardener.cloud", "Shoot") => of_gardener(document),
        // docs.k0sproject.io: worker-node-config.
        ("k0s.k0sproject.io", "ClusterConfig") => {
            let values = list(document, &["spec", "workerProfiles"]).iter().filter_map(|one| given(one, &["values"]));
            values.map(|fields| vec![Settings::Fields(fields.clone())]).collect()
        }
        // k0sctl: the flags with which a host joins.
        ("k0sctl.k0sproject.io", "Cluster") => {
            let flags = list(document, &["spec", "hosts"]).iter().filter_map(|host| given(host, &["installFlags"]));
            flags.map(one_command).collect()
        }
        // k3d.io: config v1alpha5, arguments of k3s.
        ("k3d.io", "Simple") => {
            let args = list(document, &["options", "k3s", "extraArgs"]).iter().filter_map(|one| given(one, &["arg"]));
            let args: Vec<&Value> = args.collect();
            args.first().map(|first| command(&args, first)).into_iter().collect()
        }
        _ => return None,
    };
    Some(groups)
}

fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    given(value, path).and_then(Value::items).unwrap_or_default()
}

fn one_command(flags: &Value) -> Vec<Settings> {
    let all: Vec<&Value> = flags.items().unwrap_or_default().iter().collect();
    command(&all, flags)
}

/// The arguments of another program that carry the kubelet's flags.
fn command(args: &[&Value], at: &Value) -> Vec<Settings> {
    let text = joined_flags(args);
    command_line(at, &text).map(Settings::Flags).into_iter().collect()
}

/// eksctl pkg/apis/eksctl.io/v1alpha5: NodeGroup, ManagedNodeGroup.
fn of_eksctl(group: &Value, deep: usize) -> Vec<Settings> {
    let fields = given(group, &["kubeletExtraConfig"]).map(|fields| Settings::Fields(fields.clone()));
    let of_bottlerocket = given(group, &["bottlerocket", "settings", "kubernetes"]);
    let preset = if of_bottlerocket.is_some() { "bottlerocket" } else { "eks" };
    let of_bottlerocket = of_bottlerocket.map(|fields| Settings::Fields(named_as_flags(fields)));
    let text = given(group, &["overrideBootstrapCommand"]);
    let of_script = text.map_or_else(Vec::new, |text| embedded::of_plain("overrideBootstrapCommand", text, deep));
    let mut found: Vec<Settings> = fields.into_iter().chain(of_bottlerocket).chain(of_script).collect();
    if !found.is_empty() {
        found.push(provider(preset, group));
    }
    found
}

/// gardener/gardener pkg/apis/core/v1beta1: what a pool of workers says replaces all that the cluster says
/// (WorkerKubernetes.Kubelet).
fn of_gardener(document: &Value) -> Vec<Vec<Settings>> {
    let fields = |value: &Value, path: &[&str]| Some(vec![Settings::Fields(renamed(given(value, path)?))]);
    let of_all = fields(document, &["spec", "kubernetes", "kubelet"]);
    let workers = list(document, &["spec", "provider", "workers"]).iter();
    let own: Vec<Option<Vec<Settings>>> = workers.map(|pool| fields(pool, &["kubernetes", "kubelet"])).collect();
    if own.iter().all(Option::is_none) {
        return of_all.into_iter().collect();
    }
    own.into_iter().filter_map(|own| own.or_else(|| of_all.clone())).collect()
}
