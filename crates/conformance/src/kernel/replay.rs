//! The configuration before an OOM run as a simulation: cgroups in order of creation, limits, processes in order of
//! their start, and the one that grows. Compared is what the simulated kernel decides.

use super::row::{Configured, Proc, RecordedOom, parse, profile};
use super::sim::{Sim, WORKER, machine};
use crate::Verdict;
use oomsim_core::kernel::{FileAccess, Footprint, MemOp, Profile};
use oomsim_core::node_api::{CgroupWrite, OomReport, TaskRow};
use oomsim_core::units::{Bytes, Pages, Pid};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct ReplayRow {
    kernel: String,
    smp: u64,
    cgroup_version: u8,
    flavour: Option<String>,
    report_index: u64,
    mem_total_kib: u64,
    swap_total_kib: u64,
    oom_kill_allocating_task: u8,
    configured: Configured,
    #[serde(flatten)]
    report: RecordedOom,
}

/// What a simulated OOM decided: whose limit, and the names of the killed, the chosen one first.
type Decision = (Option<String>, Vec<String>);

/// The first report of a cgroup's case.
pub fn memcg(row: &Value) -> Option<Verdict> {
    let row = match parse::<ReplayRow>(row) {
        Ok(row) => row,
        Err(why) => return Some(Verdict::unreadable(why)),
    };
    if row.report_index != 0 {
        return None;
    }
    let profile = match profile(&row.kernel) {
        Ok(profile) => profile,
        Err(why) => return Some(Verdict::unreadable(why)),
    };
    let Some(report) = simulate(&row, &profile) else {
        return Some(Verdict::Mismatched { expected: recorded(&row).1.join(" "), got: "no OOM".into() });
    };
    if let Some(why) = near_tie(&report, &profile, row.smp) {
        return Some(Verdict::Undecided(why));
    }
    let (limit, mut killed) = decision(&report);
    let (recorded_limit, mut recorded_killed) = recorded(&row);
    let first = Verdict::compare("victim", &recorded_killed.first().cloned(), &killed.first().cloned());
    killed.sort_unstable();
    recorded_killed.sort_unstable();
    let limit = if row.report.no_killable { recorded_limit.clone() } else { limit };
    Some(
        Verdict::compare("oom_memcg", &recorded_limit, &limit)
            .and(|| first)
            .and(|| Verdict::compare("killed", &recorded_killed, &killed)),
    )
}

/// The machine before a node OOM: what was free, cached and held by the processes.
#[derive(Deserialize)]
struct NodeRow {
    procs_before: Option<Vec<Status>>,
    meminfo_before: Option<BTreeMap<String, u64>>,
    zoneinfo_before: Option<BTreeMap<String, ZoneBefore>>,
}

#[derive(Deserialize)]
struct ZoneBefore {
    min: u64,
    boost: u64,
}

/// A process's status file, sizes in KiB.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(rename = "name")]
    name: String,
    #[serde(rename = "adj")]
    adj: i16,
    uid: u32,
    vm_size: u64,
    rss_anon: u64,
    rss_file: u64,
    rss_shmem: u64,
    #[serde(rename = "VmPTE")]
    vm_pte: u64,
}

/// The first report of a node's case: the processes as they were before, and the one that grows until memory is gone.
pub fn global(row: &Value) -> Option<Verdict> {
    let (row, node) = match parse::<ReplayRow>(row).and_then(|r| Ok((r, parse::<NodeRow>(row)?))) {
        Ok(read) => read,
        Err(why) => return Some(Verdict::unreadable(why)),
    };
    let (Some(procs), Some(meminfo), Some(zones)) = (node.procs_before, node.meminfo_before, node.zoneinfo_before)
    else {
        return None;
    };
    if row.report_index != 0 {
        return None;
    }
    let profile = match profile(&row.kernel) {
        Ok(profile) => profile,
        Err(why) => return Some(Verdict::unreadable(why)),
    };
    let of = |name: &str| meminfo.get(name).copied().unwrap_or(0);
    let held: u64 = procs.iter().map(|p| p.rss_anon + p.rss_shmem + p.vm_pte).sum();
    let cache = of("Active(file)") + of("Inactive(file)");
    let mut config = machine(profile.clone(), row.cgroup_version == 1, row.mem_total_kib, row.swap_total_kib);
    config.kernel_memory = Bytes::kib(of("MemTotal").saturating_sub(of("MemFree") + held + cache));
    config.sysctl.min_free_kbytes = Some(zones.values().map(|z| z.min - z.boost.min(z.min)).sum::<u64>() * 4 + 3);
    config.sysctl.oom_kill_allocating_task = row.oom_kill_allocating_task == 1;
    let mut sim = Sim::new(config);
    let root = sim.kernel.root();
    let mut grower = None;
    for status in &procs {
        let proc = Proc { name: status.name.clone(), adj: status.adj, uid: status.uid, ..Proc::default() };
        let footprint = Footprint {
            total_vm: Pages::new(status.vm_size / 4),
            data_vm: Pages::ZERO,
            anon: Pages::new(status.rss_anon / 4),
            file: Pages::new(status.rss_file / 4),
            pgtables: Pages::new(status.vm_pte / 4),
            kernel: Pages::ZERO,
        };
        let pid = sim.start(&proc, root, footprint)?;
        sim.run(pid, MemOp::TouchShmem { pages: Pages::new(status.rss_shmem / 4) });
        if Some(&status.name) == row.configured.grower.as_ref() {
            grower = Some(pid);
        }
    }
    let grower = grower?;
    let file = sim.kernel.create_file(Bytes::kib(cache));
    let pages = Bytes::kib(cache).to_pages_floor();
    sim.run(grower, MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read });
    let more = Bytes::kib(row.mem_total_kib + row.swap_total_kib).to_pages_ceil();
    sim.run(grower, MemOp::Touch { pages: more });
    let Some(report) = sim.reports.first() else {
        return Some(Verdict::Mismatched { expected: "an OOM".into(), got: "none".into() });
    };
    if let (Some(why), false) = (near_tie(report, &profile, row.smp), report.oom_kill_allocating_task) {
        return Some(Verdict::Undecided(why));
    }
    let killed = decision(report).1.into_iter().next();
    Some(Verdict::compare("victim", &recorded(&row).1.into_iter().next(), &killed))
}

fn recorded(row: &ReplayRow) -> Decision {
    let name = |pid: &u32| row.report.tasks.iter().find(|t| t.pid == *pid).map(|t| t.comm.clone());
    (row.report.oom_memcg.clone(), row.report.victim_pids.iter().filter_map(name).collect())
}

fn decision(report: &OomReport) -> Decision {
    let killed = report.killed_tasks().map(|task| task.comm.to_string()).collect();
    (report.oom_memcg.as_ref().map(|p| p.to_string()), killed)
}

fn simulate(row: &ReplayRow, profile: &Profile) -> Option<OomReport> {
    let mut config = machine(profile.clone(), row.cgroup_version == 1, row.mem_total_kib, row.swap_total_kib);
    config.sysctl.oom_kill_allocating_task = row.oom_kill_allocating_task == 1;
    let mut sim = Sim::new(config);
    let conf = &row.configured;
    for path in &conf.cg_creation_order {
        sim.kernel.mkdir_all(path);
    }
    let lowered = row.flavour.as_deref() == Some("lowered");
    if !lowered {
        set_limits(&mut sim, row);
    }
    let procs: BTreeMap<&str, _> = conf.procs.iter().map(|p| (p.name.as_str(), p)).collect();
    let mut pids: BTreeMap<&str, Pid> = BTreeMap::new();
    for name in &conf.spawn_order {
        let Some(proc) = procs.get(name.as_str()) else { continue };
        let cgroup = sim.kernel.mkdir_all(&proc.cg);
        if let Some(pid) = sim.start(proc, cgroup, WORKER) {
            pids.insert(name, pid);
        }
    }
    if lowered {
        set_limits(&mut sim, row);
    }
    let grower = conf.grower.as_deref().and_then(|g| pids.get(g)).copied();
    if let (Some(pid), true) = (grower, sim.reports.is_empty()) {
        sim.run(pid, MemOp::Touch { pages: Pages::new(conf.grow_pages.unwrap_or(0)) });
    }
    sim.reports.into_iter().next()
}

/// Writes the configured limits; the order of cgroups does not matter while they are empty.
fn set_limits(sim: &mut Sim, row: &ReplayRow) {
    let conf = &row.configured;
    let swap = if row.cgroup_version == 1 { &conf.memsw_limit } else { &conf.swap_max };
    let paths: Vec<String> = conf.cg_creation_order.clone();
    for path in &paths {
        let Some(cgroup) = sim.kernel.find(path) else { continue };
        let of = |map: &Option<BTreeMap<String, u64>>| map.as_ref().and_then(|m| m.get(path)).copied().map(Bytes::new);
        let write = CgroupWrite {
            max: conf.limits.get(path).copied().map(Bytes::new),
            swap_max: of(swap),
            oom_group: (row.cgroup_version == 2).then(|| conf.oom_group.get(path).map(|v| *v == 1)).flatten(),
            swappiness: conf.swappiness.as_ref().and_then(|m| m.get(path)).copied(),
            ..CgroupWrite::default()
        };
        let _refused = sim.kernel.write(sim.now, cgroup, &write);
        sim.collect();
    }
}

/// The simulated processes have the recorded worker's typical footprint, not each one's own, and exact counters; where
/// the chosen candidate and another are closer than what that may be off, the configuration does not decide. That
/// includes processes configured alike: address randomisation makes their page tables differ by a page or two.
pub fn near_tie(report: &OomReport, profile: &Profile, cpus: u64) -> Option<String> {
    let chosen = report.chosen()?;
    let rival = rivals(report, profile, cpus).next()?;
    let apart = chosen.points? - rival.points?;
    Some(format!("{} and {} differ by {apart} pages only", chosen.comm, rival.comm))
}

/// Candidates that are as close to the chosen one as the counters may be off.
pub fn rivals<'a>(report: &'a OomReport, profile: &Profile, cpus: u64) -> impl Iterator<Item = &'a TaskRow> {
    let batched = profile.rss_counters_batched;
    let slack = move |task: &TaskRow| match batched {
        true => PAGE_TABLES_SLACK + 3 * 31 * cpus as i64,
        // Before 6.2 a task's own counters are synchronised at every 64th fault (SPLIT_RSS_COUNTING); one that has
        // done little shows none of its program's text.
        false if task.rss_anon.get() < 2 * FAULTS => PAGE_TABLES_SLACK + FAULTS as i64 + task.rss_file.get() as i64,
        false => PAGE_TABLES_SLACK + FAULTS as i64,
    };
    let chosen = report.chosen();
    report.tasks.iter().filter(move |t| {
        let Some((chosen, best)) = chosen.and_then(|c| Some((c, c.points?))) else { return false };
        t.pid != chosen.pid && t.points.is_some_and(|p| best - p <= slack(t).max(slack(chosen)))
    })
}

/// Faults after which a task's counters are synchronised (TASK_RSS_EVENTS_THRESH).
const FAULTS: u64 = 64;
/// Pages of page tables by which two workers of the same configuration differ in the recorded tables.
const PAGE_TABLES_SLACK: i64 = 8;
