//! `workload.trace = { file = "traces/cart.csv" }`: the points of a curve from a file, seconds and bytes a line.
//! Where nothing was recorded there is no number, or `gap`; where the process was restarted, `restart`.

use super::Context;
use super::trace::{GAP, RESTART};
use crate::load::source;
use crate::reader::Problems;
use crate::source::{Location, Source};
use crate::value::{Entry, Value, ValueKind};
use std::sync::Arc;

/// The headings that such a file may have.
const HEADINGS: [&str; 2] = ["seconds,bytes", "seconds,bytes,activeFile"];
/// How programs write that there is no number.
const NO_NUMBER: [&str; 5] = ["", "NaN", "nan", "null", GAP];

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
            heading if number == 0 && HEADINGS.contains(&heading) => {}
            _ if number == 0 => {
                p.error(&place, format!("expected the heading `{}` or `{}`", HEADINGS[0], HEADINGS[1]));
                return None;
            }
            _ => points.push(point(p, &source, &place)?),
        }
    }
    Some(Value { kind: ValueKind::Array(points), at: all })
}

/// `12.5,1048576` as a time and an amount, `12.5,1048576,4096` with page cache beside it, `12.5,gap` and `12.5,restart`
/// as marks.
fn point(p: &Problems, source: &Arc<Source>, place: &Location) -> Option<Value> {
    let line = place.text();
    let mut cells = line.split(',').map(str::trim);
    let (seconds, amount, active_file) = (cells.next().unwrap_or_default(), cells.next(), cells.next());
    let number = seconds.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let amounts = match (amount, active_file) {
        (Some(RESTART), None | Some("")) => Some(vec![ValueKind::Text(RESTART.into())]),
        (Some(none), _) if NO_NUMBER.contains(&none) => Some(vec![ValueKind::Text(GAP.into())]),
        (Some(amount), None) => amount.parse().ok().map(|bytes| vec![ValueKind::Int(bytes)]),
        (Some(amount), Some(active_file)) => {
            let both = [amount, active_file].map(|text| text.parse().map(ValueKind::Int));
            both.into_iter().collect::<Result<Vec<_>, _>>().ok()
        }
        (None, _) => None,
    };
    let (Some(_), Some(amounts), None) = (number, amounts, cells.next()) else {
        p.error(place, "expected `SECONDS,BYTES`, such as `12.5,1048576`, or `12.5,gap`, `12.5,restart`");
        return None;
    };
    let comma = place.span.start + line.find(',').unwrap_or(line.len());
    let part = |span: std::ops::Range<usize>, kind| Value { kind, at: Location::new(source, span) };
    let time = part(place.span.start..comma, ValueKind::Text(format!("{seconds}s")));
    let amounts = amounts.into_iter().map(|kind| part(comma..place.span.end, kind));
    let values = std::iter::once(time).chain(amounts).collect();
    Some(Value { kind: ValueKind::Array(values), at: place.clone() })
}
