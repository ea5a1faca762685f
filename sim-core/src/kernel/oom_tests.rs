//! The choice of victims in quoted logs of older kernels.

use super::oom::*;
use super::{BadnessFloor, Profile};
use crate::node_api::TaskRow;
use crate::units::{Bytes, Pages, Pid};

/// pid, rss, pgtables_bytes, oom_score_adj: columns of the printed table.
type Line = (u32, u64, u64, i16);

fn table(profile: &Profile, total: Pages, lines: &[Line]) -> Vec<TaskRow> {
    let rows = lines.iter().map(|(pid, rss, pgtables, adj)| {
        let mut row = TaskRow {
            pid: Pid(*pid),
            uid: 0,
            comm: "".into(),
            cgroup: "/".into(),
            total_vm: Pages::ZERO,
            rss_anon: Pages::new(*rss),
            rss_file: Pages::ZERO,
            rss_shmem: Pages::ZERO,
            pgtables: Bytes::new(*pgtables),
            swapents: Pages::ZERO,
            oom_score_adj: *adj,
            points: None,
        };
        // Root in a container has no CAP_SYS_ADMIN on the host.
        row.points = badness(profile, &row, false, total);
        row
    });
    rows.collect()
}

fn chosen(version: &str, limit: Bytes, lines: &[Line]) -> (u32, i64) {
    let (profile, total) = (Profile::named(version).unwrap(), limit.to_pages_floor());
    let tasks = table(&profile, total, lines);
    let victim = select(&profile, &tasks).unwrap();
    (tasks[victim].pid.0, tasks[victim].points.unwrap())
}

/// Log of a 4.15.0-46 node, pod limit 123 Mi, adj 939: "Kill process 32308 (stress) score 1718 or sacrifice child".
#[test]
fn a_pod_of_123_mi_on_4_15() {
    let limit = Bytes::mib(123);
    let lines = [
        (25160, 1, 28672, -998),
        (25218, 872, 77824, 939),
        (32307, 275, 57344, 939),
        (32308, 24953, 253952, 939),
        (32331, 304, 53248, 939),
        (32332, 5829, 102400, 939),
    ];
    let (pid, points) = chosen("4.15", limit, &lines);
    assert_eq!((pid, points), (32308, 54124));
    assert_eq!(printed_score(points, limit.to_pages_floor()), 1718);
}

/// Logs of 5.4.0-1059-azure, pod limit 1 GiB, all adj −997: the smaller, later process died both times. All points are
/// raised to 1, and the last scanned wins. From 5.9 on the same tables give the large process.
#[test]
fn the_unexpected_twists_on_5_4_and_what_6_1_makes_of_them() {
    let first = [
        (15885, 1, 28672, -998),
        (15976, 229846, 2060288, -997),
        (16234, 817, 49152, -997),
        (14300, 43356, 581632, -997),
    ];
    let second = [
        (30373, 1, 24576, -998),
        (30548, 233338, 2101248, -997),
        (30617, 799, 45056, -997),
        (31082, 39897, 548864, -997),
    ];
    for (lines, on_5_4, on_6_1) in [(first, 14300, 15976), (second, 31082, 30548)] {
        assert_eq!(chosen("5.4", Bytes::gib(1), &lines), (on_5_4, 1));
        for version in ["5.15", "6.1", "6.12"] {
            assert_eq!(chosen(version, Bytes::gib(1), &lines).0, on_6_1);
        }
        // Before the tie rule changed, the first of the equal ones would have died: the pause process.
        assert_eq!(chosen("4.19", Bytes::gib(1), &lines).0, lines[0].0);
    }
    // A backport is an override of one capability.
    let mut backported = Profile::named("5.4").unwrap();
    backported.set("badness_floor", "signed").unwrap();
    assert_eq!(backported.badness_floor, BadnessFloor::Signed);
    let tasks = table(&backported, Bytes::gib(1).to_pages_floor(), &first);
    assert_eq!(tasks[select(&backported, &tasks).unwrap()].pid.0, 15976);
}

/// Kernel 6.1 recording A1000, process a13: 1734 − 114655 points of 115711 pages give 16; dividing last would give 12.
#[test]
fn the_thousandth_is_divided_first() {
    let profile = Profile::named("6.1").unwrap();
    let total = Pages::new(462_844 / 4);
    let tasks = table(&profile, total, &[(1, 1664, 70 * 4096, -997)]);
    assert_eq!(tasks[0].points, Some(-112_921));
    assert_eq!(oom_score(&profile, tasks[0].points, total), 16);
    assert_eq!(oom_score(&profile, None, total), 0);
}

/// 4.15: fs/proc/base.c shows points × 1000 / total; mm/oom_kill.c takes 3 % off for CAP_SYS_ADMIN.
#[test]
fn root_on_the_host_is_worth_three_percent_less_on_4_15() {
    let total = Pages::new(1_000_000);
    let mut row = table(&Profile::named("4.15").unwrap(), total, &[(1, 10_000, 0, 0)]).remove(0);
    for (version, points) in [("4.15", 9_700), ("4.19", 10_000), ("6.12", 10_000)] {
        let profile = Profile::named(version).unwrap();
        row.points = badness(&profile, &row, true, total);
        assert_eq!(row.points, Some(points), "{version}");
    }
    assert_eq!(oom_score(&Profile::named("4.19").unwrap(), Some(10_000), total), 10);
    assert_eq!(oom_score(&Profile::named("6.12").unwrap(), Some(10_000), total), 673);
}

/// mm/memcontrol.c mem_cgroup_get_max, cases of recordings memcg_oom_v1 and v2 with swap.
#[test]
fn usable_swap_counts_in_the_total() {
    let (limit, swap) = (Pages::new(1000), Pages::new(400));
    let total = |allowance| memcg_total(limit, allowance, swap).get();
    assert_eq!(total(SwapAllowance::SwapMax(Pages::MAX)), 1400);
    assert_eq!(total(SwapAllowance::SwapMax(Pages::new(100))), 1100);
    assert_eq!(total(SwapAllowance::Memsw { limit: Pages::new(1200), swappiness: 60 }), 1200);
    assert_eq!(total(SwapAllowance::Memsw { limit: Pages::MAX, swappiness: 60 }), 1400);
    assert_eq!(total(SwapAllowance::Memsw { limit: Pages::new(1200), swappiness: 0 }), 1000);
}
