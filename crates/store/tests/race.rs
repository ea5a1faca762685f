//! The race as a probability: simulated against the closed form, at rates and thresholds on both sides of it.

use oomsim_core::record::Keep;
use oomsim_core::workload::TermReaction;
use oomsim_planning::Runner;
use oomsim_planning::axis::AxisValue;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::plan::{Axis, Levels, Plan, Setup};
use oomsim_planning::prepared::ScenarioBundle;
use oomsim_planning::race::{Contest, Race, Racer};
use oomsim_planning::stats::wilson;
use oomsim_scenario::NoFiles;
use oomsim_store::Pool;

const MIB: f64 = 1_048_576.0;
/// Runs per point.
const RUNS: u64 = 500;
/// Two-sided 99.9 %: there are two dozen points, and one test.
const Z: f64 = 3.29;

fn node(extra: &str) -> String {
    format!(
        r#"
duration = "40m"
sample = "1h"
[node]
memory = "4Gi"
system = {{ anon = "300Mi", kernel = "100Mi" }}
[kernel]
version = "6.1"
cgroup = "v2"
[kubelet]
version = "1.32"
kubeReserved = {{ memory = "1Gi" }}
evictionHard = {{ "memory.available" = "100Mi" }}
[[pod]]
name = "racer"
restartPolicy = "Never"
[[pod.container]]
name = "app"
workload.ramp = {{ from = "1Gi", rate = "20Mi" }}
{extra}
"#
    )
}

/// Share of runs in which the kernel was first, for each threshold and rate, checked against the closed form.
fn compare(extra: &str, thresholds: &[u64], rates: &[u64], race: impl Fn(f64, f64) -> Race) {
    let axis = |name: &str, key: &str, values: &[u64]| Axis {
        name: name.into(),
        keys: vec![key.into()],
        levels: Levels::Grid(values.iter().map(|v| AxisValue::parse(&format!("{v}Mi"))).collect()),
    };
    let axes = vec![
        axis("threshold", "kubelet.evictionHard.memory.available", thresholds),
        axis("rate", "pod.racer.container.app.workload.ramp.rate", rates),
    ];
    let setup = Setup { axes, points: 1, repetitions: RUNS, seed: 11, ..Setup::default() };
    let plan = Plan::new(setup).unwrap();
    let scenario = ScenarioBundle::new("race.toml", &node(extra), None, &NoFiles, &[], &[]).unwrap();
    let measures = Pool::new(0).unwrap().run(&plan, 0..plan.len(), &scenario, Keep::Events);
    for (cell, runs) in measures.chunks(RUNS as usize).enumerate() {
        let values: Vec<f64> = plan.cell_values(cell as u64).iter().filter_map(|v| v.number).collect();
        let odds = race(values[0], values[1]).odds();
        let lost = runs.iter().filter(|m| m.outcome.is_oom()).count() as u64;
        let interval = wilson(lost, RUNS, Z);
        let what = format!("{} MiB, {} MiB/s", values[0] / MIB, values[1] / MIB);
        assert!(interval.contains(odds.kernel_first), "{what}: {lost} of {RUNS}, expected {}", odds.kernel_first);
        for m in runs {
            assert!(m.outcome == RunOutcome::Eviction || m.outcome == odds.limit, "{what}: {m:?}");
        }
    }
}

fn base(hard: f64, rate: f64) -> Race {
    Race {
        capacity: 4096.0 * MIB,
        kubepods_limit: 3072.0 * MIB,
        system: 300.0 * MIB,
        unseen: 150.0 * MIB,
        stall: 0.0,
        pods: 1024.0 * MIB,
        own_room: None,
        hard,
        rate,
        period: 10.0,
        lag: 0.0,
    }
}

#[test]
fn kubepods_against_the_check() {
    compare("onTerm = \"dies\"", &[100, 300, 750], &[5, 12, 20, 45, 100, 200], base);
}

#[test]
fn pid_1_without_a_handler_goes_on_for_two_seconds() {
    compare("", &[100, 300], &[8, 15, 30, 60], |hard, rate| Race { lag: 2.0, ..base(hard, rate) });
}

/// Without a reservation the node ends before kubepods does: at the min watermarks, when the page cache is used up.
/// What of that the closed form knows is computed by the contest from the zones of the node.
#[test]
fn the_end_of_the_node_against_the_check() {
    let node = r#"
[node]
memory = "8Gi"
system = { anon = "400Mi", activeFile = "60Mi", inactiveFile = "300Mi", kernel = "120Mi" }
[kernel]
version = "6.1"
[kubelet]
version = "1.32"
evictionHard = { "memory.available" = "100Mi" }
"#;
    let racer = Racer { limit: None, on_term: TermReaction::Default };
    let contest = Contest::new(node, "node.toml", None, &NoFiles, &[], &racer).unwrap_or_else(|p| panic!("{p:?}"));
    assert_eq!(contest.alone().first_death, None);
    let mib = |n: u64| AxisValue::parse(&format!("{n}Mi"));
    let field = [(mib(300), vec![mib(8), mib(16), mib(30), mib(60)]), (mib(750), vec![mib(40), mib(80), mib(150)])];
    let points = contest.run(&Pool::new(0).unwrap(), &[], &field, RUNS, 5, &mut || {}).unwrap();
    let mut between = 0;
    for p in points {
        let what = format!("{} at {}/s: {} of {RUNS}, {:?}", p.threshold.text, p.rate.text, p.lost, p.odds);
        assert!(wilson(p.lost, RUNS, Z).contains(p.odds.kernel_first), "{what}");
        assert_eq!((p.odds.limit, p.undecided), (RunOutcome::GlobalOom, 0), "{what}");
        between += u32::from((0.1..0.9).contains(&p.odds.kernel_first));
    }
    assert!(between >= 3, "the points lie on the slope");
}

#[test]
fn a_limit_of_its_own_below_the_threshold_always_wins() {
    let extra = "resources.limits.memory = \"1500Mi\"";
    compare(extra, &[100, 750], &[5, 50], |hard, rate| Race { own_room: Some(476.0 * MIB), ..base(hard, rate) });
}
