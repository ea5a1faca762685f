//! The kubelet recordings carried in the repository, all of which the model must match.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

fn open(folder: &str, stem: &str) -> BufReader<GzDecoder<File>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/{folder}/{stem}.jsonl.gz"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    BufReader::new(GzDecoder::new(file))
}

/// Runs one recording and fails with its first mismatches.
fn matches(folder: &str, stem: &str, rows: usize) {
    let report = oomsim_conformance::run_file(stem, open(folder, stem));
    assert_eq!(report.error, None);
    let shown: Vec<String> = report.rows.mismatches.iter().take(3).map(|m| format!("{m:#?}")).collect();
    let tally = (report.rows.total, report.rows.matched, report.rows.undecided);
    assert_eq!(tally, (rows, rows, 0), "{stem}:\n{}", shown.join("\n"));
}

macro_rules! recordings {
    ($($stem:ident: $rows:literal),* $(,)?) => {$(
        #[test]
        fn $stem() {
            matches("kubelet", stringify!($stem), $rows);
        }
    )*};
}

recordings! {
    allocatable: 200,
    cgroups: 425,
    quantity: 317,
    qos: 350,
    rank: 300,
    eviction_sync: 225,
    restart: 84,
}

/// Rows of the same form with inputs of wider ranges (fractions of bytes, pod-level resources, ties, several memory
/// signals, figures that wrap), put through the same packages of Kubernetes 1.32.10.
#[test]
fn further_rows_of_the_real_code() {
    let files = [
        ("allocatable", 400),
        ("cgroups", 400),
        ("qos", 800),
        ("rank", 300),
        ("eviction_sync", 160),
        // The back-off of client-go as kubelet.go sets it up, with the gate KubeletCrashLoopBackOffMax in most rows.
        ("restart", 120),
    ];
    for (stem, rows) in files {
        matches("further/kubelet", stem, rows);
    }
}

/// The real manager iterates a Go map; these recordings hold every outcome that replays of it gave.
#[test]
fn the_leading_threshold_is_the_most_frequent_one_and_draws_stay_within_the_recorded_outcomes() {
    for line in open("kubelet", "eviction_sync").lines() {
        let row = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(oomsim_conformance::check_every_draw(&row), oomsim_conformance::Verdict::Matched);
    }
}
