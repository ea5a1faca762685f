//! A deterministic discrete-event model of one Kubernetes node's memory.
//!
//! Three models meet in [`node`]: the [`kernel`] (overcommit, memory cgroups, reclaim, OOM killer), the
//! [`kubelet`] (allocatable, QoS, statistics that are seconds old, eviction, restarts) and the [`workload`]
//! (programs that allocate, touch, cache and free). They share nothing but the plain data of [`node_api`].
//!
//! # A run in a few lines
//! ```
//! use oomsim_core::plan::{HostPlan, NodePlan, Scenario};
//! use oomsim_core::record::{Keep, Record};
//! use oomsim_core::units::Bytes;
//! use oomsim_core::workload::{Behavior, Ramp, Then};
//! use std::sync::Arc;
//!
//! let mut scenario = Scenario::new("leak", NodePlan::new(Bytes::gib(2)));
//! let leak = Behavior::Ramp(Ramp { from: Bytes::ZERO, rate: Bytes::mib(100), to: None, then: Then::Hold });
//! scenario.hosts.push(HostPlan::new("leak", leak));
//!
//! let run = oomsim_core::simulate(&Arc::new(scenario), 1, Keep::Events)?;
//! let killed = |entry: &&oomsim_core::record::Entry| matches!(entry.record, Record::OomKill { .. });
//! let first = run.entries.iter().find(killed).expect("2 GiB are full after some 20 s");
//! assert!((10.0..21.0).contains(&first.at.as_secs_f64()));
//! # Ok::<(), oomsim_core::engine::EngineError>(())
//! ```
//! A [`Simulation`] can also be stepped, changed, looked at, kept as a [`Checkpoint`](node::Checkpoint) and taken up
//! again; the examples `run`, `fork`, `kernel_only` and `eviction_manager` show the parts on their own.
//!
//! Memory whose growth has not been settled cannot be read: the node's memory runs behind the clock
//! ([`engine::RunsBehind`]), and its figures are methods of [`engine::Settled`], which nothing else can make and which
//! does not outlive the next change.
//!
//! # Guarantees
//! * Time is integer nanoseconds, memory integer bytes and pages; no float takes part in a decision.
//! * Events are handled in the total order of [`engine::Key`]: time, phase, lane, insertion.
//! * Every random draw comes from a ChaCha8 stream named after who draws it and what for, so that adding a pod
//!   does not shift another pod's draws.
//! * The same scenario and seed give the same [`record::Digest`], in debug and release, straight or forked.
//! * The crate reads no clock, no file, no environment and has no global state.

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

pub mod engine;
pub mod kernel;
pub mod kubelet;
pub mod node;
pub mod node_api;
pub mod plan;
pub mod record;
pub mod runtime;
pub mod units;
pub mod workload;

pub use node::{BootedNode, Simulation, simulate};
