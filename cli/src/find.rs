//! Finding scenario files.

use crate::exit::Failure;
use std::path::{Path, PathBuf};

/// Deepest folder that is searched: a loop of links ends here.
const MAX_DEPTH: usize = 16;

/// The scenario files of these paths: files as they are given, folders searched for `*.toml`, in order of name.
/// Folders called `invalid` (files with intended mistakes) and hidden ones are left out unless given themselves.
///
/// # Errors
/// When a path cannot be read, or there is no scenario at all.
pub fn scenarios(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, 0, &mut found)?;
        } else if path.exists() {
            found.push(path.clone());
        } else {
            return Err(Failure::bad_input(format!(
                "{} is not there\n  help: give a scenario file or a folder with scenarios",
                path.display()
            )));
        }
    }
    if found.is_empty() {
        let places: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::bad_input(format!("no scenario (*.toml) found in {}", places.join(", "))));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|file| seen.insert(file.clone()));
    Ok(found)
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
