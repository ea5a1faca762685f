//! The analysed log as JSON, written as it is read: `{"reports": […], "summary": {…}, "others": […]}`.

use crate::analysis::Analysis;
use crate::summary::Summary;
use crate::text::hidden;
use serde::Serialize;
use std::io::{self, Write};

/// Writes one document.
#[derive(Debug)]
pub struct JsonWriter<W> {
    out: W,
    any: bool,
}

impl<W: Write> JsonWriter<W> {
    /// Begins the document.
    pub fn new(out: W) -> JsonWriter<W> {
        JsonWriter { out, any: false }
    }

    /// Writes a report.
    ///
    /// # Errors
    /// Those of the output.
    pub fn report(&mut self, analysis: &Analysis) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n    " } else { b"{\n  \"reports\": [\n    " })?;
        self.any = true;
        self.value(analysis, "    ")
    }

    /// Passes on what has been written.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the document; `problem` says why the rest of the log could not be read.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self, summary: &Summary, problem: Option<&str>) -> io::Result<()> {
        self.out.write_all(if self.any { b"\n  ]" } else { b"{\n  \"reports\": []" })?;
        if summary.reports > 1 {
            self.out.write_all(b",\n  \"summary\": ")?;
            self.value(summary, "  ")?;
        }
        if !summary.others.is_empty() {
            self.out.write_all(b",\n  \"others\": ")?;
            self.value(&summary.others, "  ")?;
        }
        if let Some(problem) = problem {
            self.out.write_all(b",\n  \"problem\": ")?;
            self.value(problem, "  ")?;
        }
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized), indent: &str) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        let mut shown = String::with_capacity(text.len() + text.len() / 8);
        for c in text.chars() {
            match c {
                '\n' => {
                    shown.push('\n');
                    shown.push_str(indent);
                }
                // JSON leaves what is above the ASCII control characters as it is; a terminal acts on some of it.
                c if hidden(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => shown.push(c),
            }
        }
        self.out.write_all(shown.as_bytes())
    }
}
