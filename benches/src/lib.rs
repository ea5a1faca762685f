//! Reference loops – what one would write without a simulator – and the means to measure oomsim against them.
//!
//! The workloads use integers only, so that every engine must come to the same counts, sums and hashes; a time is
//! worth nothing before these agree.
//!
//! * [`hold`]: W0, the hold model of event queues (pop the earliest, push another);
//! * [`node_day`]: W1, a node with 110 leaking pods, as a plain heap loop and without a queue between interactions;
//! * [`ramp`]: W1 with memory as ramps and computed crossings;
//! * [`sweep`]: W2, many short runs on one and two threads;
//! * [`fleet`]: W3, many nodes in one process;
//! * [`world`]: the same as scenarios of oomsim;
//! * [`measure`]: interleaved rounds and their spread;
//! * [`jobs`]: small pieces of all this, for counting instructions.

pub mod fleet;
pub mod hold;
pub mod jobs;
pub mod measure;
pub mod node_day;
pub mod ramp;
mod random;
pub mod sweep;
pub mod world;

pub use random::Stream;

/// Nanoseconds per second.
pub const S: u64 = 1_000_000_000;
