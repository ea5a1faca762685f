//! What is wrong with a scenario's text, for an editor.

use oomsim_scenario::Diagnostic;
use serde::Serialize;

/// A problem with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// What is wrong, what was probably meant, how to fix it.
    pub message: String,
    /// The file; empty when no file is to blame.
    pub file: String,
    /// Its line, from 1; 0 without a place.
    pub line: u32,
    /// Where it begins in the text, in UTF-16 units as JavaScript counts.
    pub from: u32,
    /// Where it ends.
    pub to: u32,
}

impl Problem {
    /// A diagnostic of the reader.
    pub fn of(diagnostic: &Diagnostic) -> Problem {
        let message = diagnostic.sentences().collect::<Vec<_>>().join(". ");
        let severity = diagnostic.severity.as_str();
        let Some(at) = &diagnostic.at else {
            return Problem { severity, message, file: String::new(), line: 0, from: 0, to: 0 };
        };
        let units = |bytes: usize| number(at.source.text[..bytes].encode_utf16().count());
        Problem {
            severity,
            message,
            file: at.source.name.clone(),
            line: number(at.line()),
            from: units(at.span.start),
            to: units(at.span.end),
        }
    }

    /// A problem without a place.
    pub fn plain(message: String) -> Problem {
        Problem { severity: "error", message, file: String::new(), line: 0, from: 0, to: 0 }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
