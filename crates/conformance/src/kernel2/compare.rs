//! Sizes after each step, within the bounds that the recordings' own description gives: 64 pages and one in a hundred.

use super::machine::{Run, Seen};
use super::row::{Row, State};
use crate::Verdict;

/// Every size of every cgroup after every step, up to the first step that ended otherwise than recorded.
pub fn sizes(row: &Row, run: &Run) -> Verdict {
    for (index, step) in row.steps.iter().enumerate() {
        let dead = step.result.as_deref().is_some_and(|r| r.starts_with("dead"));
        if dead != run.outcome.dead_steps.contains(&index) && !step.op.starts_with("start_") {
            return Verdict::Matched;
        }
        if run.wrong_writes.contains(&index) {
            let expected = format!("step {index}: error {}", step.errno.unwrap_or(0));
            return Verdict::Mismatched { expected, got: "another".into() };
        }
        let Some(seen) = run.after.get(&index) else { continue };
        for (path, state) in &step.after {
            let got = seen.get(path).copied().unwrap_or_default();
            if let Some((what, expected, got)) = off(state, &got) {
                let at = |n: u64| format!("{what} of {path} after step {index}: {n} pages");
                return Verdict::Mismatched { expected: at(expected), got: at(got) };
            }
        }
    }
    Verdict::Matched
}

/// The first size that is out of bounds.
fn off(state: &State, got: &Seen) -> Option<(&'static str, u64, u64)> {
    let stat = |name: &str| state.stat.get(name).copied().unwrap_or(0);
    // What memory.current has beyond memory.stat was charged in advance, up to 63 pages for each processor.
    let counted = ["anon", "file", "kernel", "sock", "swapcached"].map(stat).iter().sum();
    let current = if stat("kernel") > 0 { state.current.min(counted) } else { state.current };
    let sizes = [
        ("current", current, got.current),
        ("swap", state.swap, got.swap),
        // Pages in the swap cache are in memory, though nobody maps them.
        ("anon", stat("anon") + stat("swapcached"), got.anon),
        ("file", stat("file"), got.file),
    ];
    sizes.into_iter().find(|(_, expected, got)| expected.abs_diff(*got) > 64 + expected / 100)
}
