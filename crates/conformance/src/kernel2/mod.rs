//! Whole experiments on real kernels – cgroups, processes, steps –, replayed as simulations: who dies, which step ends
//! dead, who hangs, and the sizes after each step.

mod compare;
mod machine;
mod outcome;
mod pressure;
mod row;
mod steps;

pub use compare::{SizeOff, Sizes};

use crate::{RecordingKind, Verdict};
use machine::LongLoops;
use outcome::{ExperimentOutcome, Window};
pub use pressure::{Waited, waited};
use row::Experiment;
use serde_json::Value;

fn id(row: &Value) -> String {
    let kernel = row["kernel"].as_str().unwrap_or_default();
    let release = kernel.split('-').next().unwrap_or_default();
    format!("{}@{release}", row["case"].as_str().unwrap_or_default())
}

const fn kind(stem: &'static str, what: &'static str) -> RecordingKind {
    RecordingKind { stem, what, id, check, replay: None, sizes: Some(sizes) }
}

/// The kinds of experiments.
pub const KINDS: &[RecordingKind] = &[
    kind("swap", "what goes to swap, when the OOM comes, memory used again after it was swapped out"),
    kind("high", "memory.high alone, with memory.max, with cache, with swap"),
    kind("protect", "memory.min and memory.low among siblings below a limit"),
    kind("protect_global", "the same when the node runs short"),
    kind("thrash", "files read again and again against a limit"),
    kind("psi", "swapped memory used again, growth into an OOM"),
    kind("memory_reclaim", "the file memory.reclaim"),
    kind("race", "several growers in several cgroups: who dies, who hangs"),
    kind("kmem", "kernel memory of pipes, sockets, inodes, directory entries"),
    kind("fork", "children that are forked until the limit"),
    kind("nest", "memory.oom.group at any level of deep trees"),
    kind("node", "node OOM with cgroups as the kubelet lays them out"),
    kind("stall", "hot program text in a full cgroup: killed or hanging"),
];

/// Pages by which the room in a cgroup may be off for each processor, which charges in advance, without what was in
/// the swap cache at the kill and the text that stays or not.
const ROOM: i64 = 64;

/// Who dies in which order, which steps end dead, who neither ends nor dies.
fn check(row: &Value) -> Verdict {
    let row: Experiment = match crate::kernel::parse(row) {
        Ok(row) => row,
        Err(why) => return Verdict::unreadable(why),
    };
    check_parsed(&row)
}

fn check_parsed(row: &Experiment) -> Verdict {
    let expected = ExperimentOutcome::recorded(row);
    let slack = ROOM * i64::from(row.smp) + row.swap_cached() + row.text_left();
    let mut first = None;
    for shift in [0, -slack / 2, slack / 2, -slack, slack] {
        let run = match machine::run(row, shift, LongLoops::Hang) {
            Ok(run) => run,
            Err(why) => return Verdict::unreadable(why),
        };
        if expected.agrees(&run.outcome, Window::of(row)) {
            return Verdict::Matched;
        }
        if shift == 0 {
            if let Some(why) = run.open {
                return Verdict::Undecided(why);
            }
            first = Some(run.outcome);
        }
    }
    // The other outcome that the rule allows where a process hangs.
    if let Some(hangs) = first.iter().flat_map(|o| &o.stuck).next()
        && machine::run(row, 0, LongLoops::Die).is_ok_and(|run| expected.agrees(&run.outcome, Window::of(row)))
    {
        return Verdict::Undecided(format!("{hangs} hangs or is killed"));
    }
    let got = first.map(|o| o.to_string()).unwrap_or_default();
    Verdict::Mismatched { expected: expected.to_string(), got }
}

/// The single sizes of an experiment; `None`: it cannot be read.
pub fn single_sizes(row: &Value) -> Option<Sizes> {
    let row: Experiment = crate::kernel::parse(row).ok()?;
    let run = machine::run(&row, 0, loops(&row)).ok()?;
    Some(compare::sizes(&row, &run))
}

/// What the recording itself decided where a process hangs or is killed.
fn loops(row: &Experiment) -> LongLoops {
    match check_parsed(row) {
        Verdict::Undecided(_) => LongLoops::Die,
        _ => LongLoops::Hang,
    }
}

/// Sizes after each step, up to the first one that ends otherwise than recorded.
fn sizes(row: &Value) -> Option<Verdict> {
    let row: Experiment = crate::kernel::parse(row).ok()?;
    let run = machine::run(&row, 0, loops(&row)).ok()?;
    Some(compare::verdict(&row, &run))
}
