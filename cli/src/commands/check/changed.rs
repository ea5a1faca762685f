//! `--changed-since REV`: scenarios whose file, or a file that they name, differs from a revision of git.

use super::accepted;
use crate::exit::Failure;
use crate::load;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Those of the files that have changed since `revision`, or name a file that has.
///
/// # Errors
/// When git is not there, or does not know the revision.
pub fn since(revision: &str, files: Vec<PathBuf>, overrides: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?.trim_end_matches('\n'));
    let named = format!("{revision}^{{commit}}");
    let commit = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named]).map_err(|_| {
        let help = "in a CI job, fetch enough history (actions/checkout: fetch-depth: 0; GitLab: GIT_DEPTH: 0)";
        Failure::bad_input(format!("git knows no revision {revision}\n  help: {help}"))
    })?;
    let root = root.as_path();
    let places = |list: String| {
        let paths = list.split('\0').filter(|path| !path.is_empty()).map(|path| root.join(path));
        paths.collect::<Vec<_>>()
    };
    let here = root.to_string_lossy();
    let mut changed: BTreeSet<PathBuf> = BTreeSet::new();
    changed.extend(places(git(&["-C", &here, "diff", "--name-only", "--no-renames", "-z", commit.trim_end(), "--"])?));
    changed.extend(places(git(&["-C", &here, "ls-files", "--others", "--exclude-standard", "-z"])?));
    let is_changed = |file: &PathBuf| {
        let named = load::files_of(file, overrides).into_iter().chain([file.clone(), accepted::path(file)]);
        named.map(|path| real(&path)).any(|path| {
            // A folder that is named changes with every file in it.
            changed.contains(&path) || path.is_dir() && changed.iter().any(|changed| changed.starts_with(&path))
        })
    };
    Ok(files.into_iter().filter(is_changed).collect())
}

/// The path as git writes it; of a file that is gone, as far as there is one.
fn real(path: &Path) -> PathBuf {
    let whole = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(parent.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(|| whole(path)).unwrap_or_else(|| path.to_owned())
}

fn git(args: &[&str]) -> Result<String, Failure> {
    let output = Command::new("git").args(args).output().map_err(|why| {
        Failure::bad_input(format!("--changed-since needs git, which could not be started: {}", load::plain(&why)))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::bad_input(format!("git {} failed: {}", args[0], said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
