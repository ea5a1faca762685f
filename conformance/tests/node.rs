//! The whole-node stories, carried compressed in `data/node`.

use conformance::{FileReport, run_file};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::BufReader;

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
