//! Every scenario in the repository does what it says, each expectation with its source.

use std::path::{Path, PathBuf};
use std::process::Command;

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut files = Vec::new();
    for place in ["", "lint", "pods", "versions", "runtimes", "changes", "field", "stalls"] {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else { continue };
        files.extend(
            entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")),
        );
    }
    files.sort();
    files
}

#[test]
fn every_scenario_holds() {
    let files = scenarios();
    assert!(files.len() >= 55, "scenarios are missing: {files:#?}");
    let output = Command::new(env!("CARGO_BIN_EXE_oomsim")).arg("check").args(&files).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn sources_are_sections_of_their_page() {
    let page = include_str!("../../docs/SOURCES.md");
    let mut seen = 0;
    for file in scenarios() {
        let text = std::fs::read_to_string(&file).expect("readable");
        for source in text.split("source = \"SOURCES").skip(1) {
            let Some((sections, _)) = source.split_once(':') else { panic!("{}: {source:.40}", file.display()) };
            for section in sections.split(" and ").map(str::trim).filter(|s| !s.is_empty()) {
                let section = section.split(" (").next().unwrap_or(section);
                assert!(page.contains(&format!("\n## {section}\n")), "{}: no section {section}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 80, "{seen}");
}
