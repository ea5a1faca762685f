//! The search: one knob after the other, by running.

use super::change::{Change, Source};
use super::knobs::{Knob, Position, Steps, knobs};
use super::outcome::{Fate, Target, fates, harm};
use super::seeds::{Helped, over_seeds};
use crate::fact::{Fact, Who};
use crate::run::Run;
use crate::why::Explanation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{Happening, Keep};
use oomsim_core::simulate;
use oomsim_core::units::SimDuration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How thoroughly is searched.
#[derive(Clone, Copy, Debug)]
pub struct PreventionSettings {
    /// Most runs in all.
    pub runs: u64,
    /// Seeds that each cure is tried with.
    pub seeds: u64,
}

impl Default for PreventionSettings {
    fn default() -> Self {
        PreventionSettings { runs: 2000, seeds: 20 }
    }
}

/// A change that prevents it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cure {
    /// What is changed.
    pub knob: String,
    /// Where it stood; empty for actions.
    pub from: String,
    /// Where it has to be put.
    pub to: Position,
    /// One step less, which does not help; `None` for a choice, and where one step less is the scenario as it is.
    pub one_step_less: Option<Position>,
    /// How much it asks for: doublings of an amount; a choice counts as one.
    pub asks: f64,
    /// The same happens later than the scenario lasts: in a run three times as long, then.
    pub only_later: Option<Fate>,
    /// Who is saved in addition.
    pub saves: Vec<Target>,
    /// Who comes to harm instead.
    pub harms: Vec<(Target, Fate)>,
    /// With other seeds and phases of the kubelet's check.
    pub helped: Helped,
}

/// A change that makes no difference to the outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoDifference {
    /// What was changed.
    pub knob: String,
    /// Where it stood.
    pub from: String,
    /// How far it was turned, and what happened there.
    pub tried: Vec<(String, Fate)>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prevention {
    /// Who is to be saved.
    pub target: Target,
    /// What happens to it as things are.
    pub fate: Fate,
    /// In how many of the runs with other seeds it happens as things are.
    pub as_it_is: Helped,
    /// What prevents it, by how little it asks for.
    pub cures: Vec<Cure>,
    /// What makes no difference.
    pub no_difference: Vec<NoDifference>,
    /// How many runs it took.
    pub runs: u64,
    /// The search ended because it had used all its runs.
    pub broken_off: bool,
}

/// Looks for the smallest changes of a scenario after which `happening` does not happen.
pub fn prevent(
    source: &Source<'_>,
    run: &Run,
    happening: &Happening,
    explanation: &Explanation,
    settings: PreventionSettings,
) -> Option<Prevention> {
    let target = Target::of(run, happening)?;
    let base = fates(run.scenario(), run.history());
    let fate = *harm(&target, &base)?;
    let growers = growers(run, explanation);
    let mut search = Search { source, seed: run.history().seed, target, base, left: settings.runs };
    let all = knobs(run.scenario(), &search.target, &growers, happening.at);
    let (mut cures, mut no_difference) = (Vec::new(), Vec::new());
    for knob in &all {
        match search.turn(knob) {
            Turned::Cure(cure) => cures.push(*cure),
            Turned::NoDifference(none) => no_difference.push(none),
            Turned::NotPossible => {}
        }
    }
    let none = Change::default();
    let as_it_is = over_seeds(&mut search, &none, false, settings.seeds);
    for cure in &mut cures {
        let is_phase = all.iter().any(|knob| knob.name == cure.knob && knob.is_phase());
        cure.helped = over_seeds(&mut search, &cure.to.change.clone(), is_phase, settings.seeds);
    }
    cures.sort_by(|a, b| {
        (a.only_later.is_some(), a.asks)
            .partial_cmp(&(b.only_later.is_some(), b.asks))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let Search { target, left, .. } = search;
    let runs = settings.runs - left;
    Some(Prevention { target, fate, as_it_is, cures, no_difference, runs, broken_off: left == 0 })
}

/// Pods and host processes that the explanation says had grown.
fn growers(run: &Run, explanation: &Explanation) -> Vec<Target> {
    let grew = explanation.chain.iter().filter_map(|link| match &link.fact {
        Fact::Grew { who, .. } | Fact::Innocent { grower: who, .. } => Some(who),
        _ => None,
    });
    let mut all: Vec<Target> = Vec::new();
    for who in grew {
        match who {
            Who::Pod(pod) => all.extend(run.plan_of(pod).map(|plan| Target::Pod(plan.full_name()))),
            Who::Process { of, .. } => {
                let parts: Vec<&str> = of.split('/').collect();
                match parts[..] {
                    ["host", name] => all.push(Target::Host(name.to_owned())),
                    ["pod", ref rest @ .., _] => {
                        let name = rest.join("/");
                        let full = if rest.len() == 1 { format!("default/{name}") } else { name };
                        all.extend(run.plan_of(&full).map(|plan| Target::Pod(plan.full_name())));
                    }
                    _ => {}
                }
            }
            Who::System => all.extend(run.scenario().hosts.iter().map(|host| Target::Host(host.name.to_string()))),
            Who::Pods => {}
        }
    }
    all.dedup();
    all
}

/// A search under way.
pub(super) struct Search<'a> {
    pub source: &'a Source<'a>,
    pub seed: u64,
    pub target: Target,
    pub base: BTreeMap<Target, Fate>,
    /// Runs that may still be made.
    pub left: u64,
}

enum Turned {
    Cure(Box<Cure>),
    NoDifference(NoDifference),
    NotPossible,
}

/// What came of a run with a change.
enum Tried {
    /// The scenario cannot be changed like that, or no more runs may be made.
    Not,
    /// The target comes to harm all the same.
    Same(Fate),
    /// It does not.
    Helps(Box<(Arc<Scenario>, BTreeMap<Target, Fate>)>),
}

impl Search<'_> {
    /// What happens with a change; `None`: it cannot be made, or no more runs may be made.
    pub fn fates(&mut self, changes: &[&Change], seed: u64) -> Option<(Arc<Scenario>, BTreeMap<Target, Fate>)> {
        self.left = self.left.checked_sub(1)?;
        let scenario = self.source.with(changes)?;
        if scenario.kubelet_not_started().is_some() {
            return None;
        }
        let history = simulate(&scenario, seed, Keep::Events).ok()?;
        let fates = fates(&scenario, &history);
        Some((scenario, fates))
    }

    fn tried(&mut self, position: &Position) -> Tried {
        let Some((scenario, fates)) = self.fates(&[&position.change], self.seed) else { return Tried::Not };
        match harm(&self.target, &fates) {
            Some(fate) => Tried::Same(*fate),
            None => Tried::Helps(Box::new((scenario, fates))),
        }
    }

    fn turn(&mut self, knob: &Knob) -> Turned {
        match &knob.steps {
            Steps::Choices(choices) => self.choose(knob, choices),
            Steps::Numbers { .. } => self.numbers(knob),
        }
    }

    fn choose(&mut self, knob: &Knob, choices: &[String]) -> Turned {
        let mut same = Vec::new();
        for choice in choices {
            let position = knob.choice(choice);
            match self.tried(&position) {
                Tried::Helps(found) => return self.cure(knob, String::new(), position, None, 1.0, &found.1),
                Tried::Same(fate) => same.push((position.text, fate)),
                Tried::Not => {}
            }
        }
        nothing(knob, String::new(), same)
    }

    /// Away from its value in both directions, in steps that grow fourfold; then back by bisection.
    fn numbers(&mut self, knob: &Knob) -> Turned {
        let Steps::Numbers { now, low, high, step } = knob.steps else { return Turned::NotPossible };
        let from = if knob.is_action() { String::new() } else { knob.position(now).text };
        let mut same = Vec::new();
        let mut found: Option<(i64, i64)> = None;
        for (sign, end) in [(1, high), (-1, low)] {
            let most = (end - now).abs() / step;
            let (mut no, mut steps) = (0, 1.min(most));
            let mut last = None;
            while steps > no && found.is_none_or(|(yes, _)| steps < yes.abs()) {
                match self.tried(&knob.position(now + sign * steps * step)) {
                    Tried::Helps(_) => {
                        found = Some((sign * steps, sign * no));
                        break;
                    }
                    Tried::Same(fate) => last = Some((knob.position(now + sign * steps * step).text, fate)),
                    Tried::Not if steps == 1 => break,
                    Tried::Not => {}
                }
                (no, steps) = (steps, steps.saturating_mul(4).min(most));
            }
            same.extend(last);
        }
        let Some((mut yes, mut no)) = found else { return nothing(knob, from, same) };
        while (yes - no).abs() > 1 {
            let middle = i64::midpoint(yes, no);
            match self.tried(&knob.position(now + middle * step)) {
                Tried::Helps(_) => yes = middle,
                _ => no = middle,
            }
        }
        let at = |steps: i64| knob.position(now + steps * step);
        let Tried::Helps(outcome) = self.tried(&at(yes)) else { return Turned::NotPossible };
        let asks = asked(now, now + yes * step, knob);
        // What stands on the other side must not help: it may not be possible at all.
        if !matches!(no, 0) && !matches!(self.tried(&at(no)), Tried::Same(_)) {
            return Turned::NotPossible;
        }
        self.cure(knob, from, at(yes), (no != 0).then(|| at(no)), asks, &outcome.1)
    }

    fn cure(
        &mut self,
        knob: &Knob,
        from: String,
        to: Position,
        one_step_less: Option<Position>,
        asks: f64,
        outcome: &BTreeMap<Target, Fate>,
    ) -> Turned {
        let only_later = self.later(&to.change);
        let saved = self.base.keys().filter(|t| **t != self.target && harm(t, outcome).is_none());
        let harms = outcome.iter().filter(|(t, _)| harm(t, &self.base).is_none()).map(|(t, f)| (t.clone(), *f));
        Turned::Cure(Box::new(Cure {
            knob: knob.name.clone(),
            from,
            to,
            one_step_less,
            asks,
            only_later,
            saves: saved.cloned().collect(),
            harms: harms.collect(),
            helped: Helped::default(),
        }))
    }

    /// What happens in a run three times as long.
    fn later(&mut self, change: &Change) -> Option<Fate> {
        let scenario = self.source.with(&[change])?;
        let longer = SimDuration::from_nanos(scenario.duration.as_nanos().saturating_mul(3));
        let longer = Change::set("duration", format!("\"{}s\"", longer.as_secs()));
        let (_, fates) = self.fates(&[change, &longer], self.seed)?;
        harm(&self.target, &fates).copied()
    }
}

fn nothing(knob: &Knob, from: String, tried: Vec<(String, Fate)>) -> Turned {
    if tried.is_empty() {
        return Turned::NotPossible;
    }
    Turned::NoDifference(NoDifference { knob: knob.name.clone(), from, tried })
}

/// How much a change asks for: doublings; what stood at nothing counts as a doubling more than from one step.
fn asked(from: i64, to: i64, knob: &Knob) -> f64 {
    if knob.is_action() || knob.is_phase() {
        return 1.0;
    }
    let Steps::Numbers { step, .. } = knob.steps else { return 1.0 };
    let size = |value: i64| (value.abs().max(step)) as f64;
    if from == 0 || to == 0 || (from < 0) != (to < 0) {
        return 1.0 + ((to - from).abs() as f64 / step as f64).log2() / 8.0;
    }
    (size(to) / size(from)).log2().abs()
}
