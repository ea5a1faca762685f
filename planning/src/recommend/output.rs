//! A recommended setting as files: KubeletConfiguration, and patches of pods.

use crate::axis::AxisValue;
use crate::plan::Axis;
use sim_core::kubelet::KubeletConfig;
use sim_core::scenario::Source;
use sim_core::scenario::reading::parse_keys;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys that knobs set, with their values, as paths.
fn settings<'a>(knobs: &[Axis], values: &[&'a AxisValue]) -> Vec<(Vec<String>, &'a str)> {
    let mut all = Vec::new();
    for (knob, value) in knobs.iter().zip(values) {
        for key in &knob.keys {
            let source = Arc::new(Source { name: "key".into(), text: key.clone() });
            let path = parse_keys(&source, key).unwrap_or_default().into_iter().map(|(step, _)| step).collect();
            all.push((path, value.text.as_str()));
        }
    }
    all
}

/// The fields of the KubeletConfiguration that the knobs set, as YAML; `None` when they set none. Maps are given
/// whole, as a map that is given replaces the kubelet's defaults; `config` is the configuration with the setting, and
/// `before` the one without it, from which entries that no knob sets are kept.
pub fn kubelet_yaml(
    knobs: &[Axis],
    values: &[&AxisValue],
    config: &KubeletConfig,
    before: &KubeletConfig,
) -> Option<String> {
    let whole = serde_json::to_value(config).ok()?;
    let mut fields: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (path, text) in settings(knobs, values) {
        let [table, field, rest @ ..] = path.as_slice() else { continue };
        if table != "kubelet" {
            continue;
        }
        let entries = match whole.get(field).and_then(|v| v.as_object()) {
            Some(map) if !rest.is_empty() => {
                map.iter().map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_string))).collect()
            }
            _ => vec![(rest.join("."), text.to_string())],
        };
        fields.insert(field.clone(), entries);
    }
    if fields.is_empty() {
        return None;
    }
    // A hard map that is given replaces all defaults: without these, nothing would guard the disks.
    if let Some(hard) = fields.get_mut("evictionHard") {
        for (signal, value) in before.eviction_hard() {
            if !hard.iter().any(|(k, _)| *k == signal) {
                hard.push((signal, value));
            }
        }
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
    Some(out)
}

/// Strategic merge patches for the pods whose resources the knobs set: name of the pod, and the patch for the
/// template of its Deployment, StatefulSet or DaemonSet.
pub fn pod_patches(knobs: &[Axis], values: &[&AxisValue]) -> Vec<(String, String)> {
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
    let patch = |containers: BTreeMap<String, Resources>| {
        let mut out = String::from("spec:\n  template:\n    spec:\n      containers:\n");
        for (name, resources) in containers {
            out.push_str(&format!("      - name: {name}\n        resources:\n"));
            for (kind, list) in resources {
                out.push_str(&format!("          {kind}:\n"));
                list.iter().for_each(|(k, v)| out.push_str(&format!("            {k}: {}\n", quoted(v))));
            }
        }
        out
    };
    pods.into_iter().map(|(pod, containers)| (pod, patch(containers))).collect()
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
        let yaml = kubelet_yaml(&knobs, &values, &config, &KubeletConfig::default()).unwrap();
        assert_eq!(
            yaml,
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard:\n  \
             memory.available: \"500Mi\"\n  nodefs.available: \"7%\"\n  imagefs.available: \"15%\"\n  \
             imagefs.inodesFree: \"5%\"\n  nodefs.inodesFree: \"5%\"\nevictionMaxPodGracePeriod: 30\n"
        );
        let patches = pod_patches(&knobs, &values);
        assert_eq!(
            patches,
            [(
                "web".to_string(),
                "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        resources:\n          \
                 limits:\n            memory: \"1Gi\"\n          requests:\n            memory: \"512Mi\"\n"
                    .to_string()
            )]
        );
        assert_eq!(kubelet_yaml(&knobs[2..], &values[2..], &config, &config), None);
    }
}
