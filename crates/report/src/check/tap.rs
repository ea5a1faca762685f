//! `--format tap`: the Test Anything Protocol, version 13 (testanything.org), which `prove` and Jenkins read.

use super::{CheckOutcome, CheckedScenario};
use std::fmt::Write;

/// A test for each expectation and each accepted outcome.
pub fn tap(checked: &[CheckedScenario]) -> String {
    let tests: Vec<(bool, String, String)> = checked.iter().flat_map(tests).collect();
    let mut text = format!("TAP version 13\n1..{}\n", tests.len());
    for (n, (ok, name, details)) in (1..).zip(&tests) {
        let result = if *ok { "ok" } else { "not ok" };
        // `#` would begin a directive.
        let _ = writeln!(text, "{result} {n} - {}", name.replace('#', "\\#"));
        for line in details.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    text
}

fn tests(checked: &CheckedScenario) -> Vec<(bool, String, String)> {
    let file = &checked.file;
    match &checked.outcome {
        CheckOutcome::Invalid { message, .. } => {
            vec![(false, format!("{file}: the scenario runs"), anstream::adapter::strip_str(message).to_string())]
        }
        CheckOutcome::Skipped => vec![(true, format!("{file}: not run"), "another scenario failed before".into())],
        CheckOutcome::Ran(runs) => {
            let mut list = Vec::new();
            for checked in &runs.expectations {
                let details = if checked.result.holds { String::new() } else { super::text::sentences(checked) };
                list.push((checked.result.holds, format!("{file}: {}", checked.result.expected), details));
            }
            if let Some(changed) = runs.changed() {
                list.push((false, format!("{file}: the outcome is that of {}", changed.file), changed.sentences()));
            }
            if list.is_empty() {
                list.push((true, format!("{file}: the scenario runs"), String::new()));
            }
            list
        }
    }
}
