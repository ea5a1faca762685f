//! Finding scenario files.

use crate::exit::Failure;
use oomsim_scenario::TomlKind;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// TOML files by what they are.
#[derive(Clone, Debug, Default)]
pub struct FoundFiles {
    /// Scenarios, and every file that was named itself.
    pub scenarios: Vec<PathBuf>,
    /// Studies and goals in folders.
    pub studies: Vec<PathBuf>,
    /// Lessons: Markdown with moments of runs.
    pub lessons: Vec<PathBuf>,
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

/// As [`scenarios`]; lessons alone will do.
///
/// # Errors
/// When a path cannot be read, or there is neither a scenario nor a lesson.
pub fn to_check(paths: &[PathBuf]) -> Result<FoundFiles, Failure> {
    let found = all(paths)?;
    if found.scenarios.is_empty() && found.lessons.is_empty() { Err(nothing(paths)) } else { Ok(found) }
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
            walk(path, &mut files)?;
            let (lessons, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_markdown(file));
            for file in files {
                match kind(&file) {
                    TomlKind::Scenario => found.scenarios.push(file),
                    TomlKind::Sweep | TomlKind::Goal => found.studies.push(file),
                    TomlKind::KubeletSettings => skipped(&file, "it is user data of Bottlerocket"),
                }
            }
            found.lessons.extend(lessons.into_iter().filter(|file| has_lesson(file)));
        } else if path.exists() && is_markdown(path) && has_lesson(path) {
            found.lessons.push(path.clone());
        } else if path.exists() {
            found.scenarios.push(path.clone());
        } else {
            return Err(Failure::bad_input(format!(
                "{} does not exist\n  help: give a scenario file or a folder with scenarios",
                path.display()
            )));
        }
    }
    if found.scenarios.is_empty() && found.studies.is_empty() && found.lessons.is_empty() {
        return Err(nothing(paths));
    }
    for list in [&mut found.scenarios, &mut found.studies, &mut found.lessons] {
        // By whatever names: each file counts once.
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
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

fn is_markdown(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "md")
}

/// Other Markdown says nothing that could be checked.
fn has_lesson(file: &Path) -> bool {
    crate::load::read_text(file).is_ok_and(|text| oomsim_lesson::is_lesson(&text))
}

/// Adds the `*.toml` and `*.md` of a folder, in order of name. Links to folders are not followed; a link to a file
/// stands for it.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "invalid")
    };
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(wanted) {
        let entry =
            entry.map_err(|why| Failure::bad_input(format!("{} cannot be searched: {why}", folder.display())))?;
        if entry.path().extension().is_none_or(|extension| extension != "toml" && extension != "md") {
            continue;
        }
        match entry.path().metadata() {
            Ok(about) if about.is_file() && !crate::load::stays_below(entry.path(), folder) => {
                skipped(entry.path(), "it leads out of the folder; add --allow-outside if you trust it");
            }
            // `check .` names files as `check FILE` does: names of test cases stay the same.
            Ok(about) if about.is_file() => found.push(entry.path().strip_prefix(".").unwrap_or(entry.path()).into()),
            Ok(about) if about.is_dir() => {}
            Ok(_) => skipped(entry.path(), "it is no ordinary file"),
            Err(why) => skipped(entry.path(), &crate::load::plain(&why)),
        }
    }
    Ok(())
}

/// Says that a file which was found is not read.
pub fn skipped(path: &Path, why: &str) {
    crate::output::complain(&format!("warning: {} is skipped: {why}", path.display()));
}
