//! How the command ends.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// 0: done, and everything that was expected holds.
    #[default]
    Holds = 0,
    /// 1: done, but an expectation failed.
    Failed = 1,
    /// 2: the input or the usage is wrong; nothing was run.
    BadInput = 2,
    /// 3: an internal error: the program is at fault, or the machine (disk full).
    Internal = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    /// What is wrong and how to mend it, ready to be printed; may have several lines.
    pub message: String,
}

impl Failure {
    /// The input or the usage is wrong.
    pub fn bad_input(message: impl fmt::Display) -> Self {
        Failure { exit: Exit::BadInput, message: message.to_string() }
    }

    /// The program or the machine is at fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        Failure { exit: Exit::Internal, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    /// With `error:` in front, unless the message has rendered diagnostics of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_heading = self
            .message
            .trim_start_matches(|c: char| c == '\x1b' || c == '[' || c.is_ascii_digit() || c == ';' || c == 'm');
        let heading =
            if has_heading.starts_with("error") || has_heading.starts_with("warning") { "" } else { "error: " };
        write!(f, "{heading}{}", self.message)
    }
}

impl std::error::Error for Failure {}
