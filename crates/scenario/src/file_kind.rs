//! What a file is about.

use super::diagnostic::Diagnostic;
use super::read::is_kubelet_settings;
use super::source::Source;
use super::toml_value::parse_document;
use super::value::{Value, ValueKind};
use super::yaml_value::parse_documents;
use oomsim_kube_api::KINDS;
use std::sync::Arc;

/// What a YAML or JSON file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A KubeletConfiguration, what `/configz` answers, or a provider's file with the kubelet's settings in it.
    KubeletConfiguration,
    /// Kubernetes objects, some of them pods or makers of pods; or something that is not known.
    Manifest,
    /// Kubernetes objects without any pod, such as a Service.
    NoPods,
}

/// What a TOML file is: studies are laid beside the scenarios that they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TomlKind {
    /// A scenario, or something that is not known.
    Scenario,
    /// One scenario over axes, for `oomsim sweep`.
    Sweep,
    /// What must not happen in some scenarios, for `oomsim plan`.
    Goal,
    /// User data of Bottlerocket, which has the kubelet's settings.
    KubeletSettings,
}

impl TomlKind {
    /// Looks at a file's tables. A text that is not TOML counts as a scenario, whose reader says what is wrong.
    pub fn of_text(text: &str) -> TomlKind {
        let source = Arc::new(Source::new(String::new(), text));
        parse_document(&source).map_or(TomlKind::Scenario, |root| TomlKind::of(&root))
    }

    /// As [`TomlKind::of_text`], for what was parsed already.
    pub(crate) fn of(root: &Value) -> TomlKind {
        if root.get("node").is_none() && root.get("settings").is_some_and(|settings| settings.entries().is_some()) {
            return TomlKind::KubeletSettings;
        }
        match root.get("scenario").map(|value| &value.kind) {
            Some(ValueKind::Text(_)) if root.get("node").is_none() => TomlKind::Sweep,
            Some(ValueKind::Array(_)) if root.get("node").is_none() => TomlKind::Goal,
            _ => TomlKind::Scenario,
        }
    }

    /// The command that runs such a file.
    pub fn command(self) -> &'static str {
        match self {
            TomlKind::Scenario => "oomsim run",
            TomlKind::Sweep => "oomsim sweep",
            TomlKind::Goal => "oomsim plan",
            TomlKind::KubeletSettings => "oomsim node --config",
        }
    }
}

/// Looks at the kinds of a file's documents.
///
/// # Errors
/// When the text is not YAML.
pub fn file_kind(name: &str, text: &str) -> Result<FileKind, Box<Diagnostic>> {
    let source = Arc::new(Source::new(name, text));
    let documents = parse_documents(&source)?;
    if documents.iter().any(is_kubelet_settings) {
        return Ok(FileKind::KubeletConfiguration);
    }
    let known = documents.iter().all(|document| kind(document).is_some());
    let nothing = !documents.is_empty() && known && !documents.iter().any(makes_pods);
    Ok(if nothing { FileKind::NoPods } else { FileKind::Manifest })
}

fn kind(value: &Value) -> Option<&str> {
    value.get("kind").and_then(Value::as_text)
}

fn makes_pods(value: &Value) -> bool {
    let kind = kind(value).unwrap_or_default();
    let items = value.get("items").and_then(Value::items).filter(|_| kind.ends_with("List"));
    match items {
        Some(items) => items.iter().any(makes_pods),
        None => KINDS.iter().any(|(known, _)| *known == kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_kinds() {
        use FileKind::*;
        for (text, expected) in [
            ("kind: KubeletConfiguration\nfailSwapOn: false\n", KubeletConfiguration),
            ("{\"kubeletconfig\": {\"maxPods\": 110}}", KubeletConfiguration),
            ("evictionHard: {}\n", KubeletConfiguration),
            ("kubelet-arg: [max-pods=50]\n", KubeletConfiguration),
            (
                "apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nspec: { kubelet: { maxPods: 10 } }\n",
                KubeletConfiguration,
            ),
            ("kind: Service\n---\nkind: Deployment\n", Manifest),
            ("kind: List\nitems: [{kind: Service}, {kind: Pod}]", Manifest),
            ("kind: List\nitems: [{kind: Service}]", NoPods),
            ("kind: Service\n---\nkind: ConfigMap\n", NoPods),
            ("replicaCount: 3\n", Manifest),
            ("", Manifest),
        ] {
            assert_eq!(file_kind("x.yaml", text), Ok(expected), "{text}");
        }
        assert!(file_kind("x.yaml", "a: [1").is_err());
    }

    #[test]
    fn studies_are_told_from_scenarios() {
        use TomlKind::*;
        for (text, expected) in [
            ("scenario = \"worker.toml\"\n[[axis]]\n", Sweep),
            ("[[scenario]]\nfile = \"worker.toml\"\n", Goal),
            ("[node]\nmemory = \"8Gi\"\n", Scenario),
            ("scenario = \"a mistake\"\n[node]\nmemory = \"8Gi\"\n", Scenario),
            ("scenario = 3\n", Scenario),
            ("[settings.kubernetes]\nmax-pods = 9\n", KubeletSettings),
            ("[settings.host-containers.admin]\nenabled = true\n", KubeletSettings),
            ("settings = 1\n", Scenario),
            ("scenario = [", Scenario),
            ("", Scenario),
        ] {
            assert_eq!(TomlKind::of_text(text), expected, "{text}");
        }
    }
}
