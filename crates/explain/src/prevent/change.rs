//! A change of a scenario, as a user would write it.

use oomsim_core::plan::Scenario;
use oomsim_scenario::{Diagnostic, Files, Severity, load_kind};
use serde::Serialize;
use std::sync::Arc;

/// The scenario that is changed, as text: every change is read as a user's own would be.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The kind of node, if the scenario has several.
    pub node: Option<&'a str>,
    /// The files that it names.
    pub files: &'a dyn Files,
    /// Settings `KEY.PATH=VALUE` that are part of it.
    pub overrides: &'a [String],
}

impl Source<'_> {
    /// The scenario with changes.
    ///
    /// # Errors
    /// What is wrong with it then: it cannot be changed like that.
    pub fn with(&self, changes: &[&Change]) -> Result<Arc<Scenario>, String> {
        let mut settings = self.overrides.to_vec();
        let mut text = self.text.to_owned();
        for change in changes {
            settings.extend(change.set.iter().map(|(key, value)| format!("{key}={value}")));
            if let Some(at) = &change.at {
                text.push('\n');
                text.push_str(at);
            }
        }
        let first = |problems: Vec<Diagnostic>| problems.into_iter().find(|p| p.severity == Severity::Error);
        load_kind(&text, self.file, self.files, &settings, self.node)
            .map(|loaded| loaded.scenario)
            .map_err(|problems| first(problems).map_or_else(String::new, |problem| problem.message))
    }
}

/// A change: settings for `--set`, and a table to be added to the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Keys and values; a value is TOML.
    pub set: Vec<(String, String)>,
    /// An `[[at]]` table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Change {
    /// One setting.
    pub fn set(key: impl Into<String>, value: impl Into<String>) -> Change {
        Change { set: vec![(key.into(), value.into())], at: None }
    }

    /// One more setting.
    #[must_use]
    pub fn and(mut self, key: impl Into<String>, value: impl Into<String>) -> Change {
        self.set.push((key.into(), value.into()));
        self
    }

    /// As it can be pasted: options for the command line in one line, or the lines of a table for the end of the file.
    pub fn to_paste(&self) -> String {
        let set: Vec<String> = self.set.iter().map(|(key, value)| format!("--set '{key}={value}'")).collect();
        let lines = (!set.is_empty()).then(|| set.join(" ")).into_iter();
        lines.chain(self.at.iter().map(|at| at.trim_end().to_owned())).collect::<Vec<_>>().join("\n")
    }
}
