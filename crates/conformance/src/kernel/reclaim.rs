//! A cgroup under pressure, as a simulation: cache of some kind, then a process that grows step by step.

use super::row::{Proc, RecordedOom, nullable, parse, profile};
use super::sim::{OpEnd, Sim, WORKER, machine};
use crate::Verdict;
use oomsim_core::kernel::{FileAccess, Footprint, MemOp, Profile};
use oomsim_core::node_api::CgroupWrite;
use oomsim_core::units::{Bytes, PAGE_SIZE, Pages, SimDuration};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct ReclaimRow {
    kernel: String,
    variant: String,
    cgroup_version: u8,
    limit_pages: Option<u64>,
    high_pages: Option<u64>,
    swap_max: Option<u64>,
    mem_total_kib: u64,
    swap_total_kib: u64,
    steps: Vec<Step>,
    #[serde(default, deserialize_with = "nullable")]
    growth_pages_ns: Vec<[u64; 2]>,
    #[serde(default, deserialize_with = "nullable")]
    oom_reports: Vec<RecordedOom>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default, deserialize_with = "nullable")]
    current: u64,
    #[serde(default, deserialize_with = "nullable")]
    stat: BTreeMap<String, u64>,
    after_op: Option<Op>,
}

#[derive(Deserialize)]
struct Op {
    cmd: String,
    result: String,
}

impl Step {
    /// Pages of files, without shared memory.
    fn file(&self) -> u64 {
        self.pages(&["file", "cache"]).saturating_sub(self.pages(&["shmem"]))
    }

    /// Pages of a counter in bytes, by the name of either version.
    fn pages(&self, names: &[&str]) -> u64 {
        names.iter().find_map(|n| self.stat.get(*n)).copied().unwrap_or(0) / PAGE_SIZE
    }
}

/// What decides a story: how many steps the grower survives, whether it is killed, and what is left of cache then.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ReclaimOutcome {
    steps_done: usize,
    killed: Vec<String>,
}

/// By how many pages the cgroup's own kernel memory and the program's leftovers vary from story to story (kernel part
/// 36 to 79 pages; up to 15 pages of cache left at the kill).
const VARIES: i64 = 24;
/// Kernel memory of the two workers without buffer heads, which are freed with the dirty pages that they belong to.
const KERNEL: u64 = 48;
/// Most file pages that are still there when the kill comes.
const LEFT_AT_OOM: u64 = 16;
/// … by a `memory.stat` that runs behind by up to 31 pages for each of the two lists.
const LEFT_WHERE_STAT_LAGS: u64 = 64;
/// … where program text in use is not given up: 30 to 230 pages.
const LEFT_WHERE_TEXT_STAYS: u64 = 230;

/// The step at which the grower dies, that it is the one who dies, and that cache went before it.
pub fn check(row: &Value) -> Verdict {
    let row = match parse::<ReclaimRow>(row) {
        Ok(row) => row,
        Err(why) => return Verdict::unreadable(why),
    };
    let profile = match profile(&row.kernel) {
        Ok(profile) => profile,
        Err(why) => return Verdict::unreadable(why),
    };
    let mut outcomes = Vec::new();
    for shift in [0, -VARIES, VARIES] {
        match simulate(&row, shift) {
            Ok(outcome) => outcomes.push(outcome),
            Err(why) => return Verdict::unreadable(why),
        }
    }
    if outcomes.iter().any(|(o, _)| *o != outcomes[0].0) {
        return Verdict::Undecided(format!("{VARIES} pages of kernel memory more or less decide on the step"));
    }
    let (got, file_left) = outcomes.swap_remove(0);
    // Program text that stays, because it is in use or because the kernel reads it back for ever, leaves that much
    // less.
    let text = row.steps.first().map_or(0, Step::file);
    if (profile.text_left_pages > 0 || profile.hang_hot_pages > 0) && !got.killed.is_empty() {
        match simulate(&row, i64::try_from(text.min(LEFT_WHERE_TEXT_STAYS)).unwrap_or(0)) {
            Ok((kept, _)) if kept != got && recorded(&row) != got => return open(&row, &profile, &got, &kept),
            Ok(_) => {}
            Err(why) => return Verdict::unreadable(why),
        }
    }
    let most_left = match (profile.text_left_pages > 0, profile.memory_stat_lags) {
        (true, _) => LEFT_WHERE_TEXT_STAYS,
        (false, true) => LEFT_WHERE_STAT_LAGS,
        (false, false) => LEFT_AT_OOM,
    };
    Verdict::compare("outcome", &recorded(&row), &got).and(|| {
        let recorded_left = row.oom_reports.first().and_then(|r| left(r, row.cgroup_version));
        match (recorded_left, file_left) {
            (Some(recorded), Some(simulated)) if recorded > most_left || simulated > most_left => {
                Verdict::compare("file pages left at the kill", &recorded, &simulated)
            }
            _ => Verdict::Matched,
        }
    })
}

/// The text of the program decides on the step, and where a full cgroup hangs, on whether there is a kill at all.
fn open(row: &ReclaimRow, profile: &Profile, got: &ReclaimOutcome, kept: &ReclaimOutcome) -> Verdict {
    let hangs = ReclaimOutcome { killed: Vec::new(), ..kept.clone() };
    if recorded(row) == *kept || (profile.hang_hot_pages > 0 && recorded(row) == hangs) {
        return Verdict::Undecided("program text that stays in the cgroup decides on the step".into());
    }
    Verdict::compare("outcome", &recorded(row), got)
}

/// Evictable file pages at the report.
fn left(report: &RecordedOom, _version: u8) -> Option<u64> {
    let stats = report.memcg_stats.as_ref()?;
    Some((stats.get("inactive_file")? + stats.get("active_file")?) / PAGE_SIZE)
}

fn recorded(row: &ReclaimRow) -> ReclaimOutcome {
    let grown =
        |s: &&Step| s.after_op.as_ref().is_some_and(|o| o.cmd.starts_with("anon") && o.result.starts_with("ok"));
    let name = |r: &RecordedOom| r.chosen_comm.as_ref().map(|c| c[..1].to_owned());
    ReclaimOutcome {
        steps_done: row.steps.iter().filter(grown).count(),
        killed: row.oom_reports.iter().filter_map(name).collect(),
    }
}

fn simulate(row: &ReclaimRow, shift: i64) -> Result<(ReclaimOutcome, Option<u64>), String> {
    let config = machine(profile(&row.kernel)?, row.cgroup_version == 1, row.mem_total_kib, row.swap_total_kib);
    let mut sim = Sim::new(config);
    let cgroup = sim.kernel.mkdir_all("/e");
    let limits = CgroupWrite {
        // The variant `high` sets memory.high alone; some recordings name a limit all the same.
        max: row.limit_pages.filter(|_| row.variant != "high").map(|p| Pages::new(p).bytes()),
        high: row.high_pages.map(|p| Pages::new(p).bytes()),
        swap_max: row.swap_max.map(Bytes::new).filter(|_| row.cgroup_version == 2),
        ..CgroupWrite::default()
    };
    sim.kernel.write(sim.now, cgroup, &limits).map_err(|e| e.to_string())?;
    let first = row.steps.first().ok_or("no steps")?;
    let (anon, shmem) = (first.pages(&["anon", "rss"]), first.pages(&["shmem"]));
    let file = first.pages(&["file", "cache"]).saturating_sub(shmem);
    let kernel = match first.stat.contains_key("kernel") {
        true => first.pages(&["kernel"]),
        false => (first.current / PAGE_SIZE).saturating_sub(anon + shmem + file),
    };
    let buffers = if row.variant == "dirty" { kernel.saturating_sub(KERNEL) } else { 0 };
    let charged = (kernel - buffers).saturating_add_signed(shift);
    // Both workers were started and, for the most part, charged elsewhere; what is charged here is theirs.
    let footprint = |anon, kernel| Footprint {
        anon: Pages::new(anon),
        kernel: Pages::new(kernel),
        pgtables: Pages::ZERO,
        ..WORKER
    };
    let worker = |name: &str, adj| Proc { name: name.into(), adj, ..Proc::default() };
    // The grower has touched next to nothing yet.
    let small = anon.min(WORKER.anon.get());
    let locked = row.steps.iter().take(3).map(|s| s.pages(&["unevictable"])).max().unwrap_or(0);
    let keeper = sim.start(&worker("f", -500), cgroup, footprint(anon - small, charged / 2)).ok_or("f does not fit")?;
    let grower =
        sim.start(&worker("e", 500), cgroup, footprint(small, charged - charged / 2)).ok_or("e does not fit")?;
    let how = if row.variant == "mapped" { FileAccess::Mmap } else { FileAccess::Read };
    let locked_file = if row.variant == "mlock" { 0 } else { locked.min(file) };
    for (pages, lock) in [(locked_file, true), (file + buffers - locked_file, false)] {
        if pages > 0 {
            let (file, pages) = (sim.kernel.create_file(Pages::new(pages).bytes()), Pages::new(pages));
            sim.run(keeper, MemOp::ReadFile { file, from: Pages::ZERO, pages, how });
            if lock {
                sim.run(keeper, MemOp::MlockFile { file });
            }
        }
    }
    if shmem > 0 {
        let volume = sim.kernel.create_tmpfs(None);
        sim.run(keeper, MemOp::WriteTmpfs { volume, pages: Pages::new(shmem) });
    }
    if row.variant == "mlock" {
        sim.run(keeper, MemOp::Mlock { pages: Pages::new(locked) });
    }
    let mut done = 0;
    for op in row.steps.iter().filter_map(|s| s.after_op.as_ref()) {
        let mut words = op.cmd.split_whitespace();
        match (words.next(), words.next().and_then(|n| n.parse().ok())) {
            (Some("anon"), Some(pages)) => {
                let end = sim.run(grower, MemOp::Touch { pages: Pages::new(pages) });
                done += usize::from(end == OpEnd::Done);
            }
            (Some("grow"), Some(pages)) => {
                sim.run_for(grower, MemOp::Touch { pages: Pages::new(pages) }, duration(row));
            }
            _ => {}
        }
    }
    let left = sim.reports.first().map(|r| (r.stat.inactive_file + r.stat.active_file).to_pages_floor().get());
    Ok((ReclaimOutcome { steps_done: done, killed: sim.dead }, left))
}

/// How long the recorded grower was left to itself.
fn duration(row: &ReclaimRow) -> SimDuration {
    match (row.growth_pages_ns.first(), row.growth_pages_ns.last()) {
        (Some([_, from]), Some([_, to])) => SimDuration::from_nanos(to.saturating_sub(*from)),
        _ => SimDuration::ZERO,
    }
}
