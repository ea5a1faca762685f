//! The race simulated: a node of a scenario, and a program that is added to it.

use super::odds::{Odds, Race};
use crate::axis::{AxisValue, Unit};
use crate::measure::{Measures, RunOutcome};
use crate::plan::{Axis, Levels, Plan, PlanError, Setup};
use crate::prepared::ScenarioBundle;
use crate::runner::Runner;
use crate::stats::{Distribution, Interval, Z95, wilson};
use oomsim_core::kernel::{KernelConfig, Zones};
use oomsim_core::kubelet::{container_grace, effective_grace};
use oomsim_core::plan::KubeletPlan;
use oomsim_core::record::{History, Keep, Sample};
use oomsim_core::units::{Bytes, Pages, SimDuration};
use oomsim_core::workload::TermReaction;
use oomsim_scenario::reading::MAX_TIME;
use oomsim_scenario::{Diagnostic, Files, Severity, assignment};
use std::fmt;
use std::sync::Arc;

/// When the program begins to grow: everything else of the scenario has started by then.
const START: SimDuration = SimDuration::from_secs(30);
/// Name of the pod that is added.
const NAME: &str = "oomsim-racer";
/// What the thresholds are of.
const HARD: &str = "kubelet.evictionHard.memory.available";
/// Longest run: what a scenario may last.
pub const MAX_SECONDS: f64 = MAX_TIME as f64 / 1e9;
/// How long the node is watched without it, at most.
const ALONE: SimDuration = SimDuration::from_secs(1800);

/// The program that grows.
#[derive(Clone, Debug, Default)]
pub struct Racer {
    /// Its memory limit, as a quantity.
    pub limit: Option<String>,
    /// Its reaction to SIGTERM.
    pub on_term: TermReaction,
}

/// A node with a racer, ready to run.
#[derive(Clone, Debug)]
pub struct Contest {
    scenario: ScenarioBundle,
    base: Race,
    alone: Alone,
}

/// What the node does without the program that is added. The closed form presumes that it stands still.
#[derive(Clone, Debug, Default)]
pub struct Alone {
    /// The first death without the added program, if any: victim, outcome, and nanoseconds until then.
    pub first_death: Option<(String, RunOutcome, u64)>,
    /// Least and greatest working set of all pods, bytes.
    pub pods: (u64, u64),
}

/// Why a race is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RaceError {
    /// A program that grows so slowly fills no node within the longest run ([`MAX_SECONDS`]).
    TooSlow {
        /// What it grows by in a second, as a quantity.
        rate: String,
    },
    /// There is no such list of runs.
    Plan(PlanError),
}

impl fmt::Display for RaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RaceError::TooSlow { rate } => {
                write!(f, "a program that grows by {rate}/s does not fill the node within ten years")
            }
            RaceError::Plan(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RaceError {}

impl From<PlanError> for RaceError {
    fn from(error: PlanError) -> Self {
        RaceError::Plan(error)
    }
}

/// One threshold and rate.
#[derive(Clone, Debug)]
pub struct Point {
    /// Hard threshold, as a quantity.
    pub threshold: AxisValue,
    /// Bytes per second, as a quantity.
    pub rate: AxisValue,
    /// Number of runs.
    pub runs: u64,
    /// Runs in which the kernel was first.
    pub lost: u64,
    /// The share of these, with 95 % confidence.
    pub interval: Interval,
    /// Which limit was hit most often in them.
    pub killer: Option<RunOutcome>,
    /// Overshoot at the decisions in time, bytes.
    pub overshoot: Distribution,
    /// From threshold to decision, nanoseconds.
    pub latency: Distribution,
    /// The closed form.
    pub odds: Odds,
    /// Runs that ended without a winner, or with an error.
    pub undecided: u64,
}

impl Contest {
    /// Adds the racer to a scenario's node: its only kind of node, or the one that is named.
    ///
    /// # Errors
    /// The problems of the scenario, or why its node cannot be measured.
    pub fn new(
        text: &str,
        file: &str,
        node: Option<&str>,
        files: &dyn Files,
        set: &[String],
        racer: &Racer,
    ) -> Result<Self, Vec<Diagnostic>> {
        let text = format!("{text}\n{}", racer.pod());
        let scenario = ScenarioBundle::new(file, &text, node, files, set, &[])?;
        // The node as it is when the program begins.
        let short = [format!("duration={START}"), "sample=1s".to_string()];
        let still = scenario.scenario(&[set, &short].concat())?.scenario;
        let Some(kubelet) = still.kubelet.clone() else {
            return Err(vec![problem("there is no kubelet on this node, so there is no race")]);
        };
        if let Some(why) = still.kubelet_not_started() {
            return Err(vec![problem(&format!("the kubelet does not start on this node: {why}"))]);
        }
        let kernel = still.node.kernel.clone();
        let base = match oomsim_core::simulate(&still, 1, Keep::Node) {
            Ok(history) => measured(&history, racer, &kubelet, &kernel),
            Err(error) => return Err(vec![problem(&error.to_string())]),
        };
        let without = [format!("pod.{NAME}.replicas=0"), "sample=1s".to_string()];
        let mut own = scenario.scenario(&[set, &without].concat())?.scenario;
        let duration = own.duration.min(ALONE);
        Arc::make_mut(&mut own).duration = duration;
        let alone = match oomsim_core::simulate(&own, 1, Keep::Node) {
            Ok(history) => Alone::of(&history),
            Err(error) => return Err(vec![problem(&error.to_string())]),
        };
        Ok(Contest { scenario, base, alone })
    }

    /// What the scenario says that is not modelled, or not known.
    pub fn warnings(&self) -> &[Diagnostic] {
        self.scenario.warnings()
    }

    /// What the node does by itself.
    pub fn alone(&self) -> &Alone {
        &self.alone
    }

    /// The closed form for a threshold and a rate in bytes.
    pub fn race(&self, hard: f64, rate: f64) -> Race {
        Race { hard, rate, ..self.base }
    }

    /// Seconds of one run with this threshold and rate: until the last of the limits is reached, and three checks more.
    pub fn seconds(&self, threshold: &AxisValue, rate: &AxisValue) -> f64 {
        let race = self.race(threshold.number.unwrap_or_default(), rate.number.unwrap_or_default());
        (START.as_secs_f64() + 3.0 * race.period + race.room() / race.rate + 15.0).ceil()
    }

    /// The thresholds that the scenario does not take, or with which the kubelet does not start, each with its reason:
    /// there is no race then.
    pub fn refused<'t>(&self, set: &[String], thresholds: &'t [AxisValue]) -> Vec<(&'t AxisValue, String)> {
        let why = |threshold: &AxisValue| {
            let hard = [format!("{HARD}={}", threshold.text)];
            match self.scenario.scenario(&[set, &hard].concat()) {
                Ok(loaded) => Some(format!("the kubelet does not start: {}", loaded.scenario.kubelet_not_started()?)),
                Err(problems) => Some(
                    problems
                        .iter()
                        .filter(|p| p.severity == Severity::Error)
                        .flat_map(Diagnostic::sentences)
                        .collect::<Vec<_>>()
                        .join("; "),
                ),
            }
        };
        thresholds.iter().filter_map(|t| Some((t, why(t)?))).collect()
    }

    /// Runs every threshold with every rate of its own list, `runs` seeds each.
    ///
    /// # Errors
    /// When a race would not end, or there would be too many runs.
    pub fn run(
        &self,
        runner: &dyn Runner,
        set: &[(String, String)],
        field: &[(AxisValue, Vec<AxisValue>)],
        runs: u64,
        seed: u64,
        progress: &mut dyn FnMut(),
    ) -> Result<Vec<Point>, RaceError> {
        let mut points = Vec::new();
        for (threshold, rates) in field {
            for rate in rates {
                let axis = |key: &str, value: &AxisValue| Axis {
                    name: key.into(),
                    keys: vec![key.into()],
                    levels: Levels::Grid(vec![value.clone()]),
                };
                let race = self.race(threshold.number.unwrap_or_default(), rate.number.unwrap_or_default());
                let duration = self.seconds(threshold, rate);
                if duration > MAX_SECONDS {
                    return Err(RaceError::TooSlow { rate: rate.text.clone() });
                }
                let mut fixed = set.to_vec();
                fixed.push(("duration".into(), format!("{duration}s")));
                // Nothing is read from the regular samples: those at events suffice.
                fixed.push(("sample".into(), "30s".into()));
                let axes =
                    vec![axis(HARD, threshold), axis(&format!("pod.{NAME}.container.app.workload.ramp.rate"), rate)];
                let scenario = self.scenario.hash();
                let plan =
                    Plan::new(Setup { scenario, fixed, axes, points: 1, repetitions: runs, seed, ..Setup::default() })?;
                let measures = runner.run(&plan, 0..plan.len(), &self.scenario, Keep::Node);
                points.push(Point::new(threshold.clone(), rate.clone(), &measures, race.odds()));
                progress();
            }
        }
        Ok(points)
    }
}

impl Alone {
    fn of(history: &History) -> Self {
        let m = Measures::of(history);
        let settled = history.series.samples.iter().filter(|s| s.at.as_nanos() >= START.as_nanos());
        let pods = settled.map(|s| s.kubepods_working_set.get());
        let range = pods.fold((u64::MAX, 0), |(low, high), p| (low.min(p), high.max(p)));
        Alone { first_death: m.first_death.map(|at| (m.victim, m.outcome, at)), pods: (range.0.min(range.1), range.1) }
    }
}

impl Racer {
    fn pod(&self) -> String {
        let mut lines = vec![
            "[[pod]]".to_owned(),
            assignment(&["name"], NAME),
            assignment(&["at"], &*START.to_string()),
            assignment(&["restartPolicy"], "Never"),
            "[[pod.container]]".to_owned(),
            assignment(&["name"], "app"),
            match self.on_term {
                TermReaction::Default => assignment(&["onTerm"], "dies"),
                TermReaction::Ignore => assignment(&["onTerm"], "ignores"),
                TermReaction::Exits { after, .. } => assignment(&["onTerm", "exitsAfter"], &*after.to_string()),
            },
            assignment(&["workload", "ramp", "rate"], "1Mi"),
        ];
        lines.extend(self.limit.as_ref().map(|limit| assignment(&["resources", "limits", "memory"], &**limit)));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// What the node holds before the race.
fn measured(history: &History, racer: &Racer, kubelet: &KubeletPlan, kernel: &KernelConfig) -> Race {
    let grace = effective_grace(kubelet.profile.hard_eviction_grace_s, 30, &kubelet.profile);
    let (_, grace) = container_grace(grace, None, &kubelet.profile);
    let bytes = |b: Bytes| b.get() as f64;
    let last = history.series.samples.last().cloned().unwrap_or_default();
    let capacity = bytes(history.node.capacity);
    let pods = bytes(last.kubepods_working_set);
    let system = (bytes(last.working_set) - pods).max(0.0);
    Race {
        capacity,
        kubepods_limit: history.node.kubepods_limit.map_or(capacity, bytes),
        system,
        unseen: (capacity - takeable(&last, kernel) - bytes(last.working_set)).max(0.0),
        stall: kernel.node_oom_stall.as_secs_f64(),
        pods,
        own_room: racer.limit.as_ref().and_then(|l| AxisValue::parse(l).number),
        hard: 0.0,
        rate: 1.0,
        period: kubelet.timing.monitoring_period.as_secs_f64(),
        // SIGKILL ends what SIGTERM does not.
        lag: match racer.on_term {
            TermReaction::Default => 0.0,
            TermReaction::Ignore => grace.as_secs_f64(),
            TermReaction::Exits { after, .. } => after.min(grace).as_secs_f64(),
        },
    }
}

/// What programs can still take until an ordinary allocation fails: free memory above the min watermarks, and the file
/// cache, all of which is given up before anything is killed.
pub(crate) fn takeable(now: &Sample, kernel: &KernelConfig) -> f64 {
    let bytes = |b: Bytes| b.get() as f64;
    let zones = Zones::new(kernel, Pages::ZERO);
    let kept: Pages = zones.zones.iter().map(|z| (z.min + z.protection).min(z.managed)).sum();
    // MemAvailable counts the cache less half of it, or less the low watermarks if that is less.
    let counted = bytes(now.mem_available) - (bytes(now.mem_free) - bytes(zones.total_reserve().bytes())).max(0.0);
    let cache = (2.0 * counted).min(counted + bytes(zones.low().bytes()));
    (bytes(now.mem_free) + cache - bytes(kept.bytes())).max(0.0)
}

fn problem(message: &str) -> Diagnostic {
    Diagnostic::without_place(Severity::Error, message)
}

impl Point {
    /// Share of the runs in which the kernel was first.
    pub fn share(&self) -> f64 {
        self.lost as f64 / self.runs.max(1) as f64
    }

    fn new(threshold: AxisValue, rate: AxisValue, measures: &[Measures], odds: Odds) -> Self {
        let (mut overshoot, mut latency) = (Distribution::default(), Distribution::default());
        let mut killers: std::collections::BTreeMap<RunOutcome, u64> = std::collections::BTreeMap::new();
        let (mut lost, mut undecided) = (0, 0);
        for m in measures {
            match m.outcome {
                RunOutcome::Eviction => {
                    m.overshoot.and_then(|o| u64::try_from(o).ok()).into_iter().for_each(|o| overshoot.add(o));
                    m.latency.into_iter().for_each(|l| latency.add(l));
                }
                outcome if outcome.is_oom() => {
                    lost += 1;
                    *killers.entry(outcome).or_default() += 1;
                }
                _ => undecided += 1,
            }
        }
        let runs = measures.len() as u64;
        let killer = killers.into_iter().max_by_key(|&(_, n)| n).map(|(outcome, _)| outcome);
        let interval = wilson(lost, runs, Z95);
        Point { threshold, rate, runs, lost, interval, killer, overshoot, latency, odds, undecided }
    }
}

impl Contest {
    /// The rates between which the kernel wins in this share of the runs, give or take five per cent: the band in
    /// which "fails about 40 % of the time" is true.
    pub fn band(&self, hard: f64, share: f64) -> Option<[AxisValue; 3]> {
        let race = self.race(hard, 1.0);
        let at = |share: f64| race.rate_for(share).map(|rate| AxisValue::of_number(rate, Unit::Bytes));
        Some([at((share - 0.05).max(0.001))?, at(share)?, at((share + 0.05).min(0.999))?])
    }
}
