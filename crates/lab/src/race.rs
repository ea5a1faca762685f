//! The race of kernel and kubelet: what comes first, over all phases of the kubelet's check.

use oomsim_core::Simulation;
use oomsim_core::engine::EngineError;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{Entry, Keep, Record};
use oomsim_core::units::{SimDuration, SimTime};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// A run ends when the race is decided, which is looked at this often.
const LOOKS: u64 = 64;

/// Outcomes over phases.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Race {
    /// Seconds from one check to the next; `None`: no kubelet runs, and each piece has a seed of its own instead.
    pub period: Option<f64>,
    /// In the order in which they were asked for.
    pub pieces: Vec<Piece>,
}

/// One run of the race.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Piece {
    /// Its place among all of them.
    pub place: u32,
    /// When the first check begins, in seconds.
    pub phase: Option<f64>,
    /// Who was first: `kernel`, `kubelet` or `none`.
    pub first: &'static str,
    /// What happened first, for people.
    pub what: String,
    /// When, in seconds.
    pub at: Option<f64>,
}

/// Which runs of a race: those at the places `first`, `first + step` and so on, of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The first place.
    pub first: u32,
    /// From one place to the next.
    pub step: u32,
    /// Places over a whole period.
    pub of: u32,
}

impl Race {
    /// Runs the scenario with each of these phases of the check, in place of the one that it fixes or draws.
    ///
    /// # Errors
    /// When a run takes more events than the engine allows.
    pub fn run(scenario: &Arc<Scenario>, seed: u64, pieces: Pieces) -> Result<Race, EngineError> {
        let period = scenario.kubelet.as_ref().map(|kubelet| kubelet.timing.monitoring_period);
        let places = (pieces.first..pieces.of).step_by(usize::try_from(pieces.step.max(1)).unwrap_or(1));
        let run = |place: u32| {
            let phase = period.map(|period| phase(period, place, pieces.of));
            let seed = if phase.is_some() { seed } else { seed.wrapping_add(place.into()) };
            let first = first(with_phase(scenario, phase), seed)?;
            let (first, what, at) = first.unwrap_or(("none", "no kill and no eviction".to_owned(), SimTime::MAX));
            let at = (at < SimTime::MAX).then(|| at.as_secs_f64());
            Ok(Piece { place, phase: phase.map(SimTime::as_secs_f64), first, what, at })
        };
        let pieces = places.map(run).collect::<Result<_, EngineError>>()?;
        Ok(Race { period: period.map(SimDuration::as_secs_f64), pieces })
    }
}

/// Places are spread evenly, each in the middle of its share of the period, on whole milliseconds as files state them.
fn phase(period: SimDuration, place: u32, of: u32) -> SimTime {
    let millis = u128::from(period.as_nanos() / 1_000_000);
    let middle = millis * (2 * u128::from(place) + 1) / (2 * u128::from(of.max(1)));
    SimTime::from_nanos(u64::try_from(middle * 1_000_000).unwrap_or(u64::MAX))
}

fn with_phase(scenario: &Arc<Scenario>, phase: Option<SimTime>) -> Arc<Scenario> {
    let mut scenario = Arc::clone(scenario);
    if phase.is_some()
        && let Some(kubelet) = &mut Arc::make_mut(&mut scenario).kubelet
    {
        kubelet.first_pass = phase;
        kubelet.passes = Arc::from([]);
    }
    scenario
}

type First = (&'static str, String, SimTime);

/// Who kills or evicts first, whom and when; nothing when neither does.
fn first(scenario: Arc<Scenario>, seed: u64) -> Result<Option<First>, EngineError> {
    let end = scenario.duration;
    let mut run = Simulation::new(scenario, seed, Keep::Events);
    let mut seen = 0;
    for look in 1..=LOOKS {
        let until = u128::from(end.as_nanos()) * u128::from(look) / u128::from(LOOKS);
        let until =
            if look == LOOKS { SimTime::MAX } else { SimTime::from_nanos(u64::try_from(until).unwrap_or(u64::MAX)) };
        run.run_until(until)?;
        let new = &run.entries()[seen..];
        if let Some(found) = new.iter().find_map(decided) {
            return Ok(Some(found));
        }
        seen += new.len();
    }
    Ok(None)
}

fn decided(entry: &Entry) -> Option<First> {
    match &entry.record {
        Record::OomKill { report, limit, .. } => {
            let victim = report.killed_tasks().next().map_or("a process", |task| &*task.comm);
            let at: Cow<'_, str> = match limit.as_str() {
                "node" => "the node is full".into(),
                of => format!("{of} limit").into(),
            };
            Some(("kernel", format!("the kernel kills {victim} ({at})"), entry.at))
        }
        Record::Evicted { pod, .. } => Some(("kubelet", format!("the kubelet evicts {pod}"), entry.at)),
        _ => None,
    }
}
