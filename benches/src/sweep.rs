//! W2: independent runs of an hour with seeds 0, 1, 2, …, spread over threads.

use crate::S;
use crate::node_day::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Length of one run.
pub const HOUR: u64 = 3_600 * S;

/// Sum of the outcomes of `runs` runs with seeds `0..runs` on `threads` threads; each thread has a `worker` of its own,
/// which makes one run after the other.
pub fn sweep<F: FnMut(u64) -> Outcome>(runs: u64, threads: usize, worker: impl Fn() -> F + Sync) -> Outcome {
    let next = AtomicU64::new(0);
    let work = || {
        let mut one = worker();
        let mut sum = Outcome::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= runs {
                return sum;
            }
            sum.add(&one(seed));
        }
    };
    let mut total = Outcome::default();
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        total = work();
        for other in others {
            total.add(&other.join().expect("a run panicked"));
        }
    });
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_day::{alone, heap_loop};

    #[test]
    fn threads_and_engines_agree() {
        let one = sweep(8, 1, || |seed| heap_loop(seed, HOUR));
        assert_eq!(sweep(8, 2, || |seed| heap_loop(seed, HOUR)), one);
        assert_eq!(sweep(8, 3, || |seed| alone(seed, HOUR)), one);
    }
}
