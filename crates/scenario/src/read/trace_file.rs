//! `workload.trace = { file = "traces/cart.csv" }`: the points of a curve from a file, seconds and bytes a line.

use super::Context;
use crate::load::source;
use crate::reader::Problems;
use crate::source::{Location, Source};
use crate::value::{Entry, Value, ValueKind};
use std::sync::Arc;

/// The heading that such a file has.
const HEADING: &str = "seconds,bytes";

/// The scenario with the points of trace files in place of their names; `None`: it names none.
pub(crate) fn with_points(cx: &Context<'_>, root: &Value) -> Option<Value> {
    names_one(root).then(|| replaced(cx, root))
}

/// A table `trace` with a key `file`, anywhere.
fn names_one(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Array(items) => items.iter().any(names_one),
        ValueKind::Table(entries) => entries.iter().any(|e| is_trace(e) || names_one(&e.value)),
        _ => false,
    }
}

fn is_trace(entry: &Entry) -> bool {
    entry.key == "trace" && entry.value.get("file").is_some()
}

fn replaced(cx: &Context<'_>, value: &Value) -> Value {
    let kind = match &value.kind {
        ValueKind::Array(items) => ValueKind::Array(items.iter().map(|item| replaced(cx, item)).collect()),
        ValueKind::Table(entries) => ValueKind::Table(
            entries
                .iter()
                .map(|entry| Entry {
                    value: if is_trace(entry) { trace(cx, &entry.value) } else { replaced(cx, &entry.value) },
                    ..entry.clone()
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Value { kind, at: value.at.clone() }
}

/// The table of a trace, its `file` replaced by `points`.
fn trace(cx: &Context<'_>, table: &Value) -> Value {
    let p = cx.problems;
    if let (Some(file), Some(_)) = (table.get("file"), table.get("points")) {
        p.error(&file.at, "a trace has `points` or a `file`, not both");
    }
    let entries =
        table.entries().unwrap_or_default().iter().map(|entry| match (entry.key.as_str(), &entry.value.kind) {
            ("file", ValueKind::Text(path)) => match points(cx, path, &entry.value.at) {
                Some(points) => Entry { key: "points".into(), value: points, ..entry.clone() },
                None => entry.clone(),
            },
            _ => entry.clone(),
        });
    Value { kind: ValueKind::Table(entries.collect()), at: table.at.clone() }
}

fn points(cx: &Context<'_>, path: &str, at: &Location) -> Option<Value> {
    let p = cx.problems;
    let text = cx.text(path, at)?;
    let source = source(path, &text, p)?;
    let all = Location::new(&source, 0..0);
    let mut points = Vec::new();
    let mut start = 0;
    for (number, line) in source.text.split_inclusive('\n').enumerate() {
        let place = Location::new(&source, start..start + line.trim_end().len());
        start += line.len();
        match line.trim() {
            "" => {}
            heading if number == 0 && heading == HEADING => {}
            _ if number == 0 => {
                p.error(&place, format!("expected the heading `{HEADING}`"));
                return None;
            }
            _ => points.push(point(p, &source, &place)?),
        }
    }
    Some(Value { kind: ValueKind::Array(points), at: all })
}

/// `12.5,1048576` as the pair of a time and an amount.
fn point(p: &Problems, source: &Arc<Source>, place: &Location) -> Option<Value> {
    let line = place.text();
    let comma = line.find(',').unwrap_or(line.len());
    let (seconds, bytes) = (&line[..comma], line.get(comma + 1..).unwrap_or_default().trim());
    let number = seconds.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let (Some(_), Ok(bytes)) = (number, bytes.parse::<i64>()) else {
        p.error(place, "expected `SECONDS,BYTES`, such as `12.5,1048576`");
        return None;
    };
    let part = |span: std::ops::Range<usize>, kind| Value { kind, at: Location::new(source, span) };
    let middle = place.span.start + comma;
    let time = part(place.span.start..middle, ValueKind::Text(format!("{}s", seconds.trim())));
    let amount = part(middle..place.span.end, ValueKind::Int(bytes));
    Some(Value { kind: ValueKind::Array(vec![time, amount]), at: place.clone() })
}
