//! Every scenario in the repository does what it says, each expectation with its source.

use std::path::Path;
use std::process::Command;

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut files = Vec::new();
    for place in ["", "lint"] {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else { continue };
        files.extend(
            entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")),
        );
    }
    files.sort();
    assert!(files.len() >= 38, "scenarios are missing: {files:#?}");
    let output = Command::new(env!("CARGO_BIN_EXE_oomsim")).arg("check").args(&files).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
