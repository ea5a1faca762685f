//! Texts that problems are found in, and places in them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text with a name: a file, or an override of the command line.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// As diagnostics print it, such as `scenarios/oom2.toml` or `--set`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

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
        1 + memchr::memchr_iter(b'\n', &self.source.text.as_bytes()[..self.span.start]).count()
    }

    /// Character of the line, from 1.
    pub fn column(&self) -> usize {
        let before = &self.source.text[..self.span.start];
        let line = before.rsplit('\n').next().unwrap_or(before);
        1 + line.chars().count()
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
