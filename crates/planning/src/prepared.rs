//! A scenario with the files it reads, ready to be run many times with other settings.

use crate::measure::Measures;
use crate::plan::{RunSpec, scenario_hash};
use oomsim_core::BootedNode;
use oomsim_core::record::Keep;
use oomsim_scenario::{Diagnostic, Document, FileError, Files, LoadedScenario, Severity, load_kind};
use std::cell::RefCell;
use std::collections::BTreeMap;

type FilesRead<T> = BTreeMap<String, Result<T, FileError>>;

/// What was read through it once, without reading it again.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    texts: FilesRead<String>,
    folders: FilesRead<Vec<String>>,
}

impl Files for Snapshot {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.texts.get(path).cloned().unwrap_or_else(|| Err("did not exist when the study began".into()))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        self.folders.get(directory).cloned().unwrap_or_else(|| Err("did not exist when the study began".into()))
    }
}

/// Reads files relative to the folder of another file, and remembers them.
struct Remembering<'a> {
    folder: &'a str,
    files: &'a dyn Files,
    seen: RefCell<Snapshot>,
}

impl Files for Remembering<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let mut seen = self.seen.borrow_mut();
        seen.texts.entry(path.into()).or_insert_with(|| self.files.read(&join(self.folder, path))).clone()
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
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
pub struct ScenarioBundle {
    file: String,
    text: String,
    /// The kind of node, if the scenario has several.
    node: Option<String>,
    /// True when there are several such nodes: each run is one of them.
    fleet: bool,
    files: Snapshot,
    warnings: Vec<Diagnostic>,
}

impl ScenarioBundle {
    /// A scenario from a file, with its only kind of node or with the one that is named. `files` reads relative to
    /// where `file` is given from; what the scenario names is relative to the scenario. `variants` are settings (as for
    /// `--set`) that runs will use: the files that they name are read, too.
    ///
    /// # Errors
    /// The problems of the scenario as it stands (without variants).
    pub fn new(
        file: &str,
        text: &str,
        node: Option<&str>,
        files: &dyn Files,
        fixed: &[String],
        variants: &[Vec<String>],
    ) -> Result<Self, Vec<Diagnostic>> {
        let reader = Remembering { folder: folder_of(file), files, seen: RefCell::default() };
        let LoadedScenario { scenario, mut warnings, .. } = load_kind(text, file, &reader, fixed, node)?;
        let nodes = scenario.nodes;
        if nodes > 1 {
            let message = "`nodes`: each run of a study simulates one node";
            let help = "the nodes of a fleet differ only in their seeds, like the repetitions of a study";
            warnings.push(Diagnostic::without_place(Severity::Warning, message).help(help));
        }
        for variant in variants {
            // A variant that is wrong is a row that says so, or was reported by who asked for it.
            let _ = load_kind(text, file, &reader, variant, node);
        }
        let (file, text, node) = (file.into(), text.into(), node.map(Into::into));
        Ok(ScenarioBundle { file, text, node, fleet: nodes > 1, files: reader.seen.into_inner(), warnings })
    }

    /// What the scenario says that is not modelled, or not known.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The scenario's file name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The kind of node that was chosen.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// True when the scenario has several such nodes, of which a run is one.
    pub fn is_fleet(&self) -> bool {
        self.fleet
    }

    /// The files that the scenario reads, relative to it.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.texts.keys().map(String::as_str)
    }

    /// Hash of the text, of all files, and of the kind of node.
    pub fn hash(&self) -> u128 {
        let files = self.files.texts.iter().map(|(name, text)| (name.as_str(), text.as_deref().unwrap_or_default()));
        scenario_hash(&self.text, files.chain(self.node.iter().map(|node| ("[[node]]", node.as_str()))))
    }

    /// The scenario with settings.
    ///
    /// # Errors
    /// All problems.
    pub fn scenario(&self, settings: &[String]) -> Result<LoadedScenario, Vec<Diagnostic>> {
        load_kind(&self.text, &self.file, &self.files, settings, self.node())
    }

    /// Settings with every pod and every amount named.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn expanded(&self, overrides: &[(String, String)]) -> Result<Vec<String>, Vec<Diagnostic>> {
        self.document()?.expanded(&self.files, &settings(overrides), self.node())
    }

    /// The function that runs one run of a plan. It keeps the scenario of the last settings, as runs that differ only
    /// in the seed follow each other.
    pub fn worker(&self, keep: Keep) -> impl FnMut(&RunSpec) -> Measures + '_ {
        // Each worker has a tree of its own: threads that share one pass the counters of its references to and fro.
        let document = self.document();
        let mut last: Option<(u64, BootedScenario)> = None;
        move |spec| {
            let ready = match last.take() {
                Some((point, ready)) if point == spec.point => ready,
                _ => self.read(&document, &spec.overrides, keep),
            };
            let measures = ready.run(spec.seed);
            last = Some((spec.point, ready));
            measures
        }
    }

    /// The scenario with settings, ready to run with any seed; `keep` is what its measures need.
    pub fn with_settings(&self, overrides: &[(String, String)], keep: Keep) -> BootedScenario {
        self.read(&self.document(), overrides, keep)
    }

    fn document(&self) -> Result<Document, Vec<Diagnostic>> {
        Document::parse(&self.text, &self.file)
    }

    fn read(
        &self,
        document: &Result<Document, Vec<Diagnostic>>,
        overrides: &[(String, String)],
        keep: Keep,
    ) -> BootedScenario {
        let scenario = match document {
            Ok(document) => document.scenario(&self.files, &settings(overrides), self.node()),
            Err(problems) => Err(problems.clone()),
        };
        BootedScenario(scenario.map(|loaded| BootedNode::new(loaded.scenario, keep)))
    }
}

/// A node with settings, or why the settings are wrong.
#[derive(Clone, Debug)]
pub struct BootedScenario(Result<BootedNode, Vec<Diagnostic>>);

impl BootedScenario {
    /// One run: the only place where this crate simulates.
    pub fn run(&self, seed: u64) -> Measures {
        match &self.0 {
            Ok(node) => match node.clone().run(seed) {
                Ok(history) => Measures::of(&history),
                Err(error) => Measures::of_error(&error.to_string()),
            },
            Err(problems) => Measures::of_error(&first_error(problems)),
        }
    }
}

/// `key=value` for each setting.
pub fn settings(overrides: &[(String, String)]) -> Vec<String> {
    overrides.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The first error of a list, in one line.
fn first_error(problems: &[Diagnostic]) -> String {
    use oomsim_scenario::Severity::Error;
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
