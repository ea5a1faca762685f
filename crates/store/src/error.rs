//! What goes wrong with stored results.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What went wrong with a folder of results. Nothing in the folder was changed by the call that says so, but for
/// [`StoreError::Io`], after which everything that was written before is still there.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Its answer.
        error: io::Error,
    },
    /// Another process writes to the folder.
    Locked(PathBuf),
    /// The folder holds runs already, and the caller did not ask to go on with them.
    Exists {
        /// The journal.
        path: PathBuf,
        /// How many runs it holds.
        runs: u64,
    },
    /// The journal belongs to something else.
    Other {
        /// The journal.
        path: PathBuf,
        /// What it says it holds.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The first line is no header: no journal, or a damaged one.
    NoHeader {
        /// The file.
        path: PathBuf,
        /// What the first line of this study's journal is.
        expected: String,
    },
    /// A row that is whole, but of no run of this plan.
    Foreign {
        /// The journal.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What the row begins with.
        found: String,
        /// What the row of that run begins with; `None` if the plan has no such run.
        expected: Option<String>,
    },
    /// Two rows of the same run differ.
    Conflict {
        /// Place in the plan.
        run: u64,
        /// One row with its file.
        one: (PathBuf, String),
        /// The other.
        other: (PathBuf, String),
    },
    /// The model failed: a defect of this program. No row says so; all other runs are in the journal.
    Panicked {
        /// How many runs.
        runs: u64,
        /// The first of them.
        first: u64,
        /// What it said.
        message: String,
    },
    /// A file stands where the folder would be.
    NotAFolder(PathBuf),
    /// A file or link that this program did not write stands where it would write.
    NotOurs {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io { doing, path, error } => io_message(f, doing, path, error),
            StoreError::Locked(path) => {
                write!(f, "another process is writing to {}: wait for it or choose another --out", path.display())
            }
            StoreError::Exists { path, runs } => write!(
                f,
                "{} already contains {runs} runs: add --resume to continue, or choose another --out",
                path.display()
            ),
            StoreError::Other { path, found, expected } => write!(
                f,
                "{} belongs to another study, scenario or version: it contains {found}, expected {expected}",
                path.display()
            ),
            StoreError::NoHeader { path, expected } => write!(
                f,
                "{} is not a journal of this study, or its first line is damaged; nothing was changed\n  \
                 help: if it is not yours, choose another --out\n  \
                 help: if it is, its first line must read as follows; put that right, and every row is checked anew\n    \
                 {expected}",
                path.display()
            ),
            StoreError::Foreign { path, line, found, expected } => {
                foreign_message(f, path, *line, found, expected.as_deref())
            }
            StoreError::Conflict { run, one, other } => write!(
                f,
                "run {run} has two different results:\n  {}: {}\n  {}: {}",
                one.0.display(),
                one.1,
                other.0.display(),
                other.1
            ),
            StoreError::Panicked { runs, first, message } => write!(
                f,
                "{runs} runs have no result, as the model failed; the first is run {first}: {message}\n  \
                 help: this is a defect of oomsim, not of the study; all other runs are kept: with a version that is \
                 right, continue with --resume"
            ),
            StoreError::NotAFolder(path) => {
                write!(f, "{} is a file, not a folder\n  help: give a folder with --out", path.display())
            }
            StoreError::NotOurs { path, what } => write!(
                f,
                "{} is {what}: it is not written over\n  \
                 help: choose another --out, move it away, or add --force",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StoreError {}

fn io_message(f: &mut fmt::Formatter<'_>, doing: &str, path: &Path, error: &io::Error) -> fmt::Result {
    write!(f, "cannot {doing} {}: {error}", path.display())?;
    match error.kind() {
        // Only a journal keeps runs.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded if path.ends_with("journal") => {
            write!(f, "; finished runs are kept: free some space and continue with --resume")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            write!(f, "; nothing half written is left: free some space, and start it again")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            write!(f, "; choose a writable folder with --out")
        }
        _ => Ok(()),
    }
}

fn foreign_message(
    f: &mut fmt::Formatter<'_>,
    path: &Path,
    line: u64,
    found: &str,
    expected: Option<&str>,
) -> fmt::Result {
    write!(f, "{}:{line}: this row belongs to another study: it begins with {found}", path.display())?;
    match expected {
        Some(expected) => write!(f, ", the row of that run with {expected}")?,
        None => write!(f, ", and the plan has no such run")?,
    }
    write!(f, "\n  help: choose the folder of this study, or another --out; nothing was changed")
}

/// Makes an [`io::Error`] say what was tried with which file.
pub fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Io { doing, path: path.into(), error }
}
