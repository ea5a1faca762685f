//! Finding scenario files.

use crate::exit::Failure;
use oomsim_scenario::TomlKind;
use std::path::{Path, PathBuf};

/// Deepest folder that is searched: a loop of links ends here.
const MAX_DEPTH: usize = 16;

/// TOML files by what they are.
#[derive(Clone, Debug, Default)]
pub struct FoundFiles {
    /// Scenarios, and every file that was named itself.
    pub scenarios: Vec<PathBuf>,
    /// Studies and goals in folders.
    pub studies: Vec<PathBuf>,
}

/// The TOML files of these paths: files as they are given, folders searched for `*.toml`, in order of name.
/// Folders called `invalid` (files with intended mistakes) and hidden ones are left out unless given themselves.
///
/// # Errors
/// When a path cannot be read, or there is no scenario at all.
pub fn scenarios(paths: &[PathBuf]) -> Result<FoundFiles, Failure> {
    let found = all(paths)?;
    if found.scenarios.is_empty() { Err(nothing(paths)) } else { Ok(found) }
}

/// As [`scenarios`]; studies alone will do.
///
/// # Errors
/// When a path cannot be read, or there is nothing at all.
pub fn all(paths: &[PathBuf]) -> Result<FoundFiles, Failure> {
    let mut found = FoundFiles::default();
    for path in paths {
        if path.is_dir() {
            let mut files = Vec::new();
            walk(path, 0, &mut files)?;
            let (scenarios, studies) = files.into_iter().partition(|file| kind(file) == TomlKind::Scenario);
            found.scenarios.extend::<Vec<_>>(scenarios);
            found.studies.extend::<Vec<_>>(studies);
        } else if path.exists() {
            found.scenarios.push(path.clone());
        } else {
            return Err(Failure::bad_input(format!(
                "{} does not exist\n  help: give a scenario file or a folder with scenarios",
                path.display()
            )));
        }
    }
    if found.scenarios.is_empty() && found.studies.is_empty() {
        return Err(nothing(paths));
    }
    for list in [&mut found.scenarios, &mut found.studies] {
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|file| seen.insert(file.clone()));
    }
    Ok(found)
}

fn nothing(paths: &[PathBuf]) -> Failure {
    let places: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    Failure::bad_input(format!("no scenario (*.toml) found in {}", places.join(", ")))
}

/// What a TOML file is; one that cannot be read counts as a scenario, whose reader says why.
pub fn kind(file: &Path) -> TomlKind {
    crate::load::read_text(file).map_or(TomlKind::Scenario, |text| TomlKind::of_text(&text))
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |why: std::io::Error| Failure::bad_input(format!("{} cannot be read: {why}", folder.display()));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        entries.push(entry.map_err(cannot)?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "invalid" {
            continue;
        }
        if path.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}
