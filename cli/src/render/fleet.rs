//! A fleet as text, JSON and CSV.

use super::style::{BAD, DIM, HEADING, WARN, paint};
use super::table::Table;
use super::text::{expectation, heading, plural};
use super::{json, style};
use crate::fleet::{NodeRun, digest};
use crate::picture::memory_text;
use anstyle::Style;
use planning::measure::{Kind, MEASURES, Measures, Outcome, Value as Cell};
use planning::row;
use planning::stats::Distribution;
use serde_json::{Map, Value};
use sim_core::record::expect::ExpectationResult;
use std::fmt::Write;
use std::path::PathBuf;

/// Most rows of the table of nodes.
const MOST_NODES: usize = 20;

/// A fleet that was run.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The scenario file.
    pub file: PathBuf,
    /// The scenario's name.
    pub name: String,
    /// What it shows, for people.
    pub description: String,
    /// The nodes.
    pub nodes: Vec<NodeRun>,
    /// Whether the events of each node were kept: without them nobody knows who was first.
    pub with_events: bool,
    /// How the expectations fared on all nodes.
    pub results: Vec<ExpectationResult>,
    /// The command that repeats this run.
    pub reproduce: String,
}

/// A count over all nodes: its name and how to read it.
type Count = (&'static str, fn(&Measures) -> u64);

const TOTALS: [Count; 9] = [
    ("oom_kills", |m| m.oom_kills),
    ("container_ooms", |m| m.container_ooms),
    ("pod_ooms", |m| m.pod_ooms),
    ("kubepods_ooms", |m| m.kubepods_ooms),
    ("global_ooms", |m| m.global_ooms),
    ("evictions", |m| m.evictions),
    ("restarts", |m| m.restarts),
    ("refusals", |m| m.refusals),
    ("stalled", |m| m.stalled.into()),
];

impl Fleet {
    fn total(&self, count: fn(&Measures) -> u64) -> u64 {
        self.nodes.iter().map(|node| count(&node.measures)).sum()
    }

    fn outcomes(&self) -> impl Iterator<Item = (Outcome, Vec<&NodeRun>)> {
        Outcome::ALL.into_iter().filter_map(|outcome| {
            let nodes: Vec<_> = self.nodes.iter().filter(|node| node.measures.outcome == outcome).collect();
            (!nodes.is_empty()).then_some((outcome, nodes))
        })
    }
}

fn seconds(nanos: u64) -> String {
    format!("{:.3}", nanos as f64 / 1e9)
}

fn style_of(outcome: Outcome) -> Style {
    match outcome {
        Outcome::None => Style::new(),
        Outcome::Eviction | Outcome::SelfExit => WARN,
        _ => BAD,
    }
}

/// `--format text`.
pub fn text(fleet: &Fleet) -> String {
    let mut text = String::new();
    let (Some(first), Some(last)) = (fleet.nodes.first(), fleet.nodes.last()) else { return text };
    let _ = writeln!(text, "{}  seeds {} to {}", paint(HEADING, &fleet.name), first.seed, last.seed);
    for line in fleet.description.trim().lines() {
        let _ = writeln!(text, "  {}", line.trim());
    }
    let amount = |bytes: sim_core::units::Bytes| memory_text(bytes.get() as f64);
    let (capacity, allocatable) = (amount(first.facts.capacity), amount(first.facts.allocatable));
    let _ = writeln!(text, "  {} nodes: capacity {capacity} and allocatable {allocatable} each", fleet.nodes.len());
    if fleet.with_events {
        outcomes(&mut text, fleet);
        nodes(&mut text, fleet);
    }
    if !fleet.results.is_empty() {
        heading(&mut text, "EXPECTATIONS, ON EVERY NODE");
        fleet.results.iter().for_each(|result| text.push_str(&expectation(result)));
    }
    let tail = format!(
        "{}, {}, {}, {} refused on {}; digest {}",
        plural(fleet.total(|m| m.oom_kills), "OOM kill"),
        plural(fleet.total(|m| m.evictions), "eviction"),
        plural(fleet.total(|m| m.restarts), "restart"),
        fleet.total(|m| m.refusals),
        plural(fleet.nodes.len() as u64, "node"),
        digest(&fleet.nodes)
    );
    let _ = writeln!(text, "\n{}", paint(DIM, tail));
    text
}

fn outcomes(text: &mut String, fleet: &Fleet) {
    heading(text, "WHO WAS FIRST");
    let mut table = Table::new(&["OUTCOME", "NODES", "SHARE", "FIRST DEATH: EARLIEST", "MEDIAN", "LATEST"]);
    for (outcome, nodes) in fleet.outcomes() {
        let mut times = Distribution::default();
        nodes.iter().filter_map(|node| node.measures.first_death).for_each(|at| times.add(at));
        let share = 100.0 * nodes.len() as f64 / fleet.nodes.len() as f64;
        let mut cells = vec![outcome.name().into(), nodes.len().to_string(), format!("{share:.1} %")];
        match (times.range(), times.quantile(500)) {
            (Some((first, last)), Some(median)) => {
                cells.extend([first, median, last].map(|at| format!("{} s", seconds(at))));
            }
            _ => cells.extend(["-", "-", "-"].map(String::from)),
        }
        table.row(cells, style_of(outcome));
    }
    text.push_str(&table.render(0));
}

fn nodes(text: &mut String, fleet: &Fleet) {
    heading(text, "NODES");
    let mut table =
        Table::new(&["NODE", "SEED", "FIRST", "VICTIM", "AT", "OOM KILLS", "EVICTIONS", "RESTARTS", "DIGEST"]);
    for node in fleet.nodes.iter().take(MOST_NODES) {
        let m = &node.measures;
        let cells = vec![
            node.name.clone(),
            node.seed.to_string(),
            m.outcome.name().into(),
            if m.victim.is_empty() { "-".into() } else { m.victim.clone() },
            m.first_death.map_or("-".into(), |at| format!("{} s", seconds(at))),
            m.oom_kills.to_string(),
            m.evictions.to_string(),
            m.restarts.to_string(),
            node.digest.to_string(),
        ];
        table.row(cells, style_of(m.outcome));
    }
    text.push_str(&table.render(0));
    if let Some(more) = fleet.nodes.len().checked_sub(MOST_NODES).filter(|n| *n > 0) {
        let _ = writeln!(text, "{}", style::paint(DIM, format!("… and {more} more: nodes.csv of --out")));
    }
}

/// `--format json`: one object.
pub fn json_text(fleet: &Fleet) -> String {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.into(), value);
    put("scenario", fleet.name.as_str().into());
    put("file", fleet.file.display().to_string().into());
    put("digest", digest(&fleet.nodes).to_string().into());
    let counts: Map<_, _> =
        TOTALS.iter().map(|(name, count)| ((*name).into(), Value::from(fleet.total(*count)))).collect();
    put("counts", counts.into());
    if fleet.with_events {
        let outcomes: Map<_, _> =
            fleet.outcomes().map(|(o, nodes)| (o.name().into(), Value::from(nodes.len()))).collect();
        put("outcomes", outcomes.into());
    }
    put("nodes", fleet.nodes.iter().map(node).collect());
    put("expectations", fleet.results.iter().map(json::expectation).collect());
    put("reproduce", fleet.reproduce.as_str().into());
    let text = serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default();
    format!("{text}\n")
}

fn node(node: &NodeRun) -> Value {
    let mut object = Map::new();
    object.insert("node".into(), node.name.as_str().into());
    object.insert("seed".into(), node.seed.into());
    for (column, value) in MEASURES.iter().zip(node.measures.values()) {
        object.insert(column.name.into(), value_of(column.kind, value));
    }
    object.into()
}

fn value_of(kind: Kind, value: Cell) -> Value {
    match value {
        Cell::Missing => Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Flag(flag) => flag.into(),
        Cell::Number(n) if kind == Kind::Seconds => (n as f64 / 1e9).into(),
        Cell::Number(n) => n.into(),
    }
}

/// `nodes.csv`: a row for each node, with the measures of a sweep.
pub fn csv(fleet: &Fleet) -> String {
    let mut text = String::from("node,seed");
    MEASURES.iter().for_each(|column| text.extend([",", column.name]));
    text.push('\n');
    for node in &fleet.nodes {
        row::field(&mut text, &node.name);
        let _ = write!(text, ",{}", node.seed);
        row::append(&mut text, &node.measures);
        text.push('\n');
    }
    text
}
