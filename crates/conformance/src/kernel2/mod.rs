//! Whole experiments on real kernels – cgroups, processes, steps –, replayed as simulations: who dies, which step ends
//! dead, who hangs, and the sizes after each step.

mod compare;
mod draws;
mod jobs;
mod machine;
mod op;
mod outcome;
mod pressure;
mod row;
mod steps;
mod text;
mod variant;

pub use compare::{SizeOff, Sizes};
pub use draws::Drawn;

use crate::{RecordingKind, SizeVerdicts, Verdict};
use outcome::{ExperimentOutcome, Window};
pub use pressure::{Halt, Waited, halts, waited};
use row::Experiment;
use serde_json::Value;
use variant::Variant;

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
    kind("lock", "memory that is locked, huge pages"),
    kind("kmem", "kernel memory of pipes, sockets, inodes, directory entries"),
    kind("fork", "children that are forked until the limit"),
    kind("nest", "memory.oom.group at any level of deep trees"),
    kind("node", "node OOM with cgroups as the kubelet lays them out"),
    kind("stall", "hot program text in a full cgroup: killed or hanging"),
];

/// Pages by which the room in a cgroup may be off, without what was in the swap cache at the kill (SCHEMA of the
/// recordings).
const ROOM: i64 = 64;

/// Who dies in which order, which steps end dead, who neither ends nor dies.
fn check(row: &Value) -> Verdict {
    match Experiment::read(row) {
        Ok(row) => decide(&row).0,
        Err(why) => Verdict::unreadable(why),
    }
}

/// The verdict, and the variant that does as recorded: the rules alone unless it says otherwise.
fn decide(row: &Experiment) -> (Verdict, Variant) {
    let rules = Variant::default();
    let expected = ExperimentOutcome::recorded(row);
    let window = Window::of(row);
    let first = match machine::run(row, rules) {
        Ok(run) => run,
        Err(why) => return (Verdict::unreadable(why), rules),
    };
    if expected.agrees(&first.outcome, window) {
        return (Verdict::Matched, rules);
    }
    if let Some(why) = first.open {
        return (Verdict::Undecided(why), rules);
    }
    let agrees = |variant| machine::run(row, variant).is_ok_and(|run| expected.agrees(&run.outcome, window));
    let slack = ROOM + row.swap_cached();
    let mut shifts = [-slack / 2, slack / 2, -slack, slack].map(|shift| Variant { shift, ..rules }).into_iter();
    if let Some(shifted) = shifts.find(|variant| agrees(*variant)) {
        return (Verdict::Matched, shifted);
    }
    if let Some(other) = variant::second_kill(row).filter(|variant| agrees(*variant)) {
        return (Verdict::Undecided("a second process was killed while the first gave its memory back".into()), other);
    }
    let same_deaths =
        |variant| machine::run(row, variant).is_ok_and(|run| expected.agrees_on_deaths(&run.outcome, window));
    if let Some(other) = variant::slower(row).find(|variant| same_deaths(*variant)) {
        return (Verdict::Undecided("the guest was too slow for a kill before the recording ended".into()), other);
    }
    (Verdict::Mismatched { expected: expected.to_string(), got: first.outcome.to_string() }, rules)
}

/// The sizes of an experiment after each step, up to the first one that ends otherwise than recorded; `None`: it cannot
/// be read.
pub fn single_sizes(row: &Value) -> Option<Sizes> {
    let row = Experiment::read(row).ok()?;
    let variant = decide(&row).1;
    let run = machine::run(&row, variant).ok()?;
    let drawn = draws::drawn(&row, variant, &run);
    Some(compare::sizes(&row, &run, drawn))
}

fn sizes(row: &Value) -> Option<SizeVerdicts> {
    Some(single_sizes(row)?.verdicts())
}
