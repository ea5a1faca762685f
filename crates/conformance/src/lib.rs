//! Recordings of real kernels and of the real kubelet's code, fed through the same functions that the engine uses.
//!
//! A file is one kind of recording, named by its stem (`badness.jsonl`, `rank.jsonl`); every line is one row.
//!
//! ```
//! // The real kubelet's code read this quantity; the model reads it too and is held against what it became.
//! let row = r#"{"id": 1, "input": "1Ki"}"#;
//! let report = oomsim_conformance::run_file("quantity.jsonl", row.as_bytes());
//! // The row lacks what came out: a row that cannot be read counts as a mismatch, never as a match.
//! assert_eq!((report.rows.total, report.rows.matched), (1, 0));
//! ```

mod kernel;
mod kernel2;
mod kubelet;
mod lines;
pub mod node;
pub mod realnode;
mod report;
mod through;

pub use kernel2::{Drawn, Halt, SizeOff, Sizes, Waited, halts, single_sizes, waited};
pub use kubelet::check_every_draw;
pub use lines::{MAX_LINE, lines};
pub use report::{FileReport, Mismatch, SizeVerdicts, Tally, Undecided, Verdict};

use serde_json::Value;
use std::io::BufRead;
use through::ThroughFiles;

/// One kind of recording: how its rows are named and checked.
#[derive(Clone, Copy)]
pub struct RecordingKind {
    /// Stem of the file's name.
    pub stem: &'static str,
    /// What is checked, for listings.
    pub what: &'static str,
    /// The row's own name; empty when it has none.
    pub id: fn(&Value) -> String,
    /// Checks one row.
    pub check: fn(&Value) -> Verdict,
    /// Runs the row's configuration as a simulation; `None` for a row that has none.
    pub replay: Option<fn(&Value) -> Option<Verdict>>,
    /// Holds the sizes along the way against simulations of the row; `None` for kinds without.
    pub sizes: Option<fn(&Value) -> Option<SizeVerdicts>>,
}

/// Every kind known, kernel's first.
pub fn kinds() -> impl Iterator<Item = &'static RecordingKind> {
    kernel::KINDS.iter().chain(kernel2::KINDS).chain(kubelet::KINDS).chain(node::KINDS).chain(realnode::KINDS)
}

/// The kind of a file, by its name: `kernel/badness.jsonl`, `badness.jsonl.gz`, `badness`.
pub fn kind_of(name: &str) -> Option<&'static RecordingKind> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.split('.').next().unwrap_or(file);
    kinds().find(|k| k.stem == stem)
}

/// Checks all rows of one file. A row that cannot be read counts as mismatched; an unknown kind or a file that
/// cannot be read further gives a report with `error`.
pub fn run_file(name: &str, jsonl: impl BufRead) -> FileReport {
    run_rows(name, jsonl, Way::Functions, |_, _| true)
}

/// How rows are put to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Through the functions that a simulated node uses.
    #[default]
    Functions,
    /// As files that a user would have, read and run as any scenario.
    Files,
}

/// As [`run_file`], in this way, for the rows that `wanted` accepts by line number (from 1) and name.
pub fn run_rows(name: &str, jsonl: impl BufRead, way: Way, wanted: impl Fn(usize, &str) -> bool) -> FileReport {
    let mut report = FileReport { file: name.into(), ..FileReport::default() };
    let Some(kind) = kind_of(name) else {
        let known: Vec<_> = kinds().map(|k| k.stem).collect();
        report.error = Some(format!("not a kind of recording known here: expected one of {}", known.join(", ")));
        return report;
    };
    let mut stories = Vec::new();
    for (number, line) in lines(jsonl).enumerate() {
        let number = number + 1;
        let line = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => line,
            Err(why) => {
                report.error = Some(format!("line {number}: {why}"));
                break;
            }
        };
        let row: Value = match serde_json::from_str(&line) {
            Ok(row) => row,
            Err(why) => {
                report.rows.add(number, "", Verdict::unreadable(why));
                continue;
            }
        };
        let id = (kind.id)(&row);
        if !wanted(number, &id) {
            continue;
        }
        if way == Way::Files {
            match through::check(kind.stem, &row) {
                ThroughFiles::Compared(verdict) => report.rows.add(number, &id, verdict),
                ThroughFiles::NotAsFiles(why) => *report.not_as_files.entry(why).or_default() += 1,
            }
            continue;
        }
        if kind.stem == node::STEM {
            match node::examine_row(&row) {
                Ok(examined) => {
                    report.rows.add(number, &id, examined.verdict());
                    stories.push(examined);
                }
                Err(why) => report.rows.add(number, &id, Verdict::unreadable(why)),
            }
            continue;
        }
        let verdict = (kind.check)(&row);
        if kind.sizes.is_some() {
            let release = row["kernel"].as_str().unwrap_or_default().split('-').next().unwrap_or_default();
            report.by_kernel.entry(release.to_owned()).or_default().add(number, &id, verdict.clone());
        }
        report.rows.add(number, &id, verdict);
        if let Some(verdicts) = kind.sizes.and_then(|sizes| sizes(&row)) {
            report.sizes.get_or_insert_with(Tally::default).add(number, &id, verdicts.one_run);
            report.sizes_within_draws.get_or_insert_with(Tally::default).add(number, &id, verdicts.draws);
        }
        if let Some(verdict) = kind.replay.and_then(|replay| replay(&row)) {
            report.replay.get_or_insert_with(Tally::default).add(number, &id, verdict);
        }
    }
    if !stories.is_empty() {
        report.stories = Some(node::summary(&stories));
    }
    report
}
