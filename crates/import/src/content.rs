//! What a file is, by its content.

use crate::memory_stat::{MemoryStat, looks_like_memory_stat, memory_current, memory_stat};
use crate::node_files::{Free, Meminfo, free, looks_like_free, looks_like_meminfo, meminfo};
use crate::os_settings::os_settings;
use crate::series::Series;
use crate::summary::{self, Summary};
use crate::text::TextProblem;
use crate::top::{self, TopRow};
use crate::{csv_file, json_lines, kernel_log, openmetrics, prometheus};
use oomsim_core::units::Bytes;
use oomsim_dmesg::LoggedOom;
use oomsim_scenario::reading::{Problems, Value, parse_documents};
use oomsim_scenario::{Location, Source};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;
use std::sync::Arc;

/// What a file holds.
#[derive(Debug)]
pub enum Content {
    /// YAML or JSON documents: objects of the API, kubelet settings in any wrapper.
    Documents(Vec<Value>),
    /// `/stats/summary`.
    Summary(Summary),
    /// Memory series: Prometheus, OpenMetrics, CSV.
    Series(Vec<Series>),
    /// `/proc/meminfo`.
    Meminfo(Meminfo),
    /// `free`.
    Free(Free),
    /// A cgroup's `memory.stat`, which does not say whose it is.
    MemoryStat(MemoryStat),
    /// A cgroup's `memory.current`.
    MemoryCurrent(Bytes),
    /// `kubectl top`.
    Top(Vec<TopRow>),
    /// OOM reports of a kernel log.
    KernelLog(Vec<LoggedOom>),
}

/// Recognises a file and reads it. What is wrong is reported; then there is nothing.
pub fn read(p: &Problems, source: &Arc<Source>) -> Option<Content> {
    let text = source.text.trim_start_matches('\u{feff}');
    let offset = source.text.len() - text.len();
    match json_lines::as_list(text) {
        Ok(None) => {}
        Ok(Some(list)) => return read(p, &Arc::new(Source::new(source.name.clone(), list))),
        Err(TextProblem { at, message }) => {
            p.error(&Location::new(source, at.start + offset..at.end + offset), message);
            return None;
        }
    }
    let result = match first_look(text) {
        Look::Json(shape) => json(&source.name, text, &shape),
        Look::Text(_, known) => known(&source.name, text),
        Look::Other(Known { kind, instead }) => {
            let help = instead.unwrap_or("give what it was made of");
            Err(vec![TextProblem::whole(format!("this is {kind}: {help}"))])
        }
        Look::Yaml => return parse_documents(source).map_err(|why| p.push(*why)).ok().map(Content::Documents),
    };
    match result {
        Ok(Some(content)) => Some(content),
        Ok(None) => parse_documents(source).map_err(|why| p.push(*why)).ok().map(Content::Documents),
        Err(problems) => {
            for TextProblem { at, message } in problems {
                p.error(&Location::new(source, at.start + offset..at.end + offset), message);
            }
            None
        }
    }
}

type Reader = fn(&str, &str) -> Result<Option<Content>, Vec<TextProblem>>;

enum Look {
    Json(Shape),
    /// What it is, and its reader.
    Text(KnownKind, Reader),
    Yaml,
    /// Known, but nothing that is read.
    Other(Known),
}

/// The kinds of files that are distinguished; as text in words, such as `a Kubernetes Node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownKind {
    /// A kernel log.
    KernelLog,
    /// A kubelet's settings, in any wrapper.
    KubeletSettings,
    /// An object of the Kubernetes API, by its `kind`.
    KubernetesObject(String),
    /// Anything else, in words.
    Other(&'static str),
}

impl fmt::Display for KnownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnownKind::KernelLog => f.write_str("a kernel log"),
            KnownKind::KubeletSettings => f.write_str("a kubelet's settings"),
            KnownKind::KubernetesObject(kind) => write!(f, "a Kubernetes {kind}"),
            KnownKind::Other(words) => f.write_str(words),
        }
    }
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it is.
    pub kind: KnownKind,
    /// What to give instead, if nothing reads it.
    pub instead: Option<&'static str>,
}

fn other(what: &'static str, instead: &'static str) -> Look {
    Look::Other(Known { kind: KnownKind::Other(what), instead: Some(instead) })
}

/// The keys by which JSON documents are distinguished.
#[derive(Default, Deserialize)]
struct Shape {
    status: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
    kind: Option<IgnoredAny>,
    node: Option<IgnoredAny>,
    pods: Option<IgnoredAny>,
    #[serde(rename = "resultType")]
    result_type: Option<IgnoredAny>,
}

const AS_JSON: &str = "give what `kubectl get … -o json` prints, as `oomsim import --queries` shows";

fn first_look(text: &str) -> Look {
    let start = text.trim_start();
    if start.is_empty() {
        return other("an empty file", "was the command that made it stopped?");
    }
    if start.starts_with('{') {
        // What is cut off has no shape: the reader of YAML, which takes JSON too, says where.
        return serde_json::from_str(start).map_or(Look::Yaml, Look::Json);
    }
    if kernel_log::looks_like(start) {
        return Look::Text(KnownKind::KernelLog, |_, text| {
            kernel_log::read(text).map(|reports| Some(Content::KernelLog(reports)))
        });
    }
    if start.starts_with('<') {
        return other("a web page", "is a login needed where the file comes from?");
    }
    if start.starts_with('[') && prometheus::looks_like_result(start) {
        return Look::Text(KnownKind::Other("an answer of Prometheus"), |name, text| {
            prometheus::read_result(name, text).map(|series| Some(Content::Series(series)))
        });
    }
    if looks_described(start) {
        return other("the output of `kubectl describe`", AS_JSON);
    }
    recorded(start)
}

/// What a node or its monitoring prints.
fn recorded(start: &str) -> Look {
    if looks_like_meminfo(start) {
        Look::Text(KnownKind::Other("/proc/meminfo"), |_, text| meminfo(text).map(|m| Some(Content::Meminfo(m))))
    } else if looks_like_free(start) {
        Look::Text(KnownKind::Other("the output of `free`"), |_, text| free(text).map(|f| Some(Content::Free(f))))
    } else if looks_like_memory_stat(start) {
        Look::Text(KnownKind::Other("a cgroup's memory.stat"), |_, text| {
            memory_stat(text).map(|stat| Some(Content::MemoryStat(stat)))
        })
    } else if memory_current(start).is_some() {
        Look::Text(KnownKind::Other("a number, as a cgroup's memory.current"), |_, text| {
            Ok(memory_current(text).map(Content::MemoryCurrent))
        })
    } else if top::looks_like(start) {
        Look::Text(KnownKind::Other("the output of `kubectl top`"), |_, text| {
            top::read(text).map(|rows| Some(Content::Top(rows)))
        })
    } else if csv_file::looks_like(start) {
        Look::Text(KnownKind::Other("a CSV file of series"), |name, text| {
            csv_file::read(name, text).map(|series| Some(Content::Series(series)))
        })
    } else if openmetrics::looks_like(start) {
        Look::Text(KnownKind::Other("metrics as text"), |_, text| {
            openmetrics::read(text).map(|series| Some(Content::Series(series)))
        })
    } else if looks_like_table(start) {
        other("a table of `kubectl get`", AS_JSON)
    } else {
        Look::Yaml
    }
}

/// `kubectl describe`: fields with their values in a column, indented sections.
fn looks_described(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let value = first.strip_prefix("Name:").map(str::trim_start);
    let section = |line: &str| ["Labels:", "Roles:", "Annotations:", "Namespace:"].iter().any(|s| line.starts_with(s));
    value.is_some_and(|value| first.len() > "Name:".len() + 2 + value.len()) && lines.take(5).any(section)
}

/// The first line of a table that `kubectl get` prints: headings in capitals.
fn looks_like_table(text: &str) -> bool {
    let words: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    let heading = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase() || "()-/%".contains(c));
    words.len() > 2 && words.iter().all(heading) && ["NAME", "NAMESPACE", "LAST"].contains(&words[0])
}

fn json(name: &str, text: &str, shape: &Shape) -> Result<Option<Content>, Vec<TextProblem>> {
    if shape.kind.is_some() {
        Ok(None)
    } else if shape.status.is_some() && (shape.data.is_some() || text.contains("\"errorType\"")) {
        prometheus::read(name, text).map(|series| Some(Content::Series(series)))
    } else if shape.result_type.is_some() {
        prometheus::read_data(name, text).map(|series| Some(Content::Series(series)))
    } else if shape.node.is_some() && (shape.pods.is_some() || text.contains("\"nodeName\"")) {
        summary::read(text).map(|summary| Some(Content::Summary(summary)))
    } else {
        Ok(None)
    }
}

/// What a file is; `None`: nothing that is known here.
pub fn describe(text: &str) -> Option<Known> {
    if let Ok(Some(list)) = json_lines::as_list(text) {
        return describe(&list);
    }
    let known = |kind| Some(Known { kind, instead: None });
    let source = Arc::new(Source::new(String::new(), text.to_owned()));
    let documents = match first_look(text) {
        Look::Other(_) if text.trim().is_empty() => return None,
        Look::Other(other) => return Some(other),
        Look::Text(kind, _) => return known(kind),
        Look::Json(shape) if shape.kind.is_none() && (shape.status.is_some() || shape.result_type.is_some()) => {
            return known(KnownKind::Other("an answer of Prometheus"));
        }
        Look::Json(shape) if shape.kind.is_none() && shape.node.is_some() => {
            return known(KnownKind::Other("a kubelet's /stats/summary"));
        }
        Look::Json(_) | Look::Yaml => parse_documents(&source).ok()?,
    };
    if documents.iter().any(oomsim_scenario::reading::is_kubelet_settings) {
        return known(KnownKind::KubeletSettings);
    }
    if documents.iter().any(|document| os_settings(document).is_some()) {
        return known(KnownKind::Other("a provider's settings of the operating system"));
    }
    let first = documents.first()?;
    let first = first.items().and_then(<[Value]>::first).unwrap_or(first);
    let kind = first.get("kind").and_then(Value::as_text)?;
    first.get("apiVersion")?;
    known(KnownKind::KubernetesObject(kind.to_owned()))
}
