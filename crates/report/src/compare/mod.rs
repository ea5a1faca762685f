//! `oomsim compare`: two runs side by side, the first thing that differs between them, and why.

mod recorded;
mod render;
mod shares;

pub use recorded::{Recorded, RecordedError};
pub use render::{json_text, text};
pub use shares::{ShareRow, Shares};

use crate::RunReport;
use crate::deaths::deaths;
use crate::timeline::lines_at;
use indexmap::IndexMap;
use oomsim_core::record::{History, view};
use oomsim_core::units::Bytes;
use serde_json::{Map, Value};

/// One of the two.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// What it is: the scenario's name, or the file of a recorded run.
    pub label: String,
    /// The command that repeats it.
    pub reproduce: String,
    /// Its digest.
    pub digest: String,
    /// What the node is like, for people: `allocatable` and `4.46Gi`.
    pub facts: Vec<(String, String)>,
    /// Names of facts that an older recording does not tell.
    pub unknown: Vec<&'static str>,
    /// OOM kills, evictions, restarts, refused allocations.
    pub counts: Vec<(String, u64)>,
    /// Which processes died, without their ids.
    pub deaths: Vec<SideDeath>,
    /// Everything that happened, without process ids.
    pub events: Vec<SideEvent>,
    /// `namespace/name`, status and restarts of each pod at the end.
    pub pods: Vec<(String, String)>,
    /// Expectations that do not hold.
    pub failed: Vec<String>,
}

/// A death.
#[derive(Clone, Debug, PartialEq)]
pub struct SideDeath {
    /// Seconds.
    pub at: f64,
    /// Process, of whom, and by whom.
    pub what: String,
    /// Why, as far as it is known.
    pub why: String,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct SideEvent {
    /// Seconds.
    pub at: f64,
    /// The kind, whom it is about and what was said, for people.
    pub brief: String,
    /// All fields but process ids.
    pub fields: Map<String, Value>,
}

/// The first thing that differs.
#[derive(Clone, Debug)]
pub struct FirstDifference {
    /// Seconds.
    pub at: f64,
    /// What happened in the first; `None`: nothing more.
    pub a: Option<SideEvent>,
    /// What happened in the second.
    pub b: Option<SideEvent>,
    /// Why, as far as the two runs tell.
    pub causes: Vec<String>,
}

impl FirstDifference {
    /// Why, as a sentence.
    pub fn cause(&self) -> String {
        if self.causes.is_empty() {
            return "The nodes, their settings and the seeds are the same: what differs is in the pods, or in the version."
                .into();
        }
        format!("What is different from the start: {}", self.causes.join("; "))
    }
}

/// Two runs and, over several seeds, their shares.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The first.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// What differs first, if anything does.
    pub first: Option<FirstDifference>,
    /// Shares over several seeds.
    pub shares: Option<Shares>,
}

impl Comparison {
    /// Compares.
    pub fn new(a: Side, b: Side, shares: Option<Shares>) -> Comparison {
        let first = first_difference(&a, &b);
        Comparison { a, b, first, shares }
    }

    /// What came out, side by side: counts, expectations that fail, and how each pod ended.
    pub fn outcomes(&self) -> Vec<OutcomeRow> {
        let row = |name: &str, a: String, b: String| OutcomeRow { name: name.to_owned(), a, b };
        let counts = self.a.counts.iter().zip(&self.b.counts);
        let mut rows: Vec<_> = counts.map(|((name, a), (_, b))| row(name, a.to_string(), b.to_string())).collect();
        let failed = |side: &Side| side.failed.len().to_string();
        rows.push(row("expectations that fail", failed(&self.a), failed(&self.b)));
        let ends = |side: &Side| side.pods.iter().cloned().collect::<IndexMap<String, String>>();
        let (a, b) = (ends(&self.a), ends(&self.b));
        let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
        let end =
            |side: &IndexMap<String, String>, name: &str| side.get(name).map_or("not there".to_owned(), String::clone);
        rows.extend(names.map(|name| row(name, end(&a, name), end(&b, name))));
        rows
    }
}

/// A line of the table of outcomes.
#[derive(Clone, Debug)]
pub struct OutcomeRow {
    /// What is compared.
    pub name: String,
    /// Of the first.
    pub a: String,
    /// Of the second.
    pub b: String,
}

fn first_difference(a: &Side, b: &Side) -> Option<FirstDifference> {
    // Not the words: those of a recording are fewer.
    let same = |(a, b): &(&SideEvent, &SideEvent)| a.fields == b.fields;
    let at = a.events.iter().zip(&b.events).take_while(same).count();
    let (one, two) = (a.events.get(at).cloned(), b.events.get(at).cloned());
    let time = [&one, &two].into_iter().flatten().map(|event| event.at).fold(f64::INFINITY, f64::min);
    if time.is_infinite() {
        return None;
    }
    Some(FirstDifference { at: time, a: one, b: two, causes: causes(a, b) })
}

/// What is different before anything happens: settings and the node; or else the seed.
fn causes(a: &Side, b: &Side) -> Vec<String> {
    let value = |side: &Side, name: &str| {
        side.facts.iter().find(|(known, _)| known == name).map_or("none".to_owned(), |(_, value)| value.clone())
    };
    let unknown = |name: &str| a.unknown.iter().chain(&b.unknown).any(|other| *other == name);
    let names = a.facts.iter().chain(&b.facts).map(|(name, _)| name).filter(|name| !unknown(name));
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let (one, two) = (value(a, name), value(b, name));
        let line = format!("{name}: {one} against {two}");
        if one != two && !found.contains(&line) {
            found.push(line);
        }
    }
    found
}

impl Side {
    /// A run that was simulated now.
    pub fn of_report(report: &RunReport) -> Side {
        let history = &report.history;
        let events = history.entries.iter().map(|entry| {
            let mut words =
                lines_at(entry, history).map(|(_, line)| format!("{} {}: {}", line.who, line.reason, line.message));
            let brief = words.next_back().unwrap_or_else(|| {
                let kind = view::kind(&entry.record);
                format!("{}: {}", kind.name, kind.doc)
            });
            SideEvent { at: entry.at.as_secs_f64(), brief, fields: without_ids(view::entry(entry)) }
        });
        let events = events.collect();
        let deaths = deaths(history).map(|death| SideDeath {
            at: death.at.as_secs_f64(),
            what: format!("{} of {}, by {}", death.comm(), death.of, death.by),
            why: death.why,
        });
        let counts = &history.counts;
        let pod = |pod: &oomsim_core::record::PodOutcome| {
            (pod.pod.to_string(), format!("{}, {}", pod.status, crate::text::plural(pod.restarts, "restart")))
        };
        Side {
            label: history.scenario.to_string(),
            reproduce: report.reproduce.clone(),
            digest: history.digest.to_string(),
            facts: facts(history),
            unknown: Vec::new(),
            counts: [
                ("OOM kills", counts.oom_kills),
                ("evictions", counts.evictions),
                ("restarts", counts.restarts),
                ("refused allocations", counts.refusals),
            ]
            .map(|(name, count)| (name.to_owned(), count))
            .into(),
            deaths: deaths.collect(),
            events,
            pods: history.pods.iter().map(pod).collect(),
            failed: report.results.iter().filter(|r| !r.holds).map(|r| r.expected.clone()).collect(),
        }
    }

    /// Adds something that the two may differ in, such as `seed`.
    pub fn add_fact(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((name.to_owned(), value));
        }
    }
}

fn facts(history: &History) -> Vec<(String, String)> {
    let node = &history.node;
    let amount = |bytes: Bytes| crate::amount(bytes);
    let known = [
        ("capacity", Some(node.capacity)),
        ("allocatable", Some(node.allocatable)),
        ("kubepods limit", node.kubepods_limit),
        ("eviction-hard", node.eviction_hard),
        ("eviction-soft", node.eviction_soft),
        ("pods evicted above", node.pods_evicted_above),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), amount(value?)))).collect()
}

/// Ids of processes follow from how many began before: they differ where nothing else does.
fn without_ids(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|name, _| !matches!(name.as_str(), "pid" | "invoker_pid" | "killed_pids"));
    for value in fields.values_mut() {
        let objects = match value {
            Value::Array(list) => &mut list[..],
            one => std::slice::from_mut(one),
        };
        for object in objects.iter_mut().filter_map(Value::as_object_mut) {
            object.remove("pid");
        }
    }
    fields
}
