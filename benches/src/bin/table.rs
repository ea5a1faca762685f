//! Prints what oomsim promises about its speed beside what is measured, as ratios in interleaved rounds.
//!
//! ```text
//! cargo run --release -p oomsim-benches --bin table            # all sections, some minutes
//! cargo run --release -p oomsim-benches --bin table -- W0 W1   # some of W0, W1, W2, W3, memory, pods, stories, output
//! ```
//!
//! The stories are run as whole processes when the program itself has been built (`cargo build --release`).

use oomsim_benches::fleet::{self, Order};
use oomsim_benches::hold::{Engine, Plain};
use oomsim_benches::measure::{Contender, Spread, interleave, ratio};
use oomsim_benches::node_day::{self, Outcome};
use oomsim_benches::ramp;
use oomsim_benches::sweep::{HOUR, sweep};
use oomsim_benches::world;
use oomsim_core::record::Keep;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Rounds after the first, which warms up and does not count.
const ROUNDS: usize = 7;

/// What a row promises.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    Within(f64, f64),
    /// A reference: nothing is promised.
    None,
}

fn row(work: &str, unit: &str, target: Target, measured: Spread) {
    let (wanted, met) = match target {
        Target::AtMost(t) => (format!("≤ {t}"), Some(measured.median <= t)),
        Target::AtLeast(t) => (format!("≥ {t}"), Some(measured.median >= t)),
        Target::Within(a, b) => (format!("{a} – {b}"), Some((a..=b).contains(&measured.median))),
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

/// A figure that is the same in every round.
fn exactly(figure: f64) -> Spread {
    Spread::of([figure])
}

fn main() {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let [word, jitter] = &wanted[..]
        && word == FLEET_MEMORY
    {
        return fleet_memory(jitter == "true");
    }
    println!("| work | target | min – median – max | unit | |\n|---|---|---|---|---|");
    let sections = [
        ("W0", w0 as fn()),
        ("W1", w1),
        ("W2", w2),
        ("W3", w3),
        ("memory", memory),
        ("pods", pods),
        ("stories", stories),
        ("output", output),
    ];
    for (name, section) in sections {
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
    let (jittered, even) = (world::node("24h", true), world::node("24h", false));
    let history = world::run(&jittered, 1, Keep::Events);
    for ((name, expected), found) in world::DAY.into_iter().zip(world::figures(&history)) {
        let ratio = exactly(found as f64 / expected as f64);
        row(&format!("W1 as a scenario, {name}"), "× table", Target::Within(0.99, 1.01), ratio);
    }
    let seconds = interleave(
        ROUNDS,
        &mut [
            Contender::whole(|| node_day::heap_loop(1, day)),
            Contender::whole(|| node_day::alone(1, day)),
            Contender::whole(|| ramp::ramp_ticks(1, day)),
            Contender::whole(|| ramp::ramp_skip(1, day)),
            Contender::whole(|| world::run(&jittered, 1, Keep::Events)),
            Contender::whole(|| world::run(&even, 1, Keep::Events)),
        ],
    );
    row("W1, plain heap loop", "ms", Target::None, scaled(&seconds[0], 1e3));
    row("W1, no queue", "× heap loop", Target::None, ratio(&seconds[1], &seconds[0]));
    row("W1 as ramps, every check", "× heap loop", Target::None, ratio(&seconds[2], &seconds[0]));
    row("W1 as ramps, evicting checks", "× heap loop", Target::None, ratio(&seconds[3], &seconds[0]));
    row("W1 as a scenario, records kept", "× heap loop", Target::AtMost(1.0), ratio(&seconds[4], &seconds[0]));
    row("W1 as a scenario without jitter", "ms", Target::AtMost(10.0), scaled(&seconds[5], 1e3));
    let events = world::run(&even, 1, Keep::Outcome).events;
    row("W1 as a scenario without jitter", "events", Target::AtMost(50_000.0), exactly(events as f64));
}

fn w2() {
    type Run = fn(u64) -> Outcome;
    let engines: [(&str, u64, Run); 3] = [
        ("plain heap loop", 100, |seed| node_day::heap_loop(seed, HOUR)),
        ("no queue", 1_000, |seed| node_day::alone(seed, HOUR)),
        ("ramps", 5_000, |seed| ramp::ramp_skip(seed, HOUR)),
    ];
    for (name, runs, one) in engines {
        assert_eq!(sweep(runs, 1, || one), sweep(runs, 2, || one), "threads change the outcome");
        let seconds = interleave(
            ROUNDS,
            &mut [Contender::whole(|| sweep(runs, 1, || one)), Contender::whole(|| sweep(runs, 2, || one))],
        );
        let rate = Spread::of(seconds[0].iter().map(|s| runs as f64 / s));
        row(&format!("W2, {name}, 1 thread"), "runs/s", Target::None, rate);
        row(&format!("W2, {name}, 1 → 2 threads"), "× runs/s", Target::None, ratio(&seconds[0], &seconds[1]));
    }
    for (name, runs, jitter) in [("with jitter", 150, true), ("without jitter", 300, false)] {
        // As in `oomsim sweep`: every thread reads the scenario for itself, so that they share no counters of
        // references.
        let worker = || {
            let scenario = world::node("1h", jitter);
            move |seed| {
                let counts = world::run(&scenario, seed, Keep::Outcome).counts;
                Outcome { kills: counts.oom_kills, evictions: counts.evictions, ..Outcome::default() }
            }
        };
        assert_eq!(sweep(runs, 1, worker), sweep(runs, 2, worker), "threads change the outcome");
        let seconds = interleave(
            ROUNDS,
            &mut [Contender::whole(|| sweep(runs, 1, worker)), Contender::whole(|| sweep(runs, 2, worker))],
        );
        let rate = Spread::of(seconds[0].iter().map(|s| runs as f64 / s));
        row(&format!("W2 as a scenario {name}, 1 thread"), "runs/s", Target::None, rate);
        let speed_up = ratio(&seconds[0], &seconds[1]);
        row(&format!("W2 as a scenario {name}, 1 → 2 threads"), "× runs/s", Target::AtLeast(1.9), speed_up);
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
    for (name, jitter, target) in [("with jitter", true, 10.0), ("without jitter", false, 0.2)] {
        let scenario = world::node("1h", jitter);
        let of = |nodes: u64| {
            let scenario = &scenario;
            Contender::whole(move || (0..1_000 / nodes).for_each(|_| _ = black_box(world::fleet(scenario, nodes))))
        };
        let seconds = interleave(5, &mut [of(10), of(100), of(1_000)]);
        let work = format!("W3 as a scenario {name}");
        row(&format!("{work}, 1,000 nodes × 1 h"), "s", Target::AtMost(target), scaled(&seconds[2], 1.0));
        for (seconds_of, nodes) in seconds[..2].iter().zip(["10", "100"]) {
            let growth = ratio(&seconds[2], seconds_of);
            let unit = format!("× at {nodes}");
            row(&format!("{work}, time per node at 1,000"), &unit, Target::Within(0.85, 1.15), growth);
        }
    }
}

/// Runs of this program with this word measure the memory of a fleet, which only a fresh process can.
const FLEET_MEMORY: &str = "fleet-memory";
/// Nodes of the fleet.
const FLEET_NODES: u64 = 200;

fn memory() {
    for (name, jitter) in [("with jitter", true), ("without jitter", false)] {
        let own = env::current_exe().expect("this program has a path");
        let output = Command::new(own).args([FLEET_MEMORY, &jitter.to_string()]).output().expect("it can be run");
        let bytes: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints a number");
        let per_pod = exactly(bytes / (FLEET_NODES * 110) as f64);
        row(&format!("W3 as a scenario {name}, peak per pod"), "bytes", Target::AtMost(512.0), per_pod);
    }
}

/// Prints by how many bytes the process grew at most.
fn fleet_memory(jitter: bool) {
    let scenario = world::node("1h", jitter);
    let before = status("VmRSS:");
    black_box(world::fleet(&scenario, FLEET_NODES));
    println!("{}", status("VmHWM:") - before);
}

/// A figure of `/proc/self/status` in bytes.
fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(field)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib << 10)
}

/// Time per event as pods on one node grow a hundredfold. What the algorithms add shows in the instruction counts of
/// the jobs `pods-100` and `pods-1000`; the rest of what is seen here is memory that no cache holds any more.
fn pods() {
    let crowds = [100, 1_000, 10_000].map(|n| (n, world::crowd(n)));
    let events = |scenario: &_| world::run(scenario, 1, Keep::Outcome).events as f64;
    let per_event = crowds.each_ref().map(|(_, scenario)| events(scenario));
    // As many pods in small crowds as in the great one, so that all are measured for the same time.
    let contenders = crowds.iter().map(|(n, scenario)| {
        Contender::whole(move || {
            (0..10_000 / n).for_each(|_| _ = black_box(world::run(scenario, 1, Keep::Outcome)));
        })
    });
    let seconds = interleave(5, &mut contenders.collect::<Vec<_>>());
    let mut ns = Vec::new();
    for (((n, _), events), seconds) in crowds.iter().zip(per_event).zip(&seconds) {
        let of_each: Vec<f64> = seconds.iter().map(|s| s * 1e9 / events / f64::from(10_000 / n)).collect();
        row(&format!("{n} pods on one node"), "ns/event", Target::None, scaled(&of_each, 1.0));
        ns.push(of_each);
    }
    row("10,000 pods on one node, per event", "× at 100", Target::None, ratio(&ns[2], &ns[0]));
}

/// A whole process that runs W1 as a scenario, with each kind of output, against the loop.
fn output() {
    let program = env::current_exe().expect("this program has a path").with_file_name("oomsim");
    if !program.exists() {
        return eprintln!("whole processes need {}: cargo build --release -p oomsim", program.display());
    }
    let scenario = "scenarios/bench/w1-node-day.toml";
    let out = env::temp_dir().join("oomsim-bench-output");
    let folder = out.display().to_string();
    let kinds: [(&str, Vec<&str>, f64); 3] =
        [("text", vec![], 1.0), ("JSON", vec!["--format", "json"], 2.0), ("--out", vec!["--out", &folder], 4.0)];
    let run = |options: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("run").arg(scenario).args(options).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().is_ok_and(|status| status.success()), "{options:?}");
    };
    let mut contenders = vec![Contender::whole(|| node_day::heap_loop(1, ramp::KNOWN_DAY.0))];
    contenders.extend(kinds.iter().map(|(_, options, _)| Contender::whole(|| run(options))));
    let seconds = interleave(5, &mut contenders);
    for ((name, _, target), of) in kinds.iter().zip(&seconds[1..]) {
        let work = format!("W1 as a scenario, whole process, {name}");
        row(&work, "× heap loop", Target::AtMost(*target), ratio(of, &seconds[0]));
    }
    let _ = fs::remove_dir_all(out);
}

fn stories() {
    let program = env::current_exe().expect("this program has a path").with_file_name("oomsim");
    if !program.exists() {
        eprintln!("whole processes need {}: cargo build --release -p oomsim", program.display());
    }
    for path in world::stories().expect("the folder of scenarios is there") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let inside = Contender::whole(|| {
            let scenario = world::read(&path);
            world::run(&scenario, scenario.seed, Keep::Series)
        });
        let seconds = interleave(ROUNDS, &mut [inside]);
        row(&format!("{name}, read and run"), "ms", Target::None, scaled(&seconds[0], 1e3));
        if program.exists() {
            let whole = Contender::whole(|| {
                Command::new(&program).arg("run").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).status()
            });
            let seconds = interleave(ROUNDS, &mut [whole]);
            row(&format!("{name}, whole process"), "ms", Target::AtMost(10.0), scaled(&seconds[0], 1e3));
        }
    }
}
