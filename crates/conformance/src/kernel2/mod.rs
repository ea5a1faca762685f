//! Whole experiments on real kernels – cgroups, processes, steps –, replayed as simulations: who dies, which step ends
//! dead, who hangs, and the sizes after each step.

mod compare;
mod machine;
mod outcome;
mod row;
mod steps;

use crate::{Kind, Verdict};
use outcome::{Outcome, Window};
use row::Row;
use serde_json::Value;

fn id(row: &Value) -> String {
    let kernel = row["kernel"].as_str().unwrap_or_default();
    let release = kernel.split('-').next().unwrap_or_default();
    format!("{}@{release}", row["case"].as_str().unwrap_or_default())
}

const fn kind(stem: &'static str, what: &'static str) -> Kind {
    Kind { stem, what, id, check, replay: None, sizes: Some(sizes) }
}

/// The kinds of experiments.
pub const KINDS: &[Kind] = &[
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

/// Pages by which the room in a cgroup may be off for each processor, which charges in advance, besides what was in
/// the swap cache at the kill and the text that stays or not.
const ROOM: i64 = 64;

/// Who dies in which order, which steps end dead, who neither ends nor dies.
fn check(row: &Value) -> Verdict {
    let row: Row = match crate::kernel::parse(row) {
        Ok(row) => row,
        Err(why) => return Verdict::unreadable(why),
    };
    let expected = Outcome::recorded(&row);
    let slack = ROOM * i64::from(row.smp) + row.swap_cached() + row.text_left();
    let mut first = None;
    for shift in [0, -slack, slack] {
        let run = match machine::run(&row, shift) {
            Ok(run) => run,
            Err(why) => return Verdict::unreadable(why),
        };
        if expected.agrees(&run.outcome, Window::of(&row)) {
            return Verdict::Matched;
        }
        if shift == 0 {
            if let Some(why) = run.open {
                return Verdict::Undecided(why);
            }
            first = Some(run.outcome);
        }
    }
    let got = first.map(|o| o.to_string()).unwrap_or_default();
    Verdict::Mismatched { expected: expected.to_string(), got }
}

/// Sizes after each step, up to the first one that ends otherwise than recorded.
fn sizes(row: &Value) -> Option<Verdict> {
    let row: Row = crate::kernel::parse(row).ok()?;
    let run = machine::run(&row, 0).ok()?;
    Some(compare::sizes(&row, &run))
}
