//! Lines of JSON to complete values, so that an array of a million entries takes no room.

use super::{Entry, HOST, PAIR, messages, pair};
use serde_json::Value;

/// More than this of one value is given up: no entry of a log is as long.
const MOST_BYTES: usize = 8 << 20;
/// Deepest nesting that is looked into.
const MOST_DEPTH: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Frame {
    start: usize,
    object: bool,
    /// It holds nothing but strings and numbers so far.
    flat: bool,
}

/// Takes lines of JSON and gives entries as soon as they are complete.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    text: String,
    stack: Vec<Frame>,
    in_string: bool,
    escaped: bool,
}

/// What a line did to the splitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More is needed.
    Within,
    /// The value is over; the rest of the line begins at this byte.
    Over(usize),
    /// It is no JSON.
    Broken,
}

/// True when a line can begin a value: `{`, or an array of objects, arrays, strings.
pub(crate) fn begins(line: &str) -> bool {
    let after = |text: &str| text.trim_start().bytes().next();
    match line.as_bytes().first() {
        Some(b'{') => matches!(after(&line[1..]), None | Some(b'"' | b'}')),
        Some(b'[') => matches!(after(&line[1..]), None | Some(b'{' | b'[' | b'"')) && !line[1..].starts_with("[ "),
        _ => false,
    }
}

impl Splitter {
    /// Takes a line (or the rest of one).
    pub fn feed(&mut self, line: &str, entries: &mut Vec<Entry>) -> Progress {
        if self.in_string {
            // A line break inside of a string is none of JSON's.
            return Progress::Broken;
        }
        for (i, c) in line.char_indices() {
            self.text.push(c);
            if self.in_string {
                match c {
                    _ if self.escaped => self.escaped = false,
                    '\\' => self.escaped = true,
                    '"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match c {
                '"' => self.in_string = true,
                '{' | '[' => {
                    if let Some(parent) = self.stack.last_mut() {
                        parent.flat = false;
                    }
                    if self.stack.len() == MOST_DEPTH {
                        return Progress::Broken;
                    }
                    self.stack.push(Frame { start: self.text.len() - 1, object: c == '{', flat: true });
                }
                '}' | ']' => {
                    let Some(frame) = self.stack.pop().filter(|f| f.object == (c == '}')) else {
                        return Progress::Broken;
                    };
                    if !self.close(frame, entries) {
                        return Progress::Broken;
                    }
                    if self.stack.is_empty() {
                        self.text.clear();
                        return Progress::Over(i + 1);
                    }
                }
                c if self.stack.is_empty() && !c.is_whitespace() => return Progress::Broken,
                // Numbers, `true`, `null` and what stands between; quotes of another kind are of another language.
                c if !(c.is_ascii_alphanumeric() || c.is_whitespace() || "+-.,:".contains(c)) => {
                    return Progress::Broken;
                }
                _ => {}
            }
        }
        self.text.push(' ');
        if self.text.len() > MOST_BYTES || (self.stack.is_empty() && !self.text.trim().is_empty()) {
            return Progress::Broken;
        }
        Progress::Within
    }

    /// The texts of what has not become an entry; names are none.
    pub fn texts(self) -> Vec<String> {
        let mut out = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(at) = rest.find('"') {
            let body = &rest[at..];
            let end = closing(&body[1..]).map_or(body.len(), |end| end + 2);
            rest = &body[end..];
            if rest.trim_start().starts_with(':') {
                continue;
            }
            // A text without its end is closed.
            let text =
                serde_json::from_str(&body[..end]).or_else(|_| serde_json::from_str(&format!("{}\"", &body[..end])));
            out.extend(text);
        }
        out
    }

    /// A value is complete. What is an entry is given and forgotten, so that an array of a million takes no room.
    fn close(&mut self, frame: Frame, entries: &mut Vec<Entry>) -> bool {
        let in_array = self.stack.last().is_some_and(|parent| !parent.object);
        let text = &self.text[frame.start..];
        if !(in_array || self.stack.is_empty()) || !(frame.object || frame.flat || is_row(text)) {
            return true;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return false;
        };
        // One pair of many says nothing without the others.
        if in_array && pair(&value).is_some() {
            return true;
        }
        let before = entries.len();
        messages(&value, entries);
        if entries.len() > before {
            let around = self.around(frame.start);
            for entry in &mut entries[before..] {
                if entry.host.is_none() {
                    entry.host.clone_from(&around);
                }
            }
            self.text.truncate(frame.start);
            self.text.push_str("null");
        }
        true
    }

    /// The host that an object around it has named before: Loki's labels of a stream stand before its lines.
    fn around(&self, end: usize) -> Option<String> {
        let start = self.stack.iter().rev().find(|f| f.object)?.start;
        let text = &self.text[start..end];
        HOST.iter().find_map(|key| {
            let at = text.rfind(&format!("\"{key}\""))?;
            let rest = text[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
            Some(rest[..rest.find('"')?].to_string())
        })
    }
}

/// Where the string ends whose inside this is.
fn closing(inside: &str) -> Option<usize> {
    let mut escaped = false;
    inside.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

/// True for arrays that are looked at as a whole although they are not flat: `["time", "line", {…}]` of Loki, and
/// lists of pairs.
fn is_row(array: &str) -> bool {
    let inner = array[1..].trim_start();
    let pair = || PAIR.iter().any(|key| inner[1..].trim_start().strip_prefix('"').is_some_and(|k| k.starts_with(key)));
    inner.starts_with('"') || (inner.starts_with('{') && pair())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_given_as_they_come_and_forgotten() {
        let mut splitter = Splitter::default();
        let mut entries = Vec::new();
        assert_eq!(splitter.feed("{\"events\": [", &mut entries), Progress::Within);
        for i in 1..=1000 {
            let line = format!("{{\"message\": \"{}\"}},", "x".repeat(1000));
            assert_eq!(splitter.feed(&line, &mut entries), Progress::Within);
            assert_eq!(entries.len(), i);
            assert!(splitter.text.len() < 10_000);
        }
        // What breaks off is no JSON any more.
        assert_eq!(splitter.feed("{\"message\": \"", &mut entries), Progress::Within);
        assert_eq!(splitter.feed("x", &mut entries), Progress::Broken);
    }

    #[test]
    fn stamps_are_no_arrays() {
        for line in ["[  100.000000] x", "[pod/a/b/c] x", "[Thu Jan 1 00:00:00 2026] x", "{name} x", "[ pid ] uid"] {
            assert!(!begins(line), "{line}");
        }
        for line in ["{", "{\"a\":1}", "[", "[{\"a\":1}]", "[\"a\"]", "[["] {
            assert!(begins(line), "{line}");
        }
    }
}
