//! Sizes after each step, within the bounds that the recordings' own description gives: 64 pages and one in a hundred.

use super::machine::{ExperimentRun, Seen};
use super::row::{Experiment, State};
use crate::Verdict;

/// Every size of every cgroup after every step, up to the first step that ended otherwise than recorded.
pub fn sizes(row: &Experiment, run: &ExperimentRun) -> Verdict {
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
            if let Some((what, expected, got)) = off(state, &got, lag(row, path)) {
                let at = |n: u64| format!("{what} of {path} after step {index}: {n} pages");
                return Verdict::Mismatched { expected: at(expected), got: at(got) };
            }
        }
    }
    Verdict::Matched
}

/// How many sizes are within bounds, and how many there are, in the steps that end as recorded.
pub fn count(row: &Experiment, run: &ExperimentRun) -> (usize, usize) {
    let (mut within, mut all) = (0, 0);
    for (index, step) in row.steps.iter().enumerate() {
        let dead = step.result.as_deref().is_some_and(|r| r.starts_with("dead"));
        if dead != run.outcome.dead_steps.contains(&index) && !step.op.starts_with("start_") {
            break;
        }
        let Some(seen) = run.after.get(&index) else { continue };
        for (path, state) in &step.after {
            let got = seen.get(path).copied().unwrap_or_default();
            let bound = |what: &str, expected: u64| bound(what, expected, lag(row, path));
            let pairs = pairs(state, &got);
            all += pairs.len();
            within += pairs.iter().filter(|(what, a, b)| a.abs_diff(*b) <= bound(what, *a)).count();
        }
    }
    (within, all)
}

/// The first size that is out of bounds.
fn off(state: &State, got: &Seen, lag: u64) -> Option<(&'static str, u64, u64)> {
    pairs(state, got).into_iter().find(|(what, expected, got)| expected.abs_diff(*got) > bound(what, *expected, lag))
}

fn bound(what: &str, expected: u64, lag: u64) -> u64 {
    64 + expected / 100 + if what == "current" { 0 } else { lag }
}

/// Pages by which memory.stat may run behind: before 5.13 up to 31 for each processor and each cgroup that it sums up.
fn lag(row: &Experiment, path: &str) -> u64 {
    if !row.profile().is_ok_and(|p| p.memory_stat_lags) {
        return 0;
    }
    let below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let cgroups = row.cgroups.iter().filter(|g| below(&g.path)).count().max(1);
    31 * u64::from(row.smp) * cgroups as u64
}

/// What was recorded and what was simulated, by name. A page in the swap cache is in memory and has a slot of swap as
/// well: how many there are at a sample is up to the disk. It counts once, with what is in memory.
fn pairs(state: &State, got: &Seen) -> [(&'static str, u64, u64); 4] {
    let stat = |name: &str| state.stat.get(name).copied().unwrap_or(0);
    let cached = state.swap_cached();
    // What memory.current has beyond memory.stat was charged in advance, up to 63 pages for each processor.
    let counted = ["anon", "file", "kernel", "sock", "swapcached"].map(stat).iter().sum();
    let current = if stat("kernel") > 0 { state.current.min(counted) } else { state.current };
    [
        ("current", current, got.current),
        ("swap", state.swap.saturating_sub(cached), got.swap),
        ("anon", stat("anon") + cached, got.anon),
        ("file", stat("file"), got.file),
    ]
}
