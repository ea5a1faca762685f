//! Every recorded log of 6.1 and 6.12 is read without loss: each field against the recordings' own.

mod common;

use common::{Recorded, logs, recorded};
use oomsim_dmesg::{LoggedOom, OomKind};

fn counter(c: Option<oomsim_dmesg::Counter>) -> Option<common::Counter> {
    c.map(|c| common::Counter { usage_kb: c.usage_kb, limit_kb: c.limit_kb, failcnt: c.failcnt })
}

fn compare(report: &LoggedOom, expected: &Recorded) {
    let invoker = report.invoker.as_ref().expect("an invoker");
    assert_eq!(invoker.comm, expected.invoker_comm);
    assert_eq!(invoker.pid, Some(expected.invoker_pid));
    assert_eq!(invoker.oom_score_adj, Some(expected.invoker_adj));
    assert_eq!(invoker.order, Some(expected.order));
    let gfp = format!("{}({})", expected.gfp_mask, expected.gfp_names);
    assert_eq!(invoker.gfp_mask.as_deref(), Some(gfp.as_str()));
    assert_eq!(report.constraint, expected.constraint);
    assert_eq!(report.task_memcg, expected.task_memcg);
    let global = expected.file == "global_oom";
    assert_eq!(report.kind, if global { OomKind::Node } else { OomKind::Cgroup });
    if expected.oom_memcg.is_some() {
        assert_eq!(report.oom_memcg, expected.oom_memcg);
    }
    assert_eq!(report.memory.map(|c| c.usage_kb), expected.usage_kb);
    assert_eq!(report.memory.map(|c| c.limit_kb), expected.limit_kb);
    assert_eq!(report.memory.map(|c| c.failcnt), expected.failcnt);
    assert_eq!(counter(report.swap), expected.swap);
    assert_eq!(counter(report.memory_swap), expected.memory_swap);
    let keys = report.cgroup_stats.first().map_or(0, |s| s.values.len());
    assert_eq!(keys, expected.memcg_stats_keys);
    assert_eq!(report.victim_pid(), expected.chosen_pid);
    assert_eq!(report.no_killable, expected.no_killable);
    assert_eq!(report.oom_group, expected.oom_group_cg);
    // The recorder counts kills whose own report was suppressed with the report before them.
    let extra = &expected.extra_kills_report_suppressed;
    let own = expected.kill_lines_pids.iter().filter(|p| !extra.contains(p)).count();
    assert_eq!(report.killed_lines as usize, own);
    let tasks: Vec<_> = report
        .tasks
        .iter()
        .map(|t| {
            (t.pid, t.uid, t.total_vm, t.rss, t.pgtables_pages * 4096, t.swapents, t.oom_score_adj, t.comm.clone())
        })
        .collect();
    assert_eq!(tasks, expected.tasks);
    if global {
        let info = report.mem_info.as_ref().expect("Mem-Info");
        // MemTotal = present − reserved pages.
        let (ram, reserved) = (info.ram_pages.expect("RAM"), info.reserved_pages.expect("reserved"));
        assert_eq!((ram - reserved) * 4, expected.mem_total_kib);
        assert_eq!(info.total_swap_kb, Some(expected.swap_total_kib));
        assert_eq!(info.zones.len(), 2);
        assert!(info.get("free").is_some() && info.get("kernel_misc_reclaimable").is_some());
    }
}

#[test]
fn every_report_row_and_kill() {
    let (logs, mut recorded) = (logs(), recorded());
    let (mut reports, mut rows, mut kills, mut kill_only) = (0, 0, 0, 0);
    for (name, log) in &logs {
        let read = oomsim_dmesg::read(log.as_bytes()).expect("readable");
        let expected = recorded.remove(name).unwrap_or_default();
        let whole: Vec<&LoggedOom> = read.iter().filter(|r| !r.kill_only).collect();
        assert_eq!(whole.len(), expected.len(), "{name}");
        for (report, expected) in whole.iter().zip(&expected) {
            println!("{name} {}", expected.report_index);
            compare(report, expected);
        }
        let lines = |word: &str| log.lines().filter(|l| l.contains(word)).count();
        rows += read.iter().map(|r| r.tasks.len()).sum::<usize>();
        let killed: usize = read.iter().map(|r| r.killed_lines as usize).sum();
        assert_eq!(killed, lines("Killed process"), "{name}");
        let suppressed: usize = expected.iter().map(|e| e.extra_kills_report_suppressed.len()).sum();
        let alone: usize = read.iter().filter(|r| r.kill_only).map(|r| r.killed.len()).sum();
        if !expected.is_empty() {
            assert_eq!(alone, suppressed, "{name}");
        }
        kills += killed;
        kill_only += alone;
        reports += whole.len();
    }
    assert!(recorded.is_empty(), "logs without a file: {:?}", recorded.keys());
    println!("{} logs, {reports} reports, {rows} rows, {kills} kill lines, {kill_only} kills alone", logs.len());
    assert_eq!((logs.len(), reports), (280, 364));
}
