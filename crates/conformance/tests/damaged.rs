//! Rows that no machine can have recorded are wrong or unreadable, at once; and rows made of recorded ones.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, run_file};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The first row of a recording with this text.
fn row(file: &str, text: &str) -> String {
    let path = format!("{}/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(File::open(&path).expect("carried in the repository"))).lines();
    lines.map_while(Result::ok).find(|line| line.contains(text)).expect("a row with this text")
}

/// The first row of a recording with this text, and with another in its place.
fn changed(file: &str, text: &str, other: &str) -> FileReport {
    run_file(file, row(file, text).replacen(text, other, 1).as_bytes())
}

#[test]
fn great_numbers_are_refused() {
    let most = u64::MAX.to_string();
    for (file, text, other) in [
        ("kernel/badness.jsonl.gz", "\"rss_file_pages\":0,", format!("\"rss_file_pages\":{most},")),
        ("kernel2/swap.jsonl.gz", "\"args\":[5448,1]", format!("\"args\":[5448,{most}]")),
        ("kernel2/swap.jsonl.gz", "\"args\":[5448,1]", "\"args\":[5448,10001]".into()),
        ("kernel2/kmem.jsonl.gz", "\"args\":[", format!("\"args\":[{most},")),
    ] {
        let report = changed(file, text, &other);
        assert_eq!((report.rows.matched, report.rows.mismatched), (0, 1), "{file}: {other}");
    }
}

#[test]
fn unknown_steps_are_refused() {
    let report = changed("kernel2/nest.jsonl.gz", "\"do\":\"touch\"", "\"do\":\"tuoch\"");
    assert_eq!((report.rows.matched, report.rows.mismatched), (0, 1));
    let why = &report.rows.mismatches[0].got;
    assert!(why.contains("unknown variant `tuoch`, expected one of `touch`"), "{why}");
}

/// Without swap it makes no difference whether memory is locked, and huge pages come from a pool that no cgroup is
/// charged for: the recorded row holds with both.
#[test]
fn locked_memory_and_huge_pages_are_read() {
    let row = row("kernel2/nest.jsonl.gz", "\"do\":\"touch\"");
    let locked = row.replace("\"do\":\"touch\"", "\"do\":\"touch_mlock\"");
    let who = row.split("\"who\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a step's process");
    let huge = format!("\"steps\":[{{\"do\":\"hugetlb\",\"who\":\"{who}\",\"args\":[1],\"result\":\"ok 1\"}},");
    for row in [locked, row.replacen("\"steps\":[", &huge, 1)] {
        let report = run_file("lock.jsonl", row.as_bytes());
        assert_eq!(report.rows.matched, 1, "{:?}", report.rows.mismatches);
        assert_eq!(report.sizes.map(|sizes| sizes.matched), Some(1));
    }
}
