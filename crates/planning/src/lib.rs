//! Questions that need many runs: sweeps over parameters, the race between kubelet and kernel as a probability, and
//! settings that make the bad outcome rare enough.
//!
//! Everything rests on one contract. A [`plan::Plan`] is a deterministic list of runs; each has an id that is a hash of
//! scenario, parameters and seed. A run gives one [`row::Row`], text that depends on nothing but its id. Rows go to a
//! [`journal`], in any order, from any number of threads, processes or machines; their union, in the order of the plan,
//! is the result.

pub mod axis;
pub mod execute;
pub mod journal;
pub mod measure;
pub mod plan;
pub mod pool;
pub mod prepared;
pub mod race;
pub mod recommend;
pub mod results;
pub mod row;
pub mod sorted;
pub mod stats;
pub mod study;
pub mod summary;
