//! What the tests of several crates share. A text that has to be right and is not fails the test with everything that
//! is wrong with it.

pub mod random;

use oomsim_core::record::{History, Keep};
use oomsim_core::simulate;
use oomsim_scenario::{Diagnostic, FileError, Files, LoadedScenario, NoFiles, load, load_kinds};
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads what a scenario names, relative to a folder.
pub struct Beside(pub PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, FileError> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| FileError::NotFound)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|_| "no such directory")?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}

/// The TOML files of a folder and of those in it, but for folders called `invalid`, in the order of their paths.
pub fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("invalid") {
            found.extend(toml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What is wrong, as a user sees it.
pub fn rendered(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::render).collect()
}

/// A scenario that has to be right.
///
/// # Panics
/// When it is not.
pub fn read(text: &str) -> LoadedScenario {
    read_with(text, &[])
}

/// A scenario that has to be right, with settings `KEY.PATH=VALUE`.
///
/// # Panics
/// When it is not.
pub fn read_with(text: &str, overrides: &[&str]) -> LoadedScenario {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    load(text, "test.toml", &NoFiles, &overrides).unwrap_or_else(|problems| panic!("{}\n{text}", rendered(&problems)))
}

/// Each kind of node of a scenario file that has to be right.
///
/// # Panics
/// When it is not.
pub fn read_file(file: &Path) -> Vec<LoadedScenario> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).unwrap_or_else(|why| panic!("{name}: {why}"));
    let beside = Beside(file.parent().unwrap_or(Path::new("")).to_owned());
    load_kinds(&text, &name, &beside, &[]).unwrap_or_else(|problems| panic!("{}", rendered(&problems)))
}

/// Runs a scenario with everything kept.
///
/// # Panics
/// When it is not right, or the run is broken off.
pub fn run(text: &str, seed: u64) -> History {
    run_with(text, &[], seed)
}

/// Runs a scenario with settings `KEY.PATH=VALUE`, with everything kept.
///
/// # Panics
/// When it is not right, or the run is broken off.
pub fn run_with(text: &str, overrides: &[&str], seed: u64) -> History {
    simulate(&read_with(text, overrides).scenario, seed, Keep::Series).expect("the run comes to its end")
}
