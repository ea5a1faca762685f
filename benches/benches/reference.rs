//! The reference loops of W1: what oomsim is measured against.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oomsim_benches::{S, node_day, ramp};

fn node_day(c: &mut Criterion) {
    let mut group = c.benchmark_group("W1 node-day");
    group.sample_size(10);
    let (secs, known) = node_day::KNOWN[2];
    group.throughput(Throughput::Elements(known.events()));
    group.bench_function("plain heap loop", |b| b.iter(|| node_day::heap_loop(1, secs * S)));
    group.bench_function("no queue", |b| b.iter(|| node_day::alone(1, secs * S)));
    let (day, known) = ramp::KNOWN_DAY;
    group.throughput(Throughput::Elements(known.events()));
    group.bench_function("ramps, every check", |b| b.iter(|| ramp::ramp_ticks(1, day)));
    group.bench_function("ramps, evicting checks", |b| b.iter(|| ramp::ramp_skip(1, day)));
}

criterion_group!(benches, node_day);
criterion_main!(benches);
