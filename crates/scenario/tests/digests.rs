//! Every scenario of the repository with four seeds leaves the digest that `scenarios/digests.txt` says: a change that
//! is not meant to change an outcome changes none of them. When a change is meant, `UPDATE_EXPECT=1 cargo test -p
//! oomsim-scenario --test digests` writes the file, and the difference is part of the commit.

use expect_test::expect_file;
use oomsim_core::node::BootedNode;
use oomsim_core::record::Keep;
use oomsim_testkit::{read_file, repository};
use std::path::{Path, PathBuf};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;
const FOLDERS: [&str; 9] = ["", "lint", "bench", "pods", "versions", "runtimes", "changes", "field", "stalls"];

fn scenarios() -> PathBuf {
    repository().join("scenarios")
}

/// A line for each kind of node and seed.
fn lines(name: &str) -> String {
    let mut lines = String::new();
    for kind in read_file(&scenarios().join(name)) {
        let node = kind.scenario.node.name.clone();
        let booted = BootedNode::new(kind.scenario, Keep::Outcome);
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
