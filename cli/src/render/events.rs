//! `events.jsonl`: one JSON object a line for everything that happened.

use serde_json::Value;
use sim_core::record::{History, view};

/// The whole file.
pub fn render(history: &History) -> String {
    history.entries.iter().map(|entry| format!("{}\n", Value::Object(view::entry(entry)))).collect()
}
