//! Pieces of a scenario's text.

use oomsim_core::units::{Bytes, SimDuration};
use std::fmt::Write as _;
use toml_edit::{InlineTable, Table, Value};

/// A curve as a file: seconds since its beginning and bytes.
pub(crate) fn trace_file(points: &[(SimDuration, Bytes)]) -> String {
    let mut text = String::from("seconds,bytes\n");
    for (at, bytes) in points {
        let _ =
            writeln!(text, "{}.{:03},{}", at.as_nanos() / 1_000_000_000, at.as_nanos() / 1_000_000 % 1000, bytes.get());
    }
    text
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
