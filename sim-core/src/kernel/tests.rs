//! The state machine at its edges: limits, kills, waiting, overcommit.

use super::*;
use crate::node_api::{CgroupWrite, ExitStatus, Signo};
use crate::units::{Bytes, SimTime};

const T: SimTime = SimTime::ZERO;

fn node(mib: u64) -> Kernel {
    Kernel::new(KernelConfig::new(Bytes::mib(mib)))
}

fn bare(comm: &str, cg: CgroupId) -> SpawnSpec {
    let none = Pages::ZERO;
    let footprint = Footprint { total_vm: none, data_vm: none, anon: none, file: none, pgtables: none, kernel: none };
    SpawnSpec { footprint, ..SpawnSpec::new(comm, cg) }
}

fn limit(kernel: &mut Kernel, cg: CgroupId, bytes: Bytes) {
    kernel.write(T, cg, &CgroupWrite { max: Some(bytes), ..CgroupWrite::default() }).unwrap();
}

fn ooms(signals: &[Signal]) -> Vec<&crate::node_api::OomReport> {
    signals.iter().filter_map(|s| if let Signal::Oom { report, .. } = s { Some(&**report) } else { None }).collect()
}

#[test]
fn a_touch_stops_at_the_page_where_the_limit_is() {
    // 1000 pages of limit: 998 anonymous pages and their 2 page tables (512 entries each).
    let mut k = node(512);
    let cg = k.mkdir_all("/kubepods/pod1/c1");
    limit(&mut k, cg, Pages::new(1000).bytes());
    let pid = k.spawn(T, &bare("leak", cg)).unwrap();
    assert_eq!(k.headroom(cg), Pages::new(1000));
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(998) }), MemOutcome::Done);
    assert_eq!(k.headroom(cg), Pages::ZERO);
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(1) }), MemOutcome::Dying);
    let signals = k.take_signals();
    let reports = ooms(&signals);
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].oom_memcg.as_deref(), Some("/kubepods/pod1/c1"));
    assert_eq!(reports[0].memory.usage, reports[0].memory.limit);
    assert_eq!(reports[0].total_pages, Pages::new(1000));
    assert!(signals.contains(&Signal::Dying { pid, status: ExitStatus::Signal(Signo::Kill), oom: true }));
    k.finish_exit(T, pid);
    assert_eq!(k.stat(cg).usage, Bytes::ZERO);
    assert_eq!(k.events(k.root()).oom_kill, 1);
}

#[test]
fn others_wait_while_the_victim_dies_and_go_on_when_it_is_gone() {
    let mut k = node(512);
    let pod = k.mkdir_all("/kubepods/pod1");
    limit(&mut k, pod, Pages::new(1024).bytes());
    let big = k.spawn(T, &bare("big", pod)).unwrap();
    let small = k.spawn(T, &bare("small", pod)).unwrap();
    assert_eq!(k.apply(T, big, MemOp::Touch { pages: Pages::new(900) }), MemOutcome::Done);
    let wait = k.apply(T, small, MemOp::Touch { pages: Pages::new(200) });
    let MemOutcome::Wait { remaining, until: Until::OnMemoryFreed } = wait else { panic!("{wait:?}") };
    assert_eq!(ooms(&k.take_signals()).len(), 1);
    // Asking again kills no other process.
    assert_eq!(k.apply(T, small, MemOp::Touch { pages: remaining }), wait);
    assert!(k.take_signals().is_empty());
    k.finish_exit(T, big);
    assert_eq!(k.take_signals(), vec![Signal::MemoryFreed]);
    assert_eq!(k.apply(T, small, MemOp::Touch { pages: remaining }), MemOutcome::Done);
    // 200 pages and one page table.
    assert_eq!(k.stat(pod).usage, Pages::new(201).bytes());
}

#[test]
fn the_node_runs_out_at_the_min_watermarks_and_kills_the_largest() {
    let mut k = node(512);
    let pods = k.mkdir_all("/kubepods");
    let a = k.spawn(T, &SpawnSpec { oom_score_adj: 1000, ..bare("a", pods) }).unwrap();
    let b = k.spawn(T, &bare("b", pods)).unwrap();
    k.apply(T, a, MemOp::Touch { pages: Pages::new(100) });
    let out = k.apply(T, b, MemOp::Touch { pages: Pages::new(1 << 20) });
    assert!(matches!(out, MemOutcome::Wait { .. }), "{out:?}");
    let signals = k.take_signals();
    let report = ooms(&signals)[0];
    assert_eq!(report.oom_memcg, None);
    assert_eq!(&*report.chosen().unwrap().comm, "a");
    for zone in &report.zones {
        assert!(zone.free <= zone.watermark[0] + zone.protection, "{zone:?}");
    }
    assert_eq!(k.mem_info().available, Bytes::ZERO);
}

/// Recording node_3120_0 of 5.10.262: the victim's memory is shared, and a second process dies; on 6.1 one is enough.
#[test]
fn before_6_0_a_victim_with_shared_memory_takes_another_with_it() {
    for (version, dead) in [("5.10", 2), ("6.1", 1)] {
        let profile = Profile::named(version).unwrap();
        let mut k = Kernel::new(KernelConfig { profile, cpus: 2, ..KernelConfig::new(Bytes::mib(512)) });
        let pods = k.mkdir_all("/kubepods");
        let [shared, second, grower] = [("shared", 1000), ("second", 500), ("grower", 0)]
            .map(|(comm, adj)| k.spawn(T, &SpawnSpec { oom_score_adj: adj, ..bare(comm, pods) }).unwrap());
        assert_eq!(k.apply(T, shared, MemOp::TouchShmem { pages: Pages::new(20_000) }), MemOutcome::Done);
        assert_eq!(k.apply(T, second, MemOp::Touch { pages: Pages::new(10_000) }), MemOutcome::Done);
        let mut pages = Pages::new(1 << 17);
        let mut now = T;
        while let MemOutcome::Wait { remaining, until: Until::After(wait) } =
            k.apply(now, grower, MemOp::Touch { pages })
        {
            (pages, now) = (remaining, now.saturating_add(wait));
        }
        assert_eq!(ooms(&k.take_signals()).len(), dead, "{version}");
    }
}

#[test]
fn cache_goes_before_anybody_dies_and_wraps_round() {
    let mut k = node(512);
    let cg = k.mkdir_all("/c");
    limit(&mut k, cg, Pages::new(1000).bytes());
    let pid = k.spawn(T, &bare("reader", cg)).unwrap();
    let file = k.create_file(Pages::new(3000).bytes());
    let read = |pages| MemOp::ReadFile { file, from: Pages::ZERO, pages: Pages::new(pages), how: FileAccess::Read };
    for _ in 0..3 {
        assert_eq!(k.apply(T, pid, read(3000)), MemOutcome::Done);
    }
    assert!(k.stat(cg).usage <= Pages::new(1000).bytes());
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(990) }), MemOutcome::Done);
    assert!(k.take_signals().is_empty());
    assert_eq!(k.events(cg).oom, 0);
    assert!(k.events(cg).max > 0);
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(100) }), MemOutcome::Dying);
}

/// mm/memcontrol.c mem_cgroup_print_oom_info: one line per cgroup below the limit until 5.2, one list of the limit's
/// own cgroup from 5.3 on.
#[test]
fn only_old_kernels_print_the_cgroups_below_the_limit() {
    for (version, cgroups) in [("4.19", vec!["/pod", "/pod/c"]), ("5.4", vec![])] {
        let profile = Profile::named(version).unwrap();
        let mut k = Kernel::new(KernelConfig { profile, ..KernelConfig::new(Bytes::mib(512)) });
        let (pod, c) = (k.mkdir_all("/pod"), k.mkdir_all("/pod/c"));
        limit(&mut k, pod, Pages::new(1000).bytes());
        let pid = k.spawn(T, &bare("leak", c)).unwrap();
        assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(1000) }), MemOutcome::Dying);
        let signals = k.take_signals();
        let paths: Vec<&str> = ooms(&signals)[0].cgroup_stats.iter().map(|(path, _)| &**path).collect();
        assert_eq!(paths, cgroups, "{version}");
    }
}

#[test]
fn swap_fills_before_the_kill() {
    let config = KernelConfig { swap_total: Pages::new(500).bytes(), ..KernelConfig::new(Bytes::mib(512)) };
    let mut k = Kernel::new(config);
    let cg = k.mkdir_all("/c");
    limit(&mut k, cg, Pages::new(1000).bytes());
    let pid = k.spawn(T, &bare("leak", cg)).unwrap();
    // 1000 in memory (of them page tables) and 448 in swap, as MGLRU leaves less than 64 pages of that: 1445 + 3.
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(1445) }), MemOutcome::Done);
    assert_eq!(k.mem_info().swap_free, Pages::new(52).bytes());
    assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(1) }), MemOutcome::Dying);
    let signals = k.take_signals();
    let report = ooms(&signals)[0];
    assert_eq!(report.total_pages, Pages::new(1500));
    assert_eq!(report.tasks[0].points, Some(1448));
    k.finish_exit(T, pid);
    assert_eq!(k.mem_info().swap_free, k.mem_info().swap_total);
}

#[test]
fn fork_shares_until_written() {
    let mut k = node(512);
    let cg = k.mkdir_all("/c");
    let parent = k.spawn(T, &bare("p", cg)).unwrap();
    k.apply(T, parent, MemOp::Touch { pages: Pages::new(100) });
    let child = k.fork(T, parent).unwrap();
    // 100 shared pages and a page table each.
    assert_eq!(k.stat(cg).usage, Pages::new(102).bytes());
    assert_eq!(k.process(parent).unwrap().rss_anon(), Pages::new(100));
    assert_eq!(k.process(child).unwrap().rss_anon(), Pages::new(100));
    k.apply(T, child, MemOp::TouchCow { pages: Pages::new(40) });
    assert_eq!(k.stat(cg).anon, Pages::new(140).bytes());
    // The parent is alone with the first 40 now.
    k.apply(T, parent, MemOp::TouchCow { pages: Pages::new(50) });
    assert_eq!(k.stat(cg).anon, Pages::new(150).bytes());
    for pid in [parent, child] {
        k.kill(T, pid, Signo::Kill);
        k.finish_exit(T, pid);
    }
    assert_eq!(k.stat(cg).usage, Bytes::ZERO);
}

#[test]
fn the_session_hangs_up_with_its_leader() {
    let mut k = node(512);
    let cg = k.mkdir_all("/user.slice");
    let shell = k.spawn(T, &bare("bash", cg)).unwrap();
    let tool = k.spawn(T, &SpawnSpec { session: Some(shell), parent: Some(shell), ..bare("tool", cg) }).unwrap();
    k.kill(T, shell, Signo::Kill);
    k.take_signals();
    k.finish_exit(T, shell);
    let hup = Signal::Dying { pid: tool, status: ExitStatus::Signal(Signo::Hup), oom: false };
    assert_eq!(k.take_signals(), vec![hup]);
}

#[test]
fn a_limit_below_the_usage_is_taken_by_v2_and_refused_by_v1() {
    for (version, accepted) in [(CgroupVersion::V2, Ok(())), (CgroupVersion::V1, Err(Errno::EBUSY))] {
        let mut k = Kernel::new(KernelConfig { cgroup: version, ..KernelConfig::new(Bytes::mib(512)) });
        let cg = k.mkdir_all("/c");
        let pid = k.spawn(T, &bare("p", cg)).unwrap();
        k.apply(T, pid, MemOp::Touch { pages: Pages::new(1000) });
        let write = CgroupWrite { max: Some(Pages::new(500).bytes()), ..CgroupWrite::default() };
        assert_eq!(k.write(T, cg, &write), accepted);
        assert_eq!(k.process(pid).unwrap().is_running(), version == CgroupVersion::V1);
        assert_eq!(k.limit(cg), (version == CgroupVersion::V2).then_some(Pages::new(500).bytes()));
    }
}

/// A container with 100 pages of room writes 60 pages of a tmpfs and touches 80 of its own: 40 must go to swap. Without
/// `noswap` they are the volume's, with it the process's; 6.1 does not know the option (commit 2c6efe9cf2d7, 6.4).
#[test]
fn a_noswap_tmpfs_stays_in_memory() {
    for (version, noswap, volume_swapped) in [("6.12", false, true), ("6.12", true, false), ("6.1", true, true)] {
        let profile = Profile::named(version).unwrap();
        let mut k =
            Kernel::new(KernelConfig { profile, swap_total: Bytes::mib(8), ..KernelConfig::new(Bytes::mib(512)) });
        let cg = k.mkdir_all("/c");
        let pid = k.spawn(T, &bare("p", cg)).unwrap();
        let max = k.usage(cg) + Pages::new(100).bytes();
        k.write(T, cg, &CgroupWrite { max: Some(max), ..CgroupWrite::default() }).unwrap();
        let volume = if noswap { k.create_noswap_tmpfs() } else { k.create_tmpfs(None) };
        assert_eq!(k.apply(T, pid, MemOp::WriteTmpfs { volume, pages: Pages::new(60) }), MemOutcome::Done);
        assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(80) }), MemOutcome::Done);
        assert!(k.stat(cg).swap >= Pages::new(40).bytes(), "{version} {noswap}: {:?}", k.stat(cg).swap);
        assert_eq!(!k.volume_pages(volume).1.is_zero(), volume_swapped, "{version} {noswap}");
    }
}

#[test]
fn a_removed_cgroup_leaves_its_cache_to_the_parent() {
    let mut k = node(512);
    let (pod, c) = (k.mkdir_all("/pod"), k.mkdir_all("/pod/c"));
    let pid = k.spawn(T, &bare("p", c)).unwrap();
    let tmpfs = k.create_tmpfs(None);
    k.apply(T, pid, MemOp::WriteTmpfs { volume: tmpfs, pages: Pages::new(70) });
    assert_eq!(k.rmdir(c), Err(Errno::EBUSY));
    k.exit(T, pid, 0);
    k.finish_exit(T, pid);
    assert_eq!(k.rmdir(c), Ok(()));
    assert_eq!(k.find("/pod/c"), None);
    assert_eq!(k.stat(pod).shmem, Pages::new(70).bytes());
    k.remove_volume(tmpfs).unwrap();
    assert_eq!(k.stat(pod).usage, Bytes::ZERO);
}

#[test]
fn nobody_killable_in_a_cgroup_retries_and_on_the_node_panics() {
    let mut k = node(64);
    let cg = k.mkdir_all("/c");
    limit(&mut k, cg, Pages::new(500).bytes());
    let pid = k.spawn(T, &SpawnSpec { oom_score_adj: -1000, ..bare("p", cg) }).unwrap();
    let out = k.apply(T, pid, MemOp::Touch { pages: Pages::new(600) });
    assert!(matches!(out, MemOutcome::Wait { until: Until::After(_), .. }), "{out:?}");
    assert_eq!(ooms(&k.take_signals())[0].victim, None);
    limit(&mut k, cg, Bytes::MAX);
    assert_eq!(k.take_signals(), vec![Signal::MemoryFreed]);
    k.apply(T, pid, MemOp::Touch { pages: Pages::new(1 << 20) });
    assert!(k.panicked());
    assert!(ooms(&k.take_signals())[0].panic);
}

#[test]
fn touching_on_the_fast_path_is_touching() {
    let mut fast = node(512);
    let cg = fast.mkdir_all("/kubepods/burstable/pod1/c1");
    let pid = fast.spawn(T, &SpawnSpec::new("p", cg)).unwrap();
    let mut slow = fast.clone();
    for pages in [1, 510, 1, 1, 512, 1000, 0, 511, 3] {
        assert_eq!(fast.apply(T, pid, MemOp::Touch { pages: Pages::new(pages) }), MemOutcome::Done);
        assert_eq!(slow.touch(T, pid, Pages::new(pages)), MemOutcome::Done);
        assert_eq!(format!("{fast:?}"), format!("{slow:?}"), "after {pages}");
    }
    assert_eq!(fast.audit(), Ok(()));
}

#[test]
fn overcommit_as_the_article_tried_it() {
    // Article part 2: 12 GB of RAM and 4 GB of swap. Mode 0: 8 GB and 9 GB are granted to two processes, a single
    // request of more than RAM and swap is not. Mode 2, ratio 50: CommitLimit is swap + half of RAM = 10 GB. Mode 1:
    // anything.
    let config = KernelConfig { swap_total: Bytes::gib(4), ..KernelConfig::new(Bytes::gib(12)) };
    let mut k = Kernel::new(config);
    let cg = k.mkdir_all("/user.slice");
    let map = |gib| MemOp::Map { size: Bytes::gib(gib), mapping: Mapping::PRIVATE };
    let (a, b) = (k.spawn(T, &bare("a", cg)).unwrap(), k.spawn(T, &bare("b", cg)).unwrap());
    assert_eq!(k.apply(T, a, map(8)), MemOutcome::Done);
    assert_eq!(k.apply(T, b, map(9)), MemOutcome::Done);
    assert_eq!(k.apply(T, b, map(17)), MemOutcome::Refused(Errno::ENOMEM));
    k.set_sysctl("vm.overcommit_memory", 1).unwrap();
    assert_eq!(k.apply(T, b, map(1024)), MemOutcome::Done);
    k.set_sysctl("vm.overcommit_memory", 2).unwrap();
    assert_eq!(k.mem_info().commit_limit, Bytes::gib(10));
    // Committed_AS is over the limit now: fork fails, no process is killed.
    assert_eq!(k.fork(T, a), Err(Errno::ENOMEM));
    assert_eq!(k.apply(T, a, map(1)), MemOutcome::Refused(Errno::ENOMEM));
    assert!(k.take_signals().is_empty());
    k.set_sysctl("vm.overcommit_ratio", 0).unwrap();
    assert_eq!(k.mem_info().commit_limit, Bytes::gib(4));
}

#[test]
fn memory_high_slows_down_and_never_kills() {
    let mut k = node(512);
    let cg = k.mkdir_all("/c");
    k.write(T, cg, &CgroupWrite { high: Some(Pages::new(4135).bytes()), ..CgroupWrite::default() }).unwrap();
    let pid = k.spawn(T, &bare("grower", cg)).unwrap();
    let out = k.apply(T, pid, MemOp::Touch { pages: Pages::new(6000) });
    let MemOutcome::Throttled { remaining, delay } = out else { panic!("{out:?}") };
    assert!(remaining > Pages::new(1000) && delay.as_nanos() >= 8_000_000, "{out:?}");
    assert!(k.events(cg).high > 0);
    assert!(k.take_signals().is_empty());
    // mm/memcontrol.c: 512 pages over 2932 for a batch of 64 give (0.1746 × 2^20)^2 × 250 >> 34 = 487 jiffies.
    assert_eq!(high_delay_jiffies(Pages::new(3444), Pages::new(2932), Pages::new(64), 64), 487);
}

#[test]
fn a_path_is_put_together_from_names() {
    let mut k = node(512);
    assert_eq!(&*k.path(k.root()), "/");
    for path in ["/a", "/a/b", "/a/b/c", "/d"] {
        let cg = k.mkdir_all(path);
        assert_eq!((&*k.path(cg), k.find(path)), (path, Some(cg)));
    }
}

/// A node has three cgroups and two processes per pod (docs/PERFORMANCE.md).
#[test]
fn the_state_of_a_pod_stays_small() {
    assert!(size_of::<cgroup::Cgroup>() <= 192, "{}", size_of::<cgroup::Cgroup>());
    assert!(size_of::<Process>() <= 144, "{}", size_of::<Process>());
}
