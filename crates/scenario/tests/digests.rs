//! Every scenario of the repository with four seeds leaves the digest that `scenarios/digests.txt` says: a change that is not
//! meant to change an outcome changes none of them. When a change is meant, `UPDATE_EXPECT=1 cargo test -p oomsim-scenario
//! --test digests` writes the file, and the difference is part of the commit.

use expect_test::expect_file;
use oomsim_core::record::Keep;
use oomsim_core::world::Booted;
use oomsim_scenario::{Diagnostic, Files, load_kinds};
use std::path::{Path, PathBuf};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;
const FOLDERS: [&str; 3] = ["", "lint", "bench"];

struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| "no such file".into())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|_| "no such directory")?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// A line for each kind of node and seed.
fn lines(name: &str) -> String {
    let path = scenarios().join(name);
    let text = std::fs::read_to_string(&path).expect("readable");
    let beside = Beside(path.parent().expect("in a folder").to_owned());
    let problems = |problems: Vec<Diagnostic>| problems.iter().map(Diagnostic::render).collect::<String>();
    let kinds = load_kinds(&text, name, &beside, &[]).map_err(problems).unwrap_or_else(|why| panic!("{why}"));
    let mut lines = String::new();
    for kind in kinds {
        let node = kind.scenario.node.name.clone();
        let booted = Booted::new(kind.scenario, Keep::Outcome);
        for seed in SEEDS {
            let run = booted.clone().run(seed).expect("ends");
            lines += &format!("{name} {node} {seed} {} {}\n", run.events, run.digest);
        }
    }
    lines
}

#[test]
fn scenarios_leave_the_digests_of_the_file() {
    let mut names: Vec<String> = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(scenarios().join(folder)).expect("a folder") {
            let name = entry.expect("readable").file_name().into_string().expect("UTF-8");
            if name.ends_with(".toml") {
                names.push(Path::new(folder).join(name).to_str().expect("UTF-8").to_owned());
            }
        }
    }
    names.sort();
    let mut text =
        String::from("# scenario, kind of node, seed, events, digest; written by crates/scenario/tests/digests.rs\n");
    std::thread::scope(|scope| {
        let runs: Vec<_> = names.iter().map(|name| scope.spawn(|| lines(name))).collect();
        runs.into_iter().for_each(|run| text += &run.join().expect("runs"));
    });
    expect_file!["../../../scenarios/digests.txt"].assert_eq(&text);
}
