//! The table of tasks (`dump_task` in mm/oom_kill.c).

use super::Out;
use super::record::INFO;
use super::style::{LogStyle, Table};
use crate::node_api::{OomReport, TaskRow};
use crate::units::Pid;

const INIT: Pid = Pid(1);

pub(super) fn lines(out: &mut Out, style: &LogStyle, report: &OomReport) {
    if style.table != Table::Narrow {
        out.push(INFO, "Tasks state (memory values in pages):".into());
    }
    let columns = match style.table {
        Table::Narrow => "[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        Table::Wide => "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        Table::RssSplit => {
            "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name"
        }
    };
    out.push(INFO, columns.into());
    // `oom_unkillable_task`: the first process of the machine is not listed.
    for task in report.tasks.iter().filter(|t| t.pid != INIT) {
        out.push(INFO, row(style.table, task));
    }
}

fn row(table: Table, t: &TaskRow) -> String {
    let (pid, uid) = (t.pid.0, t.uid);
    let (vm, rss) = (t.total_vm.get(), t.rss().get());
    let (pgtables, swap, adj, comm) = (t.pgtables.get(), t.swapents.get(), t.oom_score_adj, &t.comm);
    match table {
        Table::Narrow => {
            format!("[{pid:5}] {uid:5} {pid:5} {vm:8} {rss:8} {pgtables:8} {swap:8}         {adj:5} {comm}")
        }
        Table::Wide => {
            format!("[{pid:7}] {uid:5} {pid:5} {vm:8} {rss:8} {pgtables:8} {swap:8}         {adj:5} {comm}")
        }
        Table::RssSplit => {
            let (anon, file, shmem) = (t.rss_anon.get(), t.rss_file.get(), t.rss_shmem.get());
            format!(
                "[{pid:7}] {uid:5} {pid:5} {vm:8} {rss:8} {anon:8} {file:8} {shmem:9} {pgtables:8} {swap:8}         {adj:5} {comm}"
            )
        }
    }
}
