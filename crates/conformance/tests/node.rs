//! The whole-node stories, carried compressed in `data/node`.

use flate2::read::GzDecoder;
use oomsim_conformance::node::story::Story;
use oomsim_conformance::node::{CARRIED, Disturbance, decision, pick, run, scenario, t0};
use oomsim_conformance::{FileReport, run_file};
use oomsim_core::node::Simulation;
use oomsim_core::record::Keep;
use oomsim_core::units::SimTime;
use oomsim_scenario::{NoFiles, load};
use std::fs::File;
use std::io::{BufRead, BufReader};

fn stories() -> FileReport {
    let path = format!("{}/data/node/stories.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).expect("carried in the repository");
    run_file("node/stories.jsonl", BufReader::new(GzDecoder::new(file)))
}

#[test]
fn stories_come_out_as_recorded() {
    let report = stories();
    for m in &report.rows.mismatches {
        println!("{} (line {}): recorded {}\n    simulated {}", m.row, m.line, m.expected, m.got);
    }
    for u in &report.rows.open {
        println!("{} undecided: {}", u.row, u.why);
    }
    let summary = report.stories.as_ref().expect("whole-node stories have a summary");
    println!("{}", serde_json::to_string_pretty(summary).unwrap_or_default());
    assert!(report.error.is_none(), "{:?}", report.error);
    assert_eq!(report.rows.total, 117);
    assert!(report.rows.undecided * 100 < 15 * report.rows.total);
}

/// What `oomsim import-story` writes is what the replay runs: the same deaths and the same digest, for every story.
#[test]
fn a_written_story_runs_as_its_replay() {
    let mut stories = 0;
    for line in BufReader::new(GzDecoder::new(CARRIED)).lines() {
        let story: Story = serde_json::from_str(&line.expect("readable")).expect("a story");
        let replay = run(&story, Disturbance::NONE, Keep::Series).expect("runs");
        let text = scenario(&story, Disturbance::NONE).expect("understood");
        let read = load(&text, "x.toml", &NoFiles, &[]).expect("an ordinary scenario").scenario;
        let seed = read.seed;
        let mut simulation = Simulation::new(read, seed, Keep::Series);
        simulation.run_until(SimTime::MAX).expect("within its limits");
        let history = simulation.finish();
        assert_eq!(history.digest, replay.history.digest, "{}", story.id);
        assert_eq!(decision::simulated(&history, t0(&story)), replay.decisions, "{}", story.id);
        stories += 1;
    }
    assert_eq!(stories, 117);
}

#[test]
fn a_story_is_found_by_its_name_or_the_nearest_is_said() {
    let find = |id| pick(BufReader::new(GzDecoder::new(CARRIED)), id);
    assert_eq!(find("S1-f04-009").ok().map(|s| s.id), Some("s1-F04-009".to_owned()));
    let why = find("s1-F4-009").expect_err("no such name").to_string();
    assert!(why.contains("among 117") && why.contains("s1-F04-009"), "{why}");
}
