//! Every carried row of the kubelet's, the kernel's and the node's recordings twice: through the functions of the
//! model, and as files that a user would have. The tables of `docs/ACCURACY.md` say what came of both;
//! `UPDATE_EXPECT=1` writes them anew.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, Tally, Way, run_rows};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// The folders whose rows go through files.
const FOLDERS: [&str; 10] = [
    "kubelet",
    "further/kubelet",
    "kernel",
    "kernel/5.10",
    "kernel/6.1",
    "kernel/6.12",
    "kernel/6.18",
    "kernel/7.3",
    "node",
    "realnode",
];
/// Of a hundred rows this many have to go through files.
const LEAST_PERCENT: usize = 85;
/// Rows made of wider random inputs, many of which no API server takes: they are not in that share.
const FURTHER: &str = "further/";

/// The files of a folder, by name.
fn files(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(folder);
    let names = fs::read_dir(path).expect("carried").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".jsonl.gz")?.to_owned())).collect();
    names.sort();
    names
}

fn report(folder: &str, stem: &str, way: Way) -> FileReport {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/{folder}/{stem}.jsonl.gz"));
    let file = BufReader::new(GzDecoder::new(File::open(path).expect("carried")));
    run_rows(&format!("{folder}/{stem}.jsonl"), file, way, |_, _| true)
}

fn table(reports: &[(String, FileReport, FileReport)]) -> String {
    let mut out =
        "| file | rows | functions: matched | undecided | mismatched | as files | matched | undecided | mismatched \
                   |\n|---|---|---|---|---|---|---|---|---|"
            .to_owned();
    let cells = |t: &Tally| format!("{} | {} | {}", t.matched, t.undecided, t.mismatched);
    for (name, functions, files) in reports {
        let (all, put) = (&functions.rows, &files.rows);
        out.push_str(&format!("\n| `{name}` | {} | {} | {} | {} |", all.total, cells(all), put.total, cells(put)));
    }
    out
}

fn reasons(reports: &[(String, FileReport, FileReport)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (why, rows) in reports.iter().flat_map(|(_, _, files)| &files.not_as_files) {
        *counts.entry(why).or_default() += rows;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(why, rows)| (std::cmp::Reverse(*rows), *why));
    let mut out = "| rows | not put as files because of |\n|---|---|".to_owned();
    rows.iter().for_each(|(why, rows)| out.push_str(&format!("\n| {rows} | {why} |")));
    out
}

/// The table on the page that begins so; what is to be written there if it may be.
fn on_page<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(heading).unwrap_or_else(|| panic!("docs/ACCURACY.md has no table {heading:?}"));
    let end = page[begin..].find("\n\n").map_or(page.len(), |n| begin + n);
    &page[begin..end]
}

#[test]
fn what_holds_as_a_function_holds_in_a_run() {
    let mut reports = Vec::new();
    let all = FOLDERS.iter().flat_map(|folder| files(folder).into_iter().map(move |stem| (folder, stem)));
    for (folder, stem) in all {
        let functions = report(folder, &stem, Way::Functions);
        // A story is a scenario either way.
        let files = if *folder == "node" { functions.clone() } else { report(folder, &stem, Way::Files) };
        for m in files.rows.mismatches.iter().take(3) {
            println!("{folder}/{stem} line {} {}\n  recorded {}\n  run      {}", m.line, m.row, m.expected, m.got);
        }
        reports.push((format!("{folder}/{stem}"), functions, files));
    }
    let recordings = || reports.iter().filter(|(name, ..)| !name.starts_with(FURTHER));
    let rows: usize = recordings().map(|(_, functions, _)| functions.rows.total).sum();
    let put: usize = recordings().map(|(.., files)| files.rows.total).sum();
    let other: usize = reports.iter().map(|(.., files)| files.rows.mismatched).sum();
    println!("{}\n\n{}\n{put} of {rows} rows", table(&reports), reasons(&reports));
    assert_eq!(other, 0, "rows that come out differently in a run");
    assert!(put * 100 >= LEAST_PERCENT * rows, "{put} of {rows} rows go through files");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ACCURACY.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let mut new = page.clone();
    for (heading, expected) in [("| file | rows |", table(&reports)), ("| rows | not put as files", reasons(&reports))]
    {
        new = new.replace(on_page(&new, heading), &expected);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, new).expect("can be written");
    } else {
        assert_eq!(page, new, "UPDATE_EXPECT=1 writes the tables anew");
    }
}
