//! The kernel: processes, overcommit, memory cgroups, reclaim, and the OOM killer.

pub mod log;
