//! Lines against quoted logs; the recorded logs of 6.1 and 6.12 are compared in the crate `dmesg`, which reads them.

use super::*;
use crate::node_api::{CounterLine, MemoryStat, TaskIx, TaskRow};
use crate::units::{Bytes, Pages, Pid};

const POD: &str = "/kubepods/burstable/podbc001ffa-68fc-11e9-92d7-5ef9efd9374c";
const CONTAINER: &str = "a2ed67c63e828da3849bf9f506ae2b36b4dac5b402a57f2981c9bdc07b23e672";

fn task(pid: u32, vm: u64, rss: [u64; 2], pgtables: u64, adj: i16, comm: &str) -> TaskRow {
    TaskRow {
        pid: Pid(pid),
        uid: 0,
        comm: comm.into(),
        cgroup: format!("{POD}/{CONTAINER}").into(),
        total_vm: Pages::new(vm),
        rss_anon: Pages::new(rss[0]),
        rss_file: Pages::new(rss[1]),
        rss_shmem: Pages::ZERO,
        pgtables: Bytes::new(pgtables),
        swapents: Pages::ZERO,
        oom_score_adj: adj,
        points: None,
    }
}

/// The 123 Mi pod on 4.15 (article of 28 April 2019, quoted in the texts of docs/SOURCES.md).
fn pod_123mi() -> OomReport {
    let mut victim = task(32308, 27661, [24905, 48], 253_952, 939, "stress");
    // 24953 + 62 page tables + 939 × (31488 / 1000 = 31).
    victim.points = Some(54_124);
    OomReport {
        constraint: Constraint::Memcg,
        invoker: Pid(32332),
        invoker_comm: "stress".into(),
        invoker_adj: 939,
        invoker_cgroup: format!("{POD}/{CONTAINER}").into(),
        oom_memcg: Some(POD.into()),
        memory: CounterLine { usage: Bytes::kib(125_952), limit: Bytes::kib(125_952), failcnt: 3632 },
        swap: CounterLine { limit: Bytes::MAX, ..CounterLine::default() },
        kmem: CounterLine { usage: Bytes::kib(2352), limit: Bytes::MAX, failcnt: 0 },
        cgroup_stats: vec![(
            format!("{POD}/{CONTAINER}").into(),
            MemoryStat { anon: Bytes::kib(123_552), ..MemoryStat::default() },
        )],
        total_pages: Pages::new(31_488),
        tasks: vec![
            task(25160, 256, [1, 0], 28_672, -998, "pause"),
            victim,
            task(32332, 14861, [5800, 29], 102_400, 939, "stress"),
        ],
        victim: Some(TaskIx::new(1)),
        killed: vec![TaskIx::new(1)].into(),
        ..OomReport::default()
    }
}

fn text(records: &[LogRecord]) -> Vec<&str> {
    records.iter().flat_map(|r| r.text.split('\n')).collect()
}

fn write(version: &str, hierarchy: Hierarchy, report: &OomReport) -> Vec<LogRecord> {
    let style = LogStyle::named(version).expect("a row for each profile");
    KernelLog::new(style, hierarchy, "4.15.0-46-generic").oom(report)
}

#[test]
fn the_quoted_4_15_log_comes_out_with_its_score() {
    let records = write("4.15", Hierarchy::V1, &pod_123mi());
    let lines = text(&records);
    // Each line as the article prints it; its table has lost repeated blanks, so only that is compared loosely.
    let expected = [
        "stress invoked oom-killer: gfp_mask=0x14000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=939"
            .to_string(),
        format!("stress cpuset={CONTAINER} mems_allowed=0"),
        "CPU: 0 PID: 32332 Comm: stress Not tainted 4.15.0-46-generic #1".into(),
        format!("Task in {POD}/{CONTAINER} killed as a result of limit of {POD}"),
        "memory: usage 125952kB, limit 125952kB, failcnt 3632".into(),
        "memory+swap: usage 0kB, limit 9007199254740988kB, failcnt 0".into(),
        "kmem: usage 2352kB, limit 9007199254740988kB, failcnt 0".into(),
        // The article has active_anon:123548KB here: one page had moved. The model knows only the sum.
        format!(
            "Memory cgroup stats for {POD}/{CONTAINER}: cache:0KB rss:123552KB rss_huge:0KB shmem:0KB mapped_file:0KB dirty:0KB writeback:0KB inactive_anon:0KB active_anon:123552KB inactive_file:0KB active_file:0KB unevictable:0KB"
        ),
        "[ pid ] uid tgid total_vm rss pgtables_bytes swapents oom_score_adj name".into(),
        "[25160] 0 25160 256 1 28672 0 -998 pause".into(),
        "[32308] 0 32308 27661 24953 253952 0 939 stress".into(),
        "[32332] 0 32332 14861 5829 102400 0 939 stress".into(),
        "Memory cgroup out of memory: Kill process 32308 (stress) score 1718 or sacrifice child".into(),
        "Killed process 32308 (stress) total-vm:110644kB, anon-rss:99620kB, file-rss:192kB, shmem-rss:0kB".into(),
        "oom_reaper: reaped process 32308 (stress), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB".into(),
    ];
    let squeeze = |l: &str| l.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(lines.iter().map(|l| squeeze(l)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_row_of_5_4_has_the_kernels_own_columns() {
    // `[  14300]     0 14300 43012649    43356   581632        0          -997 dotnet`, 5.4.0-1059-azure, quoted log.
    let mut report = pod_123mi();
    report.tasks[1] = task(14300, 43_012_649, [37_092, 6264], 581_632, -997, "dotnet");
    report.tasks[1].points = Some(1);
    let records = write("5.4", Hierarchy::V1, &report);
    let lines = text(&records);
    assert!(lines.contains(&"[  14300]     0 14300 43012649    43356   581632        0          -997 dotnet"));
    assert!(lines.contains(
        &"Memory cgroup out of memory: Killed process 14300 (dotnet) total-vm:172050596kB, anon-rss:148368kB, file-rss:25056kB, shmem-rss:0kB, UID:0 pgtables:568kB oom_score_adj:-997"
    ));
    let summary = format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={CONTAINER},mems_allowed=0,oom_memcg={POD},task_memcg={POD}/{CONTAINER},task=dotnet,pid=14300,uid=0"
    );
    assert!(lines.contains(&summary.as_str()));
}

#[test]
fn a_suppressed_report_leaves_only_its_kill() {
    let style = LogStyle::named("6.1").expect("row");
    let mut log = KernelLog::new(style, Hierarchy::V2, "6.1.0");
    let report = pod_123mi();
    for _ in 0..10 {
        assert!(log.oom(&report).len() > 5);
    }
    let last = log.oom(&report);
    // Recordings: "40 kills had only a Killed process line".
    assert_eq!(last.len(), 1);
    assert!(last[0].text.starts_with("Memory cgroup out of memory: Killed process 32308 (stress)"));
    assert_eq!(last[0].level, 3);
}

#[test]
fn the_pool_of_huge_pages_stands_behind_the_free_lists() {
    let style = LogStyle::named("6.12").expect("row");
    let report = OomReport { constraint: Constraint::None, ..pod_123mi() };
    let records = KernelLog::new(style, Hierarchy::V2, "6.12.0").with_huge_pages(512).oom(&report);
    let lines = text(&records);
    // The form: recorded (C_1201_12, 6.12), where the pool is empty.
    let pool = "Node 0 hugepages_total=512 hugepages_free=512 hugepages_surp=0 hugepages_size=2048kB";
    let at = lines.iter().position(|l| *l == pool).expect("the line");
    assert!(lines[at + 1].ends_with("total pagecache pages"), "{}", lines[at + 1]);
}

#[test]
fn nobody_to_kill() {
    let mut report = pod_123mi();
    report.victim = None;
    report.killed.clear();
    let last = |version| write(version, Hierarchy::V1, &report).last().map(|r| r.text.clone());
    assert_eq!(last("6.1").as_deref(), Some("Out of memory and no killable processes..."));
    // Before 4.17 a cgroup without a killable task is silent.
    assert_eq!(last("4.15"), None);
    report.constraint = Constraint::None;
    report.panic = true;
    let panic = |version| write(version, Hierarchy::V1, &report).pop().map(|r| (r.level, r.text));
    assert_eq!(panic("6.12"), Some((0, "Kernel panic - not syncing: System is deadlocked on memory".into())));
    assert_eq!(
        panic("4.15"),
        Some((0, "Kernel panic - not syncing: Out of memory and no killable processes...".into()))
    );
}

#[test]
fn a_group_kill_names_the_chosen_one_twice() {
    // Recorded (B2_1100_11, 6.1): chosen, announcement, then every member in table order.
    let mut report = pod_123mi();
    report.oom_group = Some(POD.into());
    report.killed = [1, 0, 2].into_iter().map(TaskIx::new).collect();
    let records = write("6.1", Hierarchy::V2, &report);
    let kills: Vec<String> = records
        .iter()
        .skip_while(|r| !r.text.contains("Killed"))
        .map(|r| r.text.split(" total-vm").next().unwrap_or_default().to_string())
        .collect();
    assert_eq!(
        kills,
        [
            "Memory cgroup out of memory: Killed process 32308 (stress)".to_string(),
            format!("Tasks in {POD} are going to be killed due to memory.oom.group set"),
            "Memory cgroup out of memory: Killed process 25160 (pause)".into(),
            "Memory cgroup out of memory: Killed process 32308 (stress)".into(),
            "Memory cgroup out of memory: Killed process 32332 (stress)".into(),
        ]
    );
}
