//! The lines of a journal: how they are written, checked and gone through.
//!
//! A line is 16 hexadecimal digits of XXH3-64 over the rest, a blank, the text. The first is the header. A line whose
//! hash is wrong counts as not there, wherever it is, and stays where it is.

use crate::error::{StoreError, io_error};
use oomsim_planning::plan::Plan;
use oomsim_planning::row;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Longest line that is read: longer ones are damage.
pub(crate) const MAX_LINE: u64 = 1 << 20;
/// What a line that was being written when its process ended is closed with. No row has a tab.
pub(crate) const CUT: &str = "\tcut\n";

/// A line as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its hash is right.
    Whole(&'a str),
    /// It was closed by a later process: [`CUT`].
    Cut,
    /// Its hash is wrong.
    Damaged,
    /// It has no end: the last of the file. As it stands there, up to [`MAX_LINE`].
    Torn(&'a [u8]),
}

/// Where a line is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    /// Its first byte.
    pub start: u64,
    /// After its last byte.
    pub end: u64,
    /// Counted from 1 at the beginning of what is gone through.
    pub number: u64,
}

/// A line with its hash and its end.
pub(crate) fn record(text: &str) -> String {
    format!("{:016x} {text}\n", xxh3_64(text.as_bytes()))
}

/// The text of a line if its hash is right.
pub(crate) fn checked(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (hash, text) = line.split_at_checked(17)?;
    let hash = hash.strip_suffix(' ')?;
    (u64::from_str_radix(hash, 16).ok()? == xxh3_64(text.as_bytes())).then_some(text)
}

/// Goes through the lines of a journal that begin in `bytes`; the range begins with a line.
pub(crate) fn scan(
    mut file: &File,
    path: &Path,
    bytes: std::ops::Range<u64>,
    mut each: impl FnMut(At, Line<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    file.seek(SeekFrom::Start(bytes.start)).map_err(io_error("read", path))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut at = At { start: bytes.start, end: bytes.start, number: 0 };
    let mut line = Vec::new();
    while at.end < bytes.end {
        line.clear();
        at = At { start: at.end, end: at.end, number: at.number + 1 };
        let mut limited = Read::take(&mut reader, MAX_LINE);
        at.end += limited.read_until(b'\n', &mut line).map_err(io_error("read", path))? as u64;
        if line.is_empty() {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            each(at, whole_line(&line))?;
            continue;
        }
        let (rest, ended) = skip_line(&mut reader).map_err(io_error("read", path))?;
        at.end += rest;
        each(at, if ended { Line::Damaged } else { Line::Torn(&line) })?;
    }
    Ok(())
}

fn whole_line(line: &[u8]) -> Line<'_> {
    match checked(line) {
        Some(text) => Line::Whole(text),
        None if line.ends_with(CUT.as_bytes()) => Line::Cut,
        None => Line::Damaged,
    }
}

/// Goes on behind the end of the line; how many bytes that were, and whether the line has an end.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let (length, found) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(length);
        skipped += length as u64;
        if found || length == 0 {
            return Ok((skipped, found));
        }
    }
}

/// What belongs in a journal: the header of a study and the rows of its plan.
#[derive(Clone, Debug)]
pub struct Contents<'a> {
    plan: &'a Plan,
    header: String,
}

/// Whether a journal has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// It is there, and right.
    There,
    /// The file ends before the header does: a process was killed in its first instant.
    Unfinished,
}

impl<'a> Contents<'a> {
    /// The contents of the journals of a study: its name, the hash of its plan, and the version that runs it.
    pub fn of(study: &str, plan: &'a Plan) -> Self {
        let mut name = String::new();
        row::field(&mut name, study);
        let (version, hash, runs) = (env!("CARGO_PKG_VERSION"), plan.fingerprint(), plan.len());
        Contents { plan, header: format!("oomsim {version} study {name} plan {hash:032x} runs {runs}") }
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The first line.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// Holds a journal's first line against the header.
    pub(crate) fn check_header(&self, path: &Path, first: Line<'_>) -> Result<Header, StoreError> {
        let record = record(&self.header);
        match first {
            Line::Whole(text) if text == self.header => Ok(Header::There),
            Line::Whole(text) => {
                Err(StoreError::Other { path: path.into(), found: text.into(), expected: self.header.clone() })
            }
            Line::Torn(bytes) if record.as_bytes().starts_with(bytes) => Ok(Header::Unfinished),
            Line::Torn(_) | Line::Cut | Line::Damaged => {
                Err(StoreError::NoHeader { path: path.into(), expected: record.trim_end().into() })
            }
        }
    }

    /// The run that a row is of.
    pub(crate) fn check_row(&self, path: &Path, line: u64, text: &str) -> Result<u64, StoreError> {
        let run = text.split_once(',').and_then(|(run, _)| run.parse().ok());
        let run = run.filter(|run| *run < self.plan.len());
        let head = run.map(|run| row::head(self.plan, &self.plan.spec(run)));
        match (run, head) {
            (Some(run), Some(head)) if text.strip_prefix(&head).is_some_and(|rest| rest.starts_with(',')) => Ok(run),
            (_, expected) => {
                let length = expected.as_ref().map_or(60, String::len);
                let found = text.chars().take(length).collect();
                Err(StoreError::Foreign { path: path.into(), line, found, expected })
            }
        }
    }
}
