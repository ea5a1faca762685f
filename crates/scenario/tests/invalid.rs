//! Every scenario in `scenarios/invalid` is refused with the text beside it. `UPDATE_EXPECT=1` writes those texts; they
//! are then read by a person.

use expect_test::expect_file;
use oomsim_scenario::{Diagnostic, load_kinds};
use oomsim_testkit::{Beside, repository, toml_files};
use std::path::Path;

fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("readable");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    match load_kinds(&text, name, &Beside(repository().join("scenarios/invalid")), &[]) {
        Ok(_) => panic!("{name} was read without complaint"),
        Err(problems) => problems.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn wrong_scenarios_are_refused_in_these_words() {
    let paths = toml_files(&repository().join("scenarios/invalid"));
    assert!(paths.len() >= 14, "only {} scenarios", paths.len());
    for path in paths {
        expect_file![path.with_extension("txt")].assert_eq(&said(&path));
    }
}
