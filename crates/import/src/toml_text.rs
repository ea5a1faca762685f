//! Pieces of a scenario's text.

use crate::curve::{Recorded, Recording};
use oomsim_core::units::{Bytes, SimDuration, format_duration};
use std::fmt::Write as _;
use toml_edit::{Array, InlineTable, Table, Value};

/// A curve as a file: seconds since its beginning and bytes, or what is marked there.
pub(crate) fn trace_file(recording: &Recording) -> String {
    let split = recording.points.iter().any(|(_, point)| has_cache(point));
    let mut text = String::from(if split { "seconds,bytes,activeFile\n" } else { "seconds,bytes\n" });
    for (at, point) in &recording.points {
        let _ = write!(text, "{}.{:03},", at.as_nanos() / 1_000_000_000, at.as_nanos() / 1_000_000 % 1000);
        let _ = match point {
            Recorded::Holds(amount, cache) if split => writeln!(text, "{},{}", amount.get(), cache.get()),
            Recorded::Holds(amount, _) => writeln!(text, "{}", amount.get()),
            Recorded::Gap => writeln!(text, "gap"),
            Recorded::Restart => writeln!(text, "restart"),
        };
    }
    text
}

fn has_cache(point: &Recorded) -> bool {
    matches!(point, Recorded::Holds(_, cache) if *cache > Bytes::ZERO)
}

/// A curve as points within the scenario.
pub(crate) fn points(recording: &Recording) -> Array {
    let point = |(at, point): &(SimDuration, Recorded)| {
        let mut pair = Array::from_iter([format_duration(*at)]);
        match point {
            Recorded::Gap => pair.push("gap"),
            Recorded::Restart => pair.push("restart"),
            Recorded::Holds(bytes, cache) => {
                pair.push(amount(*bytes));
                if *cache > Bytes::ZERO {
                    pair.push(amount(*cache));
                }
            }
        }
        Value::from(pair)
    };
    recording.points.iter().map(point).collect()
}

/// A table of one entry.
pub(crate) fn one(key: &str, value: Value) -> InlineTable {
    InlineTable::from_iter([(key, value)])
}

/// Whole Mi, else Ki; memory comes in pages, so what is less than one counts as one.
pub(crate) fn amount(bytes: Bytes) -> String {
    match bytes.get() {
        0 => "0".into(),
        n if n % (1 << 20) == 0 => format!("{}Mi", n >> 20),
        n if n % (1 << 10) == 0 => format!("{}Ki", n >> 10),
        n => format!("{}Ki", (n >> 12).saturating_add(1) << 2),
    }
}

/// Where a figure comes from, with what was assumed.
pub(crate) fn said(from: &str, assumed: &str) -> String {
    if assumed.is_empty() { from.to_string() } else { format!("{from}; assumed: {assumed}") }
}

/// Puts a comment in front of a key.
pub(crate) fn comment(table: &mut Table, key: &str, text: &str) {
    if let Some(mut key) = table.key_mut(key) {
        key.leaf_decor_mut().set_prefix(format!("# {text}\n"));
    }
}

/// A count with its noun.
pub fn counted(count: usize, noun: &str) -> String {
    match (count, noun.ends_with('s')) {
        (1, _) => format!("1 {noun}"),
        (_, true) => format!("{count} {noun}es"),
        (_, false) => format!("{count} {noun}s"),
    }
}
