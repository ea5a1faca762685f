//! Sizes after each step, within the bounds that the recordings' own description gives: 64 pages and one in a hundred.

use super::draws::Drawn;
use super::machine::{ExperimentRun, Seen};
use super::op::Op;
use super::row::{Experiment, State, Step};
use crate::{SizeVerdicts, Verdict};
use std::fmt;

/// A size of a cgroup that is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeOff {
    /// Which step it was after, from 0.
    pub step: usize,
    /// The cgroup's path.
    pub cgroup: String,
    /// `current`, `swap`, `anon` or `file`.
    pub what: &'static str,
    /// Pages recorded.
    pub recorded: u64,
    /// Pages simulated, the fewest and the most of all runs.
    pub simulated: (u64, u64),
}

impl fmt::Display for SizeOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SizeOff { step, cgroup, what, recorded, simulated: (least, most) } = self;
        write!(f, "{what} of {cgroup} after step {step}: {recorded} pages recorded, {least} ")?;
        if most > least {
            write!(f, "to {most} ")?;
        }
        f.write_str("simulated")
    }
}

/// The sizes of an experiment, of every cgroup after every step up to the first that ended otherwise than recorded. A
/// step after which a killed process is still giving its memory back is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes {
    /// How many there are.
    pub compared: usize,
    /// Those out of bounds in the run with seed 0.
    pub off: Vec<SizeOff>,
    /// What other seeds give; `None`: nothing is up to chance.
    pub drawn: Option<Drawn>,
    /// The first write to a cgroup file whose error is not what was recorded: the step, and that error.
    wrong_write: Option<(usize, i32)>,
}

impl Sizes {
    /// All sizes are within bounds, and writes to cgroup files gave the error that was recorded.
    pub fn verdicts(&self) -> SizeVerdicts {
        let of = |off: Option<&SizeOff>| match (self.wrong_write, off) {
            (Some((step, errno)), _) => {
                Verdict::Mismatched { expected: format!("step {step}: error {errno}"), got: "another".into() }
            }
            (None, None) => Verdict::Matched,
            (None, Some(off)) => {
                let at = format!("{} of {} after step {}", off.what, off.cgroup, off.step);
                let (least, most) = off.simulated;
                let got = if most > least { format!("{least} to {most}") } else { least.to_string() };
                Verdict::Mismatched {
                    expected: format!("{at}: {} pages", off.recorded),
                    got: format!("{at}: {got} pages"),
                }
            }
        };
        let one_run = self.off.first();
        let draws = self.drawn.as_ref().map_or(one_run, |drawn| drawn.off.first());
        SizeVerdicts { one_run: of(one_run), draws: of(draws) }
    }
}

/// A size, recorded and simulated.
pub struct Size<'a> {
    pub step: usize,
    pub cgroup: &'a str,
    pub what: &'static str,
    pub recorded: u64,
    pub simulated: u64,
    /// Pages by which the recorded figure may lag behind.
    lag: u64,
}

impl Size<'_> {
    /// Pages by which two figures may differ of which this is one.
    pub fn bound(&self, figure: u64) -> u64 {
        64 + figure / 100 + if self.what == "current" { 0 } else { self.lag }
    }

    /// The recorded figure is none of these, which runs give, nor within the bounds of one.
    pub fn is_off(&self, (least, most): (u64, u64)) -> Option<SizeOff> {
        let bound = self.bound(self.recorded);
        (self.recorded + bound < least || self.recorded > most + bound).then(|| SizeOff {
            step: self.step,
            cgroup: self.cgroup.to_owned(),
            what: self.what,
            recorded: self.recorded,
            simulated: (least, most),
        })
    }
}

/// Holds the sizes of a run against what was recorded.
pub fn sizes(row: &Experiment, run: &ExperimentRun, drawn: Option<Drawn>) -> Sizes {
    let all = every_size(row, run);
    let wrong_write = run.wrong_writes.first().map(|step| (*step, row.steps[*step].errno.unwrap_or(0)));
    let off = all.iter().filter_map(|size| size.is_off((size.simulated, size.simulated))).collect();
    Sizes { compared: all.len(), off, drawn, wrong_write }
}

/// The sizes that a run is compared by.
pub fn every_size<'a>(row: &'a Experiment, run: &ExperimentRun) -> Vec<Size<'a>> {
    let mut sizes = Vec::new();
    for (index, step) in row.steps.iter().enumerate() {
        let dead = step.result.as_deref().is_some_and(|r| r.starts_with("dead"));
        if dead != run.outcome.dead_steps.contains(&index) && !step.op.runs_on() {
            break;
        }
        let looks = looks(row, step);
        if looks.iter().any(|(_, state)| state.is_amid_exit()) {
            continue;
        }
        let Some(seen) = run.after.get(&index) else { continue };
        for (path, state) in &looks {
            let got = seen.get(*path).copied().unwrap_or_default();
            let (step, cgroup, lag) = (index, path.as_str(), lag(row, path));
            let pairs = pairs(state, unowned(row, &looks, path), &got);
            sizes.extend(pairs.map(|(what, recorded, simulated)| Size {
                step,
                cgroup,
                what,
                recorded,
                simulated,
                lag,
            }));
        }
    }
    sizes
}

/// What was seen after a step. Where a process was still on its way when the recording ended, its pace is known up to
/// the last look, which stands for the end.
fn looks<'a>(row: &Experiment, step: &'a Step) -> Vec<(&'a String, &'a State)> {
    match (step.op, row.ends_on_the_way()) {
        (Op::Sample, true) => step.last_looks().collect(),
        (Op::End, true) => Vec::new(),
        _ => step.after.iter().collect(),
    }
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

/// Pages in the swap cache that no process is left to use: they were being written when theirs was killed, which
/// cannot give such pages back (mm/swapfile.c __try_to_reclaim_swap), and stay until reclaim comes. How many is up to
/// the disk.
fn unowned(row: &Experiment, looks: &[(&String, &State)], path: &str) -> u64 {
    let below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let left = |state: &State| if state.stat.contains_key("anon") { 0 } else { state.swap_cached() };
    let deserted = looks.iter().filter(|(cgroup, _)| below(cgroup) && row.is_deserted(cgroup));
    deserted.map(|(_, state)| left(state)).sum()
}

/// What was recorded and what was simulated, by name. A page in the swap cache is in memory and has a slot of swap as
/// well: how many there are at a sample is up to the disk. It counts once, with what is in memory.
fn pairs(state: &State, unowned: u64, got: &Seen) -> [(&'static str, u64, u64); 4] {
    let stat = |name: &str| state.stat.get(name).copied().unwrap_or(0);
    let cached = state.swap_cached();
    // What memory.current has beyond memory.stat was charged in advance, up to 63 pages for each processor.
    let counted = ["anon", "file", "kernel", "sock", "swapcached"].map(stat).iter().sum();
    let current = if stat("kernel") > 0 { state.current.min(counted) } else { state.current };
    [
        ("current", current.saturating_sub(unowned), got.current),
        ("swap", state.swap.saturating_sub(cached), got.swap),
        ("anon", stat("anon") + cached.saturating_sub(unowned), got.anon),
        ("file", stat("file"), got.file),
    ]
}
