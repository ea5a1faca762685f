//! Properties of whole runs, over random scenarios.

use oomsim_core::node::NodeView;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{Entry, History, Keep, Record, Sample};
use oomsim_core::units::SimTime;
use oomsim_core::{BootedNode, Simulation, simulate};
use oomsim_testkit::random::{case, config};
use oomsim_testkit::{read, read_with};
use proptest::prelude::*;
use std::sync::Arc;

fn run(scenario: &Arc<Scenario>, seed: u64) -> History {
    simulate(scenario, seed, Keep::Events).expect("within the limits")
}

/// No cgroup is over its limit, and children never hold more than their parent. (The kernel's own tests hold the exact
/// sums at each level.)
fn check_cgroups(view: &NodeView) -> Result<(), TestCaseError> {
    let mut below = vec![0; view.cgroups.len()];
    for cgroup in &view.cgroups {
        let (path, usage) = (&cgroup.path, cgroup.stat.usage);
        prop_assert!(cgroup.limit.is_none_or(|limit| usage <= limit), "{path} holds {usage} at {}", view.at);
        if let Some(parent) = cgroup.parent {
            below[parent] += usage.get();
        }
    }
    // The root's usage has no kernel memory in it.
    for (cgroup, below) in view.cgroups.iter().zip(below).filter(|(cgroup, _)| cgroup.parent.is_some()) {
        let (path, usage) = (&cgroup.path, cgroup.stat.usage);
        prop_assert!(below <= usage.get(), "{path}: {below} below, {usage} in all at {}", view.at);
    }
    Ok(())
}

/// Growth that is computed comes to the records, the digest and the curves of growth that is taken step by step.
fn check_stepwise(scenario: &Arc<Scenario>, seed: u64) -> Result<(), TestCaseError> {
    let computed = simulate(scenario, seed, Keep::Series).expect("within the limits");
    let mut stepwise = Simulation::new(Arc::clone(scenario), seed, Keep::Series).stepwise();
    stepwise.run_until(SimTime::MAX).unwrap();
    let stepwise = stepwise.finish();
    let differs = computed.entries.iter().zip(&stepwise.entries).find(|(a, b)| a != b);
    let short = |e: &Entry| match &e.record {
        Record::OomKill { report: r, .. } => {
            let tasks: Vec<_> = r.tasks.iter().map(|t| (t.pid.0, t.rss().get(), t.pgtables.get() >> 12)).collect();
            format!("{} OOM {:?} by {} {tasks:?} failcnt {}", e.at, r.oom_memcg, r.invoker, r.memory.failcnt)
        }
        other => format!("{} {other:?}", e.at),
    };
    let differs = differs.map(|(a, b)| format!("{}\n{}", short(a), short(b)));
    prop_assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    prop_assert_eq!(computed.digest, stepwise.digest);
    let differs = computed.series.samples.iter().zip(&stepwise.series.samples).find(|(a, b)| a != b);
    prop_assert!(differs.is_none(), "{differs:?}");
    prop_assert_eq!(computed.series.samples.len(), stepwise.series.samples.len());
    Ok(())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn same_seed_same_digest(case in case(), seed in 0u64..1000) {
        let scenario = case.scenario;
        prop_assert_eq!(run(&scenario, seed), run(&scenario, seed));
    }

    #[test]
    fn forked_is_straight(case in case(), seed in 0u64..1000, at in 1u64..89) {
        let scenario = case.scenario;
        let straight = run(&scenario, seed);
        let mut first = Simulation::new(Arc::clone(&scenario), seed, Keep::Events);
        first.run_until(SimTime::from_secs(at)).unwrap();
        let mut fork = first.clone();
        first.run_until(SimTime::MAX).unwrap();
        fork.run_until(SimTime::MAX).unwrap();
        prop_assert_eq!(first.finish().digest, straight.digest);
        prop_assert_eq!(fork.finish().digest, straight.digest);
    }

    /// Nothing that booting does hangs on a seed or on runs that began before.
    #[test]
    fn booted_once_is_booted_for_each_seed(case in case(), seed in 0u64..1000) {
        let mut other = (*case.scenario).clone();
        other.seed = seed + 1;
        let booted = BootedNode::new(Arc::new(other), Keep::Series);
        for seed in [seed, seed + 7] {
            let own = simulate(&case.scenario, seed, Keep::Series).unwrap();
            let copy = booted.clone().run(seed).unwrap();
            prop_assert_eq!(&own.digest, &copy.digest);
            prop_assert!(own.entries == copy.entries && own.series.samples == copy.series.samples);
        }
    }

    #[test]
    fn computed_growth_is_stepwise_growth(case in case(), seed in 0u64..1000) {
        let scenario = case.scenario;
        check_stepwise(&scenario, seed)?;
    }

    #[test]
    fn what_is_kept_does_not_change_the_run(case in case(), seed in 0u64..1000) {
        let scenario = case.scenario;
        let whole = simulate(&scenario, seed, Keep::Series).unwrap();
        let outcome = simulate(&scenario, seed, Keep::Outcome).unwrap();
        prop_assert_eq!(whole.digest, outcome.digest);
        prop_assert_eq!(whole.counts, outcome.counts);
        // What sweeps measure are the same curves.
        let node = simulate(&scenario, seed, Keep::Node).unwrap();
        let curves = whole.series.samples.into_iter().map(|s| Sample { pods: Vec::new(), ..s }).collect::<Vec<_>>();
        let differs = curves.iter().zip(&node.series.samples).find(|(a, b)| a != b);
        prop_assert!(differs.is_none(), "{differs:?}");
        prop_assert_eq!(curves.len(), node.series.samples.len());
    }

    #[test]
    fn no_limit_is_exceeded_at_any_time(case in case(), seed in 0u64..1000) {
        let scenario = case.scenario;
        let mut simulation = Simulation::new(scenario, seed, Keep::Outcome);
        let mut last = SimTime::ZERO;
        for tenth in 1..900 {
            let now = SimTime::from_nanos(tenth * 100_000_000);
            simulation.run_until(now).unwrap();
            prop_assert!(simulation.now() >= last);
            last = simulation.now();
            check_cgroups(&simulation.view())?;
        }
    }
}

/// A group kill whose PID 1 is dead while its child still dies, and an eviction in between: found by the properties
/// above. The pod is evicted, and its container was killed by the kernel.
#[test]
fn eviction_of_a_container_that_is_half_dead() {
    let text = r#"
duration = "90s"
[node]
memory = "1067Mi"
exit = { base = "10ms", perGiB = "1s" }
[kernel]
version = "6.1"
cgroup = "v2"
[kubelet]
version = "1.28"
kubeReserved = { memory = "262Mi" }
evictionHard = { "memory.available" = "50Mi" }
firstPass = "10s"
[[pod]]
name = "web"
[[pod.container]]
name = "c"
workload.steady = { anon = "1Mi" }
[[pod.container.process]]
comm = "child"
workload.ramp = { rate = "100Mi", from = "0" }
"#;
    // kubepods' limit of 805 MiB less 1 MiB at about 9.0 s; PID 1 needs 11 ms to die, its child 0.8 s: the pass is in
    // between.
    for pass in ["9s", "9100ms", "9300ms", "9500ms", "9700ms"] {
        let first = format!("kubelet.firstPass={pass}");
        let scenario = read_with(text, &[&first]).scenario;
        let history = run(&scenario, 1);
        assert_eq!(history.counts.oom_kills, 2, "{pass}");
        assert_eq!(history.counts.evictions, 1, "{pass}");
    }
}

/// Two ramps go on between samples while free memory is less than the reserves: found by the properties above.
/// MemAvailable is then what the page cache gives, however much is due.
#[test]
fn what_is_available_below_the_reserves_is_the_same_stepwise() {
    let text = r#"
duration = "90s"
[node]
memory = "1076Mi"
system = { anon = "60Mi", kernel = "40Mi", inactiveFile = "50Mi", activeFile = "20Mi" }
exit.base = "900ms"
[kernel]
version = "4.15"
cgroup = "v1"
[kubelet]
version = "1.21"
kubeReserved = { memory = "0Mi" }
evictionHard = { "memory.available" = "227Mi" }
[[pod]]
name = "pod-0"
at = "19s"
controller = "Deployment"
restartPolicy = "Never"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.ramp = { rate = "71Mi", to = "289Mi", then = { exit = 3 } }
[[pod]]
name = "pod-1"
at = "1s"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.ramp = { rate = "18Mi", to = "51Mi", then = { exit = 3 } }
[[pod]]
name = "pod-2"
at = "0s"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.pageCache = { anon = "46Mi", file = "200Mi", rate = "40Mi", passes = 1 }
[[pod]]
name = "pod-3"
at = "16s"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.ramp = { rate = "5Mi", to = "266Mi", then = { exit = 3 } }
[[pod.container.process]]
comm = "child"
startAfter = "1s"
workload.steady = { anon = "120Mi" }
"#;
    let scenario = read(text).scenario;
    check_stepwise(&scenario, 77).unwrap();
}

/// Without a kubelet nothing is left to happen after a while; the run lasts as long all the same, sampled or not.
#[test]
fn a_run_lasts_to_its_end_however_much_is_kept() {
    let text = r#"
name = "quiet"
duration = "20s"
node = { memory = "1Gi" }
[[host]]
name = "a"
workload.script = [{ anon = "10Mi" }]
"#;
    let scenario = read(text).scenario;
    let [little, much] = [Keep::Outcome, Keep::Series].map(|keep| simulate(&scenario, 1, keep).unwrap());
    assert_eq!((little.digest, little.ended_at, little.stop), (much.digest, SimTime::from_secs(20), much.stop));
    let times: Vec<_> = much.series.samples.iter().map(|s| s.at.as_secs_f64()).collect();
    assert_eq!(times, (0..=20).map(f64::from).collect::<Vec<_>>());
}

/// A container starts while a leak is due that fills the node: found by the properties above. Whether runc's own
/// process fits is read after what is due was taken.
#[test]
fn whether_a_container_may_fail_to_start_is_the_same_stepwise() {
    let text = r#"
duration = "90s"
[node]
memory = "2283Mi"
system = { anon = "60Mi", kernel = "40Mi", inactiveFile = "50Mi", activeFile = "20Mi" }
exit.base = "10ms"
swap = "200Mi"
[kernel]
version = "4.15"
cgroup = "v1"
[kubelet]
version = "1.21"
failSwapOn = false
kubeReserved = { memory = "0Mi" }
evictionHard = { "memory.available" = "50Mi" }
[[pod]]
name = "pod-0"
at = "28s"
controller = "Deployment"
restartPolicy = "Never"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.ramp = { rate = "25Mi", to = "132Mi", then = { exit = 3 } }
[[pod]]
name = "pod-1"
at = "49s"
controller = "None"
restartPolicy = "Always"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.steady = { anon = "1Mi" }
[[pod]]
name = "pod-2"
at = "0s"
controller = "None"
restartPolicy = "Always"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.steady = { anon = "22Mi" }
[[pod]]
name = "pod-3"
at = "0s"
controller = "None"
restartPolicy = "Always"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.steady = { anon = "1Mi" }
[[pod]]
name = "pod-4"
at = "1s"
controller = "None"
restartPolicy = "Always"
[[pod.container]]
name = "c"
onTerm = "dies"
workload.leak = { block = "25Mi", every = "603ms", jitter = { spread = "458ms" } }
[[pod.container.process]]
comm = "child"
startAfter = "1s"
workload.pageCache = { anon = "26Mi", file = "213Mi", rate = "40Mi", passes = 2 }
"#;
    let scenario = read(text).scenario;
    check_stepwise(&scenario, 386).unwrap();
}
