//! The same report in every form in which logs reach a person is the same report.
//!
//! `tests/data/formats` has the form of tools that were run: journalctl of systemd 252, dmesg of util-linux 2.38, gzip,
//! xz, zstd, bzip2. The others are written in `forms` as the tools' documentation shows them.

mod common;
mod forms;

use forms::{Log, difference, json, read};
use oomsim_dmesg::{ChoiceVerdict, Known, analyse};
use std::fmt::Write;

const PLAIN: &str = include_str!("data/cases/07-base-all-right.log");

fn folder() -> String {
    format!("{}/tests/data/formats", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_form_is_the_same_report() {
    let plain = read(PLAIN.as_bytes());
    assert_eq!(plain.len(), 1);
    let analysed = analyse(plain.clone(), Known::default());
    // By hand: 500,000 + 4,096,000 / 4096 = 501,000 points of 1,048,576 − 48,576 pages.
    assert_eq!(analysed[0].explanation.verdict, ChoiceVerdict::Explained);
    assert_eq!(analysed[0].explanation.total_pages, Some(1_000_000));
    assert_eq!(analysed[0].explanation.candidates[0].points, Some(501_000));
    let wrong = differences("the plain report", &Log::of(PLAIN), |_| true);
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the forms of a log for which `chosen` is true have other than the log itself.
fn differences(name: &str, log: &Log, chosen: impl Fn(usize) -> bool) -> String {
    let plain = read(log.plain().as_bytes());
    let mut wrong = String::new();
    for (_, (form, text)) in forms::all(log).into_iter().enumerate().filter(|(i, _)| chosen(*i)) {
        let mut reports = read(text.as_bytes());
        // With the newest line first the newest report is the first one, too.
        let newest_first = reports.iter().rev().eq(&plain);
        // On one line and without stamps, nothing says which of two reports was first.
        let one_line = text.lines().count() == 1 && reports.len() == plain.len();
        if newest_first || (one_line && plain.iter().all(|report| reports.contains(report))) {
            reports.clone_from(&plain);
        }
        if reports != plain {
            let begin: Vec<&str> = text.lines().take(3).map(|l| l.get(..150).unwrap_or(l)).collect();
            let differ = difference(&plain, &reports);
            let _ = writeln!(wrong, "{name} as {form}: {differ}\n{}", begin.join("\n"));
        }
    }
    wrong
}

/// Every recorded log, each in one of forty forms, in turn; `OOMSIM_ONE_FORM_IN=1`: in each of them.
#[test]
fn every_recorded_log_in_turn() {
    let one_in = std::env::var("OOMSIM_ONE_FORM_IN").map_or(40, |n| n.parse().expect("a number"));
    let logs = common::logs();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = &|first: usize| -> String {
        let logs = logs.iter().enumerate().skip(first).step_by(processors);
        logs.map(|(n, (name, text))| differences(name, &Log::of(text), |form| (form + n) % one_in == 0)).collect()
    };
    let wrong: String = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..processors).map(|first| scope.spawn(move || share(first))).collect();
        readers.into_iter().map(|reader| reader.join().expect("no reader panics")).collect()
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn files_of_tools_that_were_run() {
    let plain = read(PLAIN.as_bytes());
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).expect("the file");
        assert_eq!(read(&bytes), plain, "{name}");
        count += 1;
    }
    assert_eq!(count, 36);
}

#[test]
fn utf_16_and_cut_compressed_files() {
    let plain = read(PLAIN.as_bytes());
    let wide: Vec<u8> =
        format!("\u{feff}{}", PLAIN.replace('\n', "\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide), plain);
    let packed = std::fs::read(format!("{}/base.log.gz", folder())).expect("the file");
    let mut found = 0;
    let cut = oomsim_dmesg::read_each(&packed[..packed.len() - 40], |_| found += 1).expect_err("cut");
    assert!(cut.to_string().contains("gzip data is damaged or cut short"), "{cut}");
    // What was there before the cut is still given.
    assert_eq!(found, 1);
}

/// Two hosts in one export: their lines do not mix.
#[test]
fn hosts_of_an_export_are_kept_apart() {
    let other = PLAIN.replace(" a invoked", " x invoked").replace("Killed process 10 (a)", "Killed process 10 (x)");
    let entry = |host: &str, line: &str| {
        format!(
            "{{\"jsonPayload\":{{\"message\":{}}},\"resource\":{{\"labels\":{{\"node_name\":\"{host}\"}}}}}}\n",
            json(line)
        )
    };
    let both: String = PLAIN.lines().zip(other.lines()).map(|(a, b)| entry("n1", a) + &entry("n2", b)).collect();
    let reports = oomsim_dmesg::read(both.as_bytes()).expect("readable");
    let seen: Vec<_> = reports.iter().map(|r| (r.host.as_deref(), r.killed[0].comm.as_str(), r.tasks.len())).collect();
    assert_eq!(seen, [(Some("n1"), "a", 2), (Some("n2"), "x", 2)]);
}
