//! The accepted outcome of a scenario: `NAME.outcome` beside it.

use crate::exit::Failure;
use crate::load;
use oomsim_report::check::AcceptedOutcome;
use oomsim_report::outcome::ReviewedOutcome;
use oomsim_store::Folder;
use std::path::{Path, PathBuf};

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
    load::named_text(&path).map(Some)
}

/// Compares with the accepted outcome, or writes it.
///
/// # Errors
/// When it cannot be written.
pub fn compare(
    bless: bool,
    scenario: &Path,
    known: Option<&str>,
    now: &ReviewedOutcome,
) -> Result<AcceptedOutcome, Failure> {
    let path = path(scenario);
    let difference = known.map(|accepted| now.difference(accepted));
    let file = path.display().to_string();
    match (bless, difference) {
        (_, Some(None)) => Ok(AcceptedOutcome::Same),
        (false, None) => Ok(AcceptedOutcome::None),
        (false, Some(Some(difference))) => Ok(AcceptedOutcome::Changed { file, difference }),
        (true, _) => {
            let name = |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // An outcome that was accepted is written over; anything else of that name is not.
            let ours = known.is_none_or(|text| text.starts_with("# The outcome of "));
            let folder = Folder::unlisted(parent, ours)?;
            folder.write(&name(&path), now.file(&name(scenario)).as_bytes())?;
            Ok(AcceptedOutcome::Written { file })
        }
    }
}
