//! A goal: what must not happen in which scenarios, and which knobs may be turned.

use super::axes::{Of, ReadAxis, axes, document};
use super::instances::{Instance, Turns, fullest, instances};
use super::now::intrusion;
use super::sweep::{Named, meant, prepare};
use super::tables;
use crate::measure::Measures;
use crate::plan::{Axis, Levels, Plan, RunSpec, Setup};
use crate::prepared::{ScenarioBundle, settings};
use crate::recommend::{
    BadEvent, ChosenPods, Recommendation, RiskTarget, Runs, SearchSettings, Trial, Unusable, in_mixture, search,
};
use crate::runner::Runner;
use oomsim_core::record::Keep;
use oomsim_scenario::reading::{Problems, TableReader, Value, ValueKind, integer, name, one_of, permille, prose, text};
use oomsim_scenario::{Diagnostic, Files, LoadedScenario, Severity, selected};

/// Most settings that are combined.
const MAX_SETTINGS: u64 = 100_000;
/// Runs of the scenarios as they are.
const AS_IT_IS: u64 = 400;

/// A goal that has been read.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Name of the goal: its `name`, or the file name without `.toml`.
    pub name: String,
    /// Description for the user.
    pub description: String,
    /// The scenarios, by name.
    pub scenarios: Vec<(String, ScenarioBundle)>,
    /// How much each of them counts, the heaviest 1.
    pub weights: Vec<f64>,
    /// What must not happen.
    pub targets: Vec<RiskTarget>,
    /// The grid of settings, for each scenario.
    pub plans: Vec<Plan>,
    /// Types of instance; empty: there are no prices.
    pub instances: Vec<Instance>,
    /// What each knob turns.
    turns: Vec<Turns>,
    /// Most runs per setting and scenario in the search.
    pub runs: u64,
    /// Most runs on fresh seeds before a setting is recommended.
    pub confirm: u64,
    /// Probability with which a trial may err.
    pub alpha: f64,
    /// What the scenarios say that is not modelled.
    pub warnings: Vec<Diagnostic>,
}

impl Goal {
    /// Reads a goal. `files` reads relative to where `file` is given from.
    ///
    /// # Errors
    /// All problems of the goal, or those of the scenarios.
    pub fn read(goal: &str, file: &str, files: &dyn Files) -> Result<Self, Vec<Diagnostic>> {
        let problems = Problems::default();
        let read = document(goal, file, &problems).and_then(|root| read(&problems, &root, file, files));
        let list = problems.into_sorted();
        match read {
            Some(goal) if list.iter().all(|d| d.severity == Severity::Warning) => Ok(Goal { warnings: list, ..goal }),
            _ => Err(list),
        }
    }
}

/// What the scenarios come to without any setting.
#[derive(Clone, Debug)]
pub struct AsItIs {
    /// Least allocatable memory over the scenarios.
    pub allocatable: i64,
    /// Bad runs and runs for each target.
    pub counts: Vec<(u64, u64)>,
    /// Why nothing can come of them, if that is so.
    pub unusable: Option<Unusable>,
}

/// Runs the settings of a goal.
pub struct GoalRuns<'a> {
    /// The goal.
    pub goal: &'a Goal,
    /// Does the runs.
    pub runner: &'a dyn Runner,
}

impl Runs for GoalRuns<'_> {
    fn run(&self, scenario: usize, setting: u64, seeds: std::ops::Range<u64>) -> Vec<Measures> {
        let (Some((_, prepared)), Some(plan)) = (self.goal.scenarios.get(scenario), self.goal.plans.get(scenario))
        else {
            return Vec::new();
        };
        self.runner.run_seeds(&plan.spec(setting), seeds, prepared, Keep::Events)
    }

    fn unusable(&self, setting: u64) -> Option<Unusable> {
        self.goal.unusable(|n| self.goal.with_setting(n, setting))
    }

    fn price(&self, setting: u64) -> Option<f64> {
        self.goal.price(setting)
    }

    fn intrusion(&self, setting: u64) -> f64 {
        let Some(((_, prepared), plan)) = self.goal.scenarios.first().zip(self.goal.plans.first()) else { return 0.0 };
        prepared.scenario(&[]).map_or(0.0, |now| intrusion(&now.scenario, plan, setting))
    }
}

impl Goal {
    /// Searches for the setting with the most allocatable memory that meets the targets.
    pub fn search(&self, runner: &dyn Runner, progress: &mut dyn FnMut(&Trial)) -> Recommendation {
        let settings = SearchSettings {
            plan: &self.plans[0],
            weights: &self.weights,
            targets: &self.targets,
            runs: self.runs,
            confirm: self.confirm,
            alpha: self.alpha,
        };
        search(&settings, &GoalRuns { goal: self, runner }, progress)
    }

    /// What a setting costs: the price of its instance, or 1, times its number of nodes. `None`: no knob turns either.
    pub fn price(&self, setting: u64) -> Option<f64> {
        let values = self.plans[0].cell_values(setting);
        let value = |what: Turns| values.iter().zip(&self.turns).find(|(_, turns)| **turns == what).map(|(v, _)| *v);
        let (size, nodes) = (value(Turns::Instances), value(Turns::Nodes));
        let instance = size.and_then(|v| self.instances.iter().find(|instance| instance.name == v.text));
        let count = nodes.and_then(|v| v.number);
        (instance.is_some() || count.is_some()).then(|| instance.map_or(1.0, |i| i.price) * count.unwrap_or(1.0))
    }

    /// Why nothing can come of a setting, in the first of the scenarios in which that is so: the kubelet does not
    /// start, or refuses some of the pods.
    fn unusable(&self, scenario: impl Fn(usize) -> Result<LoadedScenario, Vec<Diagnostic>>) -> Option<Unusable> {
        (0..self.scenarios.len()).find_map(|n| {
            let scenario = scenario(n).ok()?.scenario;
            let of = |why: String| match self.scenarios.len() {
                1 => why,
                _ => format!("{why} (scenario {})", self.scenarios[n].0),
            };
            let not_started = scenario.kubelet_not_started().map(|why| Unusable::KubeletNotStarted(of(why)));
            not_started.or_else(|| scenario.pods_do_not_fit().map(|why| Unusable::PodsDoNotFit(of(why))))
        })
    }

    /// The scenarios as they are, without any setting.
    pub fn as_it_is(&self, runner: &dyn Runner) -> AsItIs {
        let (mut allocatable, mut counts) = (i64::MAX, vec![(0, 0); self.targets.len()]);
        for (n, (_, prepared)) in self.scenarios.iter().enumerate() {
            let untouched = RunSpec { overrides: Vec::new(), ..self.plans[n].spec(0) };
            let runs = runner.run_seeds(&untouched, 0..self.runs.min(AS_IT_IS), prepared, Keep::Events);
            for (m, nth) in runs.iter().zip(0..) {
                allocatable = allocatable.min(m.allocatable.unwrap_or(0));
                let mixed = in_mixture(self.weights[n], nth);
                let about = self.targets.iter().zip(&mut counts);
                let about = about.filter(|(t, _)| t.scenario.map_or(mixed, |s| s == n));
                for (target, (bad, of)) in about {
                    *bad += u64::from(target.happened(m));
                    *of += 1;
                }
            }
        }
        let unusable = self.unusable(|n| self.scenarios[n].1.scenario(&[]));
        AsItIs { allocatable, counts, unusable }
    }

    /// The scenario with a setting.
    ///
    /// # Errors
    /// Its problems.
    pub fn with_setting(&self, scenario: usize, setting: u64) -> Result<LoadedScenario, Vec<Diagnostic>> {
        self.scenarios[scenario].1.scenario(&settings(&self.plans[scenario].spec(setting).overrides))
    }
}

fn read(p: &Problems, root: &Value, file: &str, files: &dyn Files) -> Option<Goal> {
    let mut t = TableReader::open(p, &tables::GOAL, root)?;
    let stem = file.rsplit('/').next().unwrap_or(file);
    let goal_name = t.or("name", stem.strip_suffix(".toml").unwrap_or(stem).into(), name).to_string();
    let description = t.or("description", String::new(), prose);
    let seed = t.or("seed", 1, integer(0, i64::MAX));
    let runs = t.or("runs", 20_000, integer::<u64>(64, tables::MAX_RUNS));
    let confirm = t.or("confirm", runs, integer::<u64>(64, tables::MAX_RUNS));
    let alpha = f64::from(t.or("error", 10, permille)) / 1000.0;
    let instances = instances(p, t.items("instance"));
    let tables = t.items("knob");
    if tables.is_empty() {
        p.error(t.at(), "a goal needs at least one `[[knob]]`: a setting that may change");
    }
    let knobs = axes(p, Of::Goal(&instances), tables);
    let tables = t.items("scenario");
    if tables.is_empty() {
        p.error(t.at(), "a goal needs at least one `[[scenario]]`");
    }
    let GoalScenarios { scenarios, mut weights, unread } = goal_scenarios(p, tables, file, files, &knobs);
    let tables = t.items("target");
    if tables.is_empty() {
        p.error(t.at(), "a goal needs at least one `[[target]]`: a failure and the accepted risk");
    }
    let targets: Vec<RiskTarget> = tables.iter().filter_map(|table| target(p, table, &scenarios, &unread)).collect();
    t.finish();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    weights.iter_mut().for_each(|weight| *weight /= heaviest);
    let mut plans = Vec::new();
    for (_, prepared) in &scenarios {
        let axes = knobs.iter().map(|knob| spread(knob, prepared)).collect();
        let scenario = prepared.hash();
        // The cells matter here; runs are numbered by the search.
        let setup = Setup { scenario, axes, points: 1, repetitions: 1, seed, ..Setup::default() };
        match Plan::new(setup) {
            Ok(plan) if plan.cells() > MAX_SETTINGS => {
                p.error(
                    &root.at,
                    format!("{} settings are too many: at most {MAX_SETTINGS} are allowed", plan.cells()),
                );
            }
            Ok(plan) => plans.push(plan),
            Err(error) => p.error(&root.at, error.to_string()),
        }
    }
    let (name, warnings) = (goal_name, Vec::new());
    if plans.is_empty() || targets.is_empty() || p.errors() > 0 {
        return None;
    }
    let turns = knobs.iter().map(|knob| knob.turns).collect();
    Some(Goal {
        name,
        description,
        scenarios,
        weights,
        targets,
        plans,
        instances,
        turns,
        runs,
        confirm,
        alpha,
        warnings,
    })
}

/// The scenarios of a goal.
#[derive(Default)]
struct GoalScenarios {
    /// With their names.
    scenarios: Vec<(String, ScenarioBundle)>,
    /// How much each of them counts.
    weights: Vec<f64>,
    /// Names of those that have problems of their own.
    unread: Vec<String>,
}

fn goal_scenarios(p: &Problems, tables: &[Value], file: &str, files: &dyn Files, knobs: &[ReadAxis]) -> GoalScenarios {
    let mut all = GoalScenarios::default();
    for table in tables {
        let Some(mut s) = TableReader::open(p, &tables::GOAL_SCENARIO, table) else { continue };
        let at = s.get("file").map(|v| v.at.clone());
        let path = s.required("file", text);
        let scenario_name = s.optional("name", name);
        let node = s.optional("node", text);
        let weight = s.or("weight", 1.0, weight);
        s.finish();
        let (Some(path), Some(at)) = (path, at) else { continue };
        let stem = path.rsplit('/').next().unwrap_or(&path);
        let scenario_name = scenario_name.map_or_else(|| stem.trim_end_matches(".toml").into(), |n| n.to_string());
        let read = all.scenarios.iter().map(|(name, _)| name);
        if read.chain(&all.unread).any(|other| *other == scenario_name) {
            p.error(&at, format!("two scenarios have the name `{scenario_name}`: give one of them a `name`"));
        }
        match prepare(p, &Named { file: path, at: &at, node }, file, files, &[], knobs) {
            Some(prepared) => {
                all.scenarios.push((scenario_name, prepared));
                all.weights.push(weight);
            }
            None => all.unread.push(scenario_name),
        }
    }
    all
}

/// A knob for a scenario: a number of nodes becomes the replicas of the fullest of them.
fn spread(knob: &ReadAxis, prepared: &ScenarioBundle) -> Axis {
    let mut axis = knob.axis.clone();
    if let (Turns::Nodes, Levels::Grid(values), Ok(loaded)) = (knob.turns, &mut axis.levels, prepared.scenario(&[])) {
        for value in values {
            value.sets = fullest(&loaded.scenario, value.number.unwrap_or(1.0) as usize);
        }
    }
    axis
}

/// How much a scenario counts.
fn weight(p: &Problems, value: &Value) -> Option<f64> {
    let number = match &value.kind {
        ValueKind::Int(n) => Some(*n as f64),
        ValueKind::Number(text) => text.parse().ok(),
        _ => None,
    };
    // A thousandth of the heaviest would be one run of a thousand.
    let legal = number.filter(|weight| (0.001..=1000.0).contains(weight));
    if legal.is_none() {
        p.expected(value, "a weight from 0.001 to 1000, such as 9 for nine days of ten");
    }
    legal
}

fn target(p: &Problems, table: &Value, bundles: &[(String, ScenarioBundle)], unread: &[String]) -> Option<RiskTarget> {
    let mut t = TableReader::open(p, &tables::TARGET, table)?;
    let event = t.required("event", one_of("event", &BadEvent::NAMES));
    let classes = t.get("qos");
    let below = t.required("below", share);
    let scenario = t.optional("scenario", |p, value| {
        let given = text(p, value)?;
        let found = bundles.iter().position(|(name, _)| *name == given);
        // What is wrong with a scenario has been said.
        if found.is_none() && !unread.contains(&given) {
            let names = bundles.iter().map(|(name, _)| name).chain(unread).map(String::as_str);
            let problem = Diagnostic::error(&value.at, format!("no scenario is called {given:?}"));
            p.push(problem.label(meant(&given, names)));
        }
        found
    });
    let pods_given = t.get("pods");
    let (pods_at, pods) = (pods_given.map(|v| v.at.clone()), pods_given.and_then(|v| chosen_pods(p, v, bundles)));
    t.finish();
    let mut event = event?;
    if let (Some(at), BadEvent::HostKill | BadEvent::Restart | BadEvent::Stalled) = (&pods_at, event) {
        p.error(at, "`pods` belongs to the events `kernelKill`, `kubepodsOom`, `nodeOom` and `eviction`");
    }
    if let Some(value) = classes {
        let Some(items) = value.items().filter(|items| !items.is_empty()) else {
            p.expected(value, "an array of `\"Guaranteed\"`, `\"Burstable\"`, `\"BestEffort\"`");
            return None;
        };
        let words = [("Guaranteed", 0), ("Burstable", 1), ("BestEffort", 2)];
        let mut chosen = [false; 3];
        items.iter().filter_map(|item| one_of("QoS class", &words)(p, item)).for_each(|i: usize| chosen[i] = true);
        match event {
            BadEvent::KernelKill(_) => event = BadEvent::KernelKill(chosen),
            _ => p.error(&value.at, "`qos` belongs to the event `kernelKill`"),
        }
    }
    Some(RiskTarget { event, below: below?, scenario, pods })
}

/// The pods of all scenarios that a selector chooses.
fn chosen_pods(p: &Problems, value: &Value, bundles: &[(String, ScenarioBundle)]) -> Option<ChosenPods> {
    let selector = text(p, value)?;
    // What is wrong with a scenario was said when it was read.
    let loaded: Vec<LoadedScenario> = bundles.iter().filter_map(|(_, bundle)| bundle.scenario(&[]).ok()).collect();
    let pods = loaded.iter().flat_map(|l| l.scenario.pods.iter().map(move |pod| (&l.scenario, pod)));
    let pods = pods.map(|(scenario, pod)| (pod.full_name(), selected(&selector, pod, scenario)));
    let pods: Vec<(String, bool)> = pods.collect();
    if !pods.iter().any(|(_, chosen)| *chosen) {
        let help = "such as `web-*`, `namespace=shop`, `qos=Burstable`, `priorityClass=gold`, `app=web`";
        p.push(Diagnostic::error(&value.at, format!("no pod fits `{selector}`")).help(help));
        return None;
    }
    Some(ChosenPods { selector, pods })
}

/// A share such as `"0.1%"`, `0.001` or `0`: finer than the thousandths of scenarios.
fn share(p: &Problems, value: &Value) -> Option<f64> {
    let parsed = match &value.kind {
        ValueKind::Int(0) => Some(0.0),
        ValueKind::Number(number) => number.parse().ok(),
        ValueKind::Text(text) => text.strip_suffix('%').and_then(|n| Some(n.trim().parse::<f64>().ok()? / 100.0)),
        _ => None,
    };
    let legal = parsed.filter(|share| (0.0..1.0).contains(share) && (*share == 0.0 || *share >= 1e-6));
    if legal.is_none() {
        p.expected(
            value,
            "a share such as \"0.1%\" or 0.001, at least one in a million, or 0 for \"in none of the runs\"",
        );
    }
    legal
}
