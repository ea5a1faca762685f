//! Texts that problems are found in, and places in them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text with a name: a file, or an override of the command line.
pub struct Source {
    /// As diagnostics print it, such as `scenarios/oom2.toml` or `--set`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Counted when the first place is asked for its line.
    marks: OnceLock<Marks>,
}

/// What is counted once, so that a file with a problem in every line is still read in time that grows with its length.
struct Marks {
    /// Bytes at which lines begin, but for the first.
    lines: Vec<usize>,
    /// Characters before each [`STEP`]th byte: a whole file may be one line.
    characters: Vec<usize>,
}

/// Bytes from one count of characters to the next.
const STEP: usize = 4096;

impl Source {
    /// A text under its name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Source { name: name.into(), text: text.into(), marks: OnceLock::new() }
    }

    fn marks(&self) -> &Marks {
        self.marks.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let mut characters = vec![0];
            let mut all = 0;
            characters.extend(bytes.chunks(STEP).map(|part| {
                all += starts(part);
                all
            }));
            Marks { lines: memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).collect(), characters }
        })
    }

    /// Characters that begin before a byte.
    fn characters_before(&self, at: usize) -> usize {
        let step = at / STEP;
        self.marks().characters[step] + starts(&self.text.as_bytes()[step * STEP..at])
    }
}

/// Characters that begin in a part of a text: all bytes of UTF-8 but those that continue one.
fn starts(part: &[u8]) -> usize {
    part.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name, self.text.len())
    }
}

/// A place in a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Which text.
    pub source: Arc<Source>,
    /// Bytes of the text, on character boundaries and within it.
    pub span: Range<usize>,
}

impl Location {
    /// A place in a text. A span that does not fit the text is moved into it.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let text = &source.text;
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        Location { source: Arc::clone(source), span: start..end }
    }

    /// Line of the first byte, from 1.
    pub fn line(&self) -> usize {
        1 + self.lines_before()
    }

    /// Character of the line, from 1.
    pub fn column(&self) -> usize {
        let lines = &self.source.marks().lines;
        let begin = self.lines_before().checked_sub(1).map_or(0, |last| lines[last]);
        1 + self.source.characters_before(self.span.start) - self.source.characters_before(begin)
    }

    fn lines_before(&self) -> usize {
        self.source.marks().lines.partition_point(|begin| *begin <= self.span.start)
    }

    /// `file:line`, as compilers print it.
    pub fn file_line(&self) -> String {
        format!("{}:{}", self.source.name, self.line())
    }

    /// The text at this place.
    pub fn text(&self) -> &str {
        &self.source.text[self.span.clone()]
    }
}

/// Where things were given, by name.
pub type Places = BTreeMap<String, Location>;

/// The largest character boundary that is not beyond `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and columns as counted from the beginning, at every place of texts with long and short lines.
    #[test]
    fn places_have_their_line_and_column() {
        for text in ["", "a", "\n", "é\n\nöb\r\nc", &"ä1\n".repeat(3000), &"x→".repeat(5000), &"y".repeat(2 * STEP)]
        {
            let source = Arc::new(Source::new("x", text));
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let place = Location::new(&source, at..at);
                let before = &text[..at];
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                assert_eq!((place.line(), place.column()), (before.matches('\n').count() + 1, column), "{at}");
            }
        }
    }
}
