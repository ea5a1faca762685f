//! The files of a run.

use crate::engine;
use crate::exit::Failure;
use oomsim_core::record::Keep;
use oomsim_report::{Artifact, RunReport, WriteError};
use oomsim_store::{Folder, io_error};
use rayon::prelude::*;

/// Writes what was recorded, each file piece by piece and whole or not at all, several at a time. When one fails, those
/// that are under way are still finished.
///
/// # Errors
/// When something cannot be drawn or written.
pub fn write(
    folder: &Folder,
    report: &RunReport,
    keep: Keep,
    artifacts: impl Iterator<Item = &'static Artifact>,
) -> Result<Vec<String>, Failure> {
    let possible = |artifact: &&Artifact| keep == Keep::Series || keep == Keep::Events && !artifact.needs_series;
    let artifacts: Vec<_> = artifacts.filter(possible).collect();
    let mut drafts = Vec::new();
    for artifact in &artifacts {
        drafts.push((artifact, folder.draft(artifact.name)?));
    }
    let filled = drafts.into_par_iter().map(|(artifact, mut draft)| {
        engine::guarded(|| match (artifact.write)(report, &mut draft) {
            Err(WriteError::Io(why)) => Err(io_error("write", draft.path())(why).into()),
            written => written.map_err(Failure::internal),
        })?;
        Ok(draft)
    });
    let filled: Vec<Result<_, Failure>> = filled.collect();
    let filled: Vec<_> = filled.into_iter().collect::<Result<_, Failure>>()?;
    for draft in filled {
        draft.finish()?;
    }
    Ok(artifacts.iter().map(|artifact| artifact.name.to_owned()).collect())
}
