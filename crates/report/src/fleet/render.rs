//! A fleet as text, JSON and CSV.

use super::{NodeRun, digest, kinds};
use crate::picture::memory_text;
use crate::style::{BAD, DIM, HEADING, WARN, paint};
use crate::table::Table;
use crate::text::{expectation, heading, plural};
use crate::{json, style};
use anstyle::Style;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_planning::measure::{ColumnKind, MEASURES, Measures, RunOutcome, Value as Cell};
use oomsim_planning::row;
use oomsim_planning::stats::Distribution;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Most rows of the table of nodes.
const MOST_NODES: usize = 20;

/// A fleet that was run.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The scenario file.
    pub file: String,
    /// The scenario's name.
    pub name: String,
    /// What it shows, for people.
    pub description: String,
    /// The nodes.
    pub nodes: Vec<NodeRun>,
    /// Whether the events of each node were recorded: without them the first death is unknown.
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

fn total(nodes: &[NodeRun], count: fn(&Measures) -> u64) -> u64 {
    nodes.iter().map(|node| count(&node.measures)).sum()
}

fn outcomes(nodes: &[NodeRun]) -> impl Iterator<Item = (RunOutcome, Vec<&NodeRun>)> {
    RunOutcome::ALL.into_iter().filter_map(|outcome| {
        let nodes: Vec<_> = nodes.iter().filter(|node| node.measures.outcome == outcome).collect();
        (!nodes.is_empty()).then_some((outcome, nodes))
    })
}

/// The kinds with their names, and all nodes together if there are several.
fn groups(fleet: &Fleet) -> Vec<(&str, &[NodeRun])> {
    let kinds = kinds(&fleet.nodes);
    let all = (kinds.len() > 1).then_some(("all", &fleet.nodes[..]));
    kinds.into_iter().map(|nodes| (&*nodes[0].kind, nodes)).chain(all).collect()
}

fn seconds(nanos: u64) -> String {
    format!("{:.3}", nanos as f64 / 1e9)
}

fn style_of(outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::None => Style::new(),
        RunOutcome::Eviction | RunOutcome::SelfExit => WARN,
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
    let amount = |bytes: oomsim_core::units::Bytes| memory_text(bytes.get() as f64);
    let kinds = kinds(&fleet.nodes);
    for nodes in &kinds {
        let (facts, count) = (&nodes[0].facts, plural(nodes.len() as u64, "node"));
        let (capacity, allocatable) = (amount(facts.capacity), amount(facts.allocatable));
        let name = if kinds.len() > 1 { format!("{}: ", nodes[0].kind) } else { String::new() };
        let _ = writeln!(text, "  {name}{count}: capacity {capacity} and allocatable {allocatable} each");
    }
    if fleet.with_events {
        who_was_first(&mut text, fleet);
    }
    if kinds.len() > 1 {
        totals(&mut text, fleet);
    }
    if fleet.with_events {
        nodes(&mut text, fleet);
    }
    if !fleet.results.is_empty() {
        heading(&mut text, "EXPECTATIONS (ON EVERY NODE)");
        fleet.results.iter().for_each(|result| text.push_str(&expectation(result)));
    }
    let all = |count| total(&fleet.nodes, count);
    let tail = format!(
        "{}, {}, {}, {} refused on {}; digest {}",
        plural(all(|m| m.oom_kills), "OOM kill"),
        plural(all(|m| m.evictions), "eviction"),
        plural(all(|m| m.restarts), "restart"),
        plural(all(|m| m.refusals), "allocation"),
        plural(fleet.nodes.len() as u64, "node"),
        digest(&fleet.nodes)
    );
    let _ = writeln!(text, "\n{}", paint(DIM, tail));
    text
}

/// The table of a group's rows, each group's name in front if there are several.
fn grouped(fleet: &Fleet, heading: &[&str], mut rows: impl FnMut(&[NodeRun]) -> Vec<(Vec<String>, Style)>) -> String {
    let groups = groups(fleet);
    let named = groups.len() > 1;
    let heading: Vec<&str> = named.then_some("KIND").into_iter().chain(heading.iter().copied()).collect();
    let mut table = Table::new(&heading);
    for (name, nodes) in groups {
        for (cells, style) in rows(nodes) {
            table.row(named.then(|| name.to_owned()).into_iter().chain(cells).collect(), style);
        }
    }
    table.render(0)
}

fn who_was_first(text: &mut String, fleet: &Fleet) {
    heading(text, "FIRST DEATH ON EACH NODE");
    let row = |(outcome, nodes): (RunOutcome, Vec<&NodeRun>), of: usize| {
        let mut times = Distribution::default();
        nodes.iter().filter_map(|node| node.measures.first_death).for_each(|at| times.add(at));
        let share = 100.0 * nodes.len() as f64 / of as f64;
        let mut cells = vec![outcome.name().into(), nodes.len().to_string(), format!("{share:.1} %")];
        match (times.range(), times.quantile(500)) {
            (Some((first, last)), Some(median)) => {
                cells.extend([first, median, last].map(|at| format!("{} s", seconds(at))));
            }
            _ => cells.extend(["-", "-", "-"].map(String::from)),
        }
        (cells, style_of(outcome))
    };
    let heading = ["OUTCOME", "NODES", "SHARE", "EARLIEST", "MEDIAN", "LATEST"];
    text.push_str(&grouped(fleet, &heading, |nodes| outcomes(nodes).map(|o| row(o, nodes.len())).collect()));
}

fn totals(text: &mut String, fleet: &Fleet) {
    heading(text, "TOTALS");
    let row = |nodes: &[NodeRun]| {
        let counts = TOTALS.iter().map(|(_, count)| total(nodes, *count).to_string());
        vec![([nodes.len().to_string()].into_iter().chain(counts).collect(), Style::new())]
    };
    let names: Vec<String> = TOTALS.iter().map(|(name, _)| name.replace('_', " ").to_uppercase()).collect();
    let heading: Vec<&str> = ["NODES"].into_iter().chain(names.iter().map(String::as_str)).collect();
    text.push_str(&grouped(fleet, &heading, row));
}

fn nodes(text: &mut String, fleet: &Fleet) {
    heading(text, "NODES");
    let mut table =
        Table::new(&["NODE", "SEED", "FIRST", "VICTIM", "AT", "OOM KILLS", "EVICTIONS", "RESTARTS", "DIGEST"]);
    let kinds = kinds(&fleet.nodes);
    let each = (MOST_NODES / kinds.len().max(1)).max(1);
    let mut more = fleet.nodes.len();
    for node in kinds.iter().flat_map(|nodes| nodes.iter().take(each)) {
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
        more -= 1;
    }
    text.push_str(&table.render(0));
    if more > 0 {
        let _ = writeln!(
            text,
            "{}",
            style::paint(DIM, format!("… and {more} more; --out DIR writes all of them to nodes.csv"))
        );
    }
}

/// `--format json`: one object.
pub fn json_text(fleet: &Fleet) -> String {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.into(), value);
    put("scenario", fleet.name.as_str().into());
    put("file", fleet.file.as_str().into());
    put("digest", digest(&fleet.nodes).to_string().into());
    put("counts", counts(&fleet.nodes));
    if fleet.with_events {
        put("outcomes", outcome_counts(&fleet.nodes));
    }
    put("kinds", kinds(&fleet.nodes).into_iter().map(|nodes| kind(nodes, fleet.with_events)).collect());
    put("nodes", fleet.nodes.iter().map(node).collect());
    put("expectations", fleet.results.iter().map(json::expectation).collect());
    put("reproduce", fleet.reproduce.as_str().into());
    let text = serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default();
    format!("{text}\n")
}

fn counts(nodes: &[NodeRun]) -> Value {
    let count = |(name, count): &Count| ((*name).to_owned(), Value::from(total(nodes, *count)));
    TOTALS.iter().map(count).collect::<Map<_, _>>().into()
}

fn outcome_counts(nodes: &[NodeRun]) -> Value {
    let count = |(outcome, nodes): (RunOutcome, Vec<_>)| (outcome.name().to_owned(), Value::from(nodes.len()));
    outcomes(nodes).map(count).collect::<Map<_, _>>().into()
}

fn kind(nodes: &[NodeRun], with_events: bool) -> Value {
    let facts = &nodes[0].facts;
    let mut object = Map::new();
    object.insert("kind".into(), nodes[0].kind.to_string().into());
    object.insert("nodes".into(), nodes.len().into());
    object.insert("capacity_bytes".into(), facts.capacity.get().into());
    object.insert("allocatable_bytes".into(), facts.allocatable.get().into());
    object.insert("digest".into(), digest(nodes).to_string().into());
    object.insert("counts".into(), counts(nodes));
    if with_events {
        object.insert("outcomes".into(), outcome_counts(nodes));
    }
    object.into()
}

fn node(node: &NodeRun) -> Value {
    let mut object = Map::new();
    object.insert("node".into(), node.name.as_str().into());
    object.insert("kind".into(), node.kind.to_string().into());
    object.insert("seed".into(), node.seed.into());
    for (column, value) in MEASURES.iter().zip(node.measures.values()) {
        object.insert(column.name.into(), value_of(column.kind, value));
    }
    object.into()
}

fn value_of(kind: ColumnKind, value: Cell) -> Value {
    match value {
        Cell::Missing => Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Flag(flag) => flag.into(),
        Cell::Number(n) if kind == ColumnKind::Seconds => (n as f64 / 1e9).into(),
        Cell::Number(n) => n.into(),
    }
}

/// `nodes.csv`: a row for each node, with the measures of a sweep.
pub fn csv(fleet: &Fleet) -> String {
    let mut text = String::from("node,kind,seed");
    MEASURES.iter().for_each(|column| text.extend([",", column.name]));
    text.push('\n');
    for node in &fleet.nodes {
        row::field(&mut text, &node.name);
        text.push(',');
        row::field(&mut text, &node.kind);
        let _ = write!(text, ",{}", node.seed);
        row::append(&mut text, &node.measures);
        text.push('\n');
    }
    text
}
