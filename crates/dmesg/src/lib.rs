//! Reads the kernel's OOM reports from real logs, of Linux 2.6.32 to 7.3, in whatever form a tool exports them, and
//! explains them.
//!
//! ```
//! let log = "[ 12.5] Out of memory: Killed process 1234 (java) total-vm:4194304kB, anon-rss:2097152kB, file-rss:0kB";
//! let reports = oomsim_dmesg::read(log.as_bytes()).unwrap();
//! assert_eq!(reports[0].killed[0].pid, 1234);
//! ```
//!
//! Reading is one pass, in time linear in the input; what is kept is the reports found. Nothing in a log makes it
//! panic: what is not understood is skipped.

mod advice;
mod analysis;
mod assemble;
mod clean;
mod csv;
mod decode;
mod encoded;
mod error;
mod explain;
mod fields;
mod json;
mod json_writer;
mod line;
mod literals;
mod machine;
mod model;
mod order;
mod others;
mod page_size;
mod place;
mod prefix;
mod report;
mod rules;
mod scan;
mod scenario;
mod shape;
mod summary;
mod table;
mod text;
mod wrap;

pub use analysis::{Analyser, Analysis, analyse, to_json};
pub use error::ReadError;
pub use explain::{Candidate, ChoiceVerdict, Explanation, Known, explain};
pub use json_writer::JsonWriter;
pub use model::to_oom_report;
pub use others::{Killer, OtherKill};
pub use place::{CgroupPlace, Qos, System, place};
pub use report::{
    CgroupStats, Chosen, Counter, Invoker, Killed, LoggedOom, MemInfo, OomKind, Reaped, Stamp, Task, Zone,
};
pub use scenario::{NoScenario, scenario};
pub use summary::{Counts, Summary};
pub use text::{NOTHING_FOUND, TextOptions, report_text, text};

use encoded::Encoded;
use std::io::Read;

/// What is found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A report of the kernel.
    Report(Box<LoggedOom>),
    /// Another program's word about a kill.
    Other(Box<OtherKill>),
}

/// All reports of a log in the order of their first lines.
///
/// # Errors
/// Those of the input itself, and that it is no log: not text, or a line of more than 16 MiB.
pub fn read(input: impl Read) -> Result<Vec<LoggedOom>, ReadError> {
    let mut reports = Vec::new();
    read_each(input, |found| {
        if let Found::Report(report) = found {
            reports.push(*report);
        }
    })?;
    reports.sort_by_key(LoggedOom::position);
    Ok(reports)
}

/// Hands over each report, and each kill by another program, as soon as it is over, so that nothing accumulates.
///
/// # Errors
/// As [`read`]; what was read before an error has been handed over.
pub fn read_each(input: impl Read, mut each: impl FnMut(Found)) -> Result<(), ReadError> {
    read_live(input, |found| _ = found.map(&mut each))
}

/// As [`read_each`], of an input that may stay open: where it answers [`std::io::ErrorKind::WouldBlock`], the reports
/// that are over are handed over, then `None`, and reading goes on.
///
/// # Errors
/// As [`read_each`].
pub fn read_live(input: impl Read, each: impl FnMut(Option<Found>)) -> Result<(), ReadError> {
    found_in(decode::open(input)?, each)
}

/// What is found in a log that is text.
fn found_in(text: impl Read, mut each: impl FnMut(Option<Found>)) -> Result<(), ReadError> {
    let mut machine = machine::Machine::default();
    let mut order = order::Order::default();
    let mut any = false;
    let mut each = |found: Option<Found>| {
        any |= found.is_some();
        each(found);
    };
    let read = assemble::run(text, &mut |event| {
        let pause = matches!(event, assemble::Event::Pause);
        order.take(event, &mut |event| machine.take(event));
        machine.drain().into_iter().map(Some).for_each(&mut each);
        if pause {
            each(None);
        }
    });
    order.finish(&mut |event| machine.take(event));
    machine.finish().into_iter().map(Some).for_each(each);
    match read? {
        Some(Encoded { what, help }) if !any => Err(ReadError::NotText { what, help }),
        _ => Ok(()),
    }
}

/// The whole explanation of a log as text: for pages and programs that hold the log in memory.
///
/// # Errors
/// As [`read`].
pub fn explain_log(input: impl Read, known: Known) -> Result<String, ReadError> {
    explained(decode::open(input)?, known)
}

/// As [`explain_log`], of a log that is text already and need not be unpacked or decoded.
///
/// # Errors
/// When a line is longer than 16 MiB, or the text is another form of a log that has to be decoded first.
pub fn explain_text(log: &str, known: Known) -> Result<String, ReadError> {
    explained(log.as_bytes(), known)
}

fn explained(log: impl Read, known: Known) -> Result<String, ReadError> {
    let (mut reports, mut summary) = (Vec::new(), Summary::default());
    found_in(log, |found| match found {
        Some(Found::Report(report)) => reports.push(*report),
        Some(Found::Other(other)) => summary.add_other(*other),
        None => {}
    })?;
    reports.sort_by_key(LoggedOom::position);
    let analyses = analyse(reports, known);
    if analyses.is_empty() {
        return Ok(summary.nothing_text());
    }
    analyses.iter().for_each(|a| summary.add(a));
    let mut parts = vec![text(&analyses, TextOptions::default())];
    if analyses.len() > 3 {
        parts.insert(0, summary.text());
    }
    parts.push(summary.others_text());
    parts.retain(|part| !part.is_empty());
    Ok(parts.join("\n"))
}
