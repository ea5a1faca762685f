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
    /// As many sizes of a run are out of the bounds of what all other runs give, of the run that has second most: where
    /// hundreds are up to chance, a few lie outside.
    pub off_by_chance: usize,
    /// Runs of how many in which others die, at other steps, or hang.
    pub other_outcomes: (usize, usize),
}

impl Drawn {
    /// No more sizes are off than would be in one of the runs.
    pub fn is_like_a_run(&self) -> bool {
        self.off.len() <= self.off_by_chance
    }
}

/// The number of a run, and a size that it has.
type OfRun = (usize, u64);

/// Runs a row with all seeds; `None`: nothing is drawn in it. `plain` is the run with seed 0.
pub fn drawn(row: &Experiment, variant: Variant, plain: &ExperimentRun) -> Option<Drawn> {
    if !plain.drawn {
        return None;
    }
    let others = (1..SEEDS).filter_map(|seed| machine::run(row, Variant { seed, ..variant }).ok());
    let others: Vec<ExperimentRun> = others.collect();
    // What the runs have, each with the number of the run.
    let mut figures: BTreeMap<(usize, &str, &str), Vec<OfRun>> = BTreeMap::new();
    for (nth, run) in others.iter().chain([plain]).enumerate() {
        for size in every_size(row, run) {
            figures.entry((size.step, size.cgroup, size.what)).or_default().push((nth, size.simulated));
        }
    }
    let mut drawn = Drawn::default();
    let differs = others.iter().filter(|run| run.outcome != plain.outcome).count();
    drawn.other_outcomes = (differs, others.len() + 1);
    let mut off = vec![0; others.len() + 1];
    for size in every_size(row, plain) {
        let of = &figures[&(size.step, size.cgroup, size.what)];
        let (least, most) = range(of.iter());
        drawn.off.extend(size.is_off((least, most)));
        if most - least <= size.bound(most) {
            continue;
        }
        let bound = size.bound(size.recorded);
        let less = of.iter().filter(|(_, n)| n + bound < size.recorded).count() as f64;
        let as_much = of.iter().filter(|(_, n)| n.abs_diff(size.recorded) <= bound).count() as f64;
        drawn.ranks.push((less + as_much / 2.0) / of.len() as f64);
        for nth in alone(of, |figure, others| size.is_out(figure, others)) {
            off[nth] += 1;
        }
    }
    drawn.off_by_chance = second_most(off);
    Some(drawn)
}

/// The runs whose size is out of what all others give.
fn alone(of: &[OfRun], is_out: impl Fn(u64, (u64, u64)) -> bool) -> impl Iterator<Item = usize> {
    let others = |nth: usize| range(of.iter().filter(move |(other, _)| *other != nth));
    of.iter().filter(move |(nth, figure)| is_out(*figure, others(*nth))).map(|(nth, _)| *nth)
}

fn second_most(mut counts: Vec<usize>) -> usize {
    counts.sort_unstable();
    counts.iter().rev().nth(1).copied().unwrap_or(0)
}

/// The least and the most.
fn range<'a>(figures: impl Iterator<Item = &'a OfRun>) -> (u64, u64) {
    figures.fold((u64::MAX, 0), |(least, most), (_, n)| (least.min(*n), most.max(*n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within 64 pages and 1 % of what the others have: 165 and 100 differ by as much, 166 and 100 by more.
    #[test]
    fn a_run_is_alone_with_what_no_other_has() {
        let is_out = |figure: u64, (least, most): (u64, u64)| {
            let bound = 64 + figure / 100;
            figure + bound < least || figure > most + bound
        };
        let alone = |figures: &[u64]| {
            let of: Vec<OfRun> = figures.iter().copied().enumerate().collect();
            alone(&of, is_out).collect::<Vec<_>>()
        };
        assert_eq!(alone(&[100, 120, 500]), [2]);
        assert_eq!(alone(&[100, 500, 500]), [0]);
        assert_eq!(alone(&[100, 100, 500, 500]), [0; 0]);
        assert_eq!(alone(&[100, 200, 300]), [0, 2]);
        assert_eq!([165, 166].map(|most| alone(&[100, most]).len()), [0, 2]);
    }

    /// One run may be far from all others; a recording that is as far is not like them.
    #[test]
    fn the_run_with_most_is_left_aside() {
        assert_eq!(second_most(vec![0, 9, 2, 1]), 2);
        assert_eq!(second_most(vec![0, 9, 9]), 9);
        assert_eq!(second_most(vec![4]), 0);
        let off = |n| vec![SizeOff { step: 0, cgroup: "/p".into(), what: "swap", recorded: 1, simulated: (0, 0) }; n];
        let like = |n| Drawn { off: off(n), off_by_chance: 2, ..Drawn::default() }.is_like_a_run();
        assert_eq!([0, 2, 3].map(like), [true, true, false]);
    }
}
