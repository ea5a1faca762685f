//! What is wrong with a text, and where in it.

use std::ops::Range;

/// A problem of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextProblem {
    /// Bytes of the text that it is about; empty at 0: the text as a whole.
    pub at: Range<usize>,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl TextProblem {
    /// A problem of the text as a whole.
    pub fn whole(message: String) -> Self {
        TextProblem { at: 0..0, message }
    }

    /// A problem of one line, by its number from 0.
    pub fn line(text: &str, number: usize, message: String) -> Self {
        let start: usize = text.split_inclusive('\n').take(number).map(str::len).sum();
        let length = text[start..].lines().next().map_or(0, str::len);
        TextProblem { at: start..start + length, message }
    }

    /// Where a JSON parser stopped.
    pub fn json(text: &str, error: &serde_json::Error) -> Self {
        let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (before + error.column().saturating_sub(1)).min(text.len());
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        TextProblem { at: at..at, message: format!("not valid JSON of this kind: {message}") }
    }
}
