//! From the evidence to the files of a scenario.

use crate::copies::{Defaults, manifest};
use crate::evidence::Evidence;
use crate::objects::{NodeFacts, PodFacts};
use crate::provider::Provider;
use crate::system::{PodsTotal, SystemMemory, system};
use crate::usage::{ContainerId, Curve, Recorded, Usage, usage};
use oomsim_core::units::{Bytes, SimDuration, format_duration};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

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

fn error<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, ImportError> {
    Err(ImportError { message: message.into(), help: help.into() })
}

/// Longest curve that is written into the scenario itself; longer ones go to a file of their own.
const INLINE_POINTS: usize = 12;
/// A run is at least this long.
const SHORTEST: SimDuration = SimDuration::from_secs(600);
/// What a container holds of which nothing is known, not even a request: a guess, said as such.
const UNKNOWN_CONTAINER: Bytes = Bytes::mib(10);

/// Writes the scenario of one node.
///
/// # Errors
/// When the files do not say which node, or how large it is.
pub fn build(evidence: &Evidence, options: &Options) -> Result<Imported, ImportError> {
    let node = chosen_node(evidence, options)?;
    let mut import =
        Import { evidence, recorded: Recorded::of(evidence), unknown: Vec::new(), out: Imported::default(), node };
    let mut document = import.head();
    let pods = import.pods();
    document["node"] = Item::Table(import.node_table(&pods));
    if let Some(kernel) = import.kernel() {
        document["kernel"] = Item::Table(kernel);
    }
    document["kubelet"] = Item::Table(import.kubelet()?);
    let tables: ArrayOfTables = pods.into_iter().map(|pod| pod.table).collect();
    if !tables.is_empty() {
        document["pod"] = Item::ArrayOfTables(tables);
    }
    import.out.files.insert(0, ("scenario.toml".into(), document.to_string()));
    Ok(import.out)
}

/// The node of the scenario.
struct ChosenNode<'a> {
    name: String,
    memory: Bytes,
    facts: Option<&'a NodeFacts>,
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
    let memory = options.memory.or(facts.map(|n| n.capacity)).or_else(meminfo).or_else(summary).or_else(exported);
    let Some(memory) = memory else {
        return error(
            "nothing says how much memory the node has",
            "add `kubectl get node NAME -o json`, /proc/meminfo or /stats/summary, or give --memory",
        );
    };
    Ok(ChosenNode { name, memory, facts })
}

struct Import<'a> {
    evidence: &'a Evidence,
    recorded: Option<Recorded>,
    node: ChosenNode<'a>,
    /// Containers of which no file says what they hold.
    unknown: Vec<String>,
    out: Imported,
}

/// A pod's table and what its containers hold at the start.
struct PodTable {
    table: Table,
    anon: Bytes,
    active_file: Bytes,
}

impl Import<'_> {
    fn head(&self) -> DocumentMut {
        let mut document = DocumentMut::new();
        document["name"] = value(self.node.name.as_str());
        document["description"] = value(format!("Imported: node {}", self.node.name));
        let recorded = self.recorded.map_or(SimDuration::ZERO, Recorded::duration);
        document["duration"] = value(format_duration(recorded.max(SHORTEST)));
        document
    }

    fn node_table(&mut self, pods: &[PodTable]) -> Table {
        let mut table = Table::new();
        table["name"] = value(self.node.name.as_str());
        table["memory"] = value(amount(self.node.memory));
        if let Some(cpus) = self.node.facts.and_then(|n| n.cpus) {
            table["cpus"] = value(i64::from(cpus));
        }
        let total = PodsTotal {
            anon: pods.iter().map(|p| p.anon).sum(),
            active_file: pods.iter().map(|p| p.active_file).sum(),
        };
        if self.node.facts.is_some_and(|n| n.memory_pressure) {
            self.out.notes.push("the node reports MemoryPressure=True: the run begins without it".into());
        }
        let system = system(self.evidence, &self.node.name, total, self.node.memory).unwrap_or_else(|| self.guessed());
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
        let reserved = self.node.facts.and_then(|n| Some(n.capacity.saturating_sub(n.allocatable?)));
        SystemMemory {
            anon: reserved.map_or(Bytes::ZERO, |r| r.saturating_sub(Bytes::mib(100))),
            from: "no file says what the system holds".into(),
            assumed: "the daemons hold just what is reserved for them: add /stats/summary or /proc/meminfo".into(),
            ..SystemMemory::default()
        }
    }

    fn kernel(&self) -> Option<Table> {
        let version = self.node.facts.map(|n| n.info("kernelVersion")).filter(|version| !version.is_empty())?;
        let mut table = Table::new();
        table["version"] = value(version);
        Some(table)
    }

    fn kubelet(&mut self) -> Result<Table, ImportError> {
        let mut table = Table::new();
        if let Some(version) = self.node.facts.map(|n| n.info("kubeletVersion")).filter(|v| !v.is_empty()) {
            table["version"] = value(version);
        }
        match self.evidence.kubelets.as_slice() {
            [] => self.inferred(&mut table),
            [only] => {
                let name = if only.name.ends_with(".json") { "kubelet.json" } else { "kubelet.yaml" };
                table["config"] = value(name);
                comment(&mut table, "config", &format!("a copy of {}", only.name));
                self.out.files.push((name.into(), only.text.clone()));
            }
            several => {
                let names: Vec<_> = several.iter().map(|s| s.name.as_str()).collect();
                return error(
                    format!("several files have kubelet settings: {}", names.join(", ")),
                    "give the settings of one node; `configz` has them all",
                );
            }
        }
        Ok(table)
    }

    /// Reservations from what the node itself says: capacity less allocatable is reserved and held back for eviction.
    fn inferred(&mut self, table: &mut Table) {
        let Some(facts) = self.node.facts else { return };
        let provider = Provider::of(facts);
        let Some(allocatable) = facts.allocatable else { return };
        let held_back = facts.capacity.saturating_sub(allocatable).saturating_sub(facts.hugepages_2mi);
        let hard = Bytes::mib(100).min(held_back);
        let mut reserved = InlineTable::new();
        reserved.insert("memory", amount(held_back.saturating_sub(hard)).into());
        table["kubeReserved"] = value(reserved);
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

    fn pods(&mut self) -> Vec<PodTable> {
        let evidence = self.evidence;
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            evidence.pods.iter().partition(|pod| pod.node.as_deref() == Some(self.node.name.as_str()));
        let (finished, running): (Vec<_>, Vec<_>) = here.into_iter().partition(|pod| pod.finished());
        let pending = elsewhere.iter().filter(|pod| pod.node.is_none()).count();
        self.note_count(finished.len(), "finished (Succeeded or Failed): left out");
        self.note_count(elsewhere.len() - pending, "on other nodes: left out");
        self.note_count(pending, "not bound to any node: left out");
        let mut tables: Vec<PodTable> = running.into_iter().map(|pod| self.pod(pod)).collect();
        if evidence.pods.is_empty() {
            tables.extend(evidence.makers.iter().map(|maker| {
                let container = evidence.defaults.iter().find(|d| d.namespace == maker.namespace);
                let defaults = Defaults { container, priorities: Some(&evidence.priorities) };
                let file = format!("manifests/{}_{}.yaml", maker.namespace, maker.name);
                self.out.files.push((file.clone(), manifest(&maker.object, defaults)));
                self.pod_table(&file, &maker.namespace, &maker.name, &maker.containers)
            }));
        } else if !evidence.makers.is_empty() {
            self.note_count(evidence.makers.len(), "workload objects left out: their pods are given");
        }
        if !self.unknown.is_empty() {
            let (count, each) = (self.unknown.len(), amount(UNKNOWN_CONTAINER));
            let names = self.unknown.join(", ");
            self.out.notes.push(format!("{count} containers of unknown usage: assumed {each} each: {names}"));
        }
        for file in &evidence.memory_stats {
            self.out.notes.push(format!("{}: a memory.stat does not say whose it is: not used", file.name));
        }
        for (kind, count) in &evidence.passed_over {
            self.out.notes.push(format!("{count} {kind}: says nothing about a node's memory, passed over"));
        }
        tables
    }

    fn note_count(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.out.notes.push(format!("{count} pods {what}"));
        }
    }

    fn pod(&mut self, pod: &PodFacts) -> PodTable {
        let file = format!("manifests/{}_{}.yaml", pod.namespace, pod.name);
        self.out.files.push((file.clone(), manifest(&pod.object, Defaults::default())));
        self.pod_table(&file, &pod.namespace, &pod.name, &pod.containers)
    }

    fn pod_table(&mut self, file: &str, namespace: &str, pod: &str, containers: &[String]) -> PodTable {
        let mut table = Table::new();
        table["manifest"] = value(file);
        let (mut anon, mut active_file) = (Bytes::ZERO, Bytes::ZERO);
        let mut list = ArrayOfTables::new();
        for container in containers {
            let id = ContainerId { namespace, pod, container, alone: containers.len() == 1 };
            let usage = usage(self.evidence, self.recorded, id).unwrap_or_else(|| self.unknown(&id));
            anon += usage.anon.first();
            active_file += usage.active_file;
            list.push(self.container(&id, &usage));
        }
        table["container"] = Item::ArrayOfTables(list);
        PodTable { table, anon, active_file }
    }

    fn unknown(&mut self, id: &ContainerId<'_>) -> Usage {
        self.unknown.push(format!("{}/{}", id.pod, id.container));
        Usage {
            anon: Curve::Steady(UNKNOWN_CONTAINER),
            active_file: Bytes::ZERO,
            from: "no file says what it holds".into(),
            assumed: amount(UNKNOWN_CONTAINER),
        }
    }

    fn container(&mut self, id: &ContainerId<'_>, usage: &Usage) -> Table {
        let mut table = Table::new();
        table["name"] = value(id.container);
        let mut workload = Table::new();
        workload.set_dotted(true);
        match &usage.anon {
            Curve::Steady(bytes) => {
                workload["steady"] = value(one("anon", amount(*bytes).into()));
            }
            Curve::Trace(points) if points.len() <= INLINE_POINTS => {
                let pair = |(at, bytes): &(SimDuration, Bytes)| {
                    Value::from(Array::from_iter([format_duration(*at), amount(*bytes)]))
                };
                let points: Array = points.iter().map(pair).collect();
                workload["trace"] = value(one("points", points.into()));
            }
            Curve::Trace(points) => {
                let file = format!("traces/{}_{}_{}.csv", id.namespace, id.pod, id.container);
                self.out.files.push((file.clone(), trace_file(points)));
                workload["trace"] = value(one("file", file.into()));
            }
        }
        let key = if matches!(usage.anon, Curve::Steady(_)) { "steady" } else { "trace" };
        comment(&mut workload, key, &said(&usage.from, &usage.assumed));
        table["workload"] = Item::Table(workload);
        if usage.active_file > Bytes::ZERO {
            let mut process = Table::new();
            process["comm"] = value("page-cache");
            // Cache that is read twice is active and counts in the working set.
            let read = || {
                let mut read = one("read", amount(usage.active_file).into());
                read.insert("file", "data".into());
                Value::from(read)
            };
            let mut script = Table::new();
            script.set_dotted(true);
            script["script"] = value(Array::from_iter([read(), read()]));
            process["workload"] = Item::Table(script);
            table["process"] = Item::ArrayOfTables(ArrayOfTables::from_iter([process]));
        }
        table
    }
}

/// A curve as a file: seconds since its beginning and bytes.
fn trace_file(points: &[(SimDuration, Bytes)]) -> String {
    let mut text = String::from("seconds,bytes\n");
    for (at, bytes) in points {
        let _ =
            writeln!(text, "{}.{:03},{}", at.as_nanos() / 1_000_000_000, at.as_nanos() / 1_000_000 % 1000, bytes.get());
    }
    text
}

fn one(key: &str, value: Value) -> InlineTable {
    InlineTable::from_iter([(key, value)])
}

/// Whole Mi or Ki where nothing is lost, else bytes.
fn amount(bytes: Bytes) -> String {
    match bytes.get() {
        0 => "0".into(),
        n if n % (1 << 20) == 0 => format!("{}Mi", n >> 20),
        n if n % (1 << 10) == 0 => format!("{}Ki", n >> 10),
        n => n.to_string(),
    }
}

fn said(from: &str, assumed: &str) -> String {
    if assumed.is_empty() { from.to_string() } else { format!("{from}; assumed: {assumed}") }
}

/// Puts a comment in front of a key.
fn comment(table: &mut Table, key: &str, text: &str) {
    if let Some(mut key) = table.key_mut(key) {
        key.leaf_decor_mut().set_prefix(format!("# {text}\n"));
    }
}

/// What the notes of an import come to, one line for notes of a kind.
pub(crate) fn grouped(notes: &[String]) -> BTreeMap<&str, usize> {
    let mut groups = BTreeMap::new();
    for note in notes {
        *groups.entry(note.as_str()).or_default() += 1;
    }
    groups
}
