//! What is up to chance in an experiment: a row in which something is drawn is run with other seeds as well.

use super::compare::{SizeOff, every_size};
use super::machine::{self, ExperimentRun};
use super::row::Experiment;
use super::variant::Variant;
use std::collections::BTreeMap;

/// Seeds that a row is run with, from 0.
const SEEDS: u64 = 32;

/// What the runs of a row with all seeds give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// Of each size in which the runs themselves differ by more than the bounds: the share of the runs that have less
    /// than was recorded; those that have as much, within the bounds, count half.
    pub ranks: Vec<f64>,
    /// Sizes out of the bounds of what the runs give.
    pub off: Vec<SizeOff>,
    /// Runs of how many in which others die, at other steps, or hang.
    pub other_outcomes: (usize, usize),
}

/// Runs a row with all seeds; `None`: nothing is drawn in it. `plain` is the run with seed 0.
pub fn drawn(row: &Experiment, variant: Variant, plain: &ExperimentRun) -> Option<Drawn> {
    if !plain.drawn {
        return None;
    }
    let others = (1..SEEDS).filter_map(|seed| machine::run(row, Variant { seed, ..variant }).ok());
    let others: Vec<ExperimentRun> = others.collect();
    // What the runs have.
    let mut figures: BTreeMap<(usize, &str, &str), Vec<u64>> = BTreeMap::new();
    for run in others.iter().chain([plain]) {
        for size in every_size(row, run) {
            figures.entry((size.step, size.cgroup, size.what)).or_default().push(size.simulated);
        }
    }
    let mut drawn = Drawn::default();
    let differs = others.iter().filter(|run| run.outcome != plain.outcome).count();
    drawn.other_outcomes = (differs, others.len() + 1);
    for size in every_size(row, plain) {
        let of = &figures[&(size.step, size.cgroup, size.what)];
        let (least, most) = of.iter().fold((u64::MAX, 0), |(least, most), n| (least.min(*n), most.max(*n)));
        drawn.off.extend(size.is_off((least, most)));
        if most - least <= size.bound(most) {
            continue;
        }
        let bound = size.bound(size.recorded);
        let less = of.iter().filter(|n| **n + bound < size.recorded).count() as f64;
        let as_much = of.iter().filter(|n| n.abs_diff(size.recorded) <= bound).count() as f64;
        drawn.ranks.push((less + as_much / 2.0) / of.len() as f64);
    }
    Some(drawn)
}
