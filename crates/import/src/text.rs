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

    /// A problem of one of [`lines`].
    pub fn line((start, line): (usize, &str), message: String) -> Self {
        TextProblem { at: start..start + line.len(), message }
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

/// The lines of a text, each with the byte at which it begins.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begins = text.split_inclusive('\n').scan(0, |at, whole| Some(std::mem::replace(at, *at + whole.len())));
    begins.zip(text.lines())
}

/// Whether a terminal acts on a character, or it changes the order in which others are shown.
fn acts(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a CI runner takes a line of a text for a command (`::warning::`, `##[error]`).
fn commands(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("::"))
        || ["##[", "##vso[", "##teamcity["].iter().any(|command| text.contains(command))
}

/// TOML that was made of what others wrote: shown on a terminal or by a CI runner, none of it is taken for a command.
pub(crate) fn harmless_toml(text: &str) -> String {
    // Only a text of several lines has such a line, and this is how it may be written there.
    let line = |line: &str| {
        let line = line.replace("##", "#\u{fffd}#");
        line.trim_start().strip_prefix("::").map(|rest| format!("\\u003a:{rest}")).unwrap_or(line)
    };
    let text = text.replace(acts, "\u{fffd}");
    if commands(&text) { text.split('\n').map(line).collect::<Vec<_>>().join("\n") } else { text }
}

/// A value as YAML, in the same way.
pub(crate) fn harmless_yaml(value: &serde_json::Value) -> String {
    let text = serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
    if !commands(&text) {
        return text.replace(acts, "\u{fffd}");
    }
    // JSON is YAML, and each text of it is on one line.
    format!("{value:#}\n").replace(acts, "\u{fffd}").replace("##", "\\u0023#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_where_they_begin() {
        let text = "a\r\n\nbc\nd";
        let found: Vec<_> = lines(text).collect();
        assert_eq!(found, [(0, "a"), (3, ""), (4, "bc"), (7, "d")]);
        assert_eq!(TextProblem::line(found[2], String::new()).at, 4..6);
    }

    #[test]
    fn what_is_written_acts_on_nothing() {
        let toml = "# a\u{9b}2J\nversion = \"\"\"\n6.1\n::warning file=x::y ##[error]z\u{202e}\"\"\"\n";
        let shown =
            "# a\u{fffd}2J\nversion = \"\"\"\n6.1\n\\u003a:warning file=x::y #\u{fffd}#[error]z\u{fffd}\"\"\"\n";
        assert_eq!(harmless_toml(toml), shown);
        assert_eq!(harmless_toml("a = \"##vso[x]\""), "a = \"#\u{fffd}#vso[x]\"");
        let value = serde_json::json!({ "a": "b\n::warning file=x::y ##[error]", "c": "\u{202e}" });
        let yaml = harmless_yaml(&value);
        assert!(!acts_at_all(&yaml), "{yaml}");
        let back: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!((&back["a"], back["c"].as_str()), (&value["a"], Some("\u{fffd}")));
    }

    fn acts_at_all(text: &str) -> bool {
        text.contains(acts) || commands(text)
    }
}
