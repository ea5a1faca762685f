//! Tables in columns, as `kubectl get` prints them.

use super::style::{HEADING, paint};
use anstyle::Style;

/// A table: a heading and rows, each row in a style.
#[derive(Clone, Debug)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<(Vec<String>, Style)>,
}

impl Table {
    /// A table with a heading and no rows.
    pub fn new(heading: &[&str]) -> Self {
        Table { heading: heading.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>, style: Style) {
        self.rows.push((cells, style));
    }

    /// True when there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table with `indent` spaces in front of every line; the last column is as wide as it wants.
    pub fn render(&self, indent: usize) -> String {
        let mut widths: Vec<usize> = self.heading.iter().map(|cell| cell.chars().count()).collect();
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String], style: Style| {
            let mut text = " ".repeat(indent);
            for (cell, width) in cells.iter().zip(&widths) {
                text.push_str(&format!("{cell:width$}   "));
            }
            format!("{}\n", paint(style, text.trim_end()))
        };
        let mut text = line(&self.heading, HEADING);
        text.extend(self.rows.iter().map(|(cells, style)| line(cells, *style)));
        text
    }
}
