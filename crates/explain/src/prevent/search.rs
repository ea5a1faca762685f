//! The search: one knob after the other, by running.

use super::change::{Change, Source};
use super::found::{Cure, NoDifference, NotTried, Prevention, PreventionSettings};
use super::knobs::{Knob, Position, Situation, Steps, knobs, resize};
use super::outcome::{Fate, Target, fates, harm};
use super::seeds::{Helped, over_seeds};
use crate::fact::{Fact, ProgramFact, Who};
use crate::run::Run;
use crate::why::Explanation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{Happening, Keep};
use oomsim_core::simulate;
use oomsim_core::units::{Bytes, Quantity, SimDuration};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    let concerned = concerned(run, explanation);
    let mut search = Search { source, seed: run.history().seed, target, base, left: settings.runs, keep: 0 };
    let situation = Situation {
        scenario: run.scenario(),
        text: source.text,
        target: &search.target.clone(),
        concerned: &concerned,
        at: happening.at,
        first_pass: run.history().passes.first().map(|pass| pass.at),
    };
    let as_it_is = over_seeds(&mut search, &Change::default(), false, settings.seeds);
    let mut found = Found::default();
    let all = knobs(&situation);
    for knob in &all {
        // Every cure is tried with other seeds.
        search.keep = (found.cures.len() as u64 + 1).saturating_mul(settings.seeds).min(settings.runs / 2);
        found.add(knob, search.turn(knob));
    }
    let action = resize(run.scenario(), &search.target, |about| found.enough(about), happening.at);
    if let Some(knob) = &action {
        found.add(knob, search.turn(knob));
    }
    search.keep = 0;
    let Found { mut cures, no_difference, not_tried } = found;
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
    let broken_off = left == 0 || not_tried.iter().any(|one| one.why == NO_RUNS);
    Some(Prevention { target, fate, as_it_is, cures, no_difference, not_tried, runs, broken_off })
}

/// Why a knob was not turned any more.
const NO_RUNS: &str = "no runs were left";

/// What came of the knobs.
#[derive(Default)]
struct Found {
    cures: Vec<Cure>,
    no_difference: Vec<NoDifference>,
    not_tried: Vec<NotTried>,
}

impl Found {
    fn add(&mut self, knob: &Knob, turned: Turned) {
        match turned {
            Turned::Cure(cure) => self.cures.push(*cure),
            Turned::NoDifference(none) => self.no_difference.push(none),
            Turned::NotPossible(why) => self.not_tried.push(NotTried { knob: knob.name.clone(), why }),
        }
    }

    /// The limit of a container, `pod/container`, that is enough.
    fn enough(&self, about: &str) -> Option<Bytes> {
        let cure = self.cures.iter().find(|cure| cure.knob.strip_prefix("limit of ") == Some(about))?;
        Quantity::parse(&cure.to.text).ok().and_then(|limit| u64::try_from(limit.value()).ok()).map(Bytes::new)
    }
}

/// Most pods that are looked at because they hold most, and most processes of the node.
const LARGEST: usize = 3;

/// Pods and host processes that the explanation says had grown, the pods that held most, and the scenario's own
/// processes of the node.
fn concerned(run: &Run, explanation: &Explanation) -> Vec<Target> {
    let mut all = growers(run, explanation);
    let mut pods: Vec<_> = run.sample(explanation.at).into_iter().flat_map(|sample| run.pods_in(sample)).collect();
    pods.sort_by_key(|(_, working_set)| std::cmp::Reverse(*working_set));
    let plans = pods.into_iter().take(LARGEST).filter_map(|(pod, _)| run.plan_of(pod));
    let hosts = run.scenario().hosts.iter().take(LARGEST).map(|host| Target::Host(host.name.to_string()));
    for target in plans.map(|plan| Target::Pod(plan.full_name())).chain(hosts) {
        if !all.contains(&target) {
            all.push(target);
        }
    }
    all
}

/// Pods and host processes that the explanation says had grown.
fn growers(run: &Run, explanation: &Explanation) -> Vec<Target> {
    let grew = explanation.chain.iter().filter_map(|link| match &link.fact {
        Fact::Program(ProgramFact::Grew { who, .. }) | Fact::Program(ProgramFact::Innocent { grower: who, .. }) => {
            Some(who)
        }
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
    /// Of these, runs that are kept for other seeds.
    pub keep: u64,
}

enum Turned {
    Cure(Box<Cure>),
    NoDifference(NoDifference),
    /// Why not.
    NotPossible(String),
}

/// What came of a run with a change.
enum Tried {
    /// The scenario cannot be changed like that, or no more runs may be made: why.
    Not(String),
    /// The target comes to harm all the same.
    Same(Fate),
    /// It does not.
    Helps(BTreeMap<Target, Fate>),
}

impl Search<'_> {
    /// What happens with a change.
    ///
    /// # Errors
    /// Why it cannot be made: the scenario or its kubelet refuses it, or no more runs may be made.
    pub fn fates(&mut self, changes: &[&Change], seed: u64) -> Result<(Arc<Scenario>, BTreeMap<Target, Fate>), String> {
        if self.left <= self.keep {
            return Err(NO_RUNS.into());
        }
        self.left -= 1;
        let scenario = self.source.with(changes)?;
        if let Some(why) = scenario.kubelet_not_started() {
            return Err(format!("the kubelet does not start: {why}"));
        }
        let history = simulate(&scenario, seed, Keep::Events).map_err(|stopped| stopped.to_string())?;
        let fates = fates(&scenario, &history);
        Ok((scenario, fates))
    }

    fn tried(&mut self, position: &Position) -> Tried {
        let fates = match self.fates(&[&position.change], self.seed) {
            Ok((_, fates)) => fates,
            Err(why) => return Tried::Not(why),
        };
        match harm(&self.target, &fates) {
            Some(fate) => Tried::Same(*fate),
            None => Tried::Helps(fates),
        }
    }

    fn turn(&mut self, knob: &Knob) -> Turned {
        match &knob.steps {
            Steps::Choices(choices) => self.choose(knob, choices),
            Steps::Numbers { .. } => self.numbers(knob),
        }
    }

    fn choose(&mut self, knob: &Knob, choices: &[String]) -> Turned {
        let (mut same, mut refused) = (Vec::new(), String::new());
        for choice in choices {
            let position = knob.choice(choice);
            match self.tried(&position) {
                Tried::Helps(outcome) => return self.cure(knob, String::new(), position, None, 1.0, &outcome),
                Tried::Same(fate) => same.push((position.text, fate)),
                Tried::Not(why) if why == NO_RUNS => return Turned::NotPossible(why),
                Tried::Not(why) => refused = why,
            }
        }
        nothing(knob, String::new(), same, refused)
    }

    /// Away from its value in both directions, in steps that double; then back by bisection.
    fn numbers(&mut self, knob: &Knob) -> Turned {
        let Steps::Numbers { now, low, high, step } = knob.steps else {
            return Turned::NotPossible("it is a choice".into());
        };
        let from = knob.from();
        let (mut same, mut refused) = (Vec::new(), String::new());
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
                    Tried::Not(why) if why == NO_RUNS => return Turned::NotPossible(why),
                    Tried::Not(why) => {
                        refused = why;
                        if steps == 1 {
                            break;
                        }
                    }
                }
                (no, steps) = (steps, steps.saturating_mul(2).min(most));
            }
            same.extend(last);
        }
        match found {
            None => nothing(knob, from, same, refused),
            Some(between) => self.smallest(knob, from, now, step, between),
        }
    }

    /// Between steps that help and steps that do not, the fewest that help.
    fn smallest(&mut self, knob: &Knob, from: String, now: i64, step: i64, between: (i64, i64)) -> Turned {
        let at = |steps: i64| knob.position(now + steps * step);
        let (mut yes, mut no) = between;
        while (yes - no).abs() > 1 {
            let middle = i64::midpoint(yes, no);
            match self.tried(&at(middle)) {
                Tried::Helps(_) => yes = middle,
                _ => no = middle,
            }
        }
        let outcome = match self.tried(&at(yes)) {
            Tried::Helps(outcome) => outcome,
            Tried::Same(_) => return Turned::NotPossible("two runs of it differ".into()),
            Tried::Not(why) => return Turned::NotPossible(why),
        };
        // What stands on the other side must not help: it may not be possible at all.
        let less = match no {
            0 => None,
            no => match self.tried(&at(no)) {
                Tried::Same(_) => Some(at(no)),
                Tried::Helps(_) => return Turned::NotPossible("two runs of it differ".into()),
                Tried::Not(why) if why == NO_RUNS => return Turned::NotPossible(why),
                Tried::Not(_) => None,
            },
        };
        let asks = asked(now, now + yes * step, knob);
        self.cure(knob, from, at(yes), less, asks, &outcome)
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
        let scenario = self.source.with(&[change]).ok()?;
        let longer = SimDuration::from_nanos(scenario.duration.as_nanos().saturating_mul(3));
        let longer = Change::set("duration", format!("\"{}s\"", longer.as_secs()));
        let (_, fates) = self.fates(&[change, &longer], self.seed).ok()?;
        harm(&self.target, &fates).copied()
    }
}

fn nothing(knob: &Knob, from: String, tried: Vec<(String, Fate)>, refused: String) -> Turned {
    if tried.is_empty() {
        return Turned::NotPossible(refused);
    }
    Turned::NoDifference(NoDifference { knob: knob.name.clone(), from, tried })
}

/// How much a change asks for: doublings; what stood at nothing counts as a doubling more than from one step.
fn asked(from: i64, to: i64, knob: &Knob) -> f64 {
    if knob.is_action() || knob.is_instant() {
        return 1.0;
    }
    let Steps::Numbers { step, .. } = knob.steps else { return 1.0 };
    let size = |value: i64| (value.abs().max(step)) as f64;
    if from == 0 || to == 0 || (from < 0) != (to < 0) {
        return 1.0 + ((to - from).abs() as f64 / step as f64).log2() / 8.0;
    }
    (size(to) / size(from)).log2().abs()
}
