//! Colours of texts. They are taken out again where they do not belong by the program that prints them (`anstream`).

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What kills.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What warns.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// What holds.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Secondary text.
pub const DIM: Style = Style::new().dimmed();

/// A text in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    if style == Style::new() { text.to_string() } else { format!("{style}{text}{style:#}") }
}
