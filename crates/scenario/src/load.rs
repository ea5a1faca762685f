//! From the text of a scenario to a [`LoadedScenario`].

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::loaded::LoadedScenario;
use super::reader::Problems;
use super::source::{Location, Source};
use std::fmt;
use std::sync::Arc;

/// Longest text of a scenario or of a file that it names.
const MAX_TEXT: usize = 16 << 20;

/// Why a file or a folder that a scenario names cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// There is none of this name.
    NotFound,
    /// Another reason, in words that go on after "cannot be read: ".
    Other(String),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::NotFound => f.write_str("no such file"),
            FileError::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FileError {}

impl From<String> for FileError {
    fn from(why: String) -> Self {
        FileError::Other(why)
    }
}

impl From<&str> for FileError {
    fn from(why: &str) -> Self {
        FileError::Other(why.to_owned())
    }
}

/// Reads files that a scenario names; the core itself opens none.
pub trait Files {
    /// The text of a file, its path relative to the scenario.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<String, FileError>;

    /// The names of the files in a directory, in any order.
    ///
    /// # Errors
    /// Why it cannot be listed.
    fn list(&self, directory: &str) -> Result<Vec<String>, FileError>;
}

/// No file can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<String, FileError> {
        Err("files cannot be read here".into())
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Err("files cannot be read here".into())
    }
}

/// Reads and validates a scenario with one kind of node. `file` is its name in diagnostics, `overrides` are the texts
/// after `--set` (`key.path=value`).
///
/// # Errors
/// All problems found, at least one of them an error, in the order of their places.
pub fn load(
    text: &str,
    file: &str,
    files: &dyn Files,
    overrides: &[String],
) -> Result<LoadedScenario, Vec<Diagnostic>> {
    load_kind(text, file, files, overrides, None)
}

/// As [`load`], of a scenario that may have several kinds of node (`[[node]]`): the kind of this name, `None` for the
/// only one.
///
/// # Errors
/// All problems found, at least one of them an error, in the order of their places.
pub fn load_kind(
    text: &str,
    file: &str,
    files: &dyn Files,
    overrides: &[String],
    kind: Option<&str>,
) -> Result<LoadedScenario, Vec<Diagnostic>> {
    Document::parse(text, file)?.scenario(files, overrides, kind)
}

/// Every kind of node of a scenario as a scenario of its own: at least one. The nodes of all kinds draw from one row of
/// seeds, so that each has its first one as its default.
///
/// # Errors
/// All problems found, at least one of them an error, in the order of their places.
pub fn load_kinds(
    text: &str,
    file: &str,
    files: &dyn Files,
    overrides: &[String],
) -> Result<Vec<LoadedScenario>, Vec<Diagnostic>> {
    Document::parse(text, file)?.kinds(files, overrides)
}

/// A text that is not too long to look at.
pub fn source(name: &str, text: &str, problems: &Problems) -> Option<Arc<Source>> {
    if text.len() > MAX_TEXT {
        let source = Arc::new(Source::new(name, String::new()));
        let message = format!("the file has {} bytes, but at most {MAX_TEXT} are read", text.len());
        problems.error(&Location::new(&source, 0..0), message);
        return None;
    }
    Some(Arc::new(Source::new(name, text)))
}
