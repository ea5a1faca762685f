//! Every scenario in `scenarios/invalid` is refused with the text beside it. `OOMSIM_BLESS=1` writes those texts; they
//! are then read by a person.

use oomsim_scenario::{Diagnostic, Files, load_kinds};
use std::path::{Path, PathBuf};

struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| "no such file".into())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|_| "no such directory")?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/invalid")
}

fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    match load_kinds(&text, name, &Beside(folder()), &[]) {
        Ok(_) => panic!("{name} was read without complaint"),
        Err(problems) => problems.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn wrong_scenarios_are_refused_in_these_words() {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    assert!(paths.len() >= 14, "only {} scenarios in {}", paths.len(), folder().display());
    let mut different = Vec::new();
    for path in paths {
        let (said, beside) = (said(&path), path.with_extension("txt"));
        if std::env::var_os("OOMSIM_BLESS").is_some() {
            std::fs::write(&beside, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if said != expected {
            different.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}\nOOMSIM_BLESS=1 writes the new texts", different.join("\n"));
}
