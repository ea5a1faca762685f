//! Runs of a scenario in the form of `scenarios/digests.txt`.

use crate::files::Stored;
use oomsim_core::BootedNode;
use oomsim_core::record::Keep;
use oomsim_scenario::{Diagnostic, load_kinds};
use std::fmt::Write;

/// A line for each kind of node and seed: scenario, kind, seed, events, digest.
///
/// # Errors
/// When there is no such file, when it is wrong, or when a run does not end.
pub fn lines(files: &Stored, path: &str, seeds: u64) -> Result<String, String> {
    let text = files.text(path).ok_or("no such file")?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rendered = |problems: Vec<Diagnostic>| problems.iter().map(Diagnostic::render).collect::<String>();
    let mut lines = String::new();
    for kind in load_kinds(text, path, &files.beside(folder), &[]).map_err(rendered)? {
        let node = kind.scenario.node.name.clone();
        let booted = BootedNode::new(kind.scenario, Keep::Outcome);
        for seed in 1..=seeds {
            let run = booted.clone().run(seed).map_err(|why| why.to_string())?;
            let _ = writeln!(lines, "{path} {node} {seed} {} {}", run.events, run.digest);
        }
    }
    Ok(lines)
}
