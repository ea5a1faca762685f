//! A limit written below or around the usage, as a simulation.

use super::replay::near_tie;
use super::row::{Proc, parse, profile};
use super::sim::{Sim, machine};
use crate::Verdict;
use oomsim_core::kernel::{Errno, FileAccess, Footprint, KernelConfig, MemOp, Profile, Release};
use oomsim_core::node_api::CgroupWrite;
use oomsim_core::units::{Bytes, Pages};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct ResizeRow {
    kernel: String,
    smp: u32,
    cgroup_version: u8,
    guest_mem_mb: u64,
    usage_before_bytes: u64,
    new_limit_bytes: u64,
    clean_cache_pages: u64,
    write_errno: i32,
    limit_after_bytes: u64,
    victims: Vec<String>,
    survivors: Vec<String>,
    procs: Vec<Proc>,
}

/// What came of the write: error number, limit afterwards, who died in which order, who lives.
type ResizeOutcome = (i32, u64, Vec<String>, Vec<String>);
/// With the reason why another candidate could have been chosen just as well.
type ResizeRun = (ResizeOutcome, Option<String>);

/// Kernel memory and start-up pages of an idle worker (without cache, usage exceeds what was asked for by 35 to 41
/// pages per process) and how much it varies.
const OVERHEAD: u64 = 38;
const VARIES: u64 = 6;
/// Pages that a CPU may hold charged in advance (MEMCG_CHARGE_BATCH less one): they count in the usage, and the write
/// drains them only once, before the first kill.
const STOCK: u64 = 63;

/// The write's result, the limit that is in force then, victims in order, survivors.
pub fn check(row: &Value) -> Verdict {
    let row = match parse::<ResizeRow>(row) {
        Ok(row) => row,
        Err(why) => return Verdict::unreadable(why),
    };
    let open = [(OVERHEAD, 0), (OVERHEAD - VARIES, 0), (OVERHEAD + VARIES, 0), (OVERHEAD, STOCK)];
    let outcomes: Result<Vec<ResizeRun>, String> = open.iter().map(|(o, stock)| simulate(&row, *o, *stock)).collect();
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(why) => return Verdict::unreadable(why),
    };
    if let Some(why) = &outcomes[0].1 {
        return Verdict::Undecided(why.clone());
    }
    if outcomes.iter().any(|(o, _)| *o != outcomes[0].0) {
        return Verdict::Undecided(format!(
            "a process's own {OVERHEAD} ± {VARIES} pages, or {STOCK} charged in advance, decide"
        ));
    }
    let expected: ResizeOutcome = (row.write_errno, row.limit_after_bytes, row.victims.clone(), row.survivors.clone());
    match race(&row, &outcomes[0].0) {
        Ok(Some(all)) if all.contains(&expected) => Verdict::Undecided(
            "a victim that has announced its exit but not given its memory back may cost the next one its life".into(),
        ),
        Ok(_) => Verdict::compare("errno, limit, victims, survivors", &expected, &outcomes[0].0),
        Err(why) => Verdict::unreadable(why),
    }
}

/// From this release on the kernel may be preempted anywhere (`PREEMPT(lazy)` in its log), so that one processor is
/// enough for the race.
const LAZILY_PREEMPTED: (u32, u32) = (6, 18);

/// Where the race between the write and the exit of its victims is possible: what may come out, one victim more
/// each time.
fn race(row: &ResizeRow, needed: &ResizeOutcome) -> Result<Option<Vec<ResizeOutcome>>, String> {
    let release = Release::parse(&row.kernel).ok_or("not a release")?;
    if needed.2.is_empty() || row.cgroup_version == 1 || (row.smp < 2 && release.version < LAZILY_PREEMPTED) {
        return Ok(None);
    }
    let mut all_die = profile(&row.kernel)?;
    all_die.lowered_kill_percent = 100;
    let (every, _) = simulate_with(row, OVERHEAD, 0, all_die, 2)?;
    let mut outcomes = Vec::new();
    for n in needed.2.len()..=every.2.len() {
        let victims = every.2[..n].to_vec();
        let survivors = row.procs.iter().map(|p| p.name.clone()).filter(|name| !victims.contains(name)).collect();
        outcomes.push((needed.0, needed.1, victims, survivors));
    }
    Ok(Some(outcomes))
}

fn simulate(row: &ResizeRow, overhead: u64, stock: u64) -> Result<ResizeRun, String> {
    simulate_with(row, overhead, stock, profile(&row.kernel)?, 1)
}

fn simulate_with(row: &ResizeRow, overhead: u64, stock: u64, profile: Profile, cpus: u32) -> Result<ResizeRun, String> {
    let config = machine(profile.clone(), row.cgroup_version == 1, row.guest_mem_mb << 10, 0);
    let mut sim = Sim::new(KernelConfig { cpus, ..config });
    let cgroup = sim.kernel.mkdir_all("/l");
    // Before the write the limit is far above (v1 shows which one); with v2 it does not matter.
    let before = if row.write_errno != 0 { row.limit_after_bytes } else { row.usage_before_bytes * 2 };
    let set = |max: u64| CgroupWrite { max: Some(Bytes::new(max)), ..CgroupWrite::default() };
    sim.kernel.write(sim.now, cgroup, &set(before)).map_err(|e| e.to_string())?;
    let mut pids = Vec::new();
    for proc in &row.procs {
        // Ten of the pages are page tables; those for what it is asked to touch come on top.
        let footprint = Footprint {
            anon: Pages::new(14),
            pgtables: Pages::new(10),
            kernel: Pages::new(overhead.saturating_sub(25 + proc.anon.div_ceil(512) - 1)),
            ..Footprint::default()
        };
        pids.push((sim.start(proc, cgroup, footprint).ok_or("a process does not fit")?, proc.name.clone()));
    }
    // The rest of the recorded usage is page cache: the file read on purpose, and the program itself.
    let used = sim.kernel.stat(cgroup).usage.to_pages_floor();
    let cache = Bytes::new(row.usage_before_bytes).to_pages_floor().saturating_sub(used);
    let cache = if row.clean_cache_pages > 0 { cache } else { Pages::ZERO };
    if let (Some((pid, _)), false) = (pids.first(), cache.is_zero()) {
        let file = sim.kernel.create_file(cache.bytes());
        sim.run(*pid, MemOp::ReadFile { file, from: Pages::ZERO, pages: cache, how: FileAccess::Read });
    }
    let effective = row.new_limit_bytes.saturating_sub(Pages::new(stock).bytes().get());
    let errno = match sim.kernel.write(sim.now, cgroup, &set(effective)) {
        Ok(()) => 0,
        Err(Errno::EBUSY) => 16,
        Err(other) => return Err(other.to_string()),
    };
    sim.collect();
    let limit = sim.kernel.limit(cgroup).unwrap_or(Bytes::MAX).get()
        + if errno == 0 { row.new_limit_bytes - effective } else { 0 };
    let alive = pids.iter().filter(|(pid, _)| sim.kernel.process(*pid).is_some());
    let survivors = alive.map(|(_, name)| name.clone()).collect();
    let near = sim.reports.iter().find_map(|report| near_tie(report, &profile, 1));
    Ok(((errno, limit, sim.dead, survivors), near))
}
