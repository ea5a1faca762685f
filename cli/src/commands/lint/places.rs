//! Where findings and problems are, in files that can be opened from here.

use crate::load::Unusable;
use oomsim_report::findings::{FindingPlace, Shown};
use oomsim_scenario::{Diagnostic, Location, Severity};
use std::path::Path;

/// The place of a location in the file `name`, or in one that it names relative to `folder`; `None` for texts that are
/// no files, such as `--set`.
pub fn place(at: &Location, name: &str, folder: &Path) -> Option<FindingPlace> {
    let path = if at.source.name == name { name.into() } else { folder.join(&at.source.name) };
    path.is_file().then(|| FindingPlace::new(at, path.display().to_string()))
}

/// Why a file cannot be used, each problem with its place.
pub fn problems(unusable: &Unusable) -> Vec<Shown> {
    let whole = || {
        let message = anstream::adapter::strip_str(&unusable.failure.message).to_string();
        Diagnostic::without_place(Severity::Error, message)
    };
    let problems = if unusable.problems.is_empty() { vec![whole()] } else { unusable.problems.clone() };
    // Names of files in problems are given as they were on the command line, or relative to it.
    let shown = |problem: Diagnostic| {
        let place = problem.at.as_ref().and_then(|at| place(at, "", Path::new("")));
        Shown::new(problem, place)
    };
    problems.into_iter().map(shown).collect()
}
