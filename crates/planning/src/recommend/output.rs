//! A recommended setting as files: KubeletConfiguration, and patches of pods.

use crate::axis::AxisValue;
use crate::plan::Axis;
use oomsim_core::kubelet::{KubeletConfig, KubernetesProfile};
use oomsim_scenario::Source;
use oomsim_scenario::reading::parse_keys;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys that knobs set, with their values, as paths.
fn settings<'a>(knobs: &[Axis], values: &[&'a AxisValue]) -> Vec<(Vec<String>, &'a str)> {
    let mut all = Vec::new();
    for (knob, value) in knobs.iter().zip(values) {
        for key in &knob.keys {
            let source = Arc::new(Source::new("key", key.clone()));
            // A key that is none was refused with the study.
            let Some(path) = parse_keys(&source, key) else { continue };
            all.push((path.into_iter().map(|(step, _)| step).collect(), value.text.as_str()));
        }
    }
    all
}

/// Keys of `[kubelet]` that are no fields of a KubeletConfiguration.
const NO_FIELDS: [&str; 8] = ["version", "preset", "config", "configDir", "flags", "firstPass", "passes", "timing"];

/// The fields of the KubeletConfiguration that the knobs set, as YAML; `None` when they set none. Maps are given
/// whole, as a map that is given replaces the kubelet's defaults; `config` is the configuration with the setting, and
/// `before` the one without it, from which entries that no knob sets are kept. Housekeeping is set by a flag of the
/// kubelet; that is said in a comment.
pub fn kubelet_yaml(
    knobs: &[Axis],
    values: &[&AxisValue],
    config: &KubeletConfig,
    before: &KubeletConfig,
    profile: &KubernetesProfile,
) -> Option<String> {
    let whole = serde_json::to_value(config).ok()?;
    let mut earlier = serde_json::to_value(before).ok()?;
    // Without these, nothing would guard the disks.
    earlier["evictionHard"] = serde_json::to_value(before.eviction_hard(profile)).ok()?;
    let map_of = |config: &serde_json::Value, field: &str| -> Option<Vec<(String, String)>> {
        let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
        Some(config.get(field)?.as_object()?.iter().map(|(k, v)| (k.clone(), text(v))).collect())
    };
    let mut fields: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut flags = String::new();
    for (path, text) in settings(knobs, values) {
        let [table, field, rest @ ..] = path.as_slice() else { continue };
        if table == "kubelet" && path[1..] == ["timing", "housekeeping", "interval"] {
            flags = format!("# and as a flag of the kubelet: --housekeeping-interval={text}\n");
        }
        if table != "kubelet" || NO_FIELDS.contains(&field.as_str()) {
            continue;
        }
        let entries = match map_of(&whole, field) {
            Some(mut map) if !rest.is_empty() => {
                let kept = map_of(&earlier, field).unwrap_or_default();
                let kept: Vec<_> = kept.into_iter().filter(|(k, _)| !map.iter().any(|(known, _)| known == k)).collect();
                map.extend(kept);
                map
            }
            _ => vec![(rest.join("."), text.to_string())],
        };
        fields.insert(field.clone(), entries);
    }
    if fields.is_empty() {
        return None;
    }
    let mut out = String::from("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n");
    for (field, entries) in fields {
        match entries.as_slice() {
            [(key, text)] if key.is_empty() => out.push_str(&format!("{field}: {}\n", scalar(text))),
            entries => {
                out.push_str(&format!("{field}:\n"));
                entries.iter().for_each(|(key, text)| out.push_str(&format!("  {key}: {}\n", quoted(text))));
            }
        }
    }
    Some(out + &flags)
}

/// Strategic merge patches for the pods whose resources the knobs set: name of the pod, and the patch – for the
/// template of its Deployment, StatefulSet or DaemonSet, or for the pod itself where `bare` says that it has none.
pub fn pod_patches(knobs: &[Axis], values: &[&AxisValue], bare: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    // pod → container → (requests or limits) → resource → quantity
    type Resources = BTreeMap<String, BTreeMap<String, String>>;
    let mut pods: BTreeMap<String, BTreeMap<String, Resources>> = BTreeMap::new();
    for (path, text) in settings(knobs, values) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["pod", pod, "container", container, "resources", kind, resource @ ..] = path.as_slice() {
            let container = pods.entry(pod.to_string()).or_default().entry(container.to_string()).or_default();
            container.entry(kind.to_string()).or_default().insert(resource.join("."), text.into());
        }
    }
    let patch = |pod: &str, containers: BTreeMap<String, Resources>| {
        let (head, indent) = if bare(pod) { ("spec:\n", "") } else { ("spec:\n  template:\n    spec:\n", "    ") };
        let mut lines = vec!["  containers:".to_string()];
        for (name, resources) in containers {
            lines.push(format!("  - name: {name}"));
            lines.push("    resources:".to_string());
            for (kind, list) in resources {
                lines.push(format!("      {kind}:"));
                lines.extend(list.iter().map(|(k, v)| format!("        {k}: {}", quoted(v))));
            }
        }
        lines.iter().fold(head.to_string(), |out, line| format!("{out}{indent}{line}\n"))
    };
    pods.into_iter().map(|(pod, containers)| (pod.clone(), patch(&pod, containers))).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Numbers and booleans as they are, everything else in quotes.
fn scalar(text: &str) -> String {
    let plain = text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok();
    if plain { text.to_string() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Levels;

    #[test]
    fn settings_become_files() {
        let knob = |key: &str| Axis { name: key.into(), keys: vec![key.into()], levels: Levels::Grid(Vec::new()) };
        let knobs = [
            knob("kubelet.evictionHard.memory.available"),
            knob("kubelet.evictionMaxPodGracePeriod"),
            knob("pod.web.container.app.resources.limits.memory"),
            knob("pod.web.container.app.resources.requests.memory"),
        ];
        let values = ["500Mi", "30", "1Gi", "512Mi"].map(AxisValue::parse);
        let values: Vec<&AxisValue> = values.iter().collect();
        let hard = [("memory.available".to_string(), "500Mi".to_string()), ("nodefs.available".into(), "7%".into())];
        let config = KubeletConfig { eviction_hard: Some(hard.into()), ..KubeletConfig::default() };
        let yaml =
            kubelet_yaml(&knobs, &values, &config, &KubeletConfig::default(), &KubernetesProfile::default()).unwrap();
        assert_eq!(
            yaml,
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard:\n  \
             memory.available: \"500Mi\"\n  nodefs.available: \"7%\"\n  imagefs.available: \"15%\"\n  \
             imagefs.inodesFree: \"5%\"\n  nodefs.inodesFree: \"5%\"\nevictionMaxPodGracePeriod: 30\n"
        );
        let patches = pod_patches(&knobs, &values, |_| false);
        assert_eq!(
            patches,
            [(
                "web".to_string(),
                "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        resources:\n          \
                 limits:\n            memory: \"1Gi\"\n          requests:\n            memory: \"512Mi\"\n"
                    .to_string()
            )]
        );
        let bare = pod_patches(&knobs[2..3], &values[2..3], |pod| pod == "web");
        let spec = "spec:\n  containers:\n  - name: app\n    resources:\n      limits:\n        memory: \"1Gi\"\n";
        assert_eq!(bare, [("web".to_string(), spec.to_string())]);
        assert_eq!(kubelet_yaml(&knobs[2..], &values[2..], &config, &config, &KubernetesProfile::default()), None);
    }
}
