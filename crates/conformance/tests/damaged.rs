//! Rows that no machine can have recorded are wrong or unreadable, at once.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, run_file};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The first row of a recording with this text, and with another in its place.
fn changed(file: &str, text: &str, other: &str) -> FileReport {
    let path = format!("{}/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(File::open(&path).expect("carried in the repository"))).lines();
    let row = lines.map_while(Result::ok).find(|line| line.contains(text)).expect("a row with this text");
    run_file(file, row.replacen(text, other, 1).as_bytes())
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
