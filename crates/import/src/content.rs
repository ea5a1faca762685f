//! What a file is, by its content.

use crate::memory_stat::{MemoryStat, looks_like_memory_stat, memory_current, memory_stat};
use crate::node_files::{Free, Meminfo, free, looks_like_free, looks_like_meminfo, meminfo};
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
        Ok(Some(list)) => return read(p, &Arc::new(Source { name: source.name.clone(), text: list })),
        Err(TextProblem { at, message }) => {
            p.error(&Location::new(source, at.start + offset..at.end + offset), message);
            return None;
        }
    }
    let result = match first_look(text) {
        Look::Json(shape) => json(&source.name, text, &shape),
        Look::Text(known) => known(&source.name, text),
        Look::Wrong(message) => Err(vec![TextProblem::whole(message)]),
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
    Text(Reader),
    Yaml,
    Wrong(String),
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

fn first_look(text: &str) -> Look {
    let start = text.trim_start();
    if start.is_empty() {
        return Look::Wrong("the file is empty".into());
    }
    if start.starts_with('{') {
        // What is cut off has no shape: the reader of YAML, which takes JSON too, says where.
        return serde_json::from_str(start).map_or(Look::Yaml, Look::Json);
    }
    if kernel_log::looks_like(start) {
        return Look::Text(|_, text| kernel_log::read(text).map(|reports| Some(Content::KernelLog(reports))));
    }
    if start.starts_with('<') {
        return Look::Wrong("this is a web page: is a login needed where the file comes from?".into());
    }
    if start.starts_with('[') && prometheus::looks_like_result(start) {
        return Look::Text(|name, text| {
            prometheus::read_result(name, text).map(|series| Some(Content::Series(series)))
        });
    }
    let reader: Option<Reader> = if looks_like_meminfo(start) {
        Some(|_, text| meminfo(text).map(|m| Some(Content::Meminfo(m))))
    } else if looks_like_free(start) {
        Some(|_, text| free(text).map(|f| Some(Content::Free(f))))
    } else if looks_like_memory_stat(start) {
        Some(|_, text| memory_stat(text).map(|stat| Some(Content::MemoryStat(stat))))
    } else if memory_current(start).is_some() {
        Some(|_, text| Ok(memory_current(text).map(Content::MemoryCurrent)))
    } else if top::looks_like(start) {
        Some(|_, text| top::read(text).map(|rows| Some(Content::Top(rows))))
    } else if csv_file::looks_like(start) {
        Some(|name, text| csv_file::read(name, text).map(|series| Some(Content::Series(series))))
    } else if openmetrics::looks_like(start) {
        Some(|_, text| openmetrics::read(text).map(|series| Some(Content::Series(series))))
    } else {
        None
    };
    reader.map_or(Look::Yaml, Look::Text)
}

fn json(name: &str, text: &str, shape: &Shape) -> Result<Option<Content>, Vec<TextProblem>> {
    if shape.kind.is_some() {
        Ok(None)
    } else if shape.status.is_some() && (shape.data.is_some() || text.contains("\"errorType\"")) {
        prometheus::read(name, text).map(|series| Some(Content::Series(series)))
    } else if shape.result_type.is_some() {
        prometheus::read_data(name, text).map(|series| Some(Content::Series(series)))
    } else if shape.node.is_some() && shape.pods.is_some() {
        summary::read(text).map(|summary| Some(Content::Summary(summary)))
    } else {
        Ok(None)
    }
}

/// What a file is in words, such as `a Kubernetes Node`; `None`: nothing that is known here.
pub fn describe(text: &str) -> Option<String> {
    if let Ok(Some(list)) = json_lines::as_list(text) {
        return describe(&list);
    }
    let source = Arc::new(Source { name: String::new(), text: text.to_owned() });
    let known = match first_look(text) {
        Look::Wrong(_) => return None,
        Look::Text(_) if kernel_log::looks_like(text) => return Some("a kernel log".to_owned()),
        Look::Text(_) => return Some("what a node or its monitoring prints".to_owned()),
        Look::Json(shape) if shape.kind.is_none() && shape.status.is_some() => {
            return Some("an answer of Prometheus".to_owned());
        }
        Look::Json(shape) if shape.kind.is_none() && shape.node.is_some() => {
            return Some("a kubelet's /stats/summary".to_owned());
        }
        Look::Json(_) | Look::Yaml => parse_documents(&source).ok()?,
    };
    let first = known.first()?;
    if oomsim_scenario::reading::is_kubelet_settings(first) {
        return Some("a kubelet's settings".to_owned());
    }
    let kind = first.get("kind").and_then(Value::as_text)?;
    first.get("apiVersion").map(|_| format!("a Kubernetes {kind}"))
}
