//! Questions that need many runs: sweeps over parameters, the race between kubelet and kernel as a probability, and
//! settings that make the bad outcome rare enough.
//!
//! Everything rests on one contract. A [`plan::Plan`] is a deterministic list of runs; each has an id that is a hash of
//! scenario, parameters and seed. A run gives one [`row::ResultRow`], text that depends on nothing but its id.
//!
//! Nothing here reads a file, looks at a clock or starts a thread: the caller brings a [`Runner`] that does the runs.
//! `oomsim-store` has one for all cores, and keeps rows in files.
//!
//! ```
//! use oomsim_planning::stats::{Z95, runs_needed, wilson};
//!
//! // No bad run among 200: with 95 % confidence the risk is below 2 %.
//! let risk = wilson(0, 200, Z95);
//! assert!(risk.low == 0.0 && risk.high < 0.02);
//! // A rarer risk needs more runs to be shown.
//! assert!(runs_needed(0.001, 0.05) > runs_needed(0.01, 0.05));
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

pub mod axis;
pub mod measure;
mod part;
pub mod plan;
pub mod prepared;
pub mod race;
pub mod recommend;
pub mod risk;
pub mod row;
mod runner;
pub mod stats;
pub mod study;
pub mod summary;

pub use part::{Part, PartError};
pub use runner::{InTurn, Runner};
