//! `--format github`: annotations at the lines of what does not hold.

use super::text::sentences;
use super::{CheckOutcome, CheckedScenario, summary};
use crate::github::annotation;
use oomsim_scenario::Severity;

/// GitHub shows this many annotations of a level of one step, and drops the rest without a word
/// (docs.github.com, "Workflow commands for GitHub Actions").
const MOST: usize = 10;

struct Annotation {
    level: &'static str,
    file: String,
    line: usize,
    title: &'static str,
    message: String,
}

/// Annotations, those of errors first, and a summary. Where GitHub would drop some, the last one says how many.
pub fn github(checked: &[CheckedScenario], studies: usize) -> String {
    let all: Vec<Annotation> = checked.iter().flat_map(of_scenario).collect();
    let mut text = String::new();
    for level in ["error", "warning", "notice"] {
        let of_level: Vec<_> = all.iter().filter(|annotation| annotation.level == level).collect();
        let shown = if of_level.len() > MOST { MOST - 1 } else { MOST };
        for a in of_level.iter().take(shown) {
            text.push_str(&annotation(a.level, &a.file, a.line, a.title, &a.message));
        }
        if of_level.len() > MOST {
            let message = format!("{} more; the log and the summary of this step have all", of_level.len() - shown);
            text.push_str(&annotation(level, "", 0, "oomsim check", &message));
        }
    }
    text + &summary(checked, studies)
}

fn of_scenario(checked: &CheckedScenario) -> Vec<Annotation> {
    let file = || checked.file.clone();
    let mut found = Vec::new();
    for problem in &checked.problems {
        let level = match problem.severity {
            Severity::Note => "notice",
            severity => severity.as_str(),
        };
        let (place, line) = problem.at.as_ref().map_or((file(), 0), |at| (at.source.name.clone(), at.line()));
        let message = [std::slice::from_ref(&problem.message), &problem.help].concat().join("\n");
        found.push(Annotation { level, file: place, line, title: "scenario", message });
    }
    let error = |line, title, message| Annotation { level: "error", file: file(), line, title, message };
    match &checked.outcome {
        CheckOutcome::Invalid { message, .. } if checked.problems.is_empty() => {
            found.push(error(0, "scenario", anstream::adapter::strip_str(message).to_string()));
        }
        CheckOutcome::Invalid { .. } | CheckOutcome::Skipped => {}
        CheckOutcome::Ran(runs) => {
            let failed = runs.failed();
            found.extend(failed.map(|f| error(f.result.line, "expectation", sentences(f))));
            if let Some(changed) = runs.changed() {
                let error = error(1, "the outcome has changed", changed.sentences());
                found.push(Annotation { file: changed.file.clone(), ..error });
            }
        }
    }
    found
}
