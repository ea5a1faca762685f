//! From the text of a scenario to a [`Scenario`].

use super::diagnostic::{Diagnostic, Severity};
use super::kinds::Kinds;
use super::model::Scenario;
use super::read;
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

/// Reads and validates a scenario with one kind of node. `file` is its name in diagnostics, `overrides` are the texts
/// after `--set` (`key.path=value`).
///
/// # Errors
/// All problems found, at least one of them an error, in the order of their places.
pub fn load(text: &str, file: &str, files: &dyn Files, overrides: &[String]) -> Result<Scenario, Vec<Diagnostic>> {
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
) -> Result<Scenario, Vec<Diagnostic>> {
    let problems = Problems::default();
    let scenarios = load_into(text, file, files, overrides, Choice::One(kind), &problems);
    finished(problems, scenarios).and_then(|list| list.into_iter().next().ok_or_else(Vec::new))
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
) -> Result<Vec<Scenario>, Vec<Diagnostic>> {
    let problems = Problems::default();
    let scenarios = load_into(text, file, files, overrides, Choice::All, &problems);
    finished(problems, scenarios)
}

fn finished(problems: Problems, scenarios: Option<Vec<Scenario>>) -> Result<Vec<Scenario>, Vec<Diagnostic>> {
    let list = problems.into_sorted();
    match scenarios {
        Some(mut scenarios) if list.iter().all(|d| d.severity == Severity::Warning) => {
            scenarios.iter_mut().for_each(|scenario| scenario.warnings = list.clone());
            Ok(scenarios)
        }
        _ => Err(list),
    }
}

/// Which kinds of node are read.
#[derive(Clone, Copy)]
pub(crate) enum Choice<'a> {
    All,
    /// The one of this name, or the only one.
    One(Option<&'a str>),
}

/// Reads as far as possible; the scenarios are meant to run only when no problem is an error.
pub(crate) fn load_into(
    text: &str,
    file: &str,
    files: &dyn Files,
    overrides: &[String],
    choice: Choice<'_>,
    problems: &Problems,
) -> Option<Vec<Scenario>> {
    let source = source(file, text, problems)?;
    let root = match toml_value::parse_document(&source) {
        Ok(root) => root,
        Err(errors) => {
            errors.into_iter().for_each(|error| problems.push(error));
            return None;
        }
    };
    let kinds = Kinds::of(problems, root, overrides);
    let chosen = match choice {
        Choice::All => 0..kinds.list.len(),
        Choice::One(name) => {
            let index = kinds.choose(problems, name)?;
            index..index + 1
        }
    };
    read::scenarios(problems, files, file, &kinds, chosen)
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
