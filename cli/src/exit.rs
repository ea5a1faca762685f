//! How the command ends.

use oomsim_store::StoreError;
use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// 0: success, every expectation holds.
    #[default]
    Holds = 0,
    /// 1: an expectation failed, or a target cannot be met.
    Failed = 1,
    /// 2: invalid input or usage; nothing was run.
    BadInput = 2,
    /// 3: internal error, or a failure of the machine (disk full).
    Internal = 3,
    /// 124: the time of `--timeout` is over.
    TimedOut = 124,
    /// 130: interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    /// What is wrong and how to fix it, ready to print; may have several lines.
    pub message: String,
}

impl Failure {
    /// Invalid input or usage.
    pub fn bad_input(message: impl fmt::Display) -> Self {
        Failure { exit: Exit::BadInput, message: uncoloured(&message) }
    }

    /// What was asked for is not there.
    pub fn failed(message: impl fmt::Display) -> Self {
        Failure { exit: Exit::Failed, message: uncoloured(&message) }
    }

    /// A defect of the program or a failure of the machine.
    pub fn internal(message: impl fmt::Display) -> Self {
        Failure { exit: Exit::Internal, message: uncoloured(&message) }
    }
}

/// Names of files and what servers answer have no colours of ours.
fn uncoloured(message: &impl fmt::Display) -> String {
    message.to_string().replace('\u{1b}', "\\u001b")
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

impl From<StoreError> for Failure {
    /// What the caller can put right is bad input.
    fn from(error: StoreError) -> Self {
        use std::io::ErrorKind::{AlreadyExists, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
        let internal = match &error {
            StoreError::Io { error, .. } => !matches!(
                error.kind(),
                AlreadyExists | PermissionDenied | ReadOnlyFilesystem | NotADirectory | NotFound
            ),
            StoreError::Conflict { .. } | StoreError::Panicked { .. } => true,
            _ => false,
        };
        if internal { Failure::internal(error) } else { Failure::bad_input(error) }
    }
}
