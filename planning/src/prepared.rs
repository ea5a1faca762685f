//! A scenario with the files it reads, ready to be run many times with other settings.

use crate::measure::Measures;
use crate::plan::{RunSpec, scenario_hash};
use sim_core::record::Keep;
use sim_core::scenario::{Diagnostic, Files, Scenario, Severity, load};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

type Found<T> = BTreeMap<String, Result<T, String>>;

/// What was read through it once, without reading it again.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    texts: Found<String>,
    folders: Found<Vec<String>>,
}

impl Files for Snapshot {
    fn read(&self, path: &str) -> Result<String, String> {
        self.texts.get(path).cloned().unwrap_or_else(|| Err("was not there when the study began".into()))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        self.folders.get(directory).cloned().unwrap_or_else(|| Err("was not there when the study began".into()))
    }
}

/// Reads files relative to the folder of another file, and remembers them.
struct Remembering<'a> {
    folder: &'a str,
    files: &'a dyn Files,
    seen: RefCell<Snapshot>,
}

impl Files for Remembering<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let mut seen = self.seen.borrow_mut();
        seen.texts.entry(path.into()).or_insert_with(|| self.files.read(&join(self.folder, path))).clone()
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let mut seen = self.seen.borrow_mut();
        seen.folders.entry(directory.into()).or_insert_with(|| self.files.list(&join(self.folder, directory))).clone()
    }
}

/// `path` as seen from where `folder` is seen from; `a/../b` is written `b`.
pub(crate) fn join(folder: &str, path: &str) -> String {
    let (mut folder, mut rest) = (folder, path);
    let absolute = folder.starts_with('/');
    if rest.starts_with('/') {
        return path.into();
    }
    while let Some(below) = rest.strip_prefix("../") {
        let last = folder.rsplit('/').next().unwrap_or_default();
        if matches!(last, "" | "." | "..") {
            break;
        }
        (folder, rest) = (folder[..folder.len() - last.len()].trim_end_matches('/'), below);
    }
    match (folder.is_empty(), absolute) {
        (true, false) => rest.into(),
        _ => format!("{folder}/{rest}"),
    }
}

/// The folder part of a path, without the last slash.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at.max(1)])
}

/// A scenario as text, with the files that it reads.
#[derive(Clone, Debug)]
pub struct Prepared {
    file: String,
    text: String,
    files: Snapshot,
    warnings: Vec<Diagnostic>,
}

impl Prepared {
    /// A scenario from a file. `files` reads relative to where `file` is given from; what the scenario names is
    /// relative to the scenario. `variants` are settings (as for `--set`) that runs will use: the files that they name
    /// are read, too.
    ///
    /// # Errors
    /// The problems of the scenario as it stands (without variants).
    pub fn new(
        file: &str,
        text: &str,
        files: &dyn Files,
        fixed: &[String],
        variants: &[Vec<String>],
    ) -> Result<Self, Vec<Diagnostic>> {
        let reader = Remembering { folder: folder_of(file), files, seen: RefCell::default() };
        let Scenario { nodes, mut warnings, .. } = load(text, file, &reader, fixed)?;
        if nodes > 1 {
            warnings.push(Diagnostic {
                severity: Severity::Warning,
                code: "",
                message: "`nodes`: each run of a study is one node".into(),
                at: None,
                label: String::new(),
                help: vec!["nodes of a fleet differ in their seeds, as the repetitions of a study do".into()],
            });
        }
        for variant in variants {
            // A variant that is wrong is a row that says so, or was reported by who asked for it.
            let _ = load(text, file, &reader, variant);
        }
        Ok(Prepared { file: file.into(), text: text.into(), files: reader.seen.into_inner(), warnings })
    }

    /// What the scenario says that is not modelled, or not known.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The scenario's file name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The files that the scenario reads, relative to it.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.texts.keys().map(String::as_str)
    }

    /// Hash of the text and of all files.
    pub fn hash(&self) -> u128 {
        let files = self.files.texts.iter().map(|(name, text)| (name.as_str(), text.as_deref().unwrap_or_default()));
        scenario_hash(&self.text, files)
    }

    /// The scenario with settings.
    ///
    /// # Errors
    /// All problems.
    pub fn scenario(&self, settings: &[String]) -> Result<Scenario, Vec<Diagnostic>> {
        load(&self.text, &self.file, &self.files, settings)
    }

    /// The function that runs one run of a plan. It keeps the scenario of the last settings, as runs that differ only
    /// in the seed follow each other.
    pub fn worker(&self, keep: Keep) -> impl FnMut(&RunSpec) -> Measures + '_ {
        let mut last: Option<(u64, Ready)> = None;
        move |spec| {
            let ready = match last.take() {
                Some((point, ready)) if point == spec.point => ready,
                _ => self.with_settings(&spec.overrides),
            };
            let measures = ready.run(spec.seed, keep);
            last = Some((spec.point, ready));
            measures
        }
    }

    /// The scenario with settings, ready to run with any seed.
    pub fn with_settings(&self, overrides: &[(String, String)]) -> Ready {
        Ready(self.scenario(&settings(overrides)).map(Arc::new).map_err(|problems| first_error(&problems)))
    }
}

/// A scenario with settings, or why the settings are wrong.
#[derive(Clone, Debug)]
pub struct Ready(Result<Arc<Scenario>, String>);

impl Ready {
    /// One run: the only place where this crate simulates.
    pub fn run(&self, seed: u64, keep: Keep) -> Measures {
        match &self.0 {
            Ok(scenario) => match sim_core::simulate(scenario, seed, keep) {
                Ok(history) => Measures::of(&history),
                Err(error) => Measures::of_error(&error.to_string()),
            },
            Err(error) => Measures::of_error(error),
        }
    }
}

/// `key=value` for each setting.
pub fn settings(overrides: &[(String, String)]) -> Vec<String> {
    overrides.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The first error of a list, in one line.
pub(crate) fn first_error(problems: &[Diagnostic]) -> String {
    use sim_core::scenario::Severity::Error;
    problems.iter().find(|d| d.severity == Error).map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_joined() {
        for (folder, path, joined) in [
            ("studies", "node.toml", "studies/node.toml"),
            ("studies", "../scenarios/x.toml", "scenarios/x.toml"),
            ("a/b", "../../c", "c"),
            ("a/b", "../c", "a/c"),
            ("..", "../c", "../../c"),
            ("", "../c", "../c"),
            ("/a", "../c", "/c"),
            ("a", "/c", "/c"),
        ] {
            assert_eq!(join(folder, path), joined, "{folder} + {path}");
        }
    }
}
