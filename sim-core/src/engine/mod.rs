//! The discrete-event engine: a queue in a total order, the run loop with its stop rules, and random streams.
//! It knows nothing of memory.

mod heap;
mod queue;
mod rng;
mod run;

pub use queue::{Key, Phase, Scheduler};
pub use rng::{Identifier, Stream, StreamFactory, StreamName};
pub use run::{EngineError, Limits, Model, Stop, run};
