//! One course of events: a scenario with a seed, from which every instant can be reached.

use oomsim_core::Simulation;
use oomsim_core::engine::EngineError;
use oomsim_core::node::{Checkpoint, NodeView};
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep};
use oomsim_core::units::SimTime;
use std::fmt;
use std::sync::Arc;

/// Checkpoints of a course: with them any instant is at most a thirty-second of the run away.
const CHECKPOINTS: u64 = 32;

/// A run that can be sought through.
#[derive(Debug)]
pub struct Course {
    pub scenario: Arc<Scenario>,
    pub history: History,
    checkpoints: Vec<Checkpoint>,
    /// The run where it was last looked at.
    cursor: Simulation,
}

/// An instant that cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeekError {
    /// There is no such course.
    NoCourse,
    /// The run breaks off before.
    Engine(EngineError),
}

impl fmt::Display for SeekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeekError::NoCourse => f.write_str("no scenario is open"),
            SeekError::Engine(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for SeekError {}

impl From<EngineError> for SeekError {
    fn from(why: EngineError) -> Self {
        SeekError::Engine(why)
    }
}

impl Course {
    /// Runs the scenario to its end, and keeps checkpoints on the way.
    ///
    /// # Errors
    /// When the run takes more events than the engine allows.
    pub fn run(scenario: Arc<Scenario>, seed: u64) -> Result<Course, SeekError> {
        let mut run = Simulation::new(Arc::clone(&scenario), seed, Keep::Series);
        let stretch = scenario.duration.as_nanos().div_ceil(CHECKPOINTS).max(1);
        let mut checkpoints = vec![run.checkpoint()];
        for number in 1..CHECKPOINTS {
            run.run_until(SimTime::from_nanos(number * stretch))?;
            checkpoints.push(run.checkpoint());
        }
        run.run_until(SimTime::MAX)?;
        let cursor = checkpoints[0].resume();
        Ok(Course { scenario, history: run.finish(), checkpoints, cursor })
    }

    /// The node as it stands when everything before `at` has happened, and nothing at `at` itself.
    ///
    /// # Errors
    /// When the run breaks off before.
    pub fn seek(&mut self, at: SimTime) -> Result<NodeView, SeekError> {
        let place = self.checkpoints.partition_point(|checkpoint| checkpoint.at() <= at);
        let checkpoint = &self.checkpoints[place.saturating_sub(1)];
        // Going on from where the run stands is the shortest way, unless it lies behind or a checkpoint is nearer.
        if self.cursor.now() > at || self.cursor.now() < checkpoint.at() {
            self.cursor = checkpoint.resume();
        }
        self.cursor.run_until(at)?;
        Ok(self.cursor.view())
    }

    /// The node after the engine's next event, whatever it is; nothing after the last.
    pub fn step(&mut self) -> Option<NodeView> {
        self.cursor.step()?;
        Some(self.cursor.view())
    }
}
