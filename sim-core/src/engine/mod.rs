//! The discrete-event engine: a queue in a total order, the run loop with its stop rules, random streams, and
//! state that runs behind the clock.
//! It knows nothing of memory.

mod behind;
mod heap;
mod queue;
mod rng;
mod run;

pub use behind::{RunsBehind, Settled};
pub use queue::{Key, Phase, Scheduler};
pub use rng::{Identifier, Stream, StreamFactory, StreamName};
pub use run::{EngineError, Limits, Model, Stop, run};
