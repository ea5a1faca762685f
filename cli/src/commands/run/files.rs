//! The files of a run.

use crate::engine;
use crate::exit::Failure;
use oomsim_core::record::Keep;
use oomsim_report::{Artifact, RunReport};
use oomsim_store::Folder;

/// Writes what was recorded; everything is rendered before the first file is touched.
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
    let mut rendered = Vec::new();
    for artifact in artifacts.filter(possible) {
        rendered.push((artifact.name, engine::guarded(|| (artifact.render)(report).map_err(Failure::internal))?));
    }
    let mut names = Vec::new();
    for (name, content) in rendered {
        folder.write(name, &content)?;
        names.push(name.to_owned());
    }
    Ok(names)
}
