//! Lines that hold messages: entries of JSON, of the journal, rows of tables.

use super::{Assembler, LinePart, Origin, recognised};
use crate::clean::Cleaner;
use crate::csv::Taken;
use crate::json::{self, Entry, Progress, Splitter};
use crate::literals;
use crate::prefix::strip;
use std::borrow::Cow;

impl Assembler {
    /// A line of text: of JSON, of an entry of the journal, of a table, or by itself.
    pub(super) fn line(&mut self, line: &str) {
        // Consoles of old kernels print the next message behind the remark.
        if let Some((remark, message)) = line.split_once(" printk messages dropped ** ") {
            self.line(&format!("{remark} printk messages dropped **"));
            return self.line(message);
        }
        if self.json.is_none()
            && line.contains('\t')
            && let Some(fields) = self.csv.tabs(line, recognised)
        {
            return self.plain(&fields, Origin::default(), LinePart::Alone);
        }
        let line = &*spaced(line);
        let Some(line) = self.json_line(line) else { return };
        let mut done = Vec::new();
        let taken = self.fields.take(line, &mut |e| done.push(e));
        self.entries(done);
        if taken {
            return;
        }
        if self.csv.is_idle()
            && let Some(text) = literals::alone(line)
        {
            return text.split('\n').for_each(|piece| self.plain(piece, Origin::default(), LinePart::Alone));
        }
        match self.csv.take(line, recognised) {
            Taken::Open => return,
            Taken::Message(text) => {
                self.entries(vec![Entry { message: text, ..Entry::default() }]);
                return;
            }
            Taken::No => {}
        }
        self.plain(line, Origin::default(), LinePart::Alone);
    }

    /// Takes what is JSON of a line; what is not is left.
    fn json_line<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let mut rest = line.trim_start();
        if self.json.is_none() {
            rest = rest.strip_prefix("data: ").unwrap_or(rest);
            if !json::begins(rest) {
                let taken = inner_json(line).is_some_and(|(before, value)| self.json_behind(before, &value));
                return (!taken && !self.literals(line)).then_some(line);
            }
        }
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let fresh = self.json.is_none();
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
                    self.entries(entries);
                    if fresh && self.literals(line) {
                        self.json = None;
                        return None;
                    }
                    self.broken_json();
                    return (!rest.starts_with(['{', '}', ']', '"'])).then_some(line);
                }
            }
        }
        self.entries(entries);
        None
    }

    /// What is no JSON after all, or has lost its end, still has texts.
    pub(super) fn broken_json(&mut self) {
        let texts = self.json.take().map(Splitter::texts).unwrap_or_default();
        if texts.iter().any(|text| text.lines().any(recognised)) {
            self.entries(vec![Entry { message: texts.join("\n"), ..Entry::default() }]);
        }
    }

    /// A list of Python's and its like; false when the line is none with a message in it.
    fn literals(&mut self, line: &str) -> bool {
        let Some(value) = literals::value(line, recognised) else { return false };
        let mut entries = Vec::new();
        json::messages(&value, &mut entries);
        self.entries(entries);
        true
    }

    /// An object behind a prefix: a logger's entry in another logger's line. False when there is no message in it.
    fn json_behind(&mut self, before: &str, value: &serde_json::Value) -> bool {
        let mut entries = Vec::new();
        json::messages(value, &mut entries);
        if entries.is_empty() {
            return false;
        }
        let p = strip(before);
        for entry in &mut entries {
            entry.host = entry.host.take().or_else(|| p.host.map(str::to_string));
            entry.wall = entry.wall.take().or_else(|| p.wall.map(str::to_string));
        }
        self.entries(entries);
        true
    }

    pub(super) fn entries(&mut self, entries: Vec<Entry>) {
        for mut entry in entries {
            self.flush();
            self.record += 1;
            if !entry.cells.is_empty() {
                entry.message = self.cell(std::mem::take(&mut entry.cells), entry.message);
            }
            let origin = Origin { uptime_us: entry.uptime_us, wall: entry.wall, host: entry.host, ..Origin::default() };
            let mut cleaner = Cleaner::default();
            for (i, piece) in entry.message.trim_end_matches('\n').split('\n').enumerate() {
                let Some(text) = cleaner.line(piece.as_bytes()) else { continue };
                let text = spaced(&text);
                let text = match &entry.program {
                    Some(program) => format!("{program}: {text}"),
                    None => text.into_owned(),
                };
                self.plain(&text, origin.clone(), if i == 0 { LinePart::First } else { LinePart::Further });
            }
        }
    }

    /// The message of a row without names: what is known to be the kernel's, else what stands where that stood in
    /// rows before. Several of the kernel's lines are a list of lines.
    fn cell(&mut self, cells: Vec<String>, longest: String) -> String {
        let known: Vec<usize> = (0..cells.len()).filter(|i| cells[*i].lines().any(recognised)).collect();
        let at = match known[..] {
            [] => self.column.filter(|(cell, of)| *of == cells.len() && *cell < *of).map(|(cell, _)| cell),
            [one] => Some(one),
            _ => return cells.join("\n"),
        };
        let Some(at) = at else { return longest };
        self.column = Some((at, cells.len()));
        cells.into_iter().nth(at).unwrap_or(longest)
    }
}

/// With blanks in place of tabs.
fn spaced(line: &str) -> Cow<'_, str> {
    if line.contains('\t') { line.replace('\t', " ").into() } else { line.into() }
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
