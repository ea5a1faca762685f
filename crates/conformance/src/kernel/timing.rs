//! Order of events around a kill, as a simulation: who dies, who survives, who finishes its work.

use super::row::{Proc, RecordedOom, nullable, parse, profile};
use super::sim::{OpEnd, Sim, WORKER, machine};
use crate::Verdict;
use oomsim_core::kernel::{KernelConfig, MemOp, Profile};
use oomsim_core::node_api::{CgroupWrite, OomReport, TaskRow};
use oomsim_core::units::Pages;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct TimingRow {
    kernel: String,
    smp: u32,
    variant: String,
    cgroup_version: u8,
    guest_mem_mb: u64,
    limit_pages: u64,
    worker_replies: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    growth_pages_ns: Vec<[u64; 2]>,
    #[serde(default, deserialize_with = "nullable")]
    oom_reports: Vec<RecordedOom>,
}

/// Replies of the workers in order, and the pids that the first report killed, as ranks among those in its table.
#[derive(Debug, PartialEq, Eq)]
struct TimingOutcome {
    finished: Vec<String>,
    killed: Vec<String>,
}

/// Who was killed in which order, and what the workers reported back.
pub fn check(row: &Value) -> Verdict {
    let row = match parse::<TimingRow>(row) {
        Ok(row) => row,
        Err(why) => return Verdict::unreadable(why),
    };
    let Some(report) = row.oom_reports.first() else {
        return Verdict::Undecided("the log has no report, from which the processes would be known".into());
    };
    let profile = match profile(&row.kernel) {
        Ok(profile) => profile,
        Err(why) => return Verdict::unreadable(why),
    };
    let expected = recorded(&row, report);
    let single = simulate(&row, report, Profile { second_kill_percent: 0, ..profile.clone() });
    let got = match single {
        Ok(got) => got,
        Err(why) => return Verdict::unreadable(why),
    };
    if profile.second_kill_percent > 0 && row.smp > 1 {
        match simulate(&row, report, Profile { second_kill_percent: 100, ..profile }) {
            Ok(both) if both != got && (expected == got || expected == both) => {
                return Verdict::Undecided("a second process may die while the first is dying".into());
            }
            Ok(_) => {}
            Err(why) => return Verdict::unreadable(why),
        }
    }
    Verdict::compare("order", &expected, &got)
}

/// `comm/rank`: parent and child have the same name, the child the higher pid.
fn label(report: &RecordedOom, pid: u32) -> String {
    let rank = report.tasks.iter().filter(|t| t.pid < pid).count();
    let name = report.tasks.iter().find(|t| t.pid == pid).map_or("?", |t| t.comm.as_str());
    format!("{name}/{rank}")
}

fn recorded(row: &TimingRow, report: &RecordedOom) -> TimingOutcome {
    let killed = report.victim_pids.iter().map(|pid| label(report, *pid)).collect();
    let mut finished = Vec::new();
    for reply in row.worker_replies.iter().filter(|r| !r.ends_with("ready")) {
        // "m5 ok child=98 status=9 …": the parent waited for its child. "m3 ok 13743": it touched all it was asked to.
        let mut words = reply.split_whitespace();
        let (name, what) = (words.next().unwrap_or("?"), words.next().unwrap_or("?"));
        match words.next() {
            Some(child) if child.starts_with("child=") => finished.push(format!("{name} waited for its child")),
            _ => finished.push(format!("{name} {what}")),
        }
    }
    TimingOutcome { finished, killed }
}

fn simulate(row: &TimingRow, report: &RecordedOom, profile: Profile) -> Result<TimingOutcome, String> {
    let config = machine(profile, row.cgroup_version == 1, row.guest_mem_mb << 10, 0);
    let mut sim = Sim::new(KernelConfig { cpus: row.smp, ..config });
    let cgroup = sim.kernel.mkdir_all("/f");
    let limit = CgroupWrite {
        max: Some(Pages::new(row.limit_pages).bytes()),
        oom_group: (row.variant == "childgroup").then_some(true),
        ..CgroupWrite::default()
    };
    sim.kernel.write(sim.now, cgroup, &limit).map_err(|e| e.to_string())?;
    let main = report.tasks.first().ok_or("an empty table")?;
    let start = |sim: &mut Sim, task: &super::row::Task| {
        let proc = Proc { name: task.comm.clone(), adj: task.oom_score_adj, uid: task.uid, ..Proc::default() };
        sim.start(&proc, cgroup, WORKER).ok_or("a worker does not fit")
    };
    let grower = start(&mut sim, main)?;
    let mut finished = Vec::new();
    let whole = row.growth_pages_ns.last().map_or(row.limit_pages * 2, |[pages, _]| *pages);
    let pages = Pages::new(whole);
    match row.variant.as_str() {
        "other" => {
            // The other one holds half of the limit and is worth more points; the grower asks for a little more.
            let task = report.tasks.get(1).ok_or("no other task")?;
            let other = start(&mut sim, task)?;
            let half = Pages::new(row.limit_pages / 2);
            finished.push(reply(&task.comm, sim.run(other, MemOp::Touch { pages: half })));
            // One that died did not get all it asked for, which was more than there was room for.
            let died = row.worker_replies.iter().any(|r| r.starts_with(&main.comm) && r.ends_with("dead"));
            let pages = if died { Pages::new(row.limit_pages) } else { pages };
            finished.push(reply(&main.comm, sim.run(grower, MemOp::Touch { pages })));
        }
        "self" => {
            let pages = Pages::new(row.limit_pages * 2);
            finished.push(reply(&main.comm, sim.run(grower, MemOp::Touch { pages })));
        }
        "child" | "childgroup" => {
            let child = sim.kernel.fork(sim.now, grower).map_err(|e| e.to_string())?;
            let end = sim.run(child, MemOp::Touch { pages });
            let parent_lives = sim.kernel.process(grower).is_some();
            finished.push(match (end, parent_lives) {
                (OpEnd::Dead, true) => format!("{} waited for its child", main.comm),
                (_, false) => format!("{} dead", main.comm),
                _ => format!("{} ok", main.comm),
            });
        }
        other => return Err(format!("variant {other:?}")),
    }
    let killed = sim.reports.first().map_or(Vec::new(), |r| r.killed_tasks().map(|task| sim_label(r, task)).collect());
    Ok(TimingOutcome { finished, killed })
}

fn reply(name: &str, end: OpEnd) -> String {
    format!("{name} {}", if end == OpEnd::Done { "ok" } else { "dead" })
}

fn sim_label(report: &OomReport, task: &TaskRow) -> String {
    let rank = report.tasks.iter().filter(|t| t.pid < task.pid).count();
    format!("{}/{rank}", task.comm)
}
