//! Where providers and installers keep the kubelet's settings: each has a file of its own with a KubeletConfiguration,
//! a part of one, or the kubelet's flags in it.

use super::kubelet_files::{field_of_flag, is_field};
use crate::value::{Entry, Value, ValueKind};

/// The kubelet's settings in one document.
#[derive(Clone, Debug)]
pub enum Settings {
    /// Fields of KubeletConfiguration.
    Fields(Value),
    /// Flags of the command line.
    Flags(Value),
}

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
}

/// The wrappers that are objects with a kind.
const WRAPPERS: [Wrapper; 10] = [
    // karpenter-provider-aws pkg/apis/v1/ec2nodeclass.go, karpenter-provider-azure: KubeletConfiguration.
    Wrapper { kind: "EC2NodeClass", api: "karpenter.k8s.aws/", fields: &["spec", "kubelet"], flags: &[] },
    Wrapper { kind: "AKSNodeClass", api: "karpenter.azure.com/", fields: &["spec", "kubelet"], flags: &[] },
    // Karpenter before v1: the settings were the pool's.
    Wrapper { kind: "NodePool", api: "karpenter.sh/", fields: &["spec", "template", "spec", "kubelet"], flags: &[] },
    Wrapper { kind: "Provisioner", api: "karpenter.sh/", fields: &["spec", "kubeletConfiguration"], flags: &[] },
    // amazon-eks-ami nodeadm/api/v1alpha1/nodeconfig_types.go: KubeletOptions.
    Wrapper {
        kind: "NodeConfig",
        api: "node.eks.aws/",
        fields: &["spec", "kubelet", "config"],
        flags: &["spec", "kubelet", "flags"],
    },
    // openshift/api machineconfiguration/v1: KubeletConfigSpec.
    Wrapper {
        kind: "KubeletConfig",
        api: "machineconfiguration.openshift.io/",
        fields: &["spec", "kubeletConfig"],
        flags: &[],
    },
    // kops pkg/apis/kops/v1alpha2: KubeletConfigSpec has the names of the fields, its values are those of the flags.
    Wrapper { kind: "Cluster", api: "kops.k8s.io/", fields: &["spec", "kubelet"], flags: &[] },
    Wrapper { kind: "InstanceGroup", api: "kops.k8s.io/", fields: &["spec", "kubelet"], flags: &[] },
    // kubeadm.k8s.io: NodeRegistrationOptions.
    Wrapper { kind: INIT, api: "kubeadm.k8s.io/", fields: &[], flags: &["nodeRegistration", "kubeletExtraArgs"] },
    Wrapper { kind: JOIN, api: "kubeadm.k8s.io/", fields: &[], flags: &["nodeRegistration", "kubeletExtraArgs"] },
];

const INIT: &str = "InitConfiguration";
const JOIN: &str = "JoinConfiguration";

/// Fields that GKE's node system configuration (cloud.google.com: customizing node system configuration) and AKS'
/// custom node configuration name differently: signals without dots, seconds in the name, other capitals.
const OTHER_NAMES: [(&str, &str); 4] = [
    ("memoryAvailable", "memory.available"),
    ("evictionMaxPodGracePeriodSeconds", "evictionMaxPodGracePeriod"),
    ("cpuCfsQuota", "cpuCFSQuota"),
    ("cpuCfsQuotaPeriod", "cpuCFSQuotaPeriod"),
];

/// The settings of each kubelet in some documents. A list stands for its items; a KubeletConfiguration and the flags
/// that kubeadm gives in the same file are one kubelet's, flags last.
pub fn kubelets(documents: &[Value]) -> Vec<Vec<Settings>> {
    let mut all: Vec<(String, Vec<Settings>)> = Vec::new();
    documents.iter().for_each(|document| collect(document, &mut all));
    let is = |kind: &str, one: &(String, Vec<Settings>)| one.0 == kind;
    let flags = all.iter().position(|one| is(INIT, one) || is(JOIN, one));
    let fields = all.iter().position(|one| is("KubeletConfiguration", one));
    if let (2, Some(flags), Some(fields)) = (all.len(), flags, fields) {
        return vec![[all[fields].1.clone(), all[flags].1.clone()].concat()];
    }
    all.into_iter().map(|(_, settings)| settings).collect()
}

fn collect(document: &Value, all: &mut Vec<(String, Vec<Settings>)>) {
    let kind = document.get("kind").and_then(Value::as_text).unwrap_or_default();
    if let Some(items) = document.get("items").and_then(Value::items).filter(|_| kind.ends_with("List")) {
        return items.iter().for_each(|item| collect(item, all));
    }
    let api = document.get("apiVersion").and_then(Value::as_text).unwrap_or_default();
    // eksctl pkg/apis/eksctl.io/v1alpha5: each group of nodes has its own.
    if kind == "ClusterConfig" && api.starts_with("eksctl.io/") {
        let groups = ["nodeGroups", "managedNodeGroups"].iter().filter_map(|key| document.get(key)?.items()).flatten();
        let settings = groups.filter_map(|group| given(group, &["kubeletExtraConfig"]));
        return all.extend(settings.map(|fields| (kind.to_string(), vec![Settings::Fields(fields.clone())])));
    }
    let settings = settings(document);
    if !settings.is_empty() {
        all.push((kind.to_string(), settings));
    }
}

/// The kubelet's settings in a document; empty: it has none.
fn settings(document: &Value) -> Vec<Settings> {
    let kind = document.get("kind").and_then(Value::as_text);
    let api = document.get("apiVersion").and_then(Value::as_text).unwrap_or_default();
    match kind {
        Some("KubeletConfiguration") => vec![Settings::Fields(document.clone())],
        Some(kind) => match WRAPPERS.iter().find(|w| w.kind == kind && api.starts_with(w.api)) {
            Some(wrapper) => wrapped(document, wrapper),
            None => Vec::new(),
        },
        None => without_kind(document),
    }
}

/// True for a document that has settings of the kubelet.
pub fn is_kubelet_settings(document: &Value) -> bool {
    !kubelets(std::slice::from_ref(document)).is_empty()
}

fn wrapped(document: &Value, wrapper: &Wrapper) -> Vec<Settings> {
    let at = |path: &[&str]| if path.is_empty() { None } else { given(document, path) };
    let fields = at(wrapper.fields).map(|fields| Settings::Fields(from_flag_texts(fields)));
    let flags = at(wrapper.flags).map(|flags| Settings::Flags(flag_list(flags)));
    fields.into_iter().chain(flags).collect()
}

/// Documents that say what they are by their keys alone.
fn without_kind(document: &Value) -> Vec<Settings> {
    if let Some(text) = document.as_text() {
        return command_line(document, text);
    }
    let keys = || document.entries().unwrap_or_default().iter().map(|entry| entry.key.as_str());
    // What /configz answers.
    if let Some(fields) = document.get("kubeletconfig") {
        return vec![Settings::Fields(fields.clone())];
    }
    // config.yaml of k3s and RKE2: kubelet-arg, and kubelet-arg+ in drop-ins.
    if let Some(flags) = document.get("kubelet-arg").or_else(|| document.get("kubelet-arg+")) {
        return vec![Settings::Flags(flag_list(flags))];
    }
    // Bottlerocket's user data: the kubelet's flags as tables.
    if let Some(fields) = given(document, &["settings", "kubernetes"]) {
        return vec![Settings::Fields(named_as_flags(fields))];
    }
    // Talos machine configuration, v1alpha1.
    if document.get("machine").is_some() {
        let fields = given(document, &["machine", "kubelet", "extraConfig"]).cloned().map(Settings::Fields);
        let flags = given(document, &["machine", "kubelet", "extraArgs"]).map(|f| Settings::Flags(flag_list(f)));
        return fields.into_iter().chain(flags).collect();
    }
    // GKE's node system configuration, and AKS' agent pool profile.
    if let Some(fields) = document.get("kubeletConfig").or_else(|| given(document, &["properties", "kubeletConfig"])) {
        return vec![Settings::Fields(renamed(fields))];
    }
    if AKS_FIELDS.iter().any(|field| document.get(field).is_some()) {
        return vec![Settings::Fields(renamed(document))];
    }
    let fields = document.get("metadata").is_none() && keys().any(is_field);
    if fields { vec![Settings::Fields(document.clone())] } else { Vec::new() }
}

/// A kubelet's command line, as `ps` shows it or as kubeadm keeps it (`KUBELET_KUBEADM_ARGS="--…"`).
fn command_line(document: &Value, text: &str) -> Vec<Settings> {
    if !text.to_ascii_lowercase().contains("kubelet") || !text.contains("--") {
        return Vec::new();
    }
    let plain = |word: &str| {
        let behind = word.split_once("=\"").filter(|(name, _)| name.starts_with("KUBELET_")).map(|(_, rest)| rest);
        behind.unwrap_or(word).trim_matches('"').to_string()
    };
    let words = text.split_whitespace().map(plain).filter(|word| !word.is_empty());
    let words = words.map(|word| Value { kind: ValueKind::Text(word), at: document.at.clone() });
    vec![Settings::Flags(Value { kind: ValueKind::Array(words.collect()), at: document.at.clone() })]
}

/// Fields by the names of their flags, `kube-reserved`; what is no flag of the kubelet is gone.
fn named_as_flags(fields: &Value) -> Value {
    let entries = fields.entries().unwrap_or_default().iter().filter_map(|entry| {
        let key = field_of_flag(&entry.key)?.to_string();
        Some(Entry { key, key_at: entry.key_at.clone(), value: entry.value.clone() })
    });
    Value { kind: ValueKind::Table(entries.collect()), at: fields.at.clone() }
}

/// Fields of AKS' custom node configuration that KubeletConfiguration does not have (learn.microsoft.com/azure/aks:
/// custom-node-configuration).
const AKS_FIELDS: [&str; 4] = ["imageGcHighThreshold", "imageGcLowThreshold", "containerLogMaxSizeMB", "podMaxPids"];

/// Fields by the kubelet's own names; those that only the provider has and that have nothing to do with memory are
/// gone.
fn renamed(value: &Value) -> Value {
    let ValueKind::Table(entries) = &value.kind else { return value.clone() };
    let entries = entries.iter().filter(|e| !AKS_FIELDS.contains(&e.key.as_str())).map(|entry| {
        let key = OTHER_NAMES.iter().find(|(name, _)| *name == entry.key).map_or(entry.key.as_str(), |(_, name)| *name);
        Entry { key: key.to_string(), key_at: entry.key_at.clone(), value: renamed(&entry.value) }
    });
    Value { kind: ValueKind::Table(entries.collect()), at: value.at.clone() }
}

fn given<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(value, |value, key| value.get(key))?;
    (found.kind != ValueKind::Null).then_some(found)
}

/// kOps writes thresholds as the flags do, `memory.available<100Mi,nodefs.available<10%`.
fn from_flag_texts(fields: &Value) -> Value {
    let ValueKind::Table(entries) = &fields.kind else { return fields.clone() };
    let entries = entries.iter().map(|entry| {
        let thresholds = matches!(entry.key.as_str(), "evictionHard" | "evictionSoft");
        let value = match entry.value.as_text().filter(|_| thresholds) {
            Some(text) => signals(&entry.value, text),
            None => entry.value.clone(),
        };
        Entry { key: entry.key.clone(), key_at: entry.key_at.clone(), value }
    });
    Value { kind: ValueKind::Table(entries.collect()), at: fields.at.clone() }
}

fn signals(value: &Value, text: &str) -> Value {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('<'));
    let entry = |(signal, amount): (&str, &str)| Entry {
        key: signal.trim().to_string(),
        key_at: value.at.clone(),
        value: Value { kind: ValueKind::Text(amount.trim().to_string()), at: value.at.clone() },
    };
    Value { kind: ValueKind::Table(pairs.map(entry).collect()), at: value.at.clone() }
}

/// Flags as words: one text, a list of `name=value` with or without dashes, a table, or kubeadm's list of names and
/// values.
fn flag_list(flags: &Value) -> Value {
    let word = |text: String, value: &Value| Value { kind: ValueKind::Text(text), at: value.at.clone() };
    let dashed = |text: &str| format!("--{}", text.trim_start_matches('-'));
    let words = match &flags.kind {
        ValueKind::Text(text) => vec![word(dashed(text), flags)],
        ValueKind::Array(items) => items
            .iter()
            .filter_map(|item| match item.as_text() {
                Some(text) => Some(word(dashed(text), item)),
                None => Some(word(named_flag(item)?, item)),
            })
            .collect(),
        ValueKind::Table(entries) => entries.iter().flat_map(|entry| pairs(entry, &word)).collect(),
        _ => return flags.clone(),
    };
    Value { kind: ValueKind::Array(words), at: flags.at.clone() }
}

/// `{ name: eviction-hard, value: … }`.
fn named_flag(item: &Value) -> Option<String> {
    let text = |key| item.get(key).and_then(Value::as_text);
    Some(format!("--{}={}", text("name")?, text("value")?))
}

/// A flag of a table; Talos takes a list of values, too.
fn pairs(entry: &Entry, word: &impl Fn(String, &Value) -> Value) -> Vec<Value> {
    let one = |value: &Value| {
        let text = match &value.kind {
            ValueKind::Text(text) | ValueKind::Number(text) => text.clone(),
            ValueKind::Int(n) => n.to_string(),
            ValueKind::Bool(b) => b.to_string(),
            _ => return None,
        };
        Some(word(format!("--{}={text}", entry.key), value))
    };
    match entry.value.items() {
        Some(items) => items.iter().filter_map(one).collect(),
        None => one(&entry.value).into_iter().collect(),
    }
}
