//! `where = { … }` of an expectation: tests on the fields of a record.

use super::expect::{range, signed_bytes};
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, duration};
use crate::tables;
use crate::value::{Entry, Value, ValueKind};
use oomsim_core::record::expect::{Filter, Scalar, Test};
use oomsim_core::record::view::{PROCESS_FIELDS, RecordKind};

/// Fields of records that hold a process as an object.
const OBJECT: &str = "victim";

/// In what a field is counted.
#[derive(Clone, Copy)]
enum Unit {
    Bytes,
    Kib,
    Seconds,
    Plain,
}

/// The unit of a field, from its name as the reference has it.
fn unit(field: &str) -> Unit {
    let last = field.rsplit('.').next().unwrap_or(field);
    match last {
        _ if last.ends_with("_kb") => Unit::Kib,
        _ if last.ends_with("_bytes") => Unit::Bytes,
        "nodeWorkingSet" | "podsWorkingSet" | "usageSeen" | "usageNow" => Unit::Bytes,
        _ if last.ends_with("Seconds") || last.ends_with("At") => Unit::Seconds,
        _ => Unit::Plain,
    }
}

/// Reads all tests.
pub(super) fn filters(p: &Problems, kind: &RecordKind, value: &Value) -> Vec<Filter> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table of tests such as `{ reason = \"OOMKilled\" }`");
        return Vec::new();
    };
    let mut filters = Vec::new();
    for entry in entries {
        let inner = entry.value.entries().filter(|inner| entry.key == OBJECT && !is_test(inner));
        match inner {
            Some(inner) => inner.iter().for_each(|part| {
                let field = format!("{OBJECT}.{}", part.key);
                one(p, kind, &field, part, &mut filters);
            }),
            None => one(p, kind, &entry.key, entry, &mut filters),
        }
    }
    filters
}

fn is_test(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| ["contains", "min", "max", "not", "present"].contains(&entry.key.as_str()))
}

fn one(p: &Problems, kind: &RecordKind, field: &str, entry: &Entry, out: &mut Vec<Filter>) {
    if !kind.has(field) {
        let what = format!("field of {}", kind.name);
        match field.strip_prefix("victim.") {
            Some(part) if kind.has(OBJECT) => {
                p.unknown(&entry.key_at, &what, part, PROCESS_FIELDS.iter().map(|field| field.name));
            }
            _ => p.unknown(&entry.key_at, &what, field, kind.fields.iter().map(|field| field.name)),
        }
        return;
    }
    if let Some(test) = test(p, unit(field), &entry.value) {
        out.push(Filter { field: field.to_string(), test });
    }
}

fn test(p: &Problems, unit: Unit, value: &Value) -> Option<Test> {
    let Some(entries) = value.entries() else { return scalar(p, unit, value).map(Test::Equals) };
    let mut t = TableReader::open(p, &tables::TEST_TABLE, value)?;
    let contains = t.optional("contains", |p, value| scalar(p, unit, value));
    let not = t.optional("not", |p, value| scalar(p, unit, value));
    let present = t.optional("present", boolean);
    let bounds = (t.get("min").is_some(), t.get("max").is_some());
    t.finish();
    match (contains, not, present, bounds) {
        (Some(part), None, None, (false, false)) => Some(Test::Contains(part)),
        (None, Some(other), None, (false, false)) => Some(Test::Not(other)),
        (None, None, Some(present), (false, false)) => Some(Test::Present(present)),
        (None, None, None, (true, _) | (_, true)) => {
            range(p, value, |p, value| number(p, unit, value)).map(Test::Bounds)
        }
        _ => {
            if is_test(entries) {
                p.error(&value.at, "a test is a value or one of `{ contains = … }`, `{ min = …, max = … }`, `{ not = … }`, `{ present = … }`");
            }
            None
        }
    }
}

fn scalar(p: &Problems, unit: Unit, value: &Value) -> Option<Scalar> {
    match (&value.kind, unit) {
        (ValueKind::Bool(b), _) => Some(Scalar::Bool(*b)),
        (ValueKind::Int(n), _) => Some(Scalar::Int(*n)),
        (ValueKind::Text(text), Unit::Plain) => Some(Scalar::Text(text.clone())),
        (ValueKind::Text(_), _) => number(p, unit, value).map(Scalar::Int),
        _ => {
            p.expected(value, "a text, a whole number or a boolean");
            None
        }
    }
}

/// A number in the field's unit.
fn number(p: &Problems, unit: Unit, value: &Value) -> Option<i64> {
    if let ValueKind::Int(n) = value.kind {
        return Some(n);
    }
    match unit {
        Unit::Bytes | Unit::Plain => signed_bytes(p, value),
        Unit::Kib => signed_bytes(p, value).map(|bytes| bytes / 1024),
        Unit::Seconds => duration(p, value).and_then(|d| i64::try_from(d.as_secs()).ok()),
    }
}
