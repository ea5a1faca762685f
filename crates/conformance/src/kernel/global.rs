//! A report of the node's OOM: the choice, and the watermarks.

use super::memcg::score;
use super::row::{RecordedOom, kib, parse, profile};
use crate::Verdict;
use oomsim_core::kernel::{oom, watermark_gap};
use oomsim_core::units::Pages;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct GlobalRow {
    kernel: String,
    mem_total_kib: u64,
    swap_total_kib: u64,
    oom_kill_allocating_task: u8,
    has_table: bool,
    #[serde(default)]
    zones: BTreeMap<String, Zone>,
    #[serde(flatten)]
    report: RecordedOom,
}

#[derive(Deserialize)]
struct Zone {
    boost_kb: u64,
    min_kb: u64,
    low_kb: u64,
    high_kb: u64,
    rest: BTreeMap<String, i64>,
}

/// Victim, and low and high watermarks of every zone from its min.
pub fn check(row: &Value) -> Verdict {
    let read = parse::<GlobalRow>(row).and_then(|row| Ok((profile(&row.kernel)?, row)));
    let (profile, row) = match read {
        Ok(read) => read,
        Err(why) => return Verdict::unreadable(why),
    };
    if !row.has_table {
        return Verdict::Undecided("the report has no task table".into());
    }
    let total = kib(row.mem_total_kib) + kib(row.swap_total_kib);
    let tasks = score(&profile, &row.report, total);
    let invoker = tasks.iter().position(|t| t.pid.0 == row.report.invoker_pid && t.points.is_some());
    let victim = match (row.oom_kill_allocating_task, invoker) {
        (1, Some(invoker)) => Some(invoker),
        _ => oom::select(&profile, &tasks),
    };
    let expected = (!row.report.no_killable).then_some(row.report.chosen_pid).flatten();
    Verdict::compare("victim", &expected, &victim.map(|i| tasks[i].pid.0)).and(|| watermarks(&row.zones))
}

fn watermarks(zones: &BTreeMap<String, Zone>) -> Verdict {
    for (name, zone) in zones {
        let Some(managed) = zone.rest.get("managed").and_then(|m| u64::try_from(*m).ok()) else { continue };
        // A boost for fragmentation is added to all three.
        let min = kib(zone.min_kb - zone.boost_kb.min(zone.min_kb));
        let gap = watermark_gap(min, kib(managed), 10);
        let boost = kib(zone.boost_kb);
        let expected = [kib(zone.low_kb), kib(zone.high_kb)];
        let got: [Pages; 2] = [min + gap + boost, min + gap + gap + boost];
        let verdict = Verdict::compare(&format!("watermarks low and high of {name}"), &expected, &got);
        if verdict != Verdict::Matched {
            return verdict;
        }
    }
    Verdict::Matched
}
