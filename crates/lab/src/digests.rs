//! Runs of a scenario in the form of `scenarios/digests.txt`.

use crate::files::Stored;
use oomsim_core::BootedNode;
use oomsim_core::engine::EngineError;
use oomsim_core::record::Keep;
use oomsim_scenario::{Diagnostic, load_kinds};
use std::fmt::{self, Write};

/// Why there are no digests of a scenario.
#[derive(Debug)]
#[non_exhaustive]
pub enum DigestError {
    /// No file of this name was handed over.
    NoSuchFile,
    /// The scenario is wrong.
    Scenario(Vec<Diagnostic>),
    /// A run does not end.
    Run(EngineError),
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DigestError::NoSuchFile => f.write_str("no such file"),
            DigestError::Scenario(problems) => {
                f.write_str(&problems.iter().map(Diagnostic::render).collect::<String>())
            }
            DigestError::Run(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for DigestError {}

/// A line for each kind of node and seed: scenario, kind, seed, events, digest.
///
/// # Errors
/// When there is no such file, when it is wrong, or when a run does not end.
pub fn lines(files: &Stored, path: &str, seeds: u64) -> Result<String, DigestError> {
    let text = files.text(path).ok_or(DigestError::NoSuchFile)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut lines = String::new();
    for kind in load_kinds(text, path, &files.beside(folder), &[]).map_err(DigestError::Scenario)? {
        let node = kind.scenario.node.name.clone();
        let booted = BootedNode::new(kind.scenario, Keep::Outcome);
        for seed in 1..=seeds {
            let run = booted.clone().run(seed).map_err(DigestError::Run)?;
            let _ = writeln!(lines, "{path} {node} {seed} {} {}", run.events, run.digest);
        }
    }
    Ok(lines)
}
