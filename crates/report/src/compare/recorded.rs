//! A run that was written before, with `oomsim run --format json`, by this version or another.

use super::{Side, SideDeath, SideEvent, without_ids};
use crate::deaths::NONE_YET;
use crate::text::plural;
use crate::timeline::pod_name;
use oomsim_core::record::view;
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
    /// `null` where versions are not written.
    #[serde(default)]
    versions: Option<Versions>,
    node: Map<String, Value>,
    counts: Counts,
    events: Option<Vec<Map<String, Value>>>,
    deaths: Option<Vec<Death>>,
    #[serde(default)]
    pods: Vec<Pod>,
    #[serde(default)]
    expectations: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Versions {
    kernel: String,
    kubernetes: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Death {
    t: f64,
    comm: Option<String>,
    of: String,
    by: String,
    why: String,
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
    /// It is what is written for a fleet.
    Fleet,
    /// It was written with `--record outcome`.
    NoEvents,
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordedError::Form(why) => write!(f, "it is not what `oomsim run --format json` writes: {why}"),
            RecordedError::Fleet => f.write_str(
                "it is of several nodes, and single ones are compared (`oomsim run … --set nodes=1 --format json`)",
            ),
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
        let recorded: Recorded = serde_json::from_str(text).map_err(|why| not_a_run(text, &why))?;
        if recorded.events.is_none() { Err(RecordedError::NoEvents) } else { Ok(recorded) }
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
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
        let pod =
            |p: Pod| (format!("{}/{}", p.namespace, p.pod), format!("{}, {}", p.status, plural(p.restarts, "restart")));
        let mut side = Side {
            label: format!("{} ({file})", self.scenario),
            reproduce: self.reproduce,
            digest: self.digest,
            facts,
            unknown: vec!["--set"],
            counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
            deaths: match self.deaths {
                Some(deaths) => deaths.into_iter().map(Death::of_side).collect(),
                None => events.iter().filter_map(death).collect(),
            },
            events,
            pods: self.pods.into_iter().map(pod).collect(),
            failed: self.expectations.into_iter().filter(|e| !e.holds).map(|e| e.expected).collect(),
        };
        side.add_fact("seed", self.seed.to_string());
        match self.versions {
            Some(versions) => {
                side.add_fact("kernel", versions.kernel);
                side.add_fact("Kubernetes", versions.kubernetes.unwrap_or_default());
            }
            None => side.unknown.extend(["kernel", "Kubernetes"]),
        }
        side
    }
}

impl Death {
    fn of_side(self) -> SideDeath {
        let comm = self.comm.as_deref().unwrap_or(NONE_YET);
        SideDeath { at: self.t, what: format!("{comm} of {}, by {}", self.of, self.by), why: self.why }
    }
}

/// Why a text is no run of one node.
fn not_a_run(text: &str, why: &serde_json::Error) -> RecordedError {
    #[derive(Deserialize)]
    struct Fleet {
        #[serde(rename = "nodes")]
        _nodes: Vec<Value>,
    }
    match serde_json::from_str::<Fleet>(text) {
        Ok(_) => RecordedError::Fleet,
        Err(_) => RecordedError::Form(why.to_string()),
    }
}

fn word<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn event(fields: Map<String, Value>) -> SideEvent {
    let at = fields.get("t").and_then(Value::as_f64).unwrap_or_default();
    let words = ["kind", "namespace", "pod", "container", "comm", "message"].map(|name| word(&fields, name));
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let brief = match (&words[..], view::kind_named(words.first().unwrap_or(&""))) {
        ([_], Some(kind)) => format!("{}: {}", kind.name, kind.doc),
        _ => words.join(" "),
    };
    SideEvent { at, brief, fields: without_ids(fields) }
}

/// A death of a recording that has no list of them.
fn death(event: &SideEvent) -> Option<SideDeath> {
    let fields = &event.fields;
    let done = word(fields, "cause") == "SelfExit" && fields.get("exitCode").and_then(Value::as_i64) == Some(0);
    if word(fields, "kind") != "ProcessExited" || word(fields, "container") == "POD" || done {
        return None;
    }
    let (pod, container, host) = (word(fields, "pod"), word(fields, "container"), word(fields, "host"));
    let of = if pod.is_empty() {
        format!("host/{host}")
    } else {
        format!("{}/{container}", pod_name(&format!("{}/{pod}", word(fields, "namespace"))))
    };
    Some(SideDeath {
        at: event.at,
        what: format!("{} of {of}", word(fields, "comm")),
        why: word(fields, "cause").into(),
    })
}
