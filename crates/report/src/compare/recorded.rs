//! A run that was written before, with `oomsim run --format json`, by this version or another.

use super::{Side, SideDeath, SideEvent, without_ids};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// What is read of such a file.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    scenario: String,
    seed: u64,
    digest: String,
    #[serde(default)]
    reproduce: String,
    node: Map<String, Value>,
    counts: Counts,
    events: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    pods: Vec<Pod>,
    #[serde(default)]
    expectations: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Counts {
    oom_kills: u64,
    evictions: u64,
    restarts: u64,
    refusals: u64,
}

#[derive(Debug, Deserialize)]
struct Pod {
    namespace: String,
    pod: String,
    status: String,
    #[serde(rename = "restartCount")]
    restarts: u32,
}

#[derive(Debug, Deserialize)]
struct Expected {
    holds: bool,
    expected: String,
}

/// Why a file is no recorded run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordedError {
    /// It is not what `run --format json` writes.
    Form(String),
    /// It was written with `--record outcome`.
    NoEvents,
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordedError::Form(why) => write!(f, "it is not what `oomsim run --format json` writes: {why}"),
            RecordedError::NoEvents => f.write_str("it has no events: it was written with --record outcome"),
        }
    }
}

impl std::error::Error for RecordedError {}

impl Recorded {
    /// Reads the text of such a file.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Recorded, RecordedError> {
        let recorded: Recorded = serde_json::from_str(text).map_err(|why| RecordedError::Form(why.to_string()))?;
        if recorded.events.is_none() { Err(RecordedError::NoEvents) } else { Ok(recorded) }
    }

    /// The side of a comparison that it is; `file` is its name.
    pub fn side(self, file: &str) -> Side {
        let amount = |name: &str| Some(crate::picture::memory_text(self.node.get(name)?.as_f64()?));
        let names = [
            ("capacity", "capacity"),
            ("allocatable", "allocatable"),
            ("kubepods_limit", "kubepods limit"),
            ("eviction_hard", "eviction-hard"),
            ("eviction_soft", "eviction-soft"),
            ("pods_evicted_above", "pods evicted above"),
        ];
        let facts = names.into_iter().filter_map(|(key, name)| Some((name.to_owned(), amount(key)?))).collect();
        let counts = [
            ("OOM kills", self.counts.oom_kills),
            ("evictions", self.counts.evictions),
            ("restarts", self.counts.restarts),
            ("refused allocations", self.counts.refusals),
        ];
        let events: Vec<SideEvent> = self.events.unwrap_or_default().into_iter().map(event).collect();
        let pod = |p: Pod| (format!("{}/{}", p.namespace, p.pod), format!("{}, {} restarts", p.status, p.restarts));
        let mut side = Side {
            label: format!("{} ({file})", self.scenario),
            reproduce: self.reproduce,
            digest: self.digest,
            facts,
            counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
            deaths: events.iter().filter_map(death).collect(),
            events,
            pods: self.pods.into_iter().map(pod).collect(),
            failed: self.expectations.into_iter().filter(|e| !e.holds).map(|e| e.expected).collect(),
        };
        side.add_fact("seed", self.seed.to_string());
        side
    }
}

fn word<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn event(fields: Map<String, Value>) -> SideEvent {
    let at = fields.get("t").and_then(Value::as_f64).unwrap_or_default();
    let words = ["kind", "namespace", "pod", "container", "comm", "message"].map(|name| word(&fields, name));
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    SideEvent { at, brief: words.join(" "), fields: without_ids(fields) }
}

fn death(event: &SideEvent) -> Option<SideDeath> {
    let fields = &event.fields;
    if word(fields, "kind") != "ProcessExited" || word(fields, "container") == "POD" {
        return None;
    }
    let (pod, container, host) = (word(fields, "pod"), word(fields, "container"), word(fields, "host"));
    let of = if pod.is_empty() { format!("host/{host}") } else { format!("pod/{pod}/{container}") };
    Some(SideDeath {
        at: event.at,
        what: format!("{} of {of}", word(fields, "comm")),
        why: word(fields, "cause").into(),
    })
}
