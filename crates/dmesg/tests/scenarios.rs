//! The scenario made of a report kills the same process.

mod common;

use oomsim_core::record::{Keep, Record};
use oomsim_dmesg::{Analysis, ChoiceVerdict, Known, analyse, scenario};
use oomsim_scenario::{NoFiles, load};

/// Pids that the simulated kernel chose, in order.
fn simulated(toml: &str, at: &str) -> Vec<u32> {
    let loaded = load(toml, at, &NoFiles, &[]).unwrap_or_else(|problems| {
        let text: Vec<String> = problems.iter().map(|p| p.render()).collect();
        panic!("{at}: {}\n{toml}", text.join("\n"))
    });
    assert!(loaded.warnings.is_empty(), "{at}: {:?}", loaded.warnings);
    let history = oomsim_core::simulate(&loaded.scenario, 1, Keep::Series).expect("a run");
    history
        .entries
        .iter()
        .filter_map(|e| match &e.record {
            Record::OomKill { report, .. } => Some(report.chosen().map_or(0, |task| task.pid.0)),
            _ => None,
        })
        .collect()
}

fn analysed(log: &str) -> Vec<Analysis> {
    analyse(oomsim_dmesg::read(log.as_bytes()).expect("readable"), Known::default())
}

#[test]
fn recorded_kills_come_out_again() {
    let (mut same, mut other) = (0, Vec::new());
    for (name, log) in common::logs() {
        for (i, a) in analysed(&log).iter().enumerate().filter(|(_, a)| !a.report.kill_only) {
            let made = scenario(a);
            if a.explanation.verdict != ChoiceVerdict::Explained {
                assert!(made.is_err(), "{name} {i}");
                continue;
            }
            let toml = made.unwrap_or_else(|e| panic!("{name} {i}: {e}"));
            let pids = simulated(&toml, &name);
            if pids.first().copied() == a.report.victim_pid() {
                same += 1;
            } else {
                other.push(format!("{name} {i}: {pids:?} in place of {:?}", a.report.victim_pid()));
            }
        }
    }
    println!("{same} same, {} other:\n{}", other.len(), other.join("\n"));
    assert_eq!(other.len(), 0);
}

#[test]
fn quoted_kills_come_out_again() {
    // The two twists of 5.4 and the 123 Mi pod of 4.15: victims as in the articles, points of the victim as in the log.
    for (name, victim) in [("p2-twist-1.log", 14300), ("p2-twist-2.log", 31082), ("limit-123mi.log", 32308)] {
        let path = format!("{}/tests/data/quoted/{name}", env!("CARGO_MANIFEST_DIR"));
        let a = &analysed(&std::fs::read_to_string(path).expect("the file"))[0];
        let toml = scenario(a).expect("a scenario");
        assert_eq!(simulated(&toml, name).first(), Some(&victim), "{name}\n{toml}");
    }
}

#[test]
fn what_is_missing_is_said() {
    for (name, why) in [
        ("quoted/p4-race.log", "the table of tasks is missing"),
        ("public/4.x-crio-1975.log", "the limit, or the node's memory, is missing"),
        ("public/3.10-k8s-50632.log", "the table of tasks is missing"),
        ("public/4.4-elasticsearch-23842.log", "the process that was chosen is not in the table"),
    ] {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        let a = &analysed(&std::fs::read_to_string(path).expect("the file"))[0];
        assert_eq!(scenario(a).expect_err("too little").to_string(), why, "{name}");
    }
}
