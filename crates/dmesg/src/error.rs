//! Why a log cannot be read.

use std::fmt;
use std::io;

/// Why a log cannot be read, with what to do about it in its text.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The input itself fails: the disk, the pipe, or compressed data that is damaged or cut short.
    Input(io::Error),
    /// The input is no text.
    NotText {
        /// What it is.
        what: &'static str,
        /// The command that turns it into text, or another way on.
        help: &'static str,
    },
    /// A line of more than 16 MiB: a device, or another kind of file.
    LongLine {
        /// Which, from 1.
        line: u64,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Input(why) => {
                let text = why.to_string();
                f.write_str(text.split(" (os error").next().unwrap_or(&text))
            }
            ReadError::NotText { what, .. } => write!(f, "it is {what}"),
            ReadError::LongLine { line } => write!(f, "line {line} is longer than 16 MiB: this is no log"),
        }
    }
}

impl ReadError {
    /// What to do instead.
    pub fn help(&self) -> &'static str {
        match self {
            ReadError::Input(_) => "give a file, or `-` for standard input: dmesg | oomsim dmesg -",
            ReadError::NotText { help, .. } => help,
            ReadError::LongLine { .. } => {
                "give a log with lines; one long line of JSON becomes lines by: jq -c '.. | objects' FILE | oomsim dmesg -"
            }
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(why: io::Error) -> ReadError {
        ReadError::Input(why)
    }
}
