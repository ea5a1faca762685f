//! The statistics of repeated runs: intervals, early stopping, distributions in constant memory, trade-offs.
//!
//! Everything here is a summary of runs and decides nothing inside one, so floats are allowed.

mod distribution;
mod pareto;
mod proportion;
mod sequential;

pub use distribution::Distribution;
pub use pareto::pareto_front;
pub use proportion::{Interval, Z95, newcombe, wilson};
pub use sequential::{Sequential, TrialVerdict, runs_needed};
