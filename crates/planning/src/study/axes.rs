//! `[[axis]]` of a sweep and `[[knob]]` of a goal: which settings take which values.

use super::instances::{Instance, Turns, chosen, counts};
use super::tables;
use crate::axis::{AxisRange, AxisValue, Scale, Unit};
use crate::measure::MEASURES;
use crate::plan::{Axis, Levels};
use crate::row::HEAD;
use oomsim_scenario::Location;
use oomsim_scenario::reading::{Problems, TableReader, Value, ValueKind, integer, name, one_of, parse_document};
use oomsim_scenario::{Diagnostic, Source};
use std::sync::Arc;

/// Most values of one axis.
const MAX_VALUES: i64 = 100_000;

/// An axis with the places that problems of its values are reported at.
pub(crate) struct ReadAxis {
    pub axis: Axis,
    pub turns: Turns,
    pub at: Location,
}

/// Who has the axes: a study, in which ranges need no steps, or a goal with its instances.
#[derive(Clone, Copy)]
pub(crate) enum Of<'a> {
    Study,
    Goal(&'a [Instance]),
}

/// Reads all axes of a study, or all knobs of a goal.
pub(crate) fn axes(p: &Problems, of: Of<'_>, tables: &[Value]) -> Vec<ReadAxis> {
    let mut list: Vec<ReadAxis> = Vec::new();
    for table in tables {
        let Some(read) = axis(p, of, table) else { continue };
        let (name, keys) = (&read.axis.name, &read.axis.keys);
        let taken = HEAD.iter().copied().chain(MEASURES.iter().map(|c| c.name)).any(|column| column == name);
        if taken {
            p.error(&read.at, format!("`{name}` is already a column of the results: choose another name"));
        } else if list.iter().any(|other| other.axis.name == *name) {
            p.error(&read.at, format!("two axes have the name `{name}`"));
        }
        for other in &list {
            if read.turns != Turns::Keys && read.turns == other.turns {
                p.error(&read.at, format!("`{}` turns the same already", other.axis.name));
            }
            if let Some(key) = keys.iter().find(|key| other.axis.keys.contains(key)) {
                p.error(&read.at, format!("`{key}` is already set by `{}`", other.axis.name));
            }
        }
        list.push(read);
    }
    list
}

fn axis(p: &Problems, of: Of<'_>, table: &Value) -> Option<ReadAxis> {
    let (spec, sampled) = match of {
        Of::Study => (&tables::AXIS, true),
        Of::Goal(_) => (&tables::KNOB, false),
    };
    let mut t = TableReader::open(p, spec, table)?;
    let axis_name = t.required("name", name);
    if let Of::Goal(all) = of {
        let (types, nodes) = (t.get("instances"), t.get("nodes"));
        let known = types.map(|v| (Turns::Instances, chosen(p, v, all)));
        if let Some((turns, levels)) = known.or_else(|| nodes.map(|v| (Turns::Nodes, counts(p, v)))) {
            let at = t.at().clone();
            if let (Some(_), Some(nodes)) = (types, nodes) {
                p.error(&nodes.at, "`instances` and `nodes` are knobs of their own");
            }
            for other in t.rest() {
                p.error(&other.key_at, format!("`{}` does not go with `instances` and `nodes`", other.key));
            }
            let axis = Axis { name: axis_name?.to_string(), keys: Vec::new(), levels: levels? };
            return Some(ReadAxis { axis, turns, at });
        }
    }
    let keys = keys(&mut t);
    let values = t.get("values");
    let (from, to) = (t.optional("from", end), t.optional("to", end));
    let stepped = t.get("steps").is_some();
    let steps = t.optional("steps", integer::<u32>(1, MAX_VALUES));
    let scale = t.or("scale", Scale::Linear, one_of("scale", &[("linear", Scale::Linear), ("log", Scale::Log)]));
    let at = t.at().clone();
    t.finish();
    let levels = match (values, from, to) {
        (Some(values), None, None) => list(p, values)?,
        (None, Some(from), Some(to)) => {
            let range = range(p, &at, &from, &to, scale)?;
            match steps {
                Some(steps) => Levels::Grid(range.steps(steps)),
                // The number is wrong, which was said: the ends are enough to find what else is.
                None if stepped => Levels::Grid(range.steps(2)),
                None if sampled => Levels::Sampled(range),
                None => {
                    p.push(Diagnostic::error(&at, "`steps` is missing: the number of values from `from` to `to`"));
                    return None;
                }
            }
        }
        _ => {
            let problem = Diagnostic::error(&at, format!("{} needs either `values`, or `from` and `to`", spec.name));
            p.push(
                problem.help(
                    "such as `values = [\"100Mi\", \"750Mi\"]` or `from = \"1Mi\"`, `to = \"1Gi\"`, `steps = 11`",
                ),
            );
            return None;
        }
    };
    Some(ReadAxis { axis: Axis { name: axis_name?.to_string(), keys: keys?, levels }, turns: Turns::Keys, at })
}

/// `key = "…"` or `keys = ["…", …]`.
fn keys(t: &mut TableReader<'_>) -> Option<Vec<String>> {
    let p = t.problems();
    let (one, many) = (t.get("key"), t.get("keys"));
    let values: Vec<&Value> = match (one, many) {
        (Some(one), None) => vec![one],
        (None, Some(many)) => match many.items() {
            Some(items) if !items.is_empty() => items.iter().collect(),
            _ => {
                p.expected(many, "an array of scenario keys such as `[\"node.memory\"]`");
                return None;
            }
        },
        _ => {
            let problem = Diagnostic::error(t.at(), "`key` or `keys` is missing: what to set to the value");
            p.push(problem.help("a scenario key as for `--set`, such as `kubelet.evictionHard.memory.available`"));
            return None;
        }
    };
    values.into_iter().map(|value| name(p, value).map(|n| n.to_string())).collect()
}

/// The text of a scalar as it stands behind `--set key=`.
pub(crate) fn scalar_text(p: &Problems, value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Bool(b) => Some(b.to_string()),
        ValueKind::Int(n) => Some(n.to_string()),
        ValueKind::Number(text) => Some(text.clone()),
        ValueKind::Text(text) if !text.chars().any(char::is_control) => Some(text.clone()),
        _ => {
            p.expected(value, "a number, a string or a boolean");
            None
        }
    }
}

fn list(p: &Problems, values: &Value) -> Option<Levels> {
    let Some(items) = values.items().filter(|items| !items.is_empty()) else {
        p.expected(values, "an array of values such as `[\"100Mi\", \"750Mi\"]`");
        return None;
    };
    if items.len() as i64 > MAX_VALUES {
        p.error(&values.at, format!("{} values are too many: at most {MAX_VALUES} are allowed", items.len()));
        return None;
    }
    let values: Option<Vec<_>> = items.iter().map(|item| Some(AxisValue::parse(&scalar_text(p, item)?))).collect();
    values.map(Levels::Grid)
}

/// One end of a range.
fn end(p: &Problems, value: &Value) -> Option<(AxisValue, Location)> {
    let parsed = AxisValue::parse(&scalar_text(p, value)?);
    if parsed.number.is_none() {
        p.expected(value, "a number, an amount of memory or a duration");
        return None;
    }
    Some((parsed, value.at.clone()))
}

fn range(
    p: &Problems,
    at: &Location,
    (from, from_at): &(AxisValue, Location),
    (to, to_at): &(AxisValue, Location),
    scale: Scale,
) -> Option<AxisRange> {
    let (low, high) = (from.number?, to.number?);
    let unit = match (from.unit, to.unit) {
        (a, b) if a == b => a,
        (Unit::Integer, Unit::Real) | (Unit::Real, Unit::Integer) => Unit::Real,
        // Zero needs no unit.
        (Unit::Integer, b) if low == 0.0 => b,
        (a, Unit::Integer) if high == 0.0 => a,
        _ => {
            p.error(to_at, format!("`from` ({}) and `to` ({}) have different units", from.text, to.text));
            return None;
        }
    };
    if scale == Scale::Log && (low <= 0.0 || high <= 0.0) {
        let wrong = if low <= 0.0 { from_at } else { to_at };
        p.error(wrong, "a logarithmic scale needs `from` and `to` greater than zero");
        return None;
    }
    if low == high {
        p.error(at, "`from` and `to` are equal");
        return None;
    }
    Some(AxisRange { from: low, to: high, unit, scale })
}

/// Parses a document, or gives up with its problems.
pub(crate) fn document(text: &str, file: &str, p: &Problems) -> Option<Value> {
    let source: Arc<Source> = oomsim_scenario::reading::source(file, text, p)?;
    match parse_document(&source) {
        Ok(root) => Some(root),
        Err(errors) => {
            errors.into_iter().for_each(|error| p.push(error));
            None
        }
    }
}
