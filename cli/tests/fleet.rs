//! Scenarios with many nodes.

mod common;

use common::oomsim_in;
use std::path::Path;

/// Above the threshold at 6.7 s and at the limit at 11.7 s: half of the phases of the check come in between.
const SCENARIO: &str = r#"
nodes = 6
seed = 5
duration = "30s"
[node]
name = "worker"
memory = "1Gi"
[kernel]
version = "6.1"
[kubelet]
version = "1.32"
kubeReserved = { memory = "324Mi" }
evictionHard = { "memory.available" = "300Mi" }
[[pod]]
name = "leak"
restartPolicy = "Never"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.leak = { block = "6Mi", every = "100ms", jitter = { spread = "10ms" } }
"#;

fn json(folder: &Path, args: &[&str]) -> serde_json::Value {
    let output = oomsim_in(folder, [args, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn place(extra: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("fleet.toml"), format!("{SCENARIO}{extra}")).expect("written");
    place
}

#[test]
fn each_node_is_the_run_of_its_seed_for_any_number_of_threads() {
    let place = place("");
    let run = |args: &[&str]| json(place.path(), &[&["run", "fleet.toml"], args].concat());
    let fleet = run(&["--jobs", "1"]);
    assert_eq!(fleet["nodes"].as_array().map(Vec::len), Some(6));
    for jobs in ["2", "7"] {
        let again = run(&["--jobs", jobs]);
        assert_eq!((&again["digest"], &again["nodes"]), (&fleet["digest"], &fleet["nodes"]));
    }
    for (node, seed) in [(0, "5"), (3, "8")] {
        let alone = run(&["--set", "nodes=1", "--seed", seed]);
        let there = &fleet["nodes"][node];
        assert_eq!(there["node"], format!("worker-{node}"));
        assert_eq!((&there["digest"], &there["oom_kills"]), (&alone["digest"], &alone["counts"]["oom_kills"]));
    }
    // However little is kept.
    for record in ["outcome", "events"] {
        assert_eq!(run(&["--record", record])["digest"], fleet["digest"]);
    }
    let sum: u64 = fleet["nodes"].as_array().into_iter().flatten().filter_map(|n| n["oom_kills"].as_u64()).sum();
    assert_eq!(fleet["counts"]["oom_kills"], sum);
    assert!(fleet["outcomes"]["eviction"].as_u64() > Some(0), "{}", fleet["outcomes"]);
    assert!(fleet["outcomes"]["kubepods_oom"].as_u64() > Some(0), "{}", fleet["outcomes"]);
}

#[test]
fn files_of_a_fleet() {
    let place = place("");
    let output = oomsim_in(place.path(), ["run", "fleet.toml", "--out", "small"]);
    assert_eq!(output.status.code(), Some(0));
    let rows = std::fs::read_to_string(place.path().join("small/nodes.csv")).expect("nodes.csv");
    assert_eq!(rows.lines().count(), 7);
    assert!(rows.starts_with("node,seed,outcome,victim,first_death_s,"), "{rows}");
    assert_eq!(std::fs::read_dir(place.path().join("small")).expect("a folder").count(), 1);
    let output = oomsim_in(place.path(), ["run", "fleet.toml", "--out", "large", "--record", "events"]);
    assert_eq!(output.status.code(), Some(0));
    // The same as a run of that node alone.
    let alone = ["run", "fleet.toml", "--set", "nodes=1", "--seed", "9", "--out", "alone", "--record", "events"];
    assert_eq!(oomsim_in(place.path(), alone).status.code(), Some(0));
    for name in ["events.jsonl", "kernel.log", "kubelet.log"] {
        let read = |folder: &str| std::fs::read(place.path().join(folder).join(name)).expect("written");
        assert_eq!(read("large/worker-4"), read("alone"), "{name}");
    }
}

#[test]
fn an_expectation_has_to_hold_on_every_node() {
    let place = place(
        "[[expect]]\nsource = \"made up\"\nevent = \"Evicted\"\npod = \"leak\"\n\
         [[expect]]\nsource = \"any end\"\nevent = \"ContainerTerminated\"\npod = \"leak\"\n",
    );
    let fleet = json(place.path(), &["run", "fleet.toml"]);
    let killed = fleet["outcomes"]["kubepods_oom"].as_u64().expect("some");
    let [evicted, ended] = [0, 1].map(|i| fleet["expectations"][i].clone());
    assert_eq!((&evicted["holds"], &ended["holds"]), (&false.into(), &true.into()));
    // A pod that is being evicted may still be killed by the kernel.
    let found = evicted["found"].as_str().expect("words");
    let failing: u64 = found.strip_prefix("not on ").and_then(|f| f.split(' ').next()?.parse().ok()).expect("a number");
    assert!(0 < failing && failing <= killed, "{found}");
    for command in ["run", "check"] {
        assert_eq!(oomsim_in(place.path(), [command, "fleet.toml"]).status.code(), Some(1));
    }
}

#[test]
fn a_study_says_that_it_runs_one_node() {
    let place = place("");
    std::fs::write(place.path().join("study.toml"), "scenario = \"fleet.toml\"\nrepetitions = 2\n").expect("written");
    let output = oomsim_in(place.path(), ["sweep", "study.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("`nodes`"), "{told}");
}
