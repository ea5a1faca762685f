//! GitHub Actions annotations: `::error file=…,line=…::message`.

use crate::escape::{self, no_commands};

/// An annotation; `line` 0 is left out, and so is a file without a name.
pub fn annotation(level: &str, file: &str, line: usize, title: &str, message: &str) -> String {
    let line = if line > 0 { format!("line={line},") } else { String::new() };
    let file = if file.is_empty() { String::new() } else { format!("file={},", property(file)) };
    format!("::{level} {file}{line}title={}::{}\n", property(title), data(message))
}

/// Escapes a message as the runner's toolkit does; it has no colours, not even ours.
fn data(text: &str) -> String {
    let shown = |line: &str| no_commands(&escape::line(line)).replace('%', "%25");
    text.split('\n').map(shown).collect::<Vec<_>>().join("%0A")
}

/// Escapes a property as the runner's toolkit does.
fn property(text: &str) -> String {
    data(&escape::line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(
            annotation("error", "a,b.toml", 7, "x: y", "50 %\nof it"),
            "::error file=a%2Cb.toml,line=7,title=x%3A y::50 %25%0Aof it\n"
        );
        assert_eq!(annotation("notice", "", 0, "t", "\u{1b}[31mm"), "::notice title=t::\\u001b[31mm\n");
        assert_eq!(annotation("notice", "", 0, "t", "m"), "::notice title=t::m\n");
    }
}
