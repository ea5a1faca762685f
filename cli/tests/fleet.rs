//! Scenarios with many nodes.

mod common;

use common::{RACE, err, oomsim_in, out};
use std::path::Path;

fn json(folder: &Path, args: &[&str]) -> serde_json::Value {
    let output = oomsim_in(folder, [args, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn place(extra: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("fleet.toml"), format!("nodes = 6\nseed = 5\n{RACE}{extra}")).expect("written");
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
    assert!(rows.starts_with("node,kind,seed,outcome,victim,first_death_s,"), "{rows}");
    let picture = std::fs::read_to_string(place.path().join("small/nodes.svg")).expect("nodes.svg");
    assert!(
        picture.contains("nothing has died: 100 % at 0, ") && picture.contains(" kubepods_oom: 0 % at 0"),
        "{picture}"
    );
    // With the list of files that are oomsim's.
    assert_eq!(std::fs::read_dir(place.path().join("small")).expect("a folder").count(), 3);
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
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`nodes`"), "{said}");
}

/// Two kinds that are alike, and one that is larger.
fn kinds(more: &str) -> String {
    let node = "[node]\nname = \"worker\"\nmemory = \"1Gi\"\n";
    let kind = |name: &str, memory: &str, count: u32| {
        format!("[[node]]\nname = \"{name}\"\nmemory = \"{memory}\"\ncount = {count}\n")
    };
    assert!(RACE.contains(node));
    let two = format!("{}{}{more}", kind("a", "1Gi", 2), kind("b", "1Gi", 4));
    format!("seed = 5\n{}", RACE.replace(node, &two))
}

const LARGE: &str = "[[node]]\nname = \"large\"\nmemory = \"2Gi\"\ncount = 3\n\
                     kubelet = { kubeReserved = { memory = \"1324Mi\" }, evictionHard = { \"memory.available\" = \"10Mi\" } }\n";

fn write(place: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(place.path().join(name), text).expect("written");
}

/// Seeds go on from kind to kind, and nothing but them and the amounts decides.
#[test]
fn kinds_that_are_alike_are_the_fleet_of_one_kind() {
    let place = place("");
    write(&place, "kinds.toml", &kinds(""));
    let one = json(place.path(), &["run", "fleet.toml"]);
    let two = json(place.path(), &["run", "kinds.toml"]);
    assert_eq!((&one["digest"], &one["counts"], &one["outcomes"]), (&two["digest"], &two["counts"], &two["outcomes"]));
    let plain = |fleet: &serde_json::Value| {
        let mut nodes = fleet["nodes"].as_array().cloned().expect("nodes");
        nodes.iter_mut().filter_map(|node| node.as_object_mut()).for_each(|node| {
            node.remove("node");
            node.remove("kind");
        });
        nodes
    };
    assert_eq!(plain(&one), plain(&two));
    let names: Vec<_> = two["nodes"].as_array().into_iter().flatten().map(|node| node["node"].clone()).collect();
    assert_eq!(names, ["a-0", "a-1", "b-0", "b-1", "b-2", "b-3"]);
}

#[test]
fn kinds_are_counted_apart_and_run_alone() {
    let place = place("");
    write(&place, "kinds.toml", &kinds(LARGE));
    let run = |args: &[&str]| json(place.path(), &[&["run", "kinds.toml"], args].concat());
    let fleet = run(&["--jobs", "1"]);
    for jobs in ["2", "5"] {
        assert_eq!(run(&["--jobs", jobs]), fleet);
    }
    // The large ones have 10 MiB between threshold and limit and never a check in that sixth of a second.
    let kind = |n: usize| &fleet["kinds"][n];
    let list: Vec<_> = (0..3).map(|n| (kind(n)["kind"].clone(), kind(n)["nodes"].clone())).collect();
    assert_eq!(list, [("a".into(), 2.into()), ("b".into(), 4.into()), ("large".into(), 3.into())]);
    assert_eq!(kind(2)["outcomes"], serde_json::json!({ "kubepods_oom": 3 }));
    assert_eq!(kind(2)["capacity_bytes"], 2_u64 << 30);
    for count in ["oom_kills", "evictions"] {
        let sum: u64 = (0..3).filter_map(|n| kind(n)["counts"][count].as_u64()).sum();
        assert_eq!(fleet["counts"][count], sum, "{count}");
    }
    // A kind alone has the nodes that it has in the fleet, and so has one node.
    let large = run(&["--node", "large"]);
    assert_eq!(large["nodes"].as_array().map(|nodes| &nodes[..]), fleet["nodes"].as_array().map(|nodes| &nodes[6..]));
    let last = run(&["--node", "large", "--set", "nodes=1", "--seed", "13"]);
    assert_eq!((&last["digest"], &fleet["nodes"][8]["seed"]), (&fleet["nodes"][8]["digest"], &13.into()));
    let text = oomsim_in(place.path(), ["run", "kinds.toml"]);
    for part in ["large: 3 nodes: capacity 2Gi", "KIND ", "TOTALS"] {
        assert!(out(&text).contains(part), "{}", out(&text));
    }
    // In a folder of its own, with the command that repeats it.
    let written = ["run", "kinds.toml", "--out", "o", "--record", "events", "--set", "node.large.count=1"];
    assert_eq!(oomsim_in(place.path(), written).status.code(), Some(0));
    let rows = std::fs::read_to_string(place.path().join("o/nodes.csv")).expect("nodes.csv");
    assert!(rows.lines().last().is_some_and(|row| row.starts_with("large-0,large,11,")), "{rows}");
    let alone = "--node large --seed 11 --set node.large.count=1 --set nodes=1 --out alone --record events";
    let alone = ["run", "kinds.toml"].into_iter().chain(alone.split(' '));
    assert_eq!(oomsim_in(place.path(), alone).status.code(), Some(0));
    let read = |folder: &str| std::fs::read(place.path().join(folder).join("events.jsonl")).expect("written");
    assert_eq!(read("o/large-0"), read("alone"));
}

#[test]
fn an_expectation_may_be_about_one_kind() {
    let place = place("");
    let kill = |node: &str| {
        format!("[[expect]]\nsource = \"10 MiB in a sixth of a second\"\n{node}event = \"OomKill\"\ncount = 1\n")
    };
    write(&place, "kinds.toml", &format!("{}{}", kinds(LARGE), kill("node = \"large\"\n")));
    let fleet = json(place.path(), &["run", "kinds.toml"]);
    let only = &fleet["expectations"][0];
    assert_eq!(only["holds"], true);
    assert!(only["expected"].as_str().is_some_and(|text| text.starts_with("on large: OomKill")), "{only}");
    assert!(only["found"].as_str().is_some_and(|text| text.starts_with("on all 3 nodes; on large-0: ")), "{only}");
    assert_eq!(oomsim_in(place.path(), ["check", "kinds.toml"]).status.code(), Some(0));
    // Of the others the kubelet evicts some.
    write(&place, "kinds.toml", &format!("{}{}", kinds(LARGE), kill("")));
    let fleet = json(place.path(), &["run", "kinds.toml"]);
    let found = fleet["expectations"][0]["found"].as_str().expect("words");
    assert!(found.starts_with("not on ") && found.contains(" of 9 nodes; on "), "{found}");
    assert_eq!(oomsim_in(place.path(), ["check", "kinds.toml"]).status.code(), Some(1));
}

/// What wants one node says which there are, and takes the one that is named.
#[test]
fn whatever_wants_one_node_asks_which() {
    let place = place("");
    write(&place, "kinds.toml", &kinds(LARGE));
    let study = |node: &str| format!("scenario = \"kinds.toml\"\n{node}repetitions = 3\n");
    write(&place, "all.toml", &study(""));
    write(&place, "large.toml", &study("node = \"large\"\n"));
    let race = ["race", "kinds.toml", "--runs", "10", "--threshold", "200Mi", "--rate", "64Mi"];
    let all = ["sweep", "all.toml", "--out", "x"];
    for args in [&race[..], &all] {
        let asked = oomsim_in(place.path(), args);
        assert_eq!(asked.status.code(), Some(2), "{args:?}");
        assert!(err(&asked).contains("choose `a`, `b`, `large`"), "{}", err(&asked));
    }
    let raced = oomsim_in(place.path(), [&race[..], &["--node", "large", "--format", "json"]].concat());
    assert_eq!(raced.status.code(), Some(0), "{}", err(&raced));
    assert_eq!(oomsim_in(place.path(), ["sweep", "large.toml", "--out", "y"]).status.code(), Some(0));
    // Every run is a large node, and its command repeats it.
    let plan = out(&oomsim_in(place.path(), ["sweep", "plan", "large.toml"]));
    let command = plan.lines().nth(1).and_then(|line| line.split_once("oomsim ")).expect("a run").1;
    let again = json(place.path(), &command.split(' ').collect::<Vec<_>>());
    let rows = std::fs::read_to_string(place.path().join("y/runs.csv")).expect("runs");
    let digest = again["digest"].as_str().expect("one run");
    assert!(command.contains("--node large") && rows.lines().nth(1).is_some_and(|row| row.contains(digest)), "{rows}");
    let goal = "[[scenario]]\nfile = \"kinds.toml\"\n[[target]]\nevent = \"nodeOom\"\nbelow = 0\n\
                [[knob]]\nname = \"t\"\nkey = \"kubelet.evictionHard.memory.available\"\nvalues = [\"100Mi\"]\n";
    write(&place, "goal.toml", &format!("runs = 64\n{goal}"));
    assert_eq!(oomsim_in(place.path(), ["plan", "goal.toml"]).status.code(), Some(2));
    write(
        &place,
        "goal.toml",
        &format!("runs = 64\n{}", goal.replace("kinds.toml\"\n", "kinds.toml\"\nnode = \"large\"\n")),
    );
    assert_ne!(oomsim_in(place.path(), ["plan", "goal.toml"]).status.code(), Some(2));
    // Whatever takes a node each shows them all.
    let shown = json(place.path(), &["node", "kinds.toml"]);
    assert_eq!((&shown["kinds"][2]["node"], &shown["kinds"][2]["count"]), (&"large".into(), &3.into()));
    assert_eq!(json(place.path(), &["node", "kinds.toml", "--node", "large"])["kubeReserved"], 1324_u64 << 20);
    assert_eq!(shown["kinds"][2]["kubeReserved"], 1324_u64 << 20);
    let findings = json(place.path(), &["lint", "kinds.toml", "--only", "OOM006"]);
    let list = findings["findings"].as_array().into_iter().flatten();
    let helps: Vec<_> = list.map(|finding| finding["help"][1].clone()).collect();
    // The reservation of the large ones, and the common one, which only the others have.
    assert_eq!(helps, ["on nodes of the kind `a`, `b`", "on nodes of the kind `large`"]);
    assert_eq!(findings["files"], 1);
    assert!(out(&oomsim_in(place.path(), ["list", "kinds.toml"])).contains("1 pod, 9 nodes"));
    let unknown = oomsim_in(place.path(), ["run", "kinds.toml", "--node", "lagre"]);
    assert!(err(&unknown).contains("did you mean `large`?") && unknown.status.code() == Some(2), "{}", err(&unknown));
}
