//! Prints what oomsim promises about its speed beside what is measured, as ratios in interleaved rounds.
//!
//! ```text
//! cargo run --release -p oomsim-benches --bin table            # all sections, some minutes
//! cargo run --release -p oomsim-benches --bin table -- W0 W1   # some
//! ```

use benches::fleet::{self, Order};
use benches::hold::{Engine, Plain};
use benches::measure::{Contender, Spread, interleave, ratio};
use benches::node_day::{self, Outcome};
use benches::ramp;
use benches::sweep::{HOUR, sweep};
use std::env;
use std::hint::black_box;

/// Rounds after the first, which warms up and does not count.
const ROUNDS: usize = 7;

/// What a row promises.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    /// A reference: nothing is promised.
    None,
}

fn row(work: &str, unit: &str, target: Target, measured: Spread) {
    let (wanted, met) = match target {
        Target::AtMost(t) => (format!("≤ {t}"), Some(measured.median <= t)),
        Target::None => (String::from("–"), None),
    };
    let verdict = met.map_or("", |m| if m { "met" } else { "MISSED" });
    let precision = if measured.median >= 0.1 { 2 } else { 4 };
    println!("| {work} | {wanted} | {measured:.precision$} | {unit} | {verdict} |");
}

/// Scaled times as a spread.
fn scaled(seconds: &[f64], factor: f64) -> Spread {
    Spread::of(seconds.iter().map(|s| s * factor))
}

fn main() {
    let wanted: Vec<String> = env::args().skip(1).collect();
    println!("| work | target | min – median – max | unit | |\n|---|---|---|---|---|");
    for (name, section) in [("W0", w0 as fn()), ("W1", w1), ("W2", w2), ("W3", w3)] {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            section();
        }
    }
}

fn w0() {
    const HOLDS: u64 = 1_000_000;
    for n in [1_000, 100_000] {
        let (mut plain, mut engine) = (Plain::new(n), Engine::new(n));
        let seconds =
            interleave(ROUNDS, &mut [Contender::new(|| plain.hold(HOLDS)), Contender::new(|| engine.hold(HOLDS))]);
        assert_eq!(plain.checks(), engine.checks(), "the queues disagree");
        let ns = 1e9 / HOLDS as f64;
        row(&format!("W0, N = {n}: BinaryHeap"), "ns/event", Target::None, scaled(&seconds[0], ns));
        row(&format!("W0, N = {n}: engine"), "ns/event", Target::None, scaled(&seconds[1], ns));
        row(&format!("W0, N = {n}: engine"), "× BinaryHeap", Target::AtMost(1.0), ratio(&seconds[1], &seconds[0]));
    }
}

fn w1() {
    let (day, ramps) = ramp::KNOWN_DAY;
    let (_, known) = node_day::KNOWN[2];
    assert_eq!(node_day::heap_loop(1, day), known);
    assert_eq!(node_day::alone(1, day), known);
    assert_eq!(Outcome { ticks: ramps.ticks, ..ramp::ramp_skip(1, day) }, ramps);
    let seconds = interleave(
        ROUNDS,
        &mut [
            Contender::whole(|| node_day::heap_loop(1, day)),
            Contender::whole(|| node_day::alone(1, day)),
            Contender::whole(|| ramp::ramp_ticks(1, day)),
            Contender::whole(|| ramp::ramp_skip(1, day)),
        ],
    );
    row("W1, plain heap loop", "ms", Target::None, scaled(&seconds[0], 1e3));
    row("W1, no queue", "× heap loop", Target::None, ratio(&seconds[1], &seconds[0]));
    row("W1 as ramps, every check", "× heap loop", Target::None, ratio(&seconds[2], &seconds[0]));
    row("W1 as ramps, evicting checks", "× heap loop", Target::None, ratio(&seconds[3], &seconds[0]));
}

fn w2() {
    type Run = fn(u64) -> Outcome;
    let engines: [(&str, u64, Run); 3] = [
        ("plain heap loop", 100, |seed| node_day::heap_loop(seed, HOUR)),
        ("no queue", 1_000, |seed| node_day::alone(seed, HOUR)),
        ("ramps", 5_000, |seed| ramp::ramp_skip(seed, HOUR)),
    ];
    for (name, runs, one) in engines {
        assert_eq!(sweep(runs, 1, one), sweep(runs, 2, one), "threads change the outcome");
        let seconds = interleave(
            ROUNDS,
            &mut [Contender::whole(|| sweep(runs, 1, one)), Contender::whole(|| sweep(runs, 2, one))],
        );
        let rate = Spread::of(seconds[0].iter().map(|s| runs as f64 / s));
        row(&format!("W2, {name}, 1 thread"), "runs/s", Target::None, rate);
        row(&format!("W2, {name}, 1 → 2 threads"), "× runs/s", Target::None, ratio(&seconds[0], &seconds[1]));
    }
}

fn w3() {
    type Fleet = fn(u64, u64, Order) -> Outcome;
    let engines: [(&str, Fleet); 3] =
        [("heap per node", fleet::heap_per_node), ("no queue", fleet::alone), ("ramps", fleet::ramps)];
    for (name, fleet) in engines {
        // As many nodes in small fleets as in the great one, so that all are measured for the same time.
        let of = |nodes: u64| {
            Contender::whole(move || (0..1_000 / nodes).for_each(|_| _ = black_box(fleet(nodes, HOUR, Order::InTurn))))
        };
        let seconds = interleave(5, &mut [of(10), of(100), of(1_000)]);
        row(&format!("W3, {name}, 1,000 nodes × 1 h"), "s", Target::None, scaled(&seconds[2], 1.0));
        for (seconds_of, nodes) in seconds[..2].iter().zip(["10", "100"]) {
            let growth = ratio(&seconds[2], seconds_of);
            row(&format!("W3, {name}, time per node at 1,000"), &format!("× at {nodes}"), Target::None, growth);
        }
    }
}
