//! A scenario's text, parsed once to be read with many settings.

use super::diagnostic::{Diagnostic, Severity};
use super::kinds::Kinds;
use super::load::{Files, source};
use super::loaded::LoadedScenario;
use super::read;
use super::reader::Problems;
use super::selectors::expand;
use super::source::Location;
use super::toml_value;
use super::value::Value;
use super::yaml_value::parse_documents;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The text of a scenario as a tree.
#[derive(Debug)]
pub struct Document {
    file: String,
    root: Value,
    yaml: YamlFiles,
}

impl Document {
    /// Parses a text; `file` is its name in diagnostics.
    ///
    /// # Errors
    /// What is no TOML.
    pub fn parse(text: &str, file: &str) -> Result<Document, Vec<Diagnostic>> {
        let problems = Problems::default();
        let Some(source) = source(file, text, &problems) else { return Err(problems.into_sorted()) };
        match toml_value::parse_document(&source) {
            Ok(root) => Ok(Document { file: file.into(), root, yaml: YamlFiles::default() }),
            Err(errors) => {
                errors.into_iter().for_each(|error| problems.push(error));
                Err(problems.into_sorted())
            }
        }
    }

    /// The scenario with settings (`key.path=value`), and with this kind of node (`None`: the only one). What the
    /// scenario names is asked from `files` once, however often this is called.
    ///
    /// # Errors
    /// All problems found, at least one of them an error, in the order of their places.
    pub fn scenario(
        &self,
        files: &dyn Files,
        overrides: &[String],
        kind: Option<&str>,
    ) -> Result<LoadedScenario, Vec<Diagnostic>> {
        let scenarios = self.read(files, overrides, Choice::One(kind))?;
        scenarios.into_iter().next().ok_or_else(Vec::new)
    }

    /// Every kind of node as a scenario of its own: at least one. The nodes of all kinds draw from one row of seeds, so
    /// that each has its first one as its default.
    ///
    /// # Errors
    /// All problems found, at least one of them an error, in the order of their places.
    pub fn kinds(&self, files: &dyn Files, overrides: &[String]) -> Result<Vec<LoadedScenario>, Vec<Diagnostic>> {
        self.read(files, overrides, Choice::All)
    }

    fn read(
        &self,
        files: &dyn Files,
        overrides: &[String],
        choice: Choice<'_>,
    ) -> Result<Vec<LoadedScenario>, Vec<Diagnostic>> {
        let problems = Problems::default();
        let scenarios = self.read_into(files, overrides, choice, &problems);
        let list = problems.into_sorted();
        match scenarios {
            Some(mut scenarios) if list.iter().all(|d| d.severity == Severity::Warning) => {
                for loaded in &mut scenarios {
                    let messages = list.iter().map(|warning| warning.message.clone()).collect();
                    Arc::make_mut(&mut loaded.scenario).warnings = messages;
                    loaded.warnings.clone_from(&list);
                }
                Ok(scenarios)
            }
            _ => Err(list),
        }
    }

    /// Reads as far as possible; the scenarios are meant to run only when no problem is an error.
    pub(crate) fn read_into(
        &self,
        files: &dyn Files,
        overrides: &[String],
        choice: Choice<'_>,
        problems: &Problems,
    ) -> Option<Vec<LoadedScenario>> {
        let base = |before: &[String]| self.read_concrete(files, before, choice, &Problems::default());
        let overrides = expand(problems, overrides, base)?;
        self.read_concrete(files, &overrides, choice, problems)
    }

    /// The settings in which every pod and every amount is named, as [`Document::scenario`] understands them.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub fn expanded(
        &self,
        files: &dyn Files,
        overrides: &[String],
        kind: Option<&str>,
    ) -> Result<Vec<String>, Vec<Diagnostic>> {
        let problems = Problems::default();
        let base = |before: &[String]| self.read_concrete(files, before, Choice::One(kind), &Problems::default());
        expand(&problems, overrides, base).ok_or_else(|| problems.into_sorted())
    }

    /// As [`Document::read_into`], with settings that name every pod and amount.
    fn read_concrete(
        &self,
        files: &dyn Files,
        overrides: &[String],
        choice: Choice<'_>,
        problems: &Problems,
    ) -> Option<Vec<LoadedScenario>> {
        let kinds = Kinds::of(problems, self.root.clone(), overrides);
        let chosen = match choice {
            Choice::All => 0..kinds.list.len(),
            Choice::One(name) => {
                let index = kinds.choose(problems, name)?;
                index..index + 1
            }
        };
        read::scenarios(problems, (files, &self.yaml), &self.file, &kinds, chosen)
    }
}

/// Which kinds of node are read.
#[derive(Clone, Copy)]
pub(crate) enum Choice<'a> {
    All,
    /// The one of this name, or the only one.
    One(Option<&'a str>),
}

/// The YAML files that a scenario names, as far as they have been parsed.
#[derive(Debug, Default)]
pub(crate) struct YamlFiles(RefCell<BTreeMap<String, Arc<[Value]>>>);

impl YamlFiles {
    /// The documents of a file. Its problems are reported at each use; that it cannot be read is reported at `at`.
    pub fn documents(&self, p: &Problems, files: &dyn Files, path: &str, at: &Location) -> Option<Arc<[Value]>> {
        if let Some(known) = self.0.borrow().get(path) {
            return Some(Arc::clone(known));
        }
        let text = files.read(path).map_err(|why| p.error(at, format!("`{path}` cannot be read: {why}"))).ok()?;
        let source = source(path, &text, p)?;
        let documents: Arc<[Value]> = parse_documents(&source).map_err(|problem| p.push(*problem)).ok()?.into();
        self.0.borrow_mut().insert(path.into(), Arc::clone(&documents));
        Some(documents)
    }
}
