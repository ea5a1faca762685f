//! The run loop and the rules that end it.

use super::{Key, Scheduler};
use crate::units::SimTime;
use std::fmt;

/// A model that handles events.
pub trait Model {
    /// The closed set of things that can happen.
    type Event;
    /// Handles one event; new ones go to `queue`.
    fn handle(&mut self, key: Key, event: Self::Event, queue: &mut Scheduler<Self::Event>);
    /// True when the model has come to an end by itself (a kernel panic, say).
    fn halted(&self) -> bool {
        false
    }
}

/// How long a run may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events at or after this instant are not handled.
    pub until: SimTime,
    /// Most events handled in one run.
    pub max_events: u64,
    /// Most events handled at one instant: more means that the model goes round in circles.
    pub max_events_per_instant: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { until: SimTime::MAX, max_events: 10_000_000_000, max_events_per_instant: 1_000_000 }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The time limit was reached.
    Time,
    /// Nothing was left to happen.
    Idle,
    /// The model halted.
    Halted,
}

/// A run that had to be broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// More than `limit` events in the whole run.
    TooManyEvents {
        /// The limit that was exceeded.
        limit: u64,
        /// How far the run came.
        at: SimTime,
    },
    /// More than `limit` events at one instant.
    TooManyEventsAtOnce {
        /// The limit that was exceeded.
        limit: u64,
        /// The instant.
        at: SimTime,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::TooManyEvents { limit, at } => {
                write!(f, "more than {limit} events: the run was broken off at {at} s")
            }
            EngineError::TooManyEventsAtOnce { limit, at } => {
                write!(f, "more than {limit} events at {at} s: the model goes round in circles there")
            }
        }
    }
}

impl std::error::Error for EngineError {}

/// Handles events until a limit is reached or nothing is left, and returns how the run ended with the number of
/// events handled. It may be called again with later limits.
///
/// # Errors
/// When a limit on the number of events is exceeded.
pub fn run<M: Model>(
    model: &mut M,
    queue: &mut Scheduler<M::Event>,
    limits: &Limits,
) -> Result<(Stop, u64), EngineError> {
    let (mut events, mut at_once) = (0, 0);
    let mut instant = queue.now();
    loop {
        match queue.next_at() {
            None => return Ok((Stop::Idle, events)),
            Some(at) if at >= limits.until => {
                queue.advance_to(limits.until);
                return Ok((Stop::Time, events));
            }
            Some(at) if at == instant => at_once += 1,
            Some(at) => (instant, at_once) = (at, 1),
        }
        if at_once > limits.max_events_per_instant {
            return Err(EngineError::TooManyEventsAtOnce { limit: limits.max_events_per_instant, at: instant });
        }
        if events >= limits.max_events {
            return Err(EngineError::TooManyEvents { limit: limits.max_events, at: instant });
        }
        events += 1;
        let Some((key, event)) = queue.pop() else { continue };
        model.handle(key, event, queue);
        if model.halted() {
            return Ok((Stop::Halted, events));
        }
    }
}
