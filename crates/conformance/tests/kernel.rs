//! The kernel's recordings, carried compressed in `data/kernel`.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, run_file};
use std::fs::File;
use std::io::BufReader;

fn run(stem: &str) -> FileReport {
    let path = format!("{}/data/kernel/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).expect("carried in the repository");
    run_file(&format!("kernel/{stem}.jsonl"), BufReader::new(GzDecoder::new(file)))
}

fn holds(stem: &str, rows: usize, undecided: usize) {
    let report = run(stem);
    for m in &report.rows.mismatches {
        println!("{stem} {} (line {}): expected {}, got {}", m.row, m.line, m.expected, m.got);
    }
    for m in report.replay.iter().flat_map(|r| &r.mismatches) {
        println!("{stem} {} (line {}) replayed: expected {}, got {}", m.row, m.line, m.expected, m.got);
    }
    let t = &report.rows;
    println!("{stem}: {} rows, {} matched, {} undecided, {} mismatched", t.total, t.matched, t.undecided, t.mismatched);
    if let Some(t) = &report.replay {
        println!(
            "  replayed: {} rows, {} matched, {} undecided, {} mismatched",
            t.total, t.matched, t.undecided, t.mismatched
        );
    }
    assert!(report.holds(), "{:?}", report.error);
    assert_eq!(t.total, rows);
    assert!(t.undecided <= undecided, "{} undecided, at most {undecided}", t.undecided);
}

#[test]
fn badness() {
    holds("badness", 78, 3);
}

#[test]
fn memcg_oom_v1() {
    holds("memcg_oom_v1", 102, 0);
}

#[test]
fn memcg_oom_v2() {
    holds("memcg_oom_v2", 200, 0);
}

#[test]
fn global_oom() {
    holds("global_oom", 39, 0);
}

#[test]
fn overcommit() {
    holds("overcommit", 283, 56);
}

#[test]
fn reclaim() {
    holds("reclaim", 14, 2);
}

#[test]
fn resize() {
    holds("resize", 14, 5);
}

#[test]
fn timing() {
    holds("timing", 11, 0);
}
