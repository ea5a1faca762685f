//! Reference loops and benchmarks.
