//! `oomsim compare`: what a user tries first, and what cannot be compared.

mod common;

use common::{RACE, err, oomsim_in, out};
use std::path::Path;

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("written");
    write("a.toml", RACE);
    write("fleet.toml", &format!("nodes = 3\n{RACE}"));
    for (name, args) in [("one.json", ["a.toml", "--seed", "1"]), ("two.json", ["a.toml", "--seed", "2"])] {
        let run = oomsim_in(place.path(), [&["run", "--format", "json"], &args[..]].concat());
        write(name, &out(&run));
    }
    place
}

fn compared(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = oomsim_in(folder, [&["compare"], args].concat());
    (output.status.code(), out(&output), err(&output))
}

/// The same run, simulated or read from its recording: the same deaths in the same words.
#[test]
fn a_recording_is_the_run_that_it_was_written_of() {
    let place = place();
    for pair in [["one.json", "a.toml"], ["a.toml", "one.json"], ["one.json", "one.json"], ["a.toml", "a.toml"]] {
        let (code, text, complaints) = compared(place.path(), &[&pair[..], &["--format", "json"]].concat());
        let found: serde_json::Value = serde_json::from_str(&text).expect(&complaints);
        assert_eq!((code, &found["same"]), (Some(0), &true.into()), "{pair:?}: {found:#}");
        assert_eq!(found["a"]["deaths"], found["b"]["deaths"], "{pair:?}");
        assert_eq!(found["a"]["deaths"].as_array().map(Vec::len), Some(1), "{pair:?}");
    }
}

/// A scenario is run with the seed of the recording before it, as with that of a scenario.
#[test]
fn a_recordings_seed_is_that_of_the_other_side() {
    let place = place();
    let (code, text, _) = compared(place.path(), &["two.json", "a.toml"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text, _) = compared(place.path(), &["one.json", "two.json"]);
    assert!(code == Some(1) && text.contains("What is different from the start: seed: 1 against 2\n"), "{text}");
}

/// What was written before deaths and versions were in the file is read as far as it goes.
#[test]
fn older_recordings_are_read() {
    let place = place();
    let text = std::fs::read_to_string(place.path().join("one.json")).expect("there");
    let mut run: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for name in ["deaths", "versions"] {
        assert!(run.as_object_mut().is_some_and(|run| run.remove(name).is_some()), "{name}");
    }
    std::fs::write(place.path().join("old.json"), run.to_string()).expect("written");
    let (code, text, _) = compared(place.path(), &["old.json", "two.json"]);
    assert!(code == Some(1) && text.contains("app of pod/leak/app") && !text.contains("kernel: none"), "{text}");
}

#[test]
fn options_without_effect_are_refused() {
    let place = place();
    for option in [["--set", "node.memory=2Gi"], ["--seed-b", "2"], ["--kubernetes", "1.30"], ["--seeds", "3"]] {
        let (code, _, complaints) = compared(place.path(), &[&["one.json", "two.json"], &option[..]].concat());
        assert!(code == Some(2) && complaints.contains(option[0]), "{option:?}: {complaints}");
    }
    let (code, _, complaints) = compared(place.path(), &["a.toml", "one.json", "--seed-b", "2"]);
    assert!(code == Some(2) && complaints.contains("--seed-b has no effect on a recorded run"), "{complaints}");
}

#[test]
fn both_files_are_complained_about() {
    let place = place();
    std::fs::write(place.path().join("cut.json"), "{").expect("written");
    let (code, _, complaints) = compared(place.path(), &["none.toml", "cut.json"]);
    assert_eq!(code, Some(2));
    assert!(complaints.contains("none.toml") && complaints.contains("cut.json cannot be compared"), "{complaints}");
}

#[test]
fn of_a_fleet_one_node_is_compared() {
    let place = place();
    let (_, text, complaints) = compared(place.path(), &["a.toml", "fleet.toml"]);
    assert!(complaints.contains("fleet.toml has 3 nodes, and the first is compared"), "{complaints}");
    assert!(text.contains("oomsim run fleet.toml --seed 1 --set nodes=1\n"), "{text}");
    let fleet = oomsim_in(place.path(), ["run", "fleet.toml", "--format", "json"]);
    std::fs::write(place.path().join("fleet.json"), out(&fleet)).expect("written");
    let (code, _, complaints) = compared(place.path(), &["fleet.json", "one.json"]);
    assert!(code == Some(2) && complaints.contains("it is of several nodes"), "{complaints}");
    let kinds = RACE.replace("[node]", "[[node]]\nname = \"large\"\nmemory = \"2Gi\"\n[[node]]");
    std::fs::write(place.path().join("kinds.toml"), kinds).expect("written");
    let (code, _, complaints) = compared(place.path(), &["kinds.toml"]);
    assert!(code == Some(2) && complaints.contains("with --node and --node-b: large, worker"), "{complaints}");
    let (code, text, complaints) = compared(place.path(), &["kinds.toml", "--node", "worker", "--node-b", "large"]);
    assert!(code == Some(1) && text.contains("capacity: 1Gi against 2Gi"), "{text}{complaints}");
}
