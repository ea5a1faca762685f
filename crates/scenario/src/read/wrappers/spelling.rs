//! Other spellings of the kubelet's fields.

use crate::read::kubelet_config::MAP_FIELDS;
use crate::read::kubelet_files::field_of_flag;
use crate::value::{Entry, Value, ValueKind};

/// Fields that GKE's node system configuration (cloud.google.com: customizing node system configuration), AKS' custom
/// node configuration and Gardener (KubeletConfigEviction) name differently: signals without dots, seconds in the
/// name, other capitals.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("memoryAvailable", "memory.available"),
    ("nodefsAvailable", "nodefs.available"),
    ("nodefsInodesFree", "nodefs.inodesFree"),
    ("imagefsAvailable", "imagefs.available"),
    ("imagefsInodesFree", "imagefs.inodesFree"),
    ("pidAvailable", "pid.available"),
    ("nodeFSAvailable", "nodefs.available"),
    ("nodeFSInodesFree", "nodefs.inodesFree"),
    ("imageFSAvailable", "imagefs.available"),
    ("imageFSInodesFree", "imagefs.inodesFree"),
    ("evictionMaxPodGracePeriodSeconds", "evictionMaxPodGracePeriod"),
    ("cpuCfsQuota", "cpuCFSQuota"),
    ("cpuCfsQuotaPeriod", "cpuCFSQuotaPeriod"),
    ("singleProcessOomKill", "singleProcessOOMKill"),
];

/// Fields of AKS' custom node configuration that KubeletConfiguration does not have (learn.microsoft.com/azure/aks:
/// custom-node-configuration).
pub(super) const AKS_FIELDS: [&str; 4] =
    ["imageGcHighThreshold", "imageGcLowThreshold", "containerLogMaxSizeMB", "podMaxPids"];

fn mapped(fields: &Value, each: impl Fn(&Entry) -> Option<(String, Value)>) -> Value {
    let ValueKind::Table(entries) = &fields.kind else { return fields.clone() };
    let entries = entries.iter().filter_map(|entry| {
        let (key, value) = each(entry)?;
        Some(Entry { key, key_at: entry.key_at.clone(), value })
    });
    Value { kind: ValueKind::Table(entries.collect()), at: fields.at.clone() }
}

/// Fields by the kubelet's own names; those that only the provider has and that have nothing to do with memory are
/// gone.
pub(super) fn renamed(value: &Value) -> Value {
    mapped(value, |entry| {
        let key = entry.key.as_str();
        let name = OTHER_NAMES.iter().find(|(name, _)| *name == key).map_or(key, |(_, name)| *name);
        (!AKS_FIELDS.contains(&key)).then(|| (name.to_owned(), renamed(&entry.value)))
    })
}

/// Fields by the names of their flags, `kube-reserved`; what is no flag of the kubelet is gone.
pub(super) fn named_as_flags(fields: &Value) -> Value {
    mapped(fields, |entry| Some((field_of_flag(&entry.key)?.to_owned(), entry.value.clone())))
}

/// kOps writes maps and lists as the flags do: `memory.available<100Mi,nodefs.available<10%`, `pods`, and gates as
/// texts.
pub(super) fn from_flag_texts(fields: &Value) -> Value {
    mapped(fields, |entry| {
        let key = entry.key.as_str();
        let value = match (key, entry.value.as_text()) {
            ("enforceNodeAllocatable", Some(list)) => {
                let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
                let word = |word: &str| Value { kind: ValueKind::Text(word.to_owned()), at: entry.value.at.clone() };
                Value { kind: ValueKind::Array(words.map(word).collect()), at: entry.value.at.clone() }
            }
            (key, Some(list)) if MAP_FIELDS.contains(&key) => pairs(&entry.value, list),
            ("featureGates", None) => mapped(&entry.value, |gate| {
                let on = gate.value.as_text().and_then(|text| text.parse().ok());
                let kind = on.map_or_else(|| gate.value.kind.clone(), ValueKind::Bool);
                Some((gate.key.clone(), Value { kind, at: gate.value.at.clone() }))
            }),
            _ => entry.value.clone(),
        };
        Some((entry.key.clone(), value))
    })
}

/// `memory.available<100Mi,…` or `memory=100Mi,…` as a table.
fn pairs(value: &Value, list: &str) -> Value {
    let entry = |(key, amount): (&str, &str)| Entry {
        key: key.trim().to_owned(),
        key_at: value.at.clone(),
        value: Value { kind: ValueKind::Text(amount.trim().to_owned()), at: value.at.clone() },
    };
    let pairs = list.split(',').filter_map(|pair| pair.split_once(['<', '='])).map(entry);
    Value { kind: ValueKind::Table(pairs.collect()), at: value.at.clone() }
}
