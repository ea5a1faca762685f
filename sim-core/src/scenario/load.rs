//! From the text of a scenario to a [`Scenario`].

use super::diagnostic::{Diagnostic, Severity};
use super::model::Scenario;
use super::overrides;
use super::read::{self, Context};
use super::reader::Problems;
use super::source::{Location, Source};
use super::toml_value;
use std::sync::Arc;

/// Longest text of a scenario or of a file that it names.
const MAX_TEXT: usize = 16 << 20;

/// Reads files that a scenario names; the core itself opens none.
pub trait Files {
    /// The text of a file, its path relative to the scenario.
    ///
    /// # Errors
    /// Why it cannot be read, for people (`no such file`, `not UTF-8`).
    fn read(&self, path: &str) -> Result<String, String>;

    /// The names of the files in a directory, in any order.
    ///
    /// # Errors
    /// Why it cannot be listed.
    fn list(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// No file can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<String, String> {
        Err("files cannot be read here".into())
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, String> {
        Err("files cannot be read here".into())
    }
}

/// Reads and validates a scenario. `file` is its name in diagnostics, `overrides` are the texts after `--set`
/// (`key.path=value`).
///
/// # Errors
/// All problems found, at least one of them an error, in the order of their places.
pub fn load(text: &str, file: &str, files: &dyn Files, overrides: &[String]) -> Result<Scenario, Vec<Diagnostic>> {
    let problems = Problems::default();
    let scenario = load_into(text, file, files, overrides, &problems);
    let list = problems.into_sorted();
    match scenario {
        Some(mut scenario) if list.iter().all(|d| d.severity == Severity::Warning) => {
            scenario.warnings = list;
            Ok(scenario)
        }
        _ => Err(list),
    }
}

/// Reads as far as possible; the scenario is meant to run only when no problem is an error.
pub(crate) fn load_into(
    text: &str,
    file: &str,
    files: &dyn Files,
    overrides: &[String],
    problems: &Problems,
) -> Option<Scenario> {
    let source = source(file, text, problems)?;
    let mut root = match toml_value::parse_document(&source) {
        Ok(root) => root,
        Err(errors) => {
            errors.into_iter().for_each(|error| problems.push(error));
            return None;
        }
    };
    for text in overrides {
        overrides::apply(problems, &mut root, text);
    }
    read::scenario(&Context { problems, files, file }, &root)
}

/// A text that is not too long to look at.
pub fn source(name: &str, text: &str, problems: &Problems) -> Option<Arc<Source>> {
    if text.len() > MAX_TEXT {
        let source = Arc::new(Source { name: name.into(), text: String::new() });
        let message = format!("the file has {} bytes; more than {MAX_TEXT} are not read", text.len());
        problems.error(&Location::new(&source, 0..0), message);
        return None;
    }
    Some(Arc::new(Source { name: name.into(), text: text.into() }))
}
