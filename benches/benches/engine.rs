//! The event queue under the hold model (W0), with the plain `BinaryHeap` beside it.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use oomsim_benches::hold::{Engine, Plain};

const HOLDS: u64 = 100_000;

fn hold(c: &mut Criterion) {
    let mut group = c.benchmark_group("W0 hold");
    group.throughput(Throughput::Elements(HOLDS));
    for n in [1_000, 100_000] {
        let (mut plain, mut engine) = (Plain::new(n), Engine::new(n));
        group.bench_function(BenchmarkId::new("BinaryHeap", n), |b| b.iter(|| plain.hold(HOLDS)));
        group.bench_function(BenchmarkId::new("engine", n), |b| b.iter(|| engine.hold(HOLDS)));
    }
}

criterion_group!(benches, hold);
criterion_main!(benches);
