//! Reads a scenario and writes it again: what came from manifests and kubelet configurations stands in the file itself,
//! and keys that have their default are gone.
//!
//!     cargo run -p oomsim-scenario --example rewrite -- scenarios/manifest.toml

use oomsim_scenario::{Diagnostic, FileError, Files, load_kinds, to_toml};
use std::path::{Path, PathBuf};

/// Reads what the scenario names, from its folder.
struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, FileError> {
        std::fs::read_to_string(self.0.join(path)).map_err(|why| why.to_string().into())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|why| why.to_string())?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}

fn main() -> Result<(), String> {
    let file = std::env::args().nth(1).ok_or("name a scenario")?;
    let text = std::fs::read_to_string(&file).map_err(|why| format!("{file}: {why}"))?;
    let beside = Beside(Path::new(&file).parent().unwrap_or(Path::new("")).to_owned());
    let shown = |problems: &[Diagnostic]| problems.iter().map(Diagnostic::render).collect::<String>();
    // One scenario for each kind of node.
    for kind in load_kinds(&text, &file, &beside, &[]).map_err(|problems| shown(&problems))? {
        eprint!("{}", shown(&kind.warnings));
        println!("{}", to_toml(&kind.scenario));
    }
    Ok(())
}
