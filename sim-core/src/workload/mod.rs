//! What programs do with memory. One file per behaviour; each is a struct of parameters, in the terms of a scenario
//! file, and a small state machine that says what the program does next.

mod growth;
mod managed;
mod params;
mod program;
pub mod runtime;
mod trace;

pub use growth::{Growth, Rhythm};
pub use program::{Program, Step};

pub use params::{
    Behavior, Burst, CacheAccess, Cycle, DotNet, Footprint, HeapLimit, Jitter, JitterKind, Leak, MapFlags, PageCache,
    Ramp, Sawtooth, Script, ScriptOp, Steady, TermReaction, Then,
};
pub use trace::{Gaps, Resume, Trace, TraceAs, TracePoint, Traced};
