//! Runs a story's scenario.

use super::decision::{self, Decision};
use super::disturbance::{Disturbance, Of};
use super::error::StoryError;
use super::import;
use super::story::Story;
use oomsim_core::node::Simulation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep, Sample};
use oomsim_core::units::SimTime;
use oomsim_scenario::{NoFiles, load};
use std::sync::Arc;

/// One simulated run of a story.
#[derive(Clone, Debug)]
pub struct StoryRun {
    /// Who died.
    pub decisions: Vec<Decision>,
    /// T0 in the scenario's time.
    pub t0: f64,
    /// Everything else.
    pub history: History,
    /// Memory at the instants of the recorded series.
    pub at_rows: Vec<Sample>,
}

/// The scenario of a story, read as any other.
///
/// # Errors
/// What of the story is not understood.
pub fn scenario(story: &Story, disturbance: Disturbance) -> Result<Arc<Scenario>, StoryError> {
    let text = import::scenario(story, disturbance)?;
    Ok(load(&text, &format!("{}.toml", story.id), &NoFiles, &[])?.scenario)
}

/// Runs a story.
///
/// # Errors
/// When the story is not understood or the run exceeds its limits.
pub fn run(story: &Story, disturbance: Disturbance, keep: Keep) -> Result<StoryRun, StoryError> {
    let scenario = scenario(story, disturbance)?;
    let t0 = import::t0(story);
    let seed = scenario.seed;
    let mut simulation = Simulation::new(scenario, seed, keep);
    let mut at_rows = Vec::new();
    if keep == Keep::Series {
        for row in &story.series.rows {
            simulation.run_until(instant(t0 + row.0))?;
            at_rows.push(simulation.sample());
        }
    }
    simulation.run_until(SimTime::MAX)?;
    let history = simulation.finish();
    Ok(StoryRun { decisions: decision::simulated(&history, t0), t0, history, at_rows })
}

fn instant(s: f64) -> SimTime {
    SimTime::from_nanos((s.max(0.0) * 1e9) as u64)
}

/// The disturbances under which a decided story's verdict stays the same: ±1 % of all rates, and of any process's
/// against any other's; ±50 ms of the manager's phase; one page of kernel memory of any process more than of any other
/// (recorded: 9 to 12 pages a pod); ±1 MiB of the recordings' agent (standard deviation of what it grows by).
///
/// Two numbers differ in at least one bit: to disturb processes by the bits of their numbers is to disturb any two of
/// them against each other.
pub fn disturbances(processes: usize) -> Vec<Disturbance> {
    let all = [Of::Rate(10), Of::Rate(-10), Of::PhaseMs(50), Of::PhaseMs(-50), Of::Agent(1), Of::Agent(-1)];
    let mut list: Vec<Disturbance> = all.into_iter().map(|of| Disturbance { of, bit: None }).collect();
    let bits = usize::BITS - processes.saturating_sub(1).leading_zeros();
    for bit in 0..bits {
        for (of, set) in [(Of::Rate(10), true), (Of::Rate(10), false), (Of::Pages(1), true), (Of::Pages(1), false)] {
            list.push(Disturbance { of, bit: Some((bit, set)) });
        }
    }
    list
}

/// The first disturbance that changes the simulated verdict, and what it becomes. The recorded outcome is not looked
/// at.
///
/// # Errors
/// As [`run`].
pub fn flip(story: &Story, nominal: &StoryRun) -> Result<Option<(Disturbance, Vec<Decision>)>, StoryError> {
    let in_pods: usize = story.pods.iter().flat_map(|p| &p.containers).map(|c| c.procs.len()).sum();
    for disturbance in disturbances(in_pods + story.host.len()) {
        let other = run(story, disturbance, Keep::Events)?;
        if !decision::same_verdict(&nominal.decisions, &other.decisions) {
            return Ok(Some((disturbance, other.decisions)));
        }
    }
    Ok(None)
}
