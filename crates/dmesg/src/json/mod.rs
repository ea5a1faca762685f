//! Messages of JSON, however it is nested and laid out: one object a line, pretty-printed, arrays of thousands.

mod splitter;

use serde_json::{Map, Value};
pub(crate) use splitter::{Progress, Splitter, begins};

/// One entry of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub message: String,
    /// Name of the program, if it is not the kernel.
    pub program: Option<String>,
    pub host: Option<String>,
    pub uptime_us: Option<u64>,
    pub wall: Option<String>,
    /// Of a row without names, all its texts: which one is the message is seen by what they say.
    pub cells: Vec<String>,
}

/// Keys under which loggers keep the line, the surest first: journald, Docker, logcli, GCP, Splunk, Azure, GELF, OTLP …
const MESSAGE: [&str; 20] = [
    "message",
    "msg",
    "log",
    "line",
    "_raw",
    "textpayload",
    "syslogmessage",
    "@message",
    "body",
    "stringvalue",
    "text",
    "logmessage",
    "log_message",
    "full_message",
    "short_message",
    "renderedmessage",
    "raw",
    "content",
    "data",
    "original",
];
/// Keys that name the machine (or the stream that stands for it).
const HOST: [&str; 16] = [
    "_hostname",
    "hostname",
    "host_name",
    "host",
    "node_name",
    "nodename",
    "node",
    "instance_id",
    "compute.googleapis.com/resource_name",
    "computer",
    "ec2_instance_id",
    "ec2instanceid",
    "logstreamname",
    "logstream",
    "instance",
    "source",
];
const WALL: [&str; 8] = ["@timestamp", "timestamp", "time", "_time", "ts", "receivetimestamp", "timegenerated", "date"];

/// Names of the name in lists of pairs.
const PAIR: [&str; 3] = ["field", "key", "name"];

/// `{"field": "@message", "value": "…"}` of CloudWatch Logs Insights, and of its like.
fn pair(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|o| (2..=3).contains(&o.len()))?;
    let name = PAIR.iter().find_map(|key| object.get(*key)?.as_str())?;
    Some((name, object.get("value")?))
}

/// The entries of a complete value.
pub(crate) fn messages(value: &Value, out: &mut Vec<Entry>) {
    match value {
        Value::Array(items) => {
            let pairs: Option<Map<String, Value>> =
                items.iter().map(|item| pair(item).map(|(k, v)| (k.to_string(), v.clone()))).collect();
            if let Some(object) = pairs.filter(|o| !o.is_empty()) {
                return messages(&Value::Object(object), out);
            }
            let before = out.len();
            items.iter().filter(|v| v.is_object() || v.is_array()).for_each(|v| messages(v, out));
            if out.len() == before {
                out.extend(row(items));
            }
        }
        Value::Object(_) => {
            let known = |text: &String| text.lines().any(crate::assemble::recognised);
            // Where the key is another program's own, what the kernel said shows which text it is.
            let named = match message(value, 0) {
                Some(text) if known(&text) => Some(text),
                other => lines(value).or_else(|| anywhere(value, 0)).or(other),
            };
            if let Some(message) = named {
                out.push(entry(value, message));
                return;
            }
            for (_, inner) in value.as_object().into_iter().flatten().filter(|(_, v)| v.is_object() || v.is_array()) {
                messages(inner, out);
            }
        }
        _ => {}
    }
}

/// The lines of an object that has each under a key of its own: `{"0": "…", "1": "…"}`.
fn lines(value: &Value) -> Option<String> {
    let texts: Vec<&str> = value.as_object()?.values().filter_map(Value::as_str).collect();
    let known = texts.iter().filter(|text| crate::assemble::recognised(text)).count();
    (known > 1).then(|| texts.join("\n"))
}

/// A text of the kernel's under whatever key, or in JSON that is a text itself.
fn anywhere(value: &Value, depth: usize) -> Option<String> {
    let object = value.as_object().filter(|_| depth < 8)?;
    let own = object.values().filter_map(Value::as_str).filter(|text| text.len() > 8);
    let own =
        own.clone().find(|text| text.lines().any(crate::assemble::recognised)).map(str::to_string).or_else(|| {
            let inner = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
            own.filter(|text| text.starts_with("{\"")).find_map(|text| {
                let value = inner(text)?;
                message(&value, 0).or_else(|| anywhere(&value, depth + 1))
            })
        });
    own.or_else(|| object.values().find_map(|v| anywhere(v, depth + 1)))
}

/// The line of an object: of itself, else of the object that it keeps it in.
fn message(value: &Value, depth: usize) -> Option<String> {
    let object = value.as_object()?;
    let mut keys: Vec<(usize, &Value)> = object
        .iter()
        .filter_map(|(key, v)| Some((MESSAGE.iter().position(|m| key.eq_ignore_ascii_case(m))?, v)))
        .collect();
    keys.sort_by_key(|(rank, _)| *rank);
    let own = keys.iter().find_map(|(_, v)| string(v));
    own.or_else(|| {
        if depth >= 8 {
            return None;
        }
        let named = keys.iter().map(|(_, v)| *v);
        named.chain(object.values()).filter(|v| v.is_object()).find_map(|v| message(v, depth + 1))
    })
}

/// A string, or the bytes that journald writes in place of one that is no UTF-8.
fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            // A line that is JSON itself: a logger's entry in another logger's.
            let inner = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Value>(text).ok()).flatten();
            inner.and_then(|v| message(&v, 0)).or_else(|| Some(text.clone()))
        }
        Value::Array(items) if !items.is_empty() => {
            let bytes: Option<Vec<u8>> = items.iter().map(|v| u8::try_from(v.as_u64()?).ok()).collect();
            match bytes {
                Some(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                // A column with a line in each row.
                None if items.iter().all(Value::is_string) => {
                    Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
                }
                None => items.last().and_then(string),
            }
        }
        _ => None,
    }
}

/// A row without names (Loki's `[time, line]`, Azure's tables), or a list of lines. The longest text that is no time
/// is the likeliest message.
fn row(items: &[Value]) -> Option<Entry> {
    let cells: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_string).collect();
    let message = cells.iter().filter(|t| !is_time(t)).max_by_key(|t| t.len())?.clone();
    let wall = cells.iter().find(|t| t.len() >= 10 && is_time(t)).cloned();
    Some(Entry { message, wall, cells, ..Entry::default() })
}

fn is_time(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b"-:.TZ+ ".contains(&b))
}

fn entry(value: &Value, message: String) -> Entry {
    let journal = |key: &str| value.get(key).or_else(|| value.get("jsonPayload")?.get(key));
    let text = |key: &str| journal(key).and_then(Value::as_str);
    let kernel = text("_TRANSPORT").is_none_or(|t| t == "kernel") && text("SYSLOG_IDENTIFIER").is_none_or(is_kernel);
    let program = if kernel { None } else { text("SYSLOG_IDENTIFIER").map(str::to_string) };
    let micros = text("_SOURCE_MONOTONIC_TIMESTAMP").and_then(|t| t.parse().ok());
    // dmesg --json has seconds as a number.
    let seconds = || {
        value.get("msg")?;
        let time = value.get("time")?.as_f64().filter(|t| (0.0..1e12).contains(t))?;
        Some((time * 1e6).round() as u64)
    };
    Entry {
        message,
        program,
        host: find(value, &HOST, 0),
        uptime_us: micros.or_else(seconds),
        wall: find(value, &WALL, 0).filter(|w| w.len() >= 10),
        cells: Vec::new(),
    }
}

/// True for names under which the kernel's messages are kept.
pub(crate) fn is_kernel(name: &str) -> bool {
    matches!(name, "kernel" | "kern" | "kmsg" | "dmesg")
}

/// A string under one of these keys, the surest key first, at any depth.
fn find(value: &Value, keys: &[&str], depth: usize) -> Option<String> {
    let object = value.as_object().filter(|_| depth < 6)?;
    let own = keys.iter().find_map(|key| {
        let (_, v) = object.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?;
        let named = v.get("name").and_then(Value::as_str);
        v.as_str().or(named).filter(|text| !text.is_empty()).map(str::to_string)
    });
    own.or_else(|| object.values().find_map(|v| find(v, keys, depth + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<Entry> {
        let mut splitter = Splitter::default();
        let mut entries = Vec::new();
        for line in text.lines() {
            let mut line = line.trim();
            while !line.is_empty() {
                match splitter.feed(line, &mut entries) {
                    Progress::Over(at) => line = line[at..].trim_start_matches([',', ' ']),
                    Progress::Within => break,
                    Progress::Broken => return entries,
                }
            }
        }
        entries
    }

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|e| e.message).collect()
    }

    /// Shapes as the tools' manuals show them.
    #[test]
    fn the_message_at_any_depth() {
        for (tool, text) in [
            ("docker", r#"{"log":"x: 1\n","stream":"stdout","time":"2026-01-01T00:00:00.0Z"}"#),
            ("journalctl", r#"{"_TRANSPORT":"kernel","MESSAGE":"x: 1\n","_HOSTNAME":"n1"}"#),
            ("journald bytes", r#"{"MESSAGE":[120,58,32,49,10],"_HOSTNAME":"n1"}"#),
            ("GCP", r#"[{"jsonPayload":{"MESSAGE":"x: 1\n"},"resource":{"labels":{"node_name":"n1"}}}]"#),
            ("GCP text", r#"[{"textPayload":"x: 1\n","labels":{"a":"b"}}]"#),
            ("CloudWatch", r#"{"events":[{"timestamp":1,"message":"x: 1\n","ingestionTime":2}],"nextToken":"f/1"}"#),
            ("Loki", r#"{"data":{"result":[{"stream":{"host":"n1"},"values":[["1767225700000000000","x: 1\n"]]}]}}"#),
            ("logcli", r#"{"labels":{},"line":"x: 1\n","timestamp":"2026-01-01T00:00:00Z"}"#),
            ("Elastic", r#"{"hits":{"hits":[{"_source":{"message":"x: 1\n","event":{"original":"n1: x: 1"}}}]}}"#),
            ("Splunk", r#"{"preview":false,"result":{"_raw":"x: 1\n","_time":"2026-01-01 00:00:00"}}"#),
            ("Azure", r#"{"tables":[{"columns":[{"name":"T"}],"rows":[["2026-01-01T00:00:00Z","x: 1\n"]]}]}"#),
            ("OTLP", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x: 1\n"}}]}]}]}"#),
            ("dmesg", "{\n \"dmesg\": [\n {\n \"pri\": 4,\n \"time\": 100.000001,\n \"msg\": \"x: 1\\n\"\n }\n ]\n}"),
            ("JSON in JSON", r#"{"log":"{\"MESSAGE\":\"x: 1\\n\"}","stream":"stdout"}"#),
        ] {
            assert_eq!(texts(text), ["x: 1\n"], "{tool}");
            let pretty = serde_json::from_str::<Value>(text).and_then(|v| serde_json::to_string_pretty(&v));
            assert_eq!(texts(&pretty.expect("JSON")), ["x: 1\n"], "{tool} pretty");
        }
        let loki = split(r#"{"data":{"result":[{"stream":{"host":"n1"},"values":[["1","x: 1"],["2","y: 1"]]}]}}"#);
        assert_eq!(loki.iter().map(|e| e.host.as_deref()).collect::<Vec<_>>(), [Some("n1"); 2]);
        let time = &split(r#"{"dmesg":[{"pri":4,"time":100.000001,"msg":"x"}]}"#)[0];
        assert_eq!(time.uptime_us, Some(100_000_001));
    }
}
