//! A report of a cgroup's OOM: the choice among the printed candidates.

use super::row::{Configured, Events, RecordedOom, kib, limit_kb, parse, profile};
use crate::Verdict;
use oomsim_core::kernel::oom::{self, SwapAllowance};
use oomsim_core::kernel::{CgroupVersion, Profile};
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::{Bytes, Pages};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct MemcgRow {
    kernel: String,
    cgroup_version: u8,
    reports_in_case: u64,
    swap_total_kib: u64,
    configured: Configured,
    has_table: bool,
    memory_events: Option<BTreeMap<String, Events>>,
    stats_cg: Option<String>,
    #[serde(flatten)]
    report: RecordedOom,
}

/// Victim, group, everyone killed, and the counters of `memory.events`.
pub fn check(row: &Value) -> Verdict {
    let read = parse::<MemcgRow>(row).and_then(|row| Ok((profile(&row.kernel)?, row)));
    let (profile, row) = match read {
        Ok(read) => read,
        Err(why) => return Verdict::unreadable(why),
    };
    if !row.has_table {
        return Verdict::Undecided("the report has no task table".into());
    }
    let total = total(&row);
    let tasks = score(&profile, &row.report, total);
    let victim = oom::select(&profile, &tasks);
    let expected = (!row.report.no_killable).then_some(row.report.chosen_pid).flatten();
    let verdict = Verdict::compare("victim", &expected, &victim.map(|i| tasks[i].pid.0));
    let Some(victim) = victim else { return verdict };
    let group = group_of(&row, &tasks[victim].cgroup);
    verdict
        .and(|| Verdict::compare("group", &row.report.oom_group_cg, &group))
        .and(|| {
            let mut killed = killed(&tasks, victim, group.as_deref());
            let mut recorded = row.report.victim_pids.clone();
            killed.sort_unstable();
            recorded.sort_unstable();
            Verdict::compare("killed", &recorded, &killed)
        })
        .and(|| events(&row, &profile, group.is_some(), killed(&tasks, victim, group.as_deref()).len() as u64))
}

/// The candidates with their points.
pub fn score(profile: &Profile, report: &RecordedOom, total: Pages) -> Vec<TaskRow> {
    let mut tasks: Vec<TaskRow> = report.tasks.iter().map(|t| t.to_row()).collect();
    for task in &mut tasks {
        // The recorded tasks are in the initial user namespace, but no profile recorded so far has a root bonus.
        task.points = oom::badness(profile, task, task.uid == 0, total);
    }
    tasks
}

fn version(row: &MemcgRow) -> CgroupVersion {
    if row.cgroup_version == 1 { CgroupVersion::V1 } else { CgroupVersion::V2 }
}

/// Pages that points are measured against.
fn total(row: &MemcgRow) -> Pages {
    let report = &row.report;
    let allowance = match version(row) {
        CgroupVersion::V2 => SwapAllowance::SwapMax(report.swap.map_or(Pages::MAX, |c| limit_kb(c.limit_kb))),
        CgroupVersion::V1 => {
            let at = report.oom_memcg.as_ref().or(row.stats_cg.as_ref());
            let configured = row.configured.swappiness.as_ref();
            SwapAllowance::Memsw {
                limit: report.memory_swap.map_or(Pages::MAX, |c| limit_kb(c.limit_kb)),
                swappiness: configured.zip(at).and_then(|(s, at)| s.get(at)).copied().unwrap_or(60),
            }
        }
    };
    oom::memcg_total(Bytes::new(report.limit_bytes).to_pages_floor(), allowance, kib(row.swap_total_kib))
}

/// The cgroup that dies as a whole, by the configured flags.
fn group_of(row: &MemcgRow, from: &str) -> Option<String> {
    if version(row) == CgroupVersion::V1 {
        return None;
    }
    let top = row.report.oom_memcg.as_deref()?;
    let mut path = vec![from];
    while let Some(last) = path.last().filter(|last| **last != top) {
        match last.rfind('/') {
            Some(cut) if cut > 0 => path.push(&last[..cut]),
            _ => break,
        }
    }
    let flagged = |cg: &str| row.configured.oom_group.get(cg).is_some_and(|v| *v == 1);
    oom::oom_group(path.into_iter().map(|cg| (cg, flagged(cg)))).map(str::to_owned)
}

/// Pids of everyone who dies, the victim first.
fn killed(tasks: &[TaskRow], victim: usize, group: Option<&str>) -> Vec<u32> {
    let inside = |cg: &str, top: &str| cg == top || cg.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    let mut pids = vec![tasks[victim].pid.0];
    for (index, task) in tasks.iter().enumerate() {
        let member = group.is_some_and(|top| inside(&task.cgroup, top));
        if index != victim && member && task.oom_score_adj != oom::OOM_SCORE_ADJ_MIN {
            pids.push(task.pid.0);
        }
    }
    pids
}

/// `memory.events` after a case with a single report: one `oom_kill` per process killed at the cgroup whose limit was
/// hit; in a group kill the victim may be met again and counted twice. v1 counts in the victim's own cgroup only.
fn events(row: &MemcgRow, profile: &Profile, group: bool, killed: u64) -> Verdict {
    let (Some(events), Some(top)) = (&row.memory_events, &row.report.oom_memcg) else { return Verdict::Matched };
    if row.reports_in_case != 1 || !row.report.extra_kills_report_suppressed.is_empty() {
        return Verdict::Matched;
    }
    let at = match version(row) {
        CgroupVersion::V1 => row.report.task_memcg.as_ref().unwrap_or(top),
        CgroupVersion::V2 => top,
    };
    let Some(events) = events.get(at) else { return Verdict::Matched };
    let repeats = row.report.kill_lines_pids.len() as u64;
    let expected = if group && repeats == killed { killed } else { killed + u64::from(group) };
    Verdict::compare("oom_kill", &events.oom_kill, &expected).and(|| match version(row) {
        CgroupVersion::V1 => Verdict::Matched,
        // Kernels before 5.17 do not count groups.
        CgroupVersion::V2 if !profile.oom_group_kill_event => Verdict::Matched,
        CgroupVersion::V2 => Verdict::compare("oom_group_kill", &events.oom_group_kill, &u64::from(group)),
    })
}
