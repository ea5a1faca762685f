//! What a checkpoint of a run costs: time to make one and to take up a run from it, and memory of each.
//!
//! ```text
//! cargo run --release -p oomsim-benches --bin checkpoint
//! ```

use oomsim_benches::world;
use oomsim_core::Simulation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::Keep;
use oomsim_core::units::SimTime;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Checkpoints that are held at a time.
const HELD: usize = 2_000;

fn main() {
    println!(
        "{:<14}{:>8}{:>10}{:>12}{:>12}{:>14}{:>12}",
        "run", "at", "records", "make", "resume", "clone of run", "held"
    );
    let oom2 = world::stories().expect("the folder of scenarios is there");
    let oom2 = oom2.into_iter().find(|path| path.ends_with("oom2-allocatable-slow.toml")).expect("it is there");
    measure("OOM2", &world::read(&oom2), 240);
    measure("W1, an hour", &world::node("1h", true), 1_800);
}

fn measure(name: &str, scenario: &Arc<Scenario>, seconds: u64) {
    let mut run = Simulation::new(Arc::clone(scenario), 1, Keep::Series);
    run.run_until(SimTime::from_secs(seconds)).expect("within the limits");
    let before = resident_kib();
    let (make, held) = time(|| run.checkpoint());
    let size = (resident_kib() - before) * 1024 / HELD as u64;
    let first = &held[0];
    let (resume, _) = time(|| first.resume());
    drop(held);
    let started = Instant::now();
    (0..200).for_each(|_| drop(black_box(run.clone())));
    let clone = started.elapsed().as_nanos() as u64 / 200;
    let us = |ns: u64| format!("{:.1} µs", ns as f64 / 1e3);
    println!(
        "{name:<14}{:>7}s{:>10}{:>12}{:>12}{:>14}{:>8} KiB",
        seconds,
        run.entries().len(),
        us(make),
        us(resume),
        us(clone),
        size / 1024
    );
}

/// Nanoseconds of one, and all of them.
fn time<T>(make: impl Fn() -> T) -> (u64, Vec<T>) {
    let mut all = Vec::with_capacity(HELD);
    let started = Instant::now();
    all.extend((0..HELD).map(|_| make()));
    (started.elapsed().as_nanos() as u64 / HELD as u64, all)
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
