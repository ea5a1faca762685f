//! Reports from the field as scenarios: each says whose report it is, what was claimed and what the model makes of it.
//! `UPDATE_EXPECT=1 cargo test -p oomsim-scenario --test field` writes the page.

use expect_test::expect_file;
use oomsim_testkit::{read_file, repository, toml_files};
use std::collections::BTreeMap;

/// What the model can say of a claim.
const VERDICTS: [(&str, &str); 3] = [("confirms", "confirmed"), ("refutes", "refuted"), ("cannot decide", "undecided")];

const HEAD: &str = "# Reports from the field

What people reported, and what the model makes of it. Each report is a scenario in `scenarios/field`, whose expectations hold: try
it with `oomsim run scenarios/field/NAME.toml`, and change the numbers that are assumed. This page is made from the files.
";

struct Report {
    file: String,
    head: BTreeMap<String, String>,
}

impl Report {
    fn get(&self, key: &str) -> &str {
        let found = self.head.get(key).unwrap_or_else(|| panic!("{}: `# {key}: …` is missing", self.file));
        assert!(!found.is_empty(), "{}: {key}", self.file);
        found
    }

    /// The verdict and why.
    fn verdict(&self) -> (&'static str, &str) {
        let (word, why) = self.get("model").split_once(": ").unwrap_or_else(|| panic!("{}: model", self.file));
        let known = VERDICTS.iter().find(|(verdict, _)| *verdict == word);
        (known.unwrap_or_else(|| panic!("{}: the model {word}?", self.file)).1, why)
    }
}

fn reports() -> Vec<Report> {
    let files = toml_files(&repository().join("scenarios/field"));
    let read = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).expect("readable");
        let lines = text.lines().map_while(|line| line.strip_prefix("# ")?.split_once(": "));
        let head = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Report { file: file.file_stem().unwrap().to_string_lossy().into_owned(), head }
    };
    files.iter().map(read).collect()
}

#[test]
fn the_page_is_made_of_the_files() {
    let reports = reports();
    assert!(reports.len() >= 30, "{}", reports.len());
    let mut page = HEAD.to_owned();
    for (_, verdict) in VERDICTS {
        let those: Vec<&Report> = reports.iter().filter(|report| report.verdict().0 == verdict).collect();
        page += &format!(
            "\n## {}: {}\n\n| report | claim | the model | assumed |\n|---|---|---|---|\n",
            capital(verdict),
            those.len()
        );
        for report in those {
            let file = &report.file;
            page += &format!(
                "| {} [↗](../scenarios/field/{file}.toml) | {} | {} | {} |\n",
                report.get("report"),
                report.get("claim"),
                report.verdict().1,
                report.get("assumed"),
            );
        }
    }
    expect_file!["../../../docs/field.md"].assert_eq(&page);
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn each_has_expectations_with_sources() {
    for file in toml_files(&repository().join("scenarios/field")) {
        for kind in read_file(&file) {
            assert!(!kind.scenario.expectations.is_empty(), "{}", file.display());
        }
    }
}
