//! Recorded stories as users see them: written as a scenario, and drawn beside their simulation.

mod common;

use common::{oomsim_in, out};

/// s1-F04-009: recorded `kubepods_oom` of `leak`; the scenario is read and run as any other.
#[test]
fn an_imported_story_runs() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let story = oomsim_in(place.path(), ["import-story", "s1-F04-009"]);
    assert_eq!(story.status.code(), Some(0));
    std::fs::write(place.path().join("x.toml"), &story.stdout).expect("written");
    let run = oomsim_in(place.path(), ["run", "x.toml"]);
    assert_eq!(run.status.code(), Some(0));
    assert!(out(&run).contains("kubepods"), "{}", out(&run));
}

#[test]
fn a_story_is_drawn_as_svg_and_png() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let drawn = oomsim_in(place.path(), ["compare-story", "s1-F04-009"]);
    assert_eq!(drawn.status.code(), Some(0));
    assert!(out(&drawn).contains("kubepods_oom leak/c/leak at 8.79"), "{}", out(&drawn));
    let svg = std::fs::read_to_string(place.path().join("s1-F04-009.svg")).expect("the picture");
    for word in ["recorded", "simulated", "OOM kill leak", "node available", "kubepods usage"] {
        assert!(svg.contains(word), "{word}");
    }
    oomsim_in(place.path(), ["compare-story", "s1-F04-009", "--out", "a/b.png"]);
    let png = std::fs::read(place.path().join("a/b.png")).expect("the picture");
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn wrong_names_and_files_are_said() {
    let place = tempfile::tempdir().expect("a temporary folder");
    for args in [
        &["import-story", "s9-F99-999"][..],
        &["import-story", "nowhere.jsonl", "s1-F04-009"],
        &["compare-story", "s1-F04-009", "--out", "x.pdf"],
    ] {
        let wrong = oomsim_in(place.path(), args);
        assert_eq!(wrong.status.code(), Some(2), "{args:?}");
        assert!(!wrong.stderr.is_empty());
    }
}
