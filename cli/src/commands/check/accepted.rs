//! The accepted outcome of a scenario: `NAME.outcome` beside it.

use crate::exit::Failure;
use crate::load;
use crate::repeat::Repeat;
use oomsim_report::check::{AcceptedOutcome, ChangedOutcome};
use oomsim_report::outcome::ReviewedOutcome;
use oomsim_store::Folder;
use std::path::{Path, PathBuf};

/// How such a file begins.
const HEAD: &str = "# The outcome of ";

/// Where the outcome of a scenario is accepted.
pub fn path(scenario: &Path) -> PathBuf {
    scenario.with_extension("outcome")
}

/// The accepted outcome, if there is one.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(scenario: &Path) -> Result<Option<String>, Failure> {
    let path = path(scenario);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Its differences are shown.
    if !load::stays_below(&path, folder) {
        let why = "it leads out of the scenario's folder; add --allow-outside if you trust it";
        return Err(Failure::bad_input(format!("{} is not read: {why}", path.display())));
    }
    // A pipe that nothing writes to would be waited for without end.
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return Err(Failure::bad_input(format!("{} is no ordinary file", path.display())));
    }
    load::named_text(&path).map(Some)
}

/// Compares with the accepted outcome, or writes it.
///
/// # Errors
/// When it cannot be written.
pub fn compare(
    bless: bool,
    (run, seed): (Repeat<'_>, u64),
    known: Option<&str>,
    now: &ReviewedOutcome,
) -> Result<AcceptedOutcome, Failure> {
    let path = path(run.file);
    if let Some(other) = known.filter(|text| !text.starts_with(HEAD)) {
        let first = other.lines().next().unwrap_or_default();
        let what = format!("{} is no accepted outcome: its first line is {first:?}", path.display());
        return Err(Failure::bad_input(format!("{what}\n  help: remove it, and accept an outcome with --bless")));
    }
    let difference = known.map(|accepted| now.difference(accepted));
    let file = path.display().to_string();
    match (bless, difference) {
        (_, Some(None)) => Ok(AcceptedOutcome::Same),
        (false, None) => Ok(AcceptedOutcome::None),
        (false, Some(Some(difference))) => {
            let (reproduce, accept) = (run.command(seed), run.bless());
            Ok(AcceptedOutcome::Changed(Box::new(ChangedOutcome { file, difference, reproduce, accept })))
        }
        (true, _) => {
            let name = |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let folder = Folder::unlisted(parent, true)?;
            folder.write(&name(&path), now.file(&name(run.file)).as_bytes())?;
            Ok(AcceptedOutcome::Written { file })
        }
    }
}
