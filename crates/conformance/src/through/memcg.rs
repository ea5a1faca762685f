//! `memcg_oom_v1.jsonl`, `memcg_oom_v2.jsonl`: cgroups with limits, programs in them, and the one that grows.

use super::Through;
use super::folder::Folder;
use super::kernel::{machine, names, number, oom_reports, report, start, view_at};
use super::programs::Program;
use crate::Verdict;
use crate::kernel::{Configured, Proc, WORKER, open_by_functions, parse};
use serde_json::Value;
use std::fmt::Write;

/// Checks one row.
pub(super) fn check(stem: &str, row: &Value) -> Through {
    if let Some(open) = open_by_functions(stem, row) {
        return Ok(open);
    }
    let configured: Configured = parse(&row["configured"])?;
    let mut machine = machine(row, number(row, "mem_total_kib")?)?;
    machine.sysctl = vec![("vm.oom_kill_allocating_task", number(row, "oom_kill_allocating_task")?)];
    let mut folder = Folder::new(&machine, "1m");
    folder.scenario =
        folder.scenario.replace("[kernel]\n", "[kernel]\nsecond_kill_percent = 0\nlowered_kill_percent = 0\n");
    // Limits come before the programs' memory, except where they are lowered below it.
    let lowered = row["flavour"] == "lowered";
    folder = folder.with(&limits(row, &configured, if lowered { "9s" } else { "500ms" }));
    for (n, name) in configured.spawn_order.iter().enumerate() {
        let Some(proc) = configured.procs.iter().find(|proc| proc.name == *name) else { continue };
        let grows = configured.grower.as_ref() == Some(name);
        let more = configured.grow_pages.filter(|_| grows).unwrap_or(0);
        folder = folder.with(&program(proc, n, more).to_toml());
    }
    let mut run = start(&folder)?;
    view_at(&mut run, 60.0)?;
    let reports = oom_reports(&run);
    if let (true, Some(why)) = (reports.len() as u64 <= number(row, "report_index")?, one_more(row)) {
        return Ok(Verdict::Undecided(why));
    }
    let report = match report(&reports, number(row, "report_index")?, row)? {
        Ok(report) => report,
        Err(verdict) => return Ok(verdict),
    };
    let mut killed: Vec<String> = report.killed_tasks().map(|task| task.comm.to_string()).collect();
    let mut recorded = names(row, &row["victim_pids"]);
    let victim = Verdict::compare("victim", &recorded.first().cloned(), &killed.first().cloned());
    killed.sort_unstable();
    recorded.sort_unstable();
    let limit = report.oom_memcg.as_ref().map(ToString::to_string);
    let limit = if row["no_killable"] == true {
        Verdict::Matched
    } else {
        Verdict::compare("oom_memcg", &row["oom_memcg"].as_str().map(str::to_owned), &limit)
    };
    Ok(limit.and(|| victim).and(|| Verdict::compare("killed", &recorded, &killed)))
}

/// Pages that victims may hold for a moment longer: the text of two of them, and what the processors keep charged.
const LEFT_BY_VICTIMS: i64 = 512;

/// Why a report that is not a case's first may be one that another run of the case does not have: the limit is no
/// longer exceeded by more than what the victims before are about to give back, or several processors see it lowered.
fn one_more(row: &Value) -> Option<String> {
    let above = (row["usage_kb"].as_i64()? - row["limit_kb"].as_i64()?) / 4;
    let raced = row["flavour"] == "lowered" && row["smp"].as_u64()? > 1;
    (row["report_index"].as_u64()? > 0 && (raced || above <= LEFT_BY_VICTIMS)).then(|| {
        format!("{above} pages above the limit: whether one more is killed while the one before is dying is drawn")
    })
}

/// `[[at]]` of everything that was written to the cgroups.
fn limits(row: &Value, configured: &Configured, time: &str) -> String {
    let v1 = row["cgroup_version"] == 1;
    let swap = if v1 { &configured.memsw_limit } else { &configured.swap_max };
    let mut text = String::new();
    for path in &configured.cg_creation_order {
        let mut lines = String::new();
        if let Some(limit) = configured.limits.get(path) {
            let _ = writeln!(lines, "limit = {limit}");
        }
        if let Some(max) = swap.as_ref().and_then(|map| map.get(path)) {
            match i64::try_from(*max) {
                Ok(max) => _ = writeln!(lines, "swapMax = {max}"),
                Err(_) => lines.push_str("swapMax = \"max\"\n"),
            }
        }
        if let (Some(group), false) = (configured.oom_group.get(path), v1) {
            let _ = writeln!(lines, "oomGroup = {}", *group == 1);
        }
        if let Some(swappiness) = configured.swappiness.as_ref().and_then(|map| map.get(path)) {
            let _ = writeln!(lines, "swappiness = {swappiness}");
        }
        if !lines.is_empty() {
            let _ = write!(text, "[[at]]\ntime = \"{time}\"\ncgroup = \"{path}\"\n{lines}");
        }
    }
    text
}

/// The n-th program. Shared memory is written as memory of its own, which is charged and scored alike; so is memory
/// whose pages lie so far apart that each has a page of page tables.
fn program(proc: &Proc, n: usize, more: u64) -> Program {
    let mut script = vec![format!("{{ until = \"{}ms\" }}", 1000 + n)];
    let mut touch = |pages: u64| {
        if pages > 0 {
            script.push(format!("{{ anon = {} }}", pages * 4096));
        }
    };
    touch(proc.anon);
    touch(proc.shm);
    touch(proc.sparse);
    if proc.file > 0 {
        script.push(format!("{{ mmap = {}, file = \"file of {}\" }}", proc.file * 4096, proc.name));
    }
    if more > 0 {
        script.push(format!("{{ until = \"10s\" }}, {{ anon = {} }}", more * 4096));
    }
    let worker = Program::worker(&proc.name);
    Program {
        cgroup: proc.cg.clone(),
        adj: proc.adj,
        uid: proc.uid,
        page_tables: WORKER.pgtables.get() + proc.sparse,
        script,
        ..worker
    }
}
