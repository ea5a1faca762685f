//! Physical lines to messages: entries of JSON, CSV and the journal, prefixes, lines wrapped by a terminal or a mail.

use crate::clean::{Cleaner, unescape};
use crate::csv::{Table, Taken};
use crate::error::ReadError;
use crate::fields::Fields;
use crate::json::{self, Entry, Progress, Splitter};
use crate::line::{Line, Parsed, parse};
use crate::prefix::{Prefixed, container_line, strip};
use crate::scan::Lines;
use crate::shape::{Shapes, anchored, quoted_end};
use crate::table::Columns;
use crate::wrap::{is_whole, joined};
use std::io::Read;

/// Longest part of a line that is looked at; the kernel's own messages end before 1 KiB, `/dev/kmsg` records at 8 KiB.
const MAX_LINE: usize = 64 << 10;
/// Most continuation lines that are kept for one message.
const MAX_PARTS: usize = 32;

/// Where a message stood and what its prefix says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    /// Line number, from 1.
    pub number: u64,
    /// Microseconds since boot.
    pub uptime_us: Option<u64>,
    /// Wall clock as written.
    pub wall: Option<String>,
    /// Host name, or what tells the sources of a collected log apart.
    pub host: Option<String>,
    /// `T123` or `C0` of CONFIG_PRINTK_CALLER.
    pub caller: Option<String>,
    /// Counts records: lines of one record share it.
    pub record: u64,
}

/// A message with its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub origin: Origin,
    /// What it says.
    pub parsed: Parsed,
}

/// What comes out of the lines.
#[derive(Debug)]
pub(crate) enum Event {
    /// A line that says something.
    Message(Box<Message>),
    /// Lines that say nothing about memory.
    Others(u64),
}

/// A line that may go on in the next ones.
#[derive(Debug, Default)]
struct Held {
    raw: String,
    /// What the line's container (JSON, CSV) says of it.
    origin: Origin,
    /// The message begins here.
    start: usize,
    marked: bool,
    known: bool,
    whole: bool,
    parts: Vec<String>,
}

/// Collects lines that may belong together.
#[derive(Default)]
pub(crate) struct Assembler {
    number: u64,
    record: u64,
    cleaner: Cleaner,
    json: Option<Splitter>,
    csv: Table,
    fields: Fields,
    shapes: Shapes,
    held: Option<Held>,
    /// Text of a CRI line that is marked as partial.
    partial: String,
    columns: Option<Columns>,
    out: Vec<Event>,
}

/// Reads the whole input; `emit` gets what each line says.
///
/// # Errors
/// Those of the input, and that it is no log: not text, or a line without end.
pub(crate) fn run(input: impl Read, emit: &mut impl FnMut(Event)) -> Result<(), ReadError> {
    let mut lines = Lines::new(crate::decode::open(input)?);
    let mut assembler = Assembler::default();
    let mut skipped = 0;
    loop {
        let line = lines.next(&mut skipped);
        if skipped > 0 {
            assembler.interrupted();
            emit(Event::Others(skipped));
        }
        let line = match line {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(why) => {
                // What has been read counts.
                assembler.finish();
                assembler.out.drain(..).for_each(&mut *emit);
                return Err(why);
            }
        };
        assembler.number = line.number;
        let bytes = if line.bytes.starts_with(b"{") || line.bytes.starts_with(b"[") {
            line.bytes
        } else {
            &line.bytes[..line.bytes.len().min(MAX_LINE)]
        };
        assembler.physical(bytes);
        let mut awake = false;
        for event in assembler.out.drain(..) {
            awake |= matches!(event, Event::Message(_));
            emit(event);
        }
        if awake {
            lines.stay_awake();
        }
    }
    assembler.finish();
    assembler.out.drain(..).for_each(emit);
    Ok(())
}

impl Assembler {
    fn physical(&mut self, bytes: &[u8]) {
        let mut cleaner = std::mem::take(&mut self.cleaner);
        if let Some(text) = cleaner.line(bytes) {
            for line in text.split('\n') {
                self.line(line);
            }
        }
        self.cleaner = cleaner;
    }

    /// Lines were passed over: what had begun does not go on.
    fn interrupted(&mut self) {
        self.flush();
        self.json = None;
        self.csv.forget();
        self.fields.finish(&mut |_| {});
        self.partial.clear();
    }

    fn finish(&mut self) {
        let rest = self.cleaner.rest();
        if !rest.is_empty() {
            self.line(&rest);
        }
        let mut done = Vec::new();
        self.fields.finish(&mut |e| done.push(e));
        self.entries(done);
        self.flush();
    }

    /// One line of text.
    fn line(&mut self, line: &str) {
        let Some(line) = self.json_line(line) else { return };
        let mut done = Vec::new();
        let taken = self.fields.take(line, &mut |e| done.push(e));
        self.entries(done);
        if taken {
            return;
        }
        let known = |text: &str| recognised(text);
        match self.csv.take(line, known) {
            Taken::Open => return,
            Taken::Message(text) => {
                self.entries(vec![Entry { message: text, ..Entry::default() }]);
                return;
            }
            Taken::No => {}
        }
        self.record += 1;
        self.plain(line, Origin::default(), false);
    }

    /// Takes what is JSON of a line; what is not is left.
    fn json_line<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let mut rest = line.trim_start();
        if self.json.is_none() {
            rest = rest.strip_prefix("data: ").unwrap_or(rest);
            if !json::begins(rest) {
                return match inner_json(line) {
                    Some((before, value)) => {
                        self.json_behind(before, &value);
                        None
                    }
                    None => Some(line),
                };
            }
        }
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let splitter = self.json.get_or_insert_default();
            match splitter.feed(rest, &mut entries) {
                Progress::Within => break,
                Progress::Over(at) => {
                    self.json = None;
                    rest = rest[at..].trim_start_matches([',', ' ', ']']);
                    if !json::begins(rest) {
                        break;
                    }
                }
                Progress::Broken => {
                    self.json = None;
                    self.entries(entries);
                    return (!rest.starts_with(['{', '}', ']', '"'])).then_some(line);
                }
            }
        }
        self.entries(entries);
        None
    }

    /// An object behind a prefix: a logger's entry in another logger's line.
    fn json_behind(&mut self, before: &str, value: &serde_json::Value) {
        let mut entries = Vec::new();
        json::messages(value, &mut entries);
        let p = strip(before);
        for entry in &mut entries {
            entry.host = entry.host.take().or_else(|| p.host.map(str::to_string));
            entry.wall = entry.wall.take().or_else(|| p.wall.map(str::to_string));
        }
        self.entries(entries);
    }

    fn entries(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.flush();
            self.record += 1;
            let origin = Origin { uptime_us: entry.uptime_us, wall: entry.wall, host: entry.host, ..Origin::default() };
            let mut cleaner = Cleaner::default();
            for (i, piece) in entry.message.trim_end_matches('\n').split('\n').enumerate() {
                let Some(text) = cleaner.line(piece.as_bytes()) else { continue };
                let text = match &entry.program {
                    Some(program) => format!("{program}: {text}"),
                    None => text.into_owned(),
                };
                self.plain(&text, origin.clone(), i == 0);
            }
        }
    }

    /// A line of text: takes its prefix off, or holds it until it is known whether it goes on.
    fn plain(&mut self, line: &str, origin: Origin, begins: bool) {
        if let Some((time, goes_on, text)) = container_line(line)
            && (goes_on || !self.partial.is_empty())
        {
            self.partial.push_str(text);
            if !goes_on || self.partial.len() > MAX_LINE {
                let text = std::mem::take(&mut self.partial);
                let wall = Some(time.to_string());
                self.plain(&text, Origin { wall, ..origin }, true);
            }
            return;
        }
        let mut p = strip(line);
        // A record of several lines: rsyslog writes a line break as #012, /dev/kmsg as \x0a.
        if (p.kmsg && p.text.contains("\\x")) || p.text.contains("#012") || p.text.contains("\\n") {
            let text = if p.kmsg { unescape(p.text, "\\x") } else { p.text.replace("#012", "\n").replace("\\n", "\n") };
            if p.kmsg || text.lines().filter(|l| parse(strip(l).text).known()).count() > 1 {
                self.flush();
                let origin = self.origin(&p, origin);
                for piece in text.split('\n') {
                    self.record(piece, &origin);
                }
                return;
            }
        }
        let mut parsed = parse(p.text);
        // A name may have taken the end of a prefix that was learnt before.
        let named = |parsed: &Parsed| matches!(&parsed.line, Line::Invoked(i) if i.comm.contains(' '));
        if named(&parsed)
            && let Some(at) = self.shapes.cut(line).filter(|at| named_after(&line[*at..]))
        {
            p = self.behind(line, at, quoted_end(line, at));
            parsed = parse(p.text);
        }
        if !parsed.known() {
            if let Some((cut, found)) = anchored(line) {
                self.shapes.learn(&line[..cut.start]);
                p = self.behind(line, cut.start, cut.end);
                parsed = found;
            } else if let Some(at) = self.shapes.cut(line) {
                p = self.behind(line, at, quoted_end(line, at));
                parsed = parse(p.text);
            }
        }
        let begins = begins || p.marked;
        let goes_on = |h: &Held| !begins && !parsed.known() && (h.marked || (h.known && !h.whole));
        if let Some(held) = self.held.as_mut().filter(|h| goes_on(h)) {
            if held.parts.len() < MAX_PARTS {
                held.parts.push(line.to_string());
            }
            return;
        }
        self.flush();
        // Where nothing is left of a line, the empty text is no part of it.
        let start = if p.text.is_empty() { line.len() } else { p.text.as_ptr() as usize - line.as_ptr() as usize };
        let end = start + p.text.len();
        // Blanks at the end matter: a terminal wraps in the middle of a column.
        let raw = if line[end..].trim().is_empty() { line } else { &line[..end] };
        self.held = Some(Held {
            raw: raw.to_string(),
            start,
            marked: begins,
            known: parsed.known(),
            whole: is_whole(&parsed, self.columns.as_ref()),
            origin: self.origin(&p, origin),
            parts: Vec::new(),
        });
    }

    /// What a prefix that no rule knows says: the stamps in it, and what tells it from those of other sources.
    fn behind<'a>(&self, line: &'a str, start: usize, end: usize) -> Prefixed<'a> {
        let before = &line[..start];
        let mut p = strip(before);
        if p.uptime_us.is_none()
            && let Some(at) = before.rfind('[')
        {
            p.uptime_us = strip(&before[at..]).uptime_us;
        }
        p.source = source(before);
        p.marked = !before.trim().is_empty();
        p.text = &line[start..end];
        p
    }

    fn origin(&self, p: &Prefixed<'_>, outer: Origin) -> Origin {
        Origin {
            number: self.number,
            uptime_us: p.uptime_us.or(outer.uptime_us),
            wall: p.wall.map(str::to_string).or(outer.wall),
            host: p.host.map(str::to_string).or(outer.host).or_else(|| p.source.clone()),
            caller: p.caller.map(str::to_string),
            record: self.record,
        }
    }

    /// A part of a record that had line breaks in it.
    fn record(&mut self, piece: &str, origin: &Origin) {
        let p = strip(piece);
        let parsed = parse(p.text);
        let origin = self.origin(&p, origin.clone());
        self.emit(origin, parsed);
    }

    fn flush(&mut self) {
        let Some(held) = self.held.take() else { return };
        if !held.known && held.parts.is_empty() {
            self.out.push(Event::Others(1));
            return;
        }
        let parsed = joined(&held.raw, held.start, &held.parts, self.columns.as_ref());
        self.emit(held.origin, parsed);
    }

    fn emit(&mut self, origin: Origin, parsed: Parsed) {
        if let Line::Columns(columns) = &parsed.line {
            self.columns = Some(columns.clone());
        }
        self.out.push(if parsed.known() {
            Event::Message(Box::new(Message { origin, parsed }))
        } else {
            Event::Others(1)
        });
    }
}

/// True when a text is one of the kernel's, behind whatever prefix.
fn recognised(text: &str) -> bool {
    parse(strip(text).text).known() || anchored(text).is_some()
}

/// True when a text begins with the process that asked for memory.
fn named_after(text: &str) -> bool {
    matches!(parse(text).line, Line::Invoked(_))
}

/// An object that begins behind something else and ends with the line.
fn inner_json(line: &str) -> Option<(&str, serde_json::Value)> {
    let end = line.trim_end();
    if !end.ends_with('}') {
        return None;
    }
    let at = line.find("{\"").filter(|at| *at > 0)?;
    Some((&line[..at], serde_json::from_str(&end[at..]).ok()?))
}

/// The words of a prefix that are no stamps: a pod, a file, a host.
fn source(prefix: &str) -> Option<String> {
    let stamp = |w: &str| {
        let w = w.rsplit(['=', '>']).next().unwrap_or(w);
        let w = w.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        w.is_empty() || w.starts_with(|c: char| c.is_ascii_digit()) || w.len() < 2
    };
    let words: Vec<&str> = prefix.split([' ', '"', ',']).filter(|w| !stamp(w)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
