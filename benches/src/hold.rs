//! W0, the hold model: `n` pending events; the earliest is taken and another one scheduled, again and again.

use crate::Stream;
use oomsim_core::engine::{Key, Limits, Model, Phase, Scheduler, run};
use oomsim_core::units::{SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// What must come out alike on every queue; both figures do not depend on how ties are broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Time of the last event taken.
    pub last: u64,
    /// Sum of the times of all events taken, modulo 2^64.
    pub sum: u64,
}

fn increment(stream: &mut Stream) -> u64 {
    1 + stream.draw() % 2_000_000_000
}

/// The hold model on std's `BinaryHeap` of (time, insertion, id).
pub struct Plain {
    stream: Stream,
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    seq: u64,
    checks: Checks,
}

impl Plain {
    /// With `n` pending events.
    pub fn new(n: u32) -> Self {
        let mut stream = Stream::new(42);
        let heap = (0..n).map(|id| Reverse((increment(&mut stream), u64::from(id), id))).collect();
        Plain { stream, heap, seq: n.into(), checks: Checks::default() }
    }

    /// Takes `k` events; the time that took.
    pub fn hold(&mut self, k: u64) -> Duration {
        let started = Instant::now();
        for _ in 0..k {
            let Some(Reverse((at, _, id))) = self.heap.pop() else { break };
            self.checks = Checks { last: at, sum: self.checks.sum.wrapping_add(at) };
            self.heap.push(Reverse((at + increment(&mut self.stream), self.seq, id)));
            self.seq += 1;
        }
        started.elapsed()
    }

    /// Counts and sums so far, to compare engines.
    pub fn checks(&self) -> Checks {
        self.checks
    }
}

/// The same as a [`Model`] under [`run`], with keys, stop rules and the limit of events per instant.
pub struct Engine {
    world: HoldWorld,
    queue: Scheduler<u32>,
}

struct HoldWorld {
    stream: Stream,
    left: u64,
    checks: Checks,
}

impl Model for HoldWorld {
    type Event = u32;

    fn handle(&mut self, key: Key, id: u32, queue: &mut Scheduler<u32>) {
        let at = key.at.as_nanos();
        self.checks = Checks { last: at, sum: self.checks.sum.wrapping_add(at) };
        queue.after(SimDuration::from_nanos(increment(&mut self.stream)), Phase::Workload, 0, id);
        self.left -= 1;
    }

    fn halted(&self) -> bool {
        self.left == 0
    }
}

impl Engine {
    /// With `n` pending events.
    pub fn new(n: u32) -> Self {
        let mut stream = Stream::new(42);
        let mut queue = Scheduler::new();
        for id in 0..n {
            queue.at(SimTime::from_nanos(increment(&mut stream)), Phase::Workload, 0, id);
        }
        Engine { world: HoldWorld { stream, left: 0, checks: Checks::default() }, queue }
    }

    /// Takes `k` events; the time that took.
    pub fn hold(&mut self, k: u64) -> Duration {
        self.world.left = k;
        let started = Instant::now();
        run(&mut self.world, &mut self.queue, &Limits::default()).expect("the default limits are far away");
        started.elapsed()
    }

    /// Counts and sums so far, to compare engines.
    pub fn checks(&self) -> Checks {
        self.world.checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (events taken, last, sum) for 1,000 pending events, from the definition of the workload.
    const KNOWN: [(u64, u64, u64); 3] = [
        (100_000, 94_121_806_190, 0x0010_c827_61a1_17ef),
        (500_000, 469_020_968_369, 0x01a0_f6a1_0d91_317e),
        (1_000_000, 937_882_050_015, 0x0682_a9bc_831d_6c26),
    ];

    #[test]
    fn both_queues_come_to_the_known_figures() {
        let (mut plain, mut engine) = (Plain::new(1_000), Engine::new(1_000));
        let mut taken = 0;
        for (k, last, sum) in KNOWN {
            plain.hold(k - taken);
            engine.hold(k - taken);
            taken = k;
            assert_eq!(plain.checks(), Checks { last, sum });
            assert_eq!(engine.checks(), Checks { last, sum });
        }
    }
}
