//! The tables `[[at]]` of the scenario: when each change comes, and the amounts in it.

use super::{Knob, MIB, Situation, bytes, length, millis_at, path, plain, signed, time};
use oomsim_core::units::SimTime;
use oomsim_scenario::Source;
use oomsim_scenario::reading::{self, Problems, Value, ValueKind};
use std::sync::Arc;

/// Keys whose amounts of memory are turned.
const AMOUNTS: [&str; 6] = ["limit", "high", "low", "min", "memory", "memory.available"];

/// Knobs of every `[[at]]`, by its number in the file.
pub(super) fn of_file(situation: &Situation<'_>) -> Vec<Knob> {
    let source = Arc::new(Source::new(String::new(), situation.text.to_owned()));
    let Ok(document) = reading::parse_document(&source) else { return Vec::new() };
    let tables = document.get("at").and_then(Value::items).unwrap_or_default();
    let end = millis_at(SimTime::ZERO.saturating_add(situation.scenario.duration));
    let capacity = signed(situation.scenario.node.kernel.mem_total);
    let mut all = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        // Whatever is wrong with the text has been said when it was read.
        let problems = Problems::default();
        let Some(at) = table.get("time").and_then(|value| reading::time(&problems, value)) else { continue };
        let (now, number) = (millis_at(at), index.to_string());
        let about = format!("[[at]] number {} ({})", index + 1, length(now));
        all.extend(Knob::numbers(
            format!("time of {about}"),
            time(path(&["at", &number, "time"])),
            (now, 0, end, 1000),
        ));
        amounts(table, &mut vec!["at", &number], &about, capacity, &mut all);
    }
    all
}

/// Amounts of memory and numbers of pods in a table and the tables in it.
fn amounts<'v>(table: &'v Value, keys: &mut Vec<&'v str>, about: &str, capacity: i64, all: &mut Vec<Knob>) {
    for entry in table.entries().unwrap_or_default() {
        keys.push(&entry.key);
        let name = || format!("{} of {about}", keys[2..].join("."));
        match &entry.value.kind {
            ValueKind::Table(_) if entry.key != "workload" => amounts(&entry.value, keys, about, capacity, all),
            ValueKind::Int(now) if entry.key == "replicas" => {
                all.extend(Knob::numbers(name(), plain(path(keys)), (*now, 0, now.saturating_mul(4), 1)));
            }
            ValueKind::Text(_) | ValueKind::Int(_) if AMOUNTS.contains(&entry.key.as_str()) => {
                if let Some(now) = reading::bytes(&Problems::default(), &entry.value) {
                    all.extend(Knob::numbers(name(), bytes(path(keys)), (signed(now), MIB, capacity, MIB)));
                }
            }
            _ => {}
        }
        keys.pop();
    }
}
