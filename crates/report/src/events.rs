//! `events.jsonl`: one JSON object a line for everything that happened.

use oomsim_core::record::{History, view};
use serde_json::Value;

/// The whole file.
pub fn render(history: &History) -> String {
    history.entries.iter().map(|entry| format!("{}\n", Value::Object(view::entry(entry)))).collect()
}
