//! W1 with memory as ramps: a pod that started at `s` holds (t − s) / 600 ms blocks, and the instants at which
//! something happens are computed. Another model than [`node_day`](crate::node_day), with the same questions.

use crate::node_day::{ALLOCATABLE, BACKOFF, BACKOFF_MAX, LIMIT, LIMITED, Outcome, PODS, RECREATE, TICK};
use crate::{S, Stream};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Time a block takes.
const BLOCK: u64 = 600_000_000;
/// From start to kill of a limited pod.
const LIFE: u64 = (LIMIT + 1) * BLOCK;
/// The check's condition in block-nanoseconds.
const THRESHOLD: u64 = ALLOCATABLE * BLOCK;

#[derive(Clone, Copy, Debug)]
struct Pod {
    /// When it started; `None`: not running.
    start: Option<u64>,
    /// Its next start or kill; `u64::MAX`: none.
    next: u64,
    backoff: u64,
}

/// A node whose pods' memory is ramps.
pub struct RampNode {
    pods: Vec<Pod>,
    /// Running pods and the sum of their starts.
    running: u64,
    starts: u64,
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    tick: u64,
    skip: bool,
    out: Outcome,
}

impl RampNode {
    /// The node of the run with this seed; `skip`: checks that cannot evict are not visited.
    pub fn new(seed: u64, skip: bool) -> Self {
        let pods: Vec<Pod> = (0..PODS)
            .map(|i| Pod { start: None, next: Stream::of_pod(seed, i as u64).draw() * 28, backoff: BACKOFF })
            .collect();
        let queue = pods.iter().enumerate().map(|(i, p)| Reverse((p.next, i))).collect();
        RampNode { pods, running: 0, starts: 0, queue, tick: TICK, skip, out: Outcome::default() }
    }

    /// Handles every event before `until`.
    pub fn advance(&mut self, until: u64) {
        loop {
            let next = self.queue.peek().map_or(u64::MAX, |r| r.0.0);
            let check = if self.skip { self.next_eviction() } else { self.tick };
            if check.min(next) >= until {
                return;
            }
            if check <= next {
                self.check(check);
            } else {
                let Some(Reverse((at, i))) = self.queue.pop() else { return };
                if self.pods[i].next == at {
                    self.step(i, at);
                }
            }
        }
    }

    /// The first check that evicts if no pod starts or dies before.
    fn next_eviction(&self) -> u64 {
        if self.running == 0 {
            return u64::MAX;
        }
        // Σ(t − start) > threshold, that is n·t > threshold + Σstart.
        let crossing = (THRESHOLD + self.starts) / self.running + 1;
        self.tick.max(crossing.next_multiple_of(TICK))
    }

    fn check(&mut self, at: u64) {
        self.out.ticks += 1;
        self.tick = at + TICK;
        let sum = if self.skip {
            self.running * at - self.starts
        } else {
            self.pods.iter().filter_map(|p| p.start).map(|s| at - s).sum()
        };
        if sum <= THRESHOLD {
            return;
        }
        let oldest = (0..PODS).filter_map(|i| Some((self.pods[i].start?, i))).min();
        let Some((start, i)) = oldest else { return };
        self.out.evictions += 1;
        self.out.mark(at, i);
        self.stop(i, start);
        self.pods[i].backoff = BACKOFF;
        self.schedule(i, at + RECREATE);
    }

    fn step(&mut self, i: usize, at: u64) {
        if let Some(start) = self.pods[i].start {
            self.out.kills += 1;
            self.out.mark(at, i);
            self.stop(i, start);
            let backoff = self.pods[i].backoff;
            self.pods[i].backoff = (2 * backoff).min(BACKOFF_MAX);
            self.schedule(i, at + backoff);
        } else {
            self.out.restarts += 1;
            self.pods[i].start = Some(at);
            self.running += 1;
            self.starts += at;
            if i < LIMITED {
                self.schedule(i, at + LIFE);
            } else {
                self.pods[i].next = u64::MAX;
            }
        }
    }

    fn stop(&mut self, i: usize, start: u64) {
        self.pods[i].start = None;
        self.running -= 1;
        self.starts -= start;
    }

    fn schedule(&mut self, i: usize, at: u64) {
        self.pods[i].next = at;
        self.queue.push(Reverse((at, i)));
    }

    /// Figures so far, with the memory in whole blocks per pod at `at`.
    pub fn outcome(&self, at: u64) -> Outcome {
        let blocks = self.pods.iter().filter_map(|p| p.start).map(|s| (at - s) / BLOCK).sum();
        Outcome { end_sum: blocks, ..self.out }
    }
}

/// W1 as ramps; every check is visited and sums all pods.
pub fn ramp_ticks(seed: u64, horizon: u64) -> Outcome {
    let mut node = RampNode::new(seed, false);
    node.advance(horizon);
    node.outcome(horizon)
}

/// W1 as ramps; only checks that evict are visited.
pub fn ramp_skip(seed: u64, horizon: u64) -> Outcome {
    let mut node = RampNode::new(seed, true);
    node.advance(horizon);
    node.outcome(horizon)
}

/// Known outcome of [`ramp_ticks`] with seed 1 for a day, from the definition of the workload.
pub const KNOWN_DAY: (u64, Outcome) = (
    86_400 * S,
    Outcome {
        allocs: 0,
        kills: 15_440,
        evictions: 3_245,
        restarts: 18_715,
        ticks: 8_639,
        end_sum: 22_839,
        hash: 0x2bb5_89b0_001b_6950,
    },
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_come_to_the_known_outcome() {
        let (day, known) = KNOWN_DAY;
        assert_eq!(ramp_ticks(1, day), known);
        assert_eq!(known.events(), 42_794);
        let skip = ramp_skip(1, day);
        assert_eq!(Outcome { ticks: known.ticks, ..skip }, known);
        assert_eq!(skip.events(), 37_400);
    }
}
