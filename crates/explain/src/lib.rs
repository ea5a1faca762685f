//! Why something happened in a run, link by link, each with its figures and the rule behind it.
//!
//! An [`Explanation`] is typed: facts with figures ([`Fact`]) and rules with their sources ([`Rule`]). Text and JSON
//! are made of it at the edge, in [`text`] and [`json`]. The choice of a victim is computed again with the functions
//! that the kernel and the kubelet of the model use, never with formulas of this crate's own.
//!
//! ```
//! use oomsim_core::plan::{HostPlan, NodePlan, Scenario};
//! use oomsim_core::units::Bytes;
//! use oomsim_core::workload::{Behavior, Ramp, Then};
//! use oomsim_explain::{Run, explain, text};
//! use std::sync::Arc;
//!
//! let mut scenario = Scenario::new("leak", NodePlan::new(Bytes::gib(2)));
//! let leak = Behavior::Ramp(Ramp { from: Bytes::ZERO, rate: Bytes::mib(100), to: None, then: Then::Hold });
//! scenario.hosts.push(HostPlan::new("leak", leak));
//! let run = Run::new(Arc::new(scenario), 1)?;
//! let first = &run.happenings()[0];
//! let explained = explain(&run, 1, first);
//! assert_eq!(explained.cause.as_str(), "node-memory");
//! assert!(text::explanation(&explained).contains("out of memory"));
//! # Ok::<(), oomsim_core::engine::EngineError>(())
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

mod candidates;
pub mod diagnose;
mod fact;
pub mod json;
pub mod prevent;
mod rule;
mod run;
pub mod text;
mod why;

pub use candidates::{Candidates, KernelCandidate, KernelTable, PodCandidate};
pub use fact::{AfterFact, ChoiceFact, Fact, KernelFact, KubeletFact, ProgramFact, RoomFact};
pub use fact::{Link, ThresholdState, Who, WhyNot};
pub use rule::Rule;
pub use run::Run;
pub use why::{Explanation, Unhappened, explain, explain_not};
