//! A deterministic discrete-event model of one Kubernetes node's memory.
//!
//! Three models meet in [`node`]: the [`kernel`] (overcommit, memory cgroups, reclaim, OOM killer), the
//! [`kubelet`] (allocatable, QoS, statistics that are seconds old, eviction, restarts) and the [`workload`]
//! (programs that allocate, touch, cache and free). They share nothing but the plain data of [`node_api`].
//!
//! # Guarantees
//! * Time is integer nanoseconds, memory integer bytes and pages; no float takes part in a decision.
//! * Events are handled in the total order of [`engine::Key`]: time, phase, lane, insertion.
//! * Every random draw comes from a ChaCha8 stream named after who draws it and what for, so that adding a pod
//!   does not shift another pod's draws.
//! * The same scenario and seed give the same [`record::Digest`], in debug and release, straight or forked.
//! * The crate reads no clock, no file, no environment and has no global state.

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
