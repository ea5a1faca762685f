//! Recordings of kernels as scenarios of host processes: `badness`, `overcommit`, `global_oom`, `resize`.

use super::folder::{Folder, Machine};
use super::programs::{PER_TABLE, Program};
use super::{Stop, Through};
use crate::Verdict;
use crate::kernel::{BESIDES_DATA, compare_request, near_tie, open_by_functions, pages_behind, profile};
use oomsim_core::node::{NodeView, Simulation};
use oomsim_core::node_api::{ExitStatus, OomReport, Signo};
use oomsim_core::record::Record;
use oomsim_core::units::SimTime;
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn number(row: &Value, name: &str) -> Result<u64, Stop> {
    row[name].as_u64().ok_or_else(|| format!("{name} is missing").into())
}

/// The machine of a row; what the kernels decide at random is left out.
pub(super) fn machine(row: &Value, kib: u64) -> Result<Machine<'_>, Stop> {
    let cpus = row["smp"].as_u64().unwrap_or(1);
    Ok(Machine {
        kernel: row["kernel"].as_str().ok_or("no kernel")?,
        swap: row["swap_total_kib"].as_u64().unwrap_or(0) * 1024,
        cgroup_v2: row["cgroup_version"].as_u64() != Some(1),
        more: format!("cpus = {cpus}\n"),
        ..Machine::new(kib * 1024)
    })
}

pub(super) fn at(seconds: f64) -> SimTime {
    SimTime::from_nanos((seconds * 1e9) as u64)
}

/// Runs up to an instant and shows the node there.
pub(super) fn view_at(run: &mut Simulation, seconds: f64) -> Result<NodeView, Stop> {
    run.run_until(at(seconds)).map_err(|why| Stop::from(why.to_string()))?;
    Ok(run.view())
}

pub(super) fn start(folder: &Folder) -> Result<Simulation, Stop> {
    folder.start().map_err(|why| Stop::from(why.text()))
}

/// `badness.jsonl`: a process with the recorded memory, and its `oom_score`.
pub(super) fn badness(row: &Value) -> Through {
    if let Some(open) = open_by_functions("badness", row) {
        return Ok(open);
    }
    let adj = row["oom_score_adj"].as_i64().and_then(|adj| i16::try_from(adj).ok()).ok_or("no oom_score_adj")?;
    // Shared memory counts in badness as program text does.
    let behind = pages_behind(row)?;
    let (anon, file) =
        (number(row, "rss_anon_pages")?, number(row, "rss_file_pages")? + number(row, "rss_shmem_pages")?);
    let held_back = behind.min(anon);
    let swapped = number(row, "vm_swap_kib")? / 4;
    let script = if swapped > 0 { vec![format!("{{ pageOut = {} }}", swapped * 4096)] } else { Vec::new() };
    let program = Program {
        name: "p".into(),
        adj,
        anon: anon - held_back + swapped,
        script,
        file: file.saturating_sub(behind - held_back),
        page_tables: number(row, "vm_pte_bytes")? / 4096,
        ..Program::default()
    };
    let folder = Folder::new(&machine(row, number(row, "mem_total_kib")?)?, "2s").with(&program.to_toml());
    let node = view_at(&mut start(&folder)?, 1.0)?;
    let process = node.processes.iter().find(|process| &*process.comm == "p").ok_or("the process does not run")?;
    Ok(Verdict::compare("oom_score", &row["oom_score"], &json!(process.oom_score.unwrap_or(0))))
}

/// `overcommit.jsonl`: one request of a process on a machine with the recorded commit charge.
pub(super) fn overcommit(row: &Value) -> Through {
    if let Some(open) = open_by_functions("overcommit", row) {
        return Ok(open);
    }
    let op = row["op"].as_str().ok_or("no op")?;
    let fork = op == "fork";
    let (before, size) = (number(row, "committed_before_kib")?, number(row, "vm_size_before_kib")?);
    let data = row["vm_data_kib"].as_u64().unwrap_or(0) + BESIDES_DATA * 4;
    let own = if fork { data.min(before) } else { 0 };
    let mut machine = machine(row, number(row, "mem_total_kib")?)?;
    let _ = writeln!(machine.more, "system = {{ committed = {} }}", (before - own) * 1024);
    machine.sysctl = vec![
        // What came before the request was granted, whatever the mode is by now.
        ("vm.overcommit_memory", 1),
        ("vm.overcommit_ratio", number(row, "overcommit_ratio")?),
        ("vm.admin_reserve_kbytes", number(row, "admin_reserve_kbytes")?),
        ("vm.user_reserve_kbytes", number(row, "user_reserve_kbytes")?),
        ("vm.nr_hugepages", number(row, "hugepages_total")?),
    ];
    if number(row, "overcommit_kbytes")? > 0 {
        machine.sysctl[1] = ("vm.overcommit_kbytes", number(row, "overcommit_kbytes")?);
    }
    let mut script = Vec::new();
    if own > 0 {
        script.push(format!("{{ anon = {}, touched = \"0%\" }}", own * 1024));
    }
    match op {
        "fork" => script.push("{ until = \"2s\" }".into()),
        "mmap" => script.extend(["{ until = \"2s\" }".into(), mapping(row)?]),
        "mprotect_rw" => {
            let size = number(row, "request_bytes")?;
            script.push(format!(
                "{{ map = {size}, readOnly = true }}, {{ until = \"2s\" }}, {{ makeWritable = {size} }}"
            ));
        }
        other => return Err(format!("op {other:?}").into()),
    }
    let uid = if row["root"] == true { 0 } else { 1000 };
    // What is made writable later was mapped before.
    let mapped = if op == "mprotect_rw" { number(row, "request_bytes")? / 4096 } else { own / 4 };
    let virtual_size = (size / 4).saturating_sub(mapped);
    let program = Program { name: "p".into(), uid, virtual_size, script, ..Program::default() };
    let mode = number(row, "mode_at_request")?;
    let mut lines = format!("[[at]]\ntime = \"1s\"\nsysctl = {{ \"vm.overcommit_memory\" = {mode} }}\n");
    if fork {
        lines.push_str("[[at]]\ntime = \"2s\"\nfork = \"p\"\n");
    }
    let mut run = start(&Folder::new(&machine, "3s").with(&lines).with(&program.to_toml()))?;
    let committed = |node: &NodeView| node.memory.committed_as.get() as i64 / 4096;
    let first = view_at(&mut run, 1.5)?;
    let verdict = Verdict::compare("Committed_AS before", &(before as i64 / 4), &committed(&first)).and(|| {
        Verdict::compare("CommitLimit", &row["commit_limit_kib"], &json!(first.memory.commit_limit.get() / 1024))
    });
    let after = committed(&view_at(&mut run, 2.5)?);
    let refused = run.entries().iter().any(|entry| matches!(entry.record, Record::AllocationRefused { .. }));
    Ok(verdict.and(|| compare_request(row, (!refused, after - committed(&first))).unwrap_or_else(Verdict::unreadable)))
}

/// The instruction that asks for the row's mapping.
fn mapping(row: &Value) -> Result<String, Stop> {
    let size = number(row, "request_bytes")?;
    let flags =
        [("shared", "map_shared", true), ("noReserve", "map_noreserve", true), ("readOnly", "prot_write", false)];
    let set: Vec<&str> = flags.iter().filter(|(_, field, on)| row[field] == *on).map(|(name, _, _)| *name).collect();
    if set.is_empty() {
        return Ok(format!("{{ anon = {size}, touched = \"0%\" }}"));
    }
    let set: String = set.iter().map(|name| format!(", {name} = true")).collect();
    Ok(format!("{{ map = {size}{set} }}"))
}

/// The report with this number, and why it decides nothing, if two candidates are too close in it or one before it.
pub(super) fn report<'a>(
    reports: &[&'a OomReport],
    index: u64,
    row: &Value,
) -> Result<Result<&'a OomReport, Verdict>, Stop> {
    let profile = profile(row["kernel"].as_str().unwrap_or_default())?;
    let cpus = row["smp"].as_u64().unwrap_or(1);
    for (number, report) in (0..).zip(reports) {
        if let (Some(why), false) = (near_tie(report, &profile, cpus), report.oom_kill_allocating_task) {
            return Ok(Err(Verdict::Undecided(why)));
        }
        if number == index {
            return Ok(Ok(report));
        }
    }
    let expected = format!("{} OOM kills", index + 1);
    Ok(Err(Verdict::Mismatched { expected, got: reports.len().to_string() }))
}

/// The names of processes in a recorded report.
pub(super) fn names(row: &Value, pids: &Value) -> Vec<String> {
    let tasks = row["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    let name = |pid: &Value| tasks.iter().find(|task| task["pid"] == *pid).and_then(|task| task["comm"].as_str());
    pids.as_array().into_iter().flatten().filter_map(name).map(str::to_owned).collect()
}

/// The OOM killer's reports of a run.
pub(super) fn oom_reports(run: &Simulation) -> Vec<&OomReport> {
    let report = |entry: &'_ oomsim_core::record::Entry| matches!(entry.record, Record::OomKill { .. });
    let entries = run.entries().iter().filter(|entry| report(entry));
    entries
        .filter_map(|entry| match &entry.record {
            Record::OomKill { report, .. } => Some(&**report),
            _ => None,
        })
        .collect()
}

/// `global_oom.jsonl`: the processes as they were before, and the one that grows until memory is gone.
pub(super) fn global(row: &Value) -> Through {
    if let Some(open) = open_by_functions("global_oom", row) {
        return Ok(open);
    }
    let procs = row["procs_before"].as_array();
    let zones = row["zoneinfo_before"].as_object();
    let (Some(procs), Some(zones), true) = (procs, zones, row["meminfo_before"].is_object()) else {
        return Err(Stop::NotAsFiles("a report without what the machine held before"));
    };
    let of = |value: &Value, name: &str| value[name].as_u64().unwrap_or(0);
    let meminfo = |name| of(&row["meminfo_before"], name);
    let held: u64 = procs.iter().map(|p| of(p, "RssAnon") + of(p, "RssShmem") + of(p, "VmPTE")).sum();
    let cache = meminfo("Active(file)") + meminfo("Inactive(file)");
    let kernel = meminfo("MemTotal").saturating_sub(meminfo("MemFree") + held + cache);
    let min: u64 = zones.values().map(|zone| of(zone, "min") - of(zone, "boost").min(of(zone, "min"))).sum();
    let mut machine = machine(row, number(row, "mem_total_kib")?)?;
    let _ = writeln!(machine.more, "system = {{ kernel = {} }}", kernel * 1024);
    machine.sysctl = vec![
        ("vm.min_free_kbytes", min * 4 + 3),
        ("vm.oom_kill_allocating_task", number(row, "oom_kill_allocating_task")?),
    ];
    let grower = row["configured"]["grower"].as_str().unwrap_or_default();
    let mut folder = Folder::new(&machine, "30s");
    for proc in procs {
        let name = proc["name"].as_str().ok_or("a process without a name")?;
        let mut script = Vec::new();
        if name == grower {
            script.push("{ until = \"1s\" }".to_owned());
            script.push(format!("{{ read = {}, file = \"cache\" }}", cache.max(4) * 1024));
            let more = number(row, "mem_total_kib")? + row["swap_total_kib"].as_u64().unwrap_or(0);
            script.push(format!("{{ anon = {} }}", more * 1024));
        }
        let anon = (of(proc, "RssAnon") + of(proc, "RssShmem")) / 4;
        let program = Program {
            name: name.to_owned(),
            adj: proc["adj"].as_i64().and_then(|adj| i16::try_from(adj).ok()).unwrap_or(0),
            uid: u32::try_from(of(proc, "Uid")).unwrap_or(0),
            anon,
            file: of(proc, "RssFile") / 4,
            page_tables: of(proc, "VmPTE") / 4,
            virtual_size: (of(proc, "VmSize") / 4).saturating_sub(anon + of(proc, "RssFile") / 4),
            script,
            ..Program::default()
        };
        folder = folder.with(&program.to_toml());
    }
    let mut run = start(&folder)?;
    view_at(&mut run, 30.0)?;
    let reports = oom_reports(&run);
    let report = match report(&reports, number(row, "report_index")?, row)? {
        Ok(report) => report,
        Err(verdict) => return Ok(verdict),
    };
    let want = names(row, &row["victim_pids"]).into_iter().next();
    Ok(Verdict::compare("victim", &want, &report.chosen().map(|task| task.comm.to_string())))
}

/// Kernel memory and start-up pages of an idle worker, as in the check of this kind.
const OVERHEAD: u64 = 38;

/// `resize.jsonl`: a limit that is lowered below what its processes use.
pub(super) fn resize(row: &Value) -> Through {
    if let Some(open) = open_by_functions("resize", row) {
        return Ok(open);
    }
    let procs = row["procs"].as_array().ok_or("no processes")?;
    let mut machine = machine(row, number(row, "guest_mem_mb")? * 1024)?;
    machine.more = "cpus = 1\n".into();
    let (used, limit) = (number(row, "usage_before_bytes")?, number(row, "new_limit_bytes")?);
    let refused = number(row, "write_errno").unwrap_or(0) != 0;
    let before = if refused { number(row, "limit_after_bytes")? } else { used * 2 };
    let build = |cache: u64| -> Result<Folder, Stop> {
        let mut folder = Folder::new(&machine, "5s");
        let _ = write!(folder.scenario, "[[at]]\ntime = \"100ms\"\ncgroup = \"/l\"\nlimit = {before}\n");
        let _ = write!(folder.scenario, "[[at]]\ntime = \"3s\"\ncgroup = \"/l\"\nlimit = {limit}\n");
        for (n, proc) in procs.iter().enumerate() {
            let anon = number(proc, "anon")?;
            let mut script = vec![format!("{{ until = \"{}ms\" }}", 200 + n), format!("{{ anon = {} }}", anon * 4096)];
            if n == 0 && cache > 0 {
                script.push(format!("{{ until = \"1s\" }}, {{ read = {cache}, file = \"cache\" }}"));
            }
            let program = Program {
                name: proc["name"].as_str().ok_or("a process without a name")?.to_owned(),
                cgroup: "/l".into(),
                adj: proc["adj"].as_i64().and_then(|adj| i16::try_from(adj).ok()).unwrap_or(0),
                anon: 14,
                page_tables: 11,
                kernel: OVERHEAD.saturating_sub(25 + anon.div_ceil(PER_TABLE) - 1),
                script,
                ..Program::default()
            };
            folder = folder.with(&program.to_toml());
        }
        Ok(folder)
    };
    let usage = |node: &NodeView| node.cgroup("/l").map_or(0, |cgroup| cgroup.stat.usage.get());
    let mut cache = 0;
    if number(row, "clean_cache_pages")? > 0 {
        cache = used.saturating_sub(usage(&view_at(&mut start(&build(0)?)?, 2.0)?));
    }
    let mut run = start(&build(cache)?)?;
    let node = view_at(&mut run, 5.0)?;
    let busy = run.entries().iter().any(|entry| matches!(entry.record, Record::CgroupWriteRefused { .. }));
    let died = |record: &Record| match record {
        Record::ProcessExited { comm, status: ExitStatus::Signal(Signo::Kill), .. } => Some(comm.to_string()),
        _ => None,
    };
    let dead: Vec<String> = run.entries().iter().filter_map(|entry| died(&entry.record)).collect();
    let after = node.cgroup("/l").and_then(|cgroup| cgroup.limit).map(|limit| limit.get());
    let alive = |name: &&Value| node.processes.iter().any(|process| Some(&*process.comm) == name["name"].as_str());
    let survivors: Vec<Value> = procs.iter().filter(alive).map(|proc| proc["name"].clone()).collect();
    let pages = |bytes: u64| bytes / 4096 * 4096;
    Ok(Verdict::compare("refused", &refused, &busy)
        .and(|| Verdict::compare("limit", &row["limit_after_bytes"].as_u64().map(pages), &after))
        .and(|| Verdict::compare("victims", &row["victims"], &json!(dead)))
        .and(|| Verdict::compare("survivors", &row["survivors"], &json!(survivors))))
}
