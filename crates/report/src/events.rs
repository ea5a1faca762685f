//! `events.jsonl`: one JSON object a line for everything that happened.

use oomsim_core::record::{History, view};
use std::io::{self, Write};

/// The whole file.
///
/// # Errors
/// When writing fails.
pub fn write(history: &History, mut out: &mut dyn Write) -> io::Result<()> {
    for entry in &history.entries {
        serde_json::to_writer(&mut out, &view::EntryObject(entry))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
