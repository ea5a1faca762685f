//! Diagnostics: what is wrong with a file, where, and how to fix it.

use super::source::Location;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt;

/// Longest piece of source text that is shown.
const MAX_SHOWN: usize = 400;

/// Severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// The scenario runs, but something it asks for is not modelled.
    Warning,
    /// Worth knowing; no reader reports it, lint does.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One problem of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Severity of a diagnostic.
    pub severity: Severity,
    /// Code of the rule that found it (`OOM001`); may be empty.
    pub code: &'static str,
    /// What is wrong, one line without a full stop.
    pub message: String,
    /// Where; `None` when no file is to blame.
    pub at: Option<Location>,
    /// What stands under the marked text; may be empty.
    pub label: String,
    /// What was expected and how to fix it.
    pub help: Vec<String>,
    /// What all problems of its kind have in common, for a count instead of a list; empty: it stands alone.
    pub kind: String,
    /// The kubelet does not start because of it.
    pub keeps_kubelet_down: bool,
}

impl Diagnostic {
    /// A problem for which no file is to blame.
    pub fn without_place(severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            code: "",
            message: message.into(),
            at: None,
            label: String::new(),
            help: Vec::new(),
            kind: String::new(),
            keeps_kubelet_down: false,
        }
    }

    /// An error at a place.
    pub fn error(at: &Location, message: impl Into<String>) -> Self {
        Diagnostic { at: Some(at.clone()), ..Diagnostic::without_place(Severity::Error, message) }
    }

    /// A warning at a place.
    pub fn warning(at: &Location, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(at, message) }
    }

    /// Adds what stands under the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Says what all problems of its kind have in common.
    #[must_use]
    pub fn of_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Says that the kubelet does not start because of it.
    #[must_use]
    pub fn keeps_kubelet_down(mut self) -> Self {
        self.keeps_kubelet_down = true;
        self
    }

    /// All sentences: what is wrong, what was probably meant, how to fix it. For output that does not show the source.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        [&self.message, &self.label].into_iter().chain(&self.help).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The problem with the source line it is about, in the manner of the Rust compiler, without colours.
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// The same with terminal colours.
    pub fn render_coloured(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(printable(&self.message));
        let title = if self.code.is_empty() { title } else { title.id(self.code) };
        let mut group = match &self.at {
            Some(at) => match shown_lines(at) {
                Some((first_line, text, span)) => {
                    let mark = AnnotationKind::Primary.span(span);
                    let mark = if self.label.is_empty() { mark } else { mark.label(printable(&self.label)) };
                    let snippet = Snippet::source(text).line_start(first_line).path(printable(&at.source.name));
                    title.element(snippet.annotation(mark))
                }
                None => {
                    let origin = Origin::path(printable(&at.source.name)).line(at.line()).char_column(at.column());
                    let label = Some(&self.label).filter(|label| !label.is_empty());
                    title.element(origin).elements(label.map(|label| Level::HELP.message(printable(label))))
                }
            },
            None => Group::with_title(title),
        };
        group = group.elements(self.help.iter().map(|text| Level::HELP.message(printable(text))));
        let mut text = renderer.render(&[group]);
        text.push('\n');
        text
    }
}

/// The same problems, where those of a kind are one with a count.
pub fn gathered<'a>(problems: impl IntoIterator<Item = &'a Diagnostic>) -> Vec<Diagnostic> {
    let mut list: Vec<(&Diagnostic, usize)> = Vec::new();
    for problem in problems {
        let same = |(first, _): &&mut (&Diagnostic, usize)| !problem.kind.is_empty() && first.kind == problem.kind;
        match list.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => list.push((problem, 1)),
        }
    }
    let counted = |(first, count): (&Diagnostic, usize)| match count {
        1 => first.clone(),
        n => Diagnostic { message: format!("{} ({n} times, this is the first)", first.kind), ..first.clone() },
    };
    list.into_iter().map(counted).collect()
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line: error: message; help`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{}: ", at.file_line())?;
        }
        let code = if self.code.is_empty() { String::new() } else { format!("[{}]", self.code) };
        write!(f, "{}{code}", self.severity.as_str())?;
        for (number, text) in self.sentences().enumerate() {
            write!(f, "{} {}", if number == 0 { ":" } else { ";" }, printable(text))?;
        }
        Ok(())
    }
}

/// Text without control characters and of bearable length.
fn printable(text: &str) -> String {
    let mut out: String =
        text.chars().take(2 * MAX_SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(2 * MAX_SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// First line's number, the line that the place begins on, and the place within it; `None` when the line is too long.
fn shown_lines(at: &Location) -> Option<(usize, &str, std::ops::Range<usize>)> {
    let text = at.source.text.as_str();
    let begin = text[..at.span.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at.span.start..].find('\n').map_or(text.len(), |i| at.span.start + i);
    let line = text[begin..end].trim_end_matches('\r');
    let start = (at.span.start - begin).min(line.len());
    let stop = (at.span.end - begin).clamp(start, line.len());
    (line.len() <= MAX_SHOWN).then(|| (at.line(), line, start..stop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use std::sync::Arc;

    #[test]
    fn a_problem_shows_its_line() {
        let text = "[node]\nmemroy = \"7Gi\"\n";
        let source = Arc::new(Source::new("x.toml", text));
        let at = Location::new(&source, 7..13);
        let shown = Diagnostic::error(&at, "unknown key `memroy`").label("did you mean `memory`?").render();
        for part in
            ["error: unknown key `memroy`", "x.toml:2:1", "2 | memroy = \"7Gi\"", "^^^^^^ did you mean `memory`?"]
        {
            assert!(shown.contains(part), "{part:?} not in\n{shown}");
        }
    }

    #[test]
    fn no_text_is_too_strange_to_show() {
        for text in ["\u{0}\u{1b}[31m\n", "é", "", "\r\n\r\n", &"x".repeat(10_000)] {
            let source = Arc::new(Source::new("x", text));
            for start in 0..=text.len().min(12) {
                for end in [start, start + 1, text.len() + 5] {
                    let diagnostic = Diagnostic::error(&Location::new(&source, start..end), text).label(text);
                    assert!(!diagnostic.render().is_empty());
                }
            }
        }
    }
}
