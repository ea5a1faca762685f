//! Who was chosen and who was killed.

use super::record::{EMERG, ERR, INFO, WARNING};
use super::style::{Kill, LogStyle};
use super::{Out, leaf};
use crate::node_api::{Constraint, OomReport, TaskIx, TaskRow};

/// No killable process; the node panics, a cgroup retries.
pub(super) fn no_victim(out: &mut Out, style: &LogStyle, report: &OomReport) {
    if style.no_killable {
        out.push(WARNING, "Out of memory and no killable processes...".into());
        if report.panic {
            out.push(EMERG, "Kernel panic - not syncing: System is deadlocked on memory".into());
        }
    } else if report.panic {
        out.push(EMERG, "Kernel panic - not syncing: Out of memory and no killable processes...".into());
    }
}

/// `oom-kill:constraint=…` (`dump_oom_summary`).
pub(super) fn summary(report: &OomReport, victim: &TaskRow) -> String {
    let cpuset = leaf(&report.invoker_cgroup);
    let (constraint, origin) = match (report.constraint, &report.oom_memcg) {
        (Constraint::Memcg, Some(path)) => ("CONSTRAINT_MEMCG", format!("oom_memcg={path}")),
        (Constraint::Memcg, None) => ("CONSTRAINT_MEMCG", "oom_memcg=/".into()),
        (Constraint::None, _) => ("CONSTRAINT_NONE", "global_oom".into()),
    };
    format!(
        "oom-kill:constraint={constraint},nodemask=(null),cpuset={cpuset},mems_allowed=0,{origin},task_memcg={},task={},pid={},uid={}",
        victim.cgroup, victim.comm, victim.pid, victim.uid
    )
}

pub(super) fn lines(out: &mut Out, style: &LogStyle, report: &OomReport, victim: &TaskRow) {
    let message = match report.constraint {
        Constraint::Memcg => "Memory cgroup out of memory",
        Constraint::None if report.oom_kill_allocating_task => "Out of memory (oom_kill_allocating_task)",
        Constraint::None => "Out of memory",
    };
    if style.kill == Kill::Score {
        out.push(
            ERR,
            format!(
                "{message}: Kill process {} ({}) score {} or sacrifice child",
                victim.pid,
                victim.comm,
                score(report, victim)
            ),
        );
    }
    // Before 5.1 the first to die may be a child of the chosen task.
    if let Some(first) = report.killed_tasks().next() {
        out.push(ERR, killed_line(style.kill, message, first));
    }
    if let Some(group) = report.oom_group.as_deref().filter(|_| style.oom_group) {
        out.push(INFO, format!("Tasks in {group} are going to be killed due to memory.oom.group set"));
        // The members follow in scan order; the chosen one still has its memory and is usually named again
        // (37 of 46 and 33 of 44 recorded group kills).
        for (i, task) in report.tasks.iter().enumerate() {
            if report.killed.contains(&TaskIx::new(i)) {
                out.push(ERR, killed_line(style.kill, message, task));
            }
        }
    }
}

/// What the OOM reaper says of each killed process: private memory is gone, shared memory is not its to take
/// (`oom_reap_task_mm`).
pub(super) fn reaped(out: &mut Out, report: &OomReport) {
    for task in report.killed_tasks() {
        out.push(
            INFO,
            format!(
                "oom_reaper: reaped process {} ({}), now anon-rss:0kB, file-rss:0kB, shmem-rss:{}kB",
                task.pid,
                task.comm,
                task.rss_shmem.kib()
            ),
        );
    }
}

/// Points in thousandths of the memory they are measured against (`oc->chosen_points * 1000 / oc->totalpages`).
fn score(report: &OomReport, victim: &TaskRow) -> u64 {
    let points = victim.points.unwrap_or(0).max(0).unsigned_abs();
    let points = if report.oom_kill_allocating_task { 0 } else { points };
    points.saturating_mul(1000) / report.total_pages.get().max(1)
}

fn killed_line(kill: Kill, message: &str, t: &TaskRow) -> String {
    let sizes = format!(
        "Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB",
        t.pid,
        t.comm,
        t.total_vm.kib(),
        t.rss_anon.kib(),
        t.rss_file.kib(),
        t.rss_shmem.kib()
    );
    match kill {
        Kill::Score => sizes,
        Kill::Plain => format!("{message}: {sizes}"),
        Kill::Details => format!(
            "{message}: {sizes}, UID:{} pgtables:{}kB oom_score_adj:{}",
            t.uid,
            t.pgtables.to_kib_floor(),
            t.oom_score_adj
        ),
    }
}
