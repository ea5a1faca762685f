//! From the evidence to the files of a scenario.

use crate::curve::Period;
use crate::evidence::Evidence;
use crate::kernel_log;
use crate::kubelet::kubelet;
use crate::machine;
use crate::objects::NodeFacts;
use crate::pods::{PodTable, pods};
use crate::system::{PodsTotal, SystemMemory, of_free, system};
use crate::text::harmless_toml;
use crate::toml_text::{amount, comment, counted, said};
use oomsim_core::units::{Bytes, SimDuration, format_duration};
use oomsim_scenario::{FileError, Files};
use std::collections::BTreeMap;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// What to import.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The node; none: the only one that the files know.
    pub node: Option<String>,
    /// The node's memory, where no Node is among the files.
    pub memory: Option<Bytes>,
}

/// A scenario and the files that it names.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Path relative to the folder, and text; `scenario.toml` first.
    pub files: Vec<(String, String)>,
    /// What was assumed or left out, for people.
    pub notes: Vec<String>,
}

/// Why nothing can be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// What is missing or contradicts itself.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n  help: {}", self.message, self.help)
    }
}

impl std::error::Error for ImportError {}

impl Files for Imported {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let file = self.files.iter().find(|(name, _)| name == path);
        file.map(|(_, text)| text.clone()).ok_or(FileError::NotFound)
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Err("no such folder".into())
    }
}

pub(crate) fn error<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, ImportError> {
    Err(ImportError { message: message.into(), help: help.into() })
}

/// A run is at least this long.
const SHORTEST: SimDuration = SimDuration::from_secs(600);

/// Writes the scenario of one node.
///
/// # Errors
/// When the files do not say which node, or how large it is.
pub fn build(evidence: &Evidence, options: &Options) -> Result<Imported, ImportError> {
    let node = chosen_node(evidence, options)?;
    let mut import = Import {
        evidence,
        recorded: Period::of(evidence),
        unknown: Vec::new(),
        gaps: (0, 0),
        out: Imported::default(),
        node,
    };
    let mut document = import.head();
    let pods = pods(&mut import);
    document["node"] = Item::Table(import.node_table(&pods));
    if let Some(kernel) = import.kernel() {
        document["kernel"] = Item::Table(kernel);
    }
    document["kubelet"] = Item::Table(kubelet(&mut import)?);
    let tables: ArrayOfTables = pods.into_iter().map(|pod| pod.table).collect();
    if !tables.is_empty() {
        document["pod"] = Item::ArrayOfTables(tables);
    }
    import.out.files.insert(0, ("scenario.toml".into(), harmless_toml(&document.to_string())));
    import.out.files.push(("goal.toml".into(), GOAL.into()));
    Ok(import.out)
}

/// A goal for `oomsim plan` to begin with.
const GOAL: &str = r#"# Which eviction threshold keeps the kernel from killing pods? Run it with `oomsim plan goal.toml`; change targets,
# knobs and the number of runs as you like. A container that reaches its own limit is no matter of the kubelet's
# settings, so it is no target here.
name = "goal"
runs = 400

[[scenario]]
file = "scenario.toml"

[[target]]
event = "kubepodsOom"
below = "5%"

[[target]]
event = "nodeOom"
below = "5%"

[[knob]]
name = "evictionHard"
key = "kubelet.evictionHard.memory.available"
values = ["100Mi", "250Mi", "500Mi", "1Gi"]
"#;

/// The node of the scenario.
pub(crate) struct ChosenNode<'a> {
    pub name: String,
    pub memory: Bytes,
    pub facts: Option<&'a NodeFacts>,
}

fn chosen_node<'a>(evidence: &'a Evidence, options: &Options) -> Result<ChosenNode<'a>, ImportError> {
    let names: Vec<&str> = evidence.nodes.iter().map(|n| n.name.as_str()).collect();
    let facts = match (&options.node, evidence.nodes.as_slice()) {
        (Some(name), nodes) => nodes.iter().find(|n| n.name == *name),
        (None, [only]) => Some(only),
        (None, []) => None,
        (None, _) => return error("the files have several nodes", format!("choose with --node: {}", names.join(", "))),
    };
    if let (Some(name), None, false) = (&options.node, facts, evidence.nodes.is_empty()) {
        return error(format!("there is no Node {name} in the files"), format!("they have {}", names.join(", ")));
    }
    let bound: std::collections::BTreeSet<_> = evidence.pods.iter().filter_map(|p| p.node.as_deref()).collect();
    let summary = evidence.summaries.first().map(|s| s.node.node_name.as_str());
    let name = options.node.as_deref().or(facts.map(|n| n.name.as_str())).or(summary);
    let name = match (name, bound.len()) {
        (Some(name), _) => name.to_string(),
        (None, 0) => "node".to_string(),
        (None, 1) => bound.first().map_or("node", |name| *name).to_string(),
        (None, _) => {
            let all: Vec<_> = bound.into_iter().collect();
            return error("the pods are bound to several nodes", format!("choose with --node: {}", all.join(", ")));
        }
    };
    let meminfo = || evidence.meminfo.as_ref().and_then(|m| m.get("MemTotal"));
    let summary = || {
        let of_node = evidence.summaries.iter().find(|s| s.node.node_name == name)?.node.memory?;
        Some(Bytes::new(of_node.available_bytes?.saturating_add(of_node.working_set_bytes?)))
    };
    let exported = || {
        let total = crate::series::Metric::Meminfo("MemTotal".into());
        let series = evidence.series.iter().find(|(_, s)| s.metric.as_ref() == Some(&total))?;
        series.1.points.first().map(|p| Bytes::new(p.bytes))
    };
    let logged = || kernel_log::Machine::of(evidence)?.memory();
    let freed = || evidence.free.map(of_free);
    let measured = || meminfo().or_else(summary).or_else(exported).or_else(logged).or_else(freed);
    let memory = options.memory.or(facts.map(|n| n.capacity)).or_else(measured);
    let Some(memory) = memory else {
        return error(
            "nothing says how much memory the node has",
            "add `kubectl get node NAME -o json`, /proc/meminfo or /stats/summary, or give --memory (a kernel log says it in reports about the whole node)",
        );
    };
    Ok(ChosenNode { name, memory, facts })
}

/// An import under way.
pub(crate) struct Import<'a> {
    pub evidence: &'a Evidence,
    pub recorded: Option<Period>,
    pub node: ChosenNode<'a>,
    /// Containers of which no file says what they hold.
    pub unknown: Vec<String>,
    /// Containers whose recordings have gaps, and how many.
    pub gaps: (usize, usize),
    pub out: Imported,
}

impl Import<'_> {
    fn head(&self) -> DocumentMut {
        let mut document = DocumentMut::new();
        document["name"] = value(self.node.name.as_str());
        document["description"] = value(format!("Imported: node {}", self.node.name));
        let recorded = self.recorded.map_or(SimDuration::ZERO, Period::duration);
        document["duration"] = value(format_duration(recorded.max(SHORTEST)));
        document
    }

    pub(crate) fn node_table(&mut self, pods: &[PodTable]) -> Table {
        let mut table = Table::new();
        table["name"] = value(self.node.name.as_str());
        table["memory"] = value(amount(self.node.memory));
        if let Some(cpus) = self.node.facts.and_then(|n| n.cpus) {
            table["cpus"] = value(i64::from(cpus));
        }
        let machine = kernel_log::Machine::of(self.evidence);
        if let Some(swap) = machine::swap(self.evidence, &self.node) {
            table["swap"] = value(amount(swap.bytes));
            comment(&mut table, "swap", &swap.from);
        } else if let Some((swap, file)) = self.evidence.os.iter().find_map(|os| Some((os.swap?, &os.source.name))) {
            table["swap"] = value(amount(swap));
            comment(&mut table, "swap", &format!("the swap file in {file}"));
        }
        if let Some((count, held)) = machine.map(|m| m.in_pods()).filter(|(count, _)| pods.is_empty() && *count > 0) {
            let processes = counted(count, "process");
            let message = "in pods that no file names: left out; add `kubectl get pods -A -o json`";
            self.out.notes.push(format!("{processes} with {} {message}", amount(held)));
        }
        let total = PodsTotal {
            anon: pods.iter().map(|p| p.anon).sum(),
            active_file: pods.iter().map(|p| p.active_file).sum(),
        };
        if self.node.facts.is_some_and(|n| n.memory_pressure) {
            self.out.notes.push("the node reports MemoryPressure=True: the run begins without it".into());
        }
        let system = system(self.evidence, &self.node, total).unwrap_or_else(|| self.guessed());
        if !system.assumed.is_empty() {
            self.out.notes.push(format!("node.system: assumed: {}", system.assumed));
        }
        let mut amounts = InlineTable::new();
        for (key, bytes) in [
            ("anon", system.anon),
            ("activeFile", system.active_file),
            ("inactiveFile", system.inactive_file),
            ("kernel", system.kernel),
        ] {
            if bytes > Bytes::ZERO {
                amounts.insert(key, amount(bytes).into());
            }
        }
        table["system"] = value(amounts);
        comment(&mut table, "system", &said(&system.from, &system.assumed));
        table
    }

    /// Without figures: the daemons hold what is reserved for them.
    fn guessed(&self) -> SystemMemory {
        let held_back = |n: &NodeFacts| Some(n.capacity.saturating_sub(n.allocatable?).saturating_sub(n.huge_pages));
        let reserved = self.node.facts.and_then(held_back);
        SystemMemory {
            anon: reserved.map_or(Bytes::ZERO, |r| r.saturating_sub(Bytes::mib(100))),
            from: "no file says what the system holds".into(),
            assumed: "the daemons hold just what is reserved for them: add /stats/summary or /proc/meminfo".into(),
            ..SystemMemory::default()
        }
    }

    fn kernel(&mut self) -> Option<Table> {
        let mut table = Table::new();
        let version = self.node.facts.map_or("", |facts| facts.info("kernelVersion"));
        if !version.is_empty() {
            table["version"] = value(version);
        } else if let Some((release, from)) = kernel_log::release(self.evidence) {
            table["version"] = value(release);
            comment(&mut table, "version", &from);
        }
        // Images of Arm servers say so in the name of the kernel: `5.14.0-427.el9.aarch64+64k`.
        let by_name = version.contains("64k").then_some(64);
        if let Some(kib) = by_name.or_else(|| kernel_log::page_kib(self.evidence)) {
            self.out.notes.push(format!("the node's pages are {kib}Ki: the run counts in pages of 4Ki"));
        }
        let huge_pages = machine::huge_pages(self.evidence, &self.node);
        let mut sysctls: BTreeMap<&str, i64> = BTreeMap::new();
        let mut from: Vec<String> = Vec::new();
        for os in self.evidence.os.iter().filter(|os| !os.sysctls.is_empty()) {
            sysctls.extend(&os.sysctls);
            from.push(os.source.name.clone());
        }
        // What the node has counts more than what a file asks for; pages of any size, as so many of 2 MiB.
        if let Some(huge) = huge_pages {
            sysctls.insert("vm.nr_hugepages", i64::try_from(huge.bytes.get() >> 21).unwrap_or(0));
            from.push(huge.from);
        } else if self.node.facts.is_some() {
            sysctls.remove("vm.nr_hugepages");
        }
        if !sysctls.is_empty() {
            let sysctls = sysctls.into_iter().map(|(name, number)| (name, toml_edit::Value::from(number)));
            table["sysctl"] = value(sysctls.collect::<InlineTable>());
            comment(&mut table, "sysctl", &from.join(", "));
        }
        (!table.is_empty()).then_some(table)
    }
}
