//! Physical lines to messages: bounded reading, escaped line breaks, lines wrapped by a terminal or a mail program.

use crate::line::{Line, Parsed, parse};
use crate::prefix::{Prefixed, strip};
use crate::table::Columns;
use std::io::{self, BufRead};

/// Longest part of a line that is looked at; the kernel's own messages end before 1 KiB, `/dev/kmsg` records at 8 KiB.
const MAX_LINE: usize = 64 << 10;
/// A line of which more has come is not of a log: a device or another kind of file.
const MOST_LINE: u64 = 16 << 20;
/// Most that is read of a log.
const MOST_INPUT: u64 = 4 << 30;
/// Most continuation lines that are kept for one message.
const MAX_PARTS: usize = 32;
/// Most lines that one message is put together from.
const MOST_JOINED: usize = 16;

/// A message with its prefix.
pub(crate) struct Message<'a> {
    /// Line number, from 1.
    pub number: u64,
    /// What stood before it; its `text` is not used.
    pub prefix: Prefixed<'a>,
    /// What it says.
    pub parsed: Parsed,
}

/// Collects lines that may belong together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    number: u64,
    raw: String,
    raw_number: u64,
    pending: bool,
    marked: bool,
    known: bool,
    whole: bool,
    parts: Vec<String>,
    columns: Option<Columns>,
}

/// Reads the whole input; `emit` gets each message that says something, and `None` for the others.
///
/// # Errors
/// Those of the input, and that it is no log: a line without end, or more than anyone keeps.
pub(crate) fn run(mut input: impl BufRead, emit: &mut impl FnMut(Option<Message<'_>>)) -> io::Result<()> {
    let mut assembler = Assembler::default();
    let mut bytes = Vec::new();
    let mut all = 0;
    while let Some(length) = next_line(&mut input, &mut bytes)? {
        assembler.number += 1;
        all += length;
        if length > MOST_LINE {
            let why = format!("line {} is longer than {} MiB: this is no log", assembler.number, MOST_LINE >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if all > MOST_INPUT {
            let why = format!("there are more than {} GiB: give the part of interest", MOST_INPUT >> 30);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let line = String::from_utf8_lossy(&bytes);
        assembler.push(&line, emit);
    }
    assembler.flush(emit);
    Ok(())
}

/// One line without its end, cut at [`MAX_LINE`] bytes, and how long it was; `None` at the end of the input.
fn next_line(input: &mut impl BufRead, out: &mut Vec<u8>) -> io::Result<Option<u64>> {
    out.clear();
    let mut length = None;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if buffer.is_empty() {
            return Ok(length);
        }
        let end = buffer.iter().position(|&b| b == b'\n');
        let line = &buffer[..end.unwrap_or(buffer.len())];
        let room = MAX_LINE - out.len();
        out.extend_from_slice(&line[..line.len().min(room)]);
        let used = line.len() + usize::from(end.is_some());
        let so_far = length.unwrap_or(0) + line.len() as u64;
        length = Some(so_far);
        input.consume(used);
        if end.is_some() || so_far > MOST_LINE {
            return Ok(length);
        }
    }
}

impl Assembler {
    fn push(&mut self, line: &str, emit: &mut impl FnMut(Option<Message<'_>>)) {
        if line.starts_with('{')
            && let Some(entry) = journal_json(line)
        {
            self.flush(emit);
            self.pieces(&entry.prefix(), &entry.message, emit);
            return;
        }
        let p = strip(line);
        if p.kmsg && p.text.contains("\\x") {
            self.flush(emit);
            let text = unescape(p.text);
            self.pieces(&p, &text, emit);
            return;
        }
        // rsyslog writes a line break as #012.
        if p.text.contains("#012") {
            self.flush(emit);
            let text = p.text.replace("#012", "\n");
            self.pieces(&p, &text, emit);
            return;
        }
        let parsed = parse(p.text);
        let continues = self.pending && !p.marked && !parsed.known() && (self.marked || (self.known && !self.whole));
        if continues {
            if self.parts.len() < MAX_PARTS {
                self.parts.push(line.to_string());
            }
            return;
        }
        self.flush(emit);
        self.pending = true;
        self.marked = p.marked;
        self.known = parsed.known();
        self.whole = self.is_whole(&parsed);
        self.raw.clear();
        self.raw.push_str(line);
        self.raw_number = self.number;
    }

    /// Parts of one record that had line breaks in it.
    fn pieces(&mut self, prefix: &Prefixed<'_>, text: &str, emit: &mut impl FnMut(Option<Message<'_>>)) {
        for piece in text.split('\n') {
            let parsed = parse(piece);
            self.out(self.number, *prefix, parsed, emit);
        }
    }

    fn flush(&mut self, emit: &mut impl FnMut(Option<Message<'_>>)) {
        if !self.pending {
            return;
        }
        self.pending = false;
        if !self.known && self.parts.is_empty() {
            emit(None);
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let parts = std::mem::take(&mut self.parts);
        let prefix = strip(&raw);
        let parsed = self.joined(&raw, &prefix, &parts);
        self.out(self.raw_number, prefix, parsed, emit);
        self.raw = raw;
    }

    fn out(&mut self, number: u64, prefix: Prefixed<'_>, parsed: Parsed, emit: &mut impl FnMut(Option<Message<'_>>)) {
        if let Line::Columns(columns) = &parsed.line {
            self.columns = Some(columns.clone());
        }
        if parsed.known() {
            emit(Some(Message { number, prefix, parsed }));
        } else {
            emit(None);
        }
    }

    fn is_whole(&self, parsed: &Parsed) -> bool {
        match &parsed.line {
            Line::Row(row) => row.whole_with(self.columns.as_ref()),
            _ => parsed.whole,
        }
    }

    /// The message of a first line and what follows it without a prefix of its own.
    fn joined(&self, raw: &str, prefix: &Prefixed<'_>, parts: &[String]) -> Parsed {
        let first = parse(prefix.text);
        if parts.is_empty() {
            return first;
        }
        // Blanks at the end matter: a terminal wraps in the middle of a column.
        let start = prefix.text.as_ptr() as usize - raw.as_ptr() as usize;
        let text = &raw[start..];
        if first.known() && self.is_whole(&first) {
            return self.longer(first, text.trim_end(), raw, parts);
        }
        let mut tight = text.to_string();
        let mut spaced = text.trim_end().to_string();
        for (i, part) in parts.iter().enumerate().take(MOST_JOINED) {
            tight.push_str(part);
            spaced.push(' ');
            spaced.push_str(quoted(part));
            for candidate in [&tight, &spaced] {
                let parsed = parse(candidate);
                if parsed.known() && self.is_whole(&parsed) {
                    return self.longer(parsed, candidate, part, &parts[i + 1..]);
                }
            }
        }
        first
    }

    /// A message that is whole already may still have lost the end of its last word to the next line.
    fn longer(&self, whole: Parsed, text: &str, last: &str, parts: &[String]) -> Parsed {
        let Some(next) = parts.first().filter(|next| plausible_tail(&whole.line, last, next)) else {
            return whole;
        };
        let text = format!("{text}{next}");
        let longer = parse(&text);
        if longer.known() && self.is_whole(&longer) { self.longer(longer, &text, next, &parts[1..]) } else { whole }
    }
}

/// The continuation without the comment sign that the line before had.
fn quoted(part: &str) -> &str {
    part.trim_start().trim_start_matches(['#', '>', '|']).trim()
}

/// Can `next` be the end of a line that seems whole, after a physical line `last` that was long enough to be wrapped?
fn plausible_tail(line: &Line, last: &str, next: &str) -> bool {
    let tail = next.trim_end();
    if last.len() < 60 || tail.is_empty() || tail.len() > 255 {
        return false;
    }
    let word = tail.bytes().all(|b| b.is_ascii_graphic()) && tail.bytes().any(|b| b.is_ascii_alphanumeric());
    let digits = tail.bytes().all(|b| b.is_ascii_digit());
    match line {
        // TASK_COMM_LEN is 16 with the final zero.
        Line::Row(row) => word && tail.len() + row.task.comm.len() <= 15,
        Line::LimitOf { .. } => word,
        // The rest of `cache:0KB rss:48KB …`.
        Line::Stats(_) => tail.ends_with("KB"),
        Line::Killed { .. } => digits || ["-rss:", "pgtables:"].iter().any(|k| tail.contains(k)),
        Line::Counter(..) | Line::Invoked(_) | Line::Summary(_) => digits,
        _ => false,
    }
}

/// `\xNN` of `/dev/kmsg`.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let code = rest.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                rest = &rest[at + 4..];
            }
            None => {
                out.extend_from_slice(b"\\x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// An entry of `journalctl -o json`.
struct Entry {
    message: String,
    host: Option<String>,
    uptime_us: Option<u64>,
}

impl Entry {
    fn prefix(&self) -> Prefixed<'_> {
        Prefixed { uptime_us: self.uptime_us, host: self.host.as_deref(), marked: true, ..Prefixed::default() }
    }
}

fn journal_json(line: &str) -> Option<Entry> {
    if !line.contains("\"MESSAGE\"") {
        return None;
    }
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| entry.get(key).and_then(|v| v.as_str());
    if text("_TRANSPORT").is_some_and(|t| t != "kernel") {
        return None;
    }
    Some(Entry {
        message: text("MESSAGE")?.to_string(),
        host: text("_HOSTNAME").map(str::to_string),
        uptime_us: text("_SOURCE_MONOTONIC_TIMESTAMP").and_then(|t| t.parse().ok()),
    })
}
