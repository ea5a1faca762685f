//! Recordings of 5.10, 6.1, 6.12, 6.18 and 7.3 on the kinds of `tests/kernel.rs`, carried in `data/kernel/VERSION`.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, Tally, run_file};
use std::fs::File;
use std::io::BufReader;

fn run(version: &str, stem: &str) -> FileReport {
    let path = format!("{}/data/kernel/{version}/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).expect("carried in the repository");
    run_file(&format!("kernel/{version}/{stem}.jsonl"), BufReader::new(GzDecoder::new(file)))
}

fn show(name: &str, tally: &Tally) {
    for m in &tally.mismatches {
        println!("{name} {} (line {}): expected {}, got {}", m.row, m.line, m.expected, m.got);
    }
    for open in &tally.open {
        println!("{name} {} (line {}) undecided: {}", open.row, open.line, open.why);
    }
    let t = tally;
    println!("{name}: {} rows, {} matched, {} undecided, {} mismatched", t.total, t.matched, t.undecided, t.mismatched);
}

/// Every file of a version with its rows, and of these at most this many undecided.
fn holds(version: &str, files: &[(&str, usize, usize)]) {
    let mut wrong = Vec::new();
    for (stem, rows, undecided) in files {
        let report = run(version, stem);
        show(&format!("{version} {stem}"), &report.rows);
        if let Some(replay) = &report.replay {
            show(&format!("{version} {stem} replayed"), replay);
        }
        if !report.holds() || report.rows.total != *rows || report.rows.undecided > *undecided {
            wrong.push(*stem);
        }
    }
    assert_eq!(wrong, Vec::<&str>::new(), "{version}");
}

#[test]
fn of_5_10() {
    holds(
        "5.10",
        &[
            ("badness", 132, 0),
            ("memcg_oom_v1", 69, 0),
            ("memcg_oom_v2", 195, 0),
            ("global_oom", 33, 0),
            ("overcommit", 314, 35),
            ("reclaim", 18, 2),
            ("resize", 22, 7),
            ("timing", 9, 0),
        ],
    );
}

#[test]
fn of_6_1_with_two_processors() {
    holds("6.1", &[("memcg_oom_v2", 14, 0), ("resize", 6, 6)]);
}

#[test]
fn of_6_12_with_two_processors() {
    holds("6.12", &[("memcg_oom_v2", 13, 0), ("resize", 6, 6)]);
}

#[test]
fn of_6_18() {
    holds(
        "6.18",
        &[
            ("badness", 102, 18),
            ("memcg_oom_v2", 139, 0),
            ("global_oom", 21, 0),
            ("overcommit", 151, 18),
            ("reclaim", 6, 0),
            ("resize", 17, 15),
            ("timing", 3, 0),
        ],
    );
}

#[test]
fn of_7_3() {
    holds(
        "7.3",
        &[
            ("badness", 90, 0),
            ("memcg_oom_v2", 181, 0),
            ("global_oom", 26, 0),
            ("overcommit", 151, 18),
            ("reclaim", 12, 1),
            ("resize", 17, 15),
            ("timing", 5, 0),
        ],
    );
}
