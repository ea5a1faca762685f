//! Pieces of work with a name, small enough to be counted instruction by instruction.

use crate::sweep::HOUR;
use crate::{hold, node_day, ramp};

/// A piece of work.
pub struct Job {
    /// Name, without spaces.
    pub name: &'static str,
    /// Does it; returns something that depends on all of it.
    pub run: fn() -> u64,
}

/// All of them. Those whose names begin with `reference` do not use oomsim: when they change, the toolchain did.
pub const JOBS: &[Job] = &[
    Job { name: "nothing", run: || 0 },
    Job { name: "reference/w0-1000", run: || plain_hold(1_000) },
    Job { name: "reference/w1-hour", run: || node_day::heap_loop(1, HOUR).hash },
    Job { name: "reference/w1-hour-no-queue", run: || node_day::alone(1, HOUR).hash },
    Job { name: "reference/w1-hour-ramps", run: || ramp::ramp_skip(1, HOUR).hash },
    Job { name: "w0-1000", run: || engine_hold(1_000) },
    Job { name: "w0-100000", run: || engine_hold(100_000) },
];

const HOLDS: u64 = 200_000;

fn plain_hold(n: u32) -> u64 {
    let mut plain = hold::Plain::new(n);
    plain.hold(HOLDS);
    plain.checks().sum
}

fn engine_hold(n: u32) -> u64 {
    let mut engine = hold::Engine::new(n);
    engine.hold(HOLDS);
    engine.checks().sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_without_spaces() {
        for (i, job) in JOBS.iter().enumerate() {
            assert!(!job.name.contains(' '));
            assert!(JOBS[..i].iter().all(|other| other.name != job.name), "{}", job.name);
        }
    }
}
