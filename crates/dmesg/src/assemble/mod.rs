//! Physical lines to messages: entries of JSON, CSV and the journal, prefixes, lines wrapped by a terminal or a mail.

mod containers;

use crate::clean::{Cleaner, unescape};
use crate::csv::Table;
use crate::encoded::{Encoded, encoded};
use crate::error::ReadError;
use crate::fields::Fields;
use crate::json::Splitter;
use crate::line::{LogLine, Parsed, parse};
use crate::prefix::{Prefixed, container_line, strip};
use crate::scan::{Lines, Step};
use crate::shape::{Shapes, anchored, quoted_end};
use crate::table::Columns;
use crate::wrap::{is_whole, joined};
use std::io::Read;

/// Longest part of a line that is looked at; the kernel's own messages end before 1 KiB, `/dev/kmsg` records at 8 KiB.
const MAX_LINE: usize = 64 << 10;
/// Longest part of a line that holds texts of programs.
const MAX_VALUE: usize = 16 << 20;
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
    /// Nothing more has come for now.
    Pause,
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

/// Where a line of text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinePart {
    /// On a line of its own.
    Alone,
    /// It begins a record.
    First,
    /// It goes on with the record.
    Further,
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
    /// Which cell of rows without names holds the message, and of how many.
    column: Option<(usize, usize)>,
    /// The record that is being read began with a prefix, which said this, behind this many blanks.
    begun: Option<(usize, Origin)>,
    /// A line has said something about memory.
    said: bool,
    /// What a line hides that none can read as it stands.
    encoded: Option<Encoded>,
    out: Vec<Event>,
}

/// Reads the whole input; `emit` gets what each line says. What a line before the first of those hides is given at the
/// end.
///
/// # Errors
/// Those of the input, and that it is no log: not text, or a line without end.
pub(crate) fn run(text: impl Read, emit: &mut impl FnMut(Event)) -> Result<Option<Encoded>, ReadError> {
    let mut lines = Lines::new(text);
    let mut assembler = Assembler::default();
    let mut skipped = 0;
    loop {
        let line = lines.next(&mut skipped);
        if skipped > 0 {
            assembler.interrupted();
            emit(Event::Others(skipped));
        }
        let line = match line {
            Ok(Step::Line(line)) => line,
            Ok(Step::Pause) => {
                assembler.flush();
                assembler.out.drain(..).for_each(&mut *emit);
                emit(Event::Pause);
                continue;
            }
            Ok(Step::End) => break,
            Err(why) => {
                // What has been read counts.
                assembler.finish();
                assembler.out.drain(..).for_each(&mut *emit);
                return Err(why);
            }
        };
        assembler.number = line.number;
        assembler.physical(line.bytes);
        let mut awake = false;
        for event in assembler.out.drain(..) {
            awake |= matches!(event, Event::Message(_));
            emit(event);
        }
        if awake {
            assembler.said = true;
            lines.stay_awake();
        }
    }
    assembler.finish();
    assembler.out.drain(..).for_each(emit);
    Ok(assembler.encoded)
}

impl Assembler {
    /// A line of the input, in which carriage returns may stand for line ends.
    fn physical(&mut self, line: &[u8]) {
        let Some(line) = self.fields.length(line) else { return };
        let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
        let line = &line[..end];
        if memchr::memchr(b'\r', line).is_none() {
            return self.piece(line);
        }
        line.split(|b| *b == b'\r').filter(|piece| !piece.is_empty()).for_each(|piece| self.piece(piece));
    }

    fn piece(&mut self, bytes: &[u8]) {
        // One text, or a list of them, may hold a whole log.
        let texts = bytes[..bytes.len().min(256)].contains(&b'"') || bytes[..bytes.len().min(256)].contains(&b'\'');
        let bytes = &bytes[..bytes.len().min(if texts { MAX_VALUE } else { MAX_LINE })];
        if self.encoded.is_none() && !self.said {
            self.encoded = encoded(bytes);
        }
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
        self.broken_json();
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
        self.broken_json();
        self.flush();
    }

    /// A line of text: takes its prefix off, or holds it until it is known whether it goes on.
    fn plain(&mut self, line: &str, origin: Origin, place: LinePart) {
        if let Some((time, goes_on, text)) = container_line(line)
            && (goes_on || !self.partial.is_empty())
        {
            self.partial.push_str(text);
            if !goes_on || self.partial.len() > MAX_LINE {
                let text = std::mem::take(&mut self.partial);
                let wall = Some(time.to_string());
                self.plain(&text, Origin { wall, ..origin }, LinePart::First);
            }
            return;
        }
        if self.several(line, &origin) {
            return;
        }
        if place == LinePart::Alone && self.completes(line) {
            if let Some(held) = &mut self.held {
                held.parts.push(unquoted(line, &held.raw).to_string());
                held.known = true;
            }
            return;
        }
        let (p, parsed) = self.recognise(line);
        let begins = place == LinePart::First || p.marked;
        let goes_on = |h: &Held| !begins && !parsed.known() && (h.marked || (h.known && !h.whole));
        if let Some(held) = self.held.as_mut().filter(|h| goes_on(h)) {
            if held.parts.len() < MAX_PARTS {
                held.parts.push(unquoted(line, &held.raw).to_string());
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
            origin: self.place(line, &p, origin, place),
            parts: Vec::new(),
        });
    }

    /// True when a line is the rest of the words before a kill, `Out of memory (oom_kill_allocating_task):`, which say
    /// nothing alone.
    fn completes(&self, line: &str) -> bool {
        let Some(held) = self.held.as_ref().filter(|held| held.marked && !held.known) else { return false };
        let begun = held.raw.get(held.start..).unwrap_or_default().trim_end();
        if !begun.contains("ut of memory") || !held.parts.is_empty() || strip(line).marked {
            return false;
        }
        let both = format!("{begun} {}", unquoted(line, &held.raw).trim());
        matches!(parse(&both).line, LogLine::Killed { .. } | LogLine::Choose { .. })
    }

    /// Where a line stands: one without a prefix that is indented more goes on with the record before it.
    fn place(&mut self, line: &str, p: &Prefixed<'_>, origin: Origin, place: LinePart) -> Origin {
        if place != LinePart::Alone {
            self.begun = None;
            return self.origin(p, origin);
        }
        let blanks = line.len() - line.trim_start().len();
        if let Some((_, begun)) = self.begun.as_ref().filter(|(before, _)| !p.marked && blanks > *before) {
            return self.origin(p, begun.clone());
        }
        self.record += 1;
        let origin = self.origin(p, origin);
        self.begun = p.marked.then(|| (blanks, origin.clone()));
        origin
    }

    /// Takes a record of several lines in one: rsyslog writes a line break as #012, /dev/kmsg as \x0a, JSON as \n.
    fn several(&mut self, line: &str, origin: &Origin) -> bool {
        let mut p = strip(line);
        let breaks = p.text.contains("#012") || p.text.contains("\\n") || (p.kmsg && p.text.contains("\\x"));
        if !breaks {
            return false;
        }
        if !p.marked
            && let Some(at) = self.shapes.cut(line)
        {
            p = self.behind(line, at, quoted_end(line, at));
        }
        let text = if p.kmsg { unescape(p.text, "\\x") } else { p.text.replace("#012", "\n").replace("\\n", "\n") };
        if !p.kmsg && text.lines().filter(|l| recognised(l)).count() < 2 {
            return false;
        }
        self.flush();
        self.record += 1;
        self.begun = None;
        let origin = self.origin(&p, origin.clone());
        for piece in text.split('\n') {
            let (p, parsed) = self.recognise(piece);
            let origin = self.origin(&p, origin.clone());
            self.emit(origin, parsed);
        }
        true
    }

    /// The message of a line, behind whatever stands before it.
    fn recognise<'a>(&mut self, line: &'a str) -> (Prefixed<'a>, Parsed) {
        let mut p = strip(line);
        let mut parsed = parse(p.text);
        // A name may have taken the end of a prefix that was learnt before.
        let named = |parsed: &Parsed| matches!(&parsed.line, LogLine::Invoked(i) if i.comm.contains(' '));
        let ends = |comm: &str| ["| ", "} "].iter().any(|sign| comm.contains(sign));
        let separated = |parsed: &Parsed| matches!(&parsed.line, LogLine::Invoked(i) if ends(&i.comm));
        if named(&parsed)
            && let Some(at) = self.shapes.cut(line).filter(|at| named_after(&line[*at..]))
        {
            p = self.behind(line, at, quoted_end(line, at));
            parsed = parse(p.text);
        }
        if !parsed.known() || separated(&parsed) {
            if let Some((cut, found)) = anchored(line) {
                self.shapes.learn(&line[..cut.start]);
                p = self.behind(line, cut.start, cut.end);
                parsed = found;
            } else if let Some(at) = self.shapes.cut(line) {
                p = self.behind(line, at, quoted_end(line, at));
                parsed = parse(p.text);
            }
        }
        (p, parsed)
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
        if let LogLine::Columns(columns) = &parsed.line {
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
pub(crate) fn recognised(text: &str) -> bool {
    parse(strip(text).text).known() || anchored(text).is_some()
}

/// A line that goes on with another, without the mail's marks that both have.
fn unquoted<'a>(line: &'a str, begun: &str) -> &'a str {
    let marks = |text: &str| text.len() - text.trim_start_matches(['>', ' ']).len();
    let marked = |text: &str| text.trim_start().starts_with('>');
    if !(marked(begun) && marked(line)) {
        return line;
    }
    let rest = &line[..marks(line)];
    let end = rest.rfind('>').map_or(0, |at| at + 1);
    line[end..].strip_prefix(' ').unwrap_or(&line[end..])
}

/// True when a text begins with the process that asked for memory.
fn named_after(text: &str) -> bool {
    matches!(parse(text).line, LogLine::Invoked(_))
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
