//! The kubelet of a scenario: its settings, without anything else that their file has, and what must be inferred.

use crate::build::{Import, ImportError, error};
use crate::copies::plain;
use crate::evidence::KubeletEvidence;
use crate::machine;
use crate::provider::Provider;
use crate::text::harmless_yaml;
use crate::toml_text::{amount, comment, one};
use oomsim_core::kubelet::KubeletConfig;
use oomsim_core::units::Bytes;
use oomsim_scenario::load;
use oomsim_scenario::reading::{KubeletSettings, Value as Object};
use serde_json::{Map, Value as Json, json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

/// The table of the kubelet.
pub(crate) fn kubelet(import: &mut Import<'_>) -> Result<Table, ImportError> {
    let mut table = Table::new();
    if let Some(version) = import.node.facts.map(|n| n.info("kubeletVersion")).filter(|v| !v.is_empty()) {
        table["version"] = value(version);
    }
    let chosen = chosen(import)?;
    if chosen.is_empty() {
        import.inferred(&mut table);
    } else {
        import.given(&mut table, &chosen);
        import.completed(&mut table);
    }
    if machine::swap(import.evidence, &import.node).is_some() {
        table["failSwapOn"] = value(false);
        comment(&mut table, "failSwapOn", "the machine has swap, and its kubelet runs");
    }
    Ok(table)
}

/// The settings to take: what a running kubelet answers has all of them; otherwise there is one file of settings, and
/// drop-ins that add to it, in order of their names.
fn chosen<'a>(import: &mut Import<'a>) -> Result<Vec<&'a KubeletEvidence>, ImportError> {
    let all = &import.evidence.kubelets;
    let live: Vec<_> = all.iter().filter(|k| k.live).collect();
    let adds = |k: &&KubeletEvidence| k.settings.iter().all(|part| matches!(part, KubeletSettings::MoreFlags(_)));
    let (mut drop_ins, whole): (Vec<_>, Vec<_>) = all.iter().partition(adds);
    drop_ins.sort_by(|one, other| one.source.name.cmp(&other.source.name));
    match (live.as_slice(), whole.as_slice()) {
        ([only], _) => {
            for other in all.iter().filter(|k| !k.live) {
                let message = format!("{}: left out: {} has all settings", other.source.name, only.source.name);
                import.out.notes.push(message);
            }
            Ok(vec![only])
        }
        ([], [] | [_]) => Ok([whole, drop_ins].concat()),
        _ => {
            let names: Vec<_> = all.iter().map(|k| k.source.name.as_str()).collect();
            error(
                format!("several kubelets' settings are given: {}", names.join(", ")),
                "give the settings of one node; `configz` has them all",
            )
        }
    }
}

impl Import<'_> {
    /// Writes the settings: a file that has nothing else as it is; of a provider's file, which may have tokens and
    /// keys, the kubelet's fields and flags.
    fn given(&mut self, table: &mut Table, kubelets: &[&KubeletEvidence]) {
        let (mut words, mut files) = (Array::new(), Vec::new());
        for kubelet in kubelets {
            let name = &kubelet.source.name;
            if kubelet.plain {
                let copy = if name.ends_with(".json") { "kubelet.json" } else { "kubelet.yaml" };
                table["config"] = value(copy);
                comment(table, "config", &format!("a copy of {name}"));
                self.out.files.push((copy.into(), kubelet.source.text.clone()));
                continue;
            }
            let fields: Vec<&Object> = kubelet.settings.iter().filter_map(fields_of).collect();
            if !fields.is_empty() {
                table["config"] = value("kubelet.yaml");
                comment(table, "config", &format!("the kubelet's settings in {name}"));
                self.out.files.push(("kubelet.yaml".into(), configuration(&fields)));
            }
            for part in &kubelet.settings {
                match part {
                    KubeletSettings::Fields(_) => {}
                    KubeletSettings::Flags(flags) | KubeletSettings::MoreFlags(flags) => {
                        let all = flags.items().unwrap_or_default().iter().filter_map(Object::as_text);
                        // Labels, addresses and the like are no settings of memory.
                        let kept = |word: &&str| MEMORY_FLAGS.iter().any(|flag| word.starts_with(flag));
                        words.extend(all.filter(kept));
                        files.push(name.as_str());
                    }
                    // The node says what its provider reserves, or nothing does.
                    KubeletSettings::Provider(by) if self.node.facts.is_none() => {
                        self.left_to_the_node(name, by.preset)
                    }
                    KubeletSettings::Provider(_) => {}
                }
            }
        }
        if !files.is_empty() {
            table["flags"] = value(words);
            comment(table, "flags", &format!("the kubelet's flags in {}", files.join(", ")));
        }
    }

    fn left_to_the_node(&mut self, name: &str, preset: &str) {
        let message =
            format!("{name}: the provider's nodes reserve memory by a rule of their own, unless the file does");
        let help = format!("add the Node, or set `preset = \"{preset}\"` in [kubelet]");
        self.out.notes.push(format!("{message}: {help}"));
    }

    /// A provider's file often leaves the reservations to the node's own start-up: then the node says what they are.
    fn completed(&mut self, table: &mut Table) {
        let Some((facts, real)) = self.node.facts.and_then(|facts| Some((facts, facts.allocatable?))) else { return };
        let mut document = DocumentMut::new();
        let mut node = Table::new();
        node["memory"] = value(amount(facts.capacity));
        document["node"] = Item::Table(node);
        document["kubelet"] = Item::Table(table.clone());
        let Ok(loaded) = load(&document.to_string(), "scenario.toml", &self.out, &[]) else { return };
        let Some(kubelet) = loaded.scenario.kubelet.as_ref() else { return };
        let Ok(effective) = &kubelet.effective else { return };
        let missing = effective.allocatable.saturating_sub(facts.huge_pages).saturating_sub(real);
        if reserves(&kubelet.config) || missing == Bytes::ZERO {
            return;
        }
        table["kubeReserved"] = value(one("memory", amount(missing).into()));
        let what = "the file reserves nothing: what the node's own allocatable leaves of its capacity and evictionHard";
        comment(table, "kubeReserved", what);
        self.out.notes.push(format!("kubelet.kubeReserved: {} assumed: {what}", amount(missing)));
    }

    /// Reservations from what the node itself says: capacity less allocatable is reserved and held back for eviction.
    fn inferred(&mut self, table: &mut Table) {
        let Some(facts) = self.node.facts else {
            let message =
                "kubelet: no configuration and no Node were given: nothing is reserved, evictionHard is 100Mi";
            return self.out.notes.push(format!("{message}; add /configz"));
        };
        let provider = Provider::of(facts);
        let Some(allocatable) = facts.allocatable else { return };
        let held_back = facts.capacity.saturating_sub(allocatable).saturating_sub(facts.huge_pages);
        let hard = Bytes::mib(100).min(held_back);
        table["kubeReserved"] = value(one("memory", amount(held_back.saturating_sub(hard)).into()));
        let mut threshold = InlineTable::new();
        threshold.insert("memory.available", amount(hard).into());
        table["evictionHard"] = value(threshold);
        let what = format!(
            "capacity {} less allocatable {}; assumed: evictionHard is 100Mi and the rest is kubeReserved",
            amount(facts.capacity),
            amount(allocatable)
        );
        comment(table, "kubeReserved", &what);
        let note = format!(
            "kubelet: no configuration was given ({} node); reservations are {what}: add /configz for the real ones",
            provider.as_str()
        );
        self.out.notes.push(note);
    }
}

/// Whether a configuration reserves memory.
fn reserves(config: &KubeletConfig) -> bool {
    [&config.kube_reserved, &config.system_reserved].into_iter().any(|reserved| reserved.contains_key("memory"))
}

fn fields_of(part: &KubeletSettings) -> Option<&Object> {
    match part {
        KubeletSettings::Fields(fields) => Some(fields),
        _ => None,
    }
}

/// Fields as a KubeletConfiguration; those of later parts count.
fn configuration(parts: &[&Object]) -> String {
    let mut all = Map::new();
    all.insert("apiVersion".into(), json!("kubelet.config.k8s.io/v1beta1"));
    all.insert("kind".into(), json!("KubeletConfiguration"));
    for fields in parts {
        if let Json::Object(fields) = plain(fields) {
            all.extend(fields.into_iter().filter(|(key, value)| key != "staticPodURLHeader" && !value.is_null()));
        }
    }
    let all = Json::Object(all);
    harmless_yaml(&all)
}

/// Flags of the kubelet that decide about memory.
const MEMORY_FLAGS: [&str; 14] = [
    "--kube-reserved",
    "--system-reserved",
    "--eviction-",
    "--qos-reserved",
    "--enforce-node-allocatable",
    "--cgroup-driver",
    "--cgroup-root",
    "--cgroups-per-qos",
    "--fail-swap-on",
    "--oom-score-adj",
    "--max-pods",
    "--feature-gates",
    "--config",
    "--node-status-update-frequency",
];
