//! The search among settings.
//!
//! Settings are the combinations of the knobs' values, the cheapest first, or without prices that with the most
//! allocatable memory. Of many settings along one knob only those that bisection needs are tried, and whether the risk
//! really falls along the knob is checked at further points, with all points tried where it does not. Each trial stops
//! as soon as a [`Sequential`] test knows which side of the target it is on.

use super::target::RiskTarget;
use crate::axis::AxisValue;
use crate::measure::{Measures, RunOutcome};
use crate::plan::Plan;
use crate::stats::{Interval, Sequential, TrialVerdict, Z95, pareto_front, wilson};
use ordered_float::OrderedFloat;
use std::collections::BTreeMap;
use std::fmt;

/// Runs of the first round of a trial; each round doubles the number.
const FIRST_ROUND: u64 = 64;
/// A knob with at most this many values is tried value by value.
const BISECT_ABOVE: usize = 8;

/// What the search needs to know of the outside: it runs a setting.
pub trait Runs {
    /// The measures of the runs of a setting in one of the scenarios, in the order of the numbers of their seeds.
    fn run(&self, scenario: usize, setting: u64, seeds: std::ops::Range<u64>) -> Vec<Measures>;

    /// Why nothing can come of a setting, in the first of the scenarios in which that is so.
    fn unusable(&self, setting: u64) -> Option<Unusable>;

    /// What a setting costs; of settings that meet the targets the cheapest is recommended, if there are prices.
    fn price(&self, _setting: u64) -> Option<f64> {
        None
    }

    /// How far a setting is from what there is now: of settings that are equally good the least is recommended.
    fn intrusion(&self, _setting: u64) -> f64 {
        0.0
    }
}

/// What is searched, and how thoroughly.
#[derive(Clone, Debug)]
pub struct SearchSettings<'a> {
    /// The grid of settings: its cells.
    pub plan: &'a Plan,
    /// How much each scenario counts, the heaviest 1. A target that names no scenario is about runs of all of them in
    /// these shares.
    pub weights: &'a [f64],
    /// What has to hold.
    pub targets: &'a [RiskTarget],
    /// Most runs of one trial in one scenario.
    pub runs: u64,
    /// Runs on fresh seeds before a setting is recommended.
    pub confirm: u64,
    /// Probability with which a trial may err.
    pub alpha: f64,
}

/// Why nothing can come of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The kubelet does not start, for these reasons.
    KubeletNotStarted(String),
    /// The pods' requests do not fit on the node together.
    PodsDoNotFit(String),
}

impl Unusable {
    /// The reason alone.
    pub fn why(&self) -> &str {
        match self {
            Unusable::KubeletNotStarted(why) | Unusable::PodsDoNotFit(why) => why,
        }
    }

    /// What is wrong, in general.
    pub fn what(&self) -> &'static str {
        match self {
            Unusable::KubeletNotStarted(_) => "the kubelet does not start",
            Unusable::PodsDoNotFit(_) => "the pods do not fit",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.why())
    }
}

/// A setting that was tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Cell of the plan.
    pub setting: u64,
    /// Least allocatable memory over the scenarios.
    pub allocatable: i64,
    /// What it costs, if there are prices.
    pub price: Option<f64>,
    /// Why nothing can come of it: nothing was run then.
    pub unusable: Option<Unusable>,
    /// Bad runs and runs for each target.
    pub counts: Vec<(u64, u64)>,
    /// What is known for each target.
    pub verdicts: Vec<TrialVerdict>,
    /// Who was first, over the runs that were bad for some target.
    pub causes: BTreeMap<RunOutcome, u64>,
    /// Bad runs in which the kernel killed although the kubelet had decided to evict: the grace period was too long.
    pub late: u64,
}

impl Trial {
    /// The target that is met worst: its share of bad runs with the interval.
    pub fn risk(&self) -> (f64, Interval) {
        let share = |&(bad, runs): &(u64, u64)| bad as f64 / runs as f64;
        let known = self.counts.iter().filter(|(_, runs)| *runs > 0);
        let worst = known.max_by_key(|count| OrderedFloat(share(count)));
        worst.map_or((1.0, wilson(0, 0, Z95)), |w| (share(w), wilson(w.0, w.1, Z95)))
    }

    /// Whether all targets are known to be met.
    pub fn passes(&self) -> bool {
        self.unusable.is_none() && self.verdicts.iter().all(|v| *v == TrialVerdict::Below)
    }

    /// Whether some target is known to be missed.
    pub fn fails(&self) -> bool {
        self.unusable.is_some() || self.verdicts.contains(&TrialVerdict::Above)
    }
}

/// A setting whose fresh runs bear it out.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// The trial that found it.
    pub trial: Trial,
    /// The same on seeds that the search has not seen.
    pub fresh: Trial,
}

/// What came of the search.
#[derive(Clone, Debug)]
pub enum SearchResult {
    /// The setting with the most allocatable memory that meets the targets.
    Setting(Box<Confirmed>),
    /// No setting does; the nearest is trial number n.
    Nothing {
        /// Index of the trial with the least risk.
        nearest: usize,
    },
}

/// The result.
#[derive(Clone, Debug)]
pub struct Recommendation {
    /// All settings that were tried, in the order of falling allocatable memory.
    pub trials: Vec<Trial>,
    /// Indices of the trials that no other beats in both allocatable memory and risk.
    pub front: Vec<usize>,
    /// The recommendation.
    pub found: SearchResult,
    /// Settings that met the targets in the search but not on fresh seeds.
    pub withdrawn: Vec<u64>,
    /// Knobs along which the risk does not fall all the way.
    pub not_monotone: Vec<String>,
}

impl Recommendation {
    /// Whether turning this knob alone, at a setting that was tried, is seen to change the risk: two trials that differ
    /// in it only have intervals that do not overlap.
    pub fn acts(&self, plan: &Plan, axis: usize, setting: u64) -> bool {
        let sizes: Vec<usize> = plan.grid_axes().map(|(_, values)| values.len()).collect();
        let line = lines(plan.cells(), &sizes, axis).into_iter().find(|line| line.contains(&setting));
        let on_line = |t: &&Trial| line.as_ref().is_some_and(|line| line.contains(&t.setting));
        let ends = self.trials.iter().filter(on_line).map(|t| t.risk().1);
        let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), i| (low.min(i.high), high.max(i.low)));
        low < high
    }
}

impl Recommendation {
    /// Whether all trials that differ from a setting in this knob alone have the same share of bad runs.
    pub fn same_along(&self, plan: &Plan, axis: usize, setting: u64) -> bool {
        let sizes: Vec<usize> = plan.grid_axes().map(|(_, values)| values.len()).collect();
        let line =
            lines(plan.cells(), &sizes, axis).into_iter().find(|line| line.contains(&setting)).unwrap_or_default();
        let mut shares = self.trials.iter().filter(|t| line.contains(&t.setting)).map(|t| OrderedFloat(t.risk().0));
        let first = shares.next();
        shares.all(|share| Some(share) == first)
    }
}

struct Search<'a, R> {
    settings: &'a SearchSettings<'a>,
    runs: &'a R,
    trials: BTreeMap<u64, Trial>,
    not_monotone: Vec<String>,
}

/// Searches for the setting with the most allocatable memory that meets all targets.
pub fn search(settings: &SearchSettings<'_>, runs: &impl Runs, progress: &mut dyn FnMut(&Trial)) -> Recommendation {
    let mut s = Search { settings, runs, trials: BTreeMap::new(), not_monotone: Vec::new() };
    let sizes: Vec<usize> = settings.plan.grid_axes().map(|(_, values)| values.len()).collect();
    // The knob with most values is bisected, the others are combined.
    let line_axis = (0..sizes.len()).rev().max_by_key(|&i| sizes[i]);
    match line_axis.filter(|&i| sizes[i] > BISECT_ABOVE) {
        Some(axis) => lines(settings.plan.cells(), &sizes, axis).iter().for_each(|line| s.line(line, axis, progress)),
        None => (0..settings.plan.cells()).for_each(|setting| s.known(setting, progress)),
    }
    let (confirmed, withdrawn) = s.confirm();
    if let Some(confirmed) = &confirmed {
        neighbours(&sizes, confirmed.trial.setting).into_iter().for_each(|setting| s.known(setting, progress));
    }
    s.finish(confirmed, withdrawn)
}

/// The settings that differ in one knob only, for every combination of the others.
fn lines(cells: u64, sizes: &[usize], axis: usize) -> Vec<Vec<u64>> {
    let stride: u64 = sizes[axis + 1..].iter().map(|&n| n as u64).product();
    let span = stride * sizes[axis] as u64;
    let starts = (0..cells).filter(|cell| cell % span < stride);
    starts.map(|start| (0..sizes[axis] as u64).map(|i| start + i * stride).collect()).collect()
}

/// The settings one step away in one knob.
pub(super) fn neighbours(sizes: &[usize], setting: u64) -> Vec<u64> {
    let mut stride = 1;
    let mut found = Vec::new();
    for &size in sizes.iter().rev() {
        let at = setting / stride % size as u64;
        found.extend((at > 0).then(|| setting - stride));
        found.extend((at + 1 < size as u64).then(|| setting + stride));
        stride *= size as u64;
    }
    found
}

impl<R: Runs> Search<'_, R> {
    /// Tries a setting unless it has been tried.
    fn known(&mut self, setting: u64, progress: &mut dyn FnMut(&Trial)) {
        if !self.trials.contains_key(&setting) {
            let trial = self.trial(setting, 0..self.settings.runs);
            progress(&trial);
            self.trials.insert(setting, trial);
        }
    }

    fn passes(&mut self, setting: u64, progress: &mut dyn FnMut(&Trial)) -> bool {
        self.known(setting, progress);
        self.trials[&setting].passes()
    }

    /// Finds where a line of settings begins to pass. Which end is the safe one is seen from its ends.
    fn line(&mut self, line: &[u64], axis: usize, progress: &mut dyn FnMut(&Trial)) {
        // The risk says nothing where the kubelet does not start: such settings are known without a run, and left out.
        let (line, refused): (Vec<u64>, _) = line.iter().partition(|s| self.runs.unusable(**s).is_none());
        refused.into_iter().for_each(|setting: u64| self.known(setting, progress));
        let Some(last) = line.len().checked_sub(1) else { return };
        let line = &line[..];
        let (first_passes, last_passes) = (self.passes(line[0], progress), self.passes(line[last], progress));
        let (mut no, mut yes) = match (first_passes, last_passes) {
            (false, true) => (0, last),
            (true, false) => (last, 0),
            // Both pass or neither does: look in between before believing it.
            (same, _) => {
                let inside: Vec<bool> = (1..4).map(|q| self.passes(line[last * q / 4], progress)).collect();
                if inside.iter().any(|&p| p != same) {
                    self.whole_line(line, axis, progress);
                }
                return;
            }
        };
        while usize::abs_diff(no, yes) > 1 {
            let middle = usize::midpoint(no, yes);
            if self.passes(line[middle], progress) { yes = middle } else { no = middle }
        }
        // Monotone so far, as far as bisection has looked. Look half way to both ends, too.
        let ends = if yes > no { (last, 0) } else { (0, last) };
        let (safe, risky) = (usize::midpoint(yes, ends.0), usize::midpoint(no, ends.1));
        if !self.passes(line[safe], progress) || self.passes(line[risky], progress) {
            self.whole_line(line, axis, progress);
        }
    }

    fn whole_line(&mut self, line: &[u64], axis: usize, progress: &mut dyn FnMut(&Trial)) {
        let name = self.settings.plan.axes()[axis].name.clone();
        if !self.not_monotone.contains(&name) {
            self.not_monotone.push(name);
        }
        line.iter().for_each(|&setting| self.known(setting, progress));
    }

    /// Runs a setting on some of the seeds, round by round, until every target is decided or one is missed.
    fn trial(&self, setting: u64, seeds: std::ops::Range<u64>) -> Trial {
        let SearchSettings { targets, alpha, .. } = *self.settings;
        let mut tests: Vec<Sequential> = targets.iter().map(|t| Sequential::new(t.below, alpha)).collect();
        let mut trial = Trial {
            setting,
            allocatable: i64::MAX,
            price: self.runs.price(setting),
            unusable: self.runs.unusable(setting),
            counts: Vec::new(),
            verdicts: vec![TrialVerdict::Undecided; targets.len()],
            causes: BTreeMap::new(),
            late: 0,
        };
        if trial.unusable.is_some() {
            return Trial { allocatable: 0, counts: vec![(0, 0); targets.len()], ..trial };
        }
        let (mut done, mut round) = (seeds.start, FIRST_ROUND);
        while done < seeds.end && !trial.passes() && !trial.verdicts.contains(&TrialVerdict::Above) {
            let next = (done + round).min(seeds.end);
            let runs = self.round(&trial, done..next);
            let mut of_scenario: Vec<_> = runs.into_iter().map(|(all, runs)| (all, runs.into_iter())).collect();
            // The runs of a mixture come in its shares from the first one on.
            for seed in done..next {
                for (scenario, (all, rest)) in of_scenario.iter_mut().enumerate() {
                    let mixed = in_mixture(self.settings.weights[scenario], seed);
                    let run = if *all || mixed { rest.next() } else { None };
                    if let Some(m) = run {
                        trial.allocatable = trial.allocatable.min(m.allocatable.unwrap_or(0));
                        trial.count(targets, &mut tests, (scenario, mixed), &m);
                    }
                }
            }
            (done, round) = (next, round * 2);
        }
        trial.counts = tests.iter().map(Sequential::counts).collect();
        for ((verdict, target), (bad, runs)) in trial.verdicts.iter_mut().zip(targets).zip(&trial.counts) {
            // "None of the runs" is met when the runs are over without one.
            if target.below == 0.0 && *bad == 0 && *runs > 0 {
                *verdict = TrialVerdict::Below;
            }
        }
        trial
    }

    /// The runs of one round, by scenario: of all seeds where a target is about it alone, otherwise of its share of
    /// them.
    fn round(&self, trial: &Trial, seeds: std::ops::Range<u64>) -> Vec<(bool, Vec<Measures>)> {
        let SearchSettings { targets, weights, .. } = *self.settings;
        let open = |about: Option<usize>| {
            targets.iter().zip(&trial.verdicts).any(|(t, v)| t.scenario == about && *v == TrialVerdict::Undecided)
        };
        let mixed = open(None);
        let one = |(scenario, &weight): (usize, &f64)| {
            let all = open(Some(scenario));
            let count = match (all, mixed) {
                (true, _) => seeds.end - seeds.start,
                (false, true) => share_of(weight, seeds.end) - share_of(weight, seeds.start),
                (false, false) => return (false, Vec::new()),
            };
            (all, self.runs.run(scenario, trial.setting, seeds.start..seeds.start + count))
        };
        weights.iter().enumerate().map(one).collect()
    }

    /// The cheapest setting, or without prices that with the most allocatable memory, whose fresh runs bear it out. Of
    /// equals the one that changes least is taken, then the first.
    fn confirm(&self) -> (Option<Confirmed>, Vec<u64>) {
        let mut passing: Vec<&Trial> = self.trials.values().filter(|t| t.passes()).collect();
        passing.sort_by_key(|t| (t.rank(), OrderedFloat(self.runs.intrusion(t.setting)), t.setting));
        let mut withdrawn = Vec::new();
        for trial in passing {
            let SearchSettings { runs, confirm, .. } = *self.settings;
            let fresh = self.trial(trial.setting, runs..runs + confirm);
            if fresh.passes() {
                return (Some(Confirmed { trial: trial.clone(), fresh }), withdrawn);
            }
            withdrawn.push(trial.setting);
        }
        (None, withdrawn)
    }

    fn finish(self, confirmed: Option<Confirmed>, withdrawn: Vec<u64>) -> Recommendation {
        let mut trials: Vec<Trial> = self.trials.into_values().collect();
        trials.sort_by_key(|t| (t.rank(), t.setting));
        // A setting with which the kubelet does not start is neither on the front nor near.
        let risk = |t: &Trial| if t.unusable.is_some() { f64::NAN } else { t.risk().0 };
        let gain = |t: &Trial| t.price.map_or(t.allocatable as f64, |price| -price);
        let points: Vec<(f64, f64)> = trials.iter().map(|t| (gain(t), risk(t))).collect();
        let nearest = (0..trials.len()).min_by_key(|&i| OrderedFloat(points[i].1)).unwrap_or(0);
        let found = confirmed.map_or(SearchResult::Nothing { nearest }, |c| SearchResult::Setting(Box::new(c)));
        Recommendation { front: pareto_front(&points), trials, found, withdrawn, not_monotone: self.not_monotone }
    }
}

/// How many of the first `n` runs of a scenario with this weight belong to the mixture.
fn share_of(weight: f64, n: u64) -> u64 {
    (weight * n as f64).floor() as u64
}

/// Whether run number `nth` of a scenario with this weight belongs to the mixture.
pub(crate) fn in_mixture(weight: f64, nth: u64) -> bool {
    share_of(weight, nth + 1) > share_of(weight, nth)
}

impl Trial {
    /// Cheaper first, then more allocatable memory.
    fn rank(&self) -> (OrderedFloat<f64>, i64) {
        (OrderedFloat(self.price.unwrap_or_default()), -self.allocatable)
    }

    /// Counts a run of a scenario; `mixed`: it is one of the mixture, too.
    fn count(
        &mut self,
        targets: &[RiskTarget],
        tests: &mut [Sequential],
        (scenario, mixed): (usize, bool),
        m: &Measures,
    ) {
        let mut bad_somewhere = false;
        for ((target, test), verdict) in targets.iter().zip(tests).zip(&mut self.verdicts) {
            if target.scenario.map_or(mixed, |s| s == scenario) && *verdict != TrialVerdict::Below {
                let bad = target.happened(m);
                bad_somewhere |= bad;
                test.add(bad);
                // Once missed is missed; the rest of the round only tells the share better.
                if *verdict == TrialVerdict::Undecided {
                    *verdict = test.verdict();
                }
            }
        }
        if bad_somewhere {
            *self.causes.entry(m.outcome).or_default() += 1;
            let decided = m.first_decision.zip(m.first_death).is_some_and(|(decision, death)| decision < death);
            self.late += u64::from(decided && m.outcome.is_oom());
        }
    }

    /// The values of the knobs.
    pub fn values<'p>(&self, plan: &'p Plan) -> Vec<&'p AxisValue> {
        plan.cell_values(self.setting)
    }
}

#[cfg(test)]
mod tests;
