//! Where providers and installers keep the kubelet's settings: each has a file of its own with a KubeletConfiguration,
//! a part of one, or the kubelet's flags in it.

mod bare;
mod embedded;
mod flags;
mod groups;
mod kinds;
mod spelling;

pub(crate) use self::flags::is_command_line;

use super::kubelet_files::{field_of_flag, is_field};
use crate::source::Location;
use crate::value::{Value, ValueKind};

/// The kubelet's settings in one document.
#[derive(Clone, Debug)]
pub enum Settings {
    /// Fields of KubeletConfiguration.
    Fields(Value),
    /// Flags of the command line.
    Flags(Value),
    /// Flags that a drop-in adds to those of another file (`kubelet-arg+` of k3s and RKE2).
    MoreFlags(Value),
    /// What the provider's nodes reserve by a rule of their own where the settings reserve nothing.
    Provider(ProviderDefault),
}

/// A rule by which a provider's nodes reserve memory.
#[derive(Clone, Debug)]
pub struct ProviderDefault {
    /// The preset with that rule.
    pub preset: &'static str,
    /// The settings that leave it to the node.
    pub at: Location,
}

/// One kubelet, and the kind of document that it was found in.
#[derive(Clone, Debug)]
struct Found {
    kind: String,
    settings: Vec<Settings>,
}

/// How many texts may stand in one another: a KubeletConfiguration in a NodeConfig's file in a MachineConfig.
const DEEPEST: usize = 3;

/// The settings of each kubelet in some documents. A list stands for its items. What one node is given in several
/// documents of a file is one kubelet's: a KubeletConfiguration and the flags of kubeadm, several NodeConfigs of user
/// data, a kOps cluster and its instance group.
pub fn kubelets(documents: &[Value]) -> Vec<Vec<Settings>> {
    let mut all = Vec::new();
    documents.iter().for_each(|document| collect(document, DEEPEST, &mut all));
    joined(all)
}

/// True for a document that has settings of the kubelet.
pub fn is_kubelet_settings(document: &Value) -> bool {
    !kubelets(std::slice::from_ref(document)).is_empty()
}

fn collect(document: &Value, deep: usize, all: &mut Vec<Found>) {
    if let Some(items) = document.items() {
        return items.iter().filter(|item| item.entries().is_some()).for_each(|item| collect(item, deep, all));
    }
    let kind = document.get("kind").and_then(Value::as_text).unwrap_or_default();
    if let Some(items) = document.get("items").and_then(Value::items).filter(|_| kind.ends_with("List")) {
        return items.iter().for_each(|item| collect(item, deep, all));
    }
    let own = match kind {
        "KubeletConfiguration" => vec![vec![Settings::Fields(document.clone())]],
        "" => bare::settings(document),
        _ => groups::settings(document, kind, deep).unwrap_or_else(|| kinds::settings(document, kind)),
    };
    let mut found: Vec<Vec<Settings>> = own.into_iter().filter(|settings| !settings.is_empty()).collect();
    if deep > 0 && (found.is_empty() || kind.starts_with("Kubeadm")) {
        found = with_files(embedded::settings(document, kind, deep - 1), found);
    }
    all.extend(found.into_iter().map(|settings| Found { kind: kind.to_owned(), settings }));
}

/// The flags in an object count more than the files that it has for the same node.
fn with_files(files: Vec<Vec<Settings>>, own: Vec<Vec<Settings>>) -> Vec<Vec<Settings>> {
    match (files.is_empty(), own.is_empty()) {
        (true, _) => own,
        (_, true) => files,
        _ => own.into_iter().map(|own| [files.concat(), own].concat()).collect(),
    }
}

/// The kubelets of texts that stand in a document, as one.
fn of_documents(documents: &[Value], deep: usize) -> Vec<Settings> {
    let mut all = Vec::new();
    documents.iter().for_each(|document| collect(document, deep, &mut all));
    joined(all).into_iter().flatten().collect()
}

/// Joins what is one kubelet's, and leaves out what says the same again or nothing that is read.
fn joined(mut all: Vec<Found>) -> Vec<Vec<Settings>> {
    if all.iter().any(|one| says_something(&one.settings)) {
        all.retain(|one| says_something(&one.settings));
    }
    let mut different: Vec<Found> = Vec::new();
    for one in all {
        if !different.iter().any(|other| same(&one.settings, &other.settings)) {
            different.push(one);
        }
    }
    let count = |kinds: &[&str]| different.iter().filter(|one| kinds.contains(&one.kind.as_str())).count();
    let of = |kinds: &[&str]| {
        let these = different.iter().filter(|one| kinds.contains(&one.kind.as_str()));
        these.flat_map(|one| one.settings.clone()).collect::<Vec<_>>()
    };
    let kubeadm = [kinds::INIT, kinds::JOIN];
    if count(&["KubeletConfiguration"]) == 1 && count(&kubeadm) == 1 && different.len() == 2 {
        // Flags come last.
        return vec![[of(&["KubeletConfiguration"]), of(&kubeadm)].concat()];
    }
    if count(&["NodeConfig"]) == different.len() && different.len() > 1 {
        return vec![of(&["NodeConfig"])];
    }
    if count(&["Cluster"]) == 1 && count(&["InstanceGroup"]) == different.len() - 1 {
        let cluster = of(&["Cluster"]);
        let groups = different.iter().filter(|one| one.kind != "Cluster");
        let groups: Vec<_> = groups.map(|group| [cluster.clone(), group.settings.clone()].concat()).collect();
        return if groups.is_empty() { vec![cluster] } else { groups };
    }
    different.into_iter().map(|one| one.settings).collect()
}

/// Whether the settings have anything that is read.
fn says_something(settings: &[Settings]) -> bool {
    settings.iter().any(|part| match part {
        Settings::Fields(fields) => {
            let given = |key: &str| is_field(key) || key == "kind";
            fields.entries().unwrap_or_default().iter().any(|entry| given(&entry.key))
        }
        Settings::Flags(words) | Settings::MoreFlags(words) => {
            let name = |word: &str| word.trim_start_matches('-').split('=').next().unwrap_or_default().to_owned();
            let words = words.items().unwrap_or_default().iter().filter_map(Value::as_text);
            words.into_iter().any(|word| field_of_flag(&name(word)).is_some())
        }
        Settings::Provider(_) => true,
    })
}

fn same(one: &[Settings], other: &[Settings]) -> bool {
    let pair = |(one, other): (&Settings, &Settings)| match (one, other) {
        (Settings::Fields(one), Settings::Fields(other))
        | (Settings::Flags(one), Settings::Flags(other))
        | (Settings::MoreFlags(one), Settings::MoreFlags(other)) => equal(one, other),
        (Settings::Provider(one), Settings::Provider(other)) => one.preset == other.preset,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(pair)
}

/// Equal, wherever they stand.
fn equal(one: &Value, other: &Value) -> bool {
    match (&one.kind, &other.kind) {
        (ValueKind::Array(one), ValueKind::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (ValueKind::Table(one), ValueKind::Table(other)) => {
            let pair = |(one, other): (&crate::value::Entry, &crate::value::Entry)| {
                one.key == other.key && equal(&one.value, &other.value)
            };
            one.len() == other.len() && one.iter().zip(other).all(pair)
        }
        (one, other) => one == other,
    }
}

/// A field of a field that is there and not null.
fn given<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(value, |value, key| value.get(key))?;
    (found.kind != ValueKind::Null).then_some(found)
}

/// A note that the provider's nodes have a rule of their own.
fn provider(preset: &'static str, at: &Value) -> Settings {
    Settings::Provider(ProviderDefault {
        preset,
        at: Location { span: at.at.span.start..at.at.span.start, ..at.at.clone() },
    })
}

#[cfg(test)]
mod tests;
